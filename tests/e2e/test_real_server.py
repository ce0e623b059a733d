"""The gate against the real llama.cpp server and really quantized weights, over real HTTP.

140 cases, 20 of each of seven cohorts: too few for a verdict on a good 4-bit build (that is what
`make demo` is for), enough for a sound build to pass and a broken one to fail.
"""

from __future__ import annotations

import pytest
import yaml
from junitparser import JUnitXml

SMOKE = ["-k", "smoke"]
CASES = 140


def outcome_counts(junit: JUnitXml) -> tuple[int, int]:
    """Return failures and errors of a JUnit file."""
    return int(junit.failures or 0), int(junit.errors or 0)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_same_weights_asked_again_pass_without_a_single_difference(helpdesk, workers):
    """A null candidate: fresh requests, the same build. Zero regressed, zero improved, exit 0."""
    run = helpdesk.run(*SMOKE, *workers, candidate="null")

    assert run.code == 0, run.output
    (candidate,) = run.report["candidates"]
    assert candidate["verdict"] == "pass"
    assert not any(row["regressed"] or row["improved"] for row in candidate["budgets"])
    requests = run.report["provenance"]["requests"]
    assert dict.fromkeys(("f16", "null"), CASES) == {
        name: counts["sent"] for name, counts in requests.items()
    }


def test_a_sound_build_passes_and_a_broken_one_fails(helpdesk):
    """q8_0 passes, 3-bit rounding fails; exit code, both JUnit files and JSON agree."""
    options = ("--quant-junit=ours.xml", "--junitxml=pytest.xml")
    run = helpdesk.run(*SMOKE, "--quant-candidate=rtn3", *options, candidate="q8_0")

    assert run.code == 1, run.output
    assert run.verdicts == {"q8_0": "pass", "rtn3": "fail"}
    assert run.has("confirmed by the server: Q8_0", "FAILED quantguard::rtn3::all::all")
    rows = [row["verdict"] for c in run.report["candidates"] for row in c["budgets"]]
    found = (rows.count("fail"), rows.count("inconclusive"))
    theirs = JUnitXml.fromfile(str(helpdesk.folder / "pytest.xml"))
    ours = JUnitXml.fromfile(str(helpdesk.folder / "ours.xml"))
    assert found[0] >= 4
    assert found == outcome_counts(theirs)
    budgets = {suite.name: outcome_counts(suite) for suite in ours if "budgets" in suite.name}
    assert budgets == {
        "quantguard.q8_0.budgets": (0, 0),
        "quantguard.rtn3.budgets": found,
    }


def test_workers_and_a_warm_cache_change_no_verdict(helpdesk):
    """With -n 2 the evidence is the same to the last digit, and the second run asks nothing."""
    run = helpdesk.run(*SMOKE, "-n", "2", candidate="rtn3")
    first = run.report
    again = helpdesk.run(*SMOKE, candidate="rtn3")
    second = again.report

    assert (run.code, again.code) == (1, 1), run.output + again.output
    assert first["provenance"]["requests"]["rtn3"]["sent"] == CASES
    assert second["provenance"]["requests"]["rtn3"]["sent"] == 0
    assert first["candidates"][0]["budgets"] == second["candidates"][0]["budgets"]
    assert again.has("baseline f16 (140/140 cached)", "candidate rtn3 (140/140 cached)")


def test_a_declaration_that_the_server_contradicts_is_not_comparable(helpdesk):
    """8-bit weights declared as 4 bit: the build under test is not the one that was meant."""
    config = (helpdesk.folder / "quantguard.yaml").read_text("utf-8")
    helpdesk.write("quantguard.yaml", config.replace("weight_bits: 8", "weight_bits: 4"))

    for _ in ("asked", "cached"):  # the second run asks no server, and must not forget
        run = helpdesk.run(*SMOKE, candidate="q8_0")

        assert run.code == 1, run.output
        assert run.verdicts == {"q8_0": "not comparable"}
        assert run.has("q8_0: declared as 4 bit, but the server says Q8_0")


def test_a_model_file_that_is_missing_is_an_error(helpdesk):
    """Its path and what to write instead; no traceback."""
    config = (helpdesk.folder / "quantguard.yaml").read_text("utf-8")
    helpdesk.write("quantguard.yaml", config.replace("embedded:q8_0", "nowhere.gguf"))
    run = helpdesk.run(*SMOKE, candidate="q8_0")

    assert run.code == 4, run.output
    assert run.has("quantguard.yaml:", "cannot read the model", "nowhere.gguf", "No such file")
    assert "Traceback" not in run.output


def test_the_probability_of_right_answers_warns_early(helpdesk):
    """A good 4-bit build, on 140 cases: its answers show nothing yet, its log-probs do.

    One forced decode per case and arm; q8_0, asked the same, stays silent.
    """
    budgets = [{"max_drop": "5 pt"}, {"metric": "reference", "max_drop": "3 pt"}]
    helpdesk.data["budgets"] = budgets
    helpdesk.write("quantguard.yaml", yaml.safe_dump(helpdesk.data, sort_keys=False))
    run = helpdesk.run(*SMOKE, "--quant-candidate=awq-int4", candidate="q8_0")
    found = {
        candidate["variant"]["name"]: {
            row["metric"] or row["check"] or "all": row["verdict"] for row in candidate["budgets"]
        }
        for candidate in run.report["candidates"]
    }

    assert run.code == 1, run.output
    assert found["q8_0"]["reference"] == "pass"
    assert found["awq-int4"]["reference"] == "fail"
    assert found["awq-int4"]["all"] != "fail"
    assert run.has("early warning: the model is less sure of the right answer")
    requests = run.report["provenance"]["requests"]
    assert {counts["sent"] for counts in requests.values()} == {2 * CASES}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_broken_build_is_stopped_at_the_first_look(helpdesk, workers):
    """3-bit rounding, asked in batches: a fifth of the cases is enough."""
    run = helpdesk.run(*SMOKE, "--quant-sequential", *workers, candidate="rtn3")

    assert run.code == 1, run.output
    assert run.verdicts == {"rtn3": "fail"}
    requests = run.report["provenance"]["requests"]
    assert {counts["sent"] for counts in requests.values()} == {CASES // 5}
