"""How far a run is: one line that comes and goes on a terminal, or one now and then without."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pytest_quantguard._plural import counted
from pytest_quantguard._whole import write_whole

_SPAN_S = 30.0
"""The rate is that of the last seconds."""
_DRAW_S = 0.5
_FIRST_S = 5.0
_EVERY_S = 10.0
_TELL_S = 1.0
_MINUTE, _HOUR = 60, 3600
_PLAN_FILE = "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How far the asking is, over all variants and judges."""

    planned: int = 0
    done: int = 0
    """Answered, cached or failed."""
    cached: int = 0
    errors: int = 0
    cost: float | None = None
    """Of the answers that this run asked for; None where there are no prices."""
    waits: str = ""
    """What has to happen before anything is asked, such as the start of a server; may be empty."""

    def __add__(self, other: Snapshot) -> Snapshot:
        """Sum up two variants."""
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Snapshot(
            planned=self.planned + other.planned,
            done=self.done + other.done,
            cached=self.cached + other.cached,
            errors=self.errors + other.errors,
            cost=sum(costs) if costs else None,
            waits=self.waits or other.waits,
        )

    @property
    def open(self) -> bool:
        """Whether there is anything to wait for."""
        return self.done < self.planned or bool(self.waits)

    @property
    def fresh(self) -> int:
        """Answers and errors that this run brought about."""
        return self.done - self.cached


def merged(parts: list[Snapshot]) -> Snapshot:
    """Return how far a run is whose processes have all planned the same.

    What one of them has asked is cached for the others, sooner or later.
    """
    planned = max((part.planned for part in parts), default=0)
    errors = max((part.errors for part in parts), default=0)
    fresh = sum(part.fresh - part.errors for part in parts) + errors
    begun = max((part.done for part in parts), default=0)
    done = min(planned, max(begun, fresh))
    costs = [part.cost for part in parts if part.cost is not None]
    return Snapshot(
        planned=planned,
        done=done,
        cached=max(0, done - fresh),
        errors=errors,
        cost=sum(costs) if costs else None,
    )


def announced(
    plan: Mapping[str, Any], known: Mapping[str, tuple[int, int]], base: str
) -> list[str]:
    """Say, a line each, what a run will ask.

    Args:
        plan: the run's plan.
        known: of each variant how many completions are cached, and of how many.
        base: the baseline's name.
    """
    parts = [
        f"{'baseline' if name == base else 'candidate'} {name} ({have}/{total} cached)"
        for name, (have, total) in known.items()
    ]
    cases, cohorts = plan["cases"], plan["cohorts"]
    many = [f"{cases} case{'s' * (cases != 1)}", f"{cohorts} cohort{'s' * (cohorts != 1)}"]
    if plan.get("driven"):
        many.append(f"{plan['driven']} of several turns, whose requests come on top")
    lines = [f"{' · '.join(parts)} · {', '.join(many)}", *plan.get("spending", ())]
    return [f"quantguard: {text}" for text in lines]


def leave_plan(folder: Path, lines: list[str]) -> None:
    """Leave, in a worker, what the controller shows: it plans nothing itself."""
    with suppress(OSError):
        write_whole(folder / _PLAN_FILE, "\n".join(lines).encode("utf-8", "replace"))


class Rate:
    """How many answers come in a second, lately."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def per_s(self, now: float, fresh: int) -> float:
        """Note a count, and return the rate; 0 while there is none."""
        self._seen.append((now, fresh))
        while len(self._seen) > 2 and self._seen[1][0] <= now - _SPAN_S:
            self._seen.popleft()
        then, before = self._seen[0]
        return (fresh - before) / (now - then) if now > then else 0.0


def line(found: Snapshot, per_s: float) -> str:
    """Return one line in plain ASCII: done, rate, time left, cost and errors."""
    parts = [f"quantguard: {found.done} of {counted(found.planned, 'answer')}"]
    left = found.planned - found.done
    if per_s > 0 and not found.waits:  # what came before a wait says nothing about what comes after
        parts.append(f"{per_s:.3g} a second")
        if left:
            parts.append(f"about {_time(left / per_s)} left")
    if found.cost is not None:
        parts.append(f"cost {found.cost:.4g}")
    if found.errors:
        parts.append(f"{found.errors} error{'s' * (found.errors != 1)}")
    if found.waits:
        parts.append(found.waits)
    return ", ".join(parts)


def _time(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR / _MINUTE:.0f} min"


class Screen:
    """Where pytest writes; what a test prints is captured, this is not."""

    def __init__(self, reporter: Any, capture: Any = None) -> None:
        self._reporter = reporter
        self._capture = capture

    @property
    def width(self) -> int:
        """Columns."""
        return int(self._reporter._tw.fullwidth)

    @property
    def column(self) -> int:
        """Where the cursor is, from 0."""
        return int(self._reporter._tw.width_of_current_line)

    @property
    def is_terminal(self) -> bool:
        """Whether lines can be taken back."""
        if self._capture is not None and not self._capture.is_globally_capturing():
            return False  # with -s tests write there, too
        return bool(self._reporter.isatty) and os.environ.get("TERM", "") not in ("", "dumb")

    def raw(self, text: str) -> None:
        """Write as it is, behind pytest's back."""
        with self._uncaptured(), suppress(OSError, ValueError):  # a terminal may be gone
            self._reporter._tw._file.write(text)
            self._reporter._tw._file.flush()

    def line(self, text: str) -> None:
        """Write a line of its own."""
        with self._uncaptured():
            self._reporter.ensure_newline()
            if self.column:
                self._reporter._tw.line()
            self._reporter.write_line(text)
            self._reporter._tw.flush()

    def _uncaptured(self) -> AbstractContextManager[object]:
        if self._capture is None:
            return nullcontext()
        found: AbstractContextManager[object] = self._capture.global_and_fixture_disabled()
        return found


