"""The report as JSON: what is archived, merged and rendered again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from pytest_quantguard.documents import document as _document
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.reporters import _texts
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion
from pytest_quantguard.verdicts import Delta, Verdict

SCHEMA = json.loads(files("pytest_quantguard").joinpath("report.schema.json").read_text("utf-8"))
NOTHING = Texts(lambda key: None)


@pytest.fixture
def written(tmp_path):
    """Write a report and read it again, through the schema."""

    def write(report, texts=NOTHING):
        path = tmp_path / "report.json"
        report_json.write(report, path, texts)
        data = path.read_bytes()
        assert data.isascii()
        document = json.loads(data)
        Draft202012Validator(SCHEMA).validate(document)
        return document

    return write


def ours(document):
    return document["results"]["extra"]["quantguard"]


def test_the_schema_is_one():
    """Draft 2020-12, as it says."""
    Draft202012Validator.check_schema(SCHEMA)


def test_reports_survive_the_way_there_and_back(written, make, two_candidates, empty_report):
    """Everything but the models' texts."""
    for report in (make.realistic(), two_candidates, empty_report):
        assert report == report_json.from_json(written(report, make.REALISTIC_TEXTS))
        assert report == report_json.from_json(report_json.to_json(report))


def test_hostile_reports_survive_too(written, make, hostile_text):
    """Lone surrogates are kept as escapes; what other tools show is clean."""
    report = make.hostile(hostile_text)
    document = written(report, make.saying(hostile_text))

    assert report == report_json.from_json(document)
    for test in document["results"]["tests"]:
        for text in (test["name"], test.get("message", ""), test["rawStatus"], *test["suite"]):
            assert make.UNPRINTABLE.search(text) is None
            assert len(text) <= 500


def test_texts_of_regressed_cases_are_kept_whole(written, make, hostile_text):
    """Raw, by cache key, each once; those of cases that held are left in the cache."""
    report = make.hostile(hostile_text)
    texts = make.saying(hostile_text)
    document = written(report, texts)
    again = report_json.texts_of(document)

    (lost,) = [o for o in report.candidates[0].outcomes if o.regressed]
    assert set(lost.keys) == set(ours(document)["completions"])
    for key in lost.keys:
        assert texts.completion(key) == again.completion(key)
    assert again.completion("no such key") is None


def test_a_flood_of_text_is_bounded_and_counted(written, make, monkeypatch):
    """Memory is bounded; what is missing is said."""
    monkeypatch.setattr(_texts, "TEXT_LIMIT", 1_000)
    document = written(make.realistic(), make.REALISTIC_TEXTS)

    doubtful = [o for o in make.realistic().candidates[0].outcomes if not o.both_hold]
    every = len({key for outcome in doubtful for key in outcome.keys})
    assert 0 < len(ours(document)["completions"]) < every
    assert ours(document)["completions_left_out"] == every - len(ours(document)["completions"])
    assert set(ours(document)["requests"]) < {outcome.keys[0] for outcome in doubtful}


def test_thoughts_and_escapes_take_room_too(written, make, monkeypatch):
    """What counts is the file, which has to be small enough to be read again."""
    monkeypatch.setattr(_texts, "TEXT_LIMIT", 3_000)
    said = Completion(text="\u8a9e" * 100, reasoning="hm" * 100)
    document = written(make.realistic(), _texts.Texts(lambda key: said))

    assert 1 < len(ours(document)["completions"])
    kept = [json.dumps(one) for one in ours(document)["completions"].values()]
    assert sum(map(len, kept)) <= 3_000


def test_the_summary_counts_budgets_outcomes_and_mishaps(written, make):
    """With times in milliseconds; ids are unique."""
    results = written(make.realistic())["results"]

    assert results["tool"] == {"name": "pytest-quantguard", "version": "0.1.0"}
    summary = results["summary"]
    assert 5 + 560 + 8 == summary["tests"] == len(results["tests"])
    assert summary["passed"] + summary["failed"] == summary["tests"]
    assert (summary["start"], summary["duration"]) == (1_763_700_000_250, 62_500)
    assert summary["start"] + summary["duration"] == summary["stop"]
    ids = [test["id"] for test in results["tests"]]
    assert len(ids) == len(set(ids))


