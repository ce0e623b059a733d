"""The last sentences of the terminal: what to do, cohort by cohort, and where to read on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.reporters._headline import headline
from pytest_quantguard.reporters._routing import UNBUDGETED, CohortRoute, Rollout, rollout
from pytest_quantguard.reporters._views import first_of, regressed_cases
from pytest_quantguard.reporters._words import label
from pytest_quantguard.verdicts import GateReport

_PAGE = "html"
"""The reporter whose file people open."""
_PATH_LIMIT = 500


def advice_sentences(report: GateReport) -> list[str]:
    """Return the advice for the whole run, and which variant should serve which cohort."""
    if not report.candidates:
        return []
    found = rollout(report)
    several, route = len(report.candidates) > 1, _route(found)
    return [
        *([f"{headline(report)}."] if several else []),
        f"Advice: {found.sentence}",
        *([f"Route: {route}"] if route else []),
    ]


def _route(found: Rollout) -> str:
    """Put cohorts together that go the same way; those that leave the baseline come first."""
    if not found.candidates:
        return ""
    places: dict[str, list[str]] = {}
    for route in sorted(found.routes, key=lambda r: r.to != "candidate"):
        place = _place(route, alone=len(found.candidates) == 1)
        places.setdefault(place, []).append(label(route.cohort))
    return "; ".join(f"{', '.join(names)} -> {place}" for place, names in places.items())


def _place(route: CohortRoute, *, alone: bool) -> str:
    """Name who serves, and why no cheaper variant does; ``alone``: there is one candidate."""
    why = route.reason
    if any(why.endswith(text) for text in UNBUDGETED):
        why += "; give it one to route it"
    if route.mirrored and alone:
        why = f"mirror only: {why}"
    elif route.mirrored:
        why += f"; copies to {', '.join(map(label, route.mirrored))}"
    return f"{label(route.variant)} ({why})" if why else label(route.variant)


def reading_sentences(report: GateReport, written: Mapping[str, str]) -> list[str]:
    """Say where to read on; ``written`` is the path of each file, by the name of its reporter.

    Files beside the page are named together, in one line; others, such as JUnit XML, each in its
    own.
    """
    page = written.get(_PAGE)
    others = {name: path for name, path in written.items() if name != _PAGE}
    folder = PurePath(page or written.get("json") or "-").parent
    beside = [PurePath(path).name for path in others.values() if PurePath(path).parent == folder]
    apart = [path for path in others.values() if PurePath(path).parent != folder]
    lines = [_to_read(report, page)] if page else []
    if len(beside) > 1:
        names = ", ".join(map(_shown, beside))
        lines.append(f"Written: {_shown(folder.as_posix())}/ ({names})")
    else:
        apart = [*((folder / name).as_posix() for name in beside), *apart]
    return [*lines, *(f"Written: {_shown(path)}" for path in apart)]


def _to_read(report: GateReport, page: str) -> str:
    lost = {case for candidate in report.candidates for case in regressed_cases(candidate)}
    if not lost:
        return f"The report: {_shown(page)}"
    cases = "regressed case" if len(lost) == 1 else f"{len(lost)} regressed cases"
    told = first_of(len(lost), report.candidates) or f"the {cases}"
    return f"Read {told} side by side: {_shown(page)}"


def _shown(path: str) -> str:
    return one_line(path, _PATH_LIMIT)
