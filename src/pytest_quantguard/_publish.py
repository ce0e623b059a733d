"""Making a report known: the files, the lines of the terminal, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_quantguard import _tally
from pytest_quantguard._auto import yaml_lines
from pytest_quantguard._registry import Names
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.verdicts import GateReport, Verdict

if TYPE_CHECKING:
    from pytest_quantguard.reporters._texts import Texts

FILES = {"json": "report.json"}
"""What stands in the report folder after each run: the reporter, and the name of its file."""


def targets(folder: Path, junit: Path | None) -> dict[str, Path]:
    """Return which reporter writes which file."""
    found = {name: folder / file for name, file in FILES.items()}
    return {**found, **({"junit": junit} if junit else {})}


def clear(files: Mapping[str, Path]) -> None:
    """Remove the last run's reports: a run without a verdict must not leave an older one."""
    for path in files.values():
        with suppress(OSError):  # what cannot be removed cannot be written: said then
            path.unlink(missing_ok=True)


def write(
    report: GateReport,
    files: Mapping[str, Path],
    reporters: Names,
    texts: Texts,
    start: Path,
) -> list[str]:
    """Write the reports; return their names, relative to ``start`` where they are below it.

    Raises:
        QuantGuardError: a report cannot be written; names the path.
    """
    for name, path in files.items():
        reporters.get(name)(report, path, texts)
    return [relative(path, start) for path in files.values()]


def relative(path: Path, folder: Path) -> str:
    """Return a path for people: from a folder on, where it is in it."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def terminal_lines(
    report: GateReport,
    texts: Texts,
    *,
    width: int,
    colour: bool,
    verbosity: int,
    auto: bool,
) -> list[str]:
    """Return what the terminal shows of a report; ``auto``: its budgets chose themselves."""
    from pytest_quantguard.reporters import terminal

    lines = terminal.render(
        report,
        width=width,
        colour=colour,
        unicode=_speaks_unicode(),
        verbosity=verbosity,
        texts=texts,
    )
    remarks = [f"Note: {one_line(r, 500)}" for r in report.provenance["remarks"]]
    return [*(auto_lines(report) if auto else []), *lines, *remarks]


def auto_lines(report: GateReport) -> list[str]:
    """Return the budgets that were found automatically, to paste and to keep."""
    left_out = [f"  # left out: {text}" for text in report.provenance["left_out"]]
    found = map(_tally.budget_from, report.provenance["budgets"])
    return ["budgets: auto, which for these cases is", *yaml_lines(found), *left_out, ""]


def exit_code(report: GateReport, inconclusive: Literal["fail", "warn"]) -> int:
    """Return 0 for all passed, 10 when nothing but proof is missing, 1 for everything else."""
    rows = {row.verdict for candidate in report.candidates for row in candidate.budgets}
    found = rows | {report.verdict}
    if found <= {Verdict.PASS}:
        return 0
    if found <= {Verdict.PASS, Verdict.INCONCLUSIVE}:
        return 10 if inconclusive == "fail" else 0
    return 1


def _speaks_unicode() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
