"""The contracts that others implement: providers, checks, and what the gate lends to checks.

Nothing has to be inherited; a class that has the members fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, Self, TypeGuard, TypeVar, runtime_checkable

from pytest_quantguard.errors import ProviderError
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Json, Outcome
from pytest_quantguard.variants import ServedAs

_Part = TypeVar("_Part")
_offered: dict[tuple[type, type], bool] = {}


def offers(thing: object, part: type[_Part]) -> TypeGuard[_Part]:
    """Tell whether a thing has what one of the protocols below describes.

    `isinstance`, remembered for each class: it can take as long as judging an answer does.
    """
    asked = type(thing), part
    if asked not in _offered:
        _offered[asked] = isinstance(thing, part)
    return _offered[asked]


# --- providers --------------------------------------------------------------------------


class Connection(Protocol):
    """One line to a server, used by one thread; never shared."""

    def complete(self, request: CompletionRequest) -> Completion:
        """Make one attempt.

        Raises:
            TransportError: worth another attempt.
            RefusedError: the server said no.
        """
        ...

    def close(self) -> None:
        """Hang up; may be called from another thread to cut an exchange short."""
        ...


class Provider(Protocol):
    """The way to one variant. Constructed with the `Variant`; nothing happens until `start`."""

    def start(self) -> str | None:
        """Make the server reachable and return its base URL; safe to call twice.

        Raises:
            LaunchError: with the reason and what to do.
        """
        ...

    def identity(self) -> Json:
        """Return what tells this variant's answers from all others; part of the cache key.

        Does not start anything: a fully cached variant needs no server.
        """
        ...

    def connect(self) -> Connection:
        """Return a new connection; called once per worker thread, after `start`."""
        ...

    def served_as(self) -> ServedAs:
        """Ask the running server what it serves; never raises, unknown is None."""
        ...

    def stop(self) -> None:
        """End what `start` began; safe to call twice."""
        ...


@runtime_checkable
class Launched(Protocol):
    """A provider whose server the gate starts, and may end before the run does."""

    def fault(self, patience_s: float = 0.0) -> ProviderError | None:
        """Return why the server will not answer any more, or None.

        ``patience_s`` is how long to wait for word of that, in seconds.
        """
        ...

    def rest(self) -> None:
        """Let the server be ended: nothing is asked until `Provider.start` is called again."""
        ...

    def dismiss(self) -> None:
        """Let nobody wait in `Provider.start` any more; called from another thread."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """A provider whose server does not know every parameter of a request."""

    def unfit(self, request: CompletionRequest) -> str:
        """Say in one sentence why this request cannot be asked; empty when it can.

        Called before anything is asked: a parameter that a server ignores makes another question.
        """
        ...


@runtime_checkable
class Omitting(Protocol):
    """A provider that leaves parameters out which only make answers repeat."""

    def omitted(self, request: CompletionRequest) -> str:
        """Say in one sentence what of this request is not sent; empty when all is."""
        ...


# --- checks -----------------------------------------------------------------------------


class Check(Protocol):
    """A property of a completion.

    Implemented as a frozen dataclass whose fields are the parameters; the constructor raises
    ValueError with one sentence for a parameter that makes no sense. ``shorthand`` names the
    field that a bare YAML value fills (``exact: "text"``), or is None; ``key`` is the name in YAML.

    A check may also have what the protocols below describe, and two attributes: ``layers``, the
    names under which it reports parts of its finding (see `Outcome.layers`), and
    ``reads_timing``, true when it looks at how long an answer took.
    """

    key: ClassVar[str]
    shorthand: ClassVar[str | None]

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge one completion; anything raised is a CheckError, never a lost case."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """A check that does not make sense for every case."""

    def misfit(self, case: GoldenCase) -> str:
        """Say in one sentence why the check cannot judge this case; empty when it can.

        Called while golden files are read: a misfit is a mistake in the file.
        """
        ...


@runtime_checkable
class Bound(Protocol):
    """A check that needs more than an answer and its case: a judge model, a sandbox."""

    def bound(self, services: Services) -> Check:
        """Return the check with what it needs.

        Called before the first request, and once more in the process that judges.

        Raises:
            ConfigError: what it needs is not configured, not allowed or does not work here.
        """
        ...


@runtime_checkable
class Repeated(Protocol):
    """A check that judges all repeats of a case together instead of one by one."""

    def over(self, completions: Sequence[Completion], case: GoldenCase) -> Outcome:
        """Judge the repeats of one arm, at least one, some of them perhaps empty."""
        ...


@runtime_checkable
class Pairwise(Protocol):
    """A check that sees both arms at once."""

    def compare(
        self, baseline: Completion, candidate: Completion, case: GoldenCase
    ) -> tuple[Outcome, Outcome]:
        """Judge both answers, neither of them empty; return the baseline's outcome first."""
        ...


