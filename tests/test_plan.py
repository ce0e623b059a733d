"""Planning on plain numbers: what golden cases can decide, and what deciding takes."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
import yaml

from pytest_quantguard import _budgets, stats
from pytest_quantguard._auto import LARGEST, levels, propose, yaml_lines
from pytest_quantguard._budgets import Census
from pytest_quantguard._costs import Asked, JudgeAsked, Known, Share
from pytest_quantguard._noticed import noticed
from pytest_quantguard._plan import Outset, make_plan, plan_row
from pytest_quantguard.commands._plan_text import percent, render
from pytest_quantguard.documents import document as _document
from pytest_quantguard.types import Source
from pytest_quantguard.variants import Price, Quantization, Variant
from pytest_quantguard.verdicts import Budget, Group

DOCS = Path(__file__).parents[1] / "docs"


def variant(name, price=None, **quantization):
    return Variant(
        name=name,
        provider="openai",
        model=name,
        quantization=Quantization(**quantization),
        price=price,
    )


def census(n=300, cohorts=("faq",), checks=("json",), **fields):
    """n cases in each cohort, each with all checks."""
    leaves = {
        (cohort, check): frozenset(f"{cohort}-{i}" for i in range(n))
        for cohort in cohorts
        for check in checks
    }
    return Census(leaves, **fields)


def outset(found, *budgets, candidates=None, **fields):
    arms = candidates or [variant("q4", method="gguf", scheme="Q4_K_M")]
    variants = {v.name: v for v in (variant("bf16", weight_bits=16), *arms)}
    return Outset(census=found, budgets=budgets, variants=variants, baseline="bf16", **fields)


# --- one budget ---------------------------------------------------------------------------

TABLE = {
    0.01: (299, (1397, 2375), (3162, 5505), (4989, 8714)),
    0.02: (149, (425, 692), (837, 1437), (1277, 2218)),
    0.03: (99, (225, 353), (400, 675), (588, 1012)),
    0.05: (59, (107, 159), (167, 273), (230, 389)),
    0.10: (29, (41, 57), (56, 86), (71, 114)),
}
"""Budget -> exact floor; cases for 80 % and 95 % at psi 2, 5 and 8 %, in normal approximation."""


@pytest.mark.parametrize("max_drop", TABLE)
@pytest.mark.parametrize(("column", "psi"), [(1, 0.02), (2, 0.05), (3, 0.08)])
def test_cases_follow_the_published_table(max_drop, column, psi):
    """Within the error of the approximation: 6 %, or 8 cases where there are few."""
    row = plan_row(Budget(max_drop=max_drop), outset(census(200)), psi)

    assert TABLE[max_drop][0] == row.floor
    assert pytest.approx(TABLE[max_drop][column], rel=0.06, abs=8) == (row.cases_80, row.cases_95)


def test_adding_what_is_missing_reaches_the_wanted_power():
    """And one case less does not."""
    budget = Budget(max_drop=0.03)
    row = plan_row(budget, outset(census(300)), 0.08, power=0.8)
    enough = plan_row(budget, outset(census(300 + row.to_add)), 0.08, power=0.8)
    nearly = plan_row(budget, outset(census(299 + row.to_add)), 0.08, power=0.8)

    assert row.power < nearly.power < 0.8 <= enough.power
    assert 0 == enough.to_add
    assert row.cases_80 == row.cases + row.to_add


def test_what_is_provable_passes_with_95_percent():
    """The smallest budget of today's cases, on the other side of the same formula."""
    row = plan_row(Budget(max_drop=0.02), outset(census(300)), 0.05)

    assert stats.pass_power(300, row.provable, 0.05) >= 0.95
    assert stats.pass_power(300, row.provable - 0.002, 0.05) < 0.95


def test_a_budget_is_decidable_exactly_when_a_run_accepts_it():
    """One rule: that of the run, which knows serving noise and no format."""
    for n in (40, 59, 60, 61, 62, 63, 64, 80):
        found, budget = census(n), Budget(max_drop=0.05)
        row = plan_row(budget, outset(found, budget), psi=0.19)
        assert row.decidable is not bool(_budgets.undecidable([budget], found))


