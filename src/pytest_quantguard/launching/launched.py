"""Variants whose servers the gate starts: ordinary providers, with an address that is found out."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_quantguard.contracts import Choosy, Connection, Omitting, Provider, offers
from pytest_quantguard.errors import LaunchError
from pytest_quantguard.launching.server import CommandServer, Probe, unusable
from pytest_quantguard.launching.turns import Board, Keeper, Turn
from pytest_quantguard.types import Completion, CompletionRequest, Json
from pytest_quantguard.variants import ServedAs, Variant

if TYPE_CHECKING:
    import threading

    from pytest_quantguard._run import Run
    from pytest_quantguard.launching.turns import Host

_POLL_S = 0.05

Make = Callable[[Variant], Provider]
"""What makes a provider of a variant."""


class Servers:
    """The servers of a run that the gate starts, as one of its processes sees them.

    ``worker`` is the name of this one where its parent keeps the servers; a process without a name
    calls `keep`. Variants that differ in nothing that their server could know share one.
    """

    def __init__(self, run: Run, worker: str = "") -> None:
        self._run = run
        self._worker = worker
        self._board: Board | None = None
        self._turns: dict[str, Turn] = {}
        self._numbers: dict[str, int] = {}
        self._hosted: dict[str, tuple[Variant, Make]] = {}
        self._keepers: list[Keeper] = []

    def provider(self, variant: Variant, make: Make) -> Provider:
        """Return a variant's provider, with its share in a server where the gate starts that.

        Raises:
            ValueError: the provider cannot use the variant.
        """
        if not is_hosted(variant, make):
            return make(variant)
        if self._board is None:
            self._board = Board(self._run.part("servers"), child=bool(self._worker))
        plain = make(variant)
        key = _server_key(variant)
        number = self._numbers.setdefault(key, len(self._numbers))
        self._hosted.setdefault(key, (variant, make))
        who = f"{self._worker or 'main'}.{len(self._turns)}"
        turn = self._turns[variant.name] = Turn(self._board, number, who, variant.name)
        return LaunchedProvider(variant, make, plain, turn)

    def keep(self, secrets: Callable[[], tuple[str, ...]]) -> None:
        """Start and end servers from now on, whenever somebody needs them; safe to call twice.

        ``secrets`` returns what no message may hold.
        """
        if self._board is None or self._keepers:
            return
        groups: dict[str, list[tuple[int, Host]]] = {}
        for number, (variant, make) in enumerate(self._hosted.values()):
            group = "exclusive" if variant.exclusive else str(number)
            groups.setdefault(group, []).append((number, _host(variant, make, secrets)))
        self._keepers = [Keeper(self._board, hosts) for hosts in groups.values()]
        atexit.register(self.close)
        for keeper in self._keepers:
            keeper.start()

    def has(self, name: str) -> bool:
        """Tell whether the gate starts a variant's server."""
        return name in self._turns

    def turns(self) -> list[str]:
        """Return the variants that take turns; none when all exclusive ones share one server."""
        exclusive = [key for key, (variant, _) in self._hosted.items() if variant.exclusive]
        numbers = {self._numbers[key] for key in exclusive}
        names = [name for name, turn in self._turns.items() if turn.server in numbers]
        return names if len(numbers) > 1 else []

    def want(self, names: Iterable[str]) -> None:
        """Say that there is something to ask of variants: their servers are started."""
        for name in names:
            if name in self._turns:
                self._turns[name].want()

    def settled(self, names: Sequence[str], meanwhile: Callable[[], None]) -> list[str]:
        """Wait until the servers of variants are up, or one of them never will be.

        ``meanwhile`` is called every now and then. Returns those of which it is known.
        """
        turns = {name: self._turns[name] for name in names}
        while True:
            broken = [name for name, turn in turns.items() if turn.fault() is not None]
            if broken or not any(turn.open for turn in turns.values()):
                return broken or list(names)
            meanwhile()
            time.sleep(_POLL_S)

    def starting(self) -> str:
        """Say which servers this process is starting, and for how long; empty when none."""
        found = [keeper.starting for keeper in self._keepers if keeper.starting is not None]
        if not found:
            return ""
        names = ", ".join(sorted(name for name, _ in found))
        seconds = time.monotonic() - min(since for _, since in found)
        return f"waiting for the server{'s' * (len(found) > 1)} of {names} ({seconds:.0f} s)"

    def unusable(self, name: str) -> str:
        """Say why a variant's command cannot be run; empty when it can, or there is none."""
        variant = next((v for v, _ in self._hosted.values() if v.name == name), None)
        if variant is None or variant.launch is None or not variant.launch.command:
            return ""
        return unusable(variant.launch)

    def forget(self, process: str) -> None:
        """Forget what another process needed that is gone."""
        if self._board is not None:
            self._board.forget(process)

    def faults(self) -> list[LaunchError]:
        """Return what became of servers that could not be started, or ended by themselves."""
        return [fault for keeper in self._keepers for fault in keeper.faults.values()]

    def close(self) -> None:
        """End all servers that this process keeps, and wait for that; safe to call twice."""
        atexit.unregister(self.close)
        for turn in self._turns.values():
            turn.dismiss()
            turn.rest()
        for keeper in self._keepers:
            keeper.dismiss()
        for keeper in self._keepers:
            keeper.wait()


