"""Golden prompts among calibration data: a candidate that has seen the questions looks too good.

AWQ, GPTQ and other schemes choose their rounding so that the calibration texts suffer least; what
they do to other prompts is the question, and these cannot answer it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_quantguard.errors import ConfigError
from pytest_quantguard.lint._shingles import SIZE, every_shingle, shingles, words

LEAST = 0.8
"""Share of a prompt's shingles that one piece of calibration data has to contain."""
_BLOCK = 64
"""Lines of a plain text that are looked at together; blocks overlap by half."""
_LONGEST = 64 * 1024 * 1024
_DEPTH = 40
_SHORT = 200
"""Characters of a line that may be a short prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A golden prompt that stands in calibration data."""

    key: str
    """Of the prompt."""
    place: str
    """``file:line`` of the calibration data; of a plain text, where the block begins."""
    share: float
    """Of the prompt's shingles that stand there, in (0, 1]."""


def overlaps(prompts: Mapping[str, str], files: Sequence[Path]) -> list[Overlap]:
    """Return the best overlap of each prompt that has one, in the order of ``prompts``.

    Files are text, JSON or JSON lines; of JSON every text in a record counts.

    Raises:
        ConfigError: a file cannot be read: declared and not looked at would be a false all-clear.
    """
    wanted = {key: _whole(text) or shingles(text) for key, text in prompts.items()}
    index: dict[str, list[str]] = {}
    for key, found in wanted.items():
        for shingle in found:
            index.setdefault(shingle, []).append(key)
    best: dict[str, Overlap] = {}
    for path in files:
        for line, text in _records(path):
            seen = {one for one in _every(text) if one in index}
            for key, count in Counter(key for one in seen for key in index[one]).items():
                share = count / len(wanted[key])
                if share >= LEAST and (key not in best or share > best[key].share):
                    best[key] = Overlap(key=key, place=f"{path.name}:{line}", share=share)
    return [best[key] for key in prompts if key in best]


def _whole(text: str) -> frozenset[str]:
    """Return the mark of a short text, which is only found as a whole line: it may be anywhere."""
    found = words(text)
    return frozenset([f"= {' '.join(found)}"] if 0 < len(found) <= 2 * SIZE else [])


def _every(text: str) -> Iterator[str]:
    """Yield a record's shingles, and the marks of its short lines."""
    yield from every_shingle(text)
    for line in text.splitlines():
        if len(line) < _SHORT:
            yield from _whole(line)


def _records(path: Path) -> Iterator[tuple[int, str]]:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ConfigError(f"calibration: {path.name} cannot be read: no such file")
        if path.stat().st_size > _LONGEST and path.suffix.lower() == ".json":
            raise ConfigError(f"calibration: {path.name} is too large to read whole; use .jsonl")
        with path.open(encoding="utf-8", errors="strict") as lines:
            yield from _READERS.get(path.suffix.lower(), _blocks)(lines, path.name)
    except UnicodeDecodeError:
        raise ConfigError(
            f"calibration: {path.name} is not UTF-8 text; give the texts as .txt or .jsonl"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"calibration: {path.name} cannot be read: {reason}") from None


def _json_lines(lines: Iterable[str], name: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        try:
            yield number, "\n".join(_texts(json.loads(line)))
        except (ValueError, RecursionError):
            yield number, line


def _json(lines: Iterable[str], name: str) -> Iterator[tuple[int, str]]:
    text = "".join(lines)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        first = text.lstrip().partition("\n")[0]
        try:
            json.loads(first)
        except (ValueError, RecursionError):
            raise ConfigError(f"calibration: {name} is neither JSON nor JSON lines") from None
        yield from _json_lines(text.splitlines(), name)
        return
    for record in _split(data):
        yield 1, "\n".join(_texts(record))


def _split(data: Any) -> Iterator[Any]:
    """Yield the records of a document: a list's items, also of lists in a map around them."""
    if isinstance(data, list):
        yield from data
    elif isinstance(data, dict):
        yield {key: value for key, value in data.items() if not isinstance(value, list)}
        yield from (item for value in data.values() if isinstance(value, list) for item in value)
    else:
        yield data


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEPTH and isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item, depth + 1)


def _blocks(lines: Iterable[str], name: str) -> Iterator[tuple[int, str]]:
    block: list[str] = []
    first = 1
    for line in lines:
        block.append(line)
        if len(block) == _BLOCK:
            yield first, "".join(block)
            first += _BLOCK // 2
            del block[: _BLOCK // 2]
    if block:
        yield first, "".join(block)


_READERS: Mapping[str, Callable[[Iterable[str], str], Iterator[tuple[int, str]]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
}
