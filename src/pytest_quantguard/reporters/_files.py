"""Report files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_quantguard import _whole
from pytest_quantguard.errors import QuantGuardError


def special(path: Path) -> bool:
    """Tell whether a path is a device or a pipe, or leads to whatever a process has open.

    ``/dev/stdout`` is a link to such: root could take it away from the whole machine.

    Raises:
        OSError: it cannot be looked at.
    """
    if path.is_symlink() and os.readlink(path).startswith("/proc/"):
        return True
    return path.exists() and not (path.is_file() or path.is_dir())


def write_whole(path: Path, data: bytes) -> None:
    """Write through a temporary file beside ``path``; missing folders are made.

    Raises:
        QuantGuardError: naming the path; an older report under this name is left as it was.
    """
    try:
        if special(path):
            raise OSError(0, "this is a device or a pipe, which a file would replace")
        _whole.write_whole(path, data)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise QuantGuardError(f"{path}: this report cannot be written: {why}") from error
