"""A ranking for people and programs: terminal, Markdown, JSON."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen, plain
from pytest_quantguard.auditing.measures import MEASURES, Level, Measure
from pytest_quantguard.auditing.ranking import Rank, Ranking, Standing
from pytest_quantguard.reporters._markdown_text import code, prose
from pytest_quantguard.reporters._words import digits, folded, label
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import Verdict

VERSION = 1
"""Of the JSON."""
_HOW = (
    "A rank of 1-3 may be any of these: paired tests on the same cases tell no more. For each "
    "column that is wrong in 5 % of audits at most. An endpoint is beaten where another is shown "
    "to be better in some column, and in none to be worse."
)
_MIB = 2**20


def headline(found: Ranking) -> str:
    """Return one sentence: what was audited, and the verdict."""
    what = counted(len(found.standings) - 1, "endpoint")
    return (
        f"{found.verdict.word}: {what} against {label(found.reference)}, "
        f"{counted(found.cases, 'case')}"
    )


def _number(measure: Measure, value: float | None) -> str:
    if value is None:
        return "-"
    if measure.unit == "share":
        return f"{100 * value:.1f}%"
    if measure.unit == "seconds":
        return f"{value:.3g} s"
    return digits(value, 3)


def cell(measure: Measure, level: Level) -> str:
    """Return a level with its interval, such as ``97.5% [94.1, 99.0]``."""
    if level.value is None:
        return "-"
    if level.low is None or level.high is None:
        return _number(measure, level.value)
    ends = [
        _number(measure, end).removesuffix("%").removesuffix(" s")
        for end in (level.low, level.high)
    ]
    return f"{_number(measure, level.value)} [{ends[0]}, {ends[1]}]"


def _rank(one: Standing) -> str:
    if one.rank is None:
        return "-"
    best, worst = one.rank
    return str(best) if best == worst else f"{best}-{worst}"


def _verdict(one: Standing) -> str:
    return "reference" if one.verdict is None else one.verdict.word


def _size(value: int | None) -> str:
    return "-" if value is None else f"{value / _MIB:.1f} MiB"


def _columns(found: Ranking) -> list[tuple[str, list[str]]]:
    """Return the columns that say something, each with its title and its cells."""
    rows = found.standings
    columns = [
        ("rank", [_rank(one) for one in rows]),
        ("endpoint", [label(one.name) for one in rows]),
        ("verdict", [_verdict(one) for one in rows]),
    ]
    for measure in MEASURES:
        cells = [cell(measure, one.levels[measure.key]) for one in rows]
        if any(one != "-" for one in cells):
            columns.append((measure.title, cells))
    for title, sizes in (
        ("file", [one.file_bytes for one in rows]),
        ("memory", [one.memory_bytes for one in rows]),
    ):
        if any(sizes):
            columns.append((title, [_size(one) for one in sizes]))
    return columns


def sentences(found: Ranking) -> list[str]:
    """Return what the table cannot say: why, cohort by cohort, and what not to choose."""
    lines = []
    for one in found.standings:
        if one.verdict is None:
            continue
        bad = [c for c in one.cohorts if c.verdict is not Verdict.PASS]
        whys = [f"{label(c.cohort)} {c.verdict.word} ({c.reason})" for c in bad]
        if one.verdict is not Verdict.PASS and one.reason not in (c.reason for c in bad):
            whys.insert(0, one.reason)
        why = "; ".join(filter(None, whys))
        lines.append(f"{label(one.name)}: {_verdict(one)}{f' - {why}' if why else ''}")
        if one.note:
            lines.append(f"{label(one.name)}: quantization: {one.note}")
    lines += [_unknown(one, found) for one in found.standings if _missing(one, found)]
    free = [label(one.name) for one in found.standings if not one.beaten_by and one.rank]
    if free:
        lines.append(f"Beaten by none: {', '.join(free)}")
    for one in found.standings:
        if one.beaten_by:
            others = ", ".join(map(label, one.beaten_by))
            lines.append(f"{label(one.name)} is beaten by {others}")
    if not any(one.levels["tokens_per_second"].cases for one in found.standings):
        lines.append("Times are not known: no answer was asked for in this run (--fresh asks anew)")
    elif found.apart:
        names = ", ".join(map(label, found.apart))
        lines.append(f"Not all of {names} were asked at the same time: such times rank nobody")
    return lines


def _missing(one: Standing, found: Ranking) -> int:
    return found.cases - one.levels[MEASURES[0].key].cases


def _unknown(one: Standing, found: Ranking) -> str:
    """Say that a share is one of fewer cases than were asked."""
    return (
        f"{label(one.name)}: whether a case holds is not known of {_missing(one, found)} of "
        f"{counted(found.cases, 'case')}: they are in no share"
    )


def text(found: Ranking, screen: Screen) -> list[str]:
    """Return the lines of the terminal: a table, or one paragraph each where it is too narrow."""
    columns = _columns(found)
    widths = [max(len(title), *map(len, cells)) for title, cells in columns]
    lines = [*folded(f"quantguard audit: {headline(found)}", screen.width), ""]
    if sum(widths) + 2 * (len(widths) - 1) <= screen.width:
        titles = [title for title, _ in columns]
        body = zip(*(cells for _, cells in columns), strict=True)
        for row in (titles, *body):
            padded = [one.ljust(width) for one, width in zip(row, widths, strict=True)]
            lines.append("  ".join(padded).rstrip())
    else:
        for index, one in enumerate(found.standings):
            lines.append(f"{_rank(one):>3} {label(one.name)}: {_verdict(one)}")
            lines += [
                f"      {t:<14}{cells[index]}" for t, cells in columns[3:] if cells[index] != "-"
            ]
    said = (_HOW, *(one_line(line, 600) for line in (*sentences(found), *found.remarks)))
    lines += ["", *(part for line in said for part in folded(line, screen.width, rest="  "))]
    return [plain(line, screen.encoding) for line in lines]


def markdown(found: Ranking) -> str:
    """Return the ranking as Markdown in which no text of others is live."""
    columns = _columns(found)
    lines = [f"## quantguard audit: {prose(headline(found))}", ""]
    lines.append("| " + " | ".join(title for title, _ in columns) + " |")
    lines.append("|" + " --- |" * len(columns))
    for index, one in enumerate(found.standings):
        cells: Sequence[str] = [prose(cells[index]) for _, cells in columns]
        lines.append("| " + " | ".join((cells[0], code(one.name), *cells[2:])) + " |")
    lines += ["", _HOW, ""]
    lines += [f"* {prose(line, 600)}" for line in (*sentences(found), *found.remarks)]
    return "\n".join(lines) + "\n"


def to_dict(found: Ranking) -> Json:
    """Return plain JSON types: shares are fractions, times in seconds, null is not known."""
    return {
        "version": VERSION,
        "verdict": found.verdict.value,
        "reference": label(found.reference),
        "cases": found.cases,
        "endpoints": [_standing(one) for one in found.standings],
        "remarks": [one_line(remark, 400) for remark in found.remarks],
    }


def _ranked(rank: Rank | None) -> Json:
    best, worst = rank or (None, None)
    return {"rank": best, "rank_worst": worst}


def _standing(one: Standing) -> Json:
    return {
        "name": label(one.name),
        **_ranked(one.rank),
        "verdict": None if one.verdict is None else one.verdict.value,
        "reason": one_line(one.reason, 500),
        "quantization": {"declared": one_line(one.quantization), "server": one_line(one.note)},
        "measures": {
            measure.key: {
                "value": (level := one.levels[measure.key]).value,
                "low": level.low,
                "high": level.high,
                "cases": level.cases,
                "unit": measure.unit,
                **_ranked(one.ranks[measure.key]),
            }
            for measure in MEASURES
        },
        "cohorts": [
            {
                "cohort": label(c.cohort),
                "verdict": c.verdict.value,
                "reason": one_line(c.reason, 500),
            }
            for c in one.cohorts
        ],
        "beaten_by": [label(name) for name in one.beaten_by],
        "file_bytes": one.file_bytes,
        "memory_bytes": one.memory_bytes,
    }
