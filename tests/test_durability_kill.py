"""Kill -9 at any moment, run again: nothing that was answered is asked twice."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gate_project import GateProject, Run, quantized
from scripted_server import Exchange, ScriptedServer, event, piece, says

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

STARTER = """
import os, sys
import diskcache, httpx, pytest, yaml
from pytest_quantguard import _activation, _controller  # a run begins in no time
from pytest_quantguard.engine import complete as _complete
from pytest_quantguard.providers import openai
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        out = os.open("out.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(out, 1), os.dup2(out, 2)
        os._exit(pytest.main(["-p", "no:anyio", "--quant-candidate=cand", "-q"]))
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
CONCURRENCY = 4


class Starter:
    """Starts runs of one project, quickly: each is a fork of a process that has imported all."""

    def __init__(self, project: GateProject) -> None:
        self._project = project
        self._process = subprocess.Popen(
            [sys.executable, "-c", STARTER],
            cwd=project.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> int:
        """Return the id of a new run's process."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._number()

    def finish(self) -> Run:
        """Wait for the run."""
        code = self._number()
        return Run(code, (self._project.folder / "out.txt").read_text(), self._project.folder)

    def _number(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        self._process.communicate()


class Ledger:
    """Answers, and writes down which answers were complete; can hold back what comes next."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.complete: Counter[tuple[str, str]] = Counter()
        self.twice: list[tuple[str, str]] = []
        """Asked again although the same connection had gone on to another question."""
        self._last: dict[object, tuple[str, str]] = {}
        """By connection; the number of its port may be given to the next run."""
        self._stored: set[tuple[str, str]] = set()
        self._hold_at = 10**9
        self._half = False
        self._go = threading.Event()

    def hold(self, after: int, *, half: bool) -> None:
        """After so many more answers send none to its end: nothing of it, or a half."""
        with self.lock:
            self._go.set()
            self._go = threading.Event()
            self._hold_at, self._half = self.complete.total() + after, half

    @property
    def holds(self) -> bool:
        with self.lock:
            return self.complete.total() >= self._hold_at

    def __call__(self, exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        key = body["model"], body["messages"][-1]["content"]
        if gone(exchange):  # of a run that was killed; this thread comes late
            return
        with self.lock:
            if (before := self._last.pop(exchange.connection, None)) is not None:
                self._stored.add(before)  # whoever asks the next question has stored the last
            if key in self._stored:
                self.twice.append(key)
            held, go = self.complete.total() >= self._hold_at, self._go
        time.sleep(0.005)
        with self.lock:
            held = held or go is not self._go or self.complete.total() >= self._hold_at
            held = held or gone(exchange)
            if not held:  # counted before it is sent: to be told too early does no harm
                self.complete[key] += 1
                self._last[exchange.connection] = key
        if held:
            if self._half:
                exchange.stream(event(piece({"content": "answer"})), end=False)
            go.wait(120.0)
            exchange.close_connection = True
        else:
            says(quantized(*key))(exchange)


def gone(exchange: Exchange) -> bool:
    """Tell whether the client has hung up."""
    try:
        return not exchange.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def stored(project: GateProject) -> int:
    """Return how many answers are on the disk."""
    path = project.folder / ".quantguard" / "cache" / "cache.db"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT COUNT(*) FROM Cache").fetchone()[0])
    except sqlite3.Error:  # it is just being made
        return 0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 90.0
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def project(tmp_path: Path, ledger: Ledger) -> Iterator[GateProject]:
    with ScriptedServer(default=ledger) as server:
        project = GateProject(tmp_path, server)
        both = {"provider": "openai", "base_url": server.url, "concurrency": CONCURRENCY}
        project.config(server.url, variants={n: {**both, "model": n} for n in ("base", "cand")})
        project.golden(200)
        yield project


def test_ten_kills_cost_nothing_that_was_answered(project: GateProject, ledger: Ledger) -> None:
    """Eight runs are killed before an answer or in the middle of one, two at any moment.

    The next run ends as one that nobody disturbed. What was answered completely is never asked
    again; after a kill at any moment that is so for whatever its connection shows to be stored.
    """
    draw = random.Random(11)
    starter = Starter(project)
    try:
        for kill in range(8):
            ledger.hold(draw.randrange(5, 45), half=bool(kill % 2))
            pid = starter.start()
            wait_for(lambda: ledger.holds and stored(project) == ledger.complete.total())
            os.kill(pid, signal.SIGKILL)
            assert starter.finish().code == -signal.SIGKILL
        assert set(ledger.complete.values()) == {1}, "each was answered once"
        before = ledger.complete.total()
        for _ in range(2):
            ledger.hold(60, half=False)  # none comes to its end first, however late the kill is
            pid = starter.start()
            due = before + draw.randrange(30)
            wait_for(lambda due=due: ledger.complete.total() > due)  # type: ignore[misc]
            time.sleep(draw.uniform(0.0, 0.02))
            os.kill(pid, signal.SIGKILL)
            assert starter.finish().code == -signal.SIGKILL
            before = ledger.complete.total()
        ledger.hold(10**9, half=False)
        starter.start()
        disturbed = starter.finish()
        asked = ledger.complete.total()
        starter.start()
        undisturbed = starter.finish()
    finally:
        ledger.hold(10**9, half=False)
        starter.stop()

    assert disturbed.code == undisturbed.code == 1, disturbed.output
    assert disturbed.verdicts == undisturbed.verdicts == {"cand": "fail"}
    assert ledger.twice == []
    assert len(ledger.complete) == 400, "every question was asked"
    assert asked - 400 <= 2 * 2 * CONCURRENCY, "what was on its way to the disk"
    assert asked == ledger.complete.total() == stored(project) + asked - 400
