"""What was measured beside the checks, in every report: routes, JSON, JUnit, hostile text."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from rendered import NOTHING, shown, unwrapped

from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.pairs import Divergence
from pytest_quantguard.reporters import _routing, _summary, _views, junit
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion, Token
from pytest_quantguard.variants import Price
from pytest_quantguard.verdicts import Verdict

SCHEMA = json.loads(files("pytest_quantguard").joinpath("report.schema.json").read_text("utf-8"))


@pytest.fixture
def candidate(make):
    (found,) = make.measured().candidates
    return found


# --- critical cases and routes ------------------------------------------------------------------


def test_a_critical_case_counts_only_when_confirmed(make, candidate):
    """One that fails once, but not in two of three runs, is tolerated and named as such."""
    found = {o.case: finding for o, finding in _views.findings(replace(candidate, budgets=()))}
    text = unwrapped(shown(make.measured()))

    assert (found["refund-order-4"], found["dosage-0"]) == ("fail", "tolerated")
    assert (
        "Critical, failed once, but not in two of three runs: 1 dosage-0 (citations, critical) "
        "golden/advice.quant.yaml:12 held in 3 of 3 runs of the baseline, 2 of the candidate "
        in text
    )


def test_an_unconfirmed_critical_case_is_not_among_the_lost(make, candidate):
    """Neither in the terminal's list nor in the route."""
    only = tuple(o for o in candidate.outcomes if o.case == "dosage-0")
    passed = replace(candidate.budgets[3], cohort="regulated", check=None)
    bare = replace(candidate, outcomes=only, mishaps=(), budgets=(passed,))
    sure = replace(bare, outcomes=(replace(only[0], confirmation=(2, 1)),))

    def text(each):
        return shown(replace(make.measured(), candidates=(each,)))

    assert "although critical" not in text(bare)
    assert "Route: regulated -> awq-int4" in text(bare)
    assert "Regressed although critical: 1" in text(sure)
    assert "regulated -> bf16 (a critical case regressed)" in text(sure)


def routed(candidate, **changes):
    return {r.cohort: r.reason for r in _routing.routes(replace(candidate, **changes))}


def test_a_cohorts_budgets_on_metrics_and_tags_count_for_its_route(candidate):
    """Each must pass, and one of them must be on the checks of the whole cohort."""
    suite, faq = candidate.budgets[1], candidate.budgets[3]
    slow = replace(candidate.budgets[-1], cohort="faq")
    quick, tagged = replace(slow, verdict=Verdict.PASS), replace(faq, tag="pii")

    assert routed(candidate)["faq"] == ""
    open_ = routed(candidate, budgets=(faq, slow))["faq"]
    assert open_ == "rolled back as a whole: not shown to be safe"  # a critical case was lost
    assert routed(candidate, budgets=(faq, quick, tagged))["faq"] == ""
    for rows in ((quick,), (tagged, quick)):
        found = routed(candidate, budgets=rows)["faq"]
        assert found.endswith("no budget on the checks of the whole cohort")
    failed = replace(slow, cohort=None, verdict=Verdict.FAIL)
    assert routed(candidate, budgets=(suite, faq, failed))["faq"] == ""
    broken = replace(failed, verdict=Verdict.ERROR)
    assert routed(candidate, budgets=(faq, broken))["faq"] == "error"


def test_budgets_on_metrics_have_no_regressed_cases(make):
    """Nothing to list, and so no list."""
    assert "Regressed in all / reference" not in shown(make.measured())


# --- JSON ---------------------------------------------------------------------------------------


def there_and_back(report):
    document = json.loads(json.dumps(report_json.to_json(report), allow_nan=False))
    Draft202012Validator(SCHEMA).validate(document)
    return report_json.from_json(document)


def ours(report):
    (found,) = report_json.to_json(report)["results"]["extra"]["quantguard"]["candidates"]
    return found


def test_everything_that_was_measured_survives(make):
    """Equal to the last field, an interval without an upper end included."""
    report = make.measured()
    priced = replace(report.baseline, price=Price(input=0.5, output=1.5))

    for each in (report, replace(report, baseline=priced)):
        assert each == there_and_back(each)


