"""What a sandbox is tried with: a program that attempts to break out, and tells what worked.

Runs inside. Reads what to try from standard input, writes what it found to standard output; both
are JSON. True is bad news.
"""

import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

F_SETSIG, F_SETOWN_EX, F_OWNER_PID = 10, 15, 1  # <fcntl.h>
FIOSETOWN, SIOCSPGRP = 0x8901, 0x8902  # <asm/sockios.h>


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


def signal_by_file(pid: int) -> None:
    """Have the kernel signal a process: as the owner of a pipe that becomes readable."""
    reading, writing = os.pipe()
    owner = struct.pack("ii", F_OWNER_PID, pid)
    for request in (
        lambda: fcntl.fcntl(reading, fcntl.F_SETOWN, pid),
        lambda: fcntl.fcntl(reading, F_SETOWN_EX, owner),
        lambda: fcntl.ioctl(reading, FIOSETOWN, struct.pack("i", pid)),
        lambda: fcntl.ioctl(reading, SIOCSPGRP, struct.pack("i", pid)),
        lambda: fcntl.fcntl(reading, F_SETSIG, signal.SIGUSR1),
        lambda: fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC | os.O_RDONLY),
        lambda: os.write(writing, b"x"),
    ):
        works(request)


def disturb(pid: int) -> None:
    """Do to another process what it can see: signal it, slow it down, limit it."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # inside, the number may be our own
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    works(os.kill, pid, signal.SIGUSR1)
    works(signal_by_file, pid)
    works(os.setpriority, os.PRIO_PROCESS, pid, 1)
    works(os.sched_setscheduler, pid, os.SCHED_BATCH, os.sched_param(0))
    works(resource.prlimit, pid, resource.RLIMIT_NOFILE, (50, 50))


def main(told: dict[str, Any]) -> None:
    """Try everything; what becomes of the victim is for those outside to see."""
    disturb(told["victim"])
    size = os.statvfs(".")
    report = {
        "nonce": told["nonce"],
        "read": [path for path in told["secrets"] if works(open, path)],
        "connect": works(socket.create_connection, ("127.0.0.1", told["port"]), 1),
        "inspect": [
            name
            for name in ("environ", "mem", "maps")
            if works(open, f"/proc/{told['pid']}/{name}")
        ],
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
