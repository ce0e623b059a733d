"""What is judged where the arms, or some of the cases, cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_quantguard import judge
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.reporters._routing import routes
from pytest_quantguard.types import Outcome, Source
from pytest_quantguard.verdicts import Budget, BudgetVerdict, CandidateReport, Verdict

UNLIKE = Verdict.NOT_COMPARABLE


def outcomes(
    cohort: str, *checks: str, first: int = 0, tags: tuple[str, ...] = ()
) -> list[PairedOutcome]:
    """Return a hundred cases that hold in both arms, from a number on."""
    held = Outcome.of([])
    return [
        PairedOutcome(
            case=f"{cohort}-{i}",
            cohort=cohort,
            check=check,
            baseline=held,
            candidate=held,
            tags=tags,
        )
        for i in range(first, 100)
        for check in checks
    ]


def mishaps(
    cohort: str, *checks: str, n: int = 1, kind: str = "NotComparable", critical: bool = False
) -> list[Mishap]:
    """Return n cases that have no outcome in these checks."""
    return [
        Mishap(
            variant="",
            case=f"{cohort}-{i}",
            cohort=cohort,
            check=check,
            source=Source(file="a.quant.yaml", line=i + 1),
            role="candidate",
            kind=kind,
            message="5 tokens and 9",
            critical=critical,
        )
        for i in range(n)
        for check in checks
    ]


def measured(*cohorts: str, tags: tuple[str, ...] = ()) -> list[PairedMeasurement]:
    """Return a measurement for each of a hundred cases."""
    arm = Measurement(characters=100.0)
    return [
        PairedMeasurement(
            variant="", case=f"{c}-{i}", cohort=c, baseline=arm, candidate=arm, tags=tags
        )
        for c in cohorts
        for i in range(100)
    ]


def row(report: CandidateReport, **wanted: Any) -> BudgetVerdict:
    """Return the one row with these fields."""
    (found,) = (
        r for r in report.budgets if all(getattr(r, key) == value for key, value in wanted.items())
    )
    return found


BUDGETS = [
    Budget(max_drop=0.1),
    Budget(cohort="a", max_drop=0.1),
    Budget(cohort="b", max_drop=0.1),
    Budget(cohort="b", check="exact", max_drop=0.1),
]


def test_only_rows_with_a_case_that_was_not_alike_lose_their_delta() -> None:
    """One case of one cohort: its rows are NOT COMPARABLE, the other cohort stays as judged."""
    found = [*outcomes("a", "exact", first=2), *outcomes("b", "exact")]

    report = judge(found, BUDGETS, mishaps=mishaps("a", "exact", n=2))

    assert UNLIKE is report.verdict
    touched, calm = row(report, cohort="a"), row(report, cohort="b", check=None)
    assert (UNLIKE, None, None, None) == (
        touched.verdict,
        touched.delta,
        touched.baseline_rate,
        touched.log_evidence,
    )
    assert "no delta is quoted: 2 of its cases" in touched.reason
    assert UNLIKE is row(report, cohort=None, check=None).verdict
    assert Verdict.PASS is calm.verdict
    assert calm.delta
    assert Verdict.PASS is row(report, check="evidence").verdict


def test_the_row_of_comparability_names_cases_and_their_places() -> None:
    """How many of how many, and the first three."""
    found = mishaps("a", "exact", n=5)

    reason = row(
        judge(outcomes("a", "exact", first=5), BUDGETS[:1], mishaps=found), check="comparability"
    ).reason

    assert "in 5 of 100 cases, a-0 (a.quant.yaml:1), a-1 (a.quant.yaml:2)" in reason
    assert reason.endswith("and 2 more: 5 tokens and 9")


def test_a_check_that_was_not_to_be_compared_touches_that_check_alone() -> None:
    """Times of cached answers say nothing; the other checks of the same cases do."""
    budgets = [
        Budget(check="exact", max_drop=0.1),
        Budget(check="latency", max_drop=0.1),
        Budget(max_drop=0.1),
        Budget(metric="length", max_drop=0.1),
    ]

    report = judge(
        outcomes("a", "exact"),
        budgets,
        mishaps=mishaps("a", "latency", n=100),
        measurements=measured("a"),
    )

    assert Verdict.PASS is row(report, check="exact").verdict
    assert UNLIKE is row(report, check="latency").verdict
    assert UNLIKE is row(report, check=None, metric=None).verdict
    assert UNLIKE is not row(report, metric="length").verdict


@pytest.mark.parametrize(("tags", "expected"), [(("long",), UNLIKE), (("short",), Verdict.PASS)])
def test_a_tag_is_touched_by_the_cases_that_have_it(
    tags: tuple[str, ...], expected: Verdict
) -> None:
    """A mishap has no tags: those of the case's measurement count."""
    found = outcomes("a", "exact", first=1, tags=("long",)) + outcomes(
        "b", "exact", tags=("short",)
    )
    beside = measured("a", tags=("long",)) + measured("b", tags=("short",))
    budget = Budget(tag=tags[0], max_drop=0.1)

    report = judge(found, [budget], mishaps=mishaps("a", "exact"), measurements=beside)

    assert expected is row(report, tag=tags[0]).verdict


