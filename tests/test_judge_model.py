"""A judge on its lane: what it is asked counts once, costs what it costs, and stays in bounds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from pytest_quantguard import judge
from pytest_quantguard._config import GateConfig, JudgeConfig
from pytest_quantguard._judge_model import EngineJudge
from pytest_quantguard._judges import Judges, told
from pytest_quantguard.checks.judge import Judge
from pytest_quantguard.engine.complete import Answer, Job
from pytest_quantguard.errors import ConfigError, JudgeError, TransportError
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.reporters._judged import judge_sentences
from pytest_quantguard.reporters.json import from_json, to_json
from pytest_quantguard.types import (
    Completion,
    CompletionRequest,
    GoldenCase,
    Outcome,
    Source,
    Swaps,
    Usage,
)
from pytest_quantguard.variants import Price, Variant
from pytest_quantguard.verdicts import Budget, BudgetVerdict, GateReport, Verdict

BASE = Variant(name="base", provider="openai", model="big", base_url="http://a/v1")
CAND = replace(BASE, name="cand", model="small")
STRICT = replace(BASE, name="judge:strict", model="judge", price=Price(input=100, output=10))
CASE = GoldenCase(
    id="c",
    cohort="faq",
    request=CompletionRequest(messages=({"role": "user", "content": "hi"},)),
    source=Source(file="a.quant.yaml", line=1),
)


class FakeEngine:
    """Answers at once; remembers what it was asked, and what was planned."""

    def __init__(self, completion: Completion | None = None, *, cached: bool = False) -> None:
        self.completion = completion
        self.cached = cached
        self.asked: list[Job] = []
        self.planned: list[Job] = []
        self.left = 0

    def get(self, job: Job) -> Answer:
        self.asked.append(job)
        if self.completion is None:
            return Answer(key="k", error=TransportError("no connection"))
        return Answer(key="k", completion=self.completion, cached=self.cached)

    def plan(self, jobs: Any) -> None:
        self.planned += jobs

    def start(self) -> None:
        pass

    def leave(self) -> None:
        self.left += 1


def question(text: str) -> CompletionRequest:
    return CompletionRequest(messages=({"role": "user", "content": text},), params={"seed": 7})


def judge_of(engine: FakeEngine, max_calls: int = 3, **more: Any) -> EngineJudge:
    config = JudgeConfig(variant=STRICT, max_calls=max_calls, place="q.yaml:9")
    return EngineJudge("strict", config, lambda: engine, **more)  # type: ignore[arg-type, return-value]


def settings(**changes: Any) -> GateConfig:
    fields: dict[str, Any] = {
        "file": "q.yaml",
        "baseline": BASE,
        "candidates": (CAND,),
        "budgets": None,
        "request": {},
        "judges": {"strict": JudgeConfig(variant=STRICT, max_calls=10, place="q.yaml:9")},
        "cache_folder": None,
        "report_folder": None,
    }
    return GateConfig(**{**fields, **changes})


def test_the_same_question_counts_once():
    """Two cases may ask it; another repeat is another draw, with its own seed."""
    engine = FakeEngine(Completion(text="x"))
    judge = judge_of(engine)
    for repeat in (0, 0, 1):
        judge.ask(question("a"), repeat=repeat)

    assert 2 == judge.spent()["answers"]
    assert [("judge:strict", 7), ("judge:strict", 7), ("judge:strict", 8)] == [
        (job.variant, job.request.params["seed"]) for job in engine.asked
    ]


def test_a_budget_of_calls_ends():
    """Whatever a check forgot to count: not one question more."""
    engine = FakeEngine(Completion(text="x"))
    judge = judge_of(engine)
    for text in "abc":
        judge.ask(question(text))
    with pytest.raises(JudgeError, match=r"the judge strict was asked 3 times \(max_calls\)"):
        judge.ask(question("d"))
    judge.ask(question("a"))

    assert ["a", "b", "c", "a"] == [job.request.prompt for job in engine.asked]


def test_second_tries_share_what_is_left():
    """Ten calls of which six are planned: four second tries, two for each of two processes."""
    judge = judge_of(FakeEngine(Completion(text="x")), max_calls=10, shares=2)
    judge.planned = 6
    for text in "ab":
        judge.ask(question(text), again=True)
    with pytest.raises(JudgeError, match="leaves no room to ask again"):
        judge.ask(question("c"), again=True)

    assert 2 == judge.spent()["second_tries"]


def test_no_answer_is_the_judges_error():
    """With its name and the reason."""
    with pytest.raises(JudgeError, match="the judge strict gave no answer: no connection"):
        judge_of(FakeEngine()).ask(question("a"))


@pytest.mark.parametrize(
    ("cached", "asked_in", "fresh"), [(False, "", 1), (True, "other", 0), (True, "this", 1)]
)
def test_what_was_asked_in_this_run_is_paid_in_this_run(cached, asked_in, fresh):
    """By whichever process; an older answer costs nothing."""
    usage = Usage(prompt_tokens=1000, completion_tokens=100)
    said = Completion(text="x", usage=usage, asked_in=asked_in)
    judge = judge_of(FakeEngine(said, cached=cached), run="this")
    for _ in range(2):
        judge.ask(question("a"))
    spent = judge.spent()

    assert (fresh, 0) == (spent["fresh"], spent["without_cost"])
    assert fresh * 0.101 == pytest.approx(spent["cost"])


def test_an_answer_that_nobody_counted_has_no_known_cost():
    """Said, not guessed."""
    judge = judge_of(FakeEngine(Completion(text="x")))
    judge.ask(question("a"))

    assert {"cost": 0.0, "without_cost": 1} == {
        key: judge.spent()[key] for key in ("cost", "without_cost")
    }


# --- which judge --------------------------------------------------------------------------


def judges(engine: FakeEngine | None = None, **changes: Any) -> Judges:
    return Judges(settings(**changes), lambda: engine)  # type: ignore[arg-type, return-value]


def test_the_only_judge_needs_no_name():
    """It is the same one for every check, so that its budget is."""
    found = judges()

    assert found.model() is found.model("strict")
    with pytest.raises(ConfigError, match="unknown judge 'x'"):
        found.model("x")


def test_problems_of_a_judge_are_said_when_it_is_asked():
    """A variable that is missing here harms nobody who does not need it."""
    broken = JudgeConfig(variant=STRICT, problems=("q.yaml:9: NO_URL is not set",))
    found = judges(judges={"strict": broken})

    assert "judge:strict" not in settings(judges={"strict": broken}).asked
    with pytest.raises(ConfigError, match="NO_URL is not set"):
        found.model()


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"model": "small"}, True),
        ({"model": "small", "base_url": "http://a/v1/", "revision": "2"}, True),
        ({"model": "small", "base_url": "http://b/v1"}, False),
        ({"model": "other"}, False),
    ],
)
def test_a_candidate_that_would_judge_itself_is_known_by_model_and_address(changes, same):
    """Whatever else is declared about it."""
    own = JudgeConfig(variant=replace(STRICT, **changes), place="q.yaml:9")
    found = judges(judges={"strict": own}).select([(CASE, Judge(rubric="a"))])  # type: ignore[list-item]

    assert same == any("is the candidate 'cand' itself" in text for text in found)


def test_a_null_candidate_may_be_judged_by_the_baseline():
    """It is the baseline once more: remarked upon, not refused."""
    own = JudgeConfig(variant=replace(STRICT, model="big"), place="q.yaml:9")
    null = replace(BASE, name="base-again")
    found = judges(judges={"strict": own}, candidates=(null,), null="base-again")

    assert [] == found.select([(CASE, Judge(rubric="a"))])  # type: ignore[list-item]
    assert ["the judge strict is the baseline base itself"] == [
        text.partition(";")[0] for text in found.remarks()
    ]


# --- ahead of time ------------------------------------------------------------------------


class Careless(Judge):
    """A check of somebody's whose foresight breaks."""

    def foreseen(self, baseline: Any, candidate: Any, case: GoldenCase) -> Any:
        raise ZeroDivisionError


