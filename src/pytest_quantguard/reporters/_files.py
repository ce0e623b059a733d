"""Report files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

from pytest_quantguard import _whole
from pytest_quantguard.errors import QuantGuardError


def write_whole(path: Path, data: bytes) -> None:
    """Write through a temporary file beside ``path``; missing folders are made.

    Raises:
        QuantGuardError: naming the path; an older report under this name is left as it was.
    """
    try:
        _whole.write_whole(path, data)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise QuantGuardError(f"{path}: this report cannot be written: {why}") from error