def test_ids_are_the_same_in_every_run(make):
    """Dashboards follow a test over time."""
    one, other = (report_json.to_json(make.realistic())["results"]["tests"] for _ in range(2))

    assert [test["id"] for test in one] == [test["id"] for test in other]


def test_what_is_not_a_pass_is_red(written, make):
    """Failed, undecided and broken alike; the raw status tells them apart."""
    found = {t["name"]: t for t in written(make.realistic())["results"]["tests"]}

    assert status(found["budget tool-calling / tool_call"]) == ("failed", "fail")
    assert status(found["budget regulated / citations"]) == ("failed", "inconclusive")
    assert status(found["budget faq / contains"]) == ("passed", "pass")
    assert status(found["refund-order-0 / tool_call"]) == ("failed", "regressed")
    assert status(found["refund-order-40 / tool_call"]) == ("passed", "pass")
    assert status(found["refund-order-160 / tool_call"]) == ("failed", "TransportError")
    assert (
        found["refund-order-0 / tool_call"]["filePath"],
        found["refund-order-0 / tool_call"]["line"],
    ) == ("golden/tools.quant.yaml", 12)


def status(test):
    return test["status"], test["rawStatus"]


def test_an_empty_report_is_red(written, empty_report):
    """Nothing judged is not a pass."""
    document = written(empty_report)

    assert document["results"]["summary"]["failed"] == 1
    assert ours(document)["verdict"] == "error"


def test_a_verdict_that_no_row_explains_is_red(written, make):
    """A candidate that did not pass never leaves a green file."""
    report = make.realistic()
    (candidate,) = report.candidates
    bare = replace(candidate, verdict=Verdict.ERROR, budgets=(), outcomes=(), mishaps=())
    report = replace(report, candidates=(bare,))
    document = written(report)

    assert document["results"]["summary"]["failed"] == 1
    assert report == report_json.from_json(document)


def test_a_budget_has_its_numbers(written, make):
    """Counts, rates, delta, evidence; regressed outcomes by number."""
    (candidate,) = ours(written(make.realistic()))["candidates"]
    row = candidate["budgets"][-1]

    assert (
        row["cohort"], row["check"], row["max_drop"], row["verdict"],
    ) == ("tool-calling", "tool_call", 0.1, "fail")  # fmt: skip
    assert (160, list(range(31)), 0) == (row["cases"], row["regressed"], row["improved"])
    assert row["delta"] == {
        "value": pytest.approx(0.19375),
        "low": 0.136,
        "high": 0.264,
        "n": 160,
        "unit": "points",
        "best": None,
        "worst": None,
    }
    assert (row["baseline_rate"], row["candidate_rate"]) == (1.0, 0.80625)
    assert 12.9 < row["log_evidence"] < 13


def test_routes_are_there_for_machines(written, make):
    """The same as the terminal says."""
    (candidate,) = ours(written(make.realistic()))["candidates"]

    assert candidate["routes"][0] == {
        "cohort": "faq",
        "to": "candidate",
        "reason": "",
        "settle": "",
    }
    assert [r["to"] for r in candidate["routes"]] == ["candidate", "mirror-only", "baseline"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "this is no report: a JSON object is missing; give the report.json of a run"),
        ({}, "this is no report of pytest-quantguard, but JSON of another kind; give"),
        ({"results": {"extra": []}}, "but JSON of another kind"),
        (
            {"reportFormat": "CTRF", "results": {"tool": {"name": "play\nwright"}}},
            "this is no report of pytest-quantguard, but a CTRF report of play\\nwright; give",
        ),
        (
            {"format": "quantguard-shard", "version": 1},
            "this is one shard of a run, which has no verdict; judge all shards with "
            "'quantguard merge'",
        ),
    ],
)
def test_a_document_that_is_no_report_is_refused(document, message):
    """With what it is instead and what to do, not with a traceback."""
    with pytest.raises(InputError, match=re.escape(message)):
        report_json.from_json(document)


