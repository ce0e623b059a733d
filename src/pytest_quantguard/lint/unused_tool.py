"""Tools that are offered and that no case expects: distractors on purpose, or forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_quantguard.lint import Finding, Outset
from pytest_quantguard.lint._parameters import texts_of
from pytest_quantguard.types import GoldenCase

RULE = "unused-tool"


def find(outset: Outset) -> Iterator[Finding]:
    """Yield a note for each tool that a golden file offers and none of its cases names."""
    files: dict[str, list[GoldenCase]] = {}
    for case in outset.cases:
        if case.id not in outset.scripted:
            files.setdefault(case.source.file, []).append(case)
    for cases in files.values():
        offered: dict[str, GoldenCase] = {}
        for case in cases:
            for tool in case.request.tools:
                name = (tool.get("function") or {}).get("name")
                if isinstance(name, str):
                    offered.setdefault(name, case)
        named = {text for case in cases for check in case.checks for text in texts_of(check)}
        for name, case in offered.items():
            if name not in named:
                yield Finding(
                    rule=RULE,
                    severity="note",
                    place=case.source.file,
                    text=f"the tool {name!r} is offered, and no case of this file expects a call "
                    "of it: add one, or take it away unless it is there to distract",
                )
