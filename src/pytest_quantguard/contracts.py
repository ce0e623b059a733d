"""The contracts that others implement: providers, checks, and what the gate lends to checks.

Nothing has to be inherited; a class that has the members fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from pytest_quantguard.types import (
    Completion,
    CompletionRequest,
    GoldenCase,
    Json,
    Outcome,
    ServedAs,
)

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

    def ask(self, request: CompletionRequest, *, repeat: int = 0) -> Completion:
        """Return its answer; ``repeat`` tells several draws of one question apart.

        Raises:
            JudgeError: no answer could be had, or its budget of calls is used up.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What became of a program in a sandbox."""

    exit_code: int | None
    """None when it did not end by itself."""
    stdout: str
    """As the program wrote it, cut at the sandbox's limit: hostile."""
    stderr: str
    stopped: Literal["", "time", "output", "killed"] = ""
    """Why it was ended: out of time, too much output, or killed by the system (memory)."""


class Sandbox(Protocol):
    """Runs Python programs that nobody trusts."""

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
        """Run a program in a fresh process, folder and environment, and wait for its end.

        Raises:
            CheckError: the sandbox itself broke; never for what the program did.
        """
        ...
