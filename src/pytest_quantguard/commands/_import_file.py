"""The golden file that ``quantguard import`` writes, or adds to: it loads, or is left as it was."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pytest_quantguard import _golden
from pytest_quantguard._registry import Registry
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.commands._import_losses import Losses
from pytest_quantguard.commands._import_settler import hoisted
from pytest_quantguard.documents.document import parse, read
from pytest_quantguard.documents.rewrite import append_cases, to_jsonl, to_yaml
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._labels import label
from pytest_quantguard.importers._records import Loss, Source
from pytest_quantguard.types import Json

_LINES = ".quant.jsonl"
_DEFAULTS = ("system", "prompt", "messages", "request", "tools", "expect", "vars", "matrix")
"""Keys of a golden file that change what its cases ask or demand."""


def target_of(options: Namespace) -> Path:
    """Return the file to write.

    Raises:
        InputError: it is no golden file, or is there and may not be replaced.
    """
    target: Path = options.into or options.to
    if target is None:
        target = Path("golden") / f"{stem_of(options.source[0])}.quant.yaml"
    if not target.name.endswith(_golden.SUFFIXES):
        known = " or ".join(_golden.SUFFIXES)
        raise InputError(f"{target}: golden files end in {known}")
    if options.into and not target.is_file():
        raise InputError(f"{target}: no such file; --to writes a new one")
    if not options.into and target.exists() and not (options.force or options.dry_run):
        raise InputError(f"{target} exists; --into adds to it, --force replaces it")
    return target


def stem_of(path: Path) -> str:
    """Return what a file, and what comes out of it, is called by default."""
    return label(path.name.partition(".")[0]) or "imported"


def ids_around(target: Path, but: Path | None) -> list[str]:
    """Return the ids of the golden files around a target: ids are unique over all files."""
    found: list[str] = []
    folder = target.parent
    for path in sorted(folder.rglob("*.quant.*"))[:1000] if folder.is_dir() else ():
        if path == but or not path.name.endswith(_golden.SUFFIXES):
            continue
        try:
            found += [case.id for case in _golden.load(path, str(path), Registry(), {})]
        except InputError:  # broken, or with checks of a conftest.py: its ids may still be read
            found += _written_ids(path)
    return found


def _written_ids(path: Path) -> Iterator[str]:
    try:
        data = read(path, path.name).data
    except InputError:
        return
    cases = data.get("cases") if isinstance(data, dict) else None
    for case in cases if isinstance(cases, list) else ():
        if isinstance(case, dict) and isinstance(case.get("id"), str):
            yield case["id"]


def write_new(target: Path, cases: Sequence[Json], comment: str) -> None:
    """Write a file of these cases; the comment stands first where the format has comments.

    Raises:
        InputError: it cannot be written, or would not load.
    """
    head, short = hoisted(cases)
    lines = target.name.endswith(_LINES)
    text = to_jsonl(short, head) if lines else comment + to_yaml(short, head)
    _put(target, text, loads=True)


def add_to(target: Path, cases: Sequence[Json]) -> None:
    """Add cases to a file; what stood there stays as it was.

    Raises:
        InputError: it cannot be written, or would not load although it did before.
    """
    name = str(target)
    with target.open(encoding="utf-8", newline="") as stream:
        text = stream.read()
    try:
        _golden.load(target, name, Registry(), {})
        loads = True
    except InputError:  # checks of a conftest.py are not known here
        loads = False
    if target.name.endswith(_LINES):
        text = text if text.endswith("\n") or not text else f"{text}\n"
        text += to_jsonl(cases)
    else:
        text = append_cases(text, cases, name)
    _put(target, text, loads=loads)


def note_defaults(target: Path, losses: Losses) -> None:
    """Say which keys of a golden file will count for the imported cases too."""
    name = str(target)
    try:
        if target.name.endswith(_LINES):
            with target.open(encoding="utf-8") as stream:
                data = parse(stream.readline(), name).data
            data = data.get("defaults") if isinstance(data, dict) else None
        else:
            data = read(target, name).data
    except (InputError, OSError, UnicodeDecodeError):
        return  # said when the file is written
    keys = [key for key in _DEFAULTS if isinstance(data, dict) and key in data]
    if keys:
        why = f"the file's own {', '.join(keys)} count for the imported cases too"
        losses.add(Loss(place=name, what="the cases as they were", why=why))


def _put(target: Path, text: str, *, loads: bool) -> None:
    """Write a file beside its place, prove that it loads, then move it there."""
    suffix = next(end for end in _golden.SUFFIXES if target.name.endswith(end))
    beside = target.with_name(f".{target.name.removesuffix(suffix)}.{os.getpid()}{suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8", newline="")
        if loads:
            _golden.load(beside, str(target), Registry(), {})
        os.replace(beside, target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            beside.unlink()


def comment_of(source: Source, name: str, losses: Losses) -> str:
    """Return the beginning of a golden file: where it comes from, and what it lacks."""
    names = one_line(", ".join(source.names), 400)
    lines = [f"Imported from {names} ({name}).", *losses.lines()]
    return "".join(f"# {one_line(line, 400)}\n" for line in lines)
