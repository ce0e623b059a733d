"""Programs that try to break out of a sandbox, or to bring the machine down."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from pytest_quantguard.sandboxes import _base, _process

SYSTEM_CALLS = """
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    return getattr(libc, name)(*arguments) >= 0
print(json.dumps([name for name, arguments in {calls} if call(name, *arguments)]))
"""


def run(sandbox, text, **options):
    return sandbox.run(textwrap.dedent(text), **{"timeout_s": 20.0, **options})


def said(sandbox, text, **options):
    """Run a program that is expected to end well; return what it wrote."""
    done = run(sandbox, text, **options)
    assert (0, "", "") == (done.exit_code, done.stopped, done.stderr), done
    return done.stdout.split("\n")[:-1]


class TestFiles:
    def test_no_file_of_the_machine_can_be_read(self, strong, tmp_path):
        """Neither secrets, nor the project, nor users, nor other processes are there."""
        secret = tmp_path / "secret"
        secret.write_text("secret")
        project = Path(__file__).resolve()
        places = [secret, project, "/etc/passwd", "/etc/shadow", "/proc/1/environ", "/proc/self/fd"]
        places += [Path.home() / ".bashrc", os.path.relpath(secret, "/tmp"), "/old", "/.dockerenv"]

        found = said(
            strong,
            f"""
            import os
            for place in {[str(place) for place in places]!r}:
                try:
                    os.stat(place)
                except OSError:
                    continue
                print(place)
            """,
        )

        assert found == []

    def test_nothing_can_be_written_but_a_small_folder(self, strong):
        """The root, the standard library and devices cannot be changed."""
        found = said(
            strong,
            """
            import os
            for place in ("/x", os.__file__, os.path.dirname(os.__file__) + "/x.py", "/dev/x"):
                try:
                    open(place, "a").close()
                except OSError:
                    continue
                print(place)
            open("mine", "w").write("x")
            print(os.listdir("."), os.getcwd())
            """,
        )

        assert found == ["['mine'] /tmp"]

    def test_every_run_starts_with_an_empty_folder(self, sandbox):
        """What one program writes is not there for the next one."""
        write = "open('left', 'w').write('x')\nimport os\nprint(os.listdir('.'))"

        assert ["['left']"] == said(sandbox, write)
        assert ["[]"] == said(sandbox, "import os\nprint(os.listdir('.'))")

    def test_filling_the_disk_fills_64_mib(self, strong):
        """A program that writes for ever comes to an end at the size of its own folder."""
        found = said(
            strong,
            """
            import os
            block, total, files = b"x" * 1_000_000, 0, 0
            try:
                while True:
                    with open(str(files), "wb", buffering=0) as file:
                        files += 1
                        try:
                            while total < 10**10:
                                total += file.write(block)
                        except OSError as error:
                            if error.errno != 27:  # larger than a file may be: take another one
                                raise
            except OSError as error:
                print(error.errno, total < 80_000_000)
            """,
        )

        assert found == ["28 True"]

    def test_millions_of_files_cannot_be_made(self, namespaces):
        """The number of files is limited too; bubblewrap has no option for that."""
        found = said(
            namespaces,
            """
            made = 0
            try:
                while made < 100_000:
                    open(str(made), "w").close()
                    made += 1
            except OSError as error:
                print(error.errno, made < 5_000)
            """,
        )

        assert found == ["28 True"]

    def test_only_the_three_streams_are_open(self, sandbox):
        """No file of the gate is inherited."""
        found = said(
            sandbox,
            """
            import os
            for fd in range(64):
                try:
                    os.fstat(fd)
                except OSError:
                    continue
                print(fd)
            """,
        )

        assert found == ["0", "1", "2"]

    def test_packages_of_the_machine_are_not_there(self, sandbox):
        """Only the standard library can be imported."""
        done = run(sandbox, "import json, decimal, asyncio, sqlite3, zoneinfo\nimport pytest")

        assert "ModuleNotFoundError: No module named 'pytest'" in done.stderr


class TestNetwork:
    def test_a_listener_of_the_machine_cannot_be_reached(self, sandbox):
        """Neither loopback nor anything else answers."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]

            found = said(
                sandbox,
                f"""
                import socket
                for place in (("127.0.0.1", {port}), ("192.0.2.1", 80), ("localhost", {port})):
                    try:
                        socket.create_connection(place, 1)
                    except OSError:
                        continue
                    print(place)
                """,
            )

        assert found == []

    def test_no_socket_of_a_file_can_be_used(self, sandbox, tmp_path):
        """A daemon that listens on a file, as a container engine does, is out of reach."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()

            done = run(
                sandbox,
                f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(tmp_path / 's')!r})",
            )

        assert done.exit_code == 1
        assert "Error" in done.stderr

    def test_an_event_loop_still_works(self, sandbox):
        """asyncio needs a pair of sockets for itself, and may have it."""
        text = "import asyncio\nasync def f(): return 7\nprint(asyncio.run(f()))"

        assert ["7"] == said(sandbox, text)


class TestProcesses:
    @pytest.mark.parametrize(
        "text",
        [
            "import os\nwhile True: os.fork()",
            "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'pass'])",
            "import os\nos.posix_spawn('/bin/sh', ['sh'], {})",
            "import multiprocessing\nmultiprocessing.get_context('fork').Process().start()",
        ],
        ids=["fork", "subprocess", "spawn", "multiprocessing"],
    )
    def test_there_is_no_second_process(self, sandbox, alive, size, text):
        """A fork bomb does not get its first child, and nothing stays behind."""
        done = run(sandbox, text, memory_mb=size)

        assert done.exit_code == 1
        assert "Error" in done.stderr
        assert alive() == []

    def test_threads_work(self, sandbox):
        """A solution may use a few."""
        found = said(
            sandbox,
            """
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor(8) as pool:
                print(sum(pool.map(lambda n: n * n, range(100))))
            """,
        )

        assert found == ["328350"]

    def test_sixteen_threads_fit_into_the_default_memory(self, sandbox):
        """All of them alive at once, each with memory of its own."""
        found = said(
            sandbox,
            """
            from concurrent.futures import ThreadPoolExecutor
            from threading import Barrier
            together = Barrier(16)
            def work(n):
                together.wait(15)
                return len(bytearray(100_000)) + n
            with ThreadPoolExecutor(16) as pool:
                print(sum(pool.map(work, range(16))))
            """,
            memory_mb=512,
        )

        assert found == ["1600120"]

    @pytest.mark.parametrize("word", ["exit", "quit"])
    @pytest.mark.parametrize(("given", "code"), [("", 0), ("3", 3), ("'over'", 1)])
    def test_a_program_may_say_that_it_ends(self, sandbox, word, given, code):
        """The words that Python adds for people are there, and mean what they mean elsewhere."""
        done = run(sandbox, f"print('x')\nif True: {word}({given})\nprint('y')")

        assert (code, "x\n") == (done.exit_code, done.stdout)
        assert done.stderr.strip() == ("over" if code == 1 else "")

    def test_a_thread_bomb_ends(self, sandbox, alive, size):
        """Memory, a limit on threads or the clock ends it, and nothing stays behind."""
        done = run(
            sandbox,
            """
            import threading
            threading.stack_size(64 * 1024)
            go = threading.Event()
            while True:
                threading.Thread(target=go.wait, daemon=True).start()
            """,
            timeout_s=5.0,
            memory_mb=size,
        )

        assert done.exit_code != 0
        assert alive() == []

    def test_signals_reach_nobody(self, sandbox):
        """Killing the parent, all processes or the first one leaves everybody alive."""
        mine = os.getpid()

        found = said(
            sandbox,
            f"""
            import os
            for pid in (os.getppid(), {mine}, -1, 1, -{os.getpgid(0)}):
                try:
                    os.kill(pid, 9)
                except (OSError, SystemError):
                    pass
            print("still here")
            """,
        )

        assert found == ["still here"]

    def test_roundabout_signals_reach_nobody(self, sandbox):
        """A file's owner is signalled by the kernel; priorities can be set without a signal."""
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as other:
            nice = os.getpriority(os.PRIO_PROCESS, other.pid)
            said(
                sandbox,
                f"""
                import fcntl, os, signal, struct
                def attempt(what, *arguments):
                    try:
                        what(*arguments)
                    except OSError:
                        pass
                signal.signal(signal.SIGIO, signal.SIG_IGN)
                signal.signal(signal.SIGUSR1, signal.SIG_IGN)
                for owner in range(4):
                    r, w = os.pipe()
                    if owner == 0:
                        attempt(fcntl.fcntl, r, fcntl.F_SETOWN, {other.pid})
                    elif owner == 1:
                        attempt(fcntl.fcntl, r, 15, struct.pack("ii", 1, {other.pid}))
                    else:
                        attempt(fcntl.ioctl, r, 0x8900 + owner - 1, struct.pack("i", {other.pid}))
                    attempt(fcntl.fcntl, r, 10, signal.SIGUSR1)
                    attempt(fcntl.fcntl, r, fcntl.F_SETFL, os.O_ASYNC)
                    os.write(w, b"x")
                attempt(os.setpriority, os.PRIO_PROCESS, {other.pid}, 19)
                attempt(os.sched_setparam, {other.pid}, os.sched_param(0))
                """,
            )
            assert other.poll() is None
            assert os.getpriority(os.PRIO_PROCESS, other.pid) == nice
            other.communicate()
        assert other.returncode == 0

    @pytest.mark.parametrize(
        "text",
        [
            "import time\ntime.sleep(10_000)",
            "while True: pass",
            "import signal, time\nfor n in range(1, 32):\n    try: signal.signal(n, lambda *_: 0)\n"
            "    except OSError: pass\nwhile True: time.sleep(1)",
            "import os, time\nos.close(1), os.close(2)\ntime.sleep(10_000)",
        ],
        ids=["sleeps", "spins", "ignores-signals", "closes-streams"],
    )
    def test_what_never_ends_is_ended(self, sandbox, alive, size, text):
        """The clock is ours."""
        begin = f"print('up', flush=True)\n{text}"
        with sandbox.open(begin, timeout_s=60.0, memory_mb=size) as line:
            assert line.ask("") == "up"
            line._deadline = time.monotonic() + 0.5  # however long its beginning took
            assert line.ask("") is None
            done = line.close()

        assert ("time", None) == (done.stopped, done.exit_code)
        assert alive() == []

    def test_a_program_that_reads_past_its_input_does_not_wait(self, sandbox, alive, size):
        """There is an end to it, and no more."""
        done = run(sandbox, "input(), input()", memory_mb=size)

        assert "EOFError" in done.stderr
        assert alive() == []

    def test_all_end_with_the_gate(self, sandbox, alive, size, tmp_path):
        """A gate that is killed leaves nothing running, not even what cut the tie to it."""
        text = textwrap.dedent(
            f"""
            import os, signal
            from pytest_quantguard.sandboxes import _BEST_FIRST
            box = {{cls.name: cls for cls in _BEST_FIRST}}[{sandbox.name!r}]()
            line = box.open("import ctypes\\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\\n"
                            "print('up', flush=True)\\nimport time\\ntime.sleep(60)",
                            timeout_s=60, memory_mb={size})
            print(line.ask(""), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
        reading, writing = os.pipe()
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", text],
            {**os.environ, "TMPDIR": str(tmp_path)},  # its folder is left behind
            file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)],
        )
        os.close(writing)
        with os.fdopen(reading) as output:
            assert output.readline() == "up\n"
        os.waitpid(pid, 0)

        assert alive() == []


class TestResources:
    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    def test_a_gigabyte_of_output_is_cut(self, sandbox, stream):
        """Reading stops at the limit, and the program with it."""
        text = f"import sys\nfor _ in range(1_000): sys.{stream}.write('x' * 1_000_000)"

        done = run(sandbox, text)

        assert done.stopped == "output"
        assert len(getattr(done, stream)) == _process.OUTPUT_BYTES

    def test_memory_is_limited(self, sandbox):
        """More memory than allowed is an error of the program."""
        done = run(sandbox, "x = bytearray(300 << 20)\nprint(len(x))", memory_mb=200)

        assert done.stderr.rstrip().endswith("MemoryError")
        assert ["209715200"] == said(sandbox, "print(len(bytearray(200 << 20)))", memory_mb=300)

    def test_memory_beside_the_process_is_refused(self, sandbox):
        """Shared memory and memory files would not be counted."""
        calls = [("shmget", (0, 1 << 20, 0o1600)), ("memfd_create", (b"x", 0)), ("msgget", (0, 0))]
        calls += [("vmsplice", (1, None, 0, 0)), ("tee", (0, 1, 0, 0))]

        assert ["[]"] == said(sandbox, SYSTEM_CALLS.format(calls=calls))

    def test_a_stack_that_overflows_is_a_crash(self, sandbox):
        """The signal is told as shells tell it."""
        done = run(sandbox, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")

        assert (139, "") == (done.exit_code, done.stopped)

    def test_limits_cannot_be_raised(self, sandbox):
        """The limits are hard ones."""
        done = run(
            sandbox,
            "import resource as r\nr.setrlimit(r.RLIMIT_FSIZE, (r.RLIM_INFINITY,) * 2)",
        )

        assert "not allowed to raise maximum limit" in done.stderr


class TestPrivileges:
    CALLS = (
        ("unshare", (0x10000000,)),
        ("unshare", (0x00020000,)),
        ("mount", (b"x", b"/tmp", b"tmpfs", 0, b"")),
        ("chroot", (b"/tmp",)),
        ("ptrace", (0, 0, 0, 0)),
        ("setns", (0, 0)),
        ("personality", (0,)),
    )

    def test_the_way_out_of_the_kernel_is_shut(self, sandbox):
        """Namespaces, mounts, debugging and the like are refused."""
        assert ["[]"] == said(sandbox, SYSTEM_CALLS.format(calls=self.CALLS))

    def test_nobody_is_root(self, strong):
        """Inside there is one ordinary user without privileges, and no way to be another."""
        found = said(
            strong,
            """
            import os
            print(os.getresuid(), os.getresgid(), os.getgroups())
            try:
                os.setuid(0)
            except OSError:
                print("refused")
            """,
        )

        assert found[0].startswith("(1000, 1000, 1000) (1000, 1000, 1000)")
        assert "refused" == found[1]

    def test_the_environment_is_empty(self, sandbox, monkeypatch):
        """No key of ours gets in."""
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

        assert ["{} True"] == said(
            sandbox,
            "import os, ctypes\nget = ctypes.CDLL(None).getenv\nget.restype = ctypes.c_char_p\n"
            "print(dict(os.environ), get(b'OPENAI_API_KEY') is None)",
        )


class TestWithoutTheFilter:
    """The namespaces hold alone: the filter is a second wall, not the only one."""

    @pytest.fixture(autouse=True)
    def no_filter(self, monkeypatch):
        allow = [(0x06, 0, 0, 0x7FFF0000)]
        monkeypatch.setattr(_base._seccomp, "rules", lambda **_: allow)

    def test_the_network_is_another_one(self, strong):
        """A socket can be made, but leads nowhere."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            done = run(
                strong,
                "import socket\nsocket.socket()\nprint('made')\n"
                f"socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 1)",
            )

        assert done.stdout == "made\n"
        assert "unreachable" in done.stderr or "refused" in done.stderr

    def test_a_fork_bomb_ends_with_its_namespace(self, strong, alive, size):
        """However many there are, all are gone when the time is up."""
        if strong.name == "bubblewrap" and os.geteuid() == 0:
            pytest.skip("as root, bubblewrap has only the filter against fork bombs")
        text = """
            import os, time
            while True:
                try:
                    os.fork()
                except OSError:
                    time.sleep(0.01)
            """
        done = run(strong, text, timeout_s=5.0, memory_mb=size)

        assert done.stopped == "time"
        assert alive() == []

    def test_a_daemon_ends_with_its_namespace(self, strong, alive, size):
        """A process that cut all ties is ended when the program is."""
        text = """
            import os, time
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.closerange(0, 3)
                    time.sleep(600)
                os._exit(0)
            os.wait()
            """
        assert [] == said(strong, text, memory_mb=size)
        assert alive() == []

    def test_killing_everybody_kills_nobody_else(self, strong):
        """The first process inside cannot be killed from inside."""
        text = """
            import os
            for pid in (-1, 1):
                try:
                    os.kill(pid, 9)
                except OSError:
                    pass
            print("alone")
            """

        assert ["alone"] == said(strong, text)

    def test_new_namespaces_and_mounts_lead_nowhere(self, strong):
        """Without privileges there is nothing to mount; the old root is not to be found."""
        calls = [call for call in TestPrivileges.CALLS if call[0] in ("mount", "chroot", "setns")]

        assert ["[]"] == said(strong, SYSTEM_CALLS.format(calls=calls))


def test_many_run_at_once(sandbox):
    """Sandboxes do not get in each other's way."""
    found: list[str] = []

    def one(number):
        found.append(run(sandbox, f"print({number} * 2)").stdout)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == sorted(f"{n * 2}\n" for n in range(6))