def test_an_undecidable_budget_says_what_it_takes():
    """From where on a run takes it, and the same number as in the row's own columns."""
    budget = Budget(max_drop=0.01, source=Source(file="quantguard.yaml", line=7))
    row = plan_row(budget, outset(census(60)), psi=0.02)

    assert not row.decidable
    assert "a run takes it from 629 cases on" in row.note
    assert f"runs it takes {row.cases_80}" in row.note
    assert 0 == row.power
    assert "quantguard.yaml:7" == row.to_dict()["source"]


def test_weights_cost_cases():
    """Half of the cases weigh three times as much: Kish's number is 80 % of them."""
    weights = {f"faq-{i}": 3.0 if i % 2 else 1.0 for i in range(300)}
    row = plan_row(Budget(max_drop=0.02), outset(census(300, weights=weights)), 0.05)

    assert (300, pytest.approx(240)) == (row.cases, row.effective)
    assert pytest.approx(1.25 * (row.cases_80 - 240), abs=1) == row.to_add


def test_a_tag_selects_its_cases():
    """A budget on a tag is planned with the cases that have it."""
    tags = {f"faq-{i}": ("long",) for i in range(100)}
    row = plan_row(Budget(max_drop=0.1, tag="long"), outset(census(300, tags=tags)), 0.05)

    assert 100 == row.cases


def test_a_group_without_cases_is_undecidable():
    """Selected by name, but no case is left: nothing is claimed about it."""
    row = plan_row(Budget(max_drop=0.1, cohort="gone"), outset(census(300)), 0.05)

    assert (0, False, 0, None, None) == (
        row.cases,
        row.decidable,
        row.power,
        row.provable,
        row.noticed,
    )


class Percentile:
    key, unit, both_ways = "latency_p95", "ratio", False

    def floor(self, limit):
        return 59


@pytest.mark.parametrize(("n", "decidable", "to_add"), [(40, False, 19), (59, True, 0)])
def test_a_metric_has_a_fewest_number_and_no_power(n, decidable, to_add):
    """How much latency varies is not known before a run."""
    budget = Budget(max_ratio=1.5, metric="latency_p95")
    row = plan_row(budget, outset(census(n), metrics={"latency_p95": Percentile()}), 0.05)

    assert (59, decidable, to_add, None) == (row.floor, row.decidable, row.to_add, row.power)


def test_a_relative_budget_says_how_it_was_planned():
    """The baseline's rate is not known yet."""
    row = plan_row(Budget(max_drop=0.05, relative=True), outset(census(300)), 0.02)

    assert "planned as if that were 100 %" in row.note


@pytest.mark.parametrize(("psi", "low", "high"), [(0.0, 1.0, 1.0), (1.0, 0.0, 0.2)])
def test_the_ends_of_the_scale_can_be_planned(psi, low, high):
    """Nothing differs, or everything does."""
    row = plan_row(Budget(max_drop=0.05), outset(census(100)), psi)

    assert low <= row.power <= high
    assert row.noticed > 0.05


# --- what is noticed ----------------------------------------------------------------------


def test_evidence_of_whole_cases_is_that_of_the_statistics():
    """The planner's formula goes on between whole numbers; on them it is the same."""
    for lost, gained in ((0, 0), (5, 1), (30, 12), (2, 9)):
        exact = stats.sign_evidence([1] * lost + [-1] * gained).log_e
        assert pytest.approx(exact) == stats.sign_evidence_of(lost, gained).log_e


@pytest.mark.parametrize(
    ("n", "psi", "share", "max_drop"),
    [(60, 0.02, 0.2, 0.05), (200, 0.08, 0.03, 0.05), (300, 0.02, 1.0, 0.01), (500, 0.05, 0.1, 0.1)],
)
def test_a_noticed_loss_fails_in_four_runs_of_five(n, psi, share, max_drop):
    """Simulated with the gate's own evidence; a loss is on top of what differs anyway."""
    loss = noticed(n, max_drop, psi, share=share)
    draw = random.Random(1)
    fails, runs = 0, 600
    for _ in range(runs):
        sides = [draw.random() for _ in range(n)]
        lost = sum(u < psi / 2 + loss for u in sides)
        gained = sum(u > 1 - psi / 2 for u in sides)
        real = stats.sign_evidence_of(lost, gained).log_e >= math.log(100 / share)
        fails += real and (lost - gained) / n > max_drop

    assert pytest.approx(0.8, abs=0.06) == fails / runs


