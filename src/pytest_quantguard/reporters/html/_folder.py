"""The files of the HTML report: index.html, and a folder beside it for everything else."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters.html._page import FOLDER, GENERATOR
from pytest_quantguard.reporters.html.cases import case_pages
from pytest_quantguard.reporters.html.index import index_page
from pytest_quantguard.verdicts import GateReport

ASSETS = ("style.css", "cases.css", "filter.js")
"""Files of this package that stand beside the case pages."""
_SAFE = re.compile(r"[a-z0-9][a-z0-9-]{0,99}\.html")
_HEAD = 2000
"""Bytes at the start of a page in which it says who made it."""


def write_folder(report: GateReport, path: Path, texts: Texts) -> None:
    """Write all files, the index last: where it stands, everything that it leads to does.

    Raises:
        QuantGuardError: a file cannot be written; names it. There is no index then.
    """
    folder = path.parent / FOLDER
    _remove(path)
    written = set()
    for name in ASSETS:
        write_whole(folder / name, Path(__file__).with_name(name).read_bytes())
    for name, text in case_pages(report, texts):
        if not _SAFE.fullmatch(name) or name in written:
            raise ValueError(f"no file name of a report, or one that is taken: {name!r}")
        write_whole(folder / name, text.encode())
        written.add(name)
    _remove_stale(folder, written)
    write_whole(path, index_page(report).encode())


def clear_pages(path: Path) -> None:
    """Remove the case pages of an older run, whose index was ``path``."""
    with suppress(QuantGuardError):  # what cannot be removed cannot be written: said then
        _remove_stale(path.parent / FOLDER, ())


def _remove_stale(folder: Path, written: Collection[str]) -> None:
    """Remove pages of an older run; what others put into the folder is left alone."""
    for page in folder.glob("*.html"):
        if page.name not in written and _is_ours(page):
            _remove(page)


def _is_ours(page: Path) -> bool:
    with suppress(OSError), page.open("rb") as file:
        return GENERATOR.encode() in file.read(_HEAD)
    return False


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        why = f"{path.parent} is no folder"
        raise QuantGuardError(f"{path}: this report cannot be written: {why}") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise QuantGuardError(f"{path}: this older report cannot be removed: {why}") from error
