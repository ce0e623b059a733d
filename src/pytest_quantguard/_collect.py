"""Golden files and ``quant_case`` functions become pytest items.

A golden file is a tree of nodes, ``file::case::check``, so that every way of selecting tests works
on cases and on single checks.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from pytest_quantguard._document import Document, problems
from pytest_quantguard._evidence import Evidence, Examiner
from pytest_quantguard._golden import DEFAULT_REQUEST, label_problem, load
from pytest_quantguard._judging import Reusable, reads_timing
from pytest_quantguard._quant_case import quant_case
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.contracts import Check
from pytest_quantguard.errors import CheckError, GoldenFileError, ProviderError, did_you_mean
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Json, Outcome, Source

if TYPE_CHECKING:
    from pytest_quantguard._complete import Answer, Job
    from pytest_quantguard._services import GateServices

CASE = pytest.StashKey[GoldenCase]()
EVIDENCE = pytest.StashKey[Evidence]()


class Critical(Exception):  # noqa: N818  a finding about the model, not an error of ours
    """A critical case regressed."""


# --- golden files -------------------------------------------------------------------------


class QuantFile(pytest.File):
    """A ``*.quant.yaml`` file."""

    load: Callable[[Path, str], tuple[GoldenCase, ...]]
    examiner: Callable[[], Examiner]
    services: GateServices

    def collect(self) -> Iterator[QuantCase]:
        """Yield the cases; every mistake of the file is one collection error."""
        root = self.config.rootpath
        inside = self.path.is_relative_to(root)
        name = self.path.relative_to(root).as_posix() if inside else str(self.path)
        for case in self.load(self.path, name):
            node = QuantCase.from_parent(self, name=case.id)
            node.case = case
            node.examiner = self.examiner
            node.services = self.services
            node.add_marker(pytest.mark.quant_case(cohort=case.cohort, critical=case.critical))
            yield node

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what is wrong with the file, without a traceback."""
        if isinstance(excinfo.value, GoldenFileError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class QuantCase(pytest.Collector):
    """One golden case; its children are its checks."""

    case: GoldenCase
    examiner: Callable[[], Examiner]
    services: GateServices

    def collect(self) -> Iterator[QuantItem]:
        """Yield one item per check."""
        for check in self.case.checks:
            item = QuantItem.from_parent(self, name=check.key)
            item.check = check
            item.examiner = self.examiner
            item.services = self.services
            item.stash[CASE] = self.case
            item.extra_keyword_matches.update(self.case.tags)
            yield item


class QuantItem(pytest.Item):
    """One check of one golden case, judged on all arms."""

    check: Check
    examiner: Callable[[], Examiner]
    services: GateServices

    def runtest(self) -> None:
        """Collect the evidence; it is judged when all is in."""
        check = self.services.ready(self.check)
        judge = check if reads_timing(check) else Reusable(check)
        examine(self, self.examiner(), self.stash[CASE], {self.check.key: judge})

    def reportinfo(self) -> tuple[Path, int, str]:
        """Point at the case in its file (counting lines from 0, as pytest does)."""
        case = self.stash[CASE]
        return self.path, case.source.line - 1, f"{case.id}::{self.check.key}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say in one sentence what happened; a traceback through our own code helps nobody."""
        if isinstance(excinfo.value, Critical | CheckError):
            return f"{excinfo.value}\n{self.stash[CASE].source}"
        what = one_line(f"{excinfo.typename}: {excinfo.value}", 400)
        return f"the check could not be run: {what}\n{self.stash[CASE].source}"


def examine(
    item: pytest.Item, examiner: Examiner, case: GoldenCase, judges: Mapping[str, Any]
) -> None:
    """Examine a case and leave the evidence with the item, to travel on its report."""
    __tracebackhide__ = True
    evidence = examiner.examine(case, judges)
    item.stash[EVIDENCE] = evidence
    for mishap in evidence.mishaps:
        if mishap.of_check:
            raise CheckError(f"{mishap.message} (case {case.id}, candidate {mishap.variant})")
    for outcome in evidence.outcomes:
        if outcome.critical and outcome.confirmed:
            why = "; ".join(outcome.candidate.violations)
            raise Critical(
                f"critical case regressed on {outcome.variant}: {outcome.check} holds in the "
                f"baseline, not in the candidate: {why}"
            )
    if evidence.mishaps:
        first = evidence.mishaps[0]
        pytest.skip(f"no comparison ({first.kind}, {first.role}): {first.message}")


# --- test functions -----------------------------------------------------------------------


def function_cases(items: Iterable[pytest.Item], request: Json) -> list[str]:
    """Find the ``quant_case`` functions among ``items`` and give each its golden case.

    Returns a sentence for every marker that cannot be used.
    """
    found: list[str] = []
    for item in items:
        marker = item.get_closest_marker("quant_case")
        if not isinstance(item, pytest.Function) or marker is None:
            continue
        path, line, _ = item.reportinfo()
        root = item.config.rootpath
        place = Path(path).relative_to(root) if Path(path).is_relative_to(root) else path
        source = Source(file=Path(place).as_posix(), line=(line or 0) + 1)
        try:
            case = _function_case(item, marker, source, request)
        except GoldenFileError as error:
            found += [f"{source}: {problem}" for problem in error.problems]
            continue
        item.stash[CASE] = case
        item.extra_keyword_matches.update(case.tags)
    return found


def _function_case(
    item: pytest.Function, marker: pytest.Mark, source: Source, request: Json
) -> GoldenCase:
    entry, cohort, check = _function_entry(item, marker)
    messages = list(entry.get("messages", ())) or [{"role": "user", "content": entry["prompt"]}]
    if "system" in entry:
        messages.insert(0, {"role": "system", "content": entry["system"]})
    return GoldenCase(
        id=str(item.nodeid),
        cohort=cohort,
        request=CompletionRequest(
            messages=tuple(messages),
            tools=tuple(entry.get("tools", ())),
            params={**DEFAULT_REQUEST, **request, **entry.get("request", {})},
        ),
        source=source,
        checks=(cast(Check, _Body(check)),),
        critical=bool(entry.get("critical", False)),
        weight=float(entry.get("weight", 1.0)),
        samples=int(entry.get("samples", 1)),
        tags=tuple(entry.get("tags", ())),
        reference=entry.get("reference"),
    )


def _function_entry(item: pytest.Function, marker: pytest.Mark) -> tuple[Json, str, str]:
    """Return what a marker says, as a golden file's case, with its cohort and check."""
    known = inspect.signature(quant_case).parameters
    unknown = [key for key in marker.kwargs if key not in known]
    if unknown:
        raise GoldenFileError(
            f"quant_case: unknown argument {unknown[0]!r}; {did_you_mean(unknown[0], known)}"
        )
    if marker.args:
        raise GoldenFileError("quant_case takes keyword arguments only, such as cohort='tools'")
    given = {key: value for key, value in marker.kwargs.items() if value not in (None, (), [])}
    if "completion" not in item.fixturenames:
        raise GoldenFileError(
            f"quant_case: {item.name} does not take the 'completion' fixture, so there is nothing "
            "for its body to judge"
        )
    entry = {
        "id": "python",
        **{k: _plain(v) for k, v in given.items() if k not in ("check", "cohort")},
    }
    cohort, check = given.get("cohort"), given.get("check", "python")
    document = Document("quant_case", {"cohort": cohort, "cases": [entry]})
    wrong = problems(document, "golden.schema.json")
    if ("prompt" in given) == ("messages" in given):
        wrong.append("quant_case: needs either 'prompt' or 'messages'")
    if problem := label_problem("check", check):
        wrong.append(f"quant_case: {problem}")
    if wrong:
        raise GoldenFileError(wrong)
    return entry, str(cohort), str(check)


def _plain(value: Any) -> Any:
    """Tuples and mappings as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


class _Body:
    """Stands for a test's body where a case's checks are listed; never called itself."""

    shorthand: ClassVar[str | None] = None

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"body({self.key})"


def run_function(item: pytest.Function, examiner: Examiner) -> bool:
    """Run a ``quant_case`` test's body once per arm; False when ``item`` is an ordinary test."""
    __tracebackhide__ = True
    case = item.stash.get(CASE, None)
    if case is None:
        return False
    names = [name for name in inspect.signature(item.obj).parameters if name in item.funcargs]

    def judge(completion: Completion, case: GoldenCase) -> Outcome:
        arguments = {name: item.funcargs[name] for name in names}
        __tracebackhide__ = True
        try:
            returned = item.obj(**{**arguments, "completion": completion})
        except pytest.xfail.Exception as error:
            raise CheckError(f"the test called pytest.xfail(): {error}") from None
        except (AssertionError, pytest.fail.Exception) as error:
            sentence = str(error).strip() or "the test's assertion does not hold"
            return Outcome.of([sentence])
        except (KeyboardInterrupt, GeneratorExit, pytest.exit.Exception):
            raise
        except BaseException as error:  # pytest.skip(), SystemExit ...: model text may be in it
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if Path(frame.filename) == item.path] or frames
            place = f"{item.path.name}:{own[-1].lineno}"
            raise CheckError(
                f"the test raised {type(error).__name__}: {error} (at {place})"
            ) from None
        if inspect.isawaitable(returned):
            raise CheckError("the test is async, which quant_case does not support yet")
        return Outcome.of([])

    try:
        examine(item, examiner, case, {case.checks[0].key: judge})
    except (CheckError, Critical) as error:
        pytest.fail(f"{error}\n{case.source}", pytrace=False)
    return True


