"""Running an answer's code against a user's tests, in a sandbox; findings become sentences."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard._plural import counted
from pytest_quantguard.checks import _returned
from pytest_quantguard.checks._inside import program
from pytest_quantguard.checks._python_cases import Asserts, CallCase, ProgramCase
from pytest_quantguard.checks._text import bare, listed, quote
from pytest_quantguard.contracts import Dialogue, Execution, Sandbox
from pytest_quantguard.errors import CheckError

_SYNTAX = re.compile(r"(?:SyntaxError|IndentationError|TabError)\b")
_PLACE = re.compile(r'File "<program>", line ([0-9]{1,9})')
_LONGER_S = 5.0
"""What the process of the tests has more than that of the code, which it waits for, in seconds."""
_PASSED_ON = frozenset(("ask", "gave", "raised", "missing"))
_SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV"}
_SIGNALS |= {24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS"}


@dataclass(slots=True)
class Findings:
    """What became of one answer."""

    violations: list[str] = field(default_factory=list)
    python: bool = True
    """There is code, and it is Python."""
    loads: bool = True
    """It runs without an error of its own, as far as it was tried."""
    passed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs one answer in a sandbox; the time is for each process, in seconds."""

    sandbox: Sandbox
    timeout_s: float
    memory_mb: int

    # --- calls ------------------------------------------------------------------------------------

    def calls(self, code: str, cases: list[CallCase], findings: Findings) -> None:
        """Load the code once and evaluate all calls there, one after the other."""
        with self._open("answer") as line:
            if not self._loaded(line, code, findings):
                return
            for index, case in enumerate(cases):
                told = _told(line.ask(_asked(do="case", **_request(case))))
                if told is None:
                    why = self._ended(line.close(), f"in {bare(case.call)}")
                    findings.violations.append(why + _left(len(cases) - index - 1))
                    return
                if "missing" in told:
                    missing = _missing(told["missing"], told.get("known"))
                    findings.violations += [] if missing in findings.violations else [missing]
                elif problem := _judged(case, told):
                    findings.violations.append(f"{bare(case.call)} {problem}")
                else:
                    findings.passed += 1

    def _open(self, side: str) -> Dialogue:
        more = _LONGER_S if side == "asserts" else 0  # the code is the one that is to be too slow
        return self.sandbox.open(
            program(side), timeout_s=self.timeout_s + more, memory_mb=self.memory_mb
        )

    def _loaded(self, line: Dialogue, code: str, findings: Findings) -> bool:
        told = _told(line.ask(_asked(do="load", code=code)))
        findings.loads = False
        if told is None:
            findings.violations.append(self._ended(line.close(), "while it was loaded"))
            return False
        if "broken" in told:
            findings.python = False
            at, near = _line(told.get("line")), _word(told.get("at"), "").strip()
            place = f"line {at}: " if at else ""
            shown = f": {quote(near)}" if near else ""
            problem = bare(_word(told["broken"]), 100)
            findings.violations.append(f"the code is no Python: {place}{problem}{shown}")
            return False
        if "raised" in told:
            findings.violations.append(f"the code cannot be loaded: {raised(told['raised'])}")
            return False
        findings.loads = True
        return True

    # --- asserts ----------------------------------------------------------------------------------

    def asserts(self, code: str, tests: Asserts, findings: Findings) -> None:
        """Run the tests in a second process; what they ask of the code is passed on to the first.

        Raises:
            CheckError: the tests do what cannot be done from where they run.
        """
        with self._open("asserts") as judge, self._open("answer") as line:
            if not self._loaded(line, code, findings):
                return
            start: dict[str, Any] = {"tests": tests.text, "names": tests.names}
            start |= {"counted": tests.counted, "functions": tests.functions}
            said = judge.ask(json.dumps(start))
            gone: Execution | None = None
            while said is not None and not said.startswith('{"done"'):
                reply = line.ask(said) if gone is None else None
                if reply is None:
                    gone = gone or line.close()
                elif not _makes_sense(reply):
                    reply = "{}"
                said = judge.ask(reply if reply is not None else '{"gone": true}')
            if said is None:  # such as a loop over a number that the code made up
                findings.violations.append(self._tests_ended(judge.close(), gone))
                return
            done = json.loads(said)
            findings.passed += done["passed"]
            for failure in done["done"]:
                findings.violations.append(self._failure(failure, gone))

    def _failure(self, told: dict[str, Any], gone: Execution | None) -> str:
        where = f"tests line {told['line']}" if told.get("line") else "tests"
        if "unusable" in told:
            raise CheckError(f"{where}: {bare(told['unusable'], 200)}")
        if "missing" in told:
            return _missing(told["missing"], told.get("known"))
        if "gone" in told and gone is not None:
            return self._ended(gone, f"in {where}")
        if "broken" in told:
            return f"{where}: {_broken(*told['broken'])}"
        if "limit" in told:
            return f"{where}: {bare(told['limit'], 250)}"
        if "raised" in told:
            return f"{where}: {raised(told['raised'])}"
        return f"{where}: the code's process answered with something that is no value"

    def _tests_ended(self, execution: Execution, gone: Execution | None) -> str:
        if gone is not None:
            return self._ended(gone, "in the tests")
        why = self._ended(execution, "with what the code gave them", self.timeout_s + _LONGER_S)
        return why.replace("the code", "the process of the tests", 1)

    # --- programs ---------------------------------------------------------------------------------

    def programs(self, code: str, cases: list[ProgramCase], findings: Findings) -> None:
        """Run the code as a program, once for each input."""
        for index, case in enumerate(cases):
            done = self.sandbox.run(
                code, stdin=case.stdin, timeout_s=self.timeout_s, memory_mb=self.memory_mb
            )
            where = f"with the input {quote(case.stdin, 40)}"
            if done.stopped or done.exit_code != 0:
                why, syntax = self._failed(done, where)
                findings.python, findings.loads = not syntax, False
                left = len(cases) - index - 1 if done.stopped or syntax else 0
                findings.violations.append(why + _left(left))
                if done.stopped or syntax:
                    return
            elif problem := unlike_text(case.stdout, done.stdout):
                findings.violations.append(f"{where} {problem}")
            else:
                findings.passed += 1

    def _failed(self, done: Execution, where: str) -> tuple[str, bool]:
        """Say how a program failed, and whether it is no Python at all."""
        last = done.stderr.rstrip().rpartition("\n")[2][:300]
        lines = _PLACE.findall(done.stderr[-5_000:])
        at = f"line {lines[-1]}: " if lines else ""
        if done.stopped or done.exit_code != 1 or not last:
            return self._ended(done, where), False
        if _SYNTAX.match(last) and "Traceback" not in done.stderr[:200]:
            return f"the code is no Python: {at}{bare(last, 100)}", True
        return f"the code failed {where}: {at}{bare(last, 100)}", False

    def _ended(self, execution: Execution, where: str, limit_s: float = 0.0) -> str:
        """Say how the process of the code came to its end."""
        code = execution.exit_code
        if execution.stopped == "time":
            return f"the code was stopped after {limit_s or self.timeout_s:g} s, {where}"
        if execution.stopped == "output":
            return f"the code was stopped, as it wrote too much, {where}"
        if execution.stopped == "killed":
            return f"the code was killed by the system (out of memory?), {where}"
        if code is not None and code > 128:
            name = _SIGNALS.get(code - 128, f"signal {code - 128}")
            return f"the code crashed ({name}) {where}"
        return f"the code ended its process (exit code {code}) {where}"


