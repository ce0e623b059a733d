"""``quantguard compare``: two reports side by side, and candidate against candidate."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._compare_text import markdown, text, to_dict
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.comparing.records import Comparison, Side
from pytest_quantguard.comparing.sides import compare as compare_sides
from pytest_quantguard.errors import InputError, QuantGuardError, did_you_mean
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._checked import read
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._words import label
from pytest_quantguard.verdicts import GateReport

WORSE, UNKNOWN = 1, 10
VERSION = 1
"""Of the JSON."""


def compare(arguments: Sequence[str]) -> int:
    """Compare two reports; return 0, 1 for worse, 10 where nothing can be said, 4 for mistakes."""
    options = _options(arguments)
    try:
        pairs, alone_in = _pairs(options.then, options.now)
        found = [compare_sides(*pair) for pair in pairs]
        code = _exit_code(found)
        if options.markdown:
            write_whole(Path(options.markdown), markdown(found).encode("utf-8", "backslashreplace"))
        document = {
            "version": VERSION,
            "comparisons": [to_dict(one) for one in found],
            "not_compared": alone_in,
            "exit_code": code,
        }
        put(document, options.json)
    except InputError as error:
        return refuse(f"quantguard compare: {problem}" for problem in error.problems)
    except QuantGuardError as error:
        return refuse([f"quantguard compare: {error}"])
    if not alone(options.json):
        _tell(found, alone_in)
    return code


def _exit_code(found: Sequence[Comparison]) -> int:
    answers = {one.answer for one in found}
    if "worse" in answers:
        return WORSE
    return UNKNOWN if "cannot be said" in answers else 0


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard compare",
        usage="quantguard compare THEN[:NAME] NOW[:NAME] [--markdown FILE] [--json[=FILE]]",
        description="Say what changed between two runs: verdict and loss of each budget then and\n"
        "now, which cases newly regress and which recovered, what else changed, and, on\n"
        "the cases that both runs judged, the later candidate against the earlier one.\n"
        "Nothing is asked of any server.",
        epilog=manual(
            {
                0: "no verdict got worse, and no loss is shown",
                1: "a verdict got worse (also by the budget of before, where it was loosened), or "
                "the evidence is 100 : 1 or more that the later candidate is worse",
                4: "wrong options, no such report or candidate, or no case in common",
                10: "nothing can be said: the evidence of a run cannot be trusted, or both files "
                "are of one run",
            },
            {
                "quantguard compare tuesday.json quant-report/report.json": "the same candidates, "
                "before and now",
                "quantguard compare report.json:awq-int4 report.json:fp8": "two candidates, one "
                "against the other",
            },
            "Candidates are matched by name, unless NAME chooses one. docs/compare.md tells\nmore.",
        ),
    )
    parser.add_argument("then", metavar="THEN", help="report.json of the earlier run")
    parser.add_argument("now", metavar="NOW", help="report.json of the later run")
    parser.add_argument("--markdown", metavar="FILE", help="write it as Markdown as well")
    add_json(parser, "the comparison")
    return parser.parse_args(arguments_of(arguments))


# --- which candidates ---------------------------------------------------------------------


def _pairs(then: str, now: str) -> tuple[list[tuple[Side, Side]], list[str]]:
    """Return the candidates to compare, and a sentence for each that has no counterpart.

    Raises:
        InputError: a report cannot be read, has no such candidate, or none in common.
    """
    sides = [_sides(given) for given in (then, now)]
    (old, chosen), (new, other) = sides
    if len(old) == len(new) == 1 or chosen or other:
        if len(old) > 1 or len(new) > 1:
            lone, many = (old, new) if len(old) == 1 else (new, old)
            return _of_name(lone, many, swapped=lone is new), []
        return [(next(iter(old.values())), next(iter(new.values())))], []
    common = [name for name in old if name in new]
    if not common:
        raise InputError(
            f"the two reports have no candidate in common ({_list(old)}; {_list(new)}); name one "
            "of each: THEN:NAME NOW:NAME"
        )
    return [(old[name], new[name]) for name in common], [*_lonely(old, new), *_lonely(new, old)]


def _of_name(
    lone: dict[str, Side], many: dict[str, Side], *, swapped: bool
) -> list[tuple[Side, Side]]:
    """Find the counterpart of one candidate among several: the one of its name."""
    (name, side) = next(iter(lone.items()))
    if name not in many:
        raise InputError(
            f"{label(next(iter(many.values())).name)} has no candidate {label(name)!r}; choose one "
            f"with :NAME ({_list(many)})"
        )
    return [(many[name], side) if swapped else (side, many[name])]


def _lonely(one: dict[str, Side], other: dict[str, Side]) -> Iterator[str]:
    for name, side in one.items():
        if name not in other:
            yield f"{label(name)} is in {label(side.name)} alone"


def _list(sides: dict[str, Side]) -> str:
    return ", ".join(map(label, sides))


def _sides(given: str) -> tuple[dict[str, Side], bool]:
    """Return the candidates of a report by name, and whether one was chosen."""
    path, name = Path(given), None
    if not path.exists() and ":" in given:
        before, _, after = given.rpartition(":")
        if Path(before).exists():
            path, name = Path(before), after
    report: GateReport = report_json.from_json(read(path, str(path)), str(path))
    found = {
        one.variant.name: Side(name=str(path), report=report, candidate=one)
        for one in report.candidates
    }
    if not found:
        raise InputError(f"{label(str(path))}: no candidate was judged in it")
    if name is None:
        return found, False
    if name not in found:
        near = did_you_mean(name[:80], map(label, found))
        raise InputError(f"{label(str(path))}: it has no candidate {name!r:.80}; {near}")
    return {name: found[name]}, True


def _tell(found: Sequence[Comparison], alone_in: Sequence[str]) -> None:
    screen = Screen.of()
    lines: list[str] = []
    for one in found:
        lines += [*text(one, screen.width), ""]
    lines += [f"Not compared: {said}" for said in alone_in]
    tell("\n".join(lines).rstrip("\n"))
