"""What of this machine matters to a run: versions, plugins, folders, disk, clock."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from pytest_quantguard._plural import counted
from pytest_quantguard.doctor.records import MACHINE, Finding, Level
from pytest_quantguard.errors import QuantGuardError

_LOW, _TOO_LOW = 2**30, 2**26
"""Free bytes on the disk of the cache, below which there is a warning, and no run."""
_DRIFT_S = 120.0
_VERSIONS = ("pytest-quantguard", "pytest", "pytest-xdist", "httpx", "xllamacpp")

_DISTURBERS: Mapping[str, tuple[Level, str, str]] = {
    # Name of the entry point -> level, what it does to a run, and what to do.
    "deepeval": (
        "warn",
        "deepeval's plugin adds seconds to every start of pytest, this gate's too",
        "pytest -p no:deepeval",
    ),
    "rerunfailures": (
        "ok",
        "pytest-rerunfailures: --reruns repeats no golden case to a better verdict; its own counts "
        "may differ from the gate's",
        "",
    ),
    "flaky": ("ok", "flaky: it repeats no golden case to a better verdict", ""),
    "anyio": ("ok", "anyio's plugin costs every run 0.1 to 0.3 s; '-p no:anyio' saves them", ""),
    "timeout": (
        "ok",
        "pytest-timeout: a golden item waits for answers; --timeout has to be above 'timeout_s', "
        "and timeout_method=thread would end the whole run",
        "",
    ),
    "allure_pytest": (
        "ok",
        "allure: its own report has the golden cases, but not the verdicts; ours have both",
        "",
    ),
    "socket": (
        "warn",
        "pytest-socket: with --disable-socket no endpoint can be asked",
        "--allow-hosts=127.0.0.1,... names the hosts of quantguard.yaml",
    ),
    "recording": (
        "warn",
        "pytest-recording: with --block-network no endpoint can be asked, and a cassette would "
        "answer in place of the model",
        "pytest -p no:recording",
    ),
    "vcr": (
        "ok",
        "pytest-vcr: a cassette around golden cases would answer in place of the model",
        "",
    ),
    "testmon": (
        "warn",
        "pytest-testmon leaves tests out whose code has not changed; a model changes without code",
        "pytest -p no:testmon",
    ),
    "repeat": (
        "ok",
        "pytest-repeat: --count repeats no golden case; 'samples:' in a golden file does",
        "",
    ),
}


def look(cache: Path | None, report: Path | None, history: Path | None) -> list[Finding]:
    """Return what was found; None stands for what the configuration does not tell."""
    found = [*_versions(), *_plugins(), *_clock(cache)]
    if cache is not None:
        found += [*_folder(cache, "cache"), *_disk(cache)]
    if report is not None:
        found += _folder(report, "report")
    if history is not None:
        found += _history(history)
    return found


def _found(level: Level, topic: str, saw: str, fix: str = "") -> Finding:
    return Finding(level=level, about=MACHINE, topic=topic, saw=saw, fix=fix)


# --- programs -----------------------------------------------------------------------------


def _versions() -> Iterator[Finding]:
    known = {name: found for name in _VERSIONS if (found := _version(name))}
    told = ", ".join(f"{name} {number}" for name, number in known.items())
    yield _found("ok", "versions", f"Python {platform.python_version()}, {told}")
    xdist, pytest = known.get("pytest-xdist"), known.get("pytest", "")
    if xdist is None:
        return
    yield _found("ok", "xdist", "pytest -n N gives the same verdicts with the same requests")
    if _parts(xdist) <= (3, 8, 0) and _parts(pytest) >= (9, 2):
        saw = f"--dist=loadgroup of pytest-xdist {xdist} does not group with pytest {pytest}"
        yield _found("ok", "xdist", f"{saw}; golden cases need no groups")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _parts(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split(".")[:3] if part.isdigit())


def _plugins() -> Iterator[Finding]:
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        saw = "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set: pytest loads no plugin by itself"
        yield _found("warn", "plugins", saw, "pytest -p quantguard ...")
    installed = {one.name for one in entry_points(group="pytest11")}
    for name in sorted(installed & set(_DISTURBERS)):
        level, saw, fix = _DISTURBERS[name]
        yield _found(level, "plugins", saw, fix)


# --- folders ------------------------------------------------------------------------------


def _folder(folder: Path, what: str) -> Iterator[Finding]:
    """Find out whether files can be written, by writing one: rights alone do not tell."""
    there = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"?")
    except OSError as error:
        why = error.strerror or type(error).__name__
        saw = f"the folder {_near(folder)} cannot be written: {why}"
        fix = f"mend its rights, or name another one: '{what}: FOLDER' in the configuration"
        yield _found("wrong", what, saw, fix)
        return
    size = "" if there == folder else ", which a run will make"
    yield _found("ok", what, f"{_near(folder)} can be written{size}")


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(_nearest(folder)).free
    saw = f"{free / 2**30:.1f} GiB are free on the disk of the cache"
    level: Level = "ok" if free >= _LOW else "warn" if free >= _TOO_LOW else "wrong"
    fix = "" if level == "ok" else "make room: an answer takes a few KB, the report of a run MBs"
    yield _found(level, "disk", saw, fix)


def _history(path: Path) -> Iterator[Finding]:
    from pytest_quantguard.history.store import opened

    if not path.exists():
        yield _found("ok", "history", "none yet; the first run begins it")
        return
    try:
        with opened(path, write=False) as connection:
            (runs,) = connection.execute("SELECT count(*) FROM run").fetchone()
        yield _found("ok", "history", f"{_near(path)} remembers {counted(int(runs), 'run')}")
    except QuantGuardError as error:
        fix = f"move {_near(path)} away: the next run begins a new one"
        yield _found("wrong", "history", str(error), fix)


def _clock(near: Path | None) -> Iterator[Finding]:
    """Compare the clock with that of the disk, and with the newest file of a run."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"?")
            file.flush()
            written = os.fstat(file.fileno()).st_mtime
        newest = max([written, *_times(near)])
    except OSError:
        return  # no place for a file: said where a folder is looked at
    behind = newest - time.time()
    if behind > _DRIFT_S:
        saw = f"the clock is {behind:.0f} s behind files that were written before"
        yield _found("warn", "clock", saw, "set it: timedatectl status")
    else:
        yield _found("ok", "clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def _times(folder: Path | None) -> list[float]:
    if folder is None or not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [entry.stat(follow_symlinks=False).st_mtime for entry in entries]


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next((one for one in (folder, *folder.parents) if one.exists()), Path())


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
