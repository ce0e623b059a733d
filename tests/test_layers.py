"""Layers of a check: reported beside it, never counted twice, judged where a budget names one."""

import pytest

from pytest_quantguard import Budget, Outcome, PairedOutcome, Verdict, judge
from pytest_quantguard._budgets import Census, expand
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.pairs import Mishap
from pytest_quantguard.reporters._layers import layer_sentences
from pytest_quantguard.types import Source
from pytest_quantguard.verdicts import Group

HELD = Outcome.of([], {"called": 1.0, "arguments": 1.0})
WRONG = Outcome.of(["wrong digit"], {"called": 1.0, "arguments": 0.0})
SILENT = Outcome.of(["no call"], {"called": 0.0, "arguments": 0.0})


def pair(number, candidate=HELD, baseline=HELD, **changes):
    fields = {"case": f"c{number}", "cohort": "tools", "check": "tool_call", **changes}
    return PairedOutcome(baseline=baseline, candidate=candidate, **fields)


def pairs(n=200, wrong=0, silent=0):
    answers = [WRONG] * wrong + [SILENT] * silent + [HELD] * (n - wrong - silent)
    return [pair(i, answer) for i, answer in enumerate(answers)]


def test_a_budget_may_name_a_layer():
    """Arguments that break fail their own budget; that a call was made still passes."""
    found = judge(
        pairs(wrong=40),
        [
            Budget(check="tool_call.arguments", max_drop=0.05),
            Budget(check="tool_call.called", max_drop=0.05),
        ],
    )
    verdicts = {row.check: row.verdict for row in found.budgets if row.check != "evidence"}

    assert {"tool_call.arguments": Verdict.FAIL, "tool_call.called": Verdict.PASS} == verdicts


def test_layers_are_read_where_no_budget_names_them():
    """Every report can tell which layer broke, and how often."""
    (called, arguments) = judge(pairs(n=100, wrong=3, silent=1), [Budget(max_drop=0.2)]).layers

    assert ("called", 1.0, 0.99, 1) == (
        called.layer,
        called.baseline_rate,
        called.candidate_rate,
        called.regressed,
    )
    assert ("arguments", 1.0, 0.96, 4) == (
        arguments.layer,
        arguments.baseline_rate,
        arguments.candidate_rate,
        arguments.regressed,
    )


def test_a_layer_is_no_evidence_beside_its_check():
    """The suite, and the evidence of the run, are the same with and without layers."""
    plain = [
        PairedOutcome(
            case=o.case,
            cohort=o.cohort,
            check=o.check,
            baseline=Outcome.of(o.baseline.violations),
            candidate=Outcome.of(o.candidate.violations),
        )
        for o in pairs(wrong=12)
    ]
    with_layers = judge(pairs(wrong=12), [Budget(max_drop=0.05)])
    without = judge(plain, [Budget(max_drop=0.05)])

    assert without.log_evidence == with_layers.log_evidence
    assert without.budgets[-1].delta == with_layers.budgets[-1].delta


def test_every_check_does_not_mean_every_layer():
    """``check: "*"`` makes one budget for each check; its layers are not judged unasked."""
    census = Census.of([(("tools", "tool_call"), "a", ())], {"tool_call": ("called",)})

    (budget,) = expand([Budget(check="*", max_drop=0.05)], census)

    assert "tool_call" == budget.check


def test_a_layer_can_be_combined_with_every_cohort():
    """``cohort: "*"`` with a layer makes one budget for each cohort that has the check."""
    census = Census.of(
        [(("tools", "tool_call"), "a", ()), (("faq", "json"), "b", ())],
        {"tool_call": ("called", "arguments")},
    )

    found = expand([Budget(cohort="*", check="tool_call.arguments", max_drop=0.05)], census)

    assert [("tools", "tool_call.arguments")] == [(b.cohort, b.check) for b in found]
    assert {"a"} == census.cases(Group(check="tool_call.arguments"))


def test_a_misspelt_layer_is_named():
    """A budget on a layer that no check has is a mistake of the configuration."""
    census = Census.of([(("tools", "tool_call"), "a", ())], {"tool_call": ("arguments",)})

    with pytest.raises(ConfigError, match=r"did you mean 'tool_call\.arguments'"):
        expand([Budget(check="tool_call.argument", max_drop=0.05)], census)


def test_a_layer_of_a_check_that_has_none_is_refused():
    """The sentence does not propose the check as if its name had been misspelt."""
    census = Census.of([(("faq", "judge"), "a", ())])

    with pytest.raises(ConfigError, match="'judge' reports no layers that a budget could name"):
        expand([Budget(check="judge.consistent", max_drop=0.05)], census)


def test_a_request_without_an_answer_reaches_no_layer():
    """The candidate's silence is a loss in every layer, and the bounds say what it could hide."""
    silent = pair(0, Outcome.of(["no answer: 500"]))
    mishap = Mishap(
        variant="candidate",
        case="c0",
        cohort="tools",
        check="tool_call",
        source=Source(file="a.quant.yaml", line=1),
        role="candidate",
        kind="TransportError",
        message="500",
    )
    others = [pair(i) for i in range(1, 200)]

    found = judge(
        [silent, *others],
        [Budget(check="tool_call.arguments", max_drop=0.05)],
        mishaps=[mishap],
    )
    delta = found.budgets[-1].delta

    assert 0.005 == pytest.approx(delta.value)
    assert 0.0 == delta.best


def test_a_case_on_which_both_arms_are_silent_counts():
    """The rates of layers are of all cases, as those of their check are."""
    empty = Outcome.of(["the answer is empty"])
    found = judge([pair(0, empty, empty), *[pair(i) for i in (1, 2, 3)]], [Budget(max_drop=0.5)])

    assert [(4, 0.75), (4, 0.75)] == [(one.cases, one.baseline_rate) for one in found.layers]


def test_the_sentence_says_where_it_breaks():
    """One line for each check in which a layer changed."""
    report = judge(pairs(n=100, wrong=3, silent=1), [Budget(max_drop=0.2)])

    assert [
        "Layers of tool_call: called 100.0% -> 99.0% (1 lost), arguments 100.0% -> 96.0% (4 lost)"
    ] == layer_sentences(report)


def test_nothing_is_said_where_nothing_changed():
    """Equal arms need no sentence; -v asks for all of them."""
    report = judge(pairs(n=100), [Budget(max_drop=0.2)])

    assert [] == layer_sentences(report)
    assert 1 == len(layer_sentences(report, every=True))
