"""Bubblewrap: the sandbox of Flatpak, a small program that many machines have."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

from pytest_quantguard.sandboxes import _seccomp
from pytest_quantguard.sandboxes._base import THREADS, BaseSandbox, threads_countable
from pytest_quantguard.sandboxes._python import UID, view


class Bubblewrap(BaseSandbox):
    """New namespaces, made by ``bwrap`` 0.6 or newer."""

    name = "bubblewrap"
    threads = THREADS if threads_countable() else 0

    def missing(self) -> str:
        """Say what this machine lacks for it."""
        if reason := super().missing():
            return reason
        return "" if shutil.which("bwrap") else "the program bwrap is not installed"

    def wrapped(
        self, command: Sequence[str], stack: ExitStack
    ) -> tuple[Sequence[str], Sequence[int]]:
        """Return the command line of bwrap."""
        rules = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack does
        rules.write(b"".join(struct.pack("=HBBI", *one) for one in _seccomp.rules()))
        rules.seek(0)
        fd = rules.fileno()
        return [shutil.which("bwrap") or "bwrap", *arguments(fd), "--", *command], [fd]


def arguments(filter_fd: int) -> list[str]:
    """Return the options of bwrap; ``filter_fd`` holds the filter on system calls."""
    seen = view()
    found = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
    found += ["--uid", str(UID), "--gid", str(UID), "--cap-drop", "ALL"]
    found += ["--seccomp", str(filter_fd)]
    for path in seen.folders:
        found += ["--ro-bind", path, path]
    for path in seen.files:
        found += ["--dev-bind" if path.startswith("/dev/") else "--ro-bind", path, path]
    for path, target in seen.links:
        found += ["--symlink", target, path]
    for path in seen.hidden:
        found += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
    found += ["--perms", "0700", "--size", str(seen.tmp_mb << 20), "--tmpfs", "/tmp"]  # noqa: S108
    # The root itself is a file system in memory that has no limit: nobody may write to it.
    return [*found, "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108
