"""``pytest --quant-pairs``: mirrored traffic is read once the tests have run, and judged.

Nothing is asked of any server, and no golden file is collected. Runs in the only process, or beside
pytest-xdist's workers.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard import _config, _config_file, _github, _publish, _rows
from pytest_quantguard._judgement import provenance
from pytest_quantguard._plural import counted
from pytest_quantguard._registry import Registry, metrics_of
from pytest_quantguard._run import Run
from pytest_quantguard._screen import Screen, encoding, plain
from pytest_quantguard._watching import screen_of
from pytest_quantguard.canary import settings as canary_settings
from pytest_quantguard.canary.feedback import feedback_metrics
from pytest_quantguard.canary.reading import Reader, named
from pytest_quantguard.canary.running import CanaryRun
from pytest_quantguard.errors import ConfigError, InputError, QuantGuardError
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import GateReport

if TYPE_CHECKING:
    from pytest_quantguard.reporters._texts import Texts
    from pytest_quantguard.verdicts import Metric

_SENSELESS = {
    "quant_null": "asks the baseline a second time",
    "quant_shard": "is about golden cases; split the files instead, and give each run its own",
    "quant_answers": "gives answers to golden cases",
    "quant_max_requests": "limits requests",
    "quant_max_cost": "limits what requests cost",
    "quant_max_seconds": "limits the time of requests",
}
"""Options that make no sense with mirrored traffic, where nothing is asked."""


class CanarySession:
    """The hooks of a run on mirrored traffic."""

    shard_end = None
    """There are no shards here."""

    def __init__(
        self,
        config: pytest.Config,
        settings: _config.GateConfig,
        registry: Registry,
        run: CanaryRun,
    ) -> None:
        self.config = config
        self.settings = settings
        self.registry = registry
        self.run = run
        self.report: GateReport | None = None
        self.no_verdict = ""
        """Why there is no verdict, once the run has been cut short."""
        self.told = False
        """True once every verdict has been reported: until then a run is not green."""
        self.written: dict[str, str] = {}
        self._identity = Run.begin()
        self._unkept: list[str] = []
        self._only_inconclusive = 0

    @classmethod
    def register(cls, config: pytest.Config) -> None:
        """Read the configuration and take part in the run; every mistake is a usage error.

        Raises:
            pytest.UsageError: with all problems found.
        """
        if hasattr(config, "workerinput"):
            return  # the controller reads
        try:
            session = cls._configured(config)
        except InputError as error:
            _publish.clear_refused(config)
            _github.tell_refused(config, error.problems)
            raise pytest.UsageError(f"quantguard: {error}") from None
        config.pluginmanager.register(session, "quantguard-canary")
        _github.watch(config, session)

    @classmethod
    def _configured(cls, config: pytest.Config) -> CanarySession:
        option = config.option
        _refuse_senseless(option)
        registry = Registry()
        hook = config.pluginmanager.hook.pytest_quantguard_register
        hook.call_historic(kwargs={"registry": registry})
        metrics: dict[str, Metric] = {**metrics_of(registry.metrics), **feedback_metrics()}
        start = config.invocation_params.dir
        given = option.quant_config or config.getini("quant_config") or None
        path = _config_file.find(config.rootpath, given, start)
        canary = canary_settings.load(
            path,
            config.rootpath,
            registry,
            candidates=option.quant_candidate,
            baseline=option.quant_baseline,
        )
        settings = _config.load(
            path,
            config.rootpath,
            candidates=[canary.candidate],
            baseline=option.quant_baseline,
            inconclusive=option.quant_inconclusive,
            underpowered=option.quant_underpowered,
            metrics=metrics,
            canary=True,
        )
        if settings.budgets is None:
            raise ConfigError(
                f"{settings.file}: 'budgets: auto' is chosen from golden cases; write budgets for "
                "mirrored traffic, such as 'canary: {budgets: [{max_drop: 2 pt}]}'"
            )
        files = named(option.quant_pairs, start, config.rootpath)
        reader = Reader(files, canary)
        run = CanaryRun(
            settings, canary, registry, metrics, reader, sequential=option.quant_sequential
        )
        return cls(config, settings, registry, run)

    # --- judging ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Read and judge when all tests have run; a run that was cut short gets no verdict."""
        if self.config.option.collectonly:
            return (yield)
        _publish.clear(self._targets())
        try:
            result = yield
            self.report = self._judged()
        except pytest.UsageError:
            raise
        except BaseException as error:
            self.no_verdict = (
                "the run was cut short, and a part of the evidence is no evidence "
                f"({type(error).__name__})"
            )
            raise
        self.report, self._unkept = _publish.remember(self.report, self.settings.history)
        session.config.hook.pytest_quantguard_report(report=self.report)
        self._write(self.report)
        rows = [(c, row) for c in self.report.candidates for row in c.budgets]
        session.testscollected += len(rows)
        warn = self.settings.inconclusive == "warn"
        for candidate, row in rows:
            self._only_inconclusive += _rows.tell(session, candidate, row, self.texts, warn=warn)
        self.told = True
        return result

    def _judged(self) -> GateReport:
        """Read all files, or as much as the verdict takes."""
        try:
            found = self.run.read(screen_of(self.config))
        except QuantGuardError as error:
            raise pytest.UsageError(f"quantguard: {error}") from None
        return GateReport(
            baseline=self.settings.baseline, candidates=(found,), provenance=self._provenance()
        )

    def _provenance(self) -> Json:
        plan: Json = {
            "cases": self.run.pairs,
            "checks": self.run.outcomes,
            "budgets": [asdict(budget) for budget in self.settings.budgets or ()],
            "policies": self.settings.policies,
            "remarks": self.run.remarks,
            "baseline_given": bool(self.config.option.quant_baseline),
        }
        found = provenance(
            plan,
            run=self._identity.id,
            config=f"{self.settings.file} (canary)",
            started=self._identity.started,
            seconds=self._identity.seconds,
            judges={},
            fingerprints=self.run.arms.fingerprints(),
        )
        return {**found, "canary": self.run.told()}

    # --- making it known ----------------------------------------------------------------

    @property
    def texts(self) -> Texts:
        """What was asked and said in the pairs that the report shows."""
        return self.run.texts.texts()

    def _targets(self) -> Mapping[str, Path]:
        folder = self.settings.report_folder
        return _publish.targets_of(self.config, folder, self.registry.reporters)

    def _write(self, report: GateReport) -> None:
        start, reporters = self.config.invocation_params.dir, self.registry.reporters
        try:
            self.written = _publish.write(report, self._targets(), reporters, self.texts, start)
        except QuantGuardError as error:
            raise pytest.UsageError(f"quantguard: {error}") from None

    def pytest_sessionstart(self) -> None:
        """Remove the last run's reports."""
        if not self.config.option.collectonly:
            _publish.begin(self._targets())

    def pytest_report_header(self) -> list[str]:
        """Show which configuration and which arms are used."""
        names = f"baseline {self.settings.baseline.name}, candidate {self.run.candidate}"
        return [f"quantguard: {names}, mirrored traffic ({self.settings.file})"]

    def pytest_report_collectionfinish(self) -> list[str]:
        """Show what will be read."""
        reader = self.run.reader
        files = counted(len(reader.files), "file")
        line = f"quantguard: {files} of mirrored traffic ({reader.format}); nothing is asked"
        return [plain(line, encoding(sys.stdout))]

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Show a verdict by its word."""
        verdict = getattr(report, "quantguard_verdict", None)
        if report.when == "call" and report.outcome == "passed" and verdict:
            return "passed", ".", str(verdict).upper()
        return None

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the verdict."""
        if self.config.option.collectonly:
            return
        if self.report is None:
            if self.no_verdict:
                terminalreporter.section("quantguard: no verdict")
                terminalreporter.line(f"No verdict: {self.no_verdict}.")
            return
        writer = terminalreporter._tw
        lines = _publish.terminal_lines(
            self.report,
            self.texts,
            Screen.like(writer.fullwidth, writer.hasmarkup),
            verbosity=self.config.getoption("verbose", 0),
            notices=self._unkept,
            written=self.written,
        )
        for line in lines:
            terminalreporter.line(line)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Set the exit code: never 0 without a verdict, 10 when nothing but proof is missing."""
        _rows.forget_failures(self.config)
        untold = not self.told and not self.config.option.collectonly
        green = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if untold and session.exitstatus in green:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif self._only_inconclusive and self._only_inconclusive == session.testsfailed:
            session.exitstatus = 10

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        self._identity.end()


def _refuse_senseless(option: Any) -> None:
    problems = [
        f"--{name.replace('_', '-')} {why}: it makes no sense with --quant-pairs"
        for name, why in _SENSELESS.items()
        if getattr(option, name)
    ]
    if problems:
        raise ConfigError(problems)
