"""Budgets as users write them, from YAML to verdict: tags, metrics, auto, null runs, strictness."""

from __future__ import annotations

import json

import pytest
import yaml

from gate_project import GateProject, speaks, truthful
from scripted_server import ScriptedServer

WHOLE = {"max_drop": "10 pt"}


@pytest.fixture
def gate(tmp_path):
    """Start a project on a model, with these budgets: ``gate(model, budgets, **config)``."""
    servers = []

    def start(model, budgets, n=100, **config):
        server = ScriptedServer(default=speaks(model))
        servers.append(server.__enter__())
        project = GateProject(tmp_path, server)
        project.config(server.url, budgets=budgets, **config)
        project.golden(n)
        return project

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def rows(run, candidate=0):
    """Verdict of each budget, by cohort, check, tag and metric."""
    return {
        (b["cohort"], b["check"], b["tag"], b["metric"]): b["verdict"]
        for b in run.report["candidates"][candidate]["budgets"]
    }


def forgets(*numbers):
    """A candidate that is wrong on these cases."""

    def model(name, prompt):
        wrong = name == "cand" and int(prompt.rsplit(maxsplit=1)[-1]) in numbers
        return "no" if wrong else f"answer {prompt}"

    return model


def test_a_tag_budget_finds_the_loss_of_the_tagged_cases(gate):
    """60 calm cases, 60 of which half are lost under a tag."""
    project = gate(forgets(*range(0, 60, 2)), [{"max_drop": "60 pt"}, {"tag": "*", **WHOLE}], 1)
    tagged = [
        {
            "id": f"t-{i}",
            "prompt": f"faq {i}",
            "tags": ["long"] if i < 60 else ["short"],
            "expect": [{"exact": f"answer faq {i}"}],
        }
        for i in range(120)
    ]
    project.write("golden/faq.quant.yaml", yaml.safe_dump({"cohort": "faq", "cases": tagged}))

    run = project.run()

    assert 1 == run.code, run.output
    assert "fail" == rows(run)[None, None, "long", None]
    assert "pass" == rows(run)[None, None, "short", None]
    assert run.has("#long", "FAILED quantguard::cand::#long::all")


def test_metrics_are_judged_beside_the_checks(gate):
    """Errors, truncation, refusals and length, each with its own kind of limit."""
    budgets = [
        WHOLE,
        {"metric": "errors", "max_rise": "10 pt"},
        {"metric": "truncation", "max_rise": "10 pt"},
        {"metric": "refusals", "max_shift": "10 pt"},
        {"metric": "length", "max_ratio": 1.2},
    ]

    run = gate(truthful, budgets).run()

    assert 0 == run.code, run.output
    assert {
        (None, "evidence", None, None),
        (None, None, None, None),
        *((None, None, None, m) for m in ("errors", "truncation", "refusals", "length")),
    } == set(rows(run))


def test_answers_that_grow_fail_the_length_budget_alone(gate):
    """Every check holds, and every answer is twice as long: the metric says so."""

    def chatty(name, prompt):
        return f"answer {prompt}" + (" and so on" * 3 if name == "cand" else "")

    project = gate(chatty, [WHOLE, {"metric": "length", "max_ratio": 1.2}])
    text = (
        (project.folder / "golden/faq.quant.yaml").read_text("utf-8").replace("exact", "contains")
    )
    project.write("golden/faq.quant.yaml", text)

    run = project.run()

    assert 1 == run.code, run.output
    assert "pass" == rows(run)[None, None, None, None]
    assert "fail" == rows(run)[None, None, None, "length"]
    assert run.has("FAILED quantguard::cand::all::length")


def test_latency_from_the_cache_is_no_evidence(gate):
    """Judged when both arms were asked in this run; else open, with the reason."""
    project = gate(truthful, [WHOLE, {"metric": "latency_p50", "max_ratio": 50}])
    first, second = project.run(), project.run()

    assert 0 == first.code, first.output
    assert 10 == second.code, second.output
    assert second.has("came from the cache")


def test_latency_is_judged_with_workers_too(gate):
    """What another worker asked in this run is live: the same verdict with and without -n."""
    project = gate(truthful, [WHOLE, {"metric": "latency_p50", "max_ratio": 50}])
    run = project.run("-n2")

    assert 0 == run.code, run.output
    assert "pass" == rows(run)[None, None, None, "latency_p50"]


def test_a_selection_that_leaves_a_budget_without_cases_is_not_green(gate):
    """Also where too few cases are allowed: what was not asked has not been kept."""
    project = gate(truthful, [WHOLE, {"cohort": "*", **WHOLE}])
    project.golden(100, cohort="tools")
    run = project.run("-k", "faq", "--quant-underpowered=allow")

    assert 10 == run.code, run.output
    assert run.has("no case of it was selected")


def test_a_variant_that_is_called_like_a_null_run_is_none(gate):
    """Its differences are no noise of the baseline."""
    both = {"provider": "openai", "base_url": "http://x", "timeout_s": 10}
    project = gate(forgets(1, 2, 3), [WHOLE])
    url = {**both, "base_url": project.server.url}
    variants = {"base": {**url, "model": "base"}, "base-again": {**url, "model": "cand"}}
    project.config(project.server.url, budgets=[WHOLE], variants=variants)
    run = project.run(candidate="base-again")

    assert run.has("3 of 100 checks got worse")
    assert not list(project.folder.glob(".quantguard/cache/noise/*"))


