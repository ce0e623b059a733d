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
_Phase = Literal["setup", "call", "teardown"]
_PHASES: tuple[_Phase, ...] = ("setup", "call", "teardown")
_OF_CALLS = frozenset(
    f"_pytest.{name}" for name in ("cacheprovider", "logging", "main", "stepwise", "terminal")
)
"""Where pytest makes nothing of the report that a set-up or a teardown passed."""
_SPARED = 1000
"""Items after which the garbage collector is spared their evidence."""


class Express:
    """The hooks that run such items; one for each run."""

    def __init__(self, config: pytest.Config) -> None:
        gc.unfreeze()
        self._ceremony = any(config.getoption(name, False) for name in _LOOKING)
        # A look of a sequential run is complete when its items are torn down.
        sequential = config.getoption("quant_sequential", False)
        self._all_phases = sequential or config.getoption("durations", None) is not None
        self._unwatched: dict[Path, bool] = {}
        self._phases: dict[Path, tuple[_Phase, ...]] = {}
        self._only_ours = True
        """Whether no code of others has run since the first item, which may have left garbage."""
        self._reported = 0

    @pytest.hookimpl(wrapper=True, trylast=True)  # inside the controller's, which judges
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Spare the garbage collector items and evidence: much, and all alive until the end.

        They come into its sight again should the process begin another run.
        """
        gc.freeze()
        result = yield
        self._spare()
        return result

    def _spare(self) -> None:
        if self._only_ours:
            gc.freeze()

    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Examine an item and report it; None leaves it to pytest."""
        if self._ceremony or not isinstance(item, QuantItem) or not self._alone(item):
            self._only_ours = False
            return None
        if _leaves_something_set_up(item, nextitem):
            return None
        began = time.perf_counter()
        try:
            item.runtest()
        except (Exception, pytest.skip.Exception, pytest.fail.Exception):
            return None  # its answers are known by now: nothing is asked twice
        _report(item, time.perf_counter() - began, self._phases_of(item))
        self._reported += 1
        if self._reported % _SPARED == 0:
            self._spare()
        return True

    def _phases_of(self, item: QuantItem) -> tuple[_Phase, ...]:
        """Return the phases to report: those that somebody listens to."""
        folder = item.path.parent
        if folder not in self._phases:
            others = _listeners(item, "pytest_runtest_logreport") - _OF_CALLS
            self._phases[folder] = _PHASES if self._all_phases or others else ("call",)
        return self._phases[folder]

    def _alone(self, item: QuantItem) -> bool:
        folder = item.path.parent
        if folder not in self._unwatched:
            modules = {module for name in _WATCHED for module in _listeners(item, name)}
            self._unwatched[folder] = all(module.startswith("_pytest.") for module in modules)
        return (
            self._unwatched[folder]
            and _ours(type(item.check).__module__)
            and all(mark.name == "quant_case" for mark in item.iter_markers())
        )


def _leaves_something_set_up(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Tell whether pytest has set up what the next item does not need, and this one has to end.

    An item that went the long way leaves what it shares with its successor: files, folders.
    """
    # No public hook tells; other plugins that repeat items read the same attribute.
    standing = list(item.session._setupstate.stack)
    needed = nextitem.listchain() if standing and nextitem is not None else []
    return standing != needed[: len(standing)]


def _listeners(item: pytest.Item, hook: str) -> set[str]:
    """Return the modules that have a hook, apart from ours."""
    found = getattr(item.ihook, hook).get_hookimpls()
    modules = {implementation.function.__module__ for implementation in found}
    return {module for module in modules if not _ours(module)}


def _ours(module: str) -> bool:
    return module.startswith("pytest_quantguard.")


def _report(item: QuantItem, seconds: float, phases: tuple[_Phase, ...]) -> None:
    """Report phases of an item that passed."""
    hook, place = item.ihook, {"nodeid": item.nodeid, "location": item.location}
    keywords: dict[str, Literal[1]] = dict.fromkeys(item.keywords, 1)
    hook.pytest_runtest_logstart(**place)
    for when in phases:
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