@runtime_checkable
class AsksJudge(Protocol):
    """A check that asks a judge model, and can tell beforehand how often, and what."""

    @property
    def by(self) -> str | None:
        """Name of the judge in the configuration; None = the only one."""
        ...

    def calls(self, case: GoldenCase, candidates: int) -> int:
        """Return how many answers of the judge this case takes at most, of all arms together."""
        ...

    def foreseen(
        self, baseline: Sequence[Completion], candidate: Sequence[Completion], case: GoldenCase
    ) -> Iterable[tuple[CompletionRequest, int]]:
        """Yield what it will ask for certain about these answers: each request and its repeat.

        So that the judge is asked while the run still waits for other answers.
        """
        ...


# --- what the gate lends to checks --------------------------------------------------------


class Services(Protocol):
    """What a check can ask for in `Bound.bound`."""

    def judge_model(self, name: str | None = None) -> JudgeModel:
        """Return a judge model of the configuration; without a name the only one.

        Raises:
            ConfigError: there is none of this name, or several and none was named.
        """
        ...

    def sandbox(self) -> Sandbox:
        """Return what runs code that a model wrote.

        Raises:
            ConfigError: running code is not allowed, or nothing on this machine isolates it.
        """
        ...


class JudgeModel(Protocol):
    """A model that judges answers; its completions are cached like all others."""

    name: str

    def ask(
        self, request: CompletionRequest, *, repeat: int = 0, again: bool = False
    ) -> Completion:
        """Return its answer; ``repeat`` tells several draws of one question apart.

        ``again`` marks a question that `AsksJudge.calls` did not count, such as the second try
        after a verdict that cannot be read: it is asked only where the budget of calls has room.

        Raises:
            JudgeError: no answer could be had, or its budget of calls is used up.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What became of a program in a sandbox."""

    exit_code: int | None
    """128 + n when signal n ended it, as shells count; None when the sandbox had to end it."""
    stdout: str
    """As the program wrote it, cut at the sandbox's limit: hostile. Empty after a dialogue."""
    stderr: str
    stopped: Literal["", "time", "output", "killed"] = ""
    """Why it was ended: out of time, too much output, or killed by the system (memory)."""


class Dialogue(Protocol):
    """A program in a sandbox that is asked line by line; a context manager that ends it."""

    def ask(self, line: str) -> str | None:
        """Send a line and return the line that comes back: hostile.

        None when the program has ended or was stopped; `close` tells why.

        Raises:
            CheckError: the sandbox itself broke; never for what the program did.
        """
        ...

    def close(self) -> Execution:
        """End the program, if it has not ended, and say what became of it; safe to call twice.

        Raises:
            CheckError: the sandbox itself broke; never for what the program did.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Sandbox(Protocol):
    """Runs Python programs that nobody trusts.

    Each runs in a fresh process and an empty folder, as ``__main__``, with the standard library
    and without environment, network, further processes or files of this machine. ``timeout_s`` is
    the longest time from start to end, in seconds; ``memory_mb`` the memory of the process, in MiB.
    """

    name: str
    """bubblewrap, namespaces or limits."""

    def run(
        self,
        program: str,
        *,
        stdin: str = "",
        timeout_s: float = 10.0,
        memory_mb: int = 512,
    ) -> Execution:
        """Run a program and wait for its end.

        Raises:
            CheckError: the sandbox itself broke; never for what the program did.
        """
        ...

    def open(self, program: str, *, timeout_s: float = 10.0, memory_mb: int = 512) -> Dialogue:
        """Start a program that reads lines from standard input and answers each with one line.

        Raises:
            CheckError: it cannot be started.
        """
        ...
