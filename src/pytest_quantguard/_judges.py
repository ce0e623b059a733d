"""The judges of a run: which are asked, how often at most, ahead of time, and what it cost."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_quantguard._comparability import counted_alike
from pytest_quantguard._judge_model import EngineJudge
from pytest_quantguard.contracts import AsksJudge, Check, offers
from pytest_quantguard.engine.jobs import jobs_of
from pytest_quantguard.errors import ConfigError, did_you_mean
from pytest_quantguard.types import Completion, GoldenCase, Json
from pytest_quantguard.variants import Variant

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard.engine.complete import CompletionEngine

Counts = Mapping[str, Mapping[str, int]]


class Judges:
    """The judge models of one process.

    ``run`` is the run's id; ``shares`` is the number of processes that share its calls.
    """

    def __init__(
        self,
        settings: GateConfig,
        engine: Callable[[], CompletionEngine],
        *,
        run: str = "",
        shares: int = 1,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._run = run
        self._shares = shares
        self._models: dict[str, EngineJudge] = {}
        self._checks: dict[str, list[AsksJudge]] = {}
        self._foresight: Foresight | None = None
        self._waiting: list[GoldenCase] = []

    def model(self, name: str | None = None) -> EngineJudge:
        """Return a judge; without a name the only one.

        Raises:
            ConfigError: there is none of this name, or several and none was named, or it cannot
                be used.
        """
        known = self._settings.judges
        if not known:
            raise ConfigError(
                f"it needs a judge model, and {self._settings.file} has no 'judges:'; write there "
                "judges: {strict: {provider: openai, base_url: ..., model: ...}}"
            )
        if name is None and len(known) > 1:
            names = ", ".join(known)
            raise ConfigError(f"there are several judges ({names}); choose one with 'by'")
        chosen = next(iter(known)) if name is None else name
        if chosen not in known:
            raise ConfigError(f"unknown judge {chosen!r:.80}; {did_you_mean(chosen, known)}")
        if known[chosen].problems:
            raise ConfigError(known[chosen].problems)
        return self._models.setdefault(
            chosen,
            EngineJudge(chosen, known[chosen], self._engine, run=self._run, shares=self._shares),
        )

    # --- before the first request ---------------------------------------------------------

    def select(self, chosen: Iterable[tuple[GoldenCase, Check]]) -> list[str]:
        """Note which checks will ask which judge; return why that must not be.

        A check whose judge is missing is passed over here: it is said elsewhere.
        """
        for case, check in chosen:
            if offers(check, AsksJudge):
                with suppress(ConfigError):
                    model = self.model(check.by)
                    model.planned += check.calls(case, len(self._settings.candidates))
                    self._checks.setdefault(case.id, []).append(check)
        found = []
        for name, model in self._models.items():
            most = model.config.max_calls
            if model.planned > most:
                found.append(
                    f"{model.config.place}: the judge {name!r} may be asked {most} times "
                    f"(max_calls), and this run could need {model.planned} of its answers; raise "
                    "max_calls, or select fewer cases, samples or votes"
                )
            found += [
                f"{model.config.place}: the judge {name!r} is the candidate {arm.name!r} itself, "
                "the same model at the same address: nobody judges their own answers; name "
                "another judge"
                for arm in self._settings.candidates
                if arm.name != self._settings.null and _same_model(arm, model.config.variant)
            ]
        return found

    def samples(self, cases: Iterable[GoldenCase]) -> list[tuple[str, GoldenCase]]:
        """Return, per judge and kind of check, its lane and a case that asks its first question.

        The words of a question depend on the answers; what is asked of the server does not.
        """
        answers = (Completion(text="yes"),), (Completion(text="no"),)
        found: dict[tuple[str, type], GoldenCase] = {}
        for case in cases:
            for check in self.checks_of(case):
                kind = self.model(check.by).config.variant.name, type(check)
                if kind not in found:
                    with suppress(Exception):  # a check of the user's: it will say so itself
                        request, _ = next(iter(check.foreseen(*answers, case)))
                        found[kind] = replace(case, request=request)
        return [(name, case) for (name, _), case in found.items()]

    def remarks(self) -> list[str]:
        """Return what a reader of the verdict should know about the judges."""
        baseline = self._settings.baseline
        return [
            f"the judge {name} is the baseline {baseline.name} itself; models tend to prefer "
            "answers like their own"
            for name, model in self._models.items()
            if model.planned and _same_model(baseline, model.config.variant)
        ]

    @property
    def asked(self) -> list[str]:
        """Names of the lanes of those that this run asks."""
        return [model.config.variant.name for model in self._models.values() if model.planned]

    # --- ahead of time --------------------------------------------------------------------

    def foresee(self, cases: Iterable[GoldenCase]) -> None:
        """Have the judges asked about these cases as soon as both arms have answered."""
        found = [case for case in cases if case.id in self._checks]
        if self._foresight is None:
            self._waiting += found
        else:
            self._foresight.add(found)

    def start(self) -> None:
        """Begin to ask ahead."""
        if self._checks and self._foresight is None:
            names = self._settings.baseline.name, [v.name for v in self._settings.candidates]
            self._foresight = Foresight(self._engine(), self, *names)
            self._foresight.add(self._waiting)
            self._foresight.start()

    def checks_of(self, case: GoldenCase) -> list[AsksJudge]:
        """Return the checks of a case that ask a judge."""
        return self._checks.get(case.id, [])

    def stop(self) -> None:
        """Ask nothing more ahead; what is under way goes on."""
        if self._foresight is not None:
            self._foresight.stop()

    def spent(self, counts: Counts) -> Json:
        """Return what was asked of each judge, in numbers that add up over processes."""
        return {
            name: {**model.spent(), "sent": counts[model.config.variant.name]["sent"]}
            for name, model in self._models.items()
            if model.config.variant.name in counts
        }


class Foresight:
    """Waits for the arms' answers, case by case, and has the judges asked about them at once.

    Items are judged one after the other; without it each would wait for its judge alone. What it
    asks for is what the item will ask for: it saves time, and costs a request only where a judge
    fails and the item gives up before its second question.
    """

    def __init__(
        self, engine: CompletionEngine, judges: Judges, baseline: str, candidates: list[str]
    ) -> None:
        self._engine = engine
        self._judges = judges
        self._baseline = baseline
        self._candidates = candidates
        self._cases: queue.SimpleQueue[GoldenCase | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quantguard-ahead", daemon=True)

    def add(self, cases: Iterable[GoldenCase]) -> None:
        """Queue cases, in the order in which their answers will come."""
        for case in cases:
            self._cases.put(case)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Look at no further case."""
        self._stopped.set()
        self._cases.put(None)

    def _run(self) -> None:
        try:
            while (case := self._cases.get()) is not None and not self._stopped.is_set():
                # The item asks for itself, and says what is wrong.
                with suppress(Exception):
                    self._look(case)
        finally:
            self._engine.leave()

    def _look(self, case: GoldenCase) -> None:
        baseline = self._answers(self._baseline, case)
        if not baseline:
            return  # nothing is judged without a baseline
        for name in self._candidates:
            candidate = self._answers(name, case)
            arms = [arm[0].usage for arm in (baseline, candidate) if arm]
            if len(arms) == 2 and not counted_alike(case.request, *arms):
                continue  # not comparable
            for check in self._judges.checks_of(case):
                model = self._judges.model(check.by)
                asked = check.foreseen(baseline, candidate, case)
                self._engine.plan([model.job(request, repeat) for request, repeat in asked])
        if not self._stopped.is_set():
            self._engine.start()

    def _answers(self, variant: str, case: GoldenCase) -> list[Completion]:
        """Return all repeats, or nothing."""
        found = []
        for job in jobs_of(case, (variant,)):
            answer = None if self._stopped.is_set() else self._engine.get(job)
            if answer is None or answer.completion is None:
                return []
            found.append(answer.completion)
        return found


def told(spent: Mapping[str, Json], settings: GateConfig) -> Json:
    """Return what the report says about the judges; empty when none was asked."""
    return {
        name: {
            **numbers,
            "model": settings.judges[name].variant.model,
            "max_calls": settings.judges[name].max_calls,
        }
        for name, numbers in spent.items()
        if name in settings.judges
    }


def _same_model(one: Variant, other: Variant) -> bool:
    places = [(v.address or v.provider).rstrip("/") for v in (one, other)]
    return places[0] == places[1] and one.model == other.model