def look_ahead(engine: FakeEngine, *cases: tuple[GoldenCase, Judge]) -> None:
    """Let the judges look ahead at some cases, to the end."""
    found = judges(engine)
    assert [] == found.select(cases)  # type: ignore[arg-type]
    found.foresee(case for case, _ in cases)
    found.start()
    found._foresight.add([None])  # type: ignore[union-attr, list-item]
    found._foresight._thread.join(10)  # type: ignore[union-attr]
    assert 1 == engine.left, "the thread has ended, and closed what it opened"


def test_judges_are_asked_when_both_arms_have_answered():
    """Both say the same here: one question."""
    engine = FakeEngine(Completion(text="x"))
    look_ahead(engine, (CASE, Judge(rubric="a")))

    assert ["base", "cand"] == [job.variant for job in engine.asked]
    (first, second) = engine.planned
    assert first == second


def test_without_a_baseline_nothing_is_asked_ahead():
    """As nothing will be judged."""
    engine = FakeEngine()
    look_ahead(engine, (CASE, Judge(rubric="a")))

    assert [] == engine.planned


def test_foresight_that_breaks_harms_nobody():
    """The next case is looked at all the same; the item says what is wrong with the first."""
    engine = FakeEngine(Completion(text="x"))
    other = replace(CASE, id="d")
    look_ahead(engine, (CASE, Careless(rubric="a")), (other, Judge(rubric="a")))

    assert 2 == len(engine.planned)


