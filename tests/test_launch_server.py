"""A server that is started by a command: the beginning, the end, and every way to go wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard.errors import LaunchError
from pytest_quantguard.launching import server as _server
from pytest_quantguard.launching import watchdog as _watchdog
from pytest_quantguard.launching.launched import prober
from pytest_quantguard.launching.server import CommandServer, unusable
from pytest_quantguard.variants import Access, Launch, Variant
from scripted_server import ScriptedServer

PROGRAM = (sys.executable, str(Path(__file__).with_name("launched_program.py")))
KEY = "sk-live-0123456789abcdef"
Make = Callable[..., CommandServer]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Make]:
    """Return what makes servers of a command's further arguments; all are stopped."""
    made: list[CommandServer] = []

    def make(*arguments: str, command: tuple[str, ...] = (), **given: Any) -> CommandServer:
        launch = Launch(
            command=command or (*PROGRAM, "--port", "{port}", *arguments),
            **{
                "ready": "/health",
                "timeout_s": 90.0,
                "folder": str(tmp_path),
                "log": str(tmp_path / "logs" / "m.log"),
                **given,
            },
        )
        url = "http://127.0.0.1:{port}/v1"
        variant = Variant(name="m", provider="openai", model="m", base_url=url, launch=launch)
        made.append(CommandServer(variant, prober(variant), lambda: (KEY,)))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def start(server: CommandServer) -> str:
    return server.start(threading.Event())


def refused(server: CommandServer) -> str:
    """Return why a server does not start."""
    with pytest.raises(LaunchError) as caught:
        start(server)
    return str(caught.value)


def gone(pid: int) -> bool:
    """Tell whether none of a group of processes is left."""
    return not _watchdog.signalled(pid, 0)


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something is so; the bound is there so that a failure ends."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


# --- the ordinary life ------------------------------------------------------------------


def test_starts_answers_and_ends(server: Make, tmp_path: Path) -> None:
    """Ready on a free port, with the log in its folder; stopped twice, nothing is left."""
    one = server()
    url = start(one)
    pid = one._process.pid  # type: ignore[union-attr]
    with urllib.request.urlopen(f"{url}/models", timeout=5) as page:
        assert page.status == 200
    assert one.fault(3) is None
    one.stop()
    one.stop()

    assert gone(pid)
    log = (tmp_path / "logs" / "m.log").read_text("utf-8")
    assert "starts variant m" in log
    assert f"--port {url.split(':')[2].split('/')[0]}" in log, "the port is in place of {port}"
    assert "serving" in log


def test_environment_reaches_the_program_and_not_the_log(
    server: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values are handed on, {port} is replaced in them; the log names only the variables."""
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    code = "import os; open('seen', 'w').write(os.environ['TOKEN'] + os.environ['HOST'])"
    one = server(
        command=(sys.executable, "-c", code),
        env={"TOKEN": {"$env": "MY_TOKEN"}, "HOST": "h:{port}"},
    )
    refused(one)
    seen, log = (tmp_path / "seen").read_text(), (tmp_path / "logs" / "m.log").read_text()

    assert seen.startswith("hush-hush-hush")
    assert seen.partition("h:")[2].isdigit()
    assert "HOST, TOKEN set" in log
    assert "hush" not in log


def test_log_holds_every_turn_of_a_run_and_nothing_older(server: Make, tmp_path: Path) -> None:
    """A second start appends; a new run begins anew."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "m.log").write_text("of an older run")
    one = server()
    for _ in range(2):
        start(one)
        one.stop()
    log = (tmp_path / "logs" / "m.log").read_text("utf-8")

    assert "older" not in log
    assert log.count("starts variant m") == 2


# --- it does not start ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("no-such-program-anywhere",), "there is no program 'no-such-program-anywhere'"),
        (("./missing",), "there is no program './missing'"),
        (("./plain.txt",), "the program './plain.txt' cannot be executed"),
        (("./script-without-hashbang",), "cannot be run"),
    ],
)
def test_program_that_cannot_be_run(
    server: Make, tmp_path: Path, command: tuple[str, ...], sentence: str
) -> None:
    """Missing, not executable, or no program at all: said with its name, nothing is raised bare."""
    (tmp_path / "plain.txt").write_text("hello")
    broken = tmp_path / "script-without-hashbang"
    broken.write_bytes(b"\x00\x01")
    broken.chmod(0o755)

    assert sentence in refused(server(command=command))


def test_folder_that_is_not_there(server: Make, tmp_path: Path) -> None:
    """A missing working folder is not taken for a missing program."""
    assert "there is no folder" in refused(server(folder=str(tmp_path / "nowhere")))


