"""The block ``canary:`` of the configuration: how mirrored traffic is read and judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from pytest_quantguard._config_file import document_of
from pytest_quantguard._registry import Registry
from pytest_quantguard.canary.cohorts import OTHER, Rule, labels_of, rule_of
from pytest_quantguard.contracts import Bound, Check, Repeated, offers
from pytest_quantguard.documents.document import Document
from pytest_quantguard.errors import ConfigError, InputError, did_you_mean
from pytest_quantguard.types import Json, Role

SELF = ("json", "json_schema", "tool_calls", "tool_use", "finish_reason", "citations")
"""The checks that apply by themselves, wherever a request gives reason to."""
WINDOW = 10_000
"""Answers that wait for the other arm's, unless the configuration says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryConfig:
    """What the user decided about mirrored traffic."""

    baseline: str
    """Name of a variant."""
    candidate: str
    names: Mapping[Role, frozenset[str]]
    """What a log calls either arm: names of models, or ``label=value``."""
    traffic: Literal["mirrored", "sampled", "split"] = "mirrored"
    """Whether each request was answered by both arms, or only some were copied to the candidate, or
    each by one of them."""
    join: str = "request"
    """How both answers of a log are found: ``request``, ``trace`` or ``label:NAME``."""
    window: int = WINDOW
    unit: str = "request"
    """What is one piece of evidence: ``request``, ``pair`` or ``label:NAME``."""
    feedback: Mapping[str, str] = field(default_factory=dict)
    """Which label of a log holds which field of `Feedback`."""
    checks: frozenset[str] = frozenset(SELF)
    """Those of `SELF` that are made."""
    expect: tuple[Check, ...] = ()
    """Checks of all traffic."""
    rules: tuple[Rule, ...] = ()
    expected: Mapping[str, tuple[Check, ...]] = field(default_factory=dict)
    """Further checks of a cohort."""
    labels: frozenset[str] = frozenset()
    """Labels that rules, feedback or the join look at; no other is kept."""


def load(
    path: Path,
    root: Path,
    registry: Registry,
    *,
    candidates: Sequence[str] = (),
    baseline: str | None = None,
) -> CanaryConfig:
    """Read the block; ``candidates`` and ``baseline`` are what the command line names.

    Raises:
        ConfigError: with every problem found, each with file:line.
    """
    document = document_of(path, root)
    return _Reader(document, registry).read(candidates, baseline)


