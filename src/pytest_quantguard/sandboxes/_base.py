"""What the sandboxes have in common: everything but the way in."""

from __future__ import annotations

import marshal
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from pytest_quantguard.contracts import Execution
from pytest_quantguard.sandboxes import _seccomp
from pytest_quantguard.sandboxes._process import Process, started
from pytest_quantguard.sandboxes._python import FLAGS, environment, executable, script

THREADS = 64
"""Most threads of a program, where they can be counted."""


class BaseSandbox:
    """Runs programs; a subclass says how a command becomes one that runs shut in."""

    name = ""
    threads = 0
    """Most threads of a program; 0 = as many as its memory holds."""

    def missing(self) -> str:
        """Say in a few words what this machine lacks for it; empty when nothing is known of."""
        if sys.platform != "linux":
            return f"needs Linux; this is {platform.system()}"
        if not _seccomp.known():
            return f"knows the system calls of x86-64 and arm64 only; this is {platform.machine()}"
        return ""

    def wrapped(
        self, command: Sequence[str], stack: ExitStack
    ) -> tuple[Sequence[str], Sequence[int]]:
        """Return the command that runs a command shut in, and the files it has to inherit."""
        raise NotImplementedError

    def run(
        self,
        program: str,
        *,
        stdin: str = "",
        timeout_s: float = 10.0,
        memory_mb: int = 512,
    ) -> Execution:
        """See `contracts.Sandbox.run`."""
        with self.open(program, timeout_s=timeout_s, memory_mb=memory_mb) as process:
            return process.finished(stdin)

    def open(self, program: str, *, timeout_s: float = 10.0, memory_mb: int = 512) -> Process:
        """See `contracts.Sandbox.open`."""
        return started(
            self.name,
            self.wrapped,
            program,
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            threads=self.threads,
        )


def entering(command: Sequence[str], plan: dict[str, Any], rules: list[Any]) -> list[str]:
    """Return the command that carries out a plan of `_enter` and ends as ``command``."""
    whole = {
        **plan,
        "argv": list(command),
        "environment": environment(),
        "filter": rules,
        "parent": os.getpid(),
    }
    return [executable(), *FLAGS, "-c", script("_enter"), marshal.dumps(whole).hex()]


def threads_countable() -> bool:
    """Tell whether the kernel counts the processes of each sandbox by themselves (Linux 5.14)."""
    numbers = platform.release().split(".")
    return tuple(int(n) for n in numbers[:2] if n.isdecimal()) >= (5, 14)
