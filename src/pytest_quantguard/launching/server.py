"""A server that the gate starts by a command: a program of its own, its log, and its end."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import randbelow
from urllib.parse import urljoin, urlsplit

from pytest_quantguard._sanitize import clean, one_line, scrub_cut
from pytest_quantguard.cache.claims import Claims
from pytest_quantguard.errors import LaunchError
from pytest_quantguard.launching import watchdog
from pytest_quantguard.variants import Launch, Variant

PORT = "{port}"
"""What is replaced by the port in the command, its environment and base_url."""

_OWN_PORTS = range(20_000, 30_000)
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TAIL_LINES = 15
_TAIL_BYTES = 2**14
_LINE = 200
_WAIT_S, _WAIT_MAX_S = 0.05, 1.0
_STRAGGLERS_S = 2.0
_NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""With a session of its own, Ctrl-C is not for it, and it ends with all that it started."""

Probe = Callable[[str], str]
"""Ask the server at a base URL whether it is ready; returns what it said instead, empty if it is.

Raises:
    LaunchError: it cannot be asked: the variable with the key is not set, say.
"""


class CommandServer:
    """One variant's server, as its `Launch` describes it; for one thread.

    ``secrets`` stand in no message. The log file takes what the program prints as it is.
    """

    def __init__(
        self, variant: Variant, probe: Probe, secrets: Callable[[], tuple[str, ...]] = tuple
    ) -> None:
        if variant.launch is None:
            raise ValueError(f"variant {variant.name!r} has no 'launch'")
        self.name = variant.name
        self._launch: Launch = variant.launch
        self._url = variant.base_url or ""
        self._probe = probe
        self._env = environment(variant.launch)
        self._secrets = secrets
        self._log = Path(variant.launch.log)
        self._log_begin = 0
        self._started_before = False
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._port_claim = ExitStack()

    # --- the beginning ------------------------------------------------------------------

    def start(self, halt: threading.Event) -> str:
        """Start the program, wait until it is ready, and return its base URL.

        Raises:
            LaunchError: it cannot be started, ends at once, is not ready in time, or ``halt``
                is set first; then nothing is left running.
        """
        if problem := unusable(self._launch):
            raise self._error(problem)
        try:
            port = self._port()
            url = self._url.replace(PORT, str(port))
            self._run(port)
            self._await(url, halt)
        except BaseException:
            self.stop()
            raise
        return url

    def _port(self) -> int:
        """Return a port that no program listens on, and no other run will use meanwhile.

        A server may load for minutes before it listens: another one that comes first would answer
        the probe in its place.
        """
        given = fixed_port(self._launch, self._url)
        port = given or _free_port()
        while (taken := _listening(port)) or not self._claim(port):
            if given is not None:
                ours = "the gate starts another server there, in this run or another"
                who = "another program listens there" if taken else ours
                raise self._error(
                    f"port {given} is taken: {who}; end it, or leave the port out and write {PORT} "
                    "into the command"
                )
            port = _free_port()
        return port

    def _claim(self, port: int) -> bool:
        claims = Claims.of(Path(tempfile.gettempdir(), f"quantguard-ports-{_user()}"))
        return self._port_claim.enter_context(claims.claim(port))

    def _run(self, port: int) -> None:
        command = [text.replace(PORT, str(port)) for text in self._launch.command]
        ours = {name: text.replace(PORT, str(port)) for name, text in self._env.items()}
        try:
            log = _opened(self._log, fresh=not self._started_before)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise self._error(f"its log {_shown(self._log)} cannot be written: {reason}") from None
        try:
            with log:
                self._started_before = True
                log.write(self._header(command).encode("utf-8", "replace"))
                self._log_begin = log.tell()
                self._process = subprocess.Popen(  # noqa: S603  the user's own, no shell
                    command,
                    cwd=self._launch.folder,
                    # A log that is written late says nothing about a crash.
                    env={"PYTHONUNBUFFERED": "1", **os.environ, **ours},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    creationflags=_NEW_GROUP,
                )
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise self._error(f"{command[0]!r:.200} cannot be run: {reason}") from None
        self._watch(self._process.pid)

    def _watch(self, pid: int) -> None:
        with suppress(OSError):  # without it a gate that is killed leaves the server running
            self._guard = subprocess.Popen(  # noqa: S603  our own
                [sys.executable, "-I", "-S", watchdog.__file__, str(pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                creationflags=_NEW_GROUP,
            )

    def _header(self, command: list[str]) -> str:
        names = ", ".join(sorted(self._env))
        lines = (
            f"quantguard: {time.strftime('%Y-%m-%d %H:%M:%S')} starts variant {self.name}",
            f"quantguard: {self._safe(shlex.join(command), 2000)}",
            f"quantguard: in {self._launch.folder}" + (f", with {names} set" if names else ""),
        )
        return "".join(f"{line}\n" for line in lines)

    def _await(self, url: str, halt: threading.Event) -> None:
        until = time.monotonic() + self._launch.timeout_s
        wait, found = _WAIT_S, "nothing"
        while not halt.is_set():
            if problem := self.ended("before it was ready"):
                raise self._error(problem, log=True)
            found = self._probe(url)
            if not found and not self.ended():  # another program's answer is not its own
                return
            if time.monotonic() >= until:
                raise self._error(
                    f"its server was not ready within {self._launch.timeout_s:g} s "
                    f"(launch.timeout_s): {urljoin(url, self._launch.ready)} gave "
                    f"{found or 'nothing'}",
                    log=True,
                )
            self._pause(min(wait, max(0.0, until - time.monotonic())))
            wait = min(wait * 1.5, _WAIT_MAX_S)
        raise self._error("the run was cut short while its server started")

    def _pause(self, seconds: float) -> None:
        """Wait, but not for a program that has ended."""
        with suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(seconds)

    # --- the end ------------------------------------------------------------------------

    def ended(self, when: str = "") -> str:
        """Say how the program ended by itself; empty while it runs, or was never started."""
        process = self._process
        code = None if process is None else process.poll()
        if code is None:
            return ""
        hint = "; the command must stay in the foreground" if code == 0 else ""
        return f"its server ended with {_way(code)}{when and ' '}{when}{hint}"

    def fault(self, answers: int) -> LaunchError | None:
        """Return the error of a program that ended by itself after so many answers, or None."""
        count = f"after {answers} answer{'s' * (answers != 1)}"
        problem = self.ended(count)
        return self._error(problem, log=True) if problem else None

    def stop(self) -> None:
        """End the program and all that it started, within about 10 s; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        guard, self._guard = self._guard, None
        if guard is not None:
            with suppress(OSError, subprocess.TimeoutExpired):
                guard.communicate(watchdog.DISMISSED, timeout=_STRAGGLERS_S)
        self._port_claim.close()

    # --- what is said -------------------------------------------------------------------

    def _error(self, what: str, *, log: bool = False) -> LaunchError:
        text = f"variant {self.name!r}: {self._safe(what, 600)}"
        return LaunchError(text + self._tail() if log else text)

    def _tail(self) -> str:
        """Return the end of the log, made safe: what a program prints is anybody's text."""
        name = _shown(self._log)
        data = b""
        with suppress(OSError), self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_begin, size - _TAIL_BYTES))
            data = file.read(_TAIL_BYTES)
        text = scrub_cut(data.decode("utf-8", "replace"), self._secrets())
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if not lines:
            return f"; {name} is empty"
        shown = (f"| {one_line(line, _LINE)}" for line in lines[-_TAIL_LINES:])
        return "\n".join((f"; the end of {name}:", *shown))

    def _safe(self, text: str, limit: int) -> str:
        return one_line(scrub_cut(text, self._secrets()), limit)


