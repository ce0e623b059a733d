"""What a sandbox is tried with: a program that attempts to break out, and tells what worked.

Runs inside. Reads what to try from standard input, writes what it found to standard output; both
are JSON. True is bad news.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any


def works(action: Callable[..., object], *arguments: object) -> bool:
    """Tell whether something can be done."""
    try:
        action(*arguments)
    except (OSError, RuntimeError):
        return False
    return True


def fork() -> None:
    """Start another process."""
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def write(path: str) -> None:
    """Write a file and take it away again."""
    with open(path, "x") as file:
        file.write("x")
    os.unlink(path)


def main(told: dict[str, Any]) -> None:
    """Try everything."""
    size = os.statvfs(".")
    report = {
        "nonce": told["nonce"],
        "read": [path for path in told["secrets"] if works(open, path)],
        "connect": works(socket.create_connection, ("127.0.0.1", told["port"]), 1),
        "signal": works(os.kill, told["pid"], 0),
        "fork": works(fork),
        "write": [path for path in told["writable"] if works(write, path)],
        "environment": sorted(os.environ),
        "privileged": os.getuid() == 0 or os.geteuid() == 0,
        "folder": os.listdir("."),
        "own_mb": size.f_blocks * size.f_frsize >> 20,
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(json.loads(sys.stdin.read()))
