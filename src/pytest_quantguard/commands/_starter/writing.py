"""Putting files in place: all of them or none, and none over another."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_quantguard._sanitize import one_line
from pytest_quantguard._whole import write_whole
from pytest_quantguard.commands._starter.files import configures_gate
from pytest_quantguard.errors import QuantGuardError

_IGNORE = ".gitignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of it: paths below the folder, with ``/`` between their parts."""

    written: tuple[str, ...]
    changed: tuple[str, ...]
    """Files that were there, and got lines added."""


def conflicts(folder: Path, drafts: Collection[str], replaces: Collection[str]) -> list[str]:
    """Say why files cannot be written: what exists already, and what is in the way.

    ``replaces`` are those which may be there.
    """
    found = []
    if folder.exists() and not folder.is_dir():
        return [f"{_named(folder)} is no folder"]
    there = [name for name in drafts if name not in replaces and os.path.lexists(folder / name)]
    if there:
        found.append(
            f"nothing was written, as these exist in {_named(folder)}: {', '.join(there)}; move "
            "them away, name another FOLDER, or replace them with --force"
        )
    if "quantguard.yaml" in drafts and configures_gate(folder):
        found.append(
            "nothing was written: pyproject.toml has [tool.quantguard] already; take it out, or "
            "name another FOLDER"
        )
    return found + [why for name in drafts if (why := _in_the_way(folder, name))]


def _in_the_way(folder: Path, name: str) -> str:
    """Say what stands where a folder has to be, or where a file has to be."""
    path = folder / name
    for parent in list(path.relative_to(folder).parents)[::-1][1:]:
        above = folder / parent
        if os.path.lexists(above) and not above.is_dir():
            return f"nothing was written: {parent.as_posix()} has to be a folder, and is none"
        if not above.resolve().is_relative_to(folder.resolve()):
            return f"nothing was written: {parent.as_posix()} leads out of {_named(folder)}"
    if path.is_dir() and not path.is_symlink():
        return f"nothing was written: {name} has to be a file, and is a folder"
    return ""


def write(folder: Path, drafts: Mapping[str, str], ignored: Sequence[str]) -> Written:
    """Write every draft, and add lines to .gitignore where they are missing.

    Raises:
        QuantGuardError: something cannot be written; then everything is as it was.
    """
    before: dict[Path, bytes | None] = {}
    made: list[Path] = []
    try:
        ignore = _ignore(folder, ignored)
        contents = {name: text.encode("utf-8") for name, text in drafts.items()}
        contents |= {} if ignore is None else {_IGNORE: ignore}
        for name, data in contents.items():
            path = folder / name
            made += _missing(path)
            before[path] = path.read_bytes() if path.exists() else None
            write_whole(path, data)
    except OSError as error:
        _undo(before, made)
        place = _named(Path(error.filename)) if error.filename else _named(folder)
        why = error.strerror or type(error).__name__
        raise QuantGuardError(f"nothing was written: {place}: {why}") from None
    changed = [_IGNORE] if before.get(folder / _IGNORE) is not None else []
    names = sorted(set(contents) - set(changed), key=lambda name: (name.startswith("."), name))
    return Written(written=tuple(names), changed=tuple(changed))


def _ignore(folder: Path, lines: Sequence[str]) -> bytes | None:
    """Return .gitignore with the lines that it lacks; None when it lacks none."""
    path = folder / _IGNORE
    had = path.read_bytes() if path.exists() else b""
    known = {line.strip() for line in had.splitlines()}
    missing = [line for line in lines if line.encode() not in known]
    if not missing:
        return None
    end = b"\r\n" if b"\r\n" in had else b"\n"
    begin = had if not had or had.endswith(b"\n") else had + end
    return begin + b"".join(line.encode() + end for line in missing)


def _missing(path: Path) -> list[Path]:
    """Return the folders that have to be made for a file, the outermost first."""
    return [parent for parent in path.parents if not parent.exists()][::-1]


def _undo(before: Mapping[Path, bytes | None], made: Sequence[Path]) -> None:
    for path, data in before.items():
        with suppress(OSError):  # what can be put back is put back
            if data is not None:
                write_whole(path, data)
            else:
                path.unlink(missing_ok=True)
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()


def _named(path: Path) -> str:
    return "this folder" if path == Path() else one_line(str(path))
