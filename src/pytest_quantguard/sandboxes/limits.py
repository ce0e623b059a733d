"""A process with limits and nothing more: for machines where nothing better works."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from pytest_quantguard.sandboxes import _seccomp
from pytest_quantguard.sandboxes._base import BaseSandbox, entering
from pytest_quantguard.sandboxes._folder import own_folder
from pytest_quantguard.sandboxes._shut import shut


class Limits(BaseSandbox):
    """No network, no further processes and no signals to others; but files as the user has them.

    A program can read, change and delete files as the user can. Used only when it is named.
    """

    name = "limits"

    def wrapped(
        self, command: Sequence[str], stack: ExitStack
    ) -> tuple[Sequence[str], Sequence[int]]:
        """Return the command that gives up what can be given up."""
        stack.enter_context(shut())
        folder = stack.enter_context(own_folder())
        return entering(command, {"folder": folder}, _seccomp.rules(others_visible=True)), ()