# --- sentences ------------------------------------------------------------------------------------


def raised(told: Any) -> str:
    """Say what was raised, and in which line of the code."""
    mro, text, line = _exception(told)
    place = f" (line {line} of the code)" if line else ""
    more = f": {bare(text, 100)}" if text else ""
    return f"raised {bare(mro[0], 40)}{more}{place}"


def unlike_text(expected: str, given: str) -> str:
    """Compare what was printed, but for spaces at line ends and empty lines at the end."""
    wanted, got = _lines(expected), _lines(given)
    if wanted == got:
        return ""
    for number, (one, other) in enumerate(zip(wanted, got, strict=False), 1):
        if one != other:
            return f"printed {quote(other)} in line {number}, expected {quote(one)}"
    if not got:
        return f"printed nothing, expected {quote(expected.rstrip())}"
    said = f"printed {counted(len(got), 'line')}, expected {len(wanted)}"
    if len(got) < len(wanted):
        return f"{said}; missing: {quote(wanted[len(got)])}"
    return f"{said}; too much: {quote(got[len(wanted)])}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")] if text.strip() else []


def _request(case: CallCase) -> dict[str, Any]:
    return {"setup": case.setup, "call": case.call, "names": case.names}


def _missing(name: Any, known: Any) -> str:
    names = [_word(one)[:80] for one in known[:20]] if isinstance(known, list) else []
    rest = f"; it defines {listed(names)}" if names else ", and no other name"
    return f"the answer defines no {bare(_word(name))}{rest}"


