"""Showing how far a run is, where pytest writes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from pytest_quantguard.engine.progress import Progress, Screen, Told, Watch, display_on
from pytest_quantguard.types import Json

if TYPE_CHECKING:
    import pytest

    from pytest_quantguard._asking import Asking
    from pytest_quantguard._run import Run


def show_progress(config: pytest.Config, asking: Asking, run: Run) -> None:
    """Let the engine show how far it is: here, or to the process whose worker this is."""
    worker: Json = getattr(config, "workerinput", {})
    told = Told(run.part("progress") / f"{worker['workerid']}.json") if worker else None
    asking.engine.progress = Progress(asking.snapshot, told or display_on(screen_of(config)))


def watched(config: pytest.Config, asking: Asking, run: Run) -> AbstractContextManager[object]:
    """Show, beside workers, how far they are, for as long as this lasts."""
    screen = screen_of(config)
    if screen is None:
        return nullcontext()
    return Watch(run.part("progress"), screen, asking.starting)


def screen_of(config: pytest.Config) -> Screen | None:
    """Return where pytest writes, unless it is told to be quiet."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.getoption("verbose", 0) < -1:
        return None
    return Screen(reporter, config.pluginmanager.get_plugin("capturemanager"))
