"""The report as pages: an index, and the cases side by side; static, without outside resources."""

from __future__ import annotations

from pathlib import Path

from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters.html._folder import clear_pages, write_folder
from pytest_quantguard.verdicts import GateReport

__all__ = ["clear_pages", "write"]


def write(report: GateReport, path: Path, texts: Texts) -> None:
    """Write ``path``, which is ``index.html``, and everything else into ``html/`` beside it.

    Raises:
        QuantGuardError: a file cannot be written; names it. There is no index then.
    """
    write_folder(report, path, texts)
