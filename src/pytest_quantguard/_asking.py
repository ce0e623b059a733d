"""Everything that a process needs to ask the arms: providers, cache, and the engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_quantguard import _probe, _served
from pytest_quantguard._questions import questions
from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard._unfit import omissions, refusals
from pytest_quantguard.engine.jobs import further_jobs, jobs_of
from pytest_quantguard.errors import ConfigError, ProviderError, RefusedError
from pytest_quantguard.launching.launched import Servers, turn_remarks
from pytest_quantguard.providers._access import secrets_of
from pytest_quantguard.types import GoldenCase, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_quantguard._answers import Answers
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard._registry import Registry
    from pytest_quantguard._run import Run
    from pytest_quantguard.cache.completions import CompletionCache
    from pytest_quantguard.contracts import Provider
    from pytest_quantguard.engine.complete import CompletionEngine, Job
    from pytest_quantguard.engine.progress import Snapshot
    from pytest_quantguard.engine.tasks import Witness


class Asking:
    """The way to all variants and judges; what costs something is made on first use.

    Args:
        settings: the configuration.
        registry: where providers are found.
        run: what the processes of this run share.
        worker: name of this process where another one keeps the servers of the run; else empty.
        answers: files of recorded answers; where there are any, no variant is asked.
        start: the folder that their names are relative to.

    Raises:
        ConfigError: a provider that is unknown or cannot use a variant; unreadable answers.
    """

    def __init__(
        self,
        settings: GateConfig,
        registry: Registry,
        run: Run,
        *,
        worker: str = "",
        answers: Sequence[str] = (),
        start: Path | None = None,
    ) -> None:
        self._settings = settings
        self._run = run
        self.answers: Answers | None = None
        if answers:
            from pytest_quantguard._answers import Answers

            self.answers = Answers.given(answers, start or Path(), self.secrets)
        self._keeps = not worker
        self._servers = Servers(run, worker)
        self.providers = self._providers(registry)
        self.witness: Witness | None = None
        """Told of each request that is sent."""
        self.remarks: list[str] = []
        """Sentences about what was found out while planning."""
        self._cache: CompletionCache | None = None
        self._live: CompletionCache | None = None
        """The one that takes new answers; it lies under recorded answers, where there are any."""
        self._engine: CompletionEngine | None = None
        self._probed: Mapping[str, GoldenCase] = {}
        """Parameters that shape answers, of which each variant is asked whether it honours them;
        with each a case that uses it."""
        self._ahead: list[Job] = []
        """What may be needed of variants that take turns: further runs of critical cases."""

    def _providers(self, registry: Registry) -> dict[str, Provider]:
        providers: dict[str, Provider] = {}
        problems: list[str] = []
        for name, variant in self._settings.asked.items():
            try:
                make = registry.providers.get(variant.provider)
                recorded = self.answers is not None and name in self._settings.variants
                providers[name] = (
                    make(variant) if recorded else self._servers.provider(variant, make)
                )
            except (LookupError, ValueError) as error:
                place = self._settings.places[name]
                problems.append(f"{place}: variant {name!r}: {error.args[0]}")
        if problems:
            raise ConfigError(problems)
        if self.answers is None:
            return providers
        arms = {name: providers[name] for name in self._settings.variants}
        return {**providers, **self.answers.unasked(arms)}

    def lay(self, cache: CompletionCache, providers: Mapping[str, Provider]) -> None:
        """Take answers from this cache, and these providers in place of the configured ones.

        Only before anything was asked.
        """
        self._cache = self._live = cache
        self.providers = {**self.providers, **providers}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return keys and the like, which may stand in nothing that is shown or written."""
        return secrets_of(self._settings.asked.values())

    def __dir__(self) -> list[str]:
        # Whoever lists the attributes by reading them must not open the cache or build the engine.
        return [name for name in super().__dir__() if name not in ("cache", "engine")]

    @property
    def cache(self) -> CompletionCache:
        """The completion cache, opened on first use."""
        if self._cache is None:
            if self.answers is not None:
                self._cache = self.answers.over(self._settings.cache_folder)
            else:
                self._cache = self._live_cache()
        return self._cache

    def _live_cache(self) -> CompletionCache:
        from pytest_quantguard.cache.completions import CompletionCache

        spare = self._run.folder / "answers"
        self._live = CompletionCache(self._settings.cache_folder, spare=spare)
        return self._live

    @property
    def engine(self) -> CompletionEngine:
        """What asks the arms; made on first use."""
        if self._engine is None:
            from pytest_quantguard.engine.complete import CompletionEngine

            self.keep_servers()
            asked, caches = self._settings.asked, {}
            if self.answers is not None:  # recorded are the arms; judges are asked all the same
                live = self._live_cache()
                caches = {name: live for name in asked if name not in self._settings.variants}
            self._engine = CompletionEngine(
                self.cache,
                self.providers,
                asked,
                run=self._run,
                caches=caches,
                limits=self._settings.limits,
                witness=self.witness,
            )
        return self._engine

    @property
    def begun(self) -> bool:
        """Whether there is an engine: whether anything may have been asked."""
        return self._engine is not None

    # --- before the first request ---------------------------------------------------------

    def plan(
        self,
        cases: Iterable[GoldenCase],
        every: Iterable[GoldenCase],
        *,
        references: bool,
        probed: Mapping[str, GoldenCase] | None = None,
    ) -> list[str]:
        """Queue what ``cases`` ask of the arms; return why nothing may be asked.

        ``every`` case of the run is what recorded answers have to cover, and what servers must know
        how to do; ``probed`` are parameters of which each variant is asked, first of all, whether
        it honours them, each with a case that uses it.
        """
        variants = tuple(self._settings.variants)
        cases, every = list(cases), list(every)
        if refused := self._unfit(every or cases):  # those of later looks too
            return refused
        self._plan_probes(probed or {})
        self.engine.plan(
            job for case in cases for job in jobs_of(case, variants, references=references)
        )
        self._plan_turns(cases)
        if self.answers is None:
            return []
        with suppress(ProviderError):  # said where the variant is made reachable
            asked = {n: questions(every, n, self.providers[n]) for n in variants}
            problems = self.answers.compare(asked, self.cache)
            self.remarks += self.answers.remarks()
            return problems
        return []

    def _unfit(self, cases: Sequence[GoldenCase]) -> list[str]:
        arms = {name: self.providers[name] for name in self._settings.variants}
        self.remarks += omissions(cases, arms)
        return refusals(cases, arms, self._settings.places)

    def judges_unfit(self, samples: Iterable[tuple[str, GoldenCase]]) -> list[str]:
        """Say what judges cannot be asked; each sample is a judge's lane and one question."""
        found = []
        for name, case in samples:
            provider = {name: self.providers[name]}
            found += refusals([case], provider, self._settings.places)
            self.remarks += omissions([case], provider)
        return found

    def _plan_turns(self, cases: Sequence[GoldenCase]) -> None:
        """Plan what a turn may turn out to need: a server is not started again for a few."""
        turns = self._servers.turns()
        arms = tuple(name for name in self._settings.variants if name in turns)
        if turns and cases:
            self.ask_ahead([job for case in cases for job in further_jobs(case, arms)])
            driven = sum(case.driven for case in cases)
            known = self.engine.known()
            due = [name for name in turns if name in known and known[name][0] < known[name][1]]
            if driven or due:  # where everything is cached nobody takes a turn
                self.remarks += turn_remarks(turns, driven)

    def ask_ahead(self, jobs: Iterable[Job]) -> None:
        """Plan what may be needed later, and get it, needed or not, before the run ends."""
        self._ahead += jobs
        self.engine.plan(self._ahead)

    def _plan_probes(self, features: Mapping[str, GoldenCase]) -> None:
        if self.answers is None:
            self._probed = features
            variants = self._settings.variants
            jobs = (self.probe_job(n, f, c) for f, c in features.items() for n in variants)
            self.engine.plan(jobs)
        elif features:
            self.remarks.append(
                f"the answers are recorded: whether their servers honour {', '.join(features)} is "
                "not known"
            )

    def probe_job(self, variant: str, feature: str, case: GoldenCase) -> Job:
        """Return what finds out whether a variant honours a parameter that a case uses."""
        from pytest_quantguard.engine.complete import Job

        return Job(variant=variant, request=_probe.request(feature, case))

    def make_reachable(self, judges: Iterable[str]) -> list[str]:
        """Start what has to be started now: a missing key or model costs no request.

        ``judges`` are started too where any variant has to be asked.
        """
        due = [name for name, (known, planned) in self.engine.known().items() if known < planned]
        names = list(dict.fromkeys([*due, *(judges if due else ())]))
        launched = [name for name in names if self._servers.has(name)]
        others = [name for name in names if name not in launched]
        problems = [*self._unready(launched, start=False), *self._unready(others)]
        problems += [] if self._settings.two_days else self._same_twice()
        if launched and not problems:  # a model is not loaded for a run that is refused
            exclusive = [name for name in launched if self._settings.asked[name].exclusive]
            at_once = [name for name in launched if name not in exclusive]
            self._servers.want([*at_once, *(name for name in exclusive if name in due)])
            problems += self._unready(self._settled(at_once))
        return problems

    def _settled(self, names: Sequence[str]) -> list[str]:
        """Wait for servers, as far as that makes sense: one that does not come ends the run."""
        progress = self.engine.progress
        try:
            return self._servers.settled(names, progress.waiting if progress else lambda: None)
        finally:
            if progress is not None:
                progress.over()

    def snapshot(self) -> Snapshot:
        """Return how far everything is, and what it waits for."""
        return replace(self.engine.snapshot(), waits=self.starting())

    def starting(self) -> str:
        """Say which of the run's own servers are being started by this process."""
        return self._servers.starting()

    def _unready(self, names: Iterable[str], *, start: bool = True) -> list[str]:
        problems = []
        for name in names:
            try:
                self.providers[name].identity()
                if start:
                    self.providers[name].start()
                elif why := self._servers.unusable(name):
                    problems.append(f"{self._settings.places[name]}: variant {name!r}: {why}")
            except ProviderError as error:
                problems.append(f"{self._settings.places[name]}: {error}")
        return problems

    def keep_servers(self) -> None:
        """Start and end the run's own servers from now on, where that is this process's part."""
        if self._keeps:
            self._servers.keep(lambda: self.secrets)

    def worker_ended(self, worker: str) -> None:
        """Let go of the servers that a process needed which is gone."""
        self._servers.forget(worker)

    def server_faults(self) -> list[str]:
        """Return what became of the run's own servers, each with the end of its log."""
        return [str(fault) for fault in self._servers.faults()]

    def _same_twice(self) -> list[str]:
        """Refuse arms that are one model at one address: one would be judged by its own answers."""
        seen: dict[str, str] = {}
        problems = []
        for name in self._settings.variants:
            with suppress(ProviderError):  # said already, or to be said with the first request
                identity = json.dumps(self.providers[name].identity(), sort_keys=True)
                if (other := seen.setdefault(identity, name)) != name:
                    problems.append(
                        f"{self._settings.places[name]}: {name!r} is the same model at the same "
                        f"address as {other!r}; to measure noise, give one another 'revision'"
                    )
        return problems

    def known(self) -> dict[str, tuple[int, int]]:
        """Return, per variant, how many of its planned completions are cached, and of how many."""
        counts = self.engine.counts()  # looked up when the run was planned
        arms = ((name, counts[name]) for name in self._settings.variants)
        return {name: (found["cached"], found["planned"]) for name, found in arms}

    # --- the end --------------------------------------------------------------------------

    def told(self, *, cut: bool = False) -> Json:
        """Return what was asked and what the servers said, as plain JSON types for the report.

        ``cut``: the run is cut short, and nothing is waited for.
        """
        probes = {} if cut else {n: self._support(n) for n in self._settings.variants}
        for job in () if cut else self._ahead:  # needed or not: the same requests in every run
            self.engine.get(job)
        if self._live is not None:
            self._live.settle()
        counts = self.engine.counts()
        arms = {name: counts[name] for name in self._settings.variants}
        folder = self._settings.cache_folder
        served = _served.gather(arms, self.providers, folder, recall=self.answers is None)
        found = {"counts": arms, "served_as": served, "notices": self._notices()}
        return {**found, **({"probes": probes} if self._probed else {})}

    def _support(self, variant: str) -> Json:
        """Wait for what a variant made of each parameter that is probed."""
        found = {}
        for feature, case in self._probed.items():
            answer = self.engine.get(self.probe_job(variant, feature, case))
            if answer.completion is not None:
                found[feature] = list(_probe.read(feature, answer.completion))
                continue
            refused = isinstance(answer.error, RefusedError) and not answer.error.final
            # What is refused may be the probe's prompt or limit, and not the parameter.
            jobs = jobs_of(case, (variant,)) if refused else []
            refused = refused and not any(self.engine.get(job).completion for job in jobs)
            why = one_line(scrub(str(answer.error), self.secrets), 200)
            found[feature] = ["refused" if refused else "unknown", why]
        return found

    def _notices(self) -> list[str]:
        caches = (self.cache, self._live)
        return list(
            dict.fromkeys(text for one in caches if one is not None for text in one.notices)
        )

    def close(self, *, cancel: bool) -> None:
        """Hang up and stop servers; ``cancel`` cuts requests short. Safe to call twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close(cancel)
        if self._live is not None:  # what was in flight has arrived
            self._live.settle()
        for provider in self.providers.values():
            provider.stop()
        self._servers.close()

    def close_cache(self) -> None:
        """Close the cache, which reports still read after the last answer."""
        for cache in (self._cache, self._live):
            if cache is not None:
                cache.close()