def test_a_broken_report_is_refused_with_its_first_problems(make):
    """Which parts are wrong; a flood of them is counted."""
    document = report_json.to_json(make.realistic())
    for test in document["results"]["tests"]:
        del test["name"]
    with pytest.raises(InputError) as raised:
        report_json.from_json(document, "old.json")

    assert raised.value.problems[0].startswith("old.json: ")
    assert raised.value.problems[0].endswith("lacks the key 'name'")
    assert len(raised.value.problems) <= 22


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        (2, "update to pytest-quantguard 9.9.9, which wrote it"),
        (0, "use pytest-quantguard 9.9.9, which wrote it"),
        ("x", "use pytest-quantguard 9.9.9, which wrote it"),
        (None, "use pytest-quantguard 9.9.9, which wrote it"),
    ],
)
def test_another_version_is_refused_with_what_to_do(make, version, advice):
    """Guessing at it could turn a FAIL into something else."""
    document = report_json.to_json(make.realistic())
    ours(document)["version"] = version
    document["results"]["tool"]["version"] = "9.9.9"
    document["results"]["new"] = "part"

    with pytest.raises(InputError, match=re.escape(advice)) as raised:
        report_json.from_json(document)
    assert "reads version 1" in str(raised.value)


def test_a_part_that_is_not_known_names_the_version_that_wrote_it(make):
    """A newer release may add parts without a new version of the format."""
    document = report_json.to_json(make.realistic())
    document["results"]["tool"]["version"] = "9.9.9"
    ours(document)["novelty"] = 1

    with pytest.raises(InputError, match="unknown key 'novelty'") as raised:
        report_json.from_json(document)
    assert "pytest-quantguard 9.9.9 wrote it, and this is" in str(raised.value)


def test_a_report_that_was_made_better_is_refused(make):
    """No verdict is better than what it is made of: of the run, of a candidate."""
    document = report_json.to_json(make.realistic())
    ours(document)["verdict"] = "pass"
    with pytest.raises(InputError, match="says that its verdict is 'pass', and what it is made of"):
        report_json.from_json(document)

    ours(document)["candidates"][0]["verdict"] = "pass"
    with pytest.raises(InputError, match="the verdict on awq-int4 is 'pass', and what it is made"):
        report_json.from_json(document)


def test_a_budget_that_was_made_better_than_its_test_is_refused(make):
    """CTRF's readers and ours see one thing."""
    document = report_json.to_json(make.realistic())
    ours(document)["verdict"] = ours(document)["candidates"][0]["verdict"] = "pass"
    for budget in ours(document)["candidates"][0]["budgets"]:
        budget["verdict"] = "pass"

    with pytest.raises(InputError, match="is 'pass', and what it is made of says 'fail'"):
        report_json.from_json(document)


@pytest.mark.parametrize("lacking", ["outcomes", "budgets", "limits"])
def test_a_pass_that_stands_on_nothing_is_refused(make, lacking):
    """Nobody renders a green page of it: without cases, budgets, or any with a limit."""
    report = make.realistic()
    (candidate,) = report.candidates
    rows = tuple(replace(row, verdict=Verdict.PASS) for row in candidate.budgets)
    candidate = replace(candidate, verdict=Verdict.PASS, budgets=rows, mishaps=())
    assert report_json.from_json(report_json.to_json(replace(report, candidates=(candidate,))))
    less = {
        "outcomes": {"outcomes": ()},
        "budgets": {"budgets": ()},
        "limits": {"budgets": rows[:1]},
    }
    hollow = replace(report, candidates=(replace(candidate, **less[lacking]),))

    with pytest.raises(InputError, match="no evidence is no pass"):
        report_json.from_json(report_json.to_json(hollow))


def test_a_report_that_lacks_tests_is_refused(make):
    """Half a report is none."""
    document = report_json.to_json(make.realistic())
    document["results"]["tests"] = document["results"]["tests"][:300]

    with pytest.raises(InputError, match="says that it has 573 tests, and it has 300: a part is"):
        report_json.from_json(document)


