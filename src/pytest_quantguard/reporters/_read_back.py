"""Reports read back from the JSON of `json.py`; refused where a part contradicts another."""

from __future__ import annotations

from typing import Any

from pytest_quantguard.errors import InputError
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._checked import checked, refuse_contradiction, refuse_hollow
from pytest_quantguard.reporters._measured import delta_from, measurement_from, reading_from
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._words import label
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    BudgetVerdict,
    CandidateReport,
    CohortCounts,
    Counts,
    GateReport,
    LayerReading,
    Verdict,
)


def from_json(document: Any, name: str = "report") -> GateReport:
    """Rebuild the report that `to_json` or `write` described; ``name`` is for messages.

    Raises:
        InputError: it is none, or of another version of the format; or with every place where it
            does not fit report.schema.json.
    """
    return _rebuilt(checked(document, name), name)


def texts_of(document: Any, name: str = "report") -> Texts:
    """Return the texts that a document holds, for rendering it again.

    Raises:
        InputError: as `from_json`.
    """
    return Texts.kept(checked(document, name)["results"]["extra"]["quantguard"])


def both(document: Any, name: str) -> tuple[GateReport, Texts]:
    """Return what `from_json` and `texts_of` do; the document is looked through once.

    Raises:
        InputError: as `from_json`.
    """
    found = checked(document, name)
    return _rebuilt(found, name), Texts.kept(found["results"]["extra"]["quantguard"])


def _rebuilt(document: Json, name: str) -> GateReport:
    results = document["results"]
    ours = results["extra"]["quantguard"]
    if results["summary"]["tests"] != len(results["tests"]):
        raise InputError(
            f"{name}: it says that it has {results['summary']['tests']} tests, and it has "
            f"{len(results['tests'])}: a part is missing"
        )
    try:
        candidates = _candidates(ours["candidates"], results["tests"], name)
    except (IndexError, TypeError):  # 1.0 is an integer for the schema, and no index
        raise InputError(f"{name}: it refers to a candidate or an outcome that it lacks") from None
    report = GateReport(
        baseline=Variant.from_dict(ours["baseline"]),
        candidates=candidates,
        provenance=ours["provenance"],
        version=ours["report_version"],
    )
    refuse_contradiction(name, "its verdict", Verdict(ours["verdict"]), report.verdict)
    for candidate in candidates:
        what = f"the verdict on {label(candidate.variant.name)}"
        worst = min((row.verdict for row in candidate.budgets), key=WORST_FIRST.index, default=None)
        if worst is not None:
            refuse_contradiction(name, what, candidate.verdict, worst)
        refuse_hollow(name, candidate)
    return report


def _candidates(ours: list[Json], tests: list[Json], name: str) -> tuple[CandidateReport, ...]:
    """Put the candidates together again with what stands at their tests."""
    outcomes: list[list[PairedOutcome]] = [[] for _ in ours]
    mishaps: list[list[Mishap]] = [[] for _ in ours]
    for test in tests:
        extra = test.get("extra", {})
        if "outcome" in extra:
            outcomes[extra["candidate"]].append(PairedOutcome.from_dict(extra["outcome"]))
        elif "mishap" in extra:
            mishaps[extra["candidate"]].append(Mishap.from_dict(extra["mishap"]))
        elif "budget" in extra:
            row = ours[extra["candidate"]]["budgets"][extra["budget"]]
            what = f"the verdict on {test['name']!r:.200}"
            refuse_contradiction(name, what, Verdict(row["verdict"]), Verdict(test["rawStatus"]))
    found = zip(ours, outcomes, mishaps, strict=True)
    return tuple(_candidate_from(*parts) for parts in found)


def _candidate_from(
    data: Json, outcomes: list[PairedOutcome], mishaps: list[Mishap]
) -> CandidateReport:
    variant = Variant.from_dict(data["variant"])
    measured = data.get("measurements", ())
    return CandidateReport(
        variant=variant,
        verdict=Verdict(data["verdict"]),
        budgets=tuple(_budget_from(row, outcomes) for row in data["budgets"]),
        outcomes=tuple(outcomes),
        mishaps=tuple(mishaps),
        log_evidence=data["log_evidence"],
        quantization_note=data["quantization_note"],
        measurements=tuple(measurement_from(each, variant.name) for each in measured),
        readings=tuple(reading_from(reading) for reading in data.get("readings", ())),
        layers=tuple(LayerReading(**layer) for layer in data.get("layers", ())),
        notes=tuple(data.get("notes", ())),
        counted=tuple(CohortCounts(**one) for one in data["counted"])
        if "counted" in data
        else None,
    )


def _budget_from(data: Json, outcomes: list[PairedOutcome]) -> BudgetVerdict:
    regressed = tuple(
        outcomes[o] if isinstance(o, int) else PairedOutcome.from_dict(o) for o in data["regressed"]
    )
    delta, verdict = delta_from(data["delta"]), Verdict(data["verdict"])
    counts = Counts(**data["counts"]) if data.get("counts") else None
    found = {"verdict": verdict, "regressed": regressed, "delta": delta, "counts": counts}
    return BudgetVerdict(**{**data, **found})
