"""``quantguard judge-check``: does a judge say what people say? Measured on given labels."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_quantguard import _config
from pytest_quantguard._config_file import nearest
from pytest_quantguard._judge_model import EngineJudge
from pytest_quantguard._sanitize import clean
from pytest_quantguard.checks.judge import AbsoluteJudge, Judge, PairwiseJudge
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._judge_findings import Findings, Judged, counted
from pytest_quantguard.commands._judge_labels import Label, read_labels
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.errors import (
    ConfigError,
    InputError,
    JudgeError,
    ProviderError,
    QuantGuardError,
    did_you_mean,
)

if TYPE_CHECKING:
    from pytest_quantguard.contracts import Sandbox
    from pytest_quantguard.engine.complete import CompletionEngine

NOT_SHOWN = 1


def judge_check(arguments: Sequence[str]) -> int:
    """Measure a judge; return 0, 1 for what is not shown or judged, 4 for mistakes."""
    options = _options(arguments)
    try:
        rules = _rules(options)
        path = Path(options.labels)
        given = read_labels(path, options.labels, rules)
        labels = given.labels
        name, config, cache = _judge(options)
        most = sum(label.rules.calls(label.case, 1) for label in labels)
        needed = most if given.kind == "pairwise" else most // 2  # one arm only
        if needed > config.max_calls:
            raise ConfigError(
                f"{config.place}: the judge {name!r} may be asked {config.max_calls} times "
                f"(max_calls), and {len(labels)} labels could need {needed} of its answers; raise "
                "max_calls, or give fewer labels or votes"
            )
        with _engine(config, cache) as engine:
            judge = EngineJudge(name, config, lambda: engine)
            judge.planned = needed
            judged = _measured(judge, engine, labels)
        found = Findings(given.kind, judged, repeated=given.repeated, alike=given.alike)
        _tell(options, judge, found)
    except InputError as error:
        return refuse([f"quantguard judge-check: {problem}" for problem in str(error).split("\n")])
    except QuantGuardError as error:  # the JSON cannot be written
        return refuse([f"quantguard judge-check: {error}"])
    return _exit_code(options, found)


# --- options ------------------------------------------------------------------------------


_MANUAL = manual(
    {
        0: "measured, and as good as --least-kappa asks",
        1: "that is not shown, or some labels got no verdict",
        4: "a wrong option, configuration or file of labels",
    },
    {
        "quantguard judge-check labels.jsonl": "agreement with people, with intervals",
        "quantguard judge-check labels.jsonl --judge big --least-kappa .6": "for CI",
    },
    "A line may have its own 'rubric' and 'reference', and 'messages' instead of\n"
    "'prompt'. docs/judge.md explains the numbers.",
)


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard judge-check",
        usage="quantguard judge-check LABELS [--judge NAME] [--rubric TEXT] [--least-kappa .6]\n"
        "                              [--votes N] [--scale N --least N] [--json[=FILE]]",
        description="Say how well a judge agrees with labels that people gave, and what a verdict\n"
        "of it is worth. LABELS is a file with one JSON object per line:\n"
        '  {"prompt": "...", "answer": "...", "label": "pass"}          pass | fail\n'
        '  {"prompt": "...", "a": "...", "b": "...", "label": "tie"}    a | b | tie',
        epilog=_MANUAL,
    )
    parser.add_argument("labels", metavar="LABELS", help="file of labelled answers, JSONL")
    parser.add_argument("--judge", metavar="NAME", help="judge of the configuration")
    parser.add_argument("--quant-config", metavar="PATH", help="configuration file")
    parser.add_argument("--rubric", metavar="TEXT", help="rubric of the lines that have none")
    parser.add_argument("--votes", type=int, default=1, metavar="N", help="as of the check")
    parser.add_argument("--scale", type=int, metavar="N", help="as of the check")
    parser.add_argument("--least", type=int, metavar="N", help="as of the check")
    parser.add_argument(
        "--least-kappa",
        type=float,
        metavar="X",
        help="exit with 1 unless a kappa of at least X is shown: the lower end of its interval",
    )
    add_json(parser, "the findings")
    options = parser.parse_args(arguments_of(arguments))
    if options.least_kappa is not None and not -1 <= options.least_kappa <= 1:
        parser.error(f"--least-kappa {options.least_kappa}: kappa lies between -1 and 1")
    return options


def _rules(options: Namespace) -> dict[str, Any]:
    given = {"rubric": options.rubric, "scale": options.scale, "least": options.least}
    found = {"votes": options.votes, **{k: v for k, v in given.items() if v is not None}}
    try:
        Judge(**{"rubric": "any", **found})
    except ValueError as error:
        raise InputError(str(error)) from None
    return found


def _judge(options: Namespace) -> tuple[str, _config.JudgeConfig, Path]:
    """Return the judge that was chosen, and the folder of the cache."""
    path = nearest(options.quant_config, Path.cwd())
    judges, cache = _config.load_judges(path, Path.cwd())
    if not judges:
        raise ConfigError(f"{path.name}: there is no judge in it; add 'judges:'")
    name = options.judge
    if name is None and len(judges) > 1:
        raise ConfigError(f"there are several judges ({', '.join(judges)}); name one with --judge")
    name = next(iter(judges)) if name is None else name
    if name not in judges:
        raise ConfigError(f"unknown judge {name!r:.80}; {did_you_mean(name, judges)}")
    if judges[name].problems:
        raise ConfigError(judges[name].problems)
    return name, judges[name], cache


# --- asking -------------------------------------------------------------------------------


@contextmanager
def _engine(config: _config.JudgeConfig, folder: Path) -> Iterator[CompletionEngine]:
    from pytest_quantguard._registry import Registry
    from pytest_quantguard._run import Run
    from pytest_quantguard.cache.completions import CompletionCache
    from pytest_quantguard.engine.complete import CompletionEngine
    from pytest_quantguard.launching.launched import Servers
    from pytest_quantguard.providers._access import secrets_of

    variant, run = config.variant, Run.begin()
    servers = Servers(run)
    try:
        provider = servers.provider(variant, Registry().providers.get(variant.provider))
    except (LookupError, ValueError) as error:
        run.end()
        raise ConfigError(f"{config.place}: {error.args[0]}") from None
    servers.keep(lambda: secrets_of((variant,)))
    cache = CompletionCache(folder)
    engine = CompletionEngine(cache, {variant.name: provider}, {variant.name: variant})
    try:
        yield engine
    finally:
        engine.close()
        servers.close()
        cache.close()
        run.end()


@dataclass(frozen=True, slots=True)
class _Lender:
    """Lends one judge to a check."""

    judge: EngineJudge

    def judge_model(self, name: str | None = None) -> EngineJudge:
        return self.judge

    def sandbox(self) -> Sandbox:
        raise ConfigError("a judge needs no sandbox")


def _measured(
    judge: EngineJudge, engine: CompletionEngine, labels: Sequence[Label]
) -> list[Judged]:
    """Have all labels judged, side by side."""
    for label in labels:
        arms = [[answer] for answer in label.answers]
        foreseen = label.rules.foreseen(arms[0], arms[1] if len(arms) > 1 else [], label.case)
        engine.plan(judge.job(request, repeat) for request, repeat in foreseen)
    known, planned = engine.known()[judge.config.variant.name]
    if known < planned:
        _start(judge, engine)
    return [_judged(judge, label) for label in labels]


def _start(judge: EngineJudge, engine: CompletionEngine) -> None:
    try:
        engine.reach(judge.config.variant.name)
    except ProviderError as error:
        raise ConfigError(f"{judge.config.place}: {clean(str(error))}") from None
    engine.start()


def _judged(judge: EngineJudge, label: Label) -> Judged:
    place, check = str(label.case.source), label.rules.bound(_Lender(judge))
    try:
        if isinstance(check, PairwiseJudge):
            first, second = label.answers
            straight, swapped = check.orders(first, second, label.case)
            orders = (str(straight.value).lower(), str(swapped.value).lower())
            said, reason = orders[0] if orders[0] == orders[1] else "tie", straight.reason
            return Judged(
                place=place, label=label.label, verdict=said, reason=reason, orders=orders
            )
        assert isinstance(check, AbsoluteJudge)  # noqa: S101 - for mypy: there are two forms
        ruling = check.rulings(label.answers[0], label.case)[0]
    except JudgeError as error:
        return Judged(place=place, label=label.label, reason=str(error))
    said = "pass" if check.holds(ruling) else "fail"
    return Judged(place=place, label=label.label, verdict=said, reason=ruling.reason)


# --- telling ------------------------------------------------------------------------------


def _tell(options: Namespace, judge: EngineJudge, found: Findings) -> None:
    model, spent = judge.config.variant.model, judge.spent()
    data = {"judge": judge.name, "model": model, "labels": options.labels, "asked": spent}
    put({**data, **found.to_dict()}, options.json)
    if alone(options.json):
        return
    head = f"Judge {judge.name} ({clean(model, 80)}) on {clean(options.labels, 200)}: "
    tell("\n".join([head + counted(spent), *found.lines()]))


def _exit_code(options: Namespace, found: Findings) -> int:
    said = []
    if found.unjudged:
        count = len(found.unjudged) + len(found.judged)
        said.append(f"{len(found.unjudged)} of {count} labels got no verdict: that shows nothing")
    least = options.least_kappa
    if least is not None and (found.kappa is None or found.kappa.low < least):
        shown = "nothing" if found.kappa is None else f"{found.kappa.low:.2f}"
        said.append(f"a kappa of {least:g} is asked for (--least-kappa), and {shown} is shown")
    if not said:
        return 0
    refuse([f"quantguard judge-check: {'; '.join(said)}"])
    return NOT_SHOWN
