"""Servers that cannot be held at once: never two up, everybody has a turn, nobody hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_quantguard.errors import LaunchError, TransportError
from pytest_quantguard.launching.turns import _LINGER, Board, Keeper, Turn


class FakeHost:
    """A server that is up at once, and notes in a diary what is done with it."""

    def __init__(self, name: str, diary: list[str]) -> None:
        self.name = name
        self.diary = diary
        self.refuses: Exception | None = None
        self.ended: LaunchError | None = None
        self.up = False

    def start(self, halt: threading.Event) -> str:
        self.diary.append(f"up {self.name}")
        if self.refuses is not None:
            raise self.refuses
        self.up = True
        return f"http://{self.name}"

    def fault(self, answers: int) -> LaunchError | None:
        return self.ended

    def stop(self) -> None:
        if self.up:
            self.diary.append(f"down {self.name}")
        self.up = False


class Stage:
    """A keeper of two servers, `a` and `b`, that is driven step by step."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.board = Board(folder)
        self.diary: list[str] = []
        self.a, self.b = FakeHost("a", self.diary), FakeHost("b", self.diary)
        self.keeper = Keeper(self.board, [(0, self.a), (1, self.b)])

    def turn(self, server: int, who: str) -> Turn:
        return Turn(self.board, server, who, "ab"[server])

    def steps(self, number: int = _LINGER) -> list[str]:
        """Let the keeper look so often, and return the diary."""
        for _ in range(number):
            self.keeper.step()
        return self.diary


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return servers of which nobody needs any."""
    return Stage(tmp_path / "servers")


@pytest.fixture
def kept(stage: Stage) -> Iterator[Stage]:
    """Return servers that are kept by a thread."""
    stage.keeper.start()
    yield stage
    stage.keeper.dismiss()
    stage.keeper.wait()


# --- whose turn it is -------------------------------------------------------------------


def test_nothing_is_started_that_nobody_needs(stage: Stage) -> None:
    """A run that finds everything in the cache starts no server."""
    assert stage.steps() == []


def test_baseline_goes_first(stage: Stage) -> None:
    """Whoever asked first, turns are given in the order of the variants."""
    stage.turn(1, "gw0.1").want()
    stage.turn(0, "gw0.0").want()

    assert stage.steps(1) == ["up a"]


def test_never_two_at_once_and_each_has_one_turn(stage: Stage) -> None:
    """The next is started when nobody in any process needs the one before."""
    first, other = stage.turn(0, "gw0.0"), stage.turn(0, "gw1.0")
    for turn in (first, other, stage.turn(1, "gw0.1")):
        turn.want()
    stage.steps()
    first.rest()
    assert stage.steps() == ["up a"], "another process still asks"
    other.rest()

    assert stage.steps() == ["up a", "down a", "up b"]
    assert stage.board.url(0) is None
    assert stage.board.url(1) == "http://b"


def test_server_stays_up_while_no_other_is_needed(stage: Stage) -> None:
    """A late question to the last one costs no second start."""
    turn = stage.turn(0, "main.0")
    turn.want()
    stage.steps()
    turn.rest()
    stage.steps()
    turn.want()

    assert stage.steps() == ["up a"]


def test_short_pause_ends_no_turn(stage: Stage) -> None:
    """A test that asks one question after the other keeps its server between two of them."""
    turn = stage.turn(0, "main.0")
    turn.want()
    stage.turn(1, "main.1").want()
    for _ in range(3):
        stage.steps(_LINGER - 1)
        turn.rest()
        stage.steps(_LINGER - 2)
        turn.want()

    assert stage.steps() == ["up a"]


def test_late_question_has_a_turn(stage: Stage) -> None:
    """What the baseline is asked after its phase is answered after the candidate's."""
    base, cand = stage.turn(0, "main.0"), stage.turn(1, "main.1")
    base.want()
    stage.steps()
    base.rest()
    cand.want()
    stage.steps()
    base.want()
    stage.steps()
    cand.rest()

    assert stage.steps() == ["up a", "down a", "up b", "down b", "up a"]