class Transient:
    """A line below pytest's own that is gone before pytest writes again; main thread only."""

    due = math.inf

    def __init__(self, screen: Screen, rate: Rate) -> None:
        self._screen = screen
        self._rate = rate
        self._drawn_at = 0.0
        self._column: int | None = None

    def show(self, found: Snapshot, now: float) -> None:
        """Draw, at most twice a second."""
        if now - self._drawn_at < _DRAW_S:
            return
        self._drawn_at = now
        text = line(found, self._rate.per_s(now, found.fresh))[: self._screen.width - 1]
        if self._column is None:
            column = self._screen.column
            if column >= self._screen.width:
                return  # the cursor is neither here nor there: it could not be put back
            self._column = column
            self._screen.raw("\n")
        self._screen.raw(f"\r\x1b[K{text}")

    def hide(self) -> None:
        """Put the screen back as it was."""
        if self._column is not None:
            right = f"\x1b[{self._column}C" if self._column else ""
            self._screen.raw(f"\r\x1b[K\x1b[1A{right}")
            self._column = None


class Plain:
    """A line of its own every few seconds, for logs."""

    def __init__(self, write: Callable[[str], None], rate: Rate, now: float) -> None:
        self._write = write
        self._rate = rate
        self.due = now + _FIRST_S

    def show(self, found: Snapshot, now: float) -> None:
        """Write when it is time."""
        per_s = self._rate.per_s(now, found.fresh)
        if now >= self.due:
            self.due = now + _EVERY_S
            self._write(line(found, per_s))

    def hide(self) -> None:
        """What is written stays."""


class Told:
    """What a worker leaves in a file for the controller, once a second."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.due = 0.0

    def show(self, found: Snapshot, now: float) -> None:
        """Write when it is time."""
        if now >= self.due:
            self.due = now + _TELL_S
            with suppress(OSError):
                spare = self._file.with_suffix(".new")
                spare.write_text(json.dumps(asdict(found)), encoding="ascii")
                spare.replace(self._file)

    def hide(self) -> None:
        """A file disturbs nobody."""


class Silent:
    """Nothing at all."""

    due = math.inf

    def show(self, found: Snapshot, now: float) -> None:
        """Show nothing."""

    def hide(self) -> None:
        """Hide nothing."""


Display = Transient | Plain | Told | Silent


class Progress:
    """Shown by the main thread while it waits for an answer."""

    def __init__(self, snapshot: Callable[[], Snapshot], display: Display) -> None:
        self._snapshot = snapshot
        self._display = display
        self._idle_until = 0.0
        """Nothing was open lately: nobody looks before, on the monotonic clock."""

    def waiting(self) -> None:
        """Show how far it is; other threads show nothing."""
        if threading.current_thread() is threading.main_thread():
            found, now = self._snapshot(), time.monotonic()
            if found.open:
                self._display.show(found, now)
            else:
                self._idle_until = now + _DRAW_S

    def tick(self) -> None:
        """Show it where it is time, also when nobody has to wait for long."""
        if time.monotonic() >= max(self._display.due, self._idle_until):
            self.waiting()

    def over(self) -> None:
        """Clear up: pytest is about to write."""
        if threading.current_thread() is threading.main_thread():
            self._display.hide()


def display_on(screen: Screen | None) -> Display:
    """Return how progress is shown there; without a screen not at all."""
    if screen is None:
        return Silent()
    if screen.is_terminal:
        return Transient(screen, Rate())
    return Plain(screen.line, Rate(), time.monotonic())


class Watch:
    """Shows, beside pytest-xdist's workers, what they have left in their files.

    Nothing is called there while all wait for answers, so that a thread looks. It writes whole
    lines only: never control characters, which would mix with what pytest writes.
    """

    def __init__(self, folder: Path, screen: Screen, waits: Callable[[], str] = str) -> None:
        """``waits``: see `Snapshot.waits`; workers do not know."""
        self._folder = folder
        self._waits = waits
        self._screen = screen
        self._planned = False
        self._plain = Plain(screen.line, Rate(), time.monotonic())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quantguard-progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)  # it ends at once, unless the machine is busy

    def _run(self) -> None:
        while not self._stop.wait(_TELL_S):
            self._tell_plan()
            found = replace(merged(read(self._folder)), waits=self._waits())
            if found.open:
                self._plain.show(found, time.monotonic())
        self._tell_plan()

    def _tell_plan(self) -> None:
        with suppress(OSError, ValueError):
            if not self._planned:
                for text in (self._folder / _PLAN_FILE).read_text(encoding="utf-8").splitlines():
                    self._screen.line(text)
                self._planned = True


def read(folder: Path) -> list[Snapshot]:
    """Return what the workers have told; a file that cannot be read is passed over."""
    found = []
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, TypeError):
            found.append(Snapshot(**json.loads(path.read_text(encoding="ascii"))))
    return found
