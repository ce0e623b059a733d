"""Choosing what a page shows: by status and by check without a script, by words with one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_quantguard.reporters._words import label
from pytest_quantguard.reporters.html._entries import STATUSES, WORDS
from pytest_quantguard.reporters.html._markup import Markup, tag

CHECKS = 40
"""Checks of a cohort that can be chosen: cases.css has a rule for each."""


def classes_of_checks(checks: Iterable[str]) -> dict[str, str]:
    """Return a class for each check, ``k1`` and following, by the order of their names."""
    return {check: f"k{number}" for number, check in enumerate(sorted(set(checks)), 1)}


def filters(classes: Mapping[str, str]) -> Markup:
    """Return what chooses among the cases of a page; the search appears where scripts run."""
    statuses = [("all", "all"), *((status, WORDS[status]) for status in STATUSES)]
    checks = [("all", "all"), *((c, label(name)) for name, c in list(classes.items())[:CHECKS])]
    more = len(classes) - CHECKS
    return tag(
        "div",
        _choice("status", "Show cases", statuses),
        _choice("check", "With the check", checks) if len(classes) > 1 else None,
        tag("p", f"{more:,} more checks can be found by their names.") if more > 0 else None,
        tag(
            "p",
            tag("label", "Find in this page", for_="find"),
            " ",
            tag("input", type="search", id="find", autocomplete="off"),
            " ",
            tag("output", id="found", for_="find"),
            hidden=True,
            id="search",
        ),
        class_="filters",
    )


def _choice(name: str, title: str, values: Iterable[tuple[str, str]]) -> Markup:
    """Return buttons of which one is pressed; what they are called is text, what they do is not."""
    buttons = []
    for number, (value, text) in enumerate(values):
        known = f"{name}-{value}"
        button = tag("input", type="radio", name=name, value=value, id=known, checked=not number)
        buttons.append(tag("span", button, tag("label", text, for_=known)))
    return tag("fieldset", tag("legend", title), buttons)
