"""The golden set's gate of one look: the endpoint as it is now against how it was when pinned.

pytest collects, asks and judges in this process, as it does for everybody; what is different is put
in by an internal plugin: both arms are one endpoint, and one of them is only read.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_quantguard._config import GateConfig
from pytest_quantguard._items import CASE, checks_of
from pytest_quantguard._judging import reads_timing
from pytest_quantguard._plural import counted
from pytest_quantguard._preview import OFF, Apart, run_apart, told
from pytest_quantguard.commands._watch_meter import Meter
from pytest_quantguard.engine.jobs import further_jobs
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.errors import InputError
from pytest_quantguard.pairs import Measurement
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import Metric
from pytest_quantguard.watch.answers import Pinned, TwoDays
from pytest_quantguard.watch.records import Behaviour

if TYPE_CHECKING:
    from pytest_quantguard._session import GateSession
    from pytest_quantguard.variants import Variant
    from pytest_quantguard.verdicts import Budget, CandidateReport, GateReport

_USAGE = int(pytest.ExitCode.USAGE_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a golden run of a look needs to know."""

    endpoint: str
    config: Path
    look: str
    """Id of the look that is made."""
    pinned: str
    """Id of the look that is compared with; the look itself where there is no other."""
    golden: str
    """What `Behaviour.golden` of the pinned look is; empty = nothing to compare with."""
    answers: Path
    """Folder of this look's answers ..."""
    pinned_answers: Path
    """... and of the pinned one's."""
    reports: Path
    limits: Limits
    arguments: tuple[str, ...] = ()
    """For pytest: which cases."""
    content: Json = field(default_factory=dict)
    """What of the pinned look's identity was found, not configured."""

    @property
    def alone(self) -> bool:
        """Whether there is nothing to compare with: every answer is both arms'."""
        return self.look == self.pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRun:
    """What became of it."""

    report: GateReport | None = None
    behaviour: Behaviour | None = None
    said: tuple[str, ...] = ()
    """Why it cannot be used; empty where it can."""
    usage: bool = False
    """True where the user has to mend something, and nothing was asked."""
    none: bool = False
    """True where there is no golden case at all."""
    changed: bool = False
    """True where the golden cases are others than the pin's, so that none was asked."""
    remarks: tuple[str, ...] = ()
    requests: int = 0
    tokens: int = 0
    cost: float | None = None

    @property
    def candidate(self) -> CandidateReport | None:
        """What was found of today's answers."""
        return self.report.candidates[0] if self.report and self.report.candidates else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What the golden cases of a look will take at most."""

    cases: int
    requests: int
    tokens: int
    money: float | None


def run(plan: Plan, tell: Callable[[Asks], None]) -> GoldenRun:
    """Run the gate; ``tell`` is called once it is known what it takes, before anything is asked.

    Raises:
        KeyboardInterrupt: somebody interrupted it; pytest itself ends in silence then.
    """
    plugin = _Plugin(plan, tell)
    arguments = ["-qq", "-s"]
    if importlib.util.find_spec("xdist") and "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ:
        arguments.append("-n0")  # whatever the project's addopts say: the plugin is in here alone
    ran = run_apart([*arguments, *plan.arguments], plugin)
    if plugin.interrupted:  # whoever wants to stop does not want the probes asked, either
        raise KeyboardInterrupt
    if ran.broke:
        sys.stderr.write(ran.output + ran.beside)
    elif plugin.report is None and not plugin.none:  # what others warn of belongs in no answer
        sys.stderr.write(ran.beside)
    return plugin.found(ran)


@dataclass
class _Plugin:
    """A pytest plugin that makes both arms of the gate one endpoint, on two days."""

    plan: Plan
    tell: Callable[[Asks], None]
    report: GateReport | None = None
    gate: GateSession | None = None
    failed: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    none: bool = False
    changed: bool = False
    interrupted: bool = False
    meter: Meter = field(default_factory=Meter)

    # --- putting in ---------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Turn the gate on, with options of our own in place of the project's."""
        option = config.option
        if not hasattr(option, "quant_candidate"):
            raise pytest.UsageError(OFF)
        limits = self.plan.limits
        ours: Mapping[str, object] = {
            "candidate": [],
            "null": True,
            "baseline": self.plan.endpoint,
            "config": str(self.plan.config),
            "answers": [],
            "sequential": False,
            "shard": None,
            "junit": None,
            "report": str(self.plan.reports),
            "github": "off",
            # Too few cases to show that nothing was lost may still show that something was.
            "underpowered": "allow",
            "max_requests": limits.requests,
            "max_cost": limits.cost,
            "adapt": self.adapt,
        }
        for name, value in ours.items():
            setattr(option, f"quant_{name}", value)

    def adapt(self, settings: GateConfig, metrics: Mapping[str, Metric]) -> GateConfig:
        """Make the arms one endpoint on two days; leave out what compares times of two days."""
        plan, base = self.plan, settings.baseline

        def on(look: str, name: str) -> Variant:
            revision = f"{base.revision or ''} watched {look}".strip()
            return replace(base, name=name, revision=revision)

        names = (f"{base.name}-pinned", f"{base.name}-now")
        pinned, now = on(plan.pinned, names[0]), on(plan.look, names[1])
        if plan.alone:  # both ask the same: whoever comes first, and the other finds the answer
            pinned = replace(pinned, concurrency=1)
        return replace(
            settings,
            baseline=pinned,
            candidates=(now,),
            budgets=self._untimed(settings, metrics),
            null=None,
            null_number=0,
            two_days=True,
            calibration=(),
            cache_folder=plan.answers,
            history=None,
            limits=Limits(
                requests=plan.limits.requests,
                cost=plan.limits.cost,
                seconds=settings.limits.seconds,
            ),
            places={**settings.places, **dict.fromkeys(names, settings.places[base.name])},
        )

    def _untimed(
        self, settings: GateConfig, metrics: Mapping[str, Metric]
    ) -> tuple[Budget, ...] | None:
        if settings.budgets is None:
            return None
        timed = [
            b for b in settings.budgets if getattr(metrics.get(b.metric or ""), "timed", False)
        ]
        if timed:
            told = ", ".join(dict.fromkeys(str(b.metric) for b in timed))
            self.remarks.append(f"no budget of {told}: times of two days are not compared")
        if found := tuple(b for b in settings.budgets if b not in timed):
            return found
        raise InputError(
            f"{settings.file}: all budgets are about times, and times of two days are not "
            "compared: give a budget on what the answers are, or use --no-golden"
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let the pinned answers be read, and the endpoint of that day never be asked."""
        from pytest_quantguard.plugin import GATE

        self.gate = session.config.pluginmanager.get_plugin(GATE)
        if self.gate is None:
            return
        asking, plan = self.gate.asking, self.plan
        spare = self.gate.run.folder / "answers"
        cache = TwoDays(plan.answers, plan.pinned_answers, spare=spare)
        name = self.gate.settings.baseline.name
        pinned = Pinned(asking.providers[name], plan.pinned, plan.content)
        asking.lay(cache, {} if plan.alone else {name: pinned})
        asking.witness = self.meter.over(asking.witness, self.gate.settings.asked)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out tests that are no golden cases, and checks that compare times."""
        golden = [item for item in items if CASE in item.stash]
        kept = [item for item in golden if not any(map(reads_timing, checks_of(item)))]
        if lost := len(golden) - len(kept):
            checks = counted(lost, "check reads", "checks read")
            self.remarks.append(f"{checks} times, which are not compared between two days")
        if left := [item for item in items if item not in set(kept)]:
            config.hook.pytest_deselected(items=left)
        items[:] = kept

    # --- taking out ---------------------------------------------------------------------

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what is wrong with a file."""
        if report.failed:
            self.failed.append(told(report))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say what it takes, or end here: without cases, or with others than the pin's."""
        if self.failed or self.gate is None:
            return
        self.none = not session.items
        golden = self.gate.plan.get("golden_hash", "")
        self.changed = bool(self.plan.golden) and golden != self.plan.golden and not self.none
        if self.none or self.changed:
            pytest.exit("there is nothing to compare")
        if self.plan.alone:  # what a critical case may need later, and nobody could ask for then
            cases = self.gate.survey.cases.values() if self.gate.survey else ()
            arms = (self.gate.settings.baseline.name,)
            jobs = [job for case in cases for job in further_jobs(case, arms)]
            self.gate.asking.ask_ahead(jobs)
        try:
            self.tell(self._asks(self.gate))
        except InputError as error:
            raise pytest.UsageError(f"quantguard: {error}") from None

    def _asks(self, gate: GateSession) -> Asks:
        from pytest_quantguard._spending import Spending

        cases = list(gate.survey.cases.values()) if gate.survey else []
        spending = Spending.of(
            gate.settings, gate.engine, cases, gate.services.judges, references=gate.references
        )
        rows = [row for row in spending.rows.values() if row.requests]
        return Asks(
            cases=len(cases),
            requests=spending.requests,
            tokens=sum(row.prompt_tokens for row in rows),
            money=spending.cost if rows and all(row.variant.price for row in rows) else None,
        )

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell somebody's Ctrl-C from `pytest.exit`, which pytest reports here, too."""
        self.interrupted = isinstance(excinfo.value, KeyboardInterrupt)

    @pytest.hookimpl(optionalhook=True)
    def pytest_quantguard_report(self, report: GateReport) -> None:
        """Keep the report."""
        self.report = report

    def found(self, ran: Apart) -> GoldenRun:
        """Return what became of the run, by its exit code and what was seen of it."""
        if ran.broke:
            return replace(self._spent(), said=(f"pytest broke: {ran.broke}",))
        if self.none or self.changed:
            return GoldenRun(none=self.none, changed=self.changed)
        if self.failed:
            return GoldenRun(said=tuple(self.failed), usage=True)
        if self.report is None:
            # pytest has said on stderr what a usage error is about
            told = ran.output.strip()[-2000:] or f"pytest ended with {ran.code}"
            usage = ran.code == _USAGE
            return replace(self._spent(), said=() if usage else (told,), usage=usage)
        candidate = self.report.candidates[0]
        return replace(
            self._spent(),
            report=self.report,
            behaviour=behaviour(candidate, self.report.provenance.get("golden_hash", "")),
            remarks=tuple(self.remarks),
        )

    def _spent(self) -> GoldenRun:
        """What was sent counts against the limits of a look, whatever became of the run."""
        meter = self.meter
        return GoldenRun(requests=meter.requests, tokens=meter.tokens, cost=meter.cost)


def behaviour(candidate: CandidateReport, golden: str) -> Behaviour:
    """Return in numbers what one arm showed; ``golden`` is the hash of what was asked.

    A case without an answer has no value: an outage says nothing about quality, and a week that
    holds one would look like a loss.
    """
    arms = {m.case: m.candidate for m in candidate.measurements}
    silent = {case for case, arm in arms.items() if not arm.answered}
    values: dict[str, dict[str, float]] = {}
    for outcome in candidate.outcomes:
        if outcome.case not in silent:
            values.setdefault(outcome.case, {})[outcome.check] = outcome.candidate.value
    speeds = {case: _speed(arm) for case, arm in arms.items() if arm.live}
    return Behaviour(
        values=values,
        tokens={c: round(a.completion_tokens) for c, a in arms.items() if a.completion_tokens},
        speeds={case: speed for case, speed in speeds.items() if speed},
        golden=golden,
    )


def _speed(arm: Measurement) -> float:
    """Return tokens per second, the wait for the first one included; 0 where it is not known."""
    return arm.completion_tokens / arm.latency_s if arm.completion_tokens and arm.latency_s else 0.0


def selected(paths: Sequence[str], keyword: str | None, mark: str | None) -> tuple[str, ...]:
    """Return pytest's arguments for a selection of golden cases."""
    found = [*paths]
    found += ["-k", keyword] if keyword else []
    return (*found, *(["-m", mark] if mark else []))
