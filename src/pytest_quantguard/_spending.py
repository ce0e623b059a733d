"""What a run will ask and cost at most, compared with its limits before the first request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_quantguard._plural import counted
from pytest_quantguard.engine.jobs import further_jobs, jobs_of
from pytest_quantguard.engine.limits import (
    Limits,
    answer_tokens,
    cost_bound,
    cost_of,
    prompt_tokens,
)
from pytest_quantguard.types import CompletionRequest, GoldenCase
from pytest_quantguard.variants import Variant

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard._judges import Judges
    from pytest_quantguard.engine.complete import CompletionEngine

_SHOWN = 3
_JUDGED_BYTES = 24_000
"""Of each answer a judge is shown no more."""
_BYTES_PER_TOKEN = 8
"""Of answers, at most: a judge reads what an arm may write."""
_INSTRUCTION_TOKENS = 2000
_VERDICT_TOKENS = 1024


@dataclass(slots=True)
class Row:
    """What one variant or judge is asked."""

    variant: Variant
    asked: int = 0
    further: int = 0
    """Only asked should critical cases seem to have regressed, or by a judge as needed."""
    prompt_tokens: int = 0
    """An upper bound, by the length of the texts."""
    cost: float = 0.0
    """An upper bound; no use without a price."""

    @property
    def requests(self) -> int:
        return self.asked + self.further


def judged_at_most(case: GoldenCase, judge: Variant) -> tuple[int, float | None]:
    """Return prompt tokens and cost of one question to a judge, at most; None without a price."""
    most = answer_tokens(case.request, judge)
    answer = min(_JUDGED_BYTES, (most or _JUDGED_BYTES) * _BYTES_PER_TOKEN) // 2
    tokens = prompt_tokens(case.request) + 2 * answer + _INSTRUCTION_TOKENS
    return tokens, None if judge.price is None else cost_of(judge.price, tokens, _VERDICT_TOKENS)


class Spending:
    """The plan of a run, as far as it can be known: conversations are not in it."""

    def __init__(self, settings: GateConfig, cached: dict[str, tuple[int, int]]) -> None:
        self._settings = settings
        self._cached = cached
        self.rows = {name: Row(variant) for name, variant in settings.asked.items()}
        self._unbounded: list[GoldenCase] = []

    @classmethod
    def of(
        cls,
        settings: GateConfig,
        engine: CompletionEngine,
        cases: Iterable[GoldenCase],
        judges: Judges,
        *,
        references: bool = False,
    ) -> Spending:
        """Find out what ``cases`` need that no cache has, beside what is planned already."""
        found = cls(settings, engine.known())
        seen: set[str] = set()
        for case in cases:
            for name in settings.variants:
                found._add(case, name, engine, seen, references=references)
            found._add_judges(case, judges)
        for name in settings.variants:  # such as what servers are asked about themselves
            for key, request in engine.pending(name).items():
                if key not in seen:
                    found._count(found.rows[name], request, None)
                    found.rows[name].asked += 1
        return found

    def _add(
        self,
        case: GoldenCase,
        name: str,
        engine: CompletionEngine,
        seen: set[str],
        *,
        references: bool,
    ) -> None:
        row = self.rows[name]
        sure = jobs_of(case, (name,), references=references)
        for place, job in enumerate([*sure, *further_jobs(case, (name,))]):
            key = engine.unknown(job)
            if not key or key in seen:
                continue
            seen.add(key)
            self._count(row, job.request, case)
            row.asked += place < len(sure)
            row.further += place >= len(sure)

    def _count(self, row: Row, request: CompletionRequest, case: GoldenCase | None) -> None:
        row.prompt_tokens += prompt_tokens(request)
        bound = cost_bound(request, row.variant)
        row.cost += bound or 0.0
        unbounded = answer_tokens(request, row.variant) is None
        if unbounded and case is not None and case not in self._unbounded[-1:]:
            self._unbounded.append(case)

    def _add_judges(self, case: GoldenCase, judges: Judges) -> None:
        for check in judges.checks_of(case):
            row = self.rows[judges.model(check.by).config.variant.name]
            calls = check.calls(case, len(self._settings.candidates))
            tokens, cost = judged_at_most(case, row.variant)
            row.further += calls
            row.prompt_tokens += calls * tokens
            row.cost += calls * (cost or 0.0)

    # --- said -----------------------------------------------------------------------------

    def lines(self) -> list[str]:
        """Return one line for each that is asked, and one for the whole."""
        rows = [row for row in self.rows.values() if row.requests]
        lines = [f"plan: {self._line(row)}" for row in rows]
        if len(rows) > 1:
            total = f"at most {counted(self.requests, 'request')}"
            if all(row.variant.price for row in rows) and not self._unbounded:
                total += f", cost at most {self.cost:.4g}"
            lines.append(f"plan: in all {total}, further attempts not counted")
        return lines

    def _line(self, row: Row) -> str:
        have, _ = self._cached[row.variant.name]
        parts = [f"{row.variant.name}: {row.asked} to ask ({have} cached)"]
        if row.further:
            parts.append(f"at most {row.further} more as needed")
        parts.append(f"at most {row.prompt_tokens} prompt tokens")
        if row.variant.price is not None and not self._unbounded:
            parts.append(f"cost at most {row.cost:.4g}")
        return ", ".join(parts)

    @property
    def requests(self) -> int:
        """Requests at most, each made once."""
        return sum(row.requests for row in self.rows.values())

    @property
    def cost(self) -> float:
        """Cost at most of what has a price."""
        return sum(row.cost for row in self.rows.values())

    # --- refused --------------------------------------------------------------------------

    def problems(self, limits: Limits) -> list[str]:
        """Return why nothing may be asked; empty when the plan is within the limits."""
        return [*self._too_many(limits.requests), *self._too_dear(limits.cost)]

    def _too_many(self, most: int | None) -> Iterator[str]:
        if most is not None and self.requests > most:
            named = ", ".join(f"{n} {row.requests}" for n, row in self.rows.items() if row.requests)
            yield (
                f"the run may need {counted(self.requests, 'request')} ({named}), and may make "
                f"{most} (--quant-max-requests, or limits.requests): nothing was sent; allow more, "
                "or select fewer cases with -k, -m or a path: answers are kept, and the next run "
                "goes on"
            )

    def _too_dear(self, most: float | None) -> Iterator[str]:
        if most is None:
            return
        for name, row in self.rows.items():
            if row.requests and row.variant.price is None:
                yield (
                    f"{self._settings.places[name]}: {name!r} has no price, so that nobody knows "
                    "what the run costs; write price: {input: ..., output: ...} per million "
                    "tokens (0 where it costs nothing), or take the limit of cost away"
                )
        for case in self._unbounded[:_SHOWN]:
            yield (
                f"{case.source}: case {case.id!r} has no max_tokens, so that nobody knows what it "
                "costs; write it into 'request:' of the case, the file or the configuration"
            )
        if len(self._unbounded) > _SHOWN:
            yield f"... and {len(self._unbounded) - _SHOWN} more cases without max_tokens"
        if self.cost > most:
            named = ", ".join(f"{n} {row.cost:.4g}" for n, row in self.rows.items() if row.cost)
            yield (
                f"the run may cost {self.cost:.4g} ({named}), and may cost {most:g} "
                "(--quant-max-cost, or limits.cost): nothing was sent; allow more, lower "
                "max_tokens, or select fewer cases with -k, -m or a path"
            )
