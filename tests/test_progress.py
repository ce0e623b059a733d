"""Progress: how it is counted and said, and where it is drawn."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from gate_project import GateProject, speaks, truthful
from pytest_quantguard.engine.progress import (
    Plain,
    Progress,
    Rate,
    Screen,
    Silent,
    Snapshot,
    Told,
    Transient,
    Watch,
    announced,
    display_on,
    leave_plan,
    line,
    merged,
    read,
)
from scripted_server import Exchange

SOME = Snapshot(planned=120, done=40, cached=10, errors=1, cost=0.0123456)


class Terminal:
    """What is used of pytest's reporter and its writer."""

    isatty = True
    fullwidth = 60
    width_of_current_line = 7

    def __init__(self) -> None:
        self._tw = self
        self._file = io.StringIO()

    def ensure_newline(self) -> None:
        self.width_of_current_line = 0

    def write_line(self, text: str) -> None:
        self._file.write(text + "\n")

    def line(self) -> None:
        self._file.write("\n")

    def flush(self) -> None:
        """Nothing is kept back."""

    @property
    def text(self) -> str:
        return self._file.getvalue()


@pytest.mark.parametrize(
    ("found", "per_s", "said"),
    [
        (SOME, 0.0, "40 of 120 answers, cost 0.01235, 1 error"),
        (SOME, 2.0, "40 of 120 answers, 2 a second, about 40 s left, cost 0.01235, 1 error"),
        (
            Snapshot(planned=100_000, done=1),
            12.3456,
            "1 of 100000 answers, 12.3 a second, about 2 h 15 min left",
        ),
        (
            Snapshot(planned=1000, done=0),
            2.0,
            "0 of 1000 answers, 2 a second, about 8 min 20 s left",
        ),
        (Snapshot(planned=9, done=9, errors=9), 0.1, "9 of 9 answers, 0.1 a second, 9 errors"),
        (
            Snapshot(planned=9, done=4, waits="waiting for the server of awq (43 s)"),
            2.0,  # a server that is not up yet answers nothing in two seconds
            "4 of 9 answers, waiting for the server of awq (43 s)",
        ),
    ],
)
def test_one_line_says_it(found: Snapshot, per_s: float, said: str) -> None:
    """How much of it is done, how fast, how long to go, at what cost."""
    assert line(found, per_s) == f"quantguard: {said}"
    assert line(found, per_s).isascii()


def test_rate_is_that_of_the_last_seconds() -> None:
    """What was fast an hour ago does not tell when it will be over."""
    rate = Rate()
    assert rate.per_s(0.0, 0) == 0.0
    assert rate.per_s(10.0, 100) == 10.0
    assert rate.per_s(1000.0, 200) == pytest.approx(100 / 990)
    assert rate.per_s(1030.0, 230) == 1.0


def test_variants_add_up() -> None:
    """Costs of those without a price are not known, and not counted."""
    found = SOME + Snapshot(planned=5, done=5)

    assert (found.planned, found.done, found.cost) == (125, 45, 0.0123456)
    assert (Snapshot() + Snapshot()).cost is None


def test_line_on_a_terminal_leaves_no_trace() -> None:
    """It is drawn below, at most twice a second; the cursor goes back to where it was."""
    terminal = Terminal()
    shown = Transient(Screen(terminal), Rate())
    shown.show(SOME, 10.0)
    shown.show(SOME, 10.4)
    shown.show(SOME, 10.6)
    shown.hide()
    shown.hide()
    first, second = (line(SOME, 0.0)[:59] for _ in range(2))

    assert terminal.text == f"\n\r\x1b[K{first}\r\x1b[K{second}\r\x1b[K\x1b[1A\x1b[7C"


def test_nothing_is_drawn_where_the_cursor_cannot_go_back() -> None:
    """A full line leaves it between two lines."""
    terminal = Terminal()
    terminal.width_of_current_line = 60
    Transient(Screen(terminal), Rate()).show(SOME, 10.0)

    assert terminal.text == ""


def test_plain_lines_come_now_and_then() -> None:
    """After five seconds, and every ten; no control character."""
    said: list[str] = []
    plain = Plain(said.append, Rate(), 100.0)
    for now in range(100, 140):
        plain.show(SOME, float(now))

    assert len(said) == 4
    assert all(text.isprintable() for text in said)


def test_where_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal that can, as lines elsewhere, and not at all without a screen."""
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display_on(Screen(Terminal())), Transient)
    capture = SimpleNamespace(is_globally_capturing=lambda: False)
    assert isinstance(display_on(Screen(Terminal(), capture)), Plain), "-s: tests write there, too"
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display_on(Screen(Terminal())), Plain)
    assert isinstance(display_on(None), Silent)


def test_the_controller_shows_a_workers_plan(tmp_path: Path) -> None:
    """It plans nothing itself; however short the run, what is asked is said, and once."""
    terminal, plan = Terminal(), {"cases": 3, "cohorts": 1, "spending": ["plan: base: 3 to ask"]}
    with Watch(tmp_path, Screen(terminal)):
        leave_plan(tmp_path, announced(plan, {"base": (0, 3), "awq": (1, 3)}, "base"))

    assert [line for line in terminal.text.splitlines() if line] == [
        "quantguard: baseline base (0/3 cached) · candidate awq (1/3 cached) · 3 cases, 1 cohort",
        "quantguard: plan: base: 3 to ask",
    ]


def test_nothing_is_shown_when_all_is_there() -> None:
    """A run from the cache has no progress."""
    terminal = Terminal()
    progress = Progress(lambda: Snapshot(planned=9, done=9), Transient(Screen(terminal), Rate()))
    progress.tick()
    progress.waiting()
    progress.over()

    assert terminal.text == ""


def test_workers_tell_through_files(tmp_path: Path) -> None:
    """What one of them asked is sooner or later cached for the other; broken files do not count."""
    Told(tmp_path / "gw0.json").show(Snapshot(planned=100, done=30, cached=5, cost=0.5), 1.0)
    told = Told(tmp_path / "gw1.json")
    told.show(Snapshot(planned=100, done=1), 1.0)
    told.show(Snapshot(planned=100, done=28, cached=0, cost=0.25), 1.5)
    assert [part.done for part in read(tmp_path)] == [30, 1], "once a second"
    told.show(Snapshot(planned=100, done=28, cached=0, cost=0.25), 2.0)
    (tmp_path / "gw2.json").write_text("{")
    whole = merged(read(tmp_path))

    assert (whole.planned, whole.done, whole.fresh, whole.cost) == (100, 53, 53, 0.75)
    assert merged([]) == Snapshot()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_sees_it_come_and_go(project: GateProject) -> None:
    """The gate on a pseudo-terminal: dots and verdicts are where they would be without it."""
    import pty

    def slow(exchange: Exchange) -> None:
        time.sleep(0.3)
        speaks(truthful)(exchange)

    project.server.default = slow
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}
    process = subprocess.Popen(
        project.command(), cwd=project.folder, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    seen = bytearray()
    while piece := _read(ours):
        seen += piece
    os.close(ours)
    code, text = process.wait(), seen.decode()

    assert code == 0, text
    assert "\n\r\x1b[Kquantguard: " in text.replace("\r\n", "\n")
    assert text.count("\x1b[1A") == text.count("\n\r\x1b[K"), "each is taken back"
    assert not re.search(r"\x1b\[[0-9;]*m", text), "NO_COLOR"
    assert text.rstrip().endswith("=")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # its other end is closed
        return b""
