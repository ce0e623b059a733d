"""Batch output files: where the answer to each ``custom_id`` stands; the answers stay on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._lines import NotJsonError, map_of, numbered_lines, parse
from pytest_quantguard.importers._records import Loss, Note
from pytest_quantguard.types import Json

_DIGEST = 16


class Entry(NamedTuple):
    """Where one answer stands."""

    file: int
    line: int
    start: int
    size: int
    digest: bytes
    """Of what the model said; empty for a request that failed."""


class AnswerIndex:
    """The answers of some batch output files, by ``custom_id``.

    Of several answers to one request those that failed give way to one that did not; two that say
    different things are no answer at all.

    Raises:
        InputError: a file cannot be read, or is packed.
    """

    def __init__(self, files: Iterable[tuple[Path, str]], note: Note) -> None:
        self._note = note
        self._files = tuple(files)
        self._entries: dict[str, Entry] = {}
        self.conflicts: dict[str, tuple[str, str]] = {}
        """Requests with two different answers, and where these stand."""
        self.repeated = 0
        """Answers that say what another one says."""
        for number, (path, name) in enumerate(self._files):
            if path.suffix == ".gz":
                raise InputError(f"{name}: answers are looked up in place; unpack the file first")
            self._read(number, path, name)

    def __contains__(self, custom_id: str) -> bool:
        return custom_id in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def answers(self, custom_id: str) -> bool:
        """Tell, without reading it, whether a request has one answer, and did not fail."""
        entry = self._entries.get(custom_id)
        return entry is not None and bool(entry.digest) and custom_id not in self.conflicts

    def count(self, file: int) -> tuple[int, int]:
        """Return how many answers one file gives, and how many of them failed."""
        ours = [entry for entry in self._entries.values() if entry.file == file]
        return len(ours), sum(not entry.digest for entry in ours)

    def place(self, custom_id: str) -> str:
        """Return ``file:line`` of an answer."""
        return self._place(self._entries[custom_id])

    def get(self, custom_id: str) -> Json | None:
        """Return a line of a batch output file; None where there is none, or it was changed."""
        entry = self._entries.get(custom_id)
        if entry is None:
            return None
        try:
            with self._files[entry.file][0].open("rb") as stream:
                stream.seek(entry.start)
                line = parse(stream.read(entry.size))
        except (OSError, NotJsonError):
            return None
        return line if isinstance(line, dict) and line.get("custom_id") == custom_id else None

    def _read(self, number: int, path: Path, name: str) -> None:
        for found in numbered_lines(path, name, self._note):
            place = f"{name}:{found.number}"
            if (line := map_of(found.data, place, self._note)) is None:
                continue
            custom_id = line.get("custom_id")
            if not isinstance(custom_id, str) or not custom_id:
                why = "it has no 'custom_id', so nobody knows what was asked"
                self._note(Loss(place=place, what="an answer", why=why))
                continue
            if "response" not in line and "error" not in line:
                why = "it holds neither a response nor an error; is this the file of requests?"
                self._note(Loss(place=place, what="an answer", why=why))
                continue
            entry = Entry(number, found.number, found.start, len(found.data), _digest(line))
            self._add(custom_id, entry)

    def _add(self, custom_id: str, new: Entry) -> None:
        old = self._entries.setdefault(custom_id, new)
        if old is new:
            return
        if new.digest and not old.digest:
            self._entries[custom_id] = new
        elif new.digest and new.digest != old.digest:
            self.conflicts.setdefault(custom_id, (self._place(old), self._place(new)))
        else:
            self.repeated += 1

    def _place(self, entry: Entry) -> str:
        return f"{self._files[entry.file][1]}:{entry.line}"


def body_of(line: Json) -> Any:
    """Return the chat completion in a line of a batch output file; None where there is none."""
    response = line.get("response")
    if not isinstance(response, dict):
        return None
    return response if "choices" in response else response.get("body")


def status_of(line: Json) -> int | None:
    """Return the HTTP status of a line's response, where it tells one."""
    response = line.get("response")
    status = response.get("status_code") if isinstance(response, dict) else None
    return status if type(status) is int else None


def failed(line: Json) -> bool:
    """Tell whether a line of a batch output file holds no answer."""
    body = body_of(line)
    status = status_of(line)
    return (
        bool(line.get("error"))
        or (status is not None and status >= 400)
        or not isinstance(body, dict)
        or not body.get("choices")
    )


def _digest(line: Json) -> bytes:
    if failed(line):
        return b""
    said = json.dumps(body_of(line).get("choices"), sort_keys=True)
    return hashlib.sha256(said.encode()).digest()[:_DIGEST]