def test_more_cases_notice_less_and_few_notice_nothing():
    """Down to a little above the budget, and up to not even a total loss."""
    found = [noticed(n, 0.05, 0.05, share=0.03) for n in (50, 100, 500, 100_000)]

    assert found == sorted(found, reverse=True)
    assert 0.05 < found[-1] < 0.052
    assert noticed(5, 0.05, 0.05, share=0.03) is None


# --- budgets: auto ------------------------------------------------------------------------


def test_automatic_budgets_form_a_pyramid_that_an_equal_candidate_passes():
    """Tight for the suite, wide for each check of each cohort; 95 % for all of one level."""
    found = census(200, cohorts="abcde", checks=("json", "exact", "regex", "contains"))
    budgets = propose(found, 0.05).budgets
    widths = {}
    for level, groups in levels(found.leaves).items():
        limits = {b.max_drop for b in budgets if b.group in groups}
        (widths[level],) = limits
        n = found.effective(groups[0])
        needed = 1 - 0.05 / len(groups)
        assert stats.pass_power(n, widths[level], 0.05) >= needed
        assert stats.pass_power(n, widths[level] - 0.006, 0.05) < needed

    assert 1 + 5 + 4 + 20 == len(budgets)
    assert widths["suite"] < widths["check"] <= widths["cohort"] < widths["leaf"]
    assert all((200 * limit) % 1 == pytest.approx(0, abs=1e-9) for limit in widths.values())


def test_a_group_that_says_nothing_new_gets_no_budget():
    """One cohort with one check: the suite's budget is theirs."""
    assert [Group()] == [b.group for b in propose(census(300), 0.05).budgets]


def test_too_few_cases_get_no_budget_of_their_own_and_stay_covered():
    """A sentence names them; the budget over all cases looks at them too."""
    leaves = {**census(300).leaves, ("new", "json"): frozenset({"a", "b"})}
    found = propose(Census(leaves), 0.05)

    assert not any(b.cohort == "new" for b in found.budgets)
    assert [] == _budgets.uncovered(found.budgets, Census(leaves))
    assert any(
        text.startswith("new / all: 2 cases are too few for a budget") for text in found.left_out
    )
    assert all(b.max_drop <= LARGEST for b in found.budgets)


def test_nothing_is_proposed_for_a_handful_of_cases():
    """No budget at all, rather than one that allows everything."""
    found = propose(census(4), 0.05)

    assert () == found.budgets
    assert 1 == len(found.left_out)


def test_automatic_budgets_can_be_pasted():
    """What is printed is YAML that means these budgets, whatever the names are."""
    budgets = [
        Budget(max_drop=0.025),
        Budget(max_drop=0.045, cohort="012", check="true"),
        Budget(max_drop=0.1, check="json"),
    ]
    read = yaml.safe_load("\n".join(["budgets:", *yaml_lines(budgets)]))

    assert [
        {"max_drop": "2.5 pt"},
        {"cohort": "012", "check": "true", "max_drop": "4.5 pt"},
        {"check": "json", "max_drop": "10 pt"},
    ] == read["budgets"]


@pytest.mark.parametrize(
    "name",
    [
        "json",
        "\U0001f600",
        "caf\u00e9 \u4f60\u597d",
        "family \U0001f468\u200d\U0001f469 \ufe0f",
        "a\u00a0b\u2028c\u202ed\u00ade",
        'quote " back \\ tab \t line \n bell \x07 delete \x7f next \x85',
        "tag \U000e0041 private \ue000 \U0010fffd \ufeff",
        "yes: {no}, [1] # & * !",
        "*",
        "",
        "012",
        "Null",
    ],
)
def test_a_name_of_any_kind_can_be_pasted(name):
    """What is printed is read as the same name by the project's own strict reader.

    A name stays readable; only what cannot be seen is written as an escape.
    """
    (line,) = yaml_lines([Budget(max_drop=0.1, check=name)])
    read = _document.parse(f"budgets:\n{line}\n", "quantguard.yaml").data

    assert [{"check": name, "max_drop": "10 pt"}] == read["budgets"]
    assert line.isprintable()
    assert all(c in line for c in name if c.isprintable() and c not in '"\\')


# --- at one glance ------------------------------------------------------------------------


