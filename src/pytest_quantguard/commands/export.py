"""``quantguard export``: the requests of a run, for a batch job to answer.

One file for each variant in the format of OpenAI's batch API, which vLLM ``run-batch`` and hosted
batch APIs read. Nothing is asked of any server, and none is started.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import clean
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import NOTHING, Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.errors import InputError, ProviderError, QuantGuardError
from pytest_quantguard.reporters._words import folded
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant

if TYPE_CHECKING:
    import pytest

    from pytest_quantguard._questions import Question
    from pytest_quantguard._session import GateSession
    from pytest_quantguard.types import GoldenCase

URL = "/v1/chat/completions"
_MOST = 50_000
"""Requests that OpenAI's batch API takes in one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What was written for one variant."""

    variant: str
    model: str
    file: str | None
    """None where there is nothing to ask."""
    requests: int
    further: int
    """How many of them are only needed should a critical case seem to have regressed."""
    cached: int
    """Requests that were left out, because the cache has their answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exported:
    cases: int
    batches: tuple[Batch, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...] = ()


def export(arguments: Sequence[str]) -> int:
    """Write the requests; return 0, 4 for mistakes, 5 when no golden case was selected.

    Every argument that is not its own goes to pytest.
    """
    options, rest = _options(arguments)
    from pytest_quantguard._preview import collect  # brings pytest: not for a mere --help

    found = collect(
        rest,
        options.candidate,
        lambda gate, items: _export(gate, items, options),
        near=options.near,
    )
    if found.said:
        refuse(found.said)
    if found.looked is None:
        return found.code
    if found.looked.problems:
        return refuse(f"quantguard export: {problem}" for problem in found.looked.problems)
    if not found.looked.cases:
        refuse(["quantguard export: no golden case was selected: there is nothing to ask"])
        return NOTHING
    try:
        _tell(found.looked, options)
    except QuantGuardError as error:
        return refuse([f"quantguard export: {error}"])
    return 0


def _options(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    parser = Parser(
        prog="quantguard export",
        usage="quantguard export [--candidate NAME ...] [--baseline] [--all] [--to FOLDER]\n"
        "                         [--json[=FILE]] [pytest arguments ...]",
        description="Write what a run would ask as OpenAI batch JSONL: one file for each variant,\n"
        "for vLLM run-batch or a hosted batch API. Judge the answers without a server:\n"
        "pytest --quant-candidate=NAME --quant-answers=FILE --quant-answers=FILE",
        epilog=manual(
            {
                0: "the requests are written, or there is nothing left to ask",
                4: "a wrong option, configuration or golden file, or a file that cannot be written",
                5: "no golden case was selected",
            },
            {
                "quantguard export": "one file for each variant, in batches/",
                "quantguard export --candidate awq-int4 --to out -k tools": "some cases, of the "
                "baseline and of one candidate",
            },
            "Everything else goes to pytest: paths, -k, -m, --quant-config, --quant-null ...\n"
            "The whole way is in docs/batch.md.",
        ),
        pytest=True,
    )
    add = parser.add_argument
    which = "candidate to write; may be given several times; default: all variants"
    add("--candidate", action="append", default=[], metavar="NAME", help=which)
    add("--baseline", action="store_true", help="write the baseline's requests only")
    add("--all", action="store_true", help="write requests too of which the cache has the answer")
    folder = "folder to write to (default batches)"
    add("--to", type=Path, default=Path("batches"), metavar="FOLDER", help=folder)
    add_json(parser, "what was written")
    return parser.parse_known_args(arguments_of(arguments))


# --- writing ------------------------------------------------------------------------------


def _export(gate: GateSession, items: Sequence[pytest.Item], options: Namespace) -> _Exported:
    from pytest_quantguard._items import CASE
    from pytest_quantguard._questions import questions

    cases = {item.stash[CASE].id: item.stash[CASE] for item in items if CASE in item.stash}
    variants = dict(gate.settings.variants)
    if options.baseline:
        variants = {gate.settings.baseline.name: gate.settings.baseline}
    problems = list(gate.problems)
    batches = []
    for name, variant in variants.items() if not problems else ():
        try:
            asked = questions(cases.values(), name, gate.asking.providers[name])
            due = asked if options.all else _due(asked, gate)
            batches.append(_written(variant, asked, due, options.to))
        except (ProviderError, InputError) as error:
            problems.append(f"{gate.settings.places[name]}: {error}")
    return _Exported(
        cases=len(cases),
        batches=tuple(batches),
        notes=tuple(_notes(gate, list(cases.values()))),
        problems=tuple(problems),
    )


def _due(asked: Mapping[str, Question], gate: GateSession) -> dict[str, Question]:
    """Leave out what the cache knows already."""
    if not gate.settings.cache_folder.is_dir():  # opening it would make it
        return dict(asked)
    return {key: question for key, question in asked.items() if key not in gate.cache}


def _written(
    variant: Variant, asked: Mapping[str, Question], due: Mapping[str, Question], folder: Path
) -> Batch:
    """Write one variant's file, whole or not at all; one without a request is taken away."""
    target = folder / f"{variant.name}.requests.jsonl"
    beside = folder / f".{variant.name}.{os.getpid()}.jsonl"
    try:
        target.unlink(missing_ok=True)
        if due:
            folder.mkdir(parents=True, exist_ok=True)
            with beside.open("w", encoding="ascii") as stream:
                stream.writelines(
                    line(key, question, variant) + "\n" for key, question in due.items()
                )
            beside.replace(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            beside.unlink()
    return Batch(
        variant=variant.name,
        model=variant.model,
        file=str(target) if due else None,
        requests=len(due),
        further=sum(question.further for question in due.values()),
        cached=len(asked) - len(due),
    )


def line(key: str, question: Question, variant: Variant) -> str:
    """Return one request of a batch: what the provider sends, apart from streaming."""
    body: Json = {
        "model": variant.model,
        **question.request.body(),
        **variant.options.get("extra_body", {}),
    }
    found: Json = {"custom_id": key, "method": "POST", "url": URL, "body": body}
    return json.dumps(found, separators=(",", ":"))


# --- telling ------------------------------------------------------------------------------


def _notes(gate: GateSession, cases: Sequence[GoldenCase]) -> list[str]:
    """Return what a batch cannot do for this run."""
    found = []
    driven = sum(case.driven for case in cases)
    if driven:
        found.append(
            f"{counted(driven, 'case')} with a conversation that a test drives: what it asks "
            "depends on the answers, so no batch can hold it; that takes a server, or the cache"
        )
    if gate.references and (scored := sum(case.reference is not None for case in cases)):
        found.append(
            f"the metric 'reference' asks how likely a model finds {scored} given answers: a batch "
            "cannot ask that; take its budget away, or ask a server"
        )
    judged = sum(any(_asks_judge(check) for check in case.checks) for case in cases)
    if judged:
        found.append(
            f"{counted(judged, 'case is', 'cases are')} judged by a model: it is asked when the "
            "answers are judged"
        )
    return found


def _asks_judge(check: Any) -> bool:
    from pytest_quantguard.contracts import AsksJudge

    return isinstance(check, AsksJudge)


def _tell(exported: _Exported, options: Namespace) -> None:
    told = {
        "cases": exported.cases,
        "batches": [asdict(batch) for batch in exported.batches],
        "notes": list(exported.notes),
    }
    put(told, options.json)
    if alone(options.json):
        return
    width = Screen.of().width
    lines = [f"quantguard export: {counted(exported.cases, 'case')}"]
    for batch in exported.batches:
        what = f"{batch.file or f'{batch.variant}: no file'}: {_counts(batch)}"
        lines += folded(what, width, "  ", "    ")
        if batch.requests > _MOST:
            many = (
                f"more than the {_MOST:,} that OpenAI's batch API takes in one file: split it "
                f"(split -l {_MOST} FILE), and give every answer file with --quant-answers"
            )
            lines += folded(many, width, "    ", "    ")
    lines += [line for one in exported.notes for line in folded(f"note: {one}", width, "", "  ")]
    tell(clean("\n".join([*lines, *_next(exported)])))


def _counts(batch: Batch) -> str:
    parts = [f"{counted(batch.requests, 'request')} for {batch.model}"]
    if batch.further:
        parts.append(f"{batch.further} of them should a critical case seem to regress")
    if batch.cached:
        parts.append(f"{batch.cached} left out, the cache has their answers (--all writes them)")
    return "; ".join(parts)


def _next(exported: _Exported) -> list[str]:
    written = [batch for batch in exported.batches if batch.file]
    if not written:
        return ["nothing has to be asked: pytest --quant-candidate=NAME judges what is cached"]
    first = written[0]
    answers = [str(batch.file).replace(".requests.", ".answers.") for batch in written]
    candidate = exported.batches[-1].variant
    files = " ".join(f"--quant-answers={name}" for name in answers)
    return [
        "answer each file, for instance:",
        f"  vllm run-batch -i {first.file} -o {answers[0]} --model {first.model}",
        "then judge the answers, with no server at all:",
        f"  pytest --quant-candidate={candidate} {files}",
    ]