class _Reader:
    """Reads one configuration and collects what is wrong with it."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self.document = document
        self.registry = registry
        self.data: Json = document.data.get("canary", {})
        self.variants: Json = document.data["variants"]
        self.problems: list[str] = []

    def problem(self, path: tuple[str | int, ...], text: str) -> None:
        self.problems.append(f"{self.document.where(('canary', *path))}: {text}")

    def read(self, candidates: Sequence[str], baseline: str | None) -> CanaryConfig:
        base = baseline or self.document.data.get("baseline")
        if base is None:
            raise ConfigError("no baseline: name one with 'baseline:' or --quant-baseline")
        self._known(self.data.get("names", ()), ("names",))
        candidate = self.candidate(candidates, base)
        names = self.names(base, candidate)
        rules, expected = self.rules()
        expect = self.checks(("expect",), self.data.get("expect", ()))
        for cohort, own in expected.items():
            for key in {one.key for one in own} & {one.key for one in expect}:
                text = f"the check {key!r} stands in 'expect' of all traffic and of {cohort!r}"
                self.problem(("expect",), text)
        feedback = self.data.get("feedback", {})
        join = self.data.get("join", "request")
        unit = self.data.get("unit", "request")
        if self.problems:
            raise ConfigError(self.problems)
        return CanaryConfig(
            baseline=base,
            candidate=candidate,
            names=names,
            traffic=self.data.get("traffic", "mirrored"),
            join=join,
            window=self.data.get("window", WINDOW),
            unit=unit,
            feedback=feedback,
            checks=frozenset(self.data.get("checks", SELF)),
            expect=expect,
            rules=rules,
            expected=expected,
            labels=frozenset(self.labels(names, feedback, (join, unit))),
        )

    # --- the arms -----------------------------------------------------------------------

    def _known(self, names: Iterable[str], path: tuple[str | int, ...]) -> None:
        for name in names:
            if name not in self.variants:
                hint = did_you_mean(name, self.variants)
                self.problem((*path, name), f"unknown variant {name!r:.80}; {hint}")

    def candidate(self, given: Sequence[str], baseline: str) -> str:
        """Return the variant to judge: the one that is named, or else the only other one."""
        if len(set(given)) > 1:
            raise ConfigError(
                "mirrored traffic has one candidate; give --quant-candidate once, and one run for "
                "each"
            )
        name = given[0] if given else self.data.get("candidate")
        others = [variant for variant in self.variants if variant != baseline]
        if name is None and len(others) == 1:
            return others[0]
        if name is None:
            raise ConfigError(
                f"which of {', '.join(others) or 'no variant'} is the candidate? Name one with "
                "--quant-candidate or 'canary: {candidate: NAME}'"
            )
        called = [v for v in others if name in self._called(v)]
        if name not in self.variants and len(called) == 1:  # as the log calls it
            return called[0]
        if name not in self.variants or name == baseline:
            why = "is the baseline" if name == baseline else "is no variant"
            hint = did_you_mean(name, others)
            self.problem(("candidate",), f"the candidate {name!r:.80} {why}; {hint}")
        return str(name)

    def _called(self, variant: str) -> frozenset[str]:
        """Return what a log calls a variant: what ``names`` says, else its name and its model."""
        own = self.data.get("names", {}).get(variant)
        if own is not None:
            return frozenset([own] if isinstance(own, str) else own)
        model = self.variants.get(variant, {}).get("model")
        return frozenset(one for one in (variant, model) if isinstance(one, str))

    def names(self, baseline: str, candidate: str) -> Mapping[Role, frozenset[str]]:
        """Return what a log calls either arm; what both are called tells nothing."""
        ours, theirs = self._called(baseline), self._called(candidate)
        return {"baseline": ours - theirs, "candidate": theirs - ours}

    def labels(
        self, names: Mapping[Role, frozenset[str]], feedback: Mapping[str, str], by: Sequence[str]
    ) -> set[str]:
        found = {name.partition("=")[0] for both in names.values() for name in both if "=" in name}
        found |= set(feedback.values())
        found |= {one.removeprefix("label:") for one in by if one.startswith("label:")}
        for rule in self.data.get("cohorts", ()):
            found |= labels_of(rule)
        return found

    # --- cohorts and checks -------------------------------------------------------------

    def rules(self) -> tuple[tuple[Rule, ...], dict[str, tuple[Check, ...]]]:
        rules: list[Rule] = []
        expected: dict[str, tuple[Check, ...]] = {}
        written = self.data.get("cohorts", ())
        for i, data in enumerate(written):
            path = ("cohorts", i)
            try:
                rule = rule_of(data)
            except ValueError as error:
                self.problem(path, str(error))
                continue
            if not rule.conditions and i + 1 < len(written):
                self.problem(
                    path,
                    f"{rule.cohort!r} has no condition and takes all that is left, so that the "
                    "rules below it never apply; put it last",
                )
            rules.append(rule)
            if "expect" in data:
                found = self.checks((*path, "expect"), data["expect"])
                if rule.cohort in expected:
                    self.problem(path, f"the cohort {rule.cohort!r} has 'expect' twice; keep one")
                expected[rule.cohort] = found
        if rules and rules[-1].conditions:
            rules.append(Rule(OTHER))
        return tuple(rules), expected

    def checks(self, path: tuple[str | int, ...], specs: Iterable[Any]) -> tuple[Check, ...]:
        found: dict[str, Check] = {}
        for i, spec in enumerate(specs):
            try:
                check = self.registry.build_check(spec)
            except (LookupError, ValueError, InputError) as error:
                self.problem((*path, i), str(error.args[0] if error.args else error))
                continue
            thing = cast("object", check)
            if offers(thing, Bound):
                why = "needs more than recorded answers: a judge model or a sandbox"
            elif offers(thing, Repeated):
                why = "looks at several answers of one model, and traffic has one"
            elif check.key in found:
                why = "stands twice; keep one"
            else:
                found[check.key] = check
                continue
            self.problem((*path, i), f"the check {check.key!r} {why}")
        return tuple(found.values())


def wanted_tags(tags: Iterable[str | None]) -> frozenset[str] | None:
    """Return the tags that budgets name, to be kept of a log; None where a star names all."""
    named = {tag for tag in tags if tag}
    return None if "*" in named else frozenset(named)
