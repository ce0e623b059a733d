"""Completions on disk, so that nothing is paid for twice.

Each entry is under its own hash. Whatever is not exactly what we wrote is a miss with a warning.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pytest_quantguard._plural import counted
from pytest_quantguard.cache.claims import Claims
from pytest_quantguard.cache.shelf import MAX_VALUE, Shelf, ShelfError, reason
from pytest_quantguard.errors import QuantGuardWarning
from pytest_quantguard.types import Completion, CompletionRequest, Json, Usage

SCHEMA = 1
"""Version of keys and entries; another one is another cache."""

_NOTICES = 20
_ENTRY = re.compile(r'\{"schema":(\d{1,9}),"sha256":"([0-9a-f]{64})","entry":')


def completion_key(request: CompletionRequest, identity: Json, repeat: int) -> str:
    """Return the name of one completion: 64 hexadecimal digits.

    Everything that can change the answer is in it: the request, who is asked, and which repeat
    (from 0). Parameters may come in any order; inside messages, tools and schemas the order
    counts, because chat templates print it.
    """
    body = request.body()
    if request.reference is not None:
        body = {**body, "reference": request.reference}
    ordered = {name: body[name] for name in sorted(body)}
    return _sha256(_dump([SCHEMA, ordered, json.dumps(identity, sort_keys=True), repeat]))


class CompletionCache:
    """A folder of completions that many processes and threads may use at once.

    ``spare`` is a folder that lasts as long as the run and that its processes share. It takes what
    ``folder`` cannot take, and locks where that has none: a read-only cache costs no request twice
    within a run. What the spare folder cannot take either is kept in memory.
    """

    def __init__(self, folder: Path | str, *, spare: Path | None = None) -> None:
        self.folder = Path(folder)
        self._memory: dict[str, tuple[Completion, CompletionRequest]] = {}
        self._unsaved: dict[str, None] = {}
        self._notices: dict[str, None] = {}
        self._refused = False
        self._shelf = Shelf(self.folder)
        self._spare_folder = spare
        self._spare: Shelf | None = None
        self._opening = threading.Lock()
        self._claims = Claims.of(self.folder / "claims.lock")
        self._tell(self._shelf)
        if not self._shelf.usable:
            self._notice(
                f"cannot open the cache {self.folder} ({self._shelf.fault}); answers are kept for "
                "this run only; delete the folder if it is damaged"
            )

    @property
    def notices(self) -> tuple[str, ...]:
        """What was warned about, for the report; the run went on."""
        return tuple(self._notices)

    def get(self, key: str) -> Completion | None:
        """Return the completion, or None; what cannot be trusted is None, with a warning."""
        if (kept := self._memory.get(key)) is not None:
            return kept[0]
        for shelf in self._shelves():
            try:
                text = shelf.get(key)
                if text is not None:
                    return _decode(key, text)
            except Exception as error:  # foreign bytes can break anything: each of it is a miss
                where = f"cache entry {key[:12]} in {shelf.folder}"
                self._notice(f"{where} is not used: {reason(error)}")
        return None

    def put(self, key: str, completion: Completion, request: CompletionRequest) -> None:
        """Store a completion, at once; where that fails it is kept for the run, with a warning."""
        try:
            text = _encode(key, completion, request)
        except ValueError as error:
            self._memory[key] = (completion, request)
            self._notice(f"cannot write to the cache {self.folder}: {reason(error)}")
            return
        try:
            self._shelf.set(key, text)
        except ShelfError as error:
            self._spare_one(key, text, completion, request)
            if not self._refused:
                self._refused = True
                self._notice(
                    f"cannot write to the cache {self.folder} ({error}); answers are kept for "
                    "this run, and stored at its end if that can be done then"
                )
        else:
            if self._unsaved:
                self._save()  # there is room again
        self._tell(self._shelf)

    def settle(self) -> None:
        """At the end of a run: try once more to store what this process could not store."""
        if self._unsaved and not self._save():
            self._notice(
                f"{counted(len(self._unsaved), 'answer')} could not be stored in the cache "
                f"{self.folder} ({self._shelf.fault}): they end with this run, and the next one "
                "asks for them again; make room, or make the folder writable"
            )
        self._shelf.stay()
        self._tell(self._shelf)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Hold the right to ask for ``key``; yields False, at once, when another holds it.

        Seen by all threads and processes that use the folder; ends with the process.
        """
        with self._working_claims().claim(int(key[:12], 16)) as mine:
            yield mine

    def close(self) -> None:
        """Close this thread's connection to the database; each thread that used it calls this.

        The cache can still be used afterwards.
        """
        self._shelf.close()
        if self._spare is not None:
            self._spare.close()

    def __del__(self) -> None:
        # An open connection that is dropped is a warning, and an error in a strict test run.
        with suppress(AttributeError):
            self.close()

    # --- where the folder fails -----------------------------------------------------------

    def _shelves(self) -> Iterator[Shelf]:
        yield self._shelf
        if (spare := self._open_spare(make=False)) is not None:
            yield spare

    def _open_spare(self, *, make: bool) -> Shelf | None:
        """Return the spare shelf, if there is one; ``make`` makes it."""
        folder = self._spare_folder
        if self._spare is None and folder is not None and (make or Shelf.is_at(folder)):
            with self._opening:
                if self._spare is None:
                    self._spare = Shelf(folder)
        return self._spare

    def _spare_one(
        self, key: str, text: str, completion: Completion, request: CompletionRequest
    ) -> None:
        self._unsaved[key] = None
        spare = self._open_spare(make=True)
        try:
            if spare is None:
                raise ShelfError("there is none")
            spare.set(key, text)
        except ShelfError:
            self._memory[key] = (completion, request)

    def _save(self) -> bool:
        """Move what was spared to where it belongs; False when it is refused again."""
        for key in list(self._unsaved):
            if (kept := self._memory.get(key)) is not None:  # another thread may save, too
                text: str | None = _encode(key, *kept)
            else:
                text = self._spare.get(key) if self._spare is not None else None
            try:
                if text is not None:
                    self._shelf.set(key, text, urgent=True)
            except ShelfError:
                return False
            self._unsaved.pop(key, None)
            self._memory.pop(key, None)
        return True

    def _working_claims(self) -> Claims:
        trouble = self._claims.trouble
        if trouble is None or self._spare_folder is None:
            return self._claims
        if not self._shelf.fault:
            self._notice(
                f"the cache {self.folder} cannot be locked ({reason(trouble)}): two runs at once "
                "may ask for the same; keep it on a local disk"
            )
        return Claims.of(self._spare_folder / "claims.lock")

    def _tell(self, shelf: Shelf) -> None:
        for text in shelf.notices:
            self._notice(text)

    def _notice(self, text: str) -> None:
        if text in self._notices or len(self._notices) >= _NOTICES:
            return
        self._notices[text] = None
        # Where warnings are errors this raises in a worker thread, and would cost a completion.
        with suppress(QuantGuardWarning):
            warnings.warn(text, QuantGuardWarning, stacklevel=3)


