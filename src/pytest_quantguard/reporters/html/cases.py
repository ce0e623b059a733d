"""The pages of the cases, per candidate and cohort: what broke first, what held last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

from pytest_quantguard.reporters import _views
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._words import budget_sentence, group_name, label
from pytest_quantguard.reporters.html._case import Context, article, line
from pytest_quantguard.reporters.html._entries import STATUSES, WORDS, Entry, Status, entries
from pytest_quantguard.reporters.html._filters import classes_of_checks, filters
from pytest_quantguard.reporters.html._markup import Child, Markup, join, tag
from pytest_quantguard.reporters.html._page import page
from pytest_quantguard.reporters.html._pieces import badge, counted, folded, listed
from pytest_quantguard.verdicts import WORST_FIRST, CandidateReport, GateReport

PAGE_CASES = 100
"""Most cases on a page that are shown in full."""
PAGE_BYTES = 1_000_000
"""Bytes of cases from which on a page is full; a single case may be more."""
HELD = 20
"""So many cases that hold in both arms, a line each, take the room of one that is shown."""
STYLE = "cases.css"
_UNSAFE = re.compile(r"[^a-z0-9]+")


def page_of(number: int, cohort: str, page_number: int = 1) -> str:
    """Return the file name of a page of a cohort, of the candidate at index ``number``.

    The cohort's name is folded to letters and figures, and told apart by its hash.
    """
    name = _UNSAFE.sub("-", cohort.lower()).strip("-")[:40].strip("-") or "cohort"
    digest = sha256(cohort.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    more = "" if page_number == 1 else f"-p{page_number}"
    return f"{number + 1}-{name}-{digest}{more}.html"


def case_pages(report: GateReport, texts: Texts) -> Iterator[tuple[str, str]]:
    """Yield file name and HTML of each page, in a fixed order; names are ours alone.

    A cohort's first page comes after its others: it says on which page each part begins. No more
    than two pages are held at once.
    """
    all_cohorts = [_views.cohorts(candidate) for candidate in report.candidates]
    for number, candidate in enumerate(report.candidates):
        by_cohort = entries(candidate)
        findings = {(o.cohort, o.case, o.check): f for o, f in _views.findings(candidate)}
        measured = {(m.cohort, m.case): m for m in candidate.measurements}
        for cohort in all_cohorts[number]:
            cases = by_cohort.get(cohort, [])
            classes = classes_of_checks(found.check for entry in cases for found in entry.found)
            context = Context(
                names=(report.baseline.name, candidate.variant.name),
                texts=texts,
                findings={key[1:]: f for key, f in findings.items() if key[0] == cohort},
                measured={key[1]: m for key, m in measured.items() if key[0] == cohort},
                classes=classes,
            )
            yield from _Cohort(report, number, cohort, ordered(cases), context, all_cohorts).pages()


def ordered(cases: Sequence[Entry]) -> list[Entry]:
    """Put the cases that matter most first: by status, then critical, then by loss."""
    rank = {status: place for place, status in enumerate(STATUSES)}
    return sorted(cases, key=lambda e: (rank[e.status], not e.critical, -e.worst))


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What stands on one page: the cases ``first`` and following, counted from 1."""

    number: int
    first: int
    cases: list[tuple[Status, Markup]]

    @property
    def last(self) -> int:
        return self.first + len(self.cases) - 1


