"""The helper process: ended by a clock, started again, and never shared."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from pytest_quantguard.checks import _limited
from pytest_quantguard.errors import CheckError


def double(value):
    return value * 2


def forever():
    while True:
        pass


def backtrack():
    return re.match("(a+)+$", "a" * 60 + "b")


def nap(seconds):
    time.sleep(seconds)
    return "woke up"


def break_down():
    raise KeyError("lost")


def vanish():
    os._exit(3)


def noise():
    sys.stdout.write("noise")
    return os.getpid()


def recurse():
    return recurse()


def helper_process():
    return _limited._helpers[os.getpid()]._process


@pytest.fixture
def without_child():
    """End the child, if there is one: the next call starts another."""
    if helper := _limited._helpers.get(os.getpid()):
        helper.stop()


@pytest.mark.parametrize("value", ["a", "\ud800", "\ud83d\ude00", 2, 0.1, ["\x00"]])
def test_values_cross_unchanged(value):
    """Any JSON value comes back as it went, surrogates included."""
    assert _limited.call(double, value) == value * 2


def test_one_child_serves_all_calls():
    """The child is kept, and what a function prints does not disturb the line."""
    first = _limited.call(noise)

    assert first == _limited.call(noise) == helper_process().pid
    assert first != os.getpid()


@pytest.mark.parametrize("clock", [True, False], ids=["processor time", "time"])
@pytest.mark.parametrize("function", [forever, backtrack])
def test_the_clock_ends_the_child(monkeypatch, without_child, clock, function):
    """What does not end is ended, and the next call has a new child."""
    child = _limited._CHILD.replace(
        "_limited.serve", f"_limited._HAS_CLOCK = {clock}; _limited.serve"
    )
    monkeypatch.setattr(_limited, "_HAS_CLOCK", clock)
    monkeypatch.setattr(_limited, "_CHILD", child)
    before = _limited.call(noise)

    with monkeypatch.context() as patch:
        patch.setattr(_limited, "LIMIT_S", 0.3)
        with pytest.raises(TimeoutError):
            _limited.call(function)

    assert _limited.call(noise) != before
    _limited._helpers[os.getpid()].stop()


def test_a_machine_that_stands_still_is_no_slow_text(monkeypatch):
    """Only processor time counts; without any of it for long, the check itself has failed."""
    monkeypatch.setattr(_limited, "LIMIT_S", 0.2)
    assert "woke up" == _limited.call(nap, 0.5)

    with monkeypatch.context() as patch:
        patch.setattr(_limited, "STANDSTILL_S", 0.3)
        with pytest.raises(CheckError, match=r"less than 0\.2 s of processor time"):
            _limited.call(nap, 60)


@pytest.mark.skipif(not _limited._HAS_CLOCK, reason="there are no such signals here")
@pytest.mark.parametrize("inherited", ["ignored", "handled", "blocked"])
def test_what_a_child_inherits_does_not_stop_its_clock(monkeypatch, without_child, inherited):
    """A profiler's signals, in the process that starts it, are no business of the child."""
    handlers = {"ignored": signal.SIG_IGN, "handled": lambda *_: None, "blocked": signal.SIG_DFL}
    before = signal.signal(signal.SIGPROF, handlers[inherited])
    masked = {signal.SIGPROF} if inherited == "blocked" else set()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, masked)
    try:
        assert _limited.call(double, 1) == 2
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGPROF, before)

    monkeypatch.setattr(_limited, "LIMIT_S", 0.2)
    monkeypatch.setattr(_limited, "STANDSTILL_S", 10.0)
    with pytest.raises(TimeoutError):
        _limited.call(forever)


@pytest.mark.parametrize(
    ("function", "part"),
    [
        (break_down, "KeyError: 'lost'"),
        (vanish, "exit code 3"),
        (recurse, "RecursionError"),
    ],
)
def test_trouble_is_a_check_error(function, part):
    """An exception, a dead child and endless recursion are errors of the check."""
    with pytest.raises(CheckError, match=part):
        _limited.call(function)
    assert _limited.call(double, 1) == 2


def test_a_child_that_breaks_down_late_did_not_run_out_of_time(without_child, monkeypatch):
    """A busy machine may take longer than the limit to start a child that then ends by itself."""
    reads = _limited._read

    def late(line):
        monkeypatch.setattr(_limited, "LIMIT_S", 0.0)
        return reads(line)

    monkeypatch.setattr(_limited, "_read", late)
    with pytest.raises(CheckError, match="exit code 3"):
        _limited.call(vanish)


def test_a_child_that_cannot_be_started(without_child, monkeypatch):
    """The message names the interpreter."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(CheckError, match="cannot be started with '/nowhere/python'"):
        _limited.call(double, 1)


def test_an_interrupted_call_does_not_spoil_the_next(monkeypatch):
    """Ctrl-C in the middle of an exchange gives the child up, so that no answer is mixed up."""
    before = _limited.call(noise)

    def interrupt(line):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_limited, "_read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            _limited.call(double, 1)

    assert _limited.call(noise) != before


def test_threads_take_turns():
    """Calls from many threads each get their own answer."""
    answers: dict[int, int] = {}

    def ask(number):
        for _ in range(50):
            answers[number] = _limited.call(double, number)
            assert answers[number] == 2 * number

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {number: 2 * number for number in range(8)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_its_own_child():
    """A forked process never talks to its parent's child."""
    ours = _limited.call(noise)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, str(_limited.call(noise)).encode())
            _limited._stop()
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read) as answer:
        theirs = int(answer.read())

    assert theirs != ours
    assert _limited.call(noise) == ours


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill(pid, 0) is no question there")
def test_the_child_ends_with_its_parent(tmp_path):
    """No process is left over, and no warning is printed at the end."""
    code = (
        "from pytest_quantguard.checks import _limited, _regex; "
        "assert _regex.found('a', 'a'); "
        "print(*[helper._process.pid for helper in _limited._helpers.values()])"
    )
    src = os.path.dirname(os.path.dirname(os.path.dirname(_limited.__file__)))

    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code],
        env={**os.environ, "PYTHONPATH": src},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _alive(int(done.stdout)):
        time.sleep(0.02)
    assert not _alive(int(done.stdout))


def _alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
