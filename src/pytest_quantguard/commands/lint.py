"""``quantguard lint``: what is weak about the golden set, found without asking any model."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from textwrap import wrap
from typing import Any

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.cli import NOTHING, Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.errors import InputError, QuantGuardError, did_you_mean
from pytest_quantguard.lint import RULES, Finding, Outset

FOUND = 1
"""Exit code where there is at least one warning."""
SHOWN = 20
"""Findings of one rule that are printed; the others are counted."""
_MORE = (
    "Everything else goes to pytest: paths, -k, -m, --quant-config ...",
    "docs/lint.md explains the rules.",
)


def lint(arguments: Sequence[str]) -> int:
    """Look at the golden set; return 0, 1 with warnings, 4 for mistakes, 5 for nothing to look at.

    Every argument that is not its own goes to pytest.
    """
    options, rest = _options(arguments)
    from pytest_quantguard._preview import collect  # brings pytest: not for a mere --help

    wanted = options.rule or list(RULES)
    for name in wanted:
        if name not in RULES:
            return refuse([f"quantguard lint: unknown rule {name!r}; {did_you_mean(name, RULES)}"])
    found = collect(
        rest,
        options.candidate,
        lambda gate, items: _outset(gate, items, options),
        near=options.near,
    )
    if found.said:
        refuse(found.said)
    if found.looked is None:
        return found.code
    if not found.looked.cases:
        refuse(["quantguard lint: no golden case was selected: there is nothing to look at"])
        return NOTHING
    try:
        findings = [finding for name in wanted for finding in _run(name, found.looked)]
    except InputError as error:
        return refuse([f"quantguard lint: {problem}" for problem in error.problems])
    findings.sort(key=lambda finding: finding.severity != "warning")
    try:
        _tell(findings, found.looked, options)
    except QuantGuardError as error:
        return refuse([f"quantguard lint: {error}"])
    return FOUND if any(finding.severity == "warning" for finding in findings) else 0


def _run(name: str, outset: Outset) -> Iterable[Finding]:
    module, _, function = RULES[name].partition(":")
    found: Iterable[Finding] = getattr(import_module(module), function)(outset)
    return found


def _outset(gate: Any, items: Sequence[Any], options: Namespace) -> Outset:
    from pytest_quantguard._collect import QuantItem
    from pytest_quantguard._items import CASE
    from pytest_quantguard._survey import Survey

    selected = [item for item in items if CASE in item.stash]
    survey = Survey(selected, gate.collected, gate.settings, gate.metrics, partial=gate.partial)
    return Outset(
        cases=tuple(survey.cases.values()),
        census=survey.census,
        budgets=survey.wanted,
        metrics=gate.metrics,
        file=gate.settings.file,
        calibration=gate.settings.calibration,
        against=tuple(map(Path, options.against)),
        scripted=frozenset(
            item.stash[CASE].id for item in selected if not isinstance(item, QuantItem)
        ),
    )


# --- options ------------------------------------------------------------------------------


_MANUAL = manual(
    {
        0: "nothing found, or notes alone, which are for reading",
        1: "there is a warning",
        4: "a wrong option, configuration or golden file",
        5: "no golden case was selected",
    },
    {
        "quantguard lint": "every rule, on every case",
        "quantguard lint --rule drift --against traffic.jsonl": "does the set still look "
        "like what users ask?",
    },
    "\n".join([*wrap(f"rules: {', '.join(RULES)}", 78), *_MORE]),
)


def _options(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    parser = Parser(
        prog="quantguard lint",
        usage="quantguard lint [--rule NAME ...] [--against TRAFFIC ...] [--json[=FILE]]\n"
        "                       [--candidate NAME ...] [pytest arguments ...]",
        description="Say what is weak about the golden set: cases that ask the same, checks that\n"
        "can never fail, cohorts too small for their budgets, tools nobody expects, and\n"
        "prompts that the candidate was calibrated on. Nothing is asked of any model.",
        epilog=_MANUAL,
        pytest=True,
    )
    parser.add_argument(
        "--rule", action="append", default=[], metavar="NAME", help="only this rule; repeatable"
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="FILE",
        help="recorded traffic, to compare the golden set with: OpenAI chat or batch JSONL, "
        "OpenTelemetry spans, LiteLLM logs",
    )
    parser.add_argument(
        "--candidate",
        action="append",
        default=[],
        metavar="NAME",
        help="variant that budgets are for; default: all but the baseline",
    )
    add_json(parser, "the findings")
    return parser.parse_known_args(arguments_of(arguments))


# --- telling ------------------------------------------------------------------------------


def _tell(findings: Sequence[Finding], outset: Outset, options: Namespace) -> None:
    document = {
        "cases": len(outset.cases),
        "findings": [finding.to_dict() for finding in findings],
    }
    put(document, options.json)
    if alone(options.json):
        return
    told: Counter[str] = Counter()
    for finding in findings:
        told[finding.rule] += 1
        if told[finding.rule] <= SHOWN:
            tell(
                f"{one_line(finding.place)}: {finding.severity}: {one_line(finding.text, 500)} "
                f"[{finding.rule}]"
            )
    for rule, count in told.items():
        if count > SHOWN:
            tell(f"... and {count - SHOWN} more of {rule}; --json has all")
    kinds = ", ".join(f"{count} {rule}" for rule, count in told.items())
    tell(f"{counted(len(outset.cases), 'case')}: {kinds or 'nothing found'}")