def is_hosted(variant: Variant, make: Make) -> bool:
    """Tell whether the gate starts a variant's server, by a command or through its provider."""
    if variant.launch is not None and variant.launch.command:
        return True
    return bool(getattr(make, "launches", False)) and not variant.base_url


def _server_key(variant: Variant) -> str:
    """Return what tells one server from another: not who asks it, or how."""
    launch = variant.launch and replace(variant.launch, log="")
    if launch is not None and launch.command:
        return repr((launch, variant.base_url))
    options = sorted(variant.options.items(), key=lambda pair: pair[0])
    return repr((launch, variant.provider, variant.model, options))


# --- the way to one variant ---------------------------------------------------------------


class LaunchedProvider:
    """The provider of a variant whose server the gate starts: asks for a turn, then for answers."""

    def __init__(self, variant: Variant, make: Make, plain: Provider, turn: Turn) -> None:
        self._variant = variant
        self._make = make
        self._plain = plain
        self._turn = turn
        self._inner: Provider | None = None
        self._url = ""
        self._served: ServedAs | None = None

    def start(self) -> str:
        """Wait until the server is up, and return its base URL.

        Raises:
            LaunchError: it could not be started, or ended by itself.
            TransportError: the run ends.
        """
        url = self._turn.wait()
        if self._inner is None or url != self._url:
            inner = self._make(replace(self._variant, base_url=url))
            inner.start()
            self._inner, self._url = inner, url
        if self._served is None:
            self._served = self._inner.served_as()  # it may be gone when the run is over
        return url

    def identity(self) -> Json:
        """Return the identity of the variant, whatever address its server has this time."""
        return self._plain.identity()

    def connect(self) -> Connection:
        """Return a new connection; nothing is sent yet."""
        if self._inner is None:
            raise LaunchError(f"variant {self._variant.name!r}: start() was not called")
        return _Counted(self._inner.connect(), self._turn)

    def served_as(self) -> ServedAs:
        """Tell what the server said it serves when it was up."""
        return self._served or ServedAs()

    def unfit(self, request: CompletionRequest) -> str:
        """Say why a request cannot be asked; empty when it can."""
        return self._plain.unfit(request) if offers(self._plain, Choosy) else ""

    def omitted(self, request: CompletionRequest) -> str:
        """Say what of a request is not sent; empty when all is."""
        return self._plain.omitted(request) if offers(self._plain, Omitting) else ""

    def fault(self, patience_s: float = 0.0) -> LaunchError | None:
        """Return why the server will not answer any more, or None; see `Turn.fault`."""
        return self._turn.fault(patience_s)

    def rest(self) -> None:
        """Let the server be ended: there is nothing to ask for now."""
        self._turn.rest()

    def dismiss(self) -> None:
        """Let nobody wait for the server any more."""
        self._turn.dismiss()

    def stop(self) -> None:
        """Hang up; whoever keeps the server ends it."""
        self._turn.dismiss()
        self._turn.rest()
        if self._inner is not None:
            self._inner.stop()


class _Counted:
    """A connection whose answers are counted, to say after how many a server broke."""

    def __init__(self, inner: Connection, turn: Turn) -> None:
        self._inner = inner
        self._turn = turn

    def complete(self, request: CompletionRequest) -> Completion:
        completion = self._inner.complete(request)
        self._turn.answered()
        return completion

    def close(self) -> None:
        self._inner.close()


# --- what starts a server -------------------------------------------------------------------


_PROBE_S = 5.0
"""Longest wait for one answer to whether a server is ready, in seconds."""


def _host(variant: Variant, make: Make, secrets: Callable[[], tuple[str, ...]]) -> Host:
    if variant.launch is not None and variant.launch.command:
        return CommandServer(variant, prober(variant), secrets)
    return _InProcess(variant.name, make(variant))


def prober(variant: Variant, *, longest_s: float = _PROBE_S) -> Probe:
    """Return what asks a variant's server whether it is ready, as the questions will be asked.

    With its key, headers and proxy; ``longest_s`` is the longest wait for one answer, in seconds.
    """

    def probe(url: str) -> str:
        from pytest_quantguard.providers._dialects import dialect_of
        from pytest_quantguard.providers._http import Reach, readiness

        reach = Reach.of(replace(variant, base_url=url), dialect_of(variant.dialect))
        ready = variant.launch.ready if variant.launch is not None else ""
        return readiness(reach, ready, longest_s)

    return probe


class _InProcess:
    """A server that a provider starts in this process."""

    def __init__(self, name: str, provider: Provider) -> None:
        self.name = name
        self._provider = provider

    def start(self, halt: threading.Event) -> str:
        return str(self._provider.start())

    def fault(self, answers: int) -> LaunchError | None:
        return None

    def stop(self) -> None:
        self._provider.stop()


def turn_remarks(names: Sequence[str], driven: int) -> list[str]:
    """Say what it means that variants take turns; ``driven`` cases are of several turns."""
    found = [
        f"{', '.join(names)} take turns (launch.exclusive), so that no two of them were measured "
        "side by side: their times are not compared"
    ]
    if driven:
        found.append(
            f"{driven} case{'s' * (driven != 1)} of several turns may change servers for every "
            "turn, as the next question depends on the answer"
        )
    return found