def test_what_the_cases_see_is_there_for_every_cohort():
    """With and without a budget of its own; the more cases, the smaller the loss."""
    leaves = {
        **census(50, cohorts=("small",)).leaves,
        **census(500, cohorts=("large",)).leaves,
        **census(2, cohorts=("tiny",)).leaves,
    }
    (candidate,) = make_plan(outset(Census(leaves), Budget(max_drop=0.1))).candidates
    found = {one.cohort: one for one in candidate.seen}

    assert [None, "large", "small", "tiny"] == list(found)
    assert (552, 500, 50, 2) == tuple(one.cases for one in candidate.seen)
    assert found["large"].sees < found["small"].sees
    assert found["large"].proves < found["small"].proves <= LARGEST
    assert (None, None) == (found["tiny"].sees, found["tiny"].proves)


def test_the_cases_that_a_budget_takes_are_those_of_its_row():
    """One number for one question, wherever it stands."""
    limits = (0.01, 0.02, 0.03, 0.05, 0.1)
    budgets = [Budget(max_drop=limit, check=f"c{limit}") for limit in limits]
    found = census(100, checks=tuple(b.check for b in budgets))
    (candidate,) = make_plan(outset(found, *budgets)).candidates

    assert dict(candidate.needed) == {r.budget.max_drop: r.cases_80 for r in candidate.rows}


def test_a_handful_of_cases_proves_nothing_that_is_worth_a_number():
    """No 97.5 points of two cases: a dash."""
    leaves = {**census(300).leaves, **census(2, cohorts=("new",)).leaves}
    budgets = (Budget(max_drop=0.1), Budget(max_drop=0.1, cohort="new"))
    lines = render(make_plan(outset(Census(leaves), *budgets)), 120)
    rows = [line.split() for line in lines if line.startswith("new ")]

    assert ["new", "2", "-", "-"] == rows[0]
    assert ["-", "-"] == rows[1][-2:]
    assert not [line for line in lines if "97.5" in line or "no budget at all" in line]


@pytest.mark.parametrize("max_drop", [0.01, 0.02, 0.03, 0.05, 0.1])
def test_the_published_numbers_of_cases_are_those_of_the_code(max_drop):
    """docs/verdicts.md has the table, and no other page has other numbers."""
    text = (DOCS / "verdicts.md").read_text("utf-8").replace(",", "")
    half, most = (stats.pass_cases(max_drop, 0.02, power=power) for power in (0.5, 0.8))
    row = f"| {100 * max_drop:g} pt | {stats.pass_floor(max_drop)} | {half} | {most} |"

    assert row in text


def test_other_pages_say_the_same_numbers():
    """Two points and five in the README, ten and three in the guide."""
    cases = {p: stats.pass_cases(p / 100, 0.02, power=0.8) for p in (2, 3, 5, 10)}
    half = {p: stats.pass_cases(p / 100, 0.02, power=0.5) for p in (2, 5)}
    guide = (DOCS / "writing-golden-cases.md").read_text("utf-8")
    readme = " ".join((DOCS.parent / "README.md").read_text("utf-8").split())

    assert f"{cases[10]} for ten points, {cases[3]} for\nthree" in guide
    if "How many cases? About" in readme:  # the README may leave it to the guide
        assert f"About {cases[5]} to show a loss under 5 points, {cases[2]} under 2" in readme
        assert f"[{half[5]} and {half[2]}]" in readme


# --- what it costs ------------------------------------------------------------------------


def test_costs_stand_cohort_by_cohort_with_what_is_asked_as_needed():
    """Requests, tokens and money of each variant and judge; they add up to the whole."""
    price = Price(input=2.0, output=10.0)
    q4 = variant("q4", price=price, weight_bits=4)
    shares = (
        Share(cohort="faq", requests=60, cached=10, further=4, most_tokens=9000, most_cost=0.5),
        Share(cohort="tools", requests=40, most_tokens=4000, most_cost=0.25),
    )
    asked = {
        "bf16": Asked(requests=100, cached=100, tokens=(200.0, 50.0)),
        "q4": Asked(requests=100, cached=10, shares=shares),
    }
    judged = Share(cohort="faq", requests=0, further=120, most_tokens=90_000, most_cost=1.5)
    judges = {"strict": JudgeAsked(variant=variant("judge", price=price), shares=(judged,))}
    plan = make_plan(outset(census(100), candidates=[q4], asked=asked, judges=judges))
    _, whole, judge = plan.arms
    faq, tools = (row for row in plan.costs if row.name == "q4")

    assert ("q4", 100, 10, 4, 0.75) == (
        whole.name,
        whole.requests,
        whole.cached,
        whole.further,
        whole.most_cost,
    )
    assert [("faq", 50 * 200, 50 * 50), ("tools", 40 * 200, 40 * 50)] == [
        (row.cohort, row.prompt_tokens, row.completion_tokens) for row in (faq, tools)
    ]
    assert whole.cost == pytest.approx(faq.cost + tools.cost)
    assert 50 * (2 * 200 + 10 * 50) / 1e6 == pytest.approx(faq.cost)
    assert ("judge", 120, 0.0, 1.5) == (judge.role, judge.further, judge.cost, judge.most_cost)
    text = " ".join(" ".join(render(plan, 120, costs=True)).split())
    assert "judge strict faq 0 0 0 120 0 0 0.00 1.50" in text