def test_tails_of_too_few_requests_are_undecidable(gate):
    """p99 of 100 requests: refused before the first one, with the number it takes."""
    project = gate(truthful, [WHOLE, {"metric": "latency_p99", "max_ratio": 1.5}])
    run = project.run()

    assert 4 == run.code
    assert run.has("all / latency_p99: 100 cases cannot decide a budget of x1.5", "at least 299")
    assert 0 == project.server.requests


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"metric": "lenght", "max_ratio": 1.1}, "unknown metric 'lenght'; did you mean 'length'?"),
        ({"metric": "length", "max_drop": "2 pt"}, "is limited by 'max_ratio', not by 'max_drop'"),
        ({"metric": "errors"}, "is limited by 'max_rise', which is missing"),
        ({"metric": "refusals", "max_rise": 1}, "is limited by 'max_shift', not by 'max_rise'"),
        ({"metric": "divergence", "max_rise": 1}, "'divergence' is reported, but cannot be budg"),
        ({"max_drop": 1, "max_ratio": 1.2}, "limited by 'max_drop', not by 'max_drop' and 'max_r"),
        ({"cohort": "faq"}, "a budget on a pass rate is limited by 'max_drop', which is missing"),
        ({"tag": "lang", "max_drop": 9}, "quantguard.yaml:17: no case has a tag"),
        ({"metric": "length", "check": "exact", "max_ratio": 2}, "is not measured per check"),
        ({"metric": "length", "max_ratio": 0.9}, "the metric 'length': "),
        ({"metric": "length", "max_ratio": -1}, "above 0, such as 1.1"),
    ],
)
def test_a_budget_that_makes_no_sense_is_named_with_its_line(gate, budget, message):
    """Which limit a metric takes is told, before anything is asked."""
    project = gate(truthful, [WHOLE, budget])
    run = project.run()

    assert 4 == run.code, run.output
    assert run.has(message, "quantguard.yaml:")
    assert 0 == project.server.requests


def test_automatic_budgets_are_printed_and_judged(gate):
    """The tightest that 300 cases decide, as lines to paste."""
    project = gate(truthful, "auto", 300)
    run = project.run()

    assert 0 == run.code, run.output
    assert "pass" == rows(run)[None, None, None, None]
    assert run.has("budgets: auto", "max_drop: ")


def test_a_relative_budget_is_written_in_percent(gate):
    """10 % of what the baseline reaches."""
    run = gate(truthful, [{"max_drop": "10 %"}]).run()

    assert 0 == run.code, run.output
    assert run.report["candidates"][0]["budgets"][1]["relative"]


def test_strict_evidence_is_a_policy(gate):
    """12 of 100 lost, 10 points allowed: shown to be a loss, not shown to be over the budget."""
    lost = forgets(*range(12))
    dual = gate(lost, [WHOLE]).run()
    strict = gate(lost, [WHOLE], policies={"evidence": "strict"}).run()

    assert 1 == dual.code, dual.output
    assert 10 == strict.code, strict.output


def test_a_null_run_measures_the_noise_and_later_runs_tell_it(gate):
    """The baseline asked again flips on 3 of 100; a later run shows it beside its own flips."""
    asked = {}

    def noisy(name, prompt):
        asked[name, prompt] = asked.get((name, prompt), 0) + 1
        number = int(prompt.rsplit(maxsplit=1)[-1])
        again = asked[name, prompt] > 1
        return "no" if name == "base" and again and number < 3 else f"answer {prompt}"

    project = gate(noisy, [WHOLE])
    null = project.run("--quant-null", candidate=None)
    assert 0 == null.code, null.output
    assert {"base-again": "pass"} == null.verdicts
    later = project.run()

    assert 300 == project.server.requests, "base twice, cand once; base is cached later"
    assert later.has("two runs of base disagree on 3.0 % of outcomes (3 of 100 in 1 null run")
    assert later.has("(noise 3.0 %)")


def test_a_critical_case_is_asked_again_before_it_fails_the_run(gate):
    """Wrong once, right twice: no verdict of its own. Wrong always: FAIL."""
    asked = {}

    def flaky(name, prompt):
        asked[name, prompt] = asked.get((name, prompt), 0) + 1
        wrong = name == "cand" and prompt == "faq 7" and asked[name, prompt] == 1
        return "no" if wrong else f"answer {prompt}"

    project = gate(flaky, [WHOLE])
    project.golden(100, critical=True)
    run = project.run()

    assert 0 == run.code, run.output
    assert 204 == project.server.requests, "two more runs of one case, on both arms"
    assert run.has("failed once, but not in two of three runs")

    project = gate(forgets(7), [WHOLE], cache=".other")
    project.golden(100, critical=True)
    run = project.run()

    assert 1 == run.code, run.output
    assert "fail" == rows(run)[None, "critical", None, None]


def test_the_json_report_tells_how_every_metric_came_out(gate):
    """Also without a budget: what was measured is in the report."""
    run = gate(truthful, [WHOLE]).run()
    readings = {r["group"]["metric"]: r for r in run.report["candidates"][0]["readings"]}

    assert {"errors", "length", "refusals", "truncation", "latency_p50"} <= set(readings)
    assert 1 == readings["length"]["delta"]["value"]
    assert json.dumps(run.report, allow_nan=False)
