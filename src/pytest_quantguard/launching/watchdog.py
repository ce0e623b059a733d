"""Ends a server whose owner is gone; run as a program of its own, with the standard library only.

Whoever starts a server may be killed with no time to end it. This program waits on a pipe whose
other end its owner holds: the system closes it however the owner ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

GRACE_S = 10.0
"""What a server is given to end by itself, in seconds."""
DISMISSED = b"dismissed"
"""What an owner writes that has ended the server itself."""
_POLL_S = 0.02


def signalled(group: int, number: int) -> bool:
    """Send a signal to a process and all that it started; False when none of them is left.

    Windows knows no such groups: there it is the one process, which is ended at once.
    """
    try:
        if sys.platform == "win32":
            os.kill(group, signal.SIGTERM)
        else:
            os.killpg(group, number)
    except OSError:
        return False
    return True


def end(group: int, grace_s: float = GRACE_S) -> None:
    """Ask a group of processes to end, and make it end after ``grace_s`` seconds."""
    if not signalled(group, signal.SIGTERM) or sys.platform == "win32":
        return
    until = time.monotonic() + grace_s
    while time.monotonic() < until:
        if not signalled(group, 0):
            return
        time.sleep(_POLL_S)
    signalled(group, signal.SIGKILL)


def _main() -> None:
    said = b""
    with suppress(OSError):
        said = sys.stdin.buffer.read()
    if said != DISMISSED:
        end(int(sys.argv[1]))


if __name__ == "__main__":
    _main()