def test_a_cost_without_a_bound_is_not_known():
    """One case without max_tokens, or without a price: nobody knows what it may cost at most."""
    shares = (
        Share(cohort="faq", requests=5, most_cost=0.5),
        Share(cohort="tools", requests=5, most_cost=None),
        Share(cohort="done", requests=5, cached=5, most_cost=None),
    )
    row = Known(tokens=None).row("q4", "candidate", None, shares)
    done = Known(tokens=None).row("q4", "candidate", "done", shares[2:])

    assert (None, None) == (row.cost, row.most_cost)
    assert (0.0, 0.0) == (done.cost, done.most_cost)


# --- the whole plan -----------------------------------------------------------------------


def test_tokens_and_cost_are_those_of_what_is_not_cached():
    """As long as the arm's own cached answers, else the baseline's."""
    q4 = variant("q4", price=Price(input=1.0, output=10.0), weight_bits=4)
    asked = {
        "bf16": Asked(requests=100, cached=100, tokens=(200.0, 50.0)),
        "q4": Asked(requests=100),
    }
    plan = make_plan(outset(census(100), candidates=[q4], asked=asked))
    baseline, candidate = plan.arms

    assert (100, 0.0) == (baseline.cached, baseline.cost)
    assert (20_000, 5_000) == (candidate.prompt_tokens, candidate.completion_tokens)
    assert pytest.approx(0.07) == candidate.cost
    assert "taken to be as long as bf16's answers" == candidate.note


@pytest.mark.parametrize(
    ("price", "why"),
    [
        (None, "the variant has no price"),
        (Price(input=1, output=1), "how long the answers are is not known"),
    ],
)
def test_a_cost_that_is_not_known_says_why(price, why):
    """Never 0 for what will be asked."""
    q4 = variant("q4", price=price, weight_bits=4)
    asked = {"bf16": Asked(requests=10), "q4": Asked(requests=10)}
    arm = make_plan(outset(census(100), candidates=[q4], asked=asked)).arms[1]

    assert arm.cost is None
    assert why in arm.note


def test_a_plan_is_plain_json():
    """And holds the largest psi of all candidates beside the budgets that it makes possible."""
    arms = [variant("q8", weight_bits=8), variant("q4", weight_bits=4)]
    plan = make_plan(outset(census(100), Budget(max_drop=0.02), candidates=arms))
    data = json.loads(json.dumps(plan.to_dict()))

    assert 1 == data["undecidable"]
    assert [0.025, 0.08] == [round(c["psi"], 6) for c in data["candidates"]]
    assert 0.08 == round(data["auto"]["psi"], 6)
    assert data["candidates"][0]["budgets"][0]["decidable"] is False


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_plan_fits_the_terminal(width):
    """However long the names are, unless one alone is too long."""
    names = ("json-extraction", "a-cohort-with-quite-a-long-name")
    found = census(150, cohorts=names, checks=("tool_call", "numbers_preserved"))
    budgets = [Budget(max_drop=0.02, cohort=c, check=k) for c in names for k in ("tool_call", None)]
    lines = render(make_plan(outset(found, *budgets)), width)
    printed = [line for line in lines if not line.startswith("  - ")]  # YAML is not broken

    assert max(map(len, printed)) <= width, "\n".join(lines)
    assert 4 == " ".join(" ".join(lines).split()).count("UNDECIDABLE: a run takes")
    assert any("numbers_preserved" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("0%", 0),
        ("<0.1%", 1e-5),
        ("2%", 0.02),
        ("2.5%", 0.025),
        ("97%", 0.97),
        (">99%", 0.9999),
        ("100%", 1),
        ("-", None),
    ],
)
def test_percentages_never_claim_certainty(text, share):
    """0 % and 100 % are kept for what is exactly so."""
    assert text == percent(share)