def test_budgets_and_readings_have_their_units(make):
    """A ratio is never read as a share."""
    found = ours(make.measured())
    row = next(r for r in found["budgets"] if r["metric"] == "latency_p50")
    p95 = next(r for r in found["readings"] if r["group"]["metric"] == "latency_p95")

    assert (row["max_drop"], row["max_ratio"], row["relative"], row["tag"]) == (
        None, 1.1, False, None,
    )  # fmt: skip
    assert row["delta"]["unit"] == "ratio" == p95["unit"]
    assert (p95["delta"]["low"], p95["delta"]["high"]) == (0.55, None)
    assert p95["group"] == {"cohort": None, "check": None, "tag": None, "metric": "latency_p95"}
    assert (found["budgets"][1]["delta"]["best"], found["budgets"][1]["delta"]["worst"]) == (
        0.041, 0.082,
    )  # fmt: skip


def test_a_measurement_says_only_what_is_known(make):
    """Thousands of cases would otherwise be thousands of nulls."""
    full, silent = ours(make.measured())["measurements"]

    assert silent == {
        "case": "faq-0",
        "cohort": "faq",
        "baseline": full["baseline"],
        "candidate": {
            "answered": False,
            "reference_error": "HTTP 400: no log-probs of a prompt",
        },
        "weight": 2.0,
        "tags": ["pii"],
    }
    assert full["divergence"] == {"tokens": 12, "same_top": 0.75, "kl": 0.031, "margin": 0.12}


def test_a_measurement_that_is_no_number_costs_no_report(make, candidate):
    """What a server says about itself must not be able to prevent the verdict's report."""
    first, _ = candidate.measurements
    parted = Divergence(tokens=1, same_top=1.0, kl=math.inf, margin=math.nan)
    odd = replace(first, baseline=replace(first.baseline, latency_s=math.nan), divergence=parted)
    report = replace(make.measured(), candidates=(replace(candidate, measurements=(odd,)),))
    (again,) = there_and_back(report).candidates[0].measurements

    assert (again.baseline.latency_s, again.divergence) == (None, None)
    assert again.candidate == first.candidate


def test_a_reading_that_is_no_number_is_an_error_and_not_a_file(tmp_path, make, candidate):
    """As for budgets: a metric that says NaN is broken."""
    odd = make.reading("mine", make.delta(math.nan, 0, 1))
    report = replace(make.measured(), candidates=(replace(candidate, readings=(odd,)),))

    with pytest.raises(QuantGuardError, match="this report is no JSON"):
        report_json.write(report, tmp_path / "report.json", NOTHING)


def test_reports_from_before_there_were_metrics_load(make, two_candidates):
    """What they lack has its default."""
    for report in (make.realistic(), two_candidates):
        document = json.loads(json.dumps(report_json.to_json(report)))
        for found in document["results"]["extra"]["quantguard"]["candidates"]:
            for key in ("readings", "measurements", "notes"):
                del found[key]
            del found["variant"]["price"]
            for row in found["budgets"]:
                for key in ("tag", "metric", "max_ratio", "relative"):
                    del row[key]
                for key in ("unit", "best", "worst"):
                    row["delta"] and row["delta"].pop(key)
        for test in document["results"]["tests"]:
            outcome = test["extra"].get("outcome", {"baseline": {}, "candidate": {}})
            outcome.pop("confirmation", None)
            for role in ("baseline", "candidate"):
                outcome[role].pop("repeats", None)
        assert report == report_json.from_json(document)


def test_log_probs_stay_in_the_cache(tmp_path, make):
    """They are many times the text, and no report shows them."""
    token = Token(text="a", logprob=-0.5, top=(("a", -0.5),))
    report_json.write(
        make.measured(),
        tmp_path / "r.json",
        Texts(lambda key: Completion(text="a", tokens=(token,) * 9)),
    )
    document = json.loads((tmp_path / "r.json").read_text())
    Draft202012Validator(SCHEMA).validate(document)

    assert report_json.texts_of(document).completion("c:refund-order-0") == Completion(text="a")


