"""Run a program and say what it cost: the one way in which all benchmarks here measure."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_CLEARED = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one run of a program took, its children included."""

    wall_s: float
    cpu_s: float
    """User and system time."""
    rss_mb: float
    """Peak memory of its largest process."""
    code: int
    text: str
    """What it printed."""


def run(
    command: Sequence[str | Path],
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    limit_s: float = 600.0,
) -> Spent:
    """Run a command in a folder, and measure it; it is ended after ``limit_s`` seconds.

    Its own environment variables come on top of ours; those that would change pytest do not pass.
    """
    around = {name: value for name, value in os.environ.items() if name not in _CLEARED}
    printed = folder / "printed.txt"
    with printed.open("wb") as out:
        began = time.perf_counter()
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**around, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timer = threading.Timer(limit_s, _end, [child.pid])
        timer.start()
        _, status, used = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    return Spent(
        wall_s=wall_s,
        cpu_s=used.ru_utime + used.ru_stime,
        rss_mb=used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
        code=child.returncode,
        text=printed.read_text(encoding="utf-8", errors="replace"),
    )


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


@contextmanager
def serving(command: Sequence[str | Path]) -> Iterator[str]:
    """Start a server that prints its URL and ends with its standard input; yield the URL."""
    server = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.communicate(timeout=10)


def machine() -> str:
    """Describe the machine in neutral words: what figures depend on, and nothing else."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cores} cores, {memory:.0f} GB of memory, {platform.system()}, "
        f"Python {platform.python_version()}"
    )