def test_program_of_the_launch_folder_is_found_there(tmp_path: Path) -> None:
    """A relative program belongs to the launch's folder, as the system looks for it."""
    program = tmp_path / "serve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert unusable(Launch(command=("./serve",), folder=str(tmp_path))) == ""


def test_log_that_cannot_be_written(server: Make, tmp_path: Path) -> None:
    """A file where the log's folder should be: one sentence."""
    (tmp_path / "file").write_text("")
    text = refused(server(log=str(tmp_path / "file" / "m.log")))

    assert "its log" in text
    assert "cannot be written" in text


def test_log_is_written_through_no_link(server: Make, tmp_path: Path) -> None:
    """A link in a folder that came with somebody's cache does not lead to a file of the user's."""
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "m.log").symlink_to(tmp_path / "precious")

    assert "cannot be written" in refused(server(log=str(tmp_path / "m.log")))
    assert (tmp_path / "precious").read_text() == "mine"


def test_program_that_ends_at_once(server: Make) -> None:
    """The exit code and the end of the log; nobody waits for the time-out."""
    text = refused(server("--exits", "3", "--prints", "no GPU here", timeout_s=3600.0))

    assert "variant 'm': its server ended with code 3 before it was ready; the end of" in text
    assert text.endswith("\n| no GPU here")


def test_program_that_puts_itself_into_the_background(server: Make) -> None:
    """A command that ends well has left nothing that could be looked after."""
    assert "must stay in the foreground" in refused(server("--exits", "0"))


def test_server_that_is_never_ready(server: Make) -> None:
    """The time-out names its key, what the last probe said, and ends the program."""
    one = server("--never-ready", timeout_s=1.0)
    text = refused(one)

    assert "not ready within 1 s (launch.timeout_s): http://127.0.0.1:" in text
    assert "/health gave" in text
    assert "HTTP 404" in text or "no answer" in text
    assert one._process is None, "it was ended"


def test_starting_is_cut_short(server: Make) -> None:
    """The end of the run ends a start that is under way."""
    halt = threading.Event()
    one = server("--never-ready")
    threading.Timer(0.2, halt.set).start()
    with pytest.raises(LaunchError, match="the run was cut short while its server started"):
        one.start(halt)

    assert one._process is None


def test_port_that_is_taken(server: Make) -> None:
    """Another program's server is never mistaken for the one that was to be started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = refused(server(port=port))

    assert f"port {port} is taken" in text


def test_port_of_a_server_that_still_loads(tmp_path: Path) -> None:
    """It listens late: whoever comes first to the same port must not answer in its place."""
    port = _server._free_port()

    def at_port(name: str, *arguments: str) -> CommandServer:
        launch = Launch(command=(*PROGRAM, *arguments), port=port, log=str(tmp_path / name))
        url = "http://127.0.0.1:{port}/v1"
        variant = Variant(name=name, provider="openai", model="m", base_url=url, launch=launch)
        return CommandServer(variant, lambda url: "")

    one, other = at_port("one", "--port", "0"), at_port("other", "--port", "{port}")
    start(one)  # it holds the port, without listening there yet
    try:
        assert f"port {port} is taken: the gate starts another server there" in refused(other)
    finally:
        one.stop()
    try:
        start(other)
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("known", "ours"), [("32768\t60999\n", True), ("1024 65535", False), ("", False), (None, False)]
)
def test_port_is_none_that_the_system_gives_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str | None, ours: bool
) -> None:
    """Any other program could be given it while the server loads; where all are, one is taken."""
    file = tmp_path / "range"
    if known is not None:
        file.write_text(known)
    monkeypatch.setattr(_server, "_PORT_RANGE", file)
    found = {_server._free_port() for _ in range(20)}

    assert len(found) > 1
    if ours:
        assert found <= set(range(20_000, 30_000))
    else:
        assert min(found) > 0


def test_answer_that_drips() -> None:
    """A probe ends in time, however slowly its answer comes."""
    cut = threading.Event()

    def drip(here: socket.socket) -> None:
        line = here.accept()[0]
        with line, suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(200):
                line.sendall(b"x")
                time.sleep(0.05)
            return
        cut.set()

    launch = Launch(command=("serve",), ready="/health")
    variant = Variant(name="m", provider="openai", model="m", launch=launch)
    with socket.create_server(("127.0.0.1", 0)) as here:
        thread = threading.Thread(target=drip, args=(here,))
        thread.start()
        said = prober(variant, longest_s=0.3)(f"http://127.0.0.1:{here.getsockname()[1]}/v1")
        thread.join()

    assert said.startswith("no answer")
    assert cut.is_set(), "it did not wait for the end"


def test_probe_is_let_in_like_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key of a command, in the dialect's header, and further headers."""
    monkeypatch.setenv("MY_TEAM", "team-2718-2818")
    access = Access(
        api_key_command=(sys.executable, "-c", "print('sk-of-a-vault-314159')"),
        headers={"X-Team": {"$env": "MY_TEAM"}},
    )
    launch = Launch(command=("serve",), ready="/health?deep=1")
    variant = Variant(
        name="m", provider="openai", model="m", dialect="azure", access=access, launch=launch
    )
    with ScriptedServer() as there:
        there.pages["/health?deep=1"] = {"status": "ok"}
        ready = prober(variant)(there.url)

    assert ready == ""
    seen = {name.lower(): value for name, value in there.asked_about[0].items()}
    assert seen["api-key"] == "sk-of-a-vault-314159"
    assert seen["x-team"] == "team-2718-2818"


