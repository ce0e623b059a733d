"""The sandboxes of this machine, and a way to see what they leave behind."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_quantguard.contracts import Sandbox
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.sandboxes import find

STRONG = ("bubblewrap", "namespaces")
_sizes = itertools.count(150)


def working(name: str) -> Sandbox:
    """Return a sandbox, or skip the test with the reason why it does not work here."""
    try:
        return find(name)
    except ConfigError as error:
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


@pytest.fixture
def size() -> int:
    """Return a memory limit that no other test of this process uses: it marks processes."""
    return 100 * (os.getpid() % 5) + next(_sizes)


@pytest.fixture
def alive(size: int) -> Callable[[], list[int]]:
    """Return a function that lists the processes with this test's memory limit still alive.

    Gives the kernel up to two seconds to bury them.
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
        until = time.monotonic() + 2
        while (found := processes()) and time.monotonic() < until:
            time.sleep(0.02)
        return found

    return left