def test_arms_that_cannot_be_compared_have_no_delta_anywhere() -> None:
    """No delta, no odds, no reading; the reason stands in a row of its own."""
    report = judge(
        outcomes("a", "exact"),
        [*BUDGETS[:2], Budget(metric="length", max_drop=0.1)],
        measurements=measured("a"),
        incomparable=["cand ignores response_format"],
        remarks=["a remark"],
    )

    assert UNLIKE is report.verdict
    assert "cand ignores response_format" == row(report, check="comparability").reason
    assert {None} == {r.delta for r in report.budgets}
    assert (0.0, (), ("a remark",)) == (report.log_evidence, report.readings, report.notes)
    assert {("baseline", "not comparable")} == {(r.to, r.reason) for r in routes(report)}


def test_no_case_that_can_be_compared_is_no_error() -> None:
    """A chat template of its own mismatches everywhere: NOT COMPARABLE, and why."""
    report = judge([], BUDGETS[:2], mishaps=mishaps("a", "exact", n=60))

    assert {UNLIKE} == {r.verdict for r in report.budgets}


def test_broken_evidence_is_worse_than_arms_that_cannot_be_compared() -> None:
    """ERROR comes first; the delta is withheld all the same."""
    report = judge(
        outcomes("a", "exact", first=1),
        BUDGETS[:2],
        mishaps=mishaps("a", "exact", kind="CheckError"),
        incomparable=["one server twice"],
    )

    assert Verdict.ERROR is report.verdict
    assert {None} == {r.delta for r in report.budgets}


@pytest.mark.parametrize(
    ("kind", "expected"), [("NotComparable", UNLIKE), ("TransportError", Verdict.ERROR)]
)
def test_a_critical_case_without_a_pair_is_not_a_pass(kind: str, expected: Verdict) -> None:
    """Not the same question, or no answer: the row says which."""
    critical = [replace(o, critical=True) for o in outcomes("a", "exact", first=1)]

    report = judge(critical, BUDGETS[:1], mishaps=mishaps("a", "exact", kind=kind, critical=True))

    assert expected is row(report, check="critical").verdict


def test_routes_give_nothing_to_a_candidate_with_another_template() -> None:
    """Not even the cohort whose own budgets passed."""
    found = [*outcomes("a", "exact", first=1), *outcomes("b", "exact")]

    report = judge(found, BUDGETS, mishaps=mishaps("a", "exact"))

    assert {"a": "not comparable", "b": "not comparable"} == {
        r.cohort: r.reason for r in routes(report)
    }


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("variant 'b' at http://127.0.0.1:1: no connection: refused", True),
        ("variant 'b' at http://127.0.0.1:1: no complete answer within 3 s (timeout_s)", False),
    ],
)
def test_a_server_that_is_not_there_is_a_matter_for_doctor(message: str, told: bool) -> None:
    """The sentence of the ERROR names the next step; a slow server is none of its business."""
    failed = [replace(m, message=message) for m in mishaps("a", "json", n=2, kind="TransportError")]
    found = judge(outcomes("a", "json", first=2), [Budget(max_drop=0.05)], mishaps=failed)
    evidence = next(row for row in found.budgets if row.check == "evidence")

    assert told == ("; quantguard doctor says what is wrong" in evidence.reason)
