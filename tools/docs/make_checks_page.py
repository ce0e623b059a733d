"""Writes docs/checks.md from the checks' own docstrings, so that the page cannot be out of date.

Run it from the repository's root after changing a check; a test compares the page with what this
would write.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from pytest_quantguard._registry import Registry

HEAD = """\
# Checks

A check is one property of an answer, named under `expect` in a [golden file](golden-files.md). It
is judged on both models; what counts is where the two differ. A check that breaks is an error of
the check, never the model's failure. An empty answer satisfies no check.

*This page is written by `tools/docs/make_checks_page.py` from the docstrings in
`src/pytest_quantguard/checks/`.*
"""
BLOCKS = ("Parameters", "Example")


def page() -> str:
    """Return the whole page."""
    checks = Registry().checks
    return "\n".join([HEAD, *(section(key, checks.get(key)) for key in sorted(checks))])


def section(key: str, check: type) -> str:
    """Return one check's section: indented blocks of the docstring become code blocks."""
    lines = [f"## {key}", ""]
    for paragraph in (inspect.getdoc(check) or "").split("\n\n"):
        first, *rest = paragraph.split("\n")
        if first.startswith(BLOCKS) and first.endswith(":"):
            language = "yaml" if first.startswith("Example") else "text"
            body = [line.removeprefix("    ").replace("``", "") for line in rest]
            lines += [first, "", f"```{language}", *body, "```", ""]
        else:
            lines += [paragraph.replace("``", "`"), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    Path("docs/checks.md").write_text(page(), encoding="utf-8")
