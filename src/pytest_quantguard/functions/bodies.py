"""The body of a ``quant_case`` test as a judge: it runs once per arm and repeat."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import inspect
import io
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pytest_quantguard._drive import Drive
from pytest_quantguard._judging import Driven, Given, Scrub, Telling
from pytest_quantguard.errors import CheckError
from pytest_quantguard.functions.operands import Step, beside, in_short, place_of, steps_of, told_by
from pytest_quantguard.types import Completion, GoldenCase, Outcome

RUNNING = pytest.StashKey[bool]()
"""On an item whose body is being run by another plugin for us."""


class BodyCheck:
    """Stands for a test's body where a case's checks are listed; never called itself."""

    shorthand: ClassVar[str | None] = None

    def __init__(self, key: str, digest: str) -> None:
        self.key = key
        self.digest = digest

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Never called: the body itself is."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"body({self.key}, {self.digest})"


@dataclass(frozen=True, slots=True)
class _Failure:
    message: str
    violation: str
    steps: tuple[Step, ...]


class Body(Telling):
    """A body that judges one completion."""

    def __init__(self, item: pytest.Function) -> None:
        self.item = item
        self._names = [n for n in arguments_of(plain_function(item)) if n in item.funcargs]
        self._failures: dict[int, _Failure] = {}

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Run the body on one completion."""
        return self.judged(completion)

    def judged(self, given: Given) -> Outcome:
        """Run the body; a failed assertion is a violation.

        Raises:
            CheckError: the body raised anything else.
        """
        __tracebackhide__ = True
        try:
            self._run(given)
        except pytest.xfail.Exception as error:
            raise CheckError(f"the test called pytest.xfail(): {error}") from None
        except Returned as error:
            raise CheckError(str(error)) from None
        except (KeyboardInterrupt, GeneratorExit, pytest.exit.Exception):
            raise
        except BaseException as error:  # pytest.skip(), SystemExit ...: model text may be in it
            failed = _assertion_in(error)
            if failed is None:
                place = self._place(error)
                raise CheckError(
                    f"the test raised {type(error).__name__}: {error} (at {place})"
                ) from None
            return Outcome.of([self._noted(given, failed)])
        return Outcome.of([])

    def beside(self, baseline: Given, candidate: Given, scrub: Scrub) -> tuple[str, str] | None:
        """Return the candidate's violation, and the same with what the baseline had there."""
        failure = self._failures.get(id(candidate))
        place = place_of(failure.steps) if failure else None
        if failure is None or place is None:
            return None
        told = beside(
            place,
            functools.partial(self._again, baseline, failure),
            functools.partial(self._again, candidate, failure),
            scrub,
        )
        if not told:
            return None
        head = in_short(failure.message, place, where=False)
        return failure.violation, f"{head}; {told}" if head else told

    def _noted(self, given: Given, error: BaseException) -> str:
        message, steps = told_by(error), steps_of(error)
        place = place_of(steps) if "\n" in message else None
        violation = in_short(message, place) or "the test's assertion does not hold"
        self._failures[id(given)] = _Failure(message, violation, steps)
        return violation

    def _again(self, given: Given, failure: _Failure) -> bool:
        """Run the body once more, silently; tell whether it failed as before."""
        given = given.replay() if isinstance(given, Drive) else given
        silence = io.StringIO()
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            try:
                self._run(given)
            except BaseException as error:
                failed = _assertion_in(error)
                if failed is None:
                    raise
                return told_by(failed) == failure.message
        return False

    def _place(self, error: BaseException) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename) == self.item.path] or frames
        return f"{self.item.path.name}:{own[-1].lineno}"

    def _run(self, given: Given) -> None:
        funcargs = self.item.funcargs
        if isinstance(given, Drive):
            model: Any = funcargs["quant_model"]
            model.turn_to(given)
            try:
                self._call(funcargs)
            finally:
                model.turn_to(None)
            return
        placeholder, funcargs["completion"] = funcargs["completion"], given
        try:
            self._call(funcargs)
        finally:
            funcargs["completion"] = placeholder

    def _call(self, funcargs: Mapping[str, Any]) -> None:
        __tracebackhide__ = True
        if driven_by_anyio(self.item):
            self.item.stash[RUNNING] = True
            try:
                self.item.ihook.pytest_pyfunc_call(pyfuncitem=self.item)
            finally:
                self.item.stash[RUNNING] = False
            return
        to_its_end(self.item.obj, {name: funcargs[name] for name in self._names})


class DrivenBody(Body, Driven):
    """A body that asks for itself, through ``quant_model``."""

    def drive(self, drive: Drive, case: GoldenCase) -> Outcome:
        """Run the body on one arm."""
        return self.judged(drive)


# --- running ------------------------------------------------------------------------------


class Returned(Exception):  # noqa: N818  said by name nowhere
    """A test function returned a value, where only a failed assertion counts."""


def driven_by_anyio(item: pytest.Function) -> bool:
    """Tell whether anyio's pytest plugin runs this test; it does so when the hook is called."""
    return inspect.iscoroutinefunction(item.obj) and bool(item.funcargs.get("anyio_backend"))


def to_its_end(function: Callable[..., object], arguments: Mapping[str, Any]) -> None:
    """Call a test's function; what it returns to be awaited is awaited, in a loop of our own."""
    __tracebackhide__ = True
    returned = function(**arguments)
    if hasattr(returned, "__aiter__"):
        raise TypeError("the test yields; an async test function has to end without a value")
    if inspect.isawaitable(returned):
        with _closing(returned), asyncio.Runner() as runner:
            returned = runner.run(_awaited(returned))
    if returned is not None:
        what = str(returned) if isinstance(returned, bool) else f"a {type(returned).__name__}"
        raise Returned(f"the test returned {what}, which judges nothing; write assert")


async def _awaited(returned: Awaitable[object]) -> object:
    return await returned


@contextlib.contextmanager
def _closing(returned: object) -> Iterator[None]:
    """Leave no coroutine behind that was never awaited: another loop may be running here."""
    try:
        yield
    finally:
        if inspect.iscoroutine(returned):
            returned.close()


def _assertion_in(error: BaseException) -> BaseException | None:
    """Return the failed assertion that an error is, or that several tasks' errors all are."""
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = [_assertion_in(one) for one in error.exceptions]
        return found[0] if all(found) else None
    return None


# --- reading ------------------------------------------------------------------------------


def digest_of(function: Callable[..., object], *more: str) -> str:
    """Return a name for what a body does, which changes when its source does."""
    source = code_of(inspect.unwrap(function))
    return hashlib.sha256("\0".join((source, *more)).encode("utf-8", "replace")).hexdigest()[:12]


def plain_function(item: pytest.Function) -> Callable[..., object]:
    """Return a test's function itself: one for all its parameters, without its object."""
    function: Callable[..., object] = getattr(item.obj, "__func__", item.obj)
    return function


@functools.lru_cache(maxsize=1024)
def arguments_of(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


@functools.lru_cache(maxsize=1024)
def code_of(function: Callable[..., object]) -> str:
    """Return the source of a function; "" where it cannot be had."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""
