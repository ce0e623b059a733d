"""Counts the evidence, has it judged, and makes the verdict known.

Runs once per run: in the only process, or beside pytest-xdist's workers. Its rule is to fail
closed: whatever was planned and did not arrive is an ERROR.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard import _noise, _publish, _rows, _tally
from pytest_quantguard._judgement import Terms, all_fingerprints, candidate_reports, provenance
from pytest_quantguard._judges import told
from pytest_quantguard._looks import LOOKS
from pytest_quantguard._noise import Noise
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen, encoding, plain
from pytest_quantguard._sequential import LookKeeper
from pytest_quantguard._session import GateSession, distributes
from pytest_quantguard.errors import ProviderError, QuantGuardError
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import CandidateReport, GateReport, Verdict

if TYPE_CHECKING:
    from pytest_quantguard.reporters._texts import Texts
    from pytest_quantguard.sharding.end import ShardEnd
    from pytest_quantguard.sharding.shards import Shard

_WORDS = {"r": "REGRESSED", "i": "IMPROVED"}
"""What pytest shows of a golden item, by the letter that it shows without ``-v``."""


class GateController:
    """Hooks that see the whole run."""

    def __init__(self, session: GateSession) -> None:
        self.session = session
        self.settings = session.settings
        self.config = session.config
        self.report: GateReport | None = None
        self.no_verdict = ""
        """Why there is no verdict, once the run has been cut short."""
        self.shard_end: ShardEnd | None = None
        """What is said at the end of a run that asked one shard."""
        self.written: dict[str, str] = {}
        self._unkept: list[str] = []
        """Why the history does not have this run."""
        self._tally = _tally.Tally()
        self._worker_plans: list[Json] = []
        self._expected: set[str] = set()
        self._reported: set[str] = set()
        self._failed: set[str] = set()
        """Tests that failed without having gathered evidence."""
        self._faults: dict[str, None] = {}
        self._usage_error = False
        self._only_inconclusive = 0
        self._keeper: LookKeeper | None = None
        if session.looks is not None:
            self._keeper = LookKeeper(
                session.looks, self._candidates, self.config.getoption("maxfail") or 0
            )
            self.config.pluginmanager.register(self._keeper, "quantguard-look-keeper")
        self.told = False
        """True once every verdict has been reported: until then a run is not green."""
        self._announced = 0
        """Verdict rows counted as collected before the first item runs, for pytest's progress."""

    # --- counting -----------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in an item's evidence; a repeated report never replaces the first."""
        if str(report.nodeid).startswith(_rows.PREFIX):
            return
        rerun = report.outcome == "rerun"  # type: ignore[comparison-overlap]
        if not rerun and (report.when == "call" or report.failed or report.skipped):
            self._reported.add(str(report.nodeid))
        if (found := _tally.evidence_of(report)) is not None:
            self._tally.add(found)
        elif report.failed:
            self._failed.add(str(report.nodeid))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notice files that could not be used, in this process or in a worker."""
        self._usage_error |= getattr(report, "quantguard_usage", False)
        if report.failed:
            self._faults[one_line(f"{report.nodeid} could not be collected")] = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Keep the run's own servers for all workers, and tell the worker what it needs."""
        self.session.asking.keep_servers()
        node.workerinput["quantguard_run"] = self.session.run.told()
        node.workerinput["quantguard_partial"] = self.session.partial

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Remember what must be reported."""
        self._expected.update(map(str, ids))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take in what a worker planned; a worker that died cannot have told everything."""
        self.session.asking.worker_ended(str(node.gateway.id))
        plan = getattr(node, "workeroutput", {}).get("quantguard")
        if plan is not None:
            self._worker_plans.append(plan)
        if error:
            self._faults["a worker process died, and its evidence with it"] = None

    # --- judging ------------------------------------------------------------------------

    # trylast: inside pytest's own wrapper, which ends the progress line, and (being registered
    # first) around the session's, which ends the engine.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Judge when every item has reported; a run that was cut short gets no verdict."""
        if self.config.option.collectonly:
            return (yield)
        session.testscollected += self._announced
        _publish.clear({**self._reports(), **self._targets()})  # all conftest.py are known now
        try:
            result = yield
        except BaseException as error:
            self.no_verdict = (
                "the run was cut short, and a part of the evidence is no evidence "
                f"({type(error).__name__})"
            )
            raise
        plans = self._worker_plans if distributes(self.config) else [self.session.plan]
        problems = [problem for plan in plans for problem in plan.get("problems", ())]
        if problems:
            raise pytest.UsageError("quantguard: " + "\n".join(dict.fromkeys(problems)))
        self._faults.update(dict.fromkeys(_tally.unlike(plans)))
        plan = _tally.merged(plans)
        self._count(plan)
        if self.session.cut is not None:
            self._end_shard(self.session.cut.shard, plan)
            return result
        self.report = self._judged(plan)
        self._keep_noise(self.report, plan)
        self.report, self._unkept = _publish.remember(self.report, self.settings.history)
        self.session.config.hook.pytest_quantguard_report(report=self.report)
        self._write(self.report)
        rows = [(c, row) for c in self.report.candidates for row in c.budgets]
        session.testscollected += len(rows) - self._announced
        warn = self.settings.inconclusive == "warn"
        for candidate, row in rows:
            self._only_inconclusive += _rows.tell(session, candidate, row, self.texts, warn=warn)
        self.told = True
        return result

    def _count(self, plan: Json) -> None:
        """Notice what was collected and has not reported."""
        if not plan:
            self._faults["no process reported what it planned"] = None
        for text in plan.get("limited", ()):
            self._faults[one_line(text, 400)] = None
        missing = self._expected - self._reported
        if self._keeper is not None:
            missing = {item for item in missing if self._keeper.needed(item)}
        if missing:
            text = f"{len(missing)} of {len(self._expected)} collected tests never reported"
            self._faults[f"{text}, such as {one_line(min(missing))}"] = None

    def _end_shard(self, shard: Shard, plan: Json) -> None:
        """Write down what this shard found out; all shards together are judged."""
        from pytest_quantguard.sharding.end import end_shard

        try:
            self.shard_end = end_shard(
                self.session,
                shard,
                self._tally,
                plan,
                faults=self._faults,
                failed_tests=len(self._failed),
                path=self._targets()["shard"],
            )
        except QuantGuardError as error:
            raise pytest.UsageError(f"quantguard: {error}") from None
        self.told = not self.shard_end.problems

    def _judged(self, plan: Json) -> GateReport:
        if self._keeper is not None:
            plan = self._keeper.so_far(plan)
        return GateReport(
            baseline=self.settings.baseline,
            candidates=tuple(self._candidates(plan)),
            provenance=self._provenance(plan),
        )

    def _candidates(self, plan: Json) -> list[CandidateReport]:
        """Judge the evidence that there is, by a plan of it."""
        return candidate_reports(
            self._tally,
            plan,
            Terms.of(self.settings, self.session.metrics),
            faults=self._faults,
            noise=self._noise(),
            look=(1, 1) if self._keeper is None else (self._keeper.reached + 1, LOOKS),
        )

    def _noise(self) -> Noise | None:
        """Return what two runs of the baseline disagree on: measured before, and in this run."""
        baseline, null = self.settings.baseline.name, self.settings.null
        with suppress(ProviderError):
            identity = self.session.asking.providers[baseline].identity()
            noise = _noise.load(self.settings.cache_folder, identity)
            outcomes = self._tally.outcomes(null) if null is not None else ()
            number = self.settings.null_number
            if found := _noise.measured(outcomes, number=number, at=time.time()):
                noise = _noise.pooled(noise, found)
            return replace(noise, name=baseline) if noise is not None else None
        return None

    def _keep_noise(self, report: GateReport, plan: Json) -> None:
        """Remember what a null run found; the next one asks afresh."""
        null = next((c for c in report.candidates if c.variant.name == self.settings.null), None)
        noise = self._noise()
        if null is None or noise is None or null.verdict in (Verdict.ERROR, Verdict.NOT_COMPARABLE):
            return  # a null run that has gaps goes on where it stopped
        early, why = self._keeper is not None and self._keeper.stopped_early, ""
        if early or not plan.get("whole") or self.session.asking.answers is not None:
            why = "only one that asks about the whole golden set is"
        else:
            with suppress(ProviderError):
                identity = self.session.asking.providers[report.baseline.name].identity()
                counted, cases = report.baseline.identity(), plan["cases"]
                why = _noise.keep(
                    self.settings.cache_folder,
                    identity,
                    counted,
                    noise,
                    cases=cases,
                    partial=bool(plan.get("partial")),
                )
        if why:
            remarks = [*report.provenance["remarks"], f"this null run is not kept: {why}"]
            report.provenance["remarks"] = remarks

    def _provenance(self, plan: Json) -> Json:
        looks = self._keeper.numbers() if self._keeper is not None else {}
        found = provenance(
            plan,
            run=self.session.run.id,
            config=self.settings.file,
            started=self.session.run.started,
            seconds=self.session.run.seconds,
            judges=told(plan.get("judges", {}), self.settings),
            fingerprints=all_fingerprints(
                self._tally, Terms.of(self.settings, self.session.metrics)
            ),
        )
        return {**found, **({"sequential": looks} if looks else {})}

    # --- making it known ----------------------------------------------------------------

    def _targets(self) -> dict[str, Path]:
        folder = self.settings.report_folder
        if self.session.cut is not None:
            return {
                "shard": _publish.folder_of(self.config, folder) / self.session.cut.shard.file_name
            }
        return self._reports()

    def _reports(self) -> dict[str, Path]:
        """Return the files of a verdict; a shard writes none, and must not leave older ones."""
        folder = self.settings.report_folder
        return _publish.targets_of(self.config, folder, self.session.registry.reporters)

    def pytest_sessionstart(self) -> None:
        """Remove the last run's reports."""
        if not self.config.option.collectonly:
            _publish.clear(self._reports())
            _publish.begin(self._targets())

    @property
    def texts(self) -> Texts:
        """What was asked and said, by cache key."""
        from pytest_quantguard.reporters._texts import Texts

        return Texts.of(self.session.cache.get, self._tally.requests)

    def _write(self, report: GateReport) -> None:
        start, reporters = self.config.invocation_params.dir, self.session.registry.reporters
        try:
            self.written = _publish.write(report, self._targets(), reporters, self.texts, start)
        except QuantGuardError as error:
            raise pytest.UsageError(f"quantguard: {error}") from None

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Show what an item found, without changing how it counts."""
        if report.when != "call" or report.outcome != "passed":
            return None
        if verdict := getattr(report, "quantguard_verdict", None):
            return "passed", ".", str(verdict).upper()
        found = _tally.evidence_of(report)
        differences = [outcome.difference for outcome in found.outcomes] if found else []
        letter = "r" if max(differences, default=0) > 0 else "i" if any(differences) else ""
        return ("passed", letter, _WORDS[letter]) if letter else None

    def pytest_report_header(self) -> list[str]:
        """Show which configuration is used, so that an ignored one is noticed."""
        names = ", ".join(variant.name for variant in self.settings.candidates)
        baseline = self.settings.baseline.name
        return [f"quantguard: baseline {baseline}, candidate {names} ({self.settings.file})"]

    def pytest_report_collectionfinish(self) -> list[str]:
        """Show what will be asked, and how much of it is known already."""
        plan = self.session.plan
        if not plan.get("cases"):
            return []
        rows = 0 if self.session.cut else 1 + len(plan["budgets"])
        self._announced = len(self.settings.candidates) * rows
        return [plain(line, encoding(sys.stdout)) for line in self.session.announcement()]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the verdict."""
        if self.config.option.collectonly:
            return
        if self.shard_end is not None and self.session.cut is not None:
            terminalreporter.section(f"quantguard: shard {self.session.cut.shard}")
            for line in self.shard_end.lines:
                terminalreporter.line(line)
            return
        if self.report is None:
            if self.no_verdict and not self._usage_error:
                terminalreporter.section("quantguard: no verdict")
                terminalreporter.line(f"No verdict: {self.no_verdict}.")
                terminalreporter.line(
                    "Completed requests are kept; run again to go on where this run stopped."
                )
            return
        writer = terminalreporter._tw
        lines = _publish.terminal_lines(
            self.report,
            self.texts,
            Screen.like(writer.fullwidth, writer.hasmarkup),
            verbosity=self.config.getoption("verbose", 0),
            auto=self.settings.budgets is None,
            notices=self._unkept,
            written=self.written,
        )
        faults = self.session.asking.server_faults()
        for line in (*(line for fault in faults for line in fault.split("\n")), *lines):
            terminalreporter.line(line)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Set the exit code: 4 for unusable golden files, 10 when nothing but proof is missing."""
        _rows.forget_failures(self.config)
        untold = not self.told and not self.config.option.collectonly
        if untold and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif self.shard_end and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # all cases are in other shards
        if self._usage_error:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        elif self._only_inconclusive and self._only_inconclusive == session.testsfailed:
            session.exitstatus = 10

    def pytest_unconfigure(self) -> None:
        """Leave nothing running."""
        self.session.close(cancel=True)
        self.session.asking.close_cache()
        self.session.run.end()
