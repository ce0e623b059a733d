"""The weak sandbox: what it keeps a program from although files are open to it."""

from __future__ import annotations

import ctypes
import os
import tempfile
import textwrap
import threading

import pytest

from pytest_quantguard.sandboxes import _folder, _shut, limits


@pytest.fixture
def box(tmp_path, monkeypatch):
    """Return it, with temporary folders in a place of the test's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return limits.Limits()


def dumpable():
    return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)


class TestOwnFolder:
    @pytest.mark.parametrize(
        "text",
        [
            "n = 0\nwhile n < 3_000:\n    os.mkdir('d'); os.chdir('d'); n += 1",
            "os.makedirs('a/b/c'); open('a/b/f', 'w'); os.chmod('a/b', 0); os.chmod('a', 0)",
            "os.mkdir('a'); os.symlink('/', 'a/root'); os.symlink('.', 'self'); os.mkfifo('p')",
            "here = os.getcwd(); os.rename(here, here + 'x'); os.makedirs('a/b')",
            "here = os.getcwd(); os.rename(here, here + 'x'); os.symlink('/', here)",
            "here = os.getcwd(); os.rename(here, here + 'x'); open(here, 'w')",
            "here = os.getcwd(); os.rename(here, here + 'x'); os.mkdir(here)",
            "os.rmdir(os.getcwd())",
            "os.chmod('.', 0)",
            "for n in range(50): os.makedirs(f'{n}/{n}/{n}'); open(f'{n}/{n}/{n}/x', 'w')",
        ],
        ids=[
            "deep",
            "unreadable",
            "links",
            "moved",
            "linked",
            "filed",
            "replaced",
            "removed",
            "shut",
            "wide",
        ],
    )
    def test_nothing_of_it_stays(self, box, tmp_path, text):
        """Whatever the program made of its folder, and wherever it put it."""
        done = box.run(f"import os\n{text}", timeout_s=30)

        assert (0, "") == (done.exit_code, done.stderr)
        assert os.listdir(tmp_path) == []

    def test_what_is_not_its_own_stays(self, box, tmp_path):
        """A folder with content that the program put in the place of its own may be the user's."""
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "file").write_text("x")

        done = box.run(
            f"import os\nhere = os.getcwd()\nos.rename(here, here + 'x')\n"
            f"os.rename({str(precious)!r}, here)"
        )

        assert done.exit_code == 0
        (kept,) = tmp_path.iterdir()
        assert (kept / "file").read_text() == "x"

    def test_names_that_are_taken_do_no_harm(self, tmp_path, monkeypatch):
        """What cannot be moved up in one round is in the next."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setattr(_folder.secrets, "token_hex", lambda _: "t")
        with _folder.own_folder() as place:
            os.makedirs(os.path.join(place, "t-0", "full"))
            os.makedirs(os.path.join(place, "a", "b", "c"))
            open(os.path.join(place, "t-1"), "w").close()

        assert os.listdir(tmp_path) == []

    def test_files_may_be_moved_between_its_folders(self, box):
        """The wall around other processes leaves ordinary work alone."""
        done = box.run(
            "import os\nos.makedirs('a'); os.makedirs('b'); open('a/x', 'w')\n"
            "os.rename('a/x', 'b/x'); os.link('b/x', 'a/y'); print(sorted(os.listdir('a')))"
        )

        assert ("['y']\n", "") == (done.stdout, done.stderr)


class TestGateIsShut:
    def test_only_while_a_program_runs(self, box):
        """The flag is back to what it was when the last one has ended."""
        before = dumpable()
        with box.open("input()"):
            assert dumpable() == 0
            with box.open("input()"):
                assert dumpable() == 0
            assert dumpable() == 0
        assert dumpable() == before == 1

    def test_a_process_that_was_shut_stays_shut(self, monkeypatch):
        """Nothing is opened that somebody else closed."""
        written = []
        monkeypatch.setattr(_shut, "_dumpable", lambda: 0)
        monkeypatch.setattr(_shut, "_set_dumpable", written.append)

        with _shut.shut():
            pass

        assert written == []

    def test_threads_do_not_open_it_for_each_other(self):
        """However they overlap, it is open at the end and not before."""
        seen = []

        def one():
            for _ in range(50):
                with _shut.shut():
                    seen.append(dumpable())

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert set(seen) == {0}
        assert dumpable() == 1


LOOK = """
from pytest_quantguard.sandboxes import find
import os, subprocess, sys
program = '''
import os
for pid in ({pid}, os.getppid()):
    for name in ("environ", "mem", "maps"):
        try:
            open(f"/proc/{{pid}}/{{name}}", "rb").close()
        except OSError:
            continue
        print(name)
'''
with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as other:
    pid = other.pid if {others} else os.getpid()
    print(find("limits").run(program.format(pid=pid)).stdout.split(), flush=True)
"""


class TestOrdinaryUsers:
    """Root's processes are shut to programs without privileges anyway: so as another user."""

    def test_the_gate_and_all_others_cannot_be_looked_into(self, as_user):
        """Neither memory nor environment, where a key may be, of any process of the user."""
        abi = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)
        if abi < 2:
            pytest.skip("other processes than the gate are shut from Linux 5.19 on")

        done = as_user(LOOK.replace("{others}", "True"))

        assert (done.stdout, done.stderr) == ("[]\n", "")

    def test_the_gate_is_shut_without_landlock_too(self, as_user):
        """By its own flag."""
        text = textwrap.dedent(
            """
            from pytest_quantguard.sandboxes import _base
            script = _base.script
            _base.script = lambda name: script(name).replace("if version < 2", "if True")
            """
        )

        done = as_user(text + LOOK.replace("{others}", "False"))

        assert (done.stdout, done.stderr) == ("[]\n", "")

    def test_the_proof_finds_every_wall_that_is_missing(self, as_user):
        """Without filter, flag and Landlock the program that tries to break out gets through."""
        text = textwrap.dedent(
            """
            from contextlib import nullcontext
            from pytest_quantguard.sandboxes import _base, _proof, limits
            script = _base.script
            _base.script = lambda name: script(name).replace("if version < 2", "if True")
            limits.shut = nullcontext
            limits._seccomp.rules = lambda **_: [(0x06, 0, 0, 0x7FFF0000)]
            print(_proof.weakness(limits.Limits()))
            """
        )

        done = as_user(text)

        for part in ("network", "send signals", "slow down and limit", "environ, mem, maps"):
            assert part in done.stdout, done.stderr
