"""Showing that a sandbox works on this machine, before it is trusted with anything."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.contracts import Execution
from pytest_quantguard.errors import CheckError
from pytest_quantguard.sandboxes._base import BaseSandbox
from pytest_quantguard.sandboxes._python import (
    FLAGS,
    TEMPORARY_MB,
    environment,
    executable,
    script,
)
from pytest_quantguard.types import Json

_TIME_S = 20.0


def weakness(sandbox: BaseSandbox) -> str:
    """Try to break out of a sandbox; say in a few words what is wrong with it, or nothing.

    ``limits`` is held to less: it promises nothing about files.
    """
    if reason := sandbox.missing():
        return reason
    with _traps() as told, _Victim() as victim:
        told["victim"] = victim.pid
        try:
            found = sandbox.run(script("_probe"), stdin=json.dumps(told), timeout_s=_TIME_S)
        except CheckError as error:
            return str(error).removeprefix(f"the sandbox {sandbox.name!r} ")
        report = _report(found, told["nonce"])
        if isinstance(report, str):
            return report
        report |= {"disturb": victim.disturbed(), "signal": victim.signalled()}
    return "; ".join(_escapes(report, files=sandbox.name != "limits"))


@contextmanager
def _traps() -> Iterator[Json]:
    """Set up what must not be reached: a secret file, a listening socket, this process."""
    with tempfile.TemporaryDirectory(prefix="quantguard-") as folder, socket.socket() as listener:
        secret = os.path.join(folder, "secret")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("for nobody inside\n")
        os.chmod(folder, 0o755)  # noqa: S103 - only the sandbox is to be in the way
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        nonce = secrets.token_hex(8)
        outside = [os.path.join(place, f"quantguard-{nonce}") for place in ("/", folder)]
        yield {
            "nonce": nonce,
            "secrets": [secret, *_of_this_folder()],
            "port": listener.getsockname()[1],
            "pid": os.getpid(),
            "writable": outside,
        }


class _Victim:
    """A process that waits; tells afterwards whether it was left alone.

    What a program inside says of it proves nothing: its number can be another's there.
    """

    def __enter__(self) -> _Victim:
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [executable(), *FLAGS, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._before = self._state()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def disturbed(self) -> bool:
        """Tell whether its priority or its limits were changed."""
        return self._state() != self._before

    def signalled(self) -> bool:
        """Tell whether a signal ended it; it has ended now, one way or the other."""
        with suppress(OSError):
            self._process.communicate(timeout=_TIME_S)
        return self._process.returncode != 0

    def _state(self) -> tuple[object, ...]:
        import resource  # there is none on Windows, where only `missing` is asked

        try:
            return (
                os.getpriority(os.PRIO_PROCESS, self.pid),
                os.sched_getscheduler(self.pid),
                resource.prlimit(self.pid, resource.RLIMIT_NOFILE),
            )
        except ProcessLookupError:
            return ()


def _of_this_folder() -> list[str]:
    """Return a file of the folder that the run was started in, which is the project's."""
    with suppress(OSError), os.scandir() as entries:
        for entry in entries:
            if entry.is_file() and os.access(entry.path, os.R_OK):
                return [os.path.abspath(entry.path)]
    return []


def _report(found: Execution, nonce: str) -> Json | str:
    try:
        report = json.loads(found.stdout)
        if report["nonce"] == nonce:
            return dict(report)
    except (ValueError, KeyError, TypeError):
        pass
    why = found.stopped or one_line(found.stderr.strip()[-200:]) or f"exit code {found.exit_code}"
    return f"a program that tries to break out did not report back ({why})"


def _escapes(report: Json, *, files: bool) -> Iterator[str]:
    if report["connect"]:
        yield "a program inside can open network connections"
    if report["signal"]:
        yield "a program inside can send signals to ours"
    if report["disturb"]:
        yield "a program inside can slow down and limit other processes"
    if report["inspect"]:
        yield f"a program inside can read our own process ({', '.join(report['inspect'])})"
    if report["fork"]:
        yield "a program inside can start processes"
    if report["environment"]:
        yield "a program inside has an environment"
    if report["folder"]:
        yield "the folder inside is not empty"
    if not files:
        return
    for path in report["read"]:
        yield f"a program inside can read {path}"
    for path in report["write"]:
        yield f"a program inside can write {path}"
    if report["privileged"]:
        yield "a program inside runs as root"
    if report["own_mb"] > TEMPORARY_MB:
        yield f"a program inside can fill a disk of {report['own_mb']} MiB"