# --- what is told -------------------------------------------------------------------------

NUMBERS = {
    "answers": 12,
    "second_tries": 2,
    "fresh": 9,
    "cost": 0.5,
    "without_cost": 0,
    "sent": 9,
}


def test_the_report_names_the_model_and_its_budget():
    """Beside the numbers of all processes; nothing of judges that are not configured."""
    found = told({"strict": NUMBERS, "other": NUMBERS}, settings())

    assert {"strict": {**NUMBERS, "model": "judge", "max_calls": 10}} == found
    assert [
        "Judge strict (judge): 12 answers, 3 of them cached, 9 sent, 2 second tries, cost 0.5"
    ] == judge_sentences({"judges": found})


def test_costs_that_are_partly_unknown_are_told_so():
    """Never a total that is too low."""
    found = {"strict": {**NUMBERS, "without_cost": 4, "model": "m"}}

    assert judge_sentences({"judges": found})[0].endswith(
        "cost 0.5 and 4 answers without a known cost"
    )


@pytest.mark.parametrize(
    "judged",
    [
        None,
        [],
        {"a": None},
        {"a": {}},
        {"a": {**NUMBERS, "cost": math.nan}},
        {"a": {**NUMBERS, "cost": "x"}},
        {"a": {**NUMBERS, "answers": 0}},
    ],
)
def test_a_report_that_says_nothing_sound_is_passed_over(judged):
    """It may have been written by hand."""
    assert [] == judge_sentences({"judges": judged})


def test_names_in_a_report_are_hostile():
    """A report is rendered again from a file."""
    (text,) = judge_sentences({"judges": {"\x1b[2J": {**NUMBERS, "model": "\n::error::"}}})

    assert text.isprintable()


# --- who contradicts himself --------------------------------------------------------------


def compared(
    n: int, contradicted: int, *, by: str = "strict", swaps: Swaps | None = None, **fields: Any
) -> list[PairedOutcome]:
    """Comparisons, of which the first came out otherwise in the other order."""
    held = [
        replace(
            Outcome.of([]),
            swaps=swaps or Swaps(by=by, compared=1, contradicted=int(i < contradicted)),
        )
        for i in range(n)
    ]
    return [
        PairedOutcome(
            case=f"{by}-{i}", cohort="faq", check="judge", baseline=one, candidate=one, **fields
        )
        for i, one in enumerate(held)
    ]