def undescribed(name):
    """Keys of a definition that no sentence explains, here or where it points."""
    found = SCHEMA["$defs"][name]["properties"]
    return {
        key
        for key, schema in found.items()
        if "description" not in schema
        and "description" not in SCHEMA["$defs"].get(schema.get("$ref", "").split("/")[-1], {})
    }


def test_the_schema_describes_what_was_measured():
    """With units, since numbers alone say nothing."""
    assert set() == undescribed("measured_arm") | undescribed("delta")
    for name in ("delta", "measured_arm", "level", "unit"):
        assert SCHEMA["$defs"][name].get("description")


# --- JUnit --------------------------------------------------------------------------------------


@pytest.fixture
def cases(tmp_path):
    """Write a report and return its test cases by name."""

    def write(report):
        path = tmp_path / "junit.xml"
        junit.write(report, path, NOTHING)
        found = ElementTree.parse(path).iter("testcase")
        return {case.get("name").removesuffix(" (awq-int4)"): case for case in found}

    return write


def test_budgets_on_metrics_are_test_cases(make, cases):
    """With the metric's own words; an undecided one is an error."""
    found = cases(make.measured())

    (said,) = found["budget all / latency_p50"]
    assert (said.tag, said.text) == (
        "system-out",
        "x0.68 [0.61, 0.77] in the median case; the arms' medians are 920 ms and 631 ms in 300 "
        "cases; budget x1.10; inside the limit at 95 %: x0.77",
    )
    (failed,) = found["budget all / reference"]
    assert (failed.tag, failed.get("type"), failed.get("message")) == (
        "failure",
        "fail",
        "from 62.0% to 57.9% in 300 cases; budget 2 pt; +4.1 pt, shown to be over the limit",
    )
    (unsure,) = found["budget regulated / ttft_p95"]
    assert (unsure.tag, unsure.get("type"), unsure.get("message")) == (
        "error", "inconclusive", "the answers came from the cache",
    )  # fmt: skip
    (nested,) = found["budget tool-calling#nested / all"]
    assert "worse by 19.4 pt, budget 5 % of the baseline; needs" in nested.get("message")


def test_an_unconfirmed_critical_case_passes_with_a_note(make, candidate, cases):
    """It failed once; the reader may want to know."""
    report = replace(make.measured(), candidates=(replace(candidate, budgets=()),))

    (note,) = cases(report)["dosage-0 / citations"]
    assert note.tag == "system-out"
    assert note.text.startswith(
        "failed once, but not in two of three runs; citations: holds in bf16, not in awq-int4"
    )


# --- hostile text -------------------------------------------------------------------------------


@pytest.mark.parametrize("verbosity", [0, 1])
def test_notes_and_readings_pass_the_same_border(make, hostile_text, verbosity):
    """They can carry what a server said."""
    report = make.hostile(hostile_text)
    (candidate,) = report.candidates
    for each in (report, replace(report, candidates=(replace(candidate, verdict=Verdict.FAIL),))):
        for width in (40, 80, 200):
            text = shown(each, width=width, verbosity=verbosity)
            assert make.UNPRINTABLE.search(text.replace("\n", "")) is None
            assert re.search(r"^\s*(::|##)|##\w*\[", text, re.MULTILINE) is None
            assert len(text) < 12_000


def test_sentences_below_the_table_are_one_clean_line_each(make, hostile_text):
    """Bounded, whatever stands in them."""
    (candidate,) = make.hostile(hostile_text).candidates
    candidate = replace(candidate, verdict=Verdict.FAIL)
    told = _summary.facts(candidate) + _summary.every_reading(candidate)

    assert any(text.startswith("Early warning") for text in told)
    assert any("had no answer" in text for text in told)
    for text in told + _summary.also_measured(candidate):
        assert 0 < len(text) <= 800
        assert make.UNPRINTABLE.search(text) is None


def test_hostile_measurements_survive_the_way_there_and_back(make, hostile_text):
    """Raw in the artifact, as the texts themselves."""
    report = make.hostile(hostile_text)

    assert report == there_and_back(report)
