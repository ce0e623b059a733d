"""``quantguard doctor``: reaches every endpoint, and says what is wrong and what to do."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_quantguard._config_file import nearest
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import USAGE_ERROR, Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._doctor_text import cleaned, section, summary
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.doctor import machine, offline, setup
from pytest_quantguard.doctor.across import across
from pytest_quantguard.doctor.questions import MOST, TOKENS, needs, of_judge, questions
from pytest_quantguard.doctor.reading import findings as read
from pytest_quantguard.doctor.records import COMPARISON, CONFIGURATION, MACHINE, Finding, Seen
from pytest_quantguard.doctor.visit import visit
from pytest_quantguard.errors import (
    ConfigError,
    InputError,
    ProviderError,
    QuantGuardError,
)
from pytest_quantguard.launching.launched import Servers
from pytest_quantguard.providers._access import secrets_of

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard.contracts import Provider
    from pytest_quantguard.doctor.records import Needs, Question
    from pytest_quantguard.types import Json
    from pytest_quantguard.variants import Variant

WRONG = 1


def doctor(arguments: Sequence[str]) -> int:
    """Look at everything a run needs; return 0, 1 when something is wrong, 4 for mistakes."""
    options = _options(arguments)
    visiting = _Visit(options)
    try:
        path = nearest(options.quant_config, Path.cwd())
        try:
            settings = setup.load(path, options.quant_baseline)
        except ConfigError as error:
            visiting.unreadable(error)
            visiting.end()
            return USAGE_ERROR
        visiting.all(path, settings)
        visiting.end()
    except InputError as error:
        return refuse([f"quantguard doctor: {problem}" for problem in error.problems])
    except QuantGuardError as error:  # the JSON cannot be written
        return refuse([f"quantguard doctor: {error}"])
    return WRONG if any(one.level == "wrong" for one in visiting.found) else 0


# --- options ------------------------------------------------------------------------------


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard doctor",
        usage="quantguard doctor [NAME ...] [--offline] [--max-requests N] [--json[=FILE]]\n"
        "                         [--quant-config PATH] [--quant-baseline NAME]",
        description="Reach every endpoint of the configuration, and say what would keep a run\n"
        "from saying anything: keys, addresses, declared and served quantization, chat\n"
        "templates, context length, JSON schemas, tools, log-probs, seeds, determinism;\n"
        "and this machine: versions, plugins, cache, history, disk, clock. Servers with\n"
        f"'launch' are started, one after the other. Costs at most {MOST} requests an\n"
        f"endpoint, of {TOKENS} tokens or fewer each; one holds your longest golden case.",
        epilog=manual(
            {
                0: "nothing is wrong; a 'warn' is for you to weigh",
                1: "something is wrong: no run, or none whose verdict can be believed",
                4: "a mistake in the options, or in the configuration",
            },
            {
                "quantguard doctor": "everything",
                "quantguard doctor awq-int4": "this variant alone",
                "quantguard doctor --offline": "files, keys and this machine; asks nothing",
                "quantguard doctor --json=doctor.json": "for a program, too",
            },
            "docs/doctor.md explains every finding.",
        ),
    )
    add = parser.add_argument
    add("variant", nargs="*", metavar="NAME", help="a variant, or judge:NAME; default: all")
    add("--offline", action="store_true", help="ask nothing, start nothing")
    add(
        "--max-requests",
        type=_count,
        metavar="N",
        help=f"requests at most, shared evenly; default: {MOST} for each endpoint",
    )
    add("--quant-config", metavar="PATH", help="configuration file; default: here or further up")
    add("--quant-baseline", metavar="NAME", help="baseline, in place of the configured one")
    add_json(parser, "the findings")
    return parser.parse_args(arguments_of(arguments))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:10]) <= 10**6:
        raise ArgumentTypeError(f"{text!r:.40} is no whole number above 0")
    return int(text)


# --- one visit ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Visit:
    """Everything that is looked at, in order; findings are told as they are made."""

    options: Namespace
    found: list[Finding] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    variants: Mapping[str, Variant] = field(default_factory=dict)
    config: str | None = None
    screen: Screen = field(default_factory=Screen.of)

    def unreadable(self, error: ConfigError) -> None:
        """Tell what is wrong with the configuration, and look at this machine all the same."""
        wrong = [
            Finding(level="wrong", about=CONFIGURATION, topic="file", saw=one, fix=_MEND)
            for one in error.problems
        ]
        self.tell("configuration", wrong)
        self.tell(MACHINE, machine.look(None, None, None))

    def all(self, path: Path, settings: GateConfig) -> None:
        """Look at configuration, machine and endpoints, and compare these."""
        self.variants = setup.chosen(settings, self.options.variant)
        self.config = settings.file
        share = self._share()
        golden = setup.collected(path, settings)
        self.tell(CONFIGURATION, setup.findings(settings, golden))
        paths = (settings.cache_folder, settings.report_folder, settings.history)
        self.tell(MACHINE, machine.look(*paths))
        wanted = needs(golden.cases, {b.metric for b in settings.budgets or () if b.metric})
        asked = questions(wanted, settings.request)
        with _providers(self.variants, settings, golden) as (providers, servers, problems):
            # pytest refuses most of these as well, in the same words
            new = [one for one in problems if one.saw not in golden.problems]
            self.tell(CONFIGURATION, new)
            arms = {name: one for name, one in providers.items() if name in settings.variants}
            self.tell(CONFIGURATION, setup.unfit(golden, arms, settings.places))
            if self.options.offline:
                for name, provider in providers.items():
                    found = list(offline.look(self.variants[name], provider, servers.unusable))
                    self.tell(self._title(name, settings), found)
                return
            self._ask(settings, providers, wanted, asked, share)
            identities = _identities(providers)
        self._compare(settings, asked, identities)

    def _ask(
        self,
        settings: GateConfig,
        providers: Mapping[str, Provider],
        wanted: Needs,
        asked: Sequence[Question],
        share: int,
    ) -> None:
        if providers and not alone(self.options.json):
            most = sum(min(share, 2 if n not in settings.variants else MOST) for n in providers)
            tell(
                f"\nAsking {', '.join(_shown(providers))}: {most} requests at most, "
                f"of {TOKENS} tokens or fewer each"
            )
        for name, provider in providers.items():
            judge = name not in settings.variants
            own = of_judge(settings.request) if judge else asked
            seen = visit(self.variants[name], provider, own, share, judge=judge)
            self.seen[name] = seen
            self.tell(self._title(name, settings), read(seen, wanted))

    def _compare(
        self, settings: GateConfig, asked: Sequence[Question], identities: Mapping[str, Json]
    ) -> None:
        baseline = self.seen.get(settings.baseline.name)
        arms = [self.seen[v.name] for v in settings.candidates if v.name in self.seen]
        if baseline is not None and arms:
            self.tell(COMPARISON, across(baseline, arms, asked, identities))

    def _share(self) -> int:
        """Return the requests that each endpoint may take.

        Raises:
            ConfigError: --max-requests leaves less than one for each.
        """
        most: int | None = self.options.max_requests
        if most is None:
            return MOST
        if most < len(self.variants):
            raise ConfigError(
                f"--max-requests={most} leaves no request for some of "
                f"{len(self.variants)} endpoints; allow more, or name fewer"
            )
        return min(most // len(self.variants), MOST)

    def _title(self, name: str, settings: GateConfig) -> str:
        variant = self.variants[name]
        role = "candidate" if name in settings.variants else "judge"
        role = "baseline" if name == settings.baseline.name else role
        kind = variant.provider if variant.dialect == "auto" else variant.dialect
        return f"{name} ({role}, {kind}, model {variant.model})"

    # --- telling --------------------------------------------------------------------------

    def tell(self, title: str, findings: Sequence[Finding]) -> None:
        """Keep findings, cleaned, and print them unless only JSON is wanted."""
        if not findings:
            return
        safe = cleaned(findings, secrets_of(self.variants.values()))
        self.found += safe
        if not alone(self.options.json):
            tell(section(_shown([title])[0], safe, self.screen))

    def end(self) -> None:
        """Tell how much of each there is, and write the JSON."""
        requests = sum(seen.requests for seen in self.seen.values())
        used = [seen.tokens for seen in self.seen.values()]
        tokens = (sum(one for one, _ in used), sum(one for _, one in used))
        if not alone(self.options.json):
            tell(summary(self.found, requests, tokens))
        put(
            {
                "version": 1,
                "config": self.config,
                "findings": [one.to_dict() for one in self.found],
                "requests": requests,
                "tokens": {"prompt": tokens[0], "completion": tokens[1]},
                "endpoints": {name: _told(seen) for name, seen in self.seen.items()},
            },
            self.options.json,
        )


_MEND = "mend it where the sentence says; docs/configuration.md has every key"


def _shown(names: Sequence[str] | Mapping[str, object]) -> list[str]:
    return [one_line(name) for name in names]


def _told(seen: Seen) -> Json:
    from dataclasses import asdict

    from pytest_quantguard.doctor.reading import support

    return {
        "served_as": asdict(seen.served),
        "probes": {name: kind for name, (kind, _) in support(seen).items()},
        "latency_s": {name: answer.latency_s for name, answer in seen.answers.items()},
        "requests": seen.requests,
    }


# --- the way to the endpoints -------------------------------------------------------------


@contextmanager
def _providers(
    variants: Mapping[str, Variant], settings: GateConfig, golden: setup.Golden
) -> Iterator[tuple[dict[str, Provider], Servers, list[Finding]]]:
    """Lend the way to each endpoint, and what is wrong with it; servers of ours end with it."""
    from pytest_quantguard._registry import Registry
    from pytest_quantguard._run import Run

    registry = golden.registry or Registry()
    run = Run.begin()
    servers = Servers(run)
    found: dict[str, Provider] = {}
    problems = []
    for name, variant in variants.items():
        try:
            found[name] = servers.provider(variant, registry.providers.get(variant.provider))
        except (LookupError, ValueError) as error:
            saw = f"{settings.places[name]}: variant {name!r}: {error.args[0]}"
            problems.append(
                Finding(level="wrong", about=name, topic="provider", saw=saw, fix=_MEND)
            )
    servers.keep(lambda: secrets_of(variants.values()))
    try:
        yield found, servers, problems
    finally:
        for provider in found.values():
            provider.stop()
        servers.close()
        run.end()


def _identities(providers: Mapping[str, Provider]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, provider in providers.items():
        with suppress(ProviderError):  # said where it was asked
            found[name] = provider.identity()
    return found
