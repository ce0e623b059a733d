"""Everything that can go wrong, by whose fault it is.

QuantGuardError
 |- InputError           the user's files or options; every problem found, each with file:line
 |   |- ConfigError      quantguard.yaml or [tool.quantguard]
 |   `- GoldenFileError  a golden file or a quant_case marker
 |- ProviderError        a completion could not be had
 |   |- TransportError   network, time-out, 429, 5xx, a broken body: worth another attempt
 |   |- RefusedError     the server said no (4xx): another attempt would be refused too
 |   |- LimitError       the run has used up what it may: nothing more is asked
 |   `- LaunchError      our own server could not be started, or ended by itself
 `- CheckError           a check broke: never the model's failure
     `- JudgeError       the judge model could not be asked, or gave no verdict
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class QuantGuardWarning(UserWarning):
    """Something is not as it should be, but the run goes on."""


SHOWN_PROBLEMS = 20
"""A message shows this many mistakes and counts the rest: a typo in a tool can make thousands."""


class QuantGuardError(Exception):
    """Base of every error that pytest-quantguard raises on purpose."""


class InputError(QuantGuardError):
    """What the user wrote cannot be used.

    ``problems`` holds one sentence per mistake, each starting with ``file:line:`` where a
    place is known, so that all mistakes of a file are mended in one go.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        more = len(self.problems) - SHOWN_PROBLEMS
        shown = self.problems[:SHOWN_PROBLEMS]
        super().__init__("\n".join((*shown, f"... and {more} more") if more > 0 else shown))


class ConfigError(InputError):
    """The configuration file, or a command-line option that refers to it, is wrong."""


class GoldenFileError(InputError):
    """A golden file, or a ``quant_case`` marker, is wrong."""


class ProviderError(QuantGuardError):
    """A completion could not be obtained; says which variant and why."""


NO_CONNECTION = "no connection"
"""What every message says of a server that could not be reached at all."""


class TransportError(ProviderError):
    """The exchange broke: refused, timed out, reset, 429, 5xx, or a body that is no answer.

    ``retry_after_s`` is the wait the server asked for, in seconds, or None.
    ``connected`` is False when no connection could be made at all.
    ``timed_out`` is True when there was no complete answer before the time was up.
    ``stale`` is True when a kept-alive connection broke before a byte of the answer: most likely it
    had grown old, which says nothing about the server.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        connected: bool = True,
        timed_out: bool = False,
        stale: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.connected = connected
        self.timed_out = timed_out
        self.stale = stale


class RefusedError(ProviderError):
    """The server refused this request (4xx other than 429); ``status`` is the HTTP status.

    ``final`` is True when every further request would be refused too: 401, 402, 403, 404, and 3xx,
    as redirects are not followed.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.final = status in (401, 402, 403, 404) or 300 <= status < 400


class LimitError(ProviderError):
    """The run may not make this request: a limit of requests, cost or seconds is reached."""


class LaunchError(ProviderError):
    """A server that the gate starts itself did not come up, or ended by itself."""


class CheckError(QuantGuardError):
    """A check raised instead of judging; the gate reports an ERROR, not a lost case."""


class JudgeError(CheckError):
    """A judge model gave no verdict: down, over its budget of calls, or not in the form asked."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the nearest known word, else all of them."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "none is known"
