"""Golden items that hold, without pytest's ceremony where nobody looks on.

pytest takes each item through three phases, and some forty hooks cost more than judging an answer
does. Where only pytest itself listens to the phases, an item of a built-in check that has nothing
to tell but its evidence reports directly. All else goes the long way: a plugin or a conftest.py
with a hook for the phases, marks that others have put on the item, checks of the user's, which may
print, and every item that does not simply pass.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Generator
from pathlib import Path
from typing import Literal

import pytest

from pytest_quantguard._collect import QuantItem
from pytest_quantguard._items import EVIDENCE

_WATCHED = (
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
)
_LOOKING = ("usepdb", "trace", "setupshow", "setuponly", "setupplan")
"""Options that show the phases."""
_PHASES: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")


class Express:
    """The hooks that run such items; one for each run."""

    def __init__(self, config: pytest.Config) -> None:
        gc.unfreeze()
        self._ceremony = any(config.getoption(name, False) for name in _LOOKING)
        self._unwatched: dict[Path, bool] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Spare the garbage collector the items, here and at pytest's end: much, and all alive.

        They come into its sight again should the process begin another run.
        """
        gc.freeze()
        return (yield)

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Examine an item and report it; None leaves it to pytest."""
        if self._ceremony or not isinstance(item, QuantItem) or not self._alone(item):
            return None
        began = time.perf_counter()
        try:
            item.runtest()
        except (Exception, pytest.skip.Exception, pytest.fail.Exception):
            return None  # its answers are known by now: nothing is asked twice
        _report(item, time.perf_counter() - began)
        return True

    def _alone(self, item: QuantItem) -> bool:
        folder = item.path.parent
        if folder not in self._unwatched:
            self._unwatched[folder] = not any(_listeners(item, name) for name in _WATCHED)
        return (
            self._unwatched[folder]
            and _ours(type(item.check).__module__)
            and all(mark.name == "quant_case" for mark in item.iter_markers())
        )


def _listeners(item: pytest.Item, hook: str) -> list[str]:
    """Return the modules of others that have a hook."""
    found = getattr(item.ihook, hook).get_hookimpls()
    modules = (implementation.function.__module__ for implementation in found)
    return [module for module in modules if not (_ours(module) or module.startswith("_pytest."))]


def _ours(module: str) -> bool:
    return module.startswith("pytest_quantguard.")


def _report(item: QuantItem, seconds: float) -> None:
    """Report all phases of an item that passed."""
    hook, place = item.ihook, {"nodeid": item.nodeid, "location": item.location}
    keywords: dict[str, Literal[1]] = dict.fromkeys(item.keywords, 1)
    hook.pytest_runtest_logstart(**place)
    for when in _PHASES:
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=keywords,
            outcome="passed",
            longrepr=None,
            when=when,
            duration=seconds if when == "call" else 0.0,
            user_properties=item.user_properties,
        )
        if when == "call":
            report.quantguard = item.stash[EVIDENCE]  # type: ignore[attr-defined]
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(**place)
