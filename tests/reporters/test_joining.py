"""Reports of several candidates become one; nothing is judged again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_quantguard.errors import InputError
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.sharding.joining import OneReport, join
from pytest_quantguard.types import Completion, Outcome


@pytest.fixture
def parts(two_candidates):
    """The report of two candidates as two jobs write it."""

    def one(number, candidate):
        told = {**two_candidates.provenance, "run": f"run-{number}", "started": 100.0 * number}
        report = replace(two_candidates, candidates=(candidate,), provenance=told)
        texts = Texts({f"key-{number}": Completion(text=str(number))}.get)
        return OneReport(name=f"r{number}.json", report=report, texts=texts)

    return [one(i, c) for i, c in enumerate(two_candidates.candidates, start=1)]


def test_candidates_verdicts_and_texts_stay_what_they_are(parts, two_candidates):
    """As one run of both would have said it."""
    joined, texts = join(parts)

    assert two_candidates.candidates == joined.candidates
    assert (two_candidates.verdict, two_candidates.baseline) == (joined.verdict, joined.baseline)
    assert ["1", "2"] == [texts.completion(f"key-{n}").text for n in (1, 2)]
    assert texts.completion("key-3") is None


def test_the_provenance_is_that_of_the_whole(parts):
    """From the first start to the last end; requests add up; the same id whatever the order."""
    told = join(parts)[0].provenance

    assert (100.0, 100.0 + parts[0].report.provenance["seconds"]) == (
        told["started"],
        told["seconds"],
    )
    assert {"sent": 0, "cached": 1120} == told["requests"]["bf16"]
    assert ["run-1", "run-2"] == [one["run"] for one in told["joined"]]
    assert told["run"] == join(parts[::-1])[0].provenance["run"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"golden_hash": "f" * 64}, "r2.json: other golden cases than in r1.json"),
        ({"budgets": [{"max_drop": 0.5}]}, "r2.json: other budgets than in r1.json"),
        ({"policies": {"inconclusive": "warn"}}, "r2.json: other policies"),
        ({"whole": False}, "r2.json: another selection of the golden cases"),
        ({"pytest_quantguard": "9.9"}, "r2.json: another version of pytest-quantguard"),
        ({"ci": {"commit": "a" * 40}}, "r2.json: of another commit than r1.json"),
        ({"canary": {"pairs": 9}}, "r2.json: is of mirrored traffic, which is counted and not"),
        ({"sequential": {"look": 1}}, "r2.json: a sequential run stops"),
    ],
)
def test_what_is_not_about_the_same_question_is_refused(parts, change, sentence):
    """A table in which rows mean different things would be worse than none."""
    told = {**parts[1].report.provenance, **change}
    parts[1] = replace(parts[1], report=replace(parts[1].report, provenance=told))

    with pytest.raises(InputError) as refused:
        join(parts)
    assert any(problem.startswith(sentence) for problem in refused.value.problems)


def test_another_baseline_or_the_same_candidate_twice_is_refused(parts):
    """All problems are said at once."""
    other = replace(parts[0].report, baseline=replace(parts[0].report.baseline, model="other"))
    twice = replace(parts[0], name="r3.json", report=other)

    with pytest.raises(InputError) as refused:
        join([*parts, twice])
    assert [
        "r3.json: another baseline than in r1.json",
        "r3.json: the candidate awq-int4 is in r1.json, too",
    ] == list(refused.value.problems)


def test_a_baseline_that_wavers_between_the_jobs_is_told(parts):
    """Each job asked it; one run would have asked once."""
    candidate = parts[1].report.candidates[0]
    outcomes: list[PairedOutcome] = list(candidate.outcomes)
    outcomes[0] = replace(outcomes[0], baseline=Outcome.of(["another answer"]))
    changed = replace(candidate, outcomes=tuple(outcomes))
    parts[1] = replace(parts[1], report=replace(parts[1].report, candidates=(changed,)))

    (remark,) = [r for r in join(parts)[0].provenance["remarks"] if "baseline was asked" in r]
    assert "its own answers differ in 1 check of 560" in remark
    assert not any("asked by each" in r for r in join(parts[:1])[0].provenance["remarks"])