def _judged(case: CallCase, told: dict[str, Any]) -> str:
    """Compare one call with what is expected; return what is wrong with it, or nothing."""
    if case.how == "raises":
        return _unlike_error(case.expected, told)
    if "raised" in told:
        wanted = f", expected {_returned.written(case.expected)}" if case.how else ""
        return raised(told["raised"]) + wanted
    value = told.get("gave")
    problem = ""
    if case.how == "equals":
        problem = _returned.differences(case.expected, value)
    elif case.how == "approx":
        problem = _returned.distant(case.expected, value, case.tolerance)
    elif case.how == "literal":
        problem = _returned.unlike(case.expected, value)
    if not problem and case.prints is not None:
        problem = unlike_text(case.prints, _word(told.get("printed"), ""))
    return problem


def _unlike_error(names: tuple[str, ...], told: dict[str, Any]) -> str:
    wanted = listed(names)
    if "raised" not in told:
        return f"gave {_returned.described(told.get('gave'))}, expected {wanted} to be raised"
    if set(names) & set(_exception(told["raised"])[0]):
        return ""
    return f"{raised(told['raised'])}, expected {wanted}"


def _broken(*parts: str) -> str:
    if len(parts) == 2:
        return f"{bare(parts[0])} does not hold, it is {bare(parts[1])}"
    left, sign, right, got, expected = parts
    if sign == "==":
        return f"{bare(left)} gave {bare(got, 80)}, expected {bare(expected, 80)}"
    values = f"{bare(got)} {sign} {bare(expected)}"
    return f"{bare(left)} {sign} {bare(right)} does not hold: {values}"


def _exception(told: Any) -> tuple[list[str], str, int]:
    """Read a description of an exception, whatever it looks like."""
    if not isinstance(told, dict):
        told = {}
    mro, text, line = told.get("mro"), told.get("text"), told.get("line")
    names = [_word(name)[:80] for name in mro[:50]] if isinstance(mro, list) and mro else ["?"]
    return names, _word(text, ""), _line(line)


def _word(value: Any, other: str = "?") -> str:
    return value if isinstance(value, str) else other


def _line(value: Any) -> int:
    """Return the number of a line; 0 for what cannot be one."""
    return value if type(value) is int and 0 < value < 10**7 else 0


def _left(count: int) -> str:
    if not count:
        return ""
    return f"; {count} further test{'s were' if count > 1 else ' was'} not run"


def _asked(**request: Any) -> str:
    return json.dumps({"ask": request})


def _makes_sense(reply: str) -> bool:
    """Tell whether a reply of the code's process is one, and does not speak for the gate."""
    try:
        told = json.loads(reply)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and bool(told.keys() & _PASSED_ON) and "gone" not in told


def _told(line: str | None) -> dict[str, Any] | None:
    """Read a reply of the code's process; one that makes no sense gave nothing of worth."""
    if line is None:
        return None
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    known = isinstance(told, dict) and told.keys() & {"gave", "raised", "broken", "missing"}
    return told if known else {"gave": {"t": "object", "type": "garbled", "v": 0}}
