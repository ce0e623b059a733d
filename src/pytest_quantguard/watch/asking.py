"""Asking the probes: every time anew, through the engine that asks golden cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pytest_quantguard._run import Run
from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.contracts import Provider
from pytest_quantguard.engine.complete import CompletionEngine, Job
from pytest_quantguard.engine.limits import Limits, cost_bound, prompt_tokens
from pytest_quantguard.errors import ConfigError, LimitError, ProviderError, RefusedError
from pytest_quantguard.launching.launched import Servers
from pytest_quantguard.providers._access import secrets_of
from pytest_quantguard.types import Completion, Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.records import ProbeAnswer

if TYPE_CHECKING:
    from pytest_quantguard._registry import Registry

FEW = 0.2
"""Share of the probes, in [0, 1], that may go without an answer in a look."""
_ROUNDS = 1000
"""More than a look has."""
_SAID = 5
"""Failures that are named."""
_FACTS = ("model", "quantization", "version", "kv_cache", "context")
"""What a server says of itself that does not change from minute to minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the probes of one look brought."""

    mode: probes.Mode
    answers: tuple[ProbeAnswer, ...] = ()
    failures: tuple[str, ...] = ()
    """Sentences; as many as there are probes without an answer."""
    served: Json
    requests: int = 0
    """How many were made, repeated ones included."""
    tokens: int = 0
    cost: float | None = None
    """In the currency of the price; None where none is configured."""
    limited: str = ""
    """Why a limit of the look stopped it; empty when none did."""

    @property
    def enough(self) -> bool:
        """Whether so many were answered that this is a look at all."""
        asked = len(self.answers) + len(self.failures)
        return bool(self.answers) and len(self.failures) <= FEW * asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What is asked at most; each request made once."""

    requests: int
    tokens: int
    """Of prompts and answers, by an upper bound."""
    money: float | None
    """In the currency of the price; None where none is configured."""


def cost(variant: Variant, mode: probes.Mode | None, looks: int = 1) -> Cost:
    """Return what the probes of looks cost at most; ``mode`` None: not known before asking."""
    modes: tuple[probes.Mode, ...] = (mode,) if mode else ("logprobs", "sampled")
    every = max((probes.questions(one) for one in modes), key=len)
    # One question more, by which it is found out whether the API gives log-probs.
    first = () if mode else probes.questions("logprobs")[:1]
    asked = [question.request for question in (*every * looks, *first)]
    known = [cost_bound(request, variant) or 0.0 for request in asked]
    return Cost(
        requests=len(asked),
        tokens=sum(prompt_tokens(r) + int(r.params.get("max_tokens", 0)) for r in asked),
        money=sum(known) if variant.price is not None else None,
    )


