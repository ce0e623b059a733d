"""Talking with a program in a sandbox, and what becomes of it."""

import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress

import pytest

from pytest_quantguard.errors import CheckError
from pytest_quantguard.sandboxes import _process, find

ECHO = """
import sys
for line in sys.stdin:
    sys.stdout.write(line.upper())
    sys.stdout.flush()
"""


@pytest.fixture
def box():
    """The sandbox that works everywhere: what is tested here is the talking."""
    return find("limits")


def open_files():
    """What this process has open, and how often; threads of other tests may close some of it."""
    found = Counter()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found[os.readlink(f"/proc/self/fd/{name}")] += 1
    return found


class TestRunning:
    def test_input_goes_in_and_output_comes_out(self, sandbox):
        """Both streams, and the exit code."""
        text = "import sys\nprint(input()[::-1])\nprint('e', file=sys.stderr)\nsys.exit(3)"

        done = sandbox.run(text, stdin="abc\n")

        assert (3, "cba\n", "e\n", "") == (
            done.exit_code,
            done.stdout,
            done.stderr,
            done.stopped,
        )

    def test_large_input_and_output_flow_at_once(self, box):
        """Neither side waits for the other for ever."""
        done = box.run(
            "import sys\nfor line in sys.stdin: print(line, end='')", stdin="x\n" * 10**6
        )

        assert done.stdout == "x\n" * 10**6

    def test_a_program_may_leave_its_input_alone(self, box):
        """Input that nobody reads is no error."""
        assert box.run("print(1)", stdin="x" * 10**7).stdout == "1\n"

    @pytest.mark.parametrize(
        ("text", "stdin", "stdout"),
        [
            ("print('ü', input())", "ß\n", "ü ß\n"),
            ("import sys\nprint(ascii(sys.stdin.buffer.read()))", "\ud800", "b'\\xed\\xa0\\x80'\n"),
            ("import sys\nsys.stdout.buffer.write(b'\\xff\\n')", "", "\ufffd\n"),
            ("print(__name__, __import__('sys').argv)", "", "__main__ ['']\n"),
            ("print(sorted({'a', 'b', 'c'}, key=hash) == sorted('abc', key=hash))", "", "True\n"),
        ],
    )
    def test_texts_survive(self, box, text, stdin, stdout):
        """UTF-8 in and out; what is none is replaced; a surrogate does not break the line."""
        assert stdout == box.run(text, stdin=stdin).stdout

    def test_sets_have_one_order(self, box):
        """Two runs of one program say the same: hashes are not random."""
        text = "print({'a', 'b', 'c', 'd', 'e', 'f'}, hash('a'))"

        assert len({box.run(text).stdout for _ in range(3)}) == 1

    @pytest.mark.parametrize("text", ["def f(:", "x = '\ud800'\nprint(1)", "\0", "(" * 100_000])
    def test_what_is_no_program_fails_as_one(self, box, text):
        """Code that cannot be compiled ends with exit code 1 and a reason."""
        done = box.run(text)

        assert (1, "") == (done.exit_code, done.stdout)
        assert "Error" in done.stderr

    def test_a_large_program_runs(self, box):
        """Programs are handed over as a file, not on the command line."""
        assert box.run(f"x = '{'y' * 5_000_000}'\nprint(len(x))").stdout == "5000000\n"

    def test_a_machine_may_allow_less(self, box):
        """A limit that is lower already stays, and is no failure of the sandbox."""
        text = f"""
import resource
from pytest_quantguard.sandboxes import _BEST_FIRST
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, 10_000_000))
box = {{cls.name: cls for cls in _BEST_FIRST}}[{box.name!r}]()
print(box.run("import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE))").stdout)
"""
        done = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True
        )

        assert "(10000000, 10000000)" == done.stdout.strip()

    def test_a_program_that_kills_itself_looks_killed(self, sandbox):
        """Whoever sent the signal: it was not out of time."""
        done = sandbox.run("import os, resource, signal\nos.kill(os.getpid(), signal.SIGKILL)")

        assert (137, "killed") == (done.exit_code, done.stopped)

    def test_nothing_is_left_open(self, box):
        """Pipes and files are closed, whatever happened."""
        before = open_files()

        for text in ("print(1)", "1/0", "while True: print('x' * 10**6)"):
            box.run(text)
        with pytest.raises(CheckError):
            box.run("print(1)", timeout_s=0.0001)
        with box.open(ECHO):
            pass

        assert not open_files() - before

    def test_an_interruption_ends_the_program(self, box, monkeypatch, alive, size):
        """Ctrl-C leaves nothing running."""

        def interrupted(self):
            raise KeyboardInterrupt

        monkeypatch.setattr(_process.Process, "_turn", interrupted)

        with pytest.raises(KeyboardInterrupt):
            box.run("while True: pass", memory_mb=size)

        assert alive() == []


class TestAsking:
    def test_lines_go_to_and_fro(self, sandbox):
        """A question, an answer, and so on; the end is told once and stays told."""
        with sandbox.open(ECHO) as line:
            assert ["A", "B", "Ä"] == [line.ask(text) for text in ("a", "b", "ä")]
            end = line.close()

            assert (None, "") == (end.exit_code, end.stopped)
            assert end is line.close()
            assert line.ask("c") is None

    @pytest.mark.parametrize(
        ("text", "stopped", "code"),
        [
            ("input()", "", 0),
            ("import os\ninput()\nos._exit(7)", "", 7),
            ("input()\nwhile True: pass", "time", None),
            ("input()\nwhile True: print('x' * 10**6, end='')", "output", None),
            ("import os, signal\ninput()\nos.kill(os.getpid(), signal.SIGSEGV)", "", 139),
            ("input()\nimport os, time\nos.close(1); os.close(2); time.sleep(99)", "time", None),
        ],
    )
    def test_an_end_instead_of_an_answer(self, box, text, stopped, code):
        """There is no answer, and the reason can be asked for."""
        timeout_s = 4.0 if stopped == "time" else 60.0  # a busy machine begins late
        with box.open(text, timeout_s=timeout_s) as line:
            assert line.ask("hello") is None
            assert (stopped, code) == (line.close().stopped, line.close().exit_code)

    def test_an_answer_may_come_in_pieces_and_be_large(self, box):
        """Lines are put together; what comes after one is kept for the next question."""
        text = """
import sys, time
for line in sys.stdin:
    for piece in ("a", "b" * 3_000_000, "c\\nsecond\\n"):
        sys.stdout.write(piece)
        sys.stdout.flush()
"""
        with box.open(text) as line:
            assert "a" + "b" * 3_000_000 + "c" == line.ask("x")
            assert "second" == line.ask("y")

    def test_leaving_ends_the_program(self, box, alive, size):
        """A dialogue that is left is over."""
        with box.open(ECHO, memory_mb=size) as line:
            line.ask("x")

        assert alive() == []