# --- entries ----------------------------------------------------------------------------


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _encode(key: str, completion: Completion, request: CompletionRequest) -> str:
    entry = _dump({"key": key, "completion": completion.to_dict(), "request": request.body()})
    if len(entry) > MAX_VALUE:
        raise ValueError(f"the answer is larger than {MAX_VALUE >> 20} MiB")
    return f'{{"schema":{SCHEMA},"sha256":"{_sha256(entry)}","entry":{entry}}}'


def _decode(key: str, text: str) -> Completion:
    """Return what ``text`` holds; raises, in any way, unless it is our own entry for ``key``."""
    match = _ENTRY.match(text)
    if not match or not text.isascii():
        raise ValueError("it is no entry")
    if int(match[1]) != SCHEMA:
        raise ValueError(f"schema version {int(match[1])} instead of {SCHEMA}")
    entry = text[match.end() : -1]
    if _sha256(entry) != match[2]:
        raise ValueError("it is damaged, its hash is another one")
    data = json.loads(entry)
    if data["key"] != key:  # an entry moved to another name
        raise ValueError("it belongs to another request")
    return _well_typed(Completion.from_dict(data["completion"]))


def _well_typed(found: Completion) -> Completion:
    texts = [
        found.text,
        found.asked_in,
        found.reasoning,
        *(t for call in found.tool_calls for t in (call.name, call.arguments_text)),
        *(token.text for token in found.tokens),
    ]
    maybe = [found.finish_reason, found.refusal, found.served_as, found.fingerprint]
    counts = [getattr(found.usage, name) for name in Usage.__dataclass_fields__]
    times = [found.latency_s, found.asked_at, *([] if found.ttft_s is None else [found.ttft_s])]
    times += [token.logprob for token in found.tokens]
    if not (
        all(isinstance(text, str) for text in texts)
        and all(text is None or isinstance(text, str) for text in maybe)
        and all(count is None or type(count) is int for count in counts)
        and all(type(time) in (int, float) and math.isfinite(time) for time in times)
    ):
        raise ValueError("its fields have wrong types")
    return found
