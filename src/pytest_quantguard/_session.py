"""An active gate, inside pytest: collects cases, asks the arms, and lets items gather evidence.

Runs wherever tests run: in the only process, or in each pytest-xdist worker. Counting and judging
the evidence is the controller's business (`_controller.py`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard._asking import Asking
from pytest_quantguard._collect import QuantFile, golden_loader
from pytest_quantguard._evidence import Evidence
from pytest_quantguard._examiner import Examiner
from pytest_quantguard._golden import meant
from pytest_quantguard._hooked import Observers, change_requests
from pytest_quantguard._items import CASE, EVIDENCE
from pytest_quantguard._looks import Looks
from pytest_quantguard._probe import features
from pytest_quantguard._sequential import LookRunner, refuse_other_orders
from pytest_quantguard._services import GateServices
from pytest_quantguard._survey import Survey, chosen
from pytest_quantguard._watching import show_progress, watched
from pytest_quantguard.contracts import Check
from pytest_quantguard.engine.progress import announced, leave_plan
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.functions.hooks import PythonCases
from pytest_quantguard.types import GoldenCase, Json, Source

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard._registry import Registry
    from pytest_quantguard._run import Run
    from pytest_quantguard.cache.completions import CompletionCache
    from pytest_quantguard.engine.complete import CompletionEngine
    from pytest_quantguard.sharding.selection import ShardCut
    from pytest_quantguard.verdicts import Metric


class GateSession:
    """The hooks of an active run; glue between pytest and the gate's parts."""

    def __init__(
        self,
        config: pytest.Config,
        settings: GateConfig,
        registry: Registry,
        metrics: Mapping[str, Metric],
        run: Run,
    ) -> None:
        self.config = config
        self.settings = settings
        self.run = run
        self.registry = registry
        self.asking = Asking(
            settings,
            registry,
            self.run,
            worker=getattr(config, "workerinput", {}).get("workerid", ""),
            answers=config.option.quant_answers,
            start=config.invocation_params.dir,
        )
        self.plan: Json = {}
        """What this process is about to ask and judge; plain JSON types, so that it can travel."""
        self.problems: list[str] = []
        self.broken = False
        """True when a golden file could not be used: then nothing is said about budgets."""
        self.metrics = metrics
        self.survey: Survey | None = None
        self.cut = self._cut()
        """What leaves the cases of other shards out, in a run of one shard."""
        self.looks = self._looks()
        self._runner: LookRunner | None = None
        self._examiner: Examiner | None = None
        self.collected: list[pytest.Item] = []
        """All golden items that were found, selected or not."""
        self._taken: dict[str, Source] = {}
        self._load = golden_loader(registry, settings.request, self._taken)
        self.services = GateServices(settings, lambda: self.engine, run=self.run)
        self.python = PythonCases(self)
        self.observers = Observers(config, settings.variants)

    def _looks(self) -> Looks | None:
        """Return where the processes of a sequential run agree to go on or to stop."""
        if not self.config.option.quant_sequential:
            return None
        if problem := refuse_other_orders(self.config):
            raise ConfigError(problem)
        return Looks(self.run.part("looks"))

    def _cut(self) -> ShardCut | None:
        """Return what leaves out the items of other shards, where this run is one of several."""
        if self.config.option.quant_shard is None:
            return None
        from pytest_quantguard.sharding.selection import ShardCut

        return ShardCut.wanted(self.config.option)

    @property
    def partial(self) -> bool:
        """Whether the golden set may be larger than what is collected."""
        from pytest_quantguard._survey import left_out

        told = getattr(self.config, "workerinput", {}).get("quantguard_partial")
        return left_out(self.config) if told is None else told

    @property
    def in_worker(self) -> bool:
        """True in a pytest-xdist worker process."""
        return hasattr(self.config, "workerinput")

    def __dir__(self) -> list[str]:
        # pytest 8.2 looks for fixtures by reading every attribute of a plugin; these two
        # would open the cache and build the engine, even where nothing is ever asked.
        return [name for name in super().__dir__() if name not in ("cache", "engine")]

    @property
    def cache(self) -> CompletionCache:
        """The completion cache."""
        return self.asking.cache

    @property
    def engine(self) -> CompletionEngine:
        """What asks the arms."""
        return self.asking.engine

    def examiner(self) -> Examiner:
        """Return what examines cases; made on first use."""
        self._examiner = self._examiner or Examiner(
            baseline=self.settings.baseline.name,
            candidates=tuple(v.name for v in self.settings.candidates),
            ask=self.engine.get,
            refusal=self._refusal,
            prices={name: v.price for name, v in self.settings.variants.items()},
            run=self.run.id,
            references=self.references,
            two_days=self.settings.two_days,
            secrets=self.asking.secrets,
            observe=self.observers.see,
        )
        return self._examiner

    @property
    def references(self) -> bool:
        """Whether a budget asks for log-prob evidence: only then is it asked of the servers."""
        return any(budget.metric == "reference" for budget in self.settings.budgets or ())

    def _refusal(self, case: GoldenCase) -> Check:
        """Return what tells a refusal; a case's own check knows further phrases."""
        make = self.registry.checks.get("refusal")
        own = (check for check in case.checks if isinstance(check, make))
        phrases = [phrase for check in own for phrase in getattr(check, "phrases", ())]
        check: Check = make(must=True, phrases=phrases)
        return check

    def close(self, *, cancel: bool) -> None:
        """Note what was asked, hang up, stop servers; ``cancel`` cuts requests short."""
        if self.asking.begun:
            self.services.judges.stop()
            self.plan["judges"] = self.services.judges.spent(self.engine.counts())
            self.plan["limited"] = self.engine.limited()
            self.plan.update(self.asking.told(cut=cancel))
            self.plan["observers"] = self.observers.faults()
        self.asking.close(cancel=cancel)

    # --- collection ---------------------------------------------------------------------

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> QuantFile | None:
        """Collect golden files."""
        if not meant(file_path.name):
            return None
        node = QuantFile.from_parent(parent, path=file_path)
        node.load = self._load
        node.examiner = self.examiner
        node.services = self.services
        return node

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Remember that a golden file was wrong: that is a usage error, exit 4."""
        report = yield
        if isinstance(collector, QuantFile) and report.failed:
            report.quantguard_usage = self.broken = True  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)  # before -k and -m select: tags are keywords
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Turn ``quant_case`` functions into golden cases."""
        self.python.find(items)
        self.problems += self.python.problems
        self.collected = [item for item in items if CASE in item.stash]
        self.problems += change_requests(self.config, self.collected)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the run; refuse it here, before the first request, if it cannot be decided."""
        if self.config.option.collectonly:
            return
        items = self._selected(session)
        self.survey = Survey(
            items, self.collected, self.settings, self.metrics, partial=self.partial
        )
        self.plan = self.survey.plan()
        if self.cut is not None:
            self.plan["shard"] = self.cut.plan()
        if not self.broken:
            self.problems += self.survey.problems
            if self.settings.underpowered == "refuse":
                self.problems += self.survey.undecidable
            self.problems += self.services.unready(item.stash[CASE] for item in items)
            self.problems += self.services.judges.select(chosen(items))
            self.plan["remarks"] += self.services.judges.remarks()
        if not self.problems and not (distributes(self.config) and not self.in_worker):
            self._plan_requests(self._arranged(session))
        if self.problems and not self.in_worker:
            raise pytest.UsageError("quantguard: " + "\n".join(self.problems))
        if self.problems:
            # A usage error in a worker would be an internal error; the controller raises it.
            self.close(cancel=True)
            session.items.clear()
        if self.in_worker:
            self.plan["problems"] = self.problems
            self.config.workeroutput["quantguard"] = self.plan  # type: ignore[attr-defined]

    def _selected(self, session: pytest.Session) -> list[pytest.Item]:
        """Return the golden items to plan with: those of all shards, where there are shards."""
        if self.cut is None:
            return [item for item in session.items if CASE in item.stash]
        self.problems += self.cut.problems(session.items)
        return self.cut.whole

    def _arranged(self, session: pytest.Session) -> Iterable[GoldenCase]:
        """Return the cases to ask first: all, or those of the first look."""
        if self.looks is None:
            return self._mine()
        self._runner = LookRunner(
            self.looks,
            lambda: self.engine,
            tuple(self.settings.variants),
            self.services.judges.foresee,
        )
        self.config.pluginmanager.register(self._runner, "quantguard-looks")
        return self._runner.arrange(session.items, self.plan, references=self.references)

    def _mine(self) -> list[GoldenCase]:
        """Return every case that this run asks."""
        every = self.survey.cases.values() if self.survey else ()
        return [case for case in every if self.cut is None or self.cut.takes(case.id)]

    def _plan_requests(self, cases: Iterable[GoldenCase]) -> None:
        cases, every = list(cases), self._mine()
        probed = features(self.survey.cases.values()) if self.survey else {}
        self.problems += self.asking.plan(cases, every, references=self.references, probed=probed)
        self.problems += self.asking.judges_unfit(self.services.judges.samples(every))
        self.services.judges.foresee(cases)
        show_progress(self.config, self.asking, self.run)
        self.problems += self.asking.make_reachable(self.services.judges.asked)
        self.plan["remarks"] += self.asking.remarks
        self.plan["baseline_given"] = bool(self.config.option.quant_baseline)
        if self.settings.limits.given and not self.problems:
            from pytest_quantguard._spending import Spending

            spending = Spending.of(
                self.settings, self.engine, every, self.services.judges, references=self.references
            )
            self.plan["spending"] = spending.lines()
            if refused := spending.problems(self.settings.limits):
                self.problems += [*spending.lines(), *refused]
        if getattr(self.config, "workerinput", {}).get("workerid") == "gw0" and not self.problems:
            leave_plan(self.run.part("progress"), self.announcement())

    def announcement(self) -> list[str]:
        """Say, a line each, what will be asked and how much of it is known already."""
        return announced(self.plan, self.asking.known(), self.settings.baseline.name)

    # --- running ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Ask for everything in the background while the items run."""
        try:
            # After errors of collection pytest runs nothing: nothing may be asked, or paid, either.
            go_on = self.config.option.continue_on_collection_errors
            if self.asking.begun and (go_on or not session.testsfailed):
                self.engine.start()
                self.services.judges.start()
            workers = distributes(self.config)
            with watched(self.config, self.asking, self.run) if workers else nullcontext():
                result = yield
            # Another worker may wait for what is in flight here: cut short, it would be sent twice.
            self.close(cancel=False)
            return result
        finally:
            self.close(cancel=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the evidence travel on the report: the one record that crosses pytest-xdist."""
        report = yield
        if call.when == "call" and EVIDENCE in item.stash:
            report.quantguard = item.stash[EVIDENCE]  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self, report: object) -> Generator[None, Any, Any]:
        """Turn the evidence into plain JSON types where a report leaves the process."""
        data = yield
        if data is not None and isinstance(found := getattr(report, "quantguard", None), Evidence):
            data["quantguard"] = found.to_dict()
        return data


def distributes(config: pytest.Config) -> bool:
    """Return True on a pytest-xdist controller, whose workers do the asking."""
    return config.pluginmanager.has_plugin("dsession")