@dataclass(frozen=True, slots=True)
class _Cohort:
    """The pages of one cohort of one candidate."""

    report: GateReport
    number: int
    cohort: str
    cases: list[Entry]
    context: Context
    all_cohorts: Sequence[Sequence[str]]
    """Of each candidate."""

    @property
    def candidate(self) -> CandidateReport:
        return self.report.candidates[self.number]

    def pages(self) -> Iterator[tuple[str, str]]:
        """Yield all pages, the first one last."""
        starts: dict[Status, int] = {}
        begun: list[tuple[int, int]] = []
        first, held = None, None
        for sheet in self.sheets():
            begun.append((sheet.number, sheet.first))
            for status, _ in sheet.cases:
                starts.setdefault(status, sheet.number)
            if held is not None and held.number > 1:
                yield self.page(held, starts, more=True)
            first, held = first or sheet, sheet
        if held is not None and held.number > 1:
            yield self.page(held, starts, more=False)
        if first is not None:
            yield self.page(first, starts, more=len(begun) > 1, begun=begun)

    def sheets(self) -> Iterator[_Sheet]:
        """Share the cases out; there is always one sheet, if an empty one."""
        sheet, weight, size = _Sheet(1, 1, []), 0, 0
        for entry in self.cases:
            held = entry.status == "held"
            piece = (line if held else article)(entry, self.context)
            more = 1 if held else HELD
            if sheet.cases and (weight + more > PAGE_CASES * HELD or size > PAGE_BYTES):
                yield sheet
                sheet, weight, size = _Sheet(sheet.number + 1, sheet.last + 1, []), 0, 0
            sheet.cases.append((entry.status, piece))
            weight += more
            size += len(piece.encode())
        yield sheet

    def page(
        self,
        sheet: _Sheet,
        starts: Mapping[Status, int],
        *,
        more: bool,
        begun: Sequence[tuple[int, int]] = (),
    ) -> tuple[str, str]:
        """Return one page's name and HTML."""
        name = page_of(self.number, self.cohort, sheet.number)
        cohort, variant = label(self.cohort), label(self.candidate.variant.name)
        heading = f"{cohort}: {variant} against {label(self.report.baseline.name)}"
        turns = self.turns(sheet, more=more)
        html = page(
            heading if sheet.number == 1 else f"{heading}, page {sheet.number}",
            tag(
                "h1", cohort, tag("small", f"{variant} against {label(self.report.baseline.name)}")
            ),
            self.budgets() if sheet.number == 1 else None,
            self.parts(sheet, starts),
            self.neighbours(),
            filters(self.context.classes),
            turns,
            *self.sections(sheet, starts),
            turns,
            self.contents(begun),
            root="../",
            trail=[(f"{variant} / {cohort}", name)],
            styles=(STYLE,),
            script=True,
        )
        return name, html

    # --- parts of a page ---

    def budgets(self) -> Markup | None:
        """Return the verdicts on this cohort, the worst first."""
        rows = [row for row in self.candidate.budgets if row.cohort == self.cohort]
        rows.sort(key=lambda row: WORST_FIRST.index(row.verdict))
        return listed(
            (
                [badge(row.verdict), " ", tag("strong", group_name(row)), ": ",
                 budget_sentence(row, self.candidate)]
                for row in rows
            ),
            class_="verdicts",
        )  # fmt: skip

    def parts(self, sheet: _Sheet, starts: Mapping[Status, int]) -> Markup:
        """Count the cases of each status; on the first page the counts lead to them."""
        here = {status for status, _ in sheet.cases}
        items = []
        for status in STATUSES:
            count = sum(entry.status == status for entry in self.cases)
            told: list[Child] = [tag("strong", f"{count:,}"), f" {WORDS[status]}"]
            on = starts.get(status) if sheet.number == 1 else None
            address = "" if on is None else f"{page_of(self.number, self.cohort, on)}#{status}"
            content = tag("a", *told, href=address) if address else tag("span", *told)
            # The index leads here by the names of the parts, wherever they begin.
            anchor = status if sheet.number == 1 and status not in here else None
            kind = f"s-{status}" if count else "none"
            items.append(tag("li", content, id=anchor, class_=kind))
        return tag("ul", items, class_="parts")

    def neighbours(self) -> Markup | None:
        """Lead to the other cohorts, and to this one in the other candidates."""
        groups = []
        others = [c for c in self.all_cohorts[self.number] if c != self.cohort]
        if others:
            links = [tag("a", label(c), href=page_of(self.number, c)) for c in others]
            groups.append(self.links("Other cohorts", links))
        same = [
            tag("a", label(candidate.variant.name), href=page_of(number, self.cohort))
            for number, candidate in enumerate(self.report.candidates)
            if number != self.number and self.cohort in self.all_cohorts[number]
        ]
        if same:
            groups.append(self.links("Other candidates", same))
        return tag("nav", groups, aria_label="Other pages", class_="others") if groups else None

    @staticmethod
    def links(title: str, links: Iterable[Markup]) -> Markup:
        """Return a line of links."""
        parts = [part for link in links for part in (" ", link)]
        return tag("p", tag("span", title, class_="role"), *parts)

    def turns(self, sheet: _Sheet, *, more: bool) -> Markup | None:
        """Lead to the pages before and after; nothing where there is one page."""
        if not more and sheet.number == 1:
            return None
        told = f"cases {sheet.first:,}-{sheet.last:,} of {len(self.cases):,}"
        steps: list[Child] = []
        if sheet.number > 1:
            steps += [self.turn("first page", 1), self.turn("previous", sheet.number - 1)]
        steps.append(tag("span", told))
        if more:
            steps.append(self.turn("next", sheet.number + 1))
        return tag(
            "nav",
            [part for step in steps for part in (step, " ")],
            aria_label=f"Pages, {told}",
            class_="turns",
        )

    def turn(self, text: str, number: int) -> Markup:
        """Return a link to a page of this cohort."""
        return tag("a", text, href=page_of(self.number, self.cohort, number), class_="turn")

    def contents(self, begun: Sequence[tuple[int, int]]) -> Markup | None:
        """Lead to every page, from the first one."""
        if len(begun) < 2:
            return None
        links = [
            self.turn(f"page {number} (from case {first:,} on)", number)
            for number, first in begun[1:]
        ]
        return folded(counted(len(begun), "page"), listed(links), class_="contents")

    def sections(self, sheet: _Sheet, starts: Mapping[Status, int]) -> Iterator[Markup]:
        """Yield the cases of a page, those of one status under a heading."""
        if not sheet.cases:
            yield tag("p", "No case of this cohort was asked.", class_="note")
        for status, found in groupby(sheet.cases, key=lambda case: case[0]):
            pieces = [piece for _, piece in found]
            again = "" if starts[status] == sheet.number else ", continued"
            word = WORDS[status]
            heading = tag("h2", f"{word[0].upper()}{word[1:]}{again}")
            body: Child = join(pieces)
            if status == "held":
                told = "Every check holds in both arms; their texts are not kept in the report."
                body = [tag("p", told, class_="note"), tag("ul", body, class_="held")]
            yield tag("section", heading, body, id=status, class_=f"part s-{status}")
