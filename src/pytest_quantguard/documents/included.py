"""``{$file: name}``: what another file of the golden folder holds.

Names are relative to the file they stand in. Nothing outside the golden folder is ever read, links
resolved; nor is anything but an ordinary file. Each file is read once.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.documents.document import MAX_BYTES, read, read_text
from pytest_quantguard.documents.strict_json import MAX_DEPTH, deep
from pytest_quantguard.errors import InputError

KEY = "$file"
_DATA = (".yaml", ".yml", ".json")
_MB = MAX_BYTES // 2**20
_MOST_NESTED = 8


class Included:
    """The files that one golden file refers to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._known: dict[Path, tuple[Any, int]] = {}
        """What a file holds, its own references replaced, and how many bytes that stands for."""
        self._targets: dict[tuple[Path, str], Path] = {}
        self._open: list[Path] = []

    def resolve(self, value: Any) -> Any:
        """Return ``value`` with every ``{$file: name}`` replaced; what has none is not copied.

        Raises:
            InputError: a file cannot be used; the sentence names it.
        """
        try:
            if not _refers(value):
                return value
            content, size = self._resolve(value, self.folder)
        except RecursionError:
            raise InputError("files that refer to files are nested too deep") from None
        if size > MAX_BYTES:
            raise InputError(f"{{{KEY}: ...}} stands for more than {_MB} MB; split it")
        if deep(content):
            raise InputError(f"with its files it is nested deeper than {MAX_DEPTH} levels")
        return content

    def _resolve(self, value: Any, folder: Path) -> tuple[Any, int]:
        if isinstance(value, Mapping):
            if value.keys() == {KEY}:
                return self._file(value[KEY], folder)
            pairs = {key: self._resolve(item, folder) for key, item in value.items()}
            return {key: item for key, (item, _) in pairs.items()}, sum(
                size for _, size in pairs.values()
            )
        if isinstance(value, list):
            items = [self._resolve(item, folder) for item in value]
            return [item for item, _ in items], sum(size for _, size in items)
        return value, 0

    def _file(self, name: Any, folder: Path) -> tuple[Any, int]:
        shown = f"{{{KEY}: {one_line(str(name)[:400], 200)}}}"
        if not isinstance(name, str) or not name:
            raise InputError(f"{shown} has to be the name of a file")
        if (folder, name) not in self._targets:
            self._targets[folder, name] = self._target(folder / name, shown)
        return self._content(self._targets[folder, name], shown)

    def _target(self, path: Path, shown: str) -> Path:
        try:
            target = path.resolve()
            inside = target.is_relative_to(self.folder)
            ordinary = inside and stat.S_ISREG(target.stat().st_mode)
        except FileNotFoundError:
            raise InputError(f"{shown} cannot be used: there is no such file") from None
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL in the name
            why = getattr(error, "strerror", None) or error
            raise InputError(f"{shown} cannot be used: {why}") from None
        if not inside:
            raise InputError(f"{shown} is outside the golden folder; move it inside")
        if not ordinary:
            raise InputError(f"{shown} is no ordinary file")
        return target

    def _content(self, target: Path, shown: str) -> tuple[Any, int]:
        if target in self._open:
            chain = " -> ".join(path.name for path in [*self._open, target])
            raise InputError(f"{shown} includes itself: {chain}")
        if len(self._open) >= _MOST_NESTED:
            raise InputError(
                f"{shown} is the file of a file of a file: at most {_MOST_NESTED} deep"
            )
        if target not in self._known:
            self._open.append(target)
            try:
                self._known[target] = self._read(target)
            except InputError as error:
                raise InputError(f"{shown} cannot be used: {error.problems[0]}") from None
            finally:
                self._open.pop()
        content, size = self._known[target]
        if size > MAX_BYTES:
            raise InputError(f"{shown} stands for more than {_MB} MB; split it")
        return content, size

    def _read(self, target: Path) -> tuple[Any, int]:
        name = target.relative_to(self.folder).as_posix()
        if target.suffix not in _DATA:
            text = read_text(target, name)
            return text, len(text)
        data = read(target, name, lines=False).data
        content, size = self._resolve(data, target.parent) if _refers(data) else (data, 0)
        return content, size + target.stat().st_size


def _refers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return KEY in value or any(map(_refers, value.values()))
    return isinstance(value, list) and any(map(_refers, value))
