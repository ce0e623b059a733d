"""Evidence as it arrives from items and workers, each piece counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pytest_quantguard._evidence import Evidence
from pytest_quantguard.pairs import Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Json, Source
from pytest_quantguard.verdicts import Budget


class Tally:
    """All evidence of a run; what is reported again never replaces the first."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, str, str], PairedOutcome] = {}
        self._mishaps: dict[tuple[str, str, str, str, str], Mishap] = {}
        self._measurements: dict[tuple[str, str], PairedMeasurement] = {}
        self.requests: dict[str, str] = {}
        """What was asked, as JSON, by cache key; see `Evidence.requests`."""

    def add(self, evidence: Evidence) -> None:
        """Take in what one item found out."""
        for outcome in evidence.outcomes:
            self._outcomes.setdefault((outcome.variant, outcome.case, outcome.check), outcome)
        for mishap in evidence.mishaps:
            key = (mishap.variant, mishap.case, mishap.check, mishap.role, mishap.kind)
            self._mishaps.setdefault(key, mishap)
        for found in evidence.measurements:
            place = (found.variant, found.case)
            known = self._measurements.setdefault(place, found)
            self._measurements[place] = _livelier(known, found)
        self.requests |= evidence.requests

    def outcomes(self, variant: str) -> list[PairedOutcome]:
        """Return a candidate's outcomes."""
        return [o for o in self._outcomes.values() if o.variant == variant]

    def mishaps(self, variant: str) -> list[Mishap]:
        """Return a candidate's mishaps."""
        return [m for m in self._mishaps.values() if m.variant == variant]

    def measurements(self, variant: str) -> list[PairedMeasurement]:
        """Return a candidate's measurements."""
        return [m for m in self._measurements.values() if m.variant == variant]


def _livelier(known: PairedMeasurement, found: PairedMeasurement) -> PairedMeasurement:
    """Of two records of one case keep, arm by arm, the one that was measured in this run."""
    arms = (known.baseline, found.baseline), (known.candidate, found.candidate)
    baseline, candidate = (new if new.live and not old.live else old for old, new in arms)
    if baseline is known.baseline and candidate is known.candidate:
        return known
    return replace(known, baseline=baseline, candidate=candidate)


def evidence_of(report: Any) -> Evidence | None:
    """Return what an item found; from another process it comes as plain JSON types."""
    found: Evidence | Json | None = getattr(report, "quantguard", None)
    if isinstance(found, dict):
        found = report.quantguard = Evidence.from_dict(found)
    return found


def budget_from(data: Json) -> Budget:
    """Rebuild a budget that came as plain JSON types."""
    source = data["source"]
    return Budget(**{**data, "source": Source(**source) if source else None})


def _severity(answer: Sequence[str]) -> int:
    """Rank what several processes found a parameter to be: a server must honour it for all."""
    return ("unknown", "honoured", "ignored", "refused").index(answer[0])


def unlike(plans: Sequence[Json]) -> list[str]:
    """Say that the processes of one run planned to ask different things; empty where they did not.

    Names of cases are the same in all of them, as pytest-xdist sees to it; what they ask need not
    be, where a hook or a test module makes it out of the time or the process.
    """
    if len({plan["golden_hash"] for plan in plans if "golden_hash" in plan}) < 2:
        return []
    return [
        "the processes of this run do not ask the same: a golden case, or what the hook "
        "pytest_quantguard_request makes of it, differs from one process to the next"
    ]


def merged(plans: Sequence[Json]) -> Json:
    """All workers collect the same items; what differs is what each of them asked.

    One that came late found answers of the others, and has less to remark on: all remarks count.
    """
    whole: Json = dict(plans[0]) if plans else {}
    sums: dict[str, dict[str, dict[str, float]]] = {"counts": {}, "judges": {}}
    served: Json = {}
    sentences: dict[str, dict[str, None]] = {"remarks": {}, "notices": {}, "limited": {}}
    probes: dict[str, Json] = {}
    for plan in plans:
        for name, told in plan.get("probes", {}).items():
            shown = probes.setdefault(name, {})
            for feature, answer in told.items():
                shown[feature] = max(shown.get(feature, answer), answer, key=_severity)
        for part, texts in sentences.items():
            texts.update(dict.fromkeys(plan.get(part, ())))
        for part, found in sums.items():
            for name, numbers in plan.get(part, {}).items():
                total = found.setdefault(name, {})
                for key, number in numbers.items():
                    total[key] = total.get(key, 0) + number
        for name, told in plan.get("served_as", {}).items():  # silence takes nothing back
            served.setdefault(name, dict(told)).update({k: v for k, v in told.items() if v})
    said = {part: list(texts) for part, texts in sentences.items()}
    return {**whole, **sums, "served_as": served, "probes": probes, **said} if whole else {}
