"""The last sentences of the terminal: what to do, and where to read on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_quantguard.reporters._closing import advice_sentences, reading_sentences
from pytest_quantguard.reporters._views import regressed_cases
from pytest_quantguard.verdicts import Verdict

FILES = {
    "json": "quant-report/report.json",
    "html": "quant-report/index.html",
    "summary": "quant-report/summary.md",
    "junit": "ci/ours.xml",
}


def of_one(report, **changes):
    (candidate,) = report.candidates
    return replace(report, candidates=(replace(candidate, **changes),))


def test_the_advice_and_the_routes_of_one_candidate(make):
    """One sentence for the whole run, then each cohort with its reason."""
    assert advice_sentences(make.realistic()) == [
        "Advice: Promote these cohorts: faq to awq-int4; keep regulated and tool-calling with "
        "bf16.",
        "Route: faq -> awq-int4; regulated -> bf16 (mirror only: not shown to be safe); "
        "tool-calling -> bf16 (fail)",
    ]


def test_several_candidates_are_named_with_their_reasons(two_candidates):
    """First how many may be used; copies of a cohort go to whoever could still be shown safe."""
    head, advice, route = advice_sentences(two_candidates)

    assert head == "None of 2 candidates may replace bf16."
    assert advice.startswith("Advice: ")
    assert "tool-calling -> bf16 (awq-int4: fail; gptq-int4: fail)" in route
    assert "; copies to awq-int4, gptq-int4)" in route


def test_a_pass_without_budgets_of_cohorts_says_what_is_missing(make):
    """Nothing was lost: that it is not routed must not read as a finding against it."""
    report = make.realistic()
    suite = replace(report.candidates[0].budgets[0], verdict=Verdict.PASS)
    report = of_one(report, budgets=(suite,), verdict=Verdict.PASS, outcomes=(), mishaps=())
    report = of_one(report, outcomes=make.realistic().candidates[0].outcomes[-3:])
    advice, route = advice_sentences(report)

    assert "no cohort has a budget of its own, which it needs to be routed" in advice
    assert route.endswith("(mirror only: no budget of its own; give it one to route it)")


def test_no_candidate_no_advice(empty_report):
    """There is nothing to advise on."""
    assert advice_sentences(empty_report) == []


def test_the_page_comes_first_and_the_other_files_in_one_line(make):
    """How many cases there are to read; files beside the page together, others apart."""
    report = make.realistic()
    lost = len(regressed_cases(report.candidates[0]))

    assert lost > 30
    assert reading_sentences(report, FILES) == [
        f"Read the {lost} regressed cases side by side: quant-report/index.html",
        "Written: quant-report/ (report.json, summary.md)",
        "Written: ci/ours.xml",
    ]


def test_a_case_that_two_candidates_lost_is_one_case(two_candidates):
    """The page shows cases, and nobody reads one twice."""
    first, *_ = reading_sentences(two_candidates, FILES)

    one, other = map(regressed_cases, two_candidates.candidates)
    assert one == other
    assert f"Read the {len(one)} regressed cases " in first


@pytest.mark.parametrize(
    ("kept", "said"),
    [(0, "The report: "), (1, "Read the regressed case side by side: ")],
)
def test_few_regressed_cases_are_said_in_plain_words(make, kept, said):
    """None is no invitation to read them; one is not several."""
    report = make.realistic()
    lost = [o for o in report.candidates[0].outcomes if o.regressed and not o.critical][:kept]
    found = reading_sentences(of_one(report, outcomes=tuple(lost)), FILES)

    assert found[0] == f"{said}quant-report/index.html"


def test_without_a_page_files_are_only_named(make):
    """Such as by a command that wrote something else; a lone file is a path."""
    report = make.realistic()

    assert reading_sentences(report, {}) == []
    assert reading_sentences(report, {"json": "out/report.json"}) == ["Written: out/report.json"]
    assert reading_sentences(report, {"html": "index.html", "json": "report.json"})[1:] == [
        "Written: report.json"
    ]


def test_a_path_commands_nothing(make):
    """A folder's name is data too."""
    found = reading_sentences(make.realistic(), {"json": "a\n::error::x\x1b[31m/report.json"})

    assert found == ["Written: a\\n::error::x\\x1b[31m/report.json"]