def row_of(found: list[PairedOutcome], name: str = "strict") -> BudgetVerdict:
    """What is said of a judge, among a hundred cases on which nobody was asked."""
    same = Outcome.of([])
    others = [
        PairedOutcome(case=f"o-{i}", cohort="faq", check="judge", baseline=same, candidate=same)
        for i in range(100)
    ]
    report = judge([*found, *others], [Budget(max_drop=0.05)])
    (row,) = [row for row in report.budgets if row.check == f"judge:{name}"]
    return row


@pytest.mark.parametrize(
    ("n", "contradicted", "found"),
    [
        (60, 60, Verdict.ERROR),
        (60, 27, Verdict.ERROR),
        (60, 26, Verdict.INCONCLUSIVE),
        (60, 20, Verdict.INCONCLUSIVE),
        (60, 19, Verdict.PASS),
        (12, 4, Verdict.INCONCLUSIVE),
        (9, 6, Verdict.ERROR),
        (9, 5, Verdict.PASS),
        (3, 3, Verdict.ERROR),
        (2, 2, Verdict.PASS),
        (1, 0, Verdict.PASS),
    ],
)
def test_a_judge_may_contradict_itself_in_less_than_a_third(n, contradicted, found):
    """Of few comparisons only what is beyond chance counts; of many the share itself."""
    row = row_of(compared(n, contradicted))

    assert found is row.verdict
    said = f"the judge strict contradicted itself in {contradicted} of {n} comparisons"
    assert row.reason.startswith(said)
    assert (found is Verdict.ERROR) == ("its verdicts are no evidence" in row.reason)
    assert n == row.cases


def test_each_judge_is_looked_at_by_itself():
    """A sound judge does not make up for another one."""
    report = judge(compared(60, 0, by="good") + compared(20, 20, by="bad"), [Budget(max_drop=0.05)])
    found = {row.check: row.verdict for row in report.budgets}

    assert (Verdict.PASS, Verdict.ERROR) == (found["judge:good"], found["judge:bad"])
    assert Verdict.ERROR is found[None] is report.verdict, "nothing is concluded from it"


def test_a_case_is_one_comparison_however_often_it_is_asked():
    """Three repeats of one case are no three witnesses; half of them make a contradiction."""
    swaps = Swaps(by="strict", compared=3, contradicted=3)

    assert Verdict.PASS is row_of(compared(2, 0, swaps=swaps)).verdict
    assert Verdict.ERROR is row_of(compared(3, 0, swaps=swaps)).verdict
    once = replace(swaps, contradicted=1)
    assert Verdict.PASS is row_of(compared(60, 0, swaps=once)).verdict


def test_where_nobody_compared_nothing_is_said():
    """Identical answers, and judges of single answers."""
    silent = Swaps(by="strict", compared=0, contradicted=0)
    report = judge(compared(60, 0, swaps=silent), [Budget(max_drop=0.05)])

    assert ["evidence", None] == [row.check for row in report.budgets]


def test_comparisons_of_repeats_add_up():
    """A repeat that nobody was asked about is none: identical, or empty."""
    asked = [Swaps(by="strict", compared=1, contradicted=n) for n in (1, 0)]
    outcomes = [replace(Outcome.of([]), swaps=one) for one in (asked[0], None, asked[1])]

    assert Swaps(by="strict", compared=2, contradicted=1) == Outcome.mean(outcomes).swaps
    assert Outcome.mean([Outcome.of([])]).swaps is None


def test_comparisons_survive_the_way_to_the_report():
    """Across processes, and into the file."""
    (one,) = compared(1, 1)
    report = GateReport(
        baseline=BASE, candidates=(judge([one], [Budget(max_drop=0.05)]),), provenance={}
    )

    assert one == PairedOutcome.from_dict(json.loads(json.dumps(one.to_dict())))
    assert report == from_json(json.loads(json.dumps(to_json(report))))
