"""The evidence of one run, whole and as the files of its shards; no model is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from pytest_quantguard._evidence import Evidence
from pytest_quantguard._judgement import Terms, all_fingerprints, candidate_reports, provenance
from pytest_quantguard._registry import built_in_metrics
from pytest_quantguard._run import Run
from pytest_quantguard._tally import Tally
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.sharding.shard_file import document
from pytest_quantguard.sharding.shards import Shard, selection_hash, shard_of_cases
from pytest_quantguard.types import Completion, Json, Outcome, Source, Usage
from pytest_quantguard.variants import Price, Variant
from pytest_quantguard.verdicts import Budget, GateReport

BASE = Variant(name="base", provider="openai", model="m", base_url="http://127.0.0.1:1/v1")
CANDIDATES = (
    Variant(name="int4", provider="openai", model="q", price=Price(input=1.0, output=2.0)),
    Variant(name="fp8", provider="openai", model="f"),
)
BUDGETS = (
    Budget(max_drop=0.1, source=Source(file="quantguard.yaml", line=9)),
    Budget(max_drop=0.2, cohort="tools"),
    Budget(max_drop=0.3, tag="long"),
    Budget(max_drop=0.1, relative=True, check="json"),
    Budget(max_drop=0.2, metric="truncation"),
    Budget(max_ratio=2.0, metric="latency_p50"),
)
CHECKS = ("exact", "json")
SIZES = {"faq": 61, "tools": 47, "tiny": 3}


def keys(case: str, variant: str) -> tuple[str, str]:
    """Return the cache keys of a case's two completions."""
    return f"base:{case}", f"{variant}:{case}"


def completion(key: str) -> Completion:
    """Return what a model said; a lone surrogate is nothing special for a model."""
    return Completion(text=f"said \ud800 {key}", finish_reason="stop", usage=Usage(), latency_s=0.1)


def evidence(case: str, cohort: str, number: int) -> Evidence:
    """Return what was found out about a case: losses, gains, repeats, mishaps, measurements."""
    found = Evidence()
    place = Source(file=f"golden/{cohort}.quant.yaml", line=number + 2)
    for order, variant in enumerate(CANDIDATES):
        lost, gained = number % (4 + 9 * order) == 0, number % 29 == 7
        for check in CHECKS:
            if number == 17 and cohort == "faq" and check == "json" and order:
                found.mishaps.append(
                    Mishap(
                        variant=variant.name,
                        case=case,
                        cohort=cohort,
                        check=check,
                        source=place,
                        role="candidate",
                        kind="TransportError",
                        message="no answer",
                    )
                )
            found.outcomes.append(
                PairedOutcome(
                    variant=variant.name,
                    case=case,
                    cohort=cohort,
                    check=check,
                    source=place,
                    baseline=Outcome.of(["wrong"] if gained else []),
                    candidate=Outcome.of(["lost"] if lost and check == "json" else []),
                    weight=1.0 + number % 3,
                    critical=cohort == "tools" and number == 8,
                    tags=("long",) if number % 5 else ("long", "rare"),
                    keys=keys(case, variant.name),
                )
            )
        found.measurements.append(
            PairedMeasurement(
                variant=variant.name,
                case=case,
                cohort=cohort,
                baseline=Measurement(
                    live=True, latency_s=0.1 + number / 700, asked_at=50.0 + number, characters=9.0
                ),
                candidate=Measurement(
                    live=True, latency_s=0.2 + number / 900, asked_at=50.0 + number, characters=8.0
                ),
                weight=1.0 + number % 3,
            )
        )
    return found


class World:
    """One run, and how it would have been with shards."""

    def __init__(
        self, sizes: dict[str, int] | None = None, budgets: Sequence[Budget] = BUDGETS
    ) -> None:
        sizes = SIZES if sizes is None else sizes
        self.cohorts = {f"{cohort}-{i}": cohort for cohort, n in sizes.items() for i in range(n)}
        self.pairs = [(case, check) for case in self.cohorts for check in CHECKS]
        self.terms = Terms(
            baseline=BASE, candidates=CANDIDATES, metrics=built_in_metrics(), max_errors=0.05
        )
        self.plan: Json = {
            "cases": len(self.cohorts),
            "checks": len(self.pairs),
            "cohorts": len(sizes),
            "driven": 0,
            "budgets": [asdict(budget) for budget in budgets],
            "golden_hash": "gold",
            "unselected": [[None, None, "gone", None]],
            "left_out": ["tiny: too few"],
            "remarks": ["a remark on all"],
            "notices": [],
            "counts": {v.name: self.counts(len(self.cohorts)) for v in (BASE, *CANDIDATES)},
            "served_as": {"int4": {"model": "q", "quantization": "Q4_K", "models": ["q"]}},
            "judges": {},
        }

    @staticmethod
    def counts(cases: int) -> dict[str, int]:
        """Return what was asked of one variant."""
        return {"planned": cases, "cached": 0, "sent": cases, "answered": cases}

    def tally(self, takes: Callable[[str], bool] = lambda case: True) -> Tally:
        """Return the evidence of some cases."""
        tally = Tally()
        for case, cohort in self.cohorts.items():
            if takes(case):
                tally.add(evidence(case, cohort, int(case.rsplit("-", 1)[1])))
        return tally

    def report(self) -> GateReport:
        """Return the report of one run."""
        tally = self.tally()
        facts = provenance(
            self.plan,
            run="4f2a",
            config="quantguard.yaml",
            started=5.0,
            seconds=1.0,
            judges={},
            fingerprints=all_fingerprints(tally, self.terms),
        )
        found = candidate_reports(tally, self.plan, self.terms)
        return GateReport(baseline=BASE, candidates=tuple(found), provenance=facts)

    def shards(self, folder: Path, of: int, **changes: Json) -> list[Path]:
        """Write all shards; ``changes`` are made to that of a number: ``s2={"tool": "9"}``."""
        drawn = shard_of_cases(self.cohorts, of)
        paths = []
        for number in range(1, of + 1):
            mine = [pair for pair in self.pairs if drawn[pair[0]] == number]
            plan = {
                **self.plan,
                "counts": {v.name: self.counts(len(mine) // 2) for v in (BASE, *CANDIDATES)},
                "shard": {
                    "planned": list(map(list, mine)),
                    "selection": selection_hash(self.pairs),
                },
            }
            data = document(
                Shard(of, number),
                self.tally(lambda case, number=number: drawn[case] == number),  # type: ignore[misc]
                plan,
                run=Run(id=f"run-{number}", started=10.0 * number, folder=folder),
                terms=self.told(),
                config={"budgets": "a" * 16, "variants.int4.model": "b" * 16},
                unsound=[],
                failed_tests=0,
                texts=Texts(completion),
            )
            path = folder / Shard(of, number).file_name
            path.write_text(json.dumps({**data, **changes.get(f"s{number}", {})}))
            paths.append(path)
        return paths

    def told(self) -> Json:
        """Return the terms, as a shard tells them."""
        return {
            **self.terms.to_dict(),
            "file": "quantguard.yaml",
            "inconclusive": "fail",
            "auto": False,
            "judges": {},
        }