def test_a_report_that_is_read_and_written_again_has_the_same_bytes(tmp_path, make, monkeypatch):
    """Nothing is lost on the way; also where there was no room for all texts."""
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    for limit in (_texts.TEXT_LIMIT, 1_000):
        monkeypatch.setattr(_texts, "TEXT_LIMIT", limit)
        report_json.write(make.measured(), one, make.REALISTIC_TEXTS)
        report_json.write(*again(one, other))

        assert one.read_bytes() == other.read_bytes()
    assert ours(json.loads(other.read_bytes()))["completions_left_out"] > 0


def again(path, other):
    report, texts = report_json.both(json.loads(path.read_bytes()), "one.json")
    return report, other, texts


def test_a_whole_report_is_accepted_without_the_slow_validator(make, monkeypatch):
    """100,000 outcomes are read in seconds: sentences are made for what is wrong alone."""
    monkeypatch.setattr(_document, "_validator", lambda *of: pytest.fail("the slow one was asked"))

    for report in (make.realistic(), make.measured(), make.hostile("x")):
        assert report == report_json.from_json(report_json.to_json(report))


def test_every_part_of_the_schema_is_described(written, make):
    """The schema is the reference: no property without a sentence."""
    missing = list(undescribed(SCHEMA, "report"))
    for name, part in SCHEMA["$defs"].items():
        missing += undescribed(part, name) if "description" in part else [name]

    assert missing == []


def undescribed(part, place):
    for name, inner in part.get("properties", {}).items():
        of = SCHEMA["$defs"].get(inner.get("$ref", "").rpartition("/")[2], {})
        if "description" not in inner and "description" not in of:
            yield f"{place}.{name}"
        yield from undescribed(inner, f"{place}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(part.get(key), dict):
            yield from undescribed(part[key], f"{place}[]")


def test_a_report_that_refers_to_nothing_is_refused(make):
    """An outcome of a candidate that is not there, or a budget's of an outcome."""
    document = report_json.to_json(make.realistic())
    ours(document)["candidates"][0]["budgets"][-1]["regressed"] = [10_000]
    with pytest.raises(InputError, match="refers to a candidate or an outcome"):
        report_json.from_json(document)

    document = report_json.to_json(make.realistic())
    for number in (7, 0.0):
        document["results"]["tests"][-1]["extra"]["candidate"] = number
        with pytest.raises(InputError, match="refers to a candidate or an outcome"):
            report_json.from_json(document)


def test_outcomes_that_only_a_budget_has_survive(make):
    """Written in full instead of by number."""
    report = make.realistic()
    (candidate,) = report.candidates
    report = replace(report, candidates=(replace(candidate, outcomes=candidate.outcomes[5:]),))

    assert report == report_json.from_json(report_json.to_json(report))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_is_an_error_and_not_a_file(tmp_path, make, number):
    """NaN would make a file that strict readers refuse: better none, and a sentence."""
    report = make.realistic()
    (candidate,) = report.candidates
    row = replace(candidate.budgets[1], delta=Delta(value=number, low=0, high=1, n=1))
    report = replace(report, candidates=(replace(candidate, budgets=(row,)),))
    path = tmp_path / "report.json"

    with pytest.raises(QuantGuardError, match=r"report\.json: this report is no JSON"):
        report_json.write(report, path, NOTHING)
    assert not path.exists()


def test_a_path_that_cannot_be_written_is_named(tmp_path, make):
    """As for every report."""
    with pytest.raises(QuantGuardError, match="cannot be written"):
        report_json.write(make.realistic(), tmp_path, NOTHING)


def test_no_value_of_a_key_variable_is_anywhere(written, make):
    """Variants are written with the name of the variable; the type has no place for its value."""
    report = make.realistic()
    report = replace(report, baseline=replace(report.baseline, api_key_env="ACME_KEY"))

    assert ours(written(report))["baseline"]["api_key_env"] == "ACME_KEY"
