"""Servers that the gate starts and ends: who needs which, and whose turn it is.

One process keeps them: the only one, or pytest-xdist's controller. The others say what they need,
and learn what is up, through files in a folder that all processes of a run share. The same files
serve the threads of one process, so that there is one way. Servers that cannot be held at once
are one group, of which at most one is up at a time; any other server is a group of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.errors import LaunchError, TransportError

_POLL_S = 0.02
_LONGEST_S = 15.0
_LINGER = 10
"""Polls for which nobody needs a server before another one gets its place."""


class Host(Protocol):
    """What starts and ends one server."""

    name: str
    """The variant it is started for."""

    def start(self, halt: threading.Event) -> str:
        """Start it and return its base URL; ends early when ``halt`` is set.

        Raises:
            LaunchError: with the reason and what to do.
        """
        ...

    def fault(self, answers: int) -> LaunchError | None:
        """Return the error of a server that ended by itself after so many answers, or None."""
        ...

    def stop(self) -> None:
        """End the server and return when it is gone; safe to call twice."""
        ...


class Board:
    """What all processes know about the servers of a run, which are known by their numbers."""

    def __init__(self, folder: Path, *, child: bool = False) -> None:
        """``child``: this process's parent keeps the servers."""
        self.folder = folder
        self._parent = os.getppid() if child else None

    # --- those who ask --------------------------------------------------------------------

    def want(self, server: int, who: str) -> None:
        """Say that ``who`` has something to ask; ``who`` starts with its process and a dot."""
        with suppress(OSError):  # the run has ended
            (self.folder / f"want-{server}.{who}").touch()

    def rest(self, server: int, who: str) -> None:
        """Say that ``who`` has nothing more to ask for now."""
        with suppress(OSError):
            (self.folder / f"want-{server}.{who}").unlink(missing_ok=True)

    def url(self, server: int) -> str | None:
        """Return where a server is, or None while it is not up.

        Raises:
            LaunchError: it could not be started, or ended by itself.
        """
        if (failed := self._read(f"failed-{server}.json")) is not None:
            raise LaunchError(failed)
        return self._read(f"up-{server}.json")

    def answered(self, server: int) -> None:
        """Count an answer of a server."""
        with suppress(OSError), (self.folder / f"answers-{server}").open("ab", 0) as file:
            file.write(b".")

    @property
    def left(self) -> bool:
        """Whether nobody keeps the servers any more."""
        orphaned = self._parent is not None and os.getppid() != self._parent
        return orphaned or not self.folder.exists()

    # --- the one who keeps them -----------------------------------------------------------

    def wanted(self, server: int) -> bool:
        """Tell whether anybody has something to ask of a server."""
        return any(self.folder.glob(f"want-{server}.*"))

    def forget(self, process: str) -> None:
        """Forget what a process wanted that is gone."""
        for path in self.folder.glob(f"want-*.{process}.*"):
            path.unlink(missing_ok=True)

    def raised(self, server: int, url: str) -> None:
        """Make known where a server is."""
        self._write(f"up-{server}.json", url)

    def lowered(self, server: int) -> None:
        """Make known that a server is up no more."""
        (self.folder / f"up-{server}.json").unlink(missing_ok=True)

    def failed(self, server: int, error: LaunchError) -> None:
        """Make known that a server will not come up again."""
        self._write(f"failed-{server}.json", str(error))
        self.lowered(server)

    def answers(self, server: int) -> int:
        """Return how many answers a server has given since `recount`."""
        with suppress(OSError):
            return (self.folder / f"answers-{server}").stat().st_size
        return 0

    def recount(self, server: int) -> None:
        """Count a server's answers from none."""
        (self.folder / f"answers-{server}").unlink(missing_ok=True)

    def give_up(self) -> None:
        """Let nobody wait for a server any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / f"{name}.new"
        path.write_text(json.dumps(text), encoding="ascii")
        path.replace(self.folder / name)

    def _read(self, name: str) -> str | None:
        with suppress(OSError):
            return str(json.loads((self.folder / name).read_text(encoding="ascii")))
        return None


class Turn:
    """One variant's claim to its server, in one process."""

    def __init__(self, board: Board, server: int, who: str, name: str) -> None:
        self.server = server
        self._board, self._who, self._name = board, who, name
        self._dismissed = threading.Event()

    def want(self) -> None:
        """Say that there is something to ask."""
        if not self._dismissed.is_set():
            self._board.want(self.server, self._who)

    def wait(self) -> str:
        """Wait until the server is up, and return its base URL.

        It stays up until `rest` is called.

        Raises:
            LaunchError: it could not be started, or ended by itself.
            TransportError: the run ends.
        """
        self.want()  # first: whoever lowers a server looks once more who wants it
        while (url := self._board.url(self.server)) is None:
            if self._dismissed.wait(_POLL_S) or self._board.left:
                text = f"variant {self._name!r}: the run was cut short before its server was up"
                raise TransportError(text)
        return url

    def fault(self, patience_s: float = 0.0) -> LaunchError | None:
        """Return why the server will not answer any more, or None.

        It may have ended a moment ago: ``patience_s`` is how long to wait for word of that.
        """
        until = time.monotonic() + patience_s
        while True:
            try:
                self._board.url(self.server)
            except LaunchError as error:
                return error
            if time.monotonic() >= until or self._dismissed.wait(_POLL_S):
                return None

    @property
    def open(self) -> bool:
        """Whether the server may come up, and is not there yet."""
        with suppress(LaunchError):
            here = self._board.url(self.server) is not None
            return not (here or self._dismissed.is_set() or self._board.left)
        return False

    def answered(self) -> None:
        """Count an answer."""
        self._board.answered(self.server)

    def rest(self) -> None:
        """Say that there is nothing to ask for now: the server may be ended."""
        self._board.rest(self.server, self._who)

    def dismiss(self) -> None:
        """Let nobody wait any more; who has the server keeps it until `rest`."""
        self._dismissed.set()