class CompletionPlaceholder:
    """What ``completion`` is while fixtures are set up: the arms come later, in the body."""

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        raise RuntimeError(
            "'completion' can only be read in the body of a quant_case test: the body runs once "
            "per arm, fixtures run once"
        )


class ArmClient:
    """One model to be driven by hand, with the gate's cache, retries and accounting."""

    def __init__(
        self, variant: str, ask: Callable[[Job], Answer], defaults: Mapping[str, Any]
    ) -> None:
        self.variant = variant
        self._ask = ask
        self._defaults = defaults

    def complete(
        self,
        prompt: str | None = None,
        *,
        messages: Iterable[Mapping[str, Any]] = (),
        tools: Iterable[Mapping[str, Any]] = (),
        **request: Any,
    ) -> Completion:
        """Ask one question and return the completion.

        Args:
            prompt: a user message, put after ``messages``.
            messages: a conversation in the words of the OpenAI chat API.
            tools: OpenAI tool definitions.
            **request: parameters such as ``temperature`` or ``max_tokens``.

        Raises:
            ProviderError: when no answer could be had.
        """
        __tracebackhide__ = True
        from pytest_quantguard._complete import Job

        turns = [_plain(message) for message in messages]
        if prompt is not None:
            turns.append({"role": "user", "content": prompt})
        if not turns:
            raise ValueError("complete() needs a prompt or messages")
        asked = CompletionRequest(
            messages=tuple(turns),
            tools=tuple(_plain(tool) for tool in tools),
            params={**self._defaults, **_plain(request)},
        )
        answer = self._ask(Job(variant=self.variant, request=asked, repeat=0))
        if answer.completion is None:
            raise answer.error or ProviderError(f"{self.variant}: no answer")
        return answer.completion


def golden_loader(
    registry: Any, request: Json, taken: dict[str, Source]
) -> Callable[[Path, str], tuple[GoldenCase, ...]]:
    """Return a loader that also refuses an id which another file has used (see ``taken``)."""

    def load_file(path: Path, name: str) -> tuple[GoldenCase, ...]:
        cases = load(path, name, registry, request)
        twice = [
            f"{case.source}: the id {case.id!r} is already at {taken[case.id]}; ids are unique"
            for case in cases
            if taken.get(case.id, case.source) != case.source
        ]
        if twice:
            raise GoldenFileError(twice)
        taken.update({case.id: case.source for case in cases})
        return cases

    return load_file
