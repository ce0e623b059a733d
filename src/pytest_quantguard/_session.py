"""An active gate, inside pytest: collects cases, asks the arms, and lets items gather evidence.

Runs wherever tests run: in the only process, or in each pytest-xdist worker. Counting and judging
the evidence is the controller's business (`_controller.py`).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_quantguard import _config, _served
from pytest_quantguard._collect import QuantFile, golden_loader
from pytest_quantguard._evidence import Examiner, jobs_of
from pytest_quantguard._golden import SUFFIXES
from pytest_quantguard._items import CASE, EVIDENCE
from pytest_quantguard._looks import Looks
from pytest_quantguard._registry import Registry, metrics_of
from pytest_quantguard._sequential import LookRunner, refuse_other_orders
from pytest_quantguard._services import GateServices
from pytest_quantguard._survey import Survey, chosen
from pytest_quantguard.contracts import Check, Provider
from pytest_quantguard.errors import ConfigError, InputError, ProviderError
from pytest_quantguard.functions.hooks import PythonCases
from pytest_quantguard.types import GoldenCase, Json, Source

if TYPE_CHECKING:
    from pytest_quantguard._answers import Answers
    from pytest_quantguard._cache import CompletionCache
    from pytest_quantguard._complete import CompletionEngine
    from pytest_quantguard.verdicts import Metric

WORDS = {"r": "REGRESSED", "i": "IMPROVED"}


class GateSession:
    """The hooks of an active run; glue between pytest and the gate's parts."""

    def __init__(
        self,
        config: pytest.Config,
        settings: _config.GateConfig,
        registry: Registry,
        metrics: Mapping[str, Metric],
    ) -> None:
        self.config = config
        self.settings = settings
        told = getattr(config, "workerinput", {}).get("quantguard_started")
        self.started = time.time() if told is None else float(told)
        self.registry = registry
        self.answers = self._answers()
        self.providers = self._providers()
        self.plan: Json = {}
        """What this process is about to ask and judge; plain JSON types, so that it can travel."""
        self.problems: list[str] = []
        self.broken = False
        """True when a golden file could not be used: then nothing is said about budgets."""
        self.metrics = metrics
        self.survey: Survey | None = None
        self.looks = self._looks()
        self._runner: LookRunner | None = None
        self.collected: list[pytest.Item] = []
        """All golden items that were found, selected or not."""
        self._taken: dict[str, Source] = {}
        self._load = golden_loader(registry, settings.request, self._taken)
        self._workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
        self.services = GateServices(
            settings, lambda: self.engine, started=self.started, shares=self._workers
        )
        self.python = PythonCases(self)
        self._cache: CompletionCache | None = None
        self._engine: CompletionEngine | None = None

    @classmethod
    def configured(cls, config: pytest.Config) -> GateSession:
        """Read the configuration; every mistake is a usage error.

        Raises:
            pytest.UsageError: with all problems found.
        """
        option = config.option
        try:
            given = option.quant_config or config.getini("quant_config") or None
            registry = Registry()
            config.pluginmanager.hook.pytest_quantguard_register.call_historic(
                kwargs={"registry": registry}
            )
            metrics = metrics_of(registry.metrics)
            settings = _config.load(
                _config.find(config.rootpath, given, config.invocation_params.dir),
                config.rootpath,
                candidates=option.quant_candidate,
                baseline=option.quant_baseline,
                null=option.quant_null,
                inconclusive=option.quant_inconclusive,
                underpowered=option.quant_underpowered,
                allow_code=option.quant_allow_code,
                sandbox=option.quant_sandbox,
                metrics=metrics,
            )
            session = cls(config, settings, registry, metrics)
        except InputError as error:
            raise pytest.UsageError(f"quantguard: {error}") from None
        if not session.in_worker:
            from pytest_quantguard._controller import GateController

            controller = GateController(session)
            config.pluginmanager.register(controller, "quantguard-controller")
        session.python.register(config.pluginmanager)
        return session

    def _looks(self) -> Looks | None:
        """Return where the processes of a sequential run agree to go on or to stop."""
        if not self.config.option.quant_sequential:
            return None
        if problem := refuse_other_orders(self.config):
            raise ConfigError(problem)
        told = getattr(self.config, "workerinput", {}).get("quantguard_looks")
        return Looks(Path(told or tempfile.mkdtemp(prefix="quantguard-looks-")))

    def _providers(self) -> dict[str, Provider]:
        urls: dict[str, str] = getattr(self.config, "workerinput", {}).get("quantguard_urls", {})
        providers: dict[str, Provider] = {}
        problems: list[str] = []
        for name, variant in self.settings.asked.items():
            url = urls.get(name, variant.base_url)
            try:
                make = self.registry.providers.get(variant.provider)
                providers[name] = make(replace(variant, base_url=url))
            except (LookupError, ValueError) as error:
                problems.append(f"{self.settings.places[name]}: variant {name!r}: {error.args[0]}")
        if problems:
            raise ConfigError(problems)
        if self.answers is None:
            return providers
        arms = {name: providers[name] for name in self.settings.variants}
        return {**providers, **self.answers.unasked(arms)}

    def _answers(self) -> Answers | None:
        """Return the recorded answers that take the place of servers, where there are any."""
        if not self.config.option.quant_answers:
            return None
        from pytest_quantguard._answers import Answers

        start = self.config.invocation_params.dir
        return Answers.given(self.config.option.quant_answers, start, self.secrets)

    @property
    def partial(self) -> bool:
        """Whether paths were given: then the golden set is larger than what is collected."""
        told = getattr(self.config, "workerinput", {}).get("quantguard_partial")
        return self.config.args_source is pytest.Config.ArgsSource.ARGS if told is None else told

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
        """The completion cache, opened on first use."""
        if self._cache is None:
            from pytest_quantguard._cache import CompletionCache

            folder = self.settings.cache_folder
            self._cache = self.answers.over(folder) if self.answers else CompletionCache(folder)
        return self._cache

    @property
    def engine(self) -> CompletionEngine:
        """What asks the arms; made on first use."""
        if self._engine is None:
            from pytest_quantguard._cache import CompletionCache
            from pytest_quantguard._complete import CompletionEngine

            asked, caches = self.settings.asked, {}
            if self.answers is not None:  # recorded are the arms; judges are asked all the same
                live = CompletionCache(self.settings.cache_folder)
                caches = {name: live for name in asked if name not in self.settings.variants}
            self._engine = CompletionEngine(
                self.cache, self.providers, asked, shares=self._workers, caches=caches
            )
        return self._engine

    def examiner(self) -> Examiner:
        """Return what examines one case."""
        return Examiner(
            baseline=self.settings.baseline.name,
            candidates=tuple(v.name for v in self.settings.candidates),
            ask=self.engine.get,
            refusal=self._refusal,
            prices={name: v.price for name, v in self.settings.variants.items()},
            started=self.started,
            references=self.references,
            secrets=self.secrets,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the API keys, which may stand in nothing that is shown or written."""
        keys = (v.api_key_env for v in self.settings.asked.values() if v.api_key_env)
        return tuple(filter(None, (os.environ.get(key, "") for key in keys)))

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
        engine, self._engine = self._engine, None
        if engine is not None:
            self.services.judges.stop()
            counts = engine.counts()
            self.plan["judges"] = self.services.judges.spent(counts)
            counts = self.plan["counts"] = {name: counts[name] for name in self.settings.variants}
            folder = self.settings.cache_folder
            self.plan["served_as"] = _served.gather(
                counts, self.providers, folder, recall=not self.config.option.quant_answers
            )
            self.plan["notices"] = list(self.cache.notices)
            engine.close(cancel)
        for provider in self.providers.values():
            provider.stop()

    def close_cache(self) -> None:
        """Close the cache, which reports still read after the last answer."""
        if self._cache is not None:
            self._cache.close()

    # --- collection ---------------------------------------------------------------------

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> QuantFile | None:
        """Collect golden files."""
        if not file_path.name.endswith(SUFFIXES):
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

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the run; refuse it here, before the first request, if it cannot be decided."""
        if self.config.option.collectonly:
            return
        items = [item for item in session.items if CASE in item.stash]
        self.survey = Survey(
            items, self.collected, self.settings, self.metrics, partial=self.partial
        )
        self.plan = self.survey.plan()
        if not self.broken:
            self.problems += self.survey.problems
            if self.settings.underpowered == "refuse":
                self.problems += self.survey.undecidable
            self.problems += self.services.unready(item.stash[CASE] for item in items)
            self.problems += self.services.judges.select(chosen(items))
            self.plan["remarks"] += self.services.judges.remarks()
        if not self.problems and not (_distributes(self.config) and not self.in_worker):
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

    def _arranged(self, session: pytest.Session) -> Iterable[GoldenCase]:
        """Return the cases to ask first: all, or those of the first look."""
        if self.looks is None:
            return self.survey.cases.values() if self.survey else ()
        self._runner = LookRunner(
            self.looks,
            lambda: self.engine,
            tuple(self.settings.variants),
            self.services.judges.foresee,
        )
        self.config.pluginmanager.register(self._runner, "quantguard-looks")
        return self._runner.arrange(session.items, self.plan, references=self.references)

    def _plan_requests(self, cases: Iterable[GoldenCase]) -> None:
        cases, variants = list(cases), tuple(self.settings.variants)
        self.engine.plan(
            job for case in cases for job in jobs_of(case, variants, references=self.references)
        )
        self.services.judges.foresee(cases)
        if self.answers is not None:
            self._look_into_answers(self.answers)
        due = [name for name, (known, planned) in self.engine.known().items() if known < planned]
        for name in [*due, *(self.services.judges.asked if due else ())]:
            self._make_reachable(name)
        self._tell_apart()

    def _look_into_answers(self, answers: Answers) -> None:
        from pytest_quantguard._questions import questions

        every = self.survey.cases.values() if self.survey else ()
        with suppress(ProviderError):  # said where the variant is made reachable
            asked = {n: questions(every, n, self.providers[n]) for n in self.settings.variants}
            self.problems += answers.compare(asked, self.cache)
            self.plan["remarks"] += answers.remarks()

    def _tell_apart(self) -> None:
        """Refuse arms that are one model at one address: one would be judged by its own answers."""
        seen: dict[str, str] = {}
        for name in self.settings.variants:
            with suppress(ProviderError):  # said already, or to be said with the first request
                identity = json.dumps(self.providers[name].identity(), sort_keys=True)
                if (other := seen.setdefault(identity, name)) != name:
                    self.problems.append(
                        f"{self.settings.places[name]}: {name!r} is the same model at the same "
                        f"address as {other!r}; to measure noise, give one another 'revision'"
                    )

    def _make_reachable(self, name: str) -> None:
        """Start what has to be started now: a missing key or model costs no request."""
        try:
            self.providers[name].identity()
            self.providers[name].start()
        except ProviderError as error:
            self.problems.append(f"{self.settings.places[name]}: {error}")

    # --- running ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Ask for everything in the background while the items run."""
        try:
            if self._engine is not None:
                self._engine.start()
                self.services.judges.start()
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
            report.quantguard = item.stash[EVIDENCE].to_dict()  # type: ignore[attr-defined]
        return report

    def known(self) -> dict[str, tuple[int, int]]:
        """Return, per variant, how many of its planned completions are cached, and of how many."""
        known = self.engine.known()
        return {name: known[name] for name in self.settings.variants}


def _distributes(config: pytest.Config) -> bool:
    """Return True on a pytest-xdist controller, whose workers do the asking."""
    return config.pluginmanager.has_plugin("dsession")
