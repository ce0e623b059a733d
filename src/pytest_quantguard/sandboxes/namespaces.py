"""Namespaces of the Linux kernel, entered by ourselves: nothing has to be installed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from pytest_quantguard.sandboxes import _seccomp
from pytest_quantguard.sandboxes._base import THREADS, BaseSandbox, entering, threads_countable
from pytest_quantguard.sandboxes._python import view


class Namespaces(BaseSandbox):
    """New namespaces, for root and where ordinary users may have them; Linux 5.12 or newer."""

    name = "namespaces"
    threads = THREADS if threads_countable() else 0

    def wrapped(
        self, command: Sequence[str], stack: ExitStack
    ) -> tuple[Sequence[str], Sequence[int]]:
        """Return the command that enters."""
        return entering(command, {"view": view().to_dict()}, _seccomp.rules()), ()