# --- it ends by itself, or does not want to ---------------------------------------------


def test_server_that_is_killed_is_named(server: Make) -> None:
    """The signal, the guess that goes with it, how many answers there were, and the log."""
    one = server()
    start(one)
    os.kill(one._process.pid, signal.SIGKILL)  # type: ignore[union-attr]

    assert eventually(lambda: one.fault(34) is not None)
    text = str(one.fault(34))
    assert "its server ended with signal 9 (killed; out of memory?) after 34 answers" in text
    assert text.endswith("\n| serving")


def test_program_that_ignores_sigterm_is_killed(
    server: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given its time, and then ended the hard way."""
    monkeypatch.setattr(_watchdog, "GRACE_S", 0.3)
    one = server("--ignores-sigterm")
    start(one)
    pid = one._process.pid  # type: ignore[union-attr]
    one.stop()

    assert gone(pid)


def test_what_a_program_has_started_ends_with_it(server: Make, tmp_path: Path) -> None:
    """Children that outlive the program are ended too: they may hold the device."""
    code = (
        "import subprocess, sys, runpy; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "open('child', 'w').write(str(child.pid)); "
        "sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0].rpartition('/')[0]); "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    one = server(command=(sys.executable, "-c", code, PROGRAM[1], "--port", "{port}"))
    start(one)
    one.stop()
    child = int((tmp_path / "child").read_text())

    def ended() -> bool:
        try:  # where nobody collects orphans, one that has ended keeps its number
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    assert eventually(ended)


def test_server_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    """Even kill -9 of the gate leaves no server behind."""
    code = (
        "import sys, threading, time\n"
        "from pytest_quantguard.launching.server import CommandServer\n"
        "from pytest_quantguard.variants import Launch, Variant\n"
        f"launch = Launch(command={(*PROGRAM, '--port', '{port}')!r}, ready='/health', "
        f"log={str(tmp_path / 'm.log')!r})\n"
        "url = 'http://127.0.0.1:{port}/v1'\n"
        "one = CommandServer(Variant(name='m', provider='openai', model='m', base_url=url, "
        "launch=launch), lambda url: '')\n"
        "one.start(threading.Event())\n"
        "print(one._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not gone(pid)
    finally:
        owner.kill()
        owner.communicate()

    assert eventually(lambda: gone(pid))


# --- hostile logs -----------------------------------------------------------------------


def test_log_is_hostile(server: Make) -> None:
    """Escapes, workflow commands and keys of the log reach no message."""
    said = f"\x1b[31mred\x1b[0m\n::error::pwned\n##[group]x\n\u202ekey={KEY}\n" + "x" * 5000
    text = refused(server("--exits", "1", "--prints", said))

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert KEY not in text
    assert "[secret]" in text
    assert not any(line.lstrip().startswith(("::", "##")) for line in text.splitlines())
    assert "##[" not in text
    assert len(text) < 4000


def test_number_of_a_gpu_is_no_secret(server: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would blot out every other number of the message."""
    monkeypatch.setenv("GPU", "3")
    one = server("--exits", "3", env={"CUDA_VISIBLE_DEVICES": {"$env": "GPU"}})

    assert "ended with code 3 before" in refused(one)


def test_long_log_is_shown_from_its_end(server: Make) -> None:
    """The last lines are shown, however much there is."""
    text = refused(server("--exits", "1", "--prints", "\n".join(map(str, range(10_000)))))

    assert text.endswith("\n| 9998\n| 9999")
    assert text.count("\n| ") == 15