class Keeper:
    """Keeps the servers of one group, in a thread; at most one of them is up at a time.

    ``hosts`` are numbered, and in the order in which they are given their turns. A server is kept
    until nobody needs it while somebody needs another.
    """

    def __init__(self, board: Board, hosts: Sequence[tuple[int, Host]]) -> None:
        self._board = board
        self._hosts = dict(hosts)
        self.faults: dict[int, LaunchError] = {}
        """What became of servers that are beyond help."""
        self.starting: tuple[str, float] | None = None
        """The variant whose server is being started, and since when on the monotonic clock."""
        self._up: int | None = None
        self._url = ""
        self._idle = 0
        self._over = threading.Event()
        names = "-".join(host.name for host in self._hosts.values())
        self._thread = threading.Thread(target=self._run, name=f"quantguard-keeps-{names}")
        self._thread.daemon = True

    def start(self) -> None:
        """Begin to look who needs a server."""
        self._thread.start()

    def dismiss(self) -> None:
        """Have all servers ended; returns at once."""
        self._over.set()

    def wait(self) -> None:
        """Wait until they have ended; not for ever for one that is being loaded."""
        if self._thread.ident is not None:
            self._thread.join(_LONGEST_S)

    def _run(self) -> None:
        try:
            while not self._over.wait(_POLL_S):
                self.step()
        except Exception as error:  # nobody may wait for a server that will never come
            self._despair(error)
        finally:
            if self._up is not None:
                with suppress(OSError):
                    self._board.lowered(self._up)
                self._hosts[self._up].stop()

    def step(self) -> None:
        """Look once what has changed: a server that has ended, a server that is needed."""
        self._look_after()
        if self._up is not None and self._board.wanted(self._up):
            self._idle = 0
            return
        others = (n for n in self._hosts if n not in self.faults and n != self._up)
        due = next((n for n in others if self._board.wanted(n)), None)
        if due is None:
            return
        if self._up is not None:
            self._idle += 1
            if self._idle < _LINGER or not self._lower(self._up):
                return
        self._raise(due)

    def _look_after(self) -> None:
        if self._up is not None:
            fault = self._hosts[self._up].fault(self._board.answers(self._up))
            if fault is not None:
                self._fail(self._up, fault)

    def _raise(self, number: int) -> None:
        self._board.recount(number)
        self.starting = self._hosts[number].name, time.monotonic()
        try:
            self._url = self._hosts[number].start(self._over)
        except LaunchError as error:
            self._fail(number, error)
        except Exception as error:  # a provider of the user's
            name, text = self._hosts[number].name, one_line(f"{type(error).__name__}: {error}")
            self._fail(number, LaunchError(f"variant {name!r}: it could not be started: {text}"))
        else:
            self._up, self._idle = number, 0
            self._board.raised(number, self._url)
        finally:
            self.starting = None

    def _lower(self, number: int) -> bool:
        """End the server that is up, unless somebody needs it after all."""
        self._board.lowered(number)
        if self._board.wanted(number):  # since we looked, and perhaps before it was lowered
            self._board.raised(number, self._url)
            self._idle = 0
            return False
        self._up = None
        self._hosts[number].stop()
        return True

    def _fail(self, number: int, fault: LaunchError) -> None:
        if not self._over.is_set():
            self.faults[number] = fault
            self._board.failed(number, fault)
        if number == self._up:
            self._up = None
        self._hosts[number].stop()

    def _despair(self, error: Exception) -> None:
        text = one_line(f"{type(error).__name__}: {error}")
        for number, host in self._hosts.items():
            fault = LaunchError(f"variant {host.name!r}: its server cannot be kept: {text}")
            self.faults.setdefault(number, fault)
            try:
                self._board.failed(number, fault)
            except OSError:  # a full disk: whoever waits notices that the folder is gone
                self._board.give_up()
