"""pytest in a command's own process: the cases of a run without the run, or a run set apart.

For the cases alone pytest collects and selects, and nothing is asked.
"""

from __future__ import annotations

import io
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import pytest

from pytest_quantguard._sanitize import one_line, without_keys

if TYPE_CHECKING:
    from pytest_quantguard._session import GateSession

_NOTHING = int(pytest.ExitCode.NO_TESTS_COLLECTED)
_USAGE_ERROR = int(pytest.ExitCode.USAGE_ERROR)
_INTERNAL_ERROR = int(pytest.ExitCode.INTERNAL_ERROR)
OFF = (
    "quantguard: the plugin is off; take '-p no:quantguard' away, or, where "
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set, give '-p quantguard'"
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Collected(Generic[T]):
    """What a look at the collected cases found, or why there was none."""

    looked: T | None
    code: int = 0
    """Exit code where nothing was looked at."""
    said: tuple[str, ...] = ()
    """Sentences for the user that pytest has not written itself."""


def collect(
    arguments: Sequence[str],
    candidates: Sequence[str],
    look: Callable[[GateSession, Sequence[pytest.Item]], T],
    *,
    near: Callable[[Sequence[str]], str] = lambda _: "",
) -> Collected[T]:
    """Have pytest collect with these arguments, and look at what it selected.

    Without ``candidates`` every variant but the baseline is one. Where pytest refuses the
    arguments, ``near`` may name the option that was meant, see `cli.Parser.near`.
    """
    collector = _Collector(candidates, look)
    ran = run_apart(["--collect-only", "-qq", *arguments], collector)
    code = ran.code
    if code not in (0, _NOTHING):  # else it is what other plugins warn of: no part of the answer
        sys.stderr.write(ran.beside)
    if collector.failed:
        return Collected(None, _USAGE_ERROR, tuple(collector.failed))
    if collector.looked is None or code not in (0, _NOTHING):
        # pytest has said on stderr what a usage error is about
        said = near(arguments) if code == _USAGE_ERROR else ran.output
        return Collected(None, code or _USAGE_ERROR, (said,) if said else ())
    return Collected(collector.looked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """What became of a run of pytest in this process."""

    code: int
    output: str
    """What it said on stdout."""
    beside: str
    """What it said on stderr; a traceback, where something ended it."""
    broke: str
    """What ended it that is no part of pytest's own ways, or nothing: ``ValueError: ...``."""


def run_apart(arguments: Sequence[str], plugin: object, *, aloud: bool = False) -> Apart:
    """Have pytest run in this process; ``aloud`` shows all that it says, on stderr.

    A hook of a project that raises or calls ``sys.exit`` ends the run, and not the caller: its exit
    code would be taken for a verdict.
    """
    output, beside = io.StringIO(), io.StringIO()
    ways = (sys.stderr, sys.stderr) if aloud else (output, beside)
    broke = ""
    with redirect_stdout(ways[0]), redirect_stderr(ways[1]):
        try:
            code = int(pytest.main(tolerant(arguments), plugins=[plugin]))
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            broke, code = f"{type(error).__name__}: {error}", _INTERNAL_ERROR
    if code == _INTERNAL_ERROR and not broke:
        broke = (_INNER.findall(output.getvalue() + beside.getvalue()) or ["an internal error"])[-1]
    return Apart(
        code=code,
        output=output.getvalue(),
        beside=beside.getvalue(),
        broke=one_line(without_keys(broke), 300),
    )


def tolerant(arguments: Sequence[str]) -> list[str]:
    """Return arguments with which pytest does not warn of modules that this process has imported.

    It cannot rewrite their assertions, which is true and no matter. Where a project makes warnings
    errors, as many do, pytest would not even start.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
    return [*arguments[:end], *ours, *arguments[end:]]


_INNER = re.compile(r"^INTERNALERROR> (\w\S*(?:: .*)?)$", re.MULTILINE)
_RAISED = re.compile(r"^E   (\S.*)$", re.MULTILINE)
_LINE = re.compile(r"^([^\n/\\<][^\n]*?:\d+): in ", re.MULTILINE)
"""A line of a traceback, in a file below the current folder."""
_UNREADABLE = re.compile(r'^E +File "(.+)", line (\d+)$', re.MULTILINE)
"""Where Python cannot read a file at all."""


def told(report: pytest.CollectReport) -> str:
    """Say in one sentence why a file could not be collected.

    What is wrong with a golden file is said in sentences already. A test module that ends with an
    exception brings a traceback: its place and the exception are what there is to mend.
    """
    text = report.longreprtext
    raised = _RAISED.findall(text)
    if not raised:
        return text
    unreadable, line = _UNREADABLE.search(text), _LINE.search(text)
    if unreadable:
        file = report.nodeid if unreadable[1].endswith(report.nodeid) else unreadable[1]
        place, what = f"{file}:{unreadable[2]}", raised[-1]
    else:
        place, what = line[1] if line else report.nodeid, raised[0]
    return f"{place}: {what}; 'pytest --collect-only' shows how it came to that"


class _Collector(Generic[T]):
    """A pytest plugin that looks at what the gate would do, once everything is collected."""

    def __init__(
        self,
        candidates: Sequence[str],
        look: Callable[[GateSession, Sequence[pytest.Item]], T],
    ) -> None:
        self.candidates = candidates
        self.look = look
        self.looked: T | None = None
        self.failed: list[str] = []
        """What could not be collected, and why."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the candidates that were named; every one there is when none was."""
        given = getattr(config.option, "quant_candidate", None)
        if given is None:
            raise pytest.UsageError(OFF)
        config.option.quant_candidate = [*self.candidates, *given] or _all_candidates(config)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what is wrong with a file."""
        if report.failed:
            self.failed.append(told(report))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Look at what was selected."""
        from pytest_quantguard.plugin import GATE

        gate: GateSession | None = session.config.pluginmanager.get_plugin(GATE)
        if gate is not None and not self.failed:
            self.looked = self.look(gate, session.items)


def _all_candidates(config: pytest.Config) -> list[str]:
    """Return every variant but the baseline."""
    from pytest_quantguard import _config_file
    from pytest_quantguard.documents.document import read
    from pytest_quantguard.errors import InputError

    option = config.option
    given = option.quant_config or config.getini("quant_config") or None
    try:
        path = _config_file.find(config.rootpath, given, config.invocation_params.dir)
        data = read(path, path.name).data
    except InputError as error:
        raise pytest.UsageError(f"quantguard: {error}") from None
    for key in ("tool", "quantguard") if path.suffix == ".toml" else ():
        data = data.get(key, {}) if isinstance(data, dict) else {}
    data = data if isinstance(data, dict) else {}
    variants = data.get("variants")
    if not isinstance(variants, dict) or not variants:
        return ["candidate"]  # the configuration is wrong, and reading it says how
    baseline = option.quant_baseline or data.get("baseline")
    others = [str(name) for name in variants if name != baseline]
    if not others and not option.quant_null:  # the baseline once more is a candidate, too
        raise pytest.UsageError(
            f"quantguard: {path.name}: {baseline!r} is the only variant; there has to be "
            "another one, to be compared with it"
        )
    return others
