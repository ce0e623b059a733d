"""The pieces that several pages share: badges, tables, things folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.verdicts import Verdict

_SIGNS = {
    Verdict.PASS: "\N{CHECK MARK}",
    Verdict.FAIL: "\N{MULTIPLICATION X}",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_COMPARABLE: "\N{NOT EQUAL TO}",
    Verdict.ERROR: "!",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    title: str
    number: bool = False
    """Set to the right, with figures of one width."""
    class_: str = ""
    head: Child = None
    """What stands in the head instead of the title."""


def badge(verdict: Verdict) -> Markup:
    """Return a verdict as a word with a sign and a colour; the word is enough."""
    sign = tag("span", _SIGNS[verdict], aria_hidden="true", class_="sign")
    return tag("span", sign, verdict.word, class_=f"badge {verdict_class(verdict)}")


def verdict_class(verdict: Verdict) -> str:
    """Return the class that gives a verdict its colour: ``is-not-comparable``."""
    return f"is-{verdict.value.replace(' ', '-')}"


def table(
    caption: str, columns: Sequence[Column], *bodies: Iterable[Markup], class_: str = ""
) -> Markup:
    """Return a table in a box that scrolls by itself, or stacks its rows on a narrow screen.

    Roles are written out: stacked rows would no longer be a table to a screen reader.
    """
    heads = (
        tag(
            "th",
            column.title if column.head is None else column.head,
            scope="col",
            role="columnheader",
            class_=_class_of(column),
        )
        for column in columns
    )
    content = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", heads, role="row"), role="rowgroup"),
        *(tag("tbody", body, role="rowgroup") for body in bodies),
        role="table",
        class_=f"stack {class_}".strip(),
    )
    return tag("div", content, class_="scroll", tabindex=0, role="region", aria_label=caption)


def row(columns: Sequence[Column], cells: Sequence[Child], class_: str = "") -> Markup:
    """Return a row; its first cell is its head. None leaves out the cell on a narrow screen."""
    (first, *others), (name, *values) = columns, cells
    found = [tag("th", name, scope="row", role="rowheader", class_=_class_of(first))]
    for column, value in zip(others, values, strict=True):
        classes = " ".join(filter(None, (_class_of(column), "" if value else "empty")))
        found.append(tag("td", value, role="cell", data_label=column.title, class_=classes or None))
    return tag("tr", found, role="row", class_=class_ or None)


def folded(summary: Child, *content: Child, class_: str = "") -> Markup:
    """Return something that opens on demand, without a script."""
    return tag("details", tag("summary", summary), *content, class_=class_ or None)


def wide(drawn: Child, name: str) -> Markup:
    """Return a picture over the whole width; on a narrow screen it scrolls by itself."""
    return tag("figure", drawn, class_="wide", tabindex=0, role="group", aria_label=name)


def listed(items: Iterable[Child], class_: str = "") -> Markup | None:
    """Return a list; None where there is nothing to list."""
    found = [tag("li", item) for item in items]
    return tag("ul", found, class_=class_ or None) if found else None


def counted(count: int, one: str, many: str = "") -> str:
    """Return ``1 case`` or ``1,240 cases``."""
    return f"1 {one}" if count == 1 else f"{count:,} {many or one + 's'}"


def _class_of(column: Column) -> str | None:
    return " ".join(filter(None, ("num" if column.number else "", column.class_))) or None
