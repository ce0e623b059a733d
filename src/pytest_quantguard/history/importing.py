"""Reports of other machines for the history: files, folders, and the zip files of CI artifacts.

They come from elsewhere, so that nothing in them is taken on trust: sizes are capped, a zip file is
read in memory and never unpacked, and only entries called report.json are looked at.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.errors import InputError
from pytest_quantguard.history.records import KeptRun, case_digests, of_report
from pytest_quantguard.reporters._checked import parsed
from pytest_quantguard.reporters.json import from_json

REPORT = "report.json"
MAX_BYTES = 256 * 1024 * 1024
"""Of one report, unpacked."""
MAX_ZIP = 8 * MAX_BYTES
"""Of all reports in one zip file, unpacked: small files unpack to any size."""
MAX_ENTRIES = 10_000
"""Files in a zip, and reports in a folder, that are looked at."""
_BROKEN = (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError)
"""What reading a damaged, encrypted or odd zip file raises; zlib's own error is added below."""


def found(path: Path, name: str) -> Iterator[KeptRun | InputError]:
    """Yield the run of each report in a file, folder or zip, or what is wrong with it.

    Args:
        path: what was given.
        name: how messages call it.
    """
    try:
        if path.is_dir():
            yield from _folder(path, name)
            return
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{name}: no ordinary file")
        if zipfile.is_zipfile(path):
            yield from _zip(path, name)
            return
        yield _run(_bytes(path, name), name)
    except InputError as error:
        yield error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        yield InputError(f"{name}: cannot be read: {one_line(why)}")


def _folder(path: Path, name: str) -> Iterator[KeptRun | InputError]:
    reports = sorted(path.rglob(REPORT))
    if not reports:
        raise InputError(f"{name}: no {REPORT} in this folder")
    if len(reports) > MAX_ENTRIES:
        raise InputError(f"{name}: more than {MAX_ENTRIES} reports; give its folders one by one")
    for report in reports:
        yield from found(report, one_line(str(report)))


def _zip(path: Path, name: str) -> Iterator[KeptRun | InputError]:
    import zlib

    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise InputError(f"{name}: more than {MAX_ENTRIES} files in it")
            reports = [one for one in entries if one.filename.rsplit("/", 1)[-1] == REPORT]
            if not reports:
                raise InputError(f"{name}: no {REPORT} in it")
            room = MAX_ZIP
            for entry in reports:
                place = f"{name}:{one_line(entry.filename)}"
                try:
                    with archive.open(entry) as file:
                        data = file.read(min(MAX_BYTES, room) + 1)
                    if (room := room - len(data)) < 0:
                        raise InputError(f"{name}: unpacked larger than {MAX_ZIP // 2**20} MB")
                    yield _run(data, place)
                except InputError as error:
                    yield error
                    if room < 0:
                        return
                except (*_BROKEN, zlib.error) as error:
                    yield InputError(f"{place}: cannot be unpacked: {one_line(str(error))}")
    except (*_BROKEN, zlib.error) as error:
        raise InputError(f"{name}: this zip file is damaged: {one_line(str(error))}") from None


def _bytes(path: Path, name: str) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _run(data: bytes, name: str) -> KeptRun:
    if len(data) > MAX_BYTES:
        raise InputError(f"{name}: larger than {MAX_BYTES // 2**20} MB")
    document = parsed(data, name)
    cases = _cases(document)
    try:
        report = from_json(_without_cases(document), name)
    except InputError as error:
        first, *others = error.problems
        raise InputError(f"{first} (and {len(others)} more)" if others else first) from None
    try:
        run = of_report(report)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return replace(run, cases=case_digests(cases, run.facts.get("cases")))


# --- without its cases ---------------------------------------------------------------------

# Checking each case of a report against its schema takes most of the time, and the history wants
# to know nothing about a case but that it is there.

_PER_CASE = ("measurements", "layers", "readings", "routes")


def _cases(document: Any) -> set[tuple[str, str]]:
    """Return cohort and id of each case that is told of."""
    found = [_dict(_dict(test).get("extra")) for test in _list(_results(document), "tests")]
    told = [_dict(extra.get(kind)) for extra in found for kind in ("outcome", "mishap")]
    for candidate in _list(_ours(document), "candidates"):
        told += map(_dict, _list(_dict(candidate), "measurements"))
    pairs = [(one.get("cohort"), one.get("case")) for one in told]
    return {(a, b) for a, b in pairs if a and isinstance(a, str) and b and isinstance(b, str)}


def _without_cases(document: Any) -> Any:
    """Empty the parts that are about single cases; whatever has another shape stays as it is."""
    tests, summary = _results(document).get("tests"), _dict(_results(document).get("summary"))
    if not isinstance(tests, list) or summary.get("tests") != len(tests):
        return document  # a part is missing: reading it says so
    found = [(test, _dict(_dict(test).get("extra"))) for test in reversed(tests)]
    firsts = {str(extra.get("candidate")): test for test, extra in found if "outcome" in extra}
    _results(document)["tests"] = [*firsts.values()]  # that anything was compared is looked at
    summary["tests"] = len(firsts)
    ours = _ours(document)
    ours |= {key: {} for key in ("completions", "requests") if isinstance(ours.get(key), dict)}
    for candidate in map(_dict, _list(ours, "candidates")):
        candidate |= {key: [] for key in _PER_CASE if isinstance(candidate.get(key), list)}
        for budget in map(_dict, _list(candidate, "budgets")):
            if isinstance(budget.get("regressed"), list):
                budget["regressed"] = []
    return document


def _results(document: Any) -> dict[str, Any]:
    return _dict(_dict(document).get("results"))


def _ours(document: Any) -> dict[str, Any]:
    return _dict(_dict(_results(document).get("extra")).get("quantguard"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []
