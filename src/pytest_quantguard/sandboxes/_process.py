"""One process that nobody trusts: fed, read up to a limit, and ended when its time is up."""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import IO, Literal, Self

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.contracts import Execution
from pytest_quantguard.errors import CheckError
from pytest_quantguard.sandboxes._python import FLAGS, environment, executable, script

OUTPUT_BYTES = 4_000_000
"""Output of a program that is kept, of each of its two streams; one byte more ends it."""

_CHUNK = 65_536

Wrap = Callable[[Sequence[str], ExitStack], tuple[Sequence[str], Sequence[int]]]
"""From a command to the command that runs it in the sandbox, and the file descriptors it needs;
what has to be cleaned up afterwards goes onto the stack."""


def started(
    name: str, wrap: Wrap, program: str, *, timeout_s: float, memory_mb: int, threads: int
) -> Process:
    """Start a program in a sandbox.

    Raises:
        CheckError: it cannot be started.
    """
    with ExitStack() as stack:
        try:
            source = stack.enter_context(tempfile.TemporaryFile())
            source.write(program.encode("utf-8", "surrogatepass"))
            source.seek(0)
            status, writing = os.pipe()
            stack.callback(os.close, status)
            limits = (memory_mb, math.ceil(timeout_s) + 1, threads)
            numbers = map(str, (source.fileno(), writing, *limits))
            inside = [executable(), *FLAGS, "-c", script("_guard"), *numbers]
            try:
                command, fds = wrap(inside, stack)
                process = subprocess.Popen(  # noqa: S603 - our own command
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=(source.fileno(), writing, *fds),
                    env=environment(),
                    start_new_session=True,  # Ctrl-C is our business, and so is its terminal
                    bufsize=0,
                )
            finally:
                os.close(writing)
        except OSError as error:
            raise CheckError(f"the sandbox {name!r} cannot be started: {error}") from None
        return Process(name, process, status, timeout_s, stack.pop_all())


class Process:
    """A started program; used by one thread."""

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        status: int,
        timeout_s: float,
        stack: ExitStack,
    ) -> None:
        self._name = name
        self._process = process
        self._status = status
        self._deadline = time.monotonic() + timeout_s
        self._stack = stack
        self._pending = memoryview(b"")
        self._out, self._err = bytearray(), bytearray()
        self._stopped: Literal["", "time", "output", "killed"] = ""
        self._execution: Execution | None = None
        self._selector = selectors.DefaultSelector()
        for pipe, buffer in ((process.stdout, self._out), (process.stderr, self._err)):
            assert pipe is not None  # noqa: S101 - for mypy: all three are pipes
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, buffer)
        assert process.stdin is not None  # noqa: S101
        self._stdin: IO[bytes] = process.stdin
        os.set_blocking(self._stdin.fileno(), False)

    # --- talking ----------------------------------------------------------------------------------

    def ask(self, line: str) -> str | None:
        """See `contracts.Dialogue.ask`."""
        if self._execution is not None:
            return None
        self._send(line.encode("utf-8", "surrogatepass") + b"\n")
        searched = 0
        while (end := self._out.find(b"\n", searched)) < 0:
            searched = len(self._out)
            if not self._turn():
                self.close()
                return None
        answer = bytes(self._out[:end])
        del self._out[: end + 1]
        return answer.decode("utf-8", "replace")

    def finished(self, stdin: str) -> Execution:
        """Give it all its input, wait for its end and say what became of it."""
        self._send(stdin.encode("utf-8", "surrogatepass"))
        if not self._pending:
            self._hang_up()
        while self._turn():
            if not self._pending:
                self._hang_up()
        return self.close()

    def close(self) -> Execution:
        """See `contracts.Dialogue.close`."""
        if self._execution is None:
            try:
                self._execution = self._ended()
            finally:
                self._clean_up()
        return self._execution

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._clean_up()

    # --- reading and writing ----------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        self._pending = memoryview(data)
        if data and not self._stdin.closed and self._stdin not in self._selector.get_map():
            self._selector.register(self._stdin, selectors.EVENT_WRITE)

    def _turn(self) -> bool:
        """Read and write what is possible now; return False when there is nothing to wait for."""
        if self._stopped or not self._reading():
            return False
        left = self._deadline - time.monotonic()
        for key, _ in self._selector.select(max(left, 0)) if left > 0 else ():
            if key.fileobj is self._stdin:
                self._feed()
            else:
                self._read(key.fd, key.fileobj, key.data)
        if max(len(self._out), len(self._err)) > OUTPUT_BYTES:
            self._stopped = "output"
        elif time.monotonic() >= self._deadline:
            self._stopped = "time"
        return not self._stopped

    def _reading(self) -> bool:
        return any(key.fileobj is not self._stdin for key in self._selector.get_map().values())

    def _read(self, fd: int, pipe: object, buffer: bytearray) -> None:
        data = os.read(fd, _CHUNK)
        buffer += data
        if not data:
            self._selector.unregister(pipe)  # type: ignore[arg-type]

    def _feed(self) -> None:
        try:
            written = os.write(self._stdin.fileno(), self._pending[:_CHUNK])
        except BlockingIOError:
            written = 0
        except OSError:  # it reads no more
            written = len(self._pending)
        self._pending = self._pending[written:]
        if not self._pending:
            self._selector.unregister(self._stdin)

    def _hang_up(self) -> None:
        if not self._stdin.closed:
            self._stdin.close()

    # --- the end ----------------------------------------------------------------------------------

    def _ended(self) -> Execution:
        code: int | None = None
        if not self._stopped and not self._reading():
            with suppress(subprocess.TimeoutExpired):  # its output is closed, yet it lives on
                code = self._process.wait(max(self._deadline - time.monotonic(), 0.05))
            self._stopped = "time" if code is None else self._stopped
        self._end()
        if os.read(self._status, 1) != b"+":
            raise CheckError(self._broken(code))
        if code is not None and code < 0:
            code = 128 - code
        if code == 128 + signal.SIGKILL:
            self._stopped = "killed"
        return Execution(
            exit_code=code,
            stdout=self._out[:OUTPUT_BYTES].decode("utf-8", "replace"),
            stderr=self._err[:OUTPUT_BYTES].decode("utf-8", "replace"),
            stopped=self._stopped,
        )

    def _broken(self, code: int | None) -> str:
        if self._stopped == "time":
            return f"the sandbox {self._name!r} was not ready before the time was up; give more"
        said = one_line(self._err[-300:].decode("utf-8", "replace").strip(), 200)
        return f"the sandbox {self._name!r} broke: {said or f'exit code {code}'}"

    def _end(self) -> None:
        if self._process.returncode is None:
            with suppress(OSError):  # it ended by itself meanwhile
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _clean_up(self) -> None:
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._stack.close()
