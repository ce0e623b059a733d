"""Work that model text could make endless, done in a child process that a clock can end.

Python cannot interrupt a regular expression that backtracks for ever; no thread can either. So
each of our processes starts one child when it first needs one, and keeps it. Before each call
the child sets clocks of its own that need no interpreter lock and end the child when the time is
up; the next call starts a new one. What counts is processor time: a machine that stands still for
seconds, or has better things to do, says nothing about a model's text.
"""

from __future__ import annotations

import atexit
import faulthandler
import importlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar

from pytest_quantguard.errors import CheckError

LIMIT_S = 2.0
"""Longest processor time for one call, in seconds; time, where the system has no such clock."""
STANDSTILL_S = 60.0
"""Longest time for one call, in seconds, however little of it was processor time."""

T = TypeVar("T")

_HAS_CLOCK = hasattr(signal, "setitimer")
"""Whether there is a clock of processor time, which ends a process by a signal."""
_TIME_IS_UP = 1
"""Exit code of a process that `faulthandler` ended."""
_HEAD = struct.Struct(">Q")
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from pytest_quantguard.checks import _limited; _limited.serve()"
)


def call(function: Callable[..., T], *arguments: Any) -> T:
    """Call a module-level function in the child; arguments and answer are JSON values.

    Raises:
        TimeoutError: when it took longer than `LIMIT_S`.
        CheckError: when the child cannot be started, ended by itself, had no processor time for
            `STANDSTILL_S`, or the function raised.
    """
    pid = os.getpid()  # a forked process must not talk to its parent's child
    helper = _helpers.get(pid) or _helpers.setdefault(pid, _Helper())
    kind, value = helper.call(f"{function.__module__}:{function.__name__}", arguments)
    if kind == "raised":
        raise CheckError(f"the check broke: {value}")
    answer: T = value
    return answer


class _Helper:
    """One child process and the line to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, function: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
        request = _packed([function, LIMIT_S, STANDSTILL_S, arguments])
        with self._lock:
            try:
                reply = self._exchange(request)
            except BaseException:  # Ctrl-C too: the line is out of step now
                self.stop()
                raise
        kind, value = _unpacked(reply)
        return kind, value

    def _exchange(self, request: bytes) -> bytes:
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 - for mypy: both are pipes
        assert process.stdout is not None  # noqa: S101
        began = time.monotonic()
        try:
            _write(process.stdin, request)
            reply = _read(process.stdout)
        except OSError:
            reply = None
        if reply is not None:
            return reply
        code, took_s = process.wait(), time.monotonic() - began
        if _HAS_CLOCK and code == -signal.SIGPROF:
            raise TimeoutError
        # One that breaks down on a busy machine, before its clock begins, did not run out of time.
        if code == _TIME_IS_UP and took_s >= (STANDSTILL_S if _HAS_CLOCK else LIMIT_S):
            if not _HAS_CLOCK:
                raise TimeoutError
            raise CheckError(
                f"the machine had less than {LIMIT_S:g} s of processor time for the check within "
                f"{took_s:.0f} s; run again when it is less busy"
            )
        raise CheckError(
            f"the helper process of the checks ended with exit code {code}; run again, and "
            "report it when that does not help"
        )

    def _start(self) -> subprocess.Popen[bytes]:
        path = json.dumps([entry or os.getcwd() for entry in sys.path])
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves, with our own text
                [sys.executable, "-I", "-c", _CHILD, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise CheckError(
                f"the helper process of the checks cannot be started with {sys.executable!r}: "
                f"{error}"
            ) from error
        return self._process

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # a request that was still on its way
                    pipe.close()


_helpers: dict[int, _Helper] = {}


@atexit.register
def _stop() -> None:
    if helper := _helpers.get(os.getpid()):
        helper.stop()


# --- in the child -----------------------------------------------------------------------


def serve() -> None:
    """Answer calls until the parent hangs up; runs in the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    if _HAS_CLOCK:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # it ends the process, whatever was inherited
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    sys.setrecursionlimit(4_000)  # a schema may recurse once for each level of the answer
    line_in, line_out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nobody else writes on the line
    while (request := _read(line_in)) is not None:
        _write(line_out, _packed(_answer(*_unpacked(request))))


def _answer(
    where: str, limit_s: float, standstill_s: float, arguments: list[Any]
) -> tuple[str, Any]:
    module, name = where.split(":")
    try:
        function = getattr(importlib.import_module(module), name)
        faulthandler.dump_traceback_later(standstill_s if _HAS_CLOCK else limit_s, exit=True)
        try:
            if _HAS_CLOCK:
                signal.setitimer(signal.ITIMER_PROF, limit_s)
            return "returned", function(*arguments)
        finally:
            if _HAS_CLOCK:
                signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
    except Exception as error:
        return "raised", f"{type(error).__name__}: {error}"[:200]


# --- the line ---------------------------------------------------------------------------


def _packed(message: Any) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _unpacked(message: bytes) -> Any:
    return json.loads(message.decode("utf-8", "surrogatepass"))


def _write(line: IO[bytes], message: bytes) -> None:
    line.write(_HEAD.pack(len(message)) + message)
    line.flush()


def _read(line: IO[bytes]) -> bytes | None:
    head = line.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    (size,) = _HEAD.unpack(head)
    message = line.read(size)
    return message if len(message) == size else None
