"""The answer's code does what its tests demand."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pytest_quantguard.checks import _code, _params, _python_cases
from pytest_quantguard.checks._python_cases import Asserts, CallCase, ProgramCase
from pytest_quantguard.checks._running import Findings, Runner
from pytest_quantguard.checks._text import capped
from pytest_quantguard.contracts import Sandbox, Services
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_MOST_CHARS = 1_000_000
_LEAST_MB = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTests:
    """The Python code in the answer is run against tests, which it never sees.

    Off unless ``--quant-allow-code`` or ``code: {allow: true}`` says so. The code runs in a sandbox
    without network, files, further processes or environment, with the standard library only. Give
    ``tests``, ``cases`` or both. The code of an answer is loaded once for all calls.

    Parameters:
        tests: Python statements with ``assert``, and functions called ``test_...``. They run apart
            from the code and see its functions and objects from afar: values are copied.
        cases: a list of calls and programs. ``call`` is an expression, after ``setup``, some
            statements; it goes with one of ``equals`` (a YAML value; a tuple is a list),
            ``literal`` (a value as Python writes it, types and all), ``approx`` (numbers, up to
            ``tolerance``, default 0.000001, relative or absolute) and ``raises`` (an exception,
            or several), and with ``prints``. ``stdin`` goes with ``stdout``: the code is run as a
            program; spaces at line ends do not count.
        answer: which text is the code: ``first`` is the first Python block (of several, the first
            that defines what the tests use), ``all`` are all Python blocks together, ``whole`` is
            the answer as it is.
        partial: true makes the value the share of the tests that pass; else all have to.
        timeout_s: longest time on the clock for all calls together, for the tests, and for each
            program, in seconds.
        memory_mb: most memory of the code, in MiB.

    Reports the layers ``code`` (there is code, and it is Python), ``runs`` (it can be loaded, or
    ends without an error as a program) and ``tests`` (the share of the tests that pass).

    Example:
        expect:
          - python_tests: "assert slug('Hello, World') == 'hello-world'"
          - python_tests:
              cases:
                - {call: "slug('A  b')", equals: a-b}
                - {call: "slug(None)", raises: TypeError}
          - python_tests:
              cases: [{stdin: "3\\n1 2 3\\n", stdout: "6\\n"}]
              answer: whole
              timeout_s: 5

    Quantized models typically still write code that loads, and lose the edge cases: an empty list,
    a negative number, the last element; or they are cut off in the middle of a function.
    ``median([4, 1, 3, 2]) gave 3, expected 2.5``.
    """

    key: ClassVar[str] = "python_tests"
    shorthand: ClassVar[str | None] = "tests"
    layers: ClassVar[tuple[str, ...]] = ("code", "runs", "tests")

    tests: str | None = None
    cases: Sequence[Mapping[str, Any]] | None = None
    answer: str = "first"
    partial: bool = False
    timeout_s: float = 10.0
    memory_mb: int = 512
    _asserts: Asserts | None = field(init=False, repr=False, compare=False, default=None)
    _cases: tuple[CallCase | ProgramCase, ...] = field(
        init=False, repr=False, compare=False, default=()
    )
    _sandbox: Sandbox | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.tests is None and self.cases is None:
            raise ValueError("give `tests` or `cases`")
        _params.one_of("answer", self.answer, ("first", "all", "whole"))
        _params.flag("partial", self.partial)
        _params.number("timeout_s", self.timeout_s, most=3600)
        _params.count("memory_mb", self.memory_mb, least=_LEAST_MB)
        if self.timeout_s is None or self.memory_mb is None:
            raise ValueError("`timeout_s` and `memory_mb` cannot be null; leave them out")
        if self.tests is not None:
            object.__setattr__(self, "_asserts", _python_cases.asserts("tests", self.tests))
        if self.cases is not None:
            object.__setattr__(self, "_cases", _python_cases.cases("cases", self.cases))

    def misfit(self, case: GoldenCase) -> str:
        """Say what is wrong with the case's reference, which is a right answer: it has code."""
        if case.reference is None:
            return ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(self._code(case.reference), "reference", "exec")
        except _code.NoCode as error:
            return f"the case's reference cannot pass: {error}"
        except SyntaxError as error:
            return f"the case's reference is no Python: line {error.lineno}: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:
            return f"the case's reference is no Python: {error!s:.80}"
        return ""

    def bound(self, services: Services) -> Self:
        """Return the check with a sandbox.

        Raises:
            ConfigError: running code is not allowed, or no sandbox works here.
        """
        ready = copy.copy(self)
        object.__setattr__(ready, "_sandbox", services.sandbox())
        return ready

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Run the code.

        Raises:
            CheckError: the sandbox broke, or the tests do what they cannot do.
        """
        if self._sandbox is None:
            raise CheckError("python_tests has no sandbox; the gate gives it one, with `bound`")
        findings = Findings()
        try:
            code = _runnable(self._code(completion.text))
        except _code.NoCode as error:
            findings.violations.append(f"the answer has no code to run: {error}")
            findings.python = findings.loads = False
        else:
            self._run(self._sandbox, code, findings)
        return self._outcome(findings, completion)

    def _code(self, text: str) -> str:
        """Find the code; a block that only shows how it is used does not hide the next one."""
        names = dict.fromkeys(self._asserts.names if self._asserts else ())
        for case in self._cases:
            names |= dict.fromkeys(case.names if isinstance(case, CallCase) else ())
        return _code.python(text, self.answer, tuple(names))

    def _run(self, sandbox: Sandbox, code: str, findings: Findings) -> None:
        runner = Runner(sandbox=sandbox, timeout_s=self.timeout_s, memory_mb=self.memory_mb)
        calls = [case for case in self._cases if isinstance(case, CallCase)]
        programs = [case for case in self._cases if isinstance(case, ProgramCase)]
        if programs:
            runner.programs(code, programs, findings)
        if calls and findings.python:
            runner.calls(code, calls, findings)
        if self._asserts and findings.python:
            runner.asserts(code, self._asserts, findings)

    def _outcome(self, findings: Findings, completion: Completion) -> Outcome:
        total = len(self._cases) + (self._asserts.total if self._asserts else 0)
        share = findings.passed / total
        violations = capped(findings.violations)
        if completion.finish_reason == "length" and violations:
            violations[0] += " (finish_reason is length)"
        python, loads = float(findings.python), float(findings.python and findings.loads)
        layers = {"code": python, "runs": loads, "tests": share}
        value = share if self.partial else float(share == 1 and not violations)
        return Outcome(value=value, violations=tuple(violations), layers=layers)


def _runnable(code: str) -> str:
    if not code.strip():
        raise _code.NoCode("there is nothing between the fences, or nothing at all")
    if len(code) > _MOST_CHARS:
        raise _code.NoCode(f"{len(code)} characters; at most {_MOST_CHARS} are run")
    return code