class Prober:
    """The way to one endpoint, for probes; a context manager."""

    def __init__(self, variant: Variant, registry: Registry, place: str) -> None:
        """``place`` is where the variant is written, as ``file:line``.

        Raises:
            ConfigError: the provider is unknown, or cannot use the variant.
        """
        self._variant = variant
        self.limits = Limits()
        """What all looks together may still use up."""
        self._run = Run.begin()
        self._servers = Servers(self._run)
        self.secrets = secrets_of((variant,))
        try:
            make = registry.providers.get(variant.provider)
            self.provider: Provider = self._servers.provider(variant, make)
        except (LookupError, ValueError) as error:
            self._run.end()
            raise ConfigError(f"{place}: variant {variant.name!r}: {error.args[0]}") from None
        self._servers.keep(lambda: self.secrets)
        self._engine: CompletionEngine | None = None
        self._cache: CompletionCache | None = None
        self._looks = 0

    def __enter__(self) -> Prober:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close(cancel=True)
        if self._cache is not None:
            self._cache.close()
        self._servers.close()
        self.provider.stop()
        self._run.end()

    def identity(self) -> Json:
        """Return what the provider says tells this endpoint from others; without keys.

        Raises:
            ProviderError: not even that is known, such as of a file that is not there.
        """
        return self.provider.identity()

    def look(self, mode: probes.Mode | None) -> Asked:
        """Ask all probes once; ``mode`` None: find out whether the API gives log-probs.

        A server that cannot be reached makes failures, and no exception.
        """
        if self._engine is None:
            name, run = self._variant.name, self._run
            self._cache = CompletionCache(run.part("probes"))  # empty: nothing comes out of it
            self._engine = CompletionEngine(
                self._cache,
                {name: self.provider},
                {name: self._variant},
                run=run,
                limits=self.limits,
            )
        before = self._attempts(self._engine)
        found = self._asked(self._engine, mode)
        self._looks += 1
        return replace(found, requests=self._attempts(self._engine) - before)

    def _attempts(self, engine: CompletionEngine) -> int:
        return engine.counts()[self._variant.name]["attempts"]

    def _asked(self, engine: CompletionEngine, mode: probes.Mode | None) -> Asked:
        try:
            engine.reach(self._variant.name)
        except ProviderError as error:
            found = mode or "logprobs"
            failed = [self._said(error)] * len(probes.questions(found))
            return Asked(mode=found, failures=tuple(failed), served={})
        if mode is None:
            mode = self._mode(engine)
        questions = probes.questions(mode)
        jobs = [self._job(question) for question in questions]
        engine.plan(jobs)
        engine.start()
        answers, failures, limited = [], [], ""
        completions: list[Completion] = []
        for question, job in zip(questions, jobs, strict=True):
            got = engine.get(job)
            if got.completion is not None:
                answers.append(self._clean(probes.answered(question, got.completion)))
                completions.append(got.completion)
            elif got.error is not None:
                failures.append(self._said(got.error))
                limited = failures[-1] if isinstance(got.error, LimitError) else limited
        return Asked(
            mode=mode,
            answers=tuple(answers),
            failures=tuple(failures),
            served=self._served() if answers else {},
            tokens=sum(map(_tokens, completions)),
            cost=self._cost(completions),
            limited=limited,
        )

    def _mode(self, engine: CompletionEngine) -> probes.Mode:
        """Ask one question with log-probs: does the API give any?"""
        engine.start()
        answer = engine.get(self._job(probes.questions("logprobs")[0]))
        if answer.completion is None:  # what broke off says nothing about the API
            return "sampled" if isinstance(answer.error, RefusedError) else "logprobs"
        return "logprobs" if probes.has_logprobs(answer.completion) else "sampled"

    def _job(self, question: probes.Question) -> Job:
        # A number of its own for each look and round: what was asked before is no answer.
        number = self._looks * _ROUNDS + question.round
        return Job(variant=self._variant.name, request=question.request, repeat=number)

    def _said(self, error: BaseException) -> str:
        return one_line(scrub(str(error), self.secrets), 400)

    def _clean(self, answer: ProbeAnswer) -> ProbeAnswer:
        """Take secrets out of what a server may have sent back."""

        def safe(text: str | None) -> str | None:
            return text and scrub(text, self.secrets)

        return replace(
            answer,
            text=safe(answer.text) or "",
            served_as=safe(answer.served_as),
            fingerprint=safe(answer.fingerprint),
            top=tuple((safe(text) or "", p) for text, p in answer.top),
        )

    def _served(self) -> Json:
        told = asdict(self.provider.served_as())
        found = {name: told[name] for name in _FACTS if told.get(name) is not None}
        return {
            name: one_line(scrub(value, self.secrets)) if isinstance(value, str) else value
            for name, value in found.items()
        }

    def _cost(self, completions: Sequence[Completion]) -> float | None:
        price = self._variant.price
        if price is None:
            return None
        return sum(price.of(completion.usage) or 0.0 for completion in completions)


def _tokens(completion: Completion) -> int:
    usage = completion.usage
    return (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)


def told_failures(failures: Sequence[str]) -> list[str]:
    """Return each different failure once, the commonest first, with how often it was seen."""
    counts: dict[str, int] = {}
    for text in failures:
        counts[text] = counts.get(text, 0) + 1
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])
    said = [f"{number} x {text}" if number > 1 else text for text, number in ranked[:_SAID]]
    return said + ([f"and {len(ranked) - _SAID} other kinds"] if len(ranked) > _SAID else [])
