"""Golden prompts among calibration data: a candidate that has seen the questions looks too good.

AWQ, GPTQ and other schemes choose their rounding so that the calibration texts suffer least; what
they do to other prompts is the question, and these cannot answer it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_quantguard._shingles import SIZE, shingles, words
from pytest_quantguard.errors import ConfigError

LEAST = 0.8
"""Share of a prompt's shingles that one piece of calibration data has to contain."""
_BLOCK = 64
"""Lines of a plain text that are looked at together; blocks overlap by half."""
_LONGEST = 64 * 1024 * 1024
_DEPTH = 40


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
            hits: dict[str, int] = {}
            for shingle in _shingles_of(text):
                for key in index.get(shingle, ()):
                    hits[key] = hits.get(key, 0) + 1
            for key, count in hits.items():
                share = count / len(wanted[key])
                if share >= LEAST and (key not in best or share > best[key].share):
                    best[key] = Overlap(key=key, place=f"{path.name}:{line}", share=share)
    return [best[key] for key in prompts if key in best]


def _whole(text: str) -> frozenset[str]:
    """Return the mark of a short text, which is only found as a whole line: it may be anywhere."""
    found = words(text)
    return frozenset([f"= {' '.join(found)}"] if 0 < len(found) <= 2 * SIZE else [])


def _shingles_of(text: str) -> frozenset[str]:
    return shingles(text).union(*map(_whole, text.splitlines()))


def _records(path: Path) -> Iterator[tuple[int, str]]:
    try:
        if path.stat().st_size > _LONGEST and path.suffix == ".json":
            raise ConfigError(f"calibration: {path.name} is too large to read whole; use .jsonl")
        with path.open(encoding="utf-8", errors="strict") as lines:
            yield from {".jsonl": _json_lines, ".json": _json}.get(path.suffix, _blocks)(lines)
    except UnicodeDecodeError:
        raise ConfigError(
            f"calibration: {path.name} is not UTF-8 text; give the texts as .txt or .jsonl"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"calibration: {path.name} cannot be read: {reason}") from None


def _json_lines(lines: Any) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        try:
            yield number, "\n".join(_texts(json.loads(line)))
        except (ValueError, RecursionError):
            yield number, line


def _json(lines: Any) -> Iterator[tuple[int, str]]:
    text = lines.read()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        yield 1, text
        return
    for record in data if isinstance(data, list) else [data]:
        yield 1, "\n".join(_texts(record))


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEPTH and isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item, depth + 1)


def _blocks(lines: Any) -> Iterator[tuple[int, str]]:
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
