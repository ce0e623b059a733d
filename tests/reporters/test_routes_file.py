"""route.json: what a router loads."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pytest_quantguard._publish import FILES, clear, targets
from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters import routes
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.variants import Access
from pytest_quantguard.verdicts import Verdict

SCHEMA = json.loads(files("pytest_quantguard").joinpath("route.schema.json").read_text("utf-8"))
NOTHING = Texts(lambda key: None)


@pytest.fixture
def written(tmp_path):
    """Write a report's routes; return what the file holds, which fits its schema."""

    def write(report):
        path = tmp_path / "quant-report" / "route.json"
        routes.write(report, path, NOTHING)
        found = json.loads(path.read_bytes().decode("ascii"))
        Draft202012Validator(SCHEMA).validate(found)
        return found

    return write


def test_the_schema_is_one_and_refuses_what_is_none():
    """A reader may rely on each key."""
    Draft202012Validator.check_schema(SCHEMA)
    assert not Draft202012Validator(SCHEMA).is_valid({"format": "quantguard-routes", "version": 1})


def test_the_example_of_the_docs_is_one():
    """It fits the schema, and says of each target what it means."""
    page = (Path(__file__).parents[2] / "docs" / "routing.md").read_text("utf-8")
    shown = json.loads(page.split("```json\n")[1].split("```")[0])

    Draft202012Validator(SCHEMA).validate(shown)
    assert {"candidate", "baseline", "mirror-only"} == {r["to"] for r in shown["routes"].values()}


def test_what_a_router_needs(written, make):
    """Who serves each cohort, who gets copies, why, and what all variants are."""
    found = written(make.realistic())

    assert (found["format"], found["version"]) == ("quantguard-routes", 1)
    assert (found["verdict"], found["advice"]) == ("fail", "promote-cohorts")
    assert (found["baseline"], found["default"]) == ("bf16", "bf16")
    assert found["routes"]["faq"] == {
        "to": "candidate",
        "variant": "awq-int4",
        "model": "acme/assist-8b-awq",
        "mirror": [],
        "safe": ["awq-int4"],
        "reason": "",
        "settle": "",
    }
    assert found["routes"]["regulated"] == {
        "to": "mirror-only",
        "variant": "bf16",
        "model": "acme/assist-8b",
        "mirror": ["awq-int4"],
        "safe": [],
        "reason": "not shown to be safe",
        "settle": "citations: needs about 130 more cases, or a budget of 7.6 pt",
    }
    assert found["variants"]["awq-int4"]["quantization"]["scheme"] == "W4A16"
    assert found["variants"]["awq-int4"]["verdict"] == "fail"
    assert found["variants"]["bf16"]["verdict"] is None
    assert found["made"] == {
        "started": 1_763_700_000.25,
        "cases": 560,
        "pytest_quantguard": "0.1.0",
    }


def test_how_a_server_is_reached_is_not_told(tmp_path, make):
    """Neither addresses, which may be internal, nor anything about keys."""
    report = make.realistic()
    secret = replace(
        report.baseline,
        api_key_env="SECRET_NAME",
        access=Access(headers={"X-Key": "sk-0123456789abcdef"}, proxy="http://proxy.internal"),
    )
    routes.write(replace(report, baseline=secret), tmp_path / "route.json", NOTHING)
    text = (tmp_path / "route.json").read_text("ascii")

    for hidden in ("http://", "sk-0123456789", "SECRET_NAME", "internal"):
        assert hidden not in text


def test_an_error_writes_routes_to_the_baseline(written, make, two_candidates):
    """Also when only one of the candidates ended in it; the file is there to be loaded."""
    for report in (make.realistic(), two_candidates):
        first, *rest = report.candidates
        broken = replace(first, verdict=Verdict.ERROR)
        found = written(replace(report, candidates=(broken, *rest)))

        assert found["verdict"] == "error"
        assert {route["variant"] for route in found["routes"].values()} == {"bf16"}
        assert found["advice"] in ("keep-mirrored", "roll-back")


def test_without_a_candidate_there_is_nothing_but_the_default(written, empty_report):
    """Which is the baseline."""
    found = written(empty_report)

    assert (found["routes"], found["default"], found["advice"]) == ({}, "bf16", "roll-back")


def test_the_baseline_asked_again_is_no_variant(written, make):
    """Nothing may be routed to it."""
    report = make.realistic()
    (first,) = report.candidates
    again = replace(first, variant=replace(report.baseline, name="bf16-again", revision="again 1"))
    found = written(replace(report, candidates=(again,)))

    assert [*found["variants"]] == ["bf16"]
    assert {route["to"] for route in found["routes"].values()} == {"baseline"}


def test_hostile_names_stay_names(written, make, hostile_text):
    """A cohort's name is a key, just as it is; sentences are clean and short."""
    report = make.hostile(hostile_text)
    (first,) = report.candidates
    sound = replace(
        first,
        verdict=Verdict.INCONCLUSIVE,
        budgets=tuple(replace(r, verdict=Verdict.INCONCLUSIVE) for r in first.budgets),
    )
    for each in (report, replace(report, candidates=(sound,))):
        found = written(each)

        assert {*found["routes"]} == {"tool-calling", hostile_text[:300] or "c"}
        for route in found["routes"].values():
            for text in (route["reason"], route["settle"], found["sentence"]):
                assert len(text) <= 1000
                assert not make.UNPRINTABLE.search(text)


def test_the_same_file_from_report_json(make, tmp_path):
    """A merged report and one that is rendered again say the same."""
    report = make.realistic()
    again = report_json.from_json(json.loads(json.dumps(report_json.to_json(report))))

    assert routes.to_json(again) == routes.to_json(report)


def test_the_run_and_its_job_are_told(written, make):
    """Numbers and texts, in one clean line each; anything else is left out."""
    job = {"name": "github", "commit": "0123abc", "ref": "main", "url": "https://ci.internal/1"}
    provenance = {"run": "7\n::error::x", "started": ["a"], "whole": False, "ci": job, "key": "k"}
    found = written(replace(make.realistic(), provenance=provenance))

    assert found["made"] == {
        "run": "7\\n::error::x",
        "commit": "0123abc",
        "ref": "main",
        "whole": False,
    }
    odd = written(replace(make.realistic(), provenance={"ci": ["commit"], "commit": {"a": 1}}))
    assert odd["made"] == {}


def test_what_cannot_be_said_in_json_is_an_error_with_the_path(make, tmp_path):
    """And an older file stays whole."""
    path = tmp_path / "route.json"
    path.write_text("older")
    report = replace(make.realistic(), provenance={"started": math.nan})

    with pytest.raises(QuantGuardError, match=r"route\.json: these routes are no JSON"):
        routes.write(report, path, NOTHING)
    assert path.read_text() == "older"


def test_every_run_writes_it_and_none_keeps_an_older_one(tmp_path):
    """It stands in the report folder, and is removed before a run that may not end."""
    assert FILES["routes"] == "route.json"
    path = targets(tmp_path, None, ())["routes"]
    path.write_text("older")

    clear({"routes": path})

    assert not path.exists()
