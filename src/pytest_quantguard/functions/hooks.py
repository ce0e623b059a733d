"""The hooks and fixtures of test functions, in an active gate."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard._drive import Drive
from pytest_quantguard._golden import DEFAULT_REQUEST
from pytest_quantguard._items import CASE
from pytest_quantguard._sanitize import scrub
from pytest_quantguard.functions.arms import ArmClient, QuantModel
from pytest_quantguard.functions.bodies import RUNNING, driven_by_anyio, to_its_end
from pytest_quantguard.functions.cases import SYSTEM, function_cases, run_function
from pytest_quantguard.functions.comparison import Comparison, ComparisonResult
from pytest_quantguard.functions.failure_text import make_safe
from pytest_quantguard.types import Completion

if TYPE_CHECKING:
    from pytest_quantguard._session import GateSession

_BY_HAND = {"quant_baseline", "quant_candidate"}


class CompletionPlaceholder:
    """What ``completion`` is while fixtures are set up: the arms come later, in the body."""

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        raise RuntimeError(
            "'completion' can only be read in the body of a quant_case test: the body runs once "
            "per arm, fixtures run once"
        )


class PythonCases:
    """What an active gate does about test functions."""

    def __init__(self, gate: GateSession) -> None:
        self._gate = gate
        self._item: pytest.Item | None = None
        self._clients: list[tuple[str, Drive]] = []
        """Of the test that runs: the models it drives by hand."""
        self.problems: list[str] = []
        """What is wrong with the markers that were found."""

    def register(self, manager: pytest.PytestPluginManager) -> None:
        """Make the hooks known to pytest."""
        manager.register(self, "quantguard-python")
        manager.register(Comparison(self._active, self._named, self._scrub))
        manager.register(ComparisonResult())

    # --- collection ---------------------------------------------------------------------

    def find(self, items: list[pytest.Item]) -> None:
        """Turn ``quant_case`` functions into golden cases."""
        gate = self._gate
        self.problems += function_cases(items, gate.settings.request, gate.registry)

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(
        self, collector: pytest.Collector, name: str, obj: object
    ) -> Generator[None, Any, Any]:
        """Notice a golden case that pytest does not take for a test: it would never run."""
        found = yield
        if not found and inspect.isfunction(obj) and _is_marked(obj):
            self.problems.append(
                f"{_place(collector, obj)}: quant_case: pytest does not collect {name}(): the name "
                "of a test function starts with 'test'"
            )
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Notice a marked class that has no tests."""
        report = yield
        marked = any(mark.name == "quant_case" for mark in getattr(collector, "own_markers", ()))
        if marked and isinstance(collector, pytest.Class) and report.passed and not report.result:
            self.problems.append(
                f"{_place(collector, collector.obj)}: quant_case: the class {collector.name} has "
                "no tests"
            )
        return report

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run tests that drive a candidate by hand once per candidate."""
        if "quant_candidate" in metafunc.fixturenames:
            names = [variant.name for variant in self._gate.settings.candidates]
            metafunc.parametrize("quant_candidate", names, indirect=True)

    # --- running ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Know which test runs, and forget its answers afterwards."""
        self._item = item
        try:
            return (yield)
        finally:
            self._item = None
            self._clients.clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run the body of a ``quant_case`` test once per arm; await a test driven by hand."""
        __tracebackhide__ = True
        if pyfuncitem.stash.get(RUNNING, False):
            return None
        if CASE in pyfuncitem.stash:
            return run_function(pyfuncitem, self._gate.examiner(), self._gate.services)
        if not _BY_HAND.intersection(pyfuncitem.fixturenames) or driven_by_anyio(pyfuncitem):
            return None
        if not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        names = inspect.signature(pyfuncitem.obj).parameters
        given = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
        to_its_end(pyfuncitem.obj, given)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let no model text out as it is: it may stand in captured output and in assertions."""
        report = yield
        if (report.sections or report.longrepr is not None) and self._active():
            make_safe(report, self._gate.asking.secrets)
        return report

    def _active(self) -> bool:
        item = self._item
        return item is not None and (
            CASE in item.stash or bool(_BY_HAND.intersection(getattr(item, "fixturenames", ())))
        )

    def _named(self, value: object) -> str:
        """Return whose words a text is; identity tells, where both models say the same."""
        for name, drive in self._clients:
            for completion in drive.completions:
                if value is completion or (value is completion.text and completion.text):
                    return name
        return "the completion" if isinstance(value, Completion) else ""

    def _scrub(self, text: str) -> str:
        return scrub(text, self._gate.asking.secrets)

    # --- fixtures -----------------------------------------------------------------------

    def completion(self, request: pytest.FixtureRequest) -> CompletionPlaceholder:
        """Return what ``completion`` is before the body runs."""
        self._refuse_without_case(request, "completion", "prompt=...")
        return CompletionPlaceholder()

    def model(self, request: pytest.FixtureRequest) -> QuantModel:
        """Return what turns to each arm while the body runs."""
        self._refuse_without_case(request, "quant_model", "...")
        item = request.node
        asked = item.stash[CASE].request
        system = item.stash.get(SYSTEM, "") or None
        return QuantModel(None, asked.params, system=system, tools=asked.tools)

    def client(self, role: str, name: str) -> ArmClient:
        """Return a model to be driven by hand."""
        drive = Drive(name, self._gate.engine.get, evidence=False)
        self._clients.append((f"{role} {name}", drive))
        return ArmClient(role, drive, {**DEFAULT_REQUEST, **self._gate.settings.request})

    def _refuse_without_case(self, request: pytest.FixtureRequest, fixture: str, more: str) -> None:
        if CASE not in request.node.stash:
            pytest.fail(
                f"{request.node.nodeid} takes {fixture!r} but is no quant_case; decorate it with "
                f"@quant_case(cohort=..., {more})",
                pytrace=False,
            )


def _is_marked(function: Any) -> bool:
    marks = vars(function).get("pytestmark", ())
    return any(getattr(mark, "name", "") == "quant_case" for mark in marks)


def _place(collector: pytest.Collector, obj: Any) -> str:
    path, root = collector.path, collector.config.rootpath
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    try:
        line = inspect.getsourcelines(obj)[1]
    except (OSError, TypeError):
        line = 1
    return f"{shown}:{line}"
