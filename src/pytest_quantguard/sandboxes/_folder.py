"""A temporary folder for a program that may do with it what it likes."""

from __future__ import annotations

import itertools
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def own_folder() -> Iterator[str]:
    """Make a folder, and delete it when the program has ended.

    However deep it is by then, and wherever the program has moved it. What it may have put in its
    place is taken away too, where it is a link, a file or an empty folder: anything else could be
    the user's.
    """
    path = tempfile.mkdtemp(prefix="quantguard-")
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield path
    finally:
        with suppress(OSError):
            os.fchmod(fd, 0o700)
            _empty(fd)
            os.rmdir(os.readlink(f"/proc/self/fd/{fd}"))
        os.close(fd)
        for remove in (os.unlink, os.rmdir):
            with suppress(OSError):
                remove(path)


def _empty(top: int) -> None:
    """Delete what is in a folder, as far as that is possible.

    Folders in folders are moved up first: no path gets longer than two names, and nothing recurses.
    """
    new_names = (f"{secrets.token_hex(8)}-{number}" for number in itertools.count())
    more = True
    while more:
        more = False
        for name in os.listdir(top):
            with suppress(OSError):
                more |= _deleted(top, name) or _moved_up(top, name, new_names)


def _deleted(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        return False
    return True


def _moved_up(top: int, name: str, new_names: Iterator[str]) -> bool:
    """Delete a folder after what is in it; return True when anything went."""
    any_went = False
    os.chmod(name, 0o700, dir_fd=top)
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        for inner in os.listdir(folder):
            with suppress(OSError):
                if not _deleted(folder, inner):
                    os.chmod(inner, 0o700, dir_fd=folder)  # to be moved it has to be writable
                    os.rename(inner, next(new_names), src_dir_fd=folder, dst_dir_fd=top)
                any_went = True
    finally:
        os.close(folder)
    with suppress(OSError):
        os.rmdir(name, dir_fd=top)
        any_went = True
    return any_went
