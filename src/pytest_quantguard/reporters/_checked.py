"""Is a file a report of ours, whole and of a version that is known here?"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.documents.document import Document, problems
from pytest_quantguard.documents.strict_json import NotStrict, loads
from pytest_quantguard.errors import InputError
from pytest_quantguard.reporters._words import label
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import WORST_FIRST, CandidateReport, Verdict

FORMAT_VERSION = 1
"""Version of everything under ``results.extra.quantguard``."""
MAX_BYTES = 2**30
"""Largest file that is read."""
PROBLEMS_SHOWN = 20
"""Problems named when a document is no report."""
_HINT = "give the report.json of a run"


def read(path: Path, name: str) -> Any:
    """Read a file of JSON that may be a report; `checked` tells whether it is.

    Raises:
        InputError: it cannot be read, or is no JSON; each sentence with ``name``.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{name}: no ordinary file; {_HINT}")
        if about.st_size > MAX_BYTES:
            raise InputError(f"{name}: larger than {MAX_BYTES // 2**20} MB")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read: {why}") from None
    return parsed(data, name)


def parsed(data: bytes, name: str) -> Any:
    """Return what a file of JSON holds, model text in any form included.

    Raises:
        InputError: it is no JSON; the sentence begins with ``name``.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: not UTF-8 text; is it packed? {_HINT}") from None
    if not text.strip():
        raise InputError(f"{name}: it is empty; {_HINT}")
    try:
        return loads(text, halves=True)  # model text may hold anything
    except NotStrict as error:
        if text.lstrip()[0] not in "{[":
            raise InputError(f"{name}: this is no JSON{_instead(text, name)}; {_HINT}") from None
        where = f"{name}:{error.line}" if error.line else name
        raise InputError(f"{where}: not valid JSON: {error}; is the file whole?") from None


def _instead(text: str, name: str) -> str:
    """Say what a file is by its first character, or by its name."""
    if text.lstrip().startswith("<"):
        return ", but XML or HTML"
    return ", but YAML" if name.lower().endswith((".yaml", ".yml")) else ""


def checked(document: Any, name: str) -> Json:
    """Return the document, which is a whole report of a version that is known here.

    Raises:
        InputError: it is not; what is wrong, each sentence with ``name``, and what to do.
    """
    ours = _ours(document, name)
    wrote = _part(document, "results", "tool", "version")
    by = f"pytest-quantguard {one_line(wrote, 40)}" if isinstance(wrote, str) else "another one"
    found = ours.get("version")
    if found != FORMAT_VERSION:
        newer = isinstance(found, int) and found > FORMAT_VERSION
        raise InputError(
            f"{name}: it is written in version {found!r:.20} of the format, and this "
            f"pytest-quantguard ({_here()}) reads version {FORMAT_VERSION}; "
            + (f"update to {by}, which wrote it" if newer else f"use {by}, which wrote it")
        )
    wrong = problems(Document(name, document), "report.schema.json")
    if wrong:
        more = len(wrong) - PROBLEMS_SHOWN
        also = [f"{name}: and {more} more problems"] if more > 0 else []
        if wrote != (here := _here()):
            also.append(f"{name}: {by} wrote it, and this is {here}; that one can read it")
        raise InputError([*wrong[:PROBLEMS_SHOWN], *also])
    found_whole: Json = document
    return found_whole


def _here() -> str:
    from importlib.metadata import version  # brings email and zipfile: only where it is said

    return version("pytest-quantguard")


def refuse_contradiction(name: str, what: str, said: Verdict, made: Verdict) -> None:
    """Refuse a verdict that is better than what it is made of.

    Raises:
        InputError: it is.
    """
    if WORST_FIRST.index(said) > WORST_FIRST.index(made):
        raise InputError(
            f"{name}: it says that {what} is {said.value!r}, and what it is made of says "
            f"{made.value!r}: it was changed after the run"
        )


def refuse_hollow(name: str, candidate: CandidateReport) -> None:
    """Refuse a pass that stands on nothing, which no run writes.

    Raises:
        InputError: it does.
    """
    limited = any(
        row.max_drop is not None or row.max_ratio is not None for row in candidate.budgets
    )
    if candidate.verdict is Verdict.PASS and not (candidate.compared and limited):
        what = "nothing was compared" if limited else "no budget was judged"
        raise InputError(
            f"{name}: {label(candidate.variant.name)} is said to pass, and {what}: "
            "no evidence is no pass"
        )


def _ours(document: Any, name: str) -> Json:
    """Return our part of a document.

    Raises:
        InputError: it has none; what it is instead, where that shows.
    """
    if not isinstance(document, dict):
        raise InputError(f"{name}: this is no report: a JSON object is missing; {_HINT}")
    if document.get("format") == "quantguard-shard":
        raise InputError(
            f"{name}: this is one shard of a run, which has no verdict; judge all shards with "
            "'quantguard merge', which writes a report.json"
        )
    ours = _part(document, "results", "extra", "quantguard")
    if isinstance(ours, dict):
        return ours
    what = "JSON of another kind"
    if document.get("reportFormat") == "CTRF":
        maker = document.get("generatedBy") or _part(document, "results", "tool", "name")
        what = f"a CTRF report of {one_line(str(maker), 60)}"
    raise InputError(f"{name}: this is no report of pytest-quantguard, but {what}; {_HINT}")


def _part(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document
