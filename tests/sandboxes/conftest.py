"""The sandboxes of this machine, and a way to see what they leave behind."""

from __future__ import annotations

import fcntl
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard.contracts import Sandbox
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.sandboxes import find
from pytest_quantguard.sandboxes._python import executable
from pytest_quantguard.sandboxes._seccomp import known

SOURCES = Path(__file__).resolve().parents[2] / "src"
STRONG = ("bubblewrap", "namespaces")


def working(name: str) -> Sandbox:
    """Return a sandbox, or skip the test where this machine cannot have it.

    One that can be entered and leaks is a failure: skipping would hide what is tested here.
    """
    try:
        return find(name)
    except ConfigError as error:
        if "a program" in str(error):  # it ran, and told of a way out
            pytest.fail(str(error))
        if name == "limits" and sys.platform == "linux" and known():
            pytest.fail(str(error))  # it needs nothing else
        pytest.skip(str(error))


@pytest.fixture
def namespaces() -> Sandbox:
    """Return the sandbox that needs nothing but the kernel."""
    return working("namespaces")


@pytest.fixture(params=STRONG)
def strong(request: pytest.FixtureRequest) -> Sandbox:
    """Return each sandbox that isolates."""
    return working(request.param)


@pytest.fixture(params=(*STRONG, "limits"))
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Return each sandbox, the weak one too."""
    return working(request.param)


@pytest.fixture(scope="session")
def sizes() -> Iterator[Iterator[int]]:
    """Return numbers from 150 on that no other session of tests on this machine has meanwhile."""
    with ExitStack() as stack:
        for first in itertools.count(150, 75):
            path = Path(tempfile.gettempdir(), f"quantguard-test-sizes-{os.getuid()}-{first}")
            file = stack.enter_context(path.open("w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield iter(range(first, first + 75))
            return


@pytest.fixture
def size(sizes: Iterator[int]) -> int:
    """Return a memory limit that no other test uses: it marks processes."""
    return next(sizes)


@pytest.fixture
def alive(size: int) -> Callable[[], list[int]]:
    """Return a function that lists the processes with this test's memory limit still alive.

    Gives a busy machine's kernel half a minute to bury them.
    """
    mark = f"\0{size}\0".encode()

    def processes() -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    command = (entry / "cmdline").read_bytes()
                except OSError:  # gone meanwhile
                    continue
                if b"become(" in command and mark in command:
                    found.append(int(entry.name))
        return found

    def left() -> list[int]:
        until = time.monotonic() + 30
        while (found := processes()) and time.monotonic() < until:
            time.sleep(0.02)
        return found

    return left


@pytest.fixture
def as_user() -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a function that runs a program as an ordinary user, root or not."""
    if os.geteuid() != 0:
        return lambda text: _run_python(sys.executable, text)
    for python in (executable(), "/usr/bin/python3"):
        try:
            done = _run_python(python, "import sys; assert sys.version_info >= (3, 11)", **NOBODY)
        except OSError:
            continue
        if done.returncode == 0:
            return lambda text, python=python: _run_python(python, text, **NOBODY)
    pytest.skip("no Python of 3.11 or newer that another user may run")


NOBODY = {"user": 65533, "group": 65533, "extra_groups": []}


def _run_python(python: str, text: str, **who: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-P", "-c", f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n{text}"],
        **who,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