def unusable(launch: Launch) -> str:
    """Say why a command cannot be run at all; empty when it looks as if it could."""
    if not Path(launch.folder).is_dir():
        return f"there is no folder {clean(launch.folder)} to run its server in (launch.folder)"
    program = launch.command[0]
    if not os.path.dirname(program):
        found = shutil.which(program, path=environment(launch).get("PATH"))
    else:
        file = Path(launch.folder, program)  # as the system will look for it
        found = shutil.which(file)
        if found is None and file.exists():
            return f"the program {program!r:.200} cannot be executed (launch.command)"
    if found:
        return ""
    return f"there is no program {program!r:.200} (launch.command); is it installed here?"


def environment(launch: Launch) -> dict[str, str]:
    """Return the variables that a launch sets, looked up; one that is not set is left out."""
    found = {}
    for name, value in launch.env.items():
        text = os.environ.get(value["$env"]) if isinstance(value, Mapping) else str(value)
        if text is not None:
            found[name] = text
    return found


def fixed_port(launch: Launch, base_url: str) -> int | None:
    """Return the port that the configuration names, or None: a free one is taken."""
    if launch.port is not None:
        return launch.port
    try:
        return urlsplit(base_url).port
    except ValueError:  # it is {port}
        return None


def _free_port() -> int:
    """Return a port to try, of those that the system gives to nobody who did not ask for it.

    A server may load for minutes before it listens; a port that the system had just found free
    would be given to the next program meanwhile.
    """
    end = min(_given_from(), _OWN_PORTS.stop)
    if end > _OWN_PORTS.start:
        return _OWN_PORTS.start + randbelow(end - _OWN_PORTS.start)
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _given_from() -> int:
    """Return the first port that Linux gives to whoever wants any; 0 where that is not known."""
    try:
        return int(_PORT_RANGE.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _user() -> str:
    """Return what tells one user of this machine from another, who cannot open his files."""
    return str(os.getuid()) if sys.platform != "win32" else ""


def _listening(port: int) -> bool:
    """Tell whether a program listens on a port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def _opened(path: Path, *, fresh: bool) -> io.FileIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if fresh else 0)
    flags |= getattr(os, "O_NOFOLLOW", 0)  # the folder may come from somebody's cache
    return io.FileIO(os.open(path, flags, 0o600), "ab")


def _end(process: subprocess.Popen[bytes]) -> None:
    group = process.pid
    if process.poll() is None:
        watchdog.signalled(group, signal.SIGTERM)
        try:
            process.wait(watchdog.GRACE_S)
        except subprocess.TimeoutExpired:
            watchdog.signalled(group, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()
    if sys.platform != "win32":
        watchdog.end(group, _STRAGGLERS_S)  # what it started, should it live on


def _way(code: int) -> str:
    number = -code if code < 0 else code - 128 if 128 < code < 160 else 0
    if not number or sys.platform == "win32":
        return f"code {code}"
    words = {signal.SIGKILL: "killed; out of memory?", signal.SIGSEGV: "it crashed"}
    with suppress(ValueError):
        sign = signal.Signals(number)
        return f"signal {number} ({words.get(sign, sign.name)})"
    return f"signal {number}"


def _shown(path: Path) -> str:
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return clean(str(path))
