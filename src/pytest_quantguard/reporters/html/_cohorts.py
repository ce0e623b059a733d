"""The table of cohorts: what happened to their cases, where to read them, where to send them."""

from __future__ import annotations

from collections import Counter

from pytest_quantguard.reporters._routing import STOPPED, CohortRoute, Rollout, Route, routes
from pytest_quantguard.reporters._views import cohorts, first_of
from pytest_quantguard.reporters._words import label, sentence
from pytest_quantguard.reporters.html._entries import STATUSES, WORDS, Status, entries
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._page import FOLDER
from pytest_quantguard.reporters.html._pieces import Column, counted, row, table
from pytest_quantguard.reporters.html.cases import page_of
from pytest_quantguard.verdicts import CandidateReport

READ_FIRST = 4
"""Cohorts whose regressed cases the banner leads to."""
_COLUMNS = (
    Column(title="Cohort"),
    Column(title="Cases", number=True),
    *(Column(title=WORDS[status].capitalize(), number=True) for status in STATUSES),
    Column(title="Route", class_="text"),
)


def cohort_table(number: int, candidate: CandidateReport, whole: Rollout) -> Markup | None:
    """Return the table of the candidate at index ``number``; None without any cohort.

    Args:
        number: of the candidate in its report.
        candidate: whose cases are counted.
        whole: the routes of all candidates together, which its own must not contradict.
    """
    names = cohorts(candidate)
    if not names:
        return None
    found, sums = entries(candidate), _tallies(candidate)
    mine = {route.cohort: route for route in routes(candidate)}
    ways = {route.cohort: route for route in whole.routes}
    rows = []
    for cohort in names:
        tally = sums.get(cohort) or Counter(entry.status for entry in found.get(cohort, ()))
        page = f"{FOLDER}/{page_of(number, cohort)}"
        cells: list[Child] = [tag("a", label(cohort), href=page), f"{tally.total():,}"]
        cells += [_count(tally[status], status, page, cohort) for status in STATUSES]
        cells.append(_route(ways[cohort], mine[cohort], candidate.variant.name))
        rows.append(row(_COLUMNS, cells))
    caption = f"Cohorts of {label(candidate.variant.name)}: cases, and where to send requests"
    return table(caption, _COLUMNS, rows, class_="cohorts")


def _tallies(candidate: CandidateReport) -> dict[str, Counter[Status]]:
    """Count the cases of each cohort where not all are kept."""
    return {
        one.cohort: Counter(
            {
                "regressed": one.regressed,
                "no-evidence": one.unanswered,
                "improved": one.improved,
                "both-wrong": one.both_wrong,
                "held": one.cases - one.regressed - one.improved - one.both_wrong,
            }
        )
        for one in candidate.counted or ()
    }


def read_first(number: int, candidate: CandidateReport) -> Markup | None:
    """Link to the regressed cases, of the cohorts with most of them first; None without any."""
    found = entries(candidate)
    counts = {name: sum(one.status == "regressed" for one in found[name]) for name in found}
    most_first = sorted((-count, name) for name, count in counts.items() if count)
    if not most_first:
        return None
    links: list[Child] = []
    for count, name in most_first[:READ_FIRST]:
        address = f"{FOLDER}/{page_of(number, name)}#regressed"
        links += [", " if links else ": ", tag("a", label(name), href=address), f" {-count:,}"]
    more = len(most_first) - READ_FIRST
    rest = f" and {counted(more, 'more cohort')} below" if more > 0 else ""
    shown = sum(counts.values())
    total = first_of(shown, [candidate]) or counted(shown, "regressed case")
    return tag("p", f"Read {total} side by side", links, rest, class_="read")


def _count(count: int, status: Status, page: str, cohort: str) -> Child:
    """Link to the cases that somebody should read."""
    if status == "held" or not count:
        return tag("span", f"{count:,}", class_="muted" if not count else None)
    said = tag("span", f" {WORDS[status]} in {label(cohort)}", class_="visually-hidden")
    return tag("a", f"{count:,}", said, href=f"{page}#{status}", class_=f"count {status}")


def _route(way: CohortRoute, mine: Route, candidate: str) -> Child:
    """Say who serves a cohort, and why not this candidate."""
    copies = ", mirrored" if candidate in way.mirrored else ""
    said = [tag("b", f"{label(way.variant)}{copies}")]
    if way.variant == candidate:
        return said
    if candidate in way.safe:
        reasons = [f"{label(candidate)} is shown to be safe here too"]
    else:
        reasons = [*(STOPPED if mine.to == "candidate" else (mine.reason, mine.settle))]
    why = "; ".join(sentence(text) for text in reasons if text)
    return [*said, tag("span", why, class_="small") if why else None]