def test_question_that_comes_while_a_server_is_being_lowered_keeps_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asker may have read the address a moment ago: the server must not vanish under it."""
    turn = stage.turn(0, "gw0.0")
    turn.want()
    stage.steps()
    turn.rest()
    stage.turn(1, "gw1.1").want()
    lowered = stage.board.lowered

    def interrupted(server: int) -> None:
        assert turn.wait() == "http://a"
        lowered(server)

    monkeypatch.setattr(stage.board, "lowered", interrupted)

    assert stage.steps(_LINGER * 2) == ["up a"]
    assert stage.board.url(0) == "http://a"


def test_process_that_is_gone_needs_nothing(stage: Stage) -> None:
    """A worker that was killed holds nobody up; a name that begins alike is another worker."""
    stage.turn(0, "gw1.0").want()
    stage.turn(0, "gw11.0").want()
    stage.turn(1, "gw0.1").want()
    stage.steps()
    stage.board.forget("gw1")
    assert stage.steps() == ["up a"]
    stage.board.forget("gw11")

    assert stage.steps() == ["up a", "down a", "up b"]


# --- trouble ----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [LaunchError("variant 'a': no GPU"), RuntimeError("no GPU")])
def test_server_that_does_not_start_fails_for_all(stage: Stage, error: Exception) -> None:
    """Everybody who needs it gets its error, at once and for good; the others have their turn."""
    stage.a.refuses = error
    stage.turn(1, "gw0.1").want()
    for who in ("gw0.0", "gw1.0"):
        stage.turn(0, who).want()
    stage.steps(2)

    with pytest.raises(LaunchError, match=r"variant 'a': .*no GPU"):
        stage.turn(0, "gw1.0").wait()
    assert stage.steps() == ["up a", "up b"]
    assert "no GPU" in str(stage.keeper.faults[0])


def test_server_that_breaks_fails_for_all(stage: Stage) -> None:
    """A crash ends the turn, is known to everybody, and is not repaired by another start."""
    turn = stage.turn(0, "gw0.0")
    turn.want()
    stage.turn(1, "gw0.1").want()
    stage.steps()
    assert turn.fault() is None
    stage.a.ended = LaunchError("variant 'a': its server ended with signal 9")
    stage.steps()

    assert "signal 9" in str(turn.fault())
    assert stage.diary == ["up a", "down a", "up b"]


def test_answers_are_counted_over_all_processes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash is told with the number of answers of this turn."""
    told: list[int] = []
    monkeypatch.setattr(stage.a, "fault", told.append)
    turns = [stage.turn(0, who) for who in ("gw0.0", "gw1.0")]
    turns[0].answered()  # of an earlier turn
    turns[0].want()
    stage.steps(1)
    for turn in (*turns, turns[0]):
        turn.answered()
    stage.steps(1)

    assert told == [3]


def test_full_disk_lets_nobody_wait(kept: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the keeper can tell nobody anything, those who wait notice that it is gone."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept.board, "raised", full)
    monkeypatch.setattr(kept.board, "failed", full)

    with pytest.raises(TransportError, match="cut short"):
        kept.turn(0, "gw0.0").wait()
    kept.keeper.wait()
    assert kept.diary == ["up a", "down a"]


# --- the end ----------------------------------------------------------------------------


@pytest.mark.parametrize("child", [True, False])
def test_worker_whose_parent_is_gone_waits_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: bool
) -> None:
    """Its servers will not come; a run that keeps them itself does not care for its parent."""
    board = Board(tmp_path, child=child)
    monkeypatch.setattr("os.getppid", lambda: -1)

    assert board.left == child


def test_end_of_the_run_wakes_those_who_wait(kept: Stage) -> None:
    """A thread that waits for its turn ends with the run, not with the other variant's phase."""
    kept.turn(0, "main.0").wait()
    waiting = kept.turn(1, "main.1")
    threading.Timer(0.1, waiting.dismiss).start()

    with pytest.raises(TransportError, match="variant 'b': the run was cut short"):
        waiting.wait()


def test_dismissed_variant_keeps_its_server_until_it_rests(stage: Stage) -> None:
    """Exchanges in flight are waited for: their server must not be ended for another one."""
    turn = stage.turn(0, "gw0.0")
    turn.want()
    stage.steps()
    turn.dismiss()
    stage.turn(1, "gw1.1").want()
    assert stage.steps() == ["up a"]
    turn.rest()

    assert stage.steps() == ["up a", "down a", "up b"]


def test_keeper_leaves_nothing_up(kept: Stage) -> None:
    """When the run ends its servers end."""
    kept.turn(0, "main.0").wait()
    kept.keeper.dismiss()
    kept.keeper.wait()

    assert kept.diary == ["up a", "down a"]


@pytest.mark.parametrize("workers", [1, 3])
def test_many_askers_are_never_served_by_two(kept: Stage, workers: int) -> None:
    """Threads that want both in turns: the servers alternate, and everybody comes to an end."""
    both: list[bool] = []

    def work(who: str) -> None:
        for server, name in enumerate("ab"):
            turn = kept.turn(server, f"{who}.{server}")
            assert turn.wait() == f"http://{name}"
            both.append(kept.a.up and kept.b.up)
            turn.rest()

    threads = [threading.Thread(target=work, args=(f"gw{i}",)) for i in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert both == [False] * 2 * workers
    for first, second in zip(kept.diary, kept.diary[1:], strict=False):
        assert first.startswith("up") != second.startswith("up")
