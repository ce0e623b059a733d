"""Everything that a process needs to ask the arms: providers, cache, and the engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_quantguard import _served
from pytest_quantguard._evidence import jobs_of
from pytest_quantguard._questions import questions
from pytest_quantguard.errors import ConfigError, ProviderError
from pytest_quantguard.types import GoldenCase, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_quantguard._answers import Answers
    from pytest_quantguard._cache import CompletionCache
    from pytest_quantguard._complete import CompletionEngine
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard._registry import Registry
    from pytest_quantguard._run import Run
    from pytest_quantguard.contracts import Provider


class Asking:
    """The way to all variants and judges; what costs something is made on first use.

    Args:
        settings: the configuration.
        registry: where providers are found.
        run: what the processes of this run share.
        urls: addresses of servers that another process of the run has started, by variant.
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
        urls: Mapping[str, str] | None = None,
        answers: Sequence[str] = (),
        start: Path | None = None,
    ) -> None:
        self._settings = settings
        self._run = run
        self.answers: Answers | None = None
        if answers:
            from pytest_quantguard._answers import Answers

            self.answers = Answers.given(answers, start or Path(), self.secrets)
        self.providers = self._providers(registry, urls or {})
        self.remarks: list[str] = []
        """Sentences about what was found out while planning."""
        self._cache: CompletionCache | None = None
        self._engine: CompletionEngine | None = None

    def _providers(self, registry: Registry, urls: Mapping[str, str]) -> dict[str, Provider]:
        providers: dict[str, Provider] = {}
        problems: list[str] = []
        for name, variant in self._settings.asked.items():
            try:
                make = registry.providers.get(variant.provider)
                url = urls.get(name, variant.base_url)
                providers[name] = make(replace(variant, base_url=url))
            except (LookupError, ValueError) as error:
                place = self._settings.places[name]
                problems.append(f"{place}: variant {name!r}: {error.args[0]}")
        if problems:
            raise ConfigError(problems)
        if self.answers is None:
            return providers
        arms = {name: providers[name] for name in self._settings.variants}
        return {**providers, **self.answers.unasked(arms)}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the API keys, which may stand in nothing that is shown or written."""
        keys = (v.api_key_env for v in self._settings.asked.values() if v.api_key_env)
        return tuple(filter(None, (os.environ.get(key, "") for key in keys)))

    def __dir__(self) -> list[str]:
        # Whoever lists the attributes by reading them must not open the cache or build the engine.
        return [name for name in super().__dir__() if name not in ("cache", "engine")]

    @property
    def cache(self) -> CompletionCache:
        """The completion cache, opened on first use."""
        if self._cache is None:
            from pytest_quantguard._cache import CompletionCache

            folder = self._settings.cache_folder
            self._cache = self.answers.over(folder) if self.answers else CompletionCache(folder)
        return self._cache

    @property
    def engine(self) -> CompletionEngine:
        """What asks the arms; made on first use."""
        if self._engine is None:
            from pytest_quantguard._cache import CompletionCache
            from pytest_quantguard._complete import CompletionEngine

            asked, caches = self._settings.asked, {}
            if self.answers is not None:  # recorded are the arms; judges are asked all the same
                live = CompletionCache(self._settings.cache_folder)
                caches = {name: live for name in asked if name not in self._settings.variants}
            self._engine = CompletionEngine(
                self.cache, self.providers, asked, run=self._run, caches=caches
            )
        return self._engine

    @property
    def begun(self) -> bool:
        """Whether there is an engine: whether anything may have been asked."""
        return self._engine is not None

    # --- before the first request ---------------------------------------------------------

    def plan(
        self, cases: Iterable[GoldenCase], every: Iterable[GoldenCase], *, references: bool
    ) -> list[str]:
        """Queue what ``cases`` ask of the arms; return why nothing may be asked.

        ``every`` case of the run is what recorded answers have to cover.
        """
        variants = tuple(self._settings.variants)
        self.engine.plan(
            job for case in cases for job in jobs_of(case, variants, references=references)
        )
        if self.answers is None:
            return []
        every = list(every)
        with suppress(ProviderError):  # said where the variant is made reachable
            asked = {n: questions(every, n, self.providers[n]) for n in variants}
            problems = self.answers.compare(asked, self.cache)
            self.remarks += self.answers.remarks()
            return problems
        return []

    def make_reachable(self, judges: Iterable[str]) -> list[str]:
        """Start what has to be started now: a missing key or model costs no request.

        ``judges`` are started too where any variant has to be asked.
        """
        due = [name for name, (known, planned) in self.engine.known().items() if known < planned]
        problems = []
        for name in [*due, *(judges if due else ())]:
            try:
                self.providers[name].identity()
                self.providers[name].start()
            except ProviderError as error:
                problems.append(f"{self._settings.places[name]}: {error}")
        return [*problems, *self._same_twice()]

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
        known = self.engine.known()
        return {name: known[name] for name in self._settings.variants}

    # --- the end --------------------------------------------------------------------------

    def told(self) -> Json:
        """Return what was asked and what the servers said, as plain JSON types for the report."""
        counts = self.engine.counts()
        arms = {name: counts[name] for name in self._settings.variants}
        folder = self._settings.cache_folder
        served = _served.gather(arms, self.providers, folder, recall=self.answers is None)
        return {"counts": arms, "served_as": served, "notices": list(self.cache.notices)}

    def close(self, *, cancel: bool) -> None:
        """Hang up and stop servers; ``cancel`` cuts requests short. Safe to call twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close(cancel)
        for provider in self.providers.values():
            provider.stop()

    def close_cache(self) -> None:
        """Close the cache, which reports still read after the last answer."""
        if self._cache is not None:
            self._cache.close()
