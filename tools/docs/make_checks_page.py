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


def page() -> str:
    """Return the whole page."""
    checks = Registry().checks
    return "\n".join([HEAD, *(section(key, checks.get(key)) for key in sorted(checks))])


def section(key: str, check: type) -> str:
    """Return one check's section: indented blocks of the docstring become code blocks."""
    lines = [f"## {key}", ""]
    for paragraph in (inspect.getdoc(check) or "").split("\n\n"):
        first, *rest = paragraph.split("\n")
        body = [line.removeprefix("    ").replace("``", "") for line in rest]
        if first.startswith("Parameters"):
            lines += [first, "", "```text", *body, "```", ""]
        elif first == "Example:":
            for number, example in enumerate(examples(body)):
                lines += ["or" if number else first, "", "```yaml", *example, "```", ""]
        else:
            lines += [paragraph.replace("``", "`"), ""]
    return "\n".join(lines)


def examples(body: list[str]) -> list[list[str]]:
    """Split a list of checks: a case may have each check once, so each is an example of its own."""
    head, found = body[0], []
    for line in body[1:]:
        if line.startswith("  - "):
            found.append([head])
        found[-1].append(line)
    return found


if __name__ == "__main__":
    Path("docs/checks.md").write_text(page(), encoding="utf-8")
