"""Report files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from pytest_quantguard.errors import QuantGuardError


def write_whole(path: Path, data: bytes) -> None:
    """Write through a temporary file beside ``path``; missing folders are made.

    Raises:
        QuantGuardError: naming the path; an older report under this name is left as it was.
    """
    temporary = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise QuantGuardError(f"{path}: this report cannot be written: {why}") from error
