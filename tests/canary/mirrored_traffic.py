"""Mirrored traffic made up with a fixed seed: steps for the judge of canaries."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_quantguard.canary.records import Feedback, Step
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Outcome, Source

HELD = Outcome.of([])
BROKE = Outcome.of(["not JSON: line 1"])


@dataclass(frozen=True)
class Traffic:
    """What the two arms do; every share in [0, 1]."""

    cohorts: tuple[str, ...] = ("chat", "tools")
    checks: tuple[str, ...] = ("json", "length")
    right: float = 0.95
    """Share of checks that hold in the baseline."""
    noise: float = 0.02
    """Share of outcomes of which either arm, as likely as the other, has another value."""
    loss: float = 0.0
    """Further share of outcomes that hold in the baseline and not in the candidate."""
    losing: tuple[str, ...] = ()
    """Cohorts that lose; all when empty."""
    slower: float = 1.0
    silent: float = 0.0
    """Share of requests that the candidate does not answer."""
    graded: bool = False
    """Whether a check's value may be a fraction."""
    tags: tuple[tuple[str, ...], ...] = ((),)
    layers: tuple[str, ...] = ()
    measured: bool = True
    unlike: tuple[int, ...] = ()
    """Numbers of the pairs, from 1, that cannot be compared."""
    seed: int = 0
    feedback: tuple[float, float] | None = None
    """Chance of a thumb down in each arm of split traffic."""

    def steps(self, count: int) -> Iterator[Step]:
        """Yield that many pairs, the same ones for the same seed."""
        draw = random.Random(self.seed)
        for number in range(1, count + 1):
            yield self._step(number, draw)

    def _step(self, number: int, draw: random.Random) -> Step:
        cohort = draw.choice(self.cohorts)
        source = Source(file="mirror.jsonl", line=number)
        name, tags = f"r{number}", draw.choice(self.tags)
        common = {"variant": "awq", "case": name, "cohort": cohort}
        if number in self.unlike:
            mishaps = tuple(
                Mishap(
                    **common,
                    check=check,
                    source=source,
                    role="candidate",
                    kind="NotComparable",
                    message="12 prompt tokens and 14",
                )
                for check in self.checks
            )
            return Step(cohort=cohort, mishaps=mishaps, source=source)
        silent = draw.random() < self.silent
        outcomes = tuple(
            PairedOutcome(
                **common,
                check=check,
                source=source,
                baseline=before,
                candidate=Outcome.of(["no answer"]) if silent else after,
                tags=tags,
            )
            for check in self.checks
            for before, after in [self._outcomes(cohort, draw)]
        )
        mishaps = tuple(
            Mishap(
                **common,
                check=check,
                source=source,
                role="candidate",
                kind="TransportError",
                message="reset",
            )
            for check in self.checks
            if silent
        )
        measurement = self._measurement(common, tags, silent, draw) if self.measured else None
        return Step(
            cohort=cohort,
            outcomes=outcomes,
            measurement=measurement,
            mishaps=mishaps,
            feedback=self._feedback(draw),
            source=source,
        )

    def _outcomes(self, cohort: str, draw: random.Random) -> tuple[Outcome, Outcome]:
        held = draw.random() < self.right
        kept = held
        if draw.random() < self.noise:
            held, kept = draw.choice(((held, not held), (not held, held)))
        losing = not self.losing or cohort in self.losing
        if kept and losing and draw.random() < self.loss:
            kept = False
        if not self.graded and not self.layers:
            return (HELD if held else BROKE, HELD if kept else BROKE)
        values = [(0.25 * draw.randint(2, 4) if one else 0.0) for one in (held, kept)]
        values = values if self.graded else [float(held), float(kept)]
        before, after = (
            Outcome(
                value=value, layers={name: float(draw.random() < value) for name in self.layers}
            )
            for value in values
        )
        return before, after

    def _measurement(self, common, tags, silent, draw) -> PairedMeasurement:
        def arm(factor: float, answered: bool) -> Measurement:
            if not answered:
                return Measurement(answered=False, timed_out=draw.random() < 0.5)
            return Measurement(
                live=True,
                latency_s=factor * draw.lognormvariate(0, 0.4),
                ttft_s=factor * draw.lognormvariate(-2, 0.3),
                prompt_tokens=100.0,
                completion_tokens=float(draw.randint(1, 200)),
                characters=float(draw.randint(0, 900)),
                truncated=float(draw.random() < 0.03),
                refused=float(draw.random() < 0.05),
                cost=draw.random(),
                asked_at=1000.0 + draw.random(),
            )

        return PairedMeasurement(
            **common, baseline=arm(1.0, True), candidate=arm(self.slower, not silent), tags=tags
        )

    def _feedback(self, draw: random.Random) -> tuple[Feedback | None, Feedback | None]:
        if self.feedback is None:
            return None, None
        candidate = draw.random() < 0.3
        down = draw.random() < self.feedback[candidate]
        found = Feedback(thumbs=float(not down))
        return (None, found) if candidate else (found, None)
