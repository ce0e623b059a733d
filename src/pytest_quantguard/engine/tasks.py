"""What is asked for and what became of it: the words that lanes and workers share."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pytest_quantguard._whole import write_whole
from pytest_quantguard.errors import ProviderError, RefusedError
from pytest_quantguard.types import Completion, CompletionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One completion that is needed."""

    variant: str
    """The variant's name."""
    request: CompletionRequest
    """As it is sent: repeats bring their own seed (`CompletionRequest.for_repeat`)."""
    repeat: int = 0
    """Which draw of the same request, from 0."""
    about: tuple[str, str] = field(default=("", ""), compare=False)
    """Id and cohort of the case that it is asked for; empty where it belongs to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a job: a completion or an error, never both."""

    key: str
    """Name in the cache; empty when not even that could be found out."""
    completion: Completion | None = None
    error: ProviderError | None = None
    cached: bool = False
    """True when this process did not ask for it."""


@dataclass(slots=True)
class Counts:
    """What happened to the jobs of one variant; all numbers count completions but the last."""

    planned: int = 0
    cached: int = 0
    sent: int = 0
    """Asked of the server, whatever came of it."""
    answered: int = 0
    failed: int = 0
    """Without an answer, sent or not."""
    attempts: int = 0
    """Requests made of the server, repeated ones included."""


class Done:
    """A `threading.Event` that is set once, at a tenth of its size: each task has one."""

    __slots__ = ("_is_set", "_shut")

    def __init__(self) -> None:
        self._is_set = False
        self._shut = threading.Lock()
        self._shut.acquire()

    def is_set(self) -> bool:
        """Tell whether `set` was called."""
        return self._is_set

    def set(self) -> None:
        """Wake all who wait; once."""
        self._is_set = True
        self._shut.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait at most so many seconds; tell whether it is set."""
        if not self._is_set and self._shut.acquire(timeout=timeout_s):
            self._shut.release()  # the next who waits passes, too
        return self._is_set


@dataclass(slots=True, eq=False)
class Task:
    """A job on its way, known by its key."""

    key: str
    request: CompletionRequest
    answer: Answer
    done: Done = field(default_factory=Done)
    taken: bool = False
    looks: int = 0
    """How often another process was found to be asking for the same."""
    since: float = 0.0
    """When that was first seen, on the monotonic clock."""
    repeat: int = 0
    about: tuple[str, str] = ("", "")
    """As of the `Job` that was planned first: cases that ask the same share one task."""


Ending = Callable[[Completion | None, BaseException | None], None]
"""Told what became of one request: its completion, or what was raised instead."""
Witness = Callable[[str, Task], Ending]
"""Told of each request when it is sent, with the variant's name, in the thread that sends it; must
not raise."""


class Refusals:
    """Requests that a server refused: the processes of a run need not all be told so.

    Without a folder there is one process, and nothing to share.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def get(self, key: str) -> RefusedError | None:
        """Return what another process was told, or None."""
        if self._folder is None:
            return None
        try:
            status, text = json.loads((self._folder / key).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return RefusedError(text, status=status)

    def put(self, key: str, error: RefusedError) -> None:
        """Tell the others; where that cannot be done they ask themselves."""
        if self._folder is not None:
            with suppress(OSError):
                text = json.dumps([error.status, str(error)])
                write_whole(self._folder / key, text.encode("ascii"))


def bare(error: ProviderError) -> ProviderError:
    """Cut an error off from the frames it went through: they know the API key."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
