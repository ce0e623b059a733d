"""Small files that appear whole or not at all, however many processes write them."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write through a draft of its own beside ``path``; missing folders are made.

    Of several who write at once the last one counts; nobody reads half a file.

    Raises:
        OSError: it cannot be written; what was there before is left as it was, and no draft.
    """
    if not path.name:  # such as "/" or ""
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    draft = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with draft.open("xb") as file:
            file.write(data)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
