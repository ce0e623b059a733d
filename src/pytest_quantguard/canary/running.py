"""From files of mirrored traffic to one candidate's report: reads, judges, counts; no pytest."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from pytest_quantguard._config import GateConfig
from pytest_quantguard._plural import counted
from pytest_quantguard._registry import Registry
from pytest_quantguard.canary.checking import Checker
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.canary.kept import Arms, KeptTexts
from pytest_quantguard.canary.lost import REMEMBERED
from pytest_quantguard.canary.progress import ReadingLine
from pytest_quantguard.canary.reading import Reader
from pytest_quantguard.canary.records import MirroredPair
from pytest_quantguard.canary.repeats import Repeats
from pytest_quantguard.canary.settings import CanaryConfig, wanted_tags
from pytest_quantguard.providers._access import secrets_of
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import CandidateReport, Metric

if TYPE_CHECKING:
    from pytest_quantguard.engine.progress import Screen

_SKIPPED = 5
"""Sentences about checks that did not fit."""


class CanaryRun:
    """One pass over the files, and what came of it."""

    def __init__(
        self,
        settings: GateConfig,
        canary: CanaryConfig,
        registry: Registry,
        metrics: Mapping[str, Metric],
        reader: Reader,
        *,
        sequential: bool,
    ) -> None:
        variant = settings.candidates[0]
        budgets = settings.budgets or ()
        secrets = secrets_of((settings.baseline, variant))
        self.reader = reader
        self.candidate = variant.name
        self.outcomes = 0
        """Checks that were judged on both arms."""
        self.remarks: list[str] = []
        self.texts = KeptTexts(secrets)
        self.arms = Arms(settings.baseline, variant, canary.names, settings.max_errors)
        self._repeats = Repeats(canary.unit)
        self._canary = canary
        self._max_errors = settings.max_errors
        self._judge = CanaryJudge(
            budgets,
            variant=variant,
            metrics=metrics,
            max_errors=settings.max_errors,
            evidence=settings.evidence,
            sequential=sequential,
        )
        self._checker = Checker(
            canary,
            registry.checks.get("refusal")(must=True),
            prices={name: v.price for name, v in settings.variants.items()},
            tags=wanted_tags(budget.tag for budget in budgets),
            secrets=secrets,
        )

    @property
    def pairs(self) -> int:
        """Pairs, and requests of one arm, that were judged."""
        return self._judge.pairs

    def read(self, screen: Screen | None = None) -> CandidateReport:
        """Read to the end, or until the verdict is decided, and judge.

        Raises:
            QuantGuardError: a file cannot be read to its end, or budgets make no sense.
        """
        line = ReadingLine(screen, self.reader.size)
        self.reader.tell = line.passed
        try:
            with closing(self.reader.pairs()) as pairs:  # what waits on disk goes at once
                for pair in pairs:
                    self._take(pair)
                    if self._judge.decided():
                        break
                    line.show(self._judge.pairs)
        finally:
            line.hide()
        return self._report()

    def _take(self, pair: MirroredPair) -> None:
        step = self._repeats.marked(pair, self._checker.step(pair))
        self.outcomes += len(step.outcomes)
        self.arms.add(step)
        if self._judge.take(step):
            self.texts.add(pair, step)

    def _report(self) -> CandidateReport:
        alike = self.arms.likeness()
        lost = self.reader.lost.sentences()
        missing = self._missing()
        skipped = [
            f"did not apply to {counted(n, 'pair')}: {text}"
            for text, n in self._checker.skipped.most_common(_SKIPPED)
        ]
        self.remarks = [*([] if missing else lost), *skipped, *self._forgotten()]
        return self._judge.report(
            interrupted=[*missing, *(lost if missing else ())],
            incomparable=alike.reasons,
            quantization_note="not verified: no server was asked",
            remarks=alike.remarks,
        )

    def _missing(self) -> list[str]:
        """Say why what was read is no evidence, as a whole."""
        lost, all_ = self.reader.lost, self.reader.seen
        if not self._judge.pairs:
            names = self._canary.names
            called = " and ".join(
                f"the {role} is {' or '.join(sorted(names[role])) or 'not named'}"
                for role in sorted(names)
            )
            said = [f"there is no pair in {self.reader.named}"]
            said += [f"there {called}"] if self.reader.joins else []
            return ["; ".join([*said, *filter(None, [lost.passed_over()])])]
        share = lost.missing / max(1, all_)
        if share <= self._max_errors:
            return []
        return [
            f"{lost.missing} of {counted(all_, 'record')} ({100 * share:.1f} %) came to nothing; "
            f"{100 * self._max_errors:g} % may (policies: max_errors)"
        ]

    def _forgotten(self) -> list[str]:
        """Say that the log is longer than the memory for what stands in it twice."""
        if not (self.reader.forgot or self._repeats.forgot):
            return []
        return [
            f"only the last {REMEMBERED:,} ids and requests are known again at least: one that "
            "stands twice, farther apart than that, counts twice; split a longer log by day"
        ]

    def told(self) -> Json:
        """Return counts for the report, as plain JSON types."""
        return {
            "format": self.reader.format,
            "files": [name for _, name in self.reader.files],
            "pairs": self._judge.pairs,
            "records": self.reader.seen,
            "lost": dict(self.reader.lost.counts),
            "stopped_early": self._judge.decided(),
        }
