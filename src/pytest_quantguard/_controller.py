"""Counts the evidence, has it judged, and makes the verdict known.

Runs once per run: in the only process, or beside pytest-xdist's workers. Its rule is to fail
closed: whatever was planned and did not arrive is an ERROR.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard import _judge, _noise, _rows, _tally
from pytest_quantguard._auto import yaml_lines
from pytest_quantguard._comparability import quantization_note
from pytest_quantguard._evidence import Evidence
from pytest_quantguard._judges import told
from pytest_quantguard._looks import LOOKS
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._sequential import LookKeeper
from pytest_quantguard._session import WORDS, GateSession, _distributes
from pytest_quantguard.errors import ProviderError, QuantGuardError
from pytest_quantguard.types import Json
from pytest_quantguard.variants import ServedAs, Variant
from pytest_quantguard.verdicts import CandidateReport, GateReport, Group, Verdict

if TYPE_CHECKING:
    from pytest_quantguard.verdicts import BudgetVerdict


class GateController:
    """Hooks that see the whole run."""

    def __init__(self, session: GateSession) -> None:
        self.session = session
        self.settings = session.settings
        self.config = session.config
        self.report: GateReport | None = None
        self.no_verdict = ""
        """Why there is no verdict, once the run has been cut short."""
        self.written: list[str] = []
        self._tally = _tally.Tally()
        self._worker_plans: list[Json] = []
        self._expected: set[str] = set()
        self._reported: set[str] = set()
        self._faults: dict[str, None] = {}
        self._usage_error = False
        self._only_inconclusive = 0
        self._keeper: LookKeeper | None = None
        if session.looks is not None:
            self._keeper = LookKeeper(
                session.looks, self._candidates, self.config.getoption("maxfail") or 0
            )
            self.config.pluginmanager.register(self._keeper, "quantguard-look-keeper")
        self._told = False
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
        data = getattr(report, "quantguard", None)
        if data is None:
            return
        self._tally.add(Evidence.from_dict(data))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notice files that could not be used, in this process or in a worker."""
        self._usage_error |= getattr(report, "quantguard_usage", False)
        if report.failed:
            self._faults[one_line(f"{report.nodeid} could not be collected")] = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Start our own servers once for all workers, and tell the worker where they are."""
        urls = {}
        for name, provider in self.session.asking.providers.items():
            if getattr(provider, "launches", False):
                try:
                    urls[name] = provider.start()
                except ProviderError:
                    continue  # the worker meets the same error and reports it with its case
        node.workerinput["quantguard_urls"] = urls
        node.workerinput["quantguard_run"] = self.session.run.told()
        node.workerinput["quantguard_partial"] = self.session.partial

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Remember what must be reported."""
        self._expected.update(map(str, ids))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take in what a worker planned; a worker that died cannot have told everything."""
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
        try:
            result = yield
        except BaseException as error:
            self.no_verdict = (
                "the run was cut short, and a part of the evidence is no evidence "
                f"({type(error).__name__})"
            )
            raise
        plans = self._worker_plans if _distributes(self.config) else [self.session.plan]
        problems = [problem for plan in plans for problem in plan.get("problems", ())]
        if problems:
            raise pytest.UsageError("quantguard: " + "\n".join(dict.fromkeys(problems)))
        self.report = self._judged(_tally.merged(plans))
        self._keep_noise(self.report)
        self.session.config.hook.pytest_quantguard_report(report=self.report)
        self._write(self.report)
        rows = [(c, row) for c in self.report.candidates for row in c.budgets]
        session.testscollected += len(rows) - self._announced
        for candidate, row in rows:
            self._emit(session, candidate, row)
        self._told = True
        return result

    def _judged(self, plan: Json) -> GateReport:
        if not plan:
            self._faults["no process reported what it planned"] = None
        missing = self._expected - self._reported
        if self._keeper is not None:
            missing = {item for item in missing if self._keeper.needed(item)}
            plan = self._keeper.so_far(plan)
        if missing:
            text = f"{len(missing)} of {len(self._expected)} collected tests never reported"
            self._faults[f"{text}, such as {one_line(min(missing))}"] = None
        return GateReport(
            baseline=self.settings.baseline,
            candidates=tuple(self._candidates(plan)),
            provenance=self._provenance(plan),
        )

    def _candidates(self, plan: Json) -> list[CandidateReport]:
        """Judge the evidence that there is, by a plan of it."""
        look = (1, 1) if self._keeper is None else (self._keeper.reached + 1, LOOKS)
        served = {name: ServedAs(**told) for name, told in plan.get("served_as", {}).items()}
        notes = {name: _note(v, served) for name, v in self.settings.variants.items()}
        budgets = [_tally.budget_from(data) for data in plan.get("budgets", ())]
        noise = self._noise()
        reports = []
        for variant in self.settings.candidates:
            note, *faults = (*notes[variant.name], notes[self.settings.baseline.name][1])
            reports.append(
                _judge.judge(
                    self._tally.outcomes(variant.name),
                    budgets,
                    variant=variant,
                    mishaps=self._tally.mishaps(variant.name),
                    measurements=self._tally.measurements(variant.name),
                    metrics=self.session.metrics,
                    planned=plan.get("checks", 0),
                    max_errors=self.settings.max_errors,
                    evidence=self.settings.evidence,
                    look=look,
                    unselected=[Group(*names) for names in plan.get("unselected", ())],
                    noise=None if variant.name == self.settings.null else noise,
                    interrupted=[*self._faults, *filter(None, faults)],
                    quantization_note=note or "",
                )
            )
        return reports

    def _noise(self) -> float | None:
        """Return how much two runs of the baseline disagree: in this run, or measured before."""
        if self.settings.null is not None:
            return _noise.disagreement(self._tally.outcomes(self.settings.null))
        with suppress(ProviderError):
            identity = self.session.asking.providers[self.settings.baseline.name].identity()
            found = _noise.load(self.settings.cache_folder, identity)
            return found.share if found else None
        return None

    def _keep_noise(self, report: GateReport) -> None:
        """Remember what a null run found; only sound evidence of the whole set is kept."""
        for candidate in report.candidates:
            sound = candidate.verdict is not Verdict.ERROR
            share = _noise.disagreement(candidate.outcomes)
            if sound and share is not None and candidate.variant.name == self.settings.null:
                with suppress(OSError, ProviderError):
                    identity = self.session.asking.providers[report.baseline.name].identity()
                    folder = self.settings.cache_folder
                    _noise.save(folder, identity, share, len(candidate.outcomes))

    def _provenance(self, plan: Json) -> Json:
        looks = self._keeper.numbers() if self._keeper is not None else {}
        return {
            "started": self.session.run.started,
            "seconds": time.time() - self.session.run.started,
            "python": platform.python_version(),
            "platform": sys.platform,
            "pytest": pytest.__version__,
            "pytest_quantguard": version("pytest-quantguard"),
            "config": self.settings.file,
            "cases": plan.get("cases", 0),
            "checks": plan.get("checks", 0),
            "budgets": plan.get("budgets", []),
            "left_out": plan.get("left_out", []),
            "golden_hash": plan.get("golden_hash", ""),
            "requests": plan.get("counts", {}),
            "notices": plan.get("notices", []),
            "remarks": plan.get("remarks", []),
            "judges": told(plan.get("judges", {}), self.settings),
            **({"sequential": looks} if looks else {}),
        }

    def _emit(
        self, session: pytest.Session, candidate: CandidateReport, row: BudgetVerdict
    ) -> None:
        from pytest_quantguard.reporters.terminal import budget_details, budget_sentence

        sentence = budget_sentence(row, candidate)
        # The report has them all, and -v shows more: the table should not be out of sight.
        shown = 10 if self.config.option.verbose > 0 else 3
        failed = row.verdict is Verdict.FAIL
        details = budget_details(row, self.session.cache.get, shown) if failed else ""
        tolerated = row.verdict is Verdict.INCONCLUSIVE and self.settings.inconclusive == "warn"
        before = session.testsfailed
        _rows.emit(
            session,
            candidate.variant.name,
            row,
            f"{sentence}\n{details}" if details else sentence,
            tolerated=tolerated,
        )
        if row.verdict is Verdict.INCONCLUSIVE:
            self._only_inconclusive += session.testsfailed - before

    # --- making it known ----------------------------------------------------------------

    def _targets(self) -> dict[str, Path]:
        option, start = self.config.option, self.config.invocation_params.dir
        folder = start / option.quant_report if option.quant_report else self.settings.report_folder
        junit = {"junit": start / option.quant_junit} if option.quant_junit else {}
        return {"json": folder / "report.json", **junit}

    def pytest_sessionstart(self) -> None:
        """Remove the last run's reports: a run without a verdict must not leave an older one."""
        if not self.config.option.collectonly:
            for path in self._targets().values():
                with suppress(OSError):  # what cannot be removed cannot be written: said then
                    path.unlink(missing_ok=True)

    def _write(self, report: GateReport) -> None:
        for name, path in self._targets().items():
            write = self.session.registry.reporters.get(name)
            try:
                write(report, path, self.session.cache.get)
            except QuantGuardError as error:
                raise pytest.UsageError(f"quantguard: {error}") from None
            self.written.append(_relative(path, self.config.invocation_params.dir))

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Show what an item found, without changing how it counts."""
        if report.when != "call" or report.outcome != "passed":
            return None
        if verdict := getattr(report, "quantguard_verdict", None):
            return "passed", ".", str(verdict).upper()
        data = getattr(report, "quantguard", None) or {"outcomes": ()}
        differences = [o["baseline"]["value"] - o["candidate"]["value"] for o in data["outcomes"]]
        letter = "r" if max(differences, default=0) > 0 else "i" if any(differences) else ""
        return ("passed", letter, WORDS[letter]) if letter else None

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
        self._announced = len(self.settings.candidates) * (1 + len(plan["budgets"]))
        known = self.session.asking.known()
        parts = [
            f"{'baseline' if name == self.settings.baseline.name else 'candidate'} {name} "
            f"({have}/{total} cached)"
            for name, (have, total) in known.items()
        ]
        cases, cohorts = plan["cases"], plan["cohorts"]
        many = [f"{cases} case{'s' * (cases != 1)}", f"{cohorts} cohort{'s' * (cohorts != 1)}"]
        if plan.get("driven"):
            many.append(f"{plan['driven']} of several turns, whose requests come on top")
        return [f"quantguard: {' · '.join(parts)} · {', '.join(many)}"]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the verdict."""
        if self.config.option.collectonly:
            return
        from pytest_quantguard.reporters import terminal

        if self.report is None:
            if self.no_verdict and not self._usage_error:
                terminalreporter.section("quantguard: no verdict")
                terminalreporter.line(f"No verdict: {self.no_verdict}.")
                terminalreporter.line(
                    "Completed requests are kept; run again to go on where this run stopped."
                )
            return
        writer = terminalreporter._tw
        lines = terminal.render(
            self.report,
            width=writer.fullwidth,
            colour=writer.hasmarkup,
            unicode=_speaks_unicode(),
            verbosity=self.config.option.verbose,
            completions=self.session.cache.get,
        )
        remarks = [f"Note: {one_line(r, 500)}" for r in self.report.provenance["remarks"]]
        for line in [*self._auto_lines(), *lines, *remarks]:
            terminalreporter.line(line)
        for path in self.written:
            terminalreporter.line(f"Written: {path}")

    def _auto_lines(self) -> list[str]:
        """Print the budgets that were found automatically, to paste and to keep."""
        if self.settings.budgets is not None or self.report is None:
            return []
        left_out = [f"  # left out: {text}" for text in self.report.provenance["left_out"]]
        found = map(_tally.budget_from, self.report.provenance["budgets"])
        return ["budgets: auto, which for these cases is", *yaml_lines(found), *left_out, ""]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Set the exit code: 4 for unusable golden files, 10 when nothing but proof is missing."""
        lastfailed = self.config.pluginmanager.get_plugin("lfplugin")
        for nodeid in list(getattr(lastfailed, "lastfailed", ())):
            if str(nodeid).startswith(_rows.PREFIX):  # these cannot be selected and run again
                del lastfailed.lastfailed[nodeid]  # type: ignore[union-attr]
        untold = not self._told and not self.config.option.collectonly
        if untold and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._usage_error:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        elif self._only_inconclusive and self._only_inconclusive == session.testsfailed:
            session.exitstatus = 10

    def pytest_unconfigure(self) -> None:
        """Leave nothing running."""
        self.session.close(cancel=True)
        self.session.asking.close_cache()
        self.session.run.end()


def _note(variant: Variant, served: Mapping[str, ServedAs]) -> tuple[str, str | None]:
    if variant.name not in served:
        return "not verified: no server was asked", None
    note, fault = quantization_note(variant.quantization, served[variant.name])
    return note, f"{variant.name}: {fault}" if fault else None


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _speaks_unicode() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
