"""``quantguard compare``: what a user types and sees."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from two_runs import candidate, outcomes, report

import gfm
import hostile_texts
from pytest_quantguard import cli
from pytest_quantguard._sanitize import clean
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Outcome
from pytest_quantguard.verdicts import Budget, Verdict

OK, WORSE, USAGE, UNKNOWN = 0, 1, 4, 10


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def filed(folder):
    """Write a report; return the name of its file."""

    def write(name, *candidates, **fields):
        report_json.write(report(*candidates, **fields), folder / name, Texts(lambda key: None))
        return name

    return write


@pytest.fixture
def compare(folder, capsys):
    """Call the command; return its exit code, standard output and standard error."""

    def call(*arguments):
        try:
            code = cli.main(["compare", *map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def two(filed):
    """A pass, and a day later a loss of 37 cases."""
    filed("then.json", candidate(outcomes(lost={1, 2})))
    filed("now.json", candidate(outcomes(lost=set(range(2, 40)))), number=1)
    return "then.json", "now.json"


def test_what_got_worse_is_seen_at_once(compare, two):
    """Answer first, then budgets, candidate against candidate, cases and what else changed."""
    code, said, _ = compare(*two)
    flat = " ".join(said.split())

    assert WORSE == code
    assert said.startswith("WORSE: awq-int4 (then.json, 2026-11-18 11:06 UTC) -> awq-int4 (now.js")
    assert "all all PASS -> FAIL +1.0 pt -> +19.0 pt 5 pt" in flat
    assert "on the 200 cases that both runs judged: worse by +18.0 pt" in flat
    assert "37 checks newly regressed against the baseline: faq / c10: json: holds in bf16" in flat
    assert "1 check recovered: faq / c1: json: 0.00 before, 1.00 now" in flat
    assert "... and 17 more; --json has all" in flat
    assert "what else changed: nothing that is known" in flat


def test_nothing_worse_ends_with_zero(compare, two):
    """The other way round it is better; one run with itself is no evidence."""
    assert compare("now.json", "then.json")[0] == OK
    assert compare("now.json", "then.json")[1].startswith("BETTER:")
    code, said, _ = compare("then.json", "then.json")

    assert UNKNOWN == code
    assert said.startswith("CANNOT BE SAID: both are of one run: awq-int4 (then.json,")


def test_no_evidence_is_no_green(compare, filed):
    """A run in error then says nothing about now: exit code 10."""
    filed("bad.json", candidate([], Budget(max_drop=0.05)), number=0)
    filed("now.json", candidate(outcomes()), number=1)
    refused, _, why = compare("bad.json", "now.json")
    broken = candidate(outcomes(), Budget(max_drop=0.05), Budget(cohort="gone", max_drop=0.1))
    filed("error.json", broken, number=0)

    assert Verdict.ERROR is broken.verdict
    assert (USAGE, True) == (refused, "no case in common" in why)
    code, said, _ = compare("error.json", "now.json")
    assert UNKNOWN == code
    assert said.startswith("CANNOT BE SAID:")
    assert "its cases are no evidence of anything" in said


def test_a_pass_that_became_not_comparable_is_no_loss(compare, filed):
    """Exit code 10, and the row that says why has no budget: no empty place in the table."""
    then = candidate(outcomes())
    why = replace(then.budgets[0], check="evidence", max_drop=None, verdict=Verdict.NOT_COMPARABLE)
    now = replace(then, verdict=Verdict.NOT_COMPARABLE, budgets=(why, *then.budgets))
    filed("then.json", then)
    filed("now.json", now, number=1)
    code, said, _ = compare("then.json", "now.json")

    assert UNKNOWN == code
    assert said.startswith("CANNOT BE SAID: awq-int4 (then.json,")
    row = next(line.split() for line in said.split("\n") if " evidence " in line)
    assert ["none", "->", "NOT", "COMPARABLE"] == row[2:6]
    assert "none" == row[-1]


def test_json_is_the_whole(compare, two, folder):
    """All cases, all budgets; bare it is all that is printed."""
    code, said, _ = compare(*two, "--json")
    (found,) = json.loads(said)["comparisons"]

    assert code == json.loads(said)["exit_code"] == WORSE
    assert ("worse", "pass", "fail") == (
        found["answer"],
        found["then"]["verdict"],
        found["now"]["verdict"],
    )
    assert 37 == len(found["regressed"])
    assert [["c1", [1.0, 0.0], [1.0, 1.0]]] == [
        [one["case"], one["then"], one["now"]] for one in found["recovered"]
    ]
    assert [True, True] == [row["worse"] for row in found["budgets"]]
    assert (200, 37, 1) == tuple(found["direct"][key] for key in ("cases", "worse", "better"))
    assert found["direct"]["log_evidence"] > 4.6

    compare(*two, "--json=c.json")
    assert json.loads((folder / "c.json").read_text("ascii")) == json.loads(said)


def test_candidates_are_matched_by_name(compare, filed):
    """One without a counterpart is named; several are compared one after the other."""
    good, bad = outcomes(), outcomes(lost=set(range(40)))
    filed("a.json", candidate(good), candidate(good, name="fp8"), candidate(good, name="old"))
    filed("b.json", candidate(good), candidate(bad, name="fp8"), number=1)
    code, said, _ = compare("a.json", "b.json")

    assert WORSE == code
    assert "NOT SHOWN TO BE WORSE: awq-int4" in said
    assert "\nWORSE: fp8" in said
    assert "Not compared: old is in a.json alone" in said


def test_a_candidate_can_be_chosen(compare, filed):
    """a.json:NAME; one of one report against another of the same."""
    good, bad = outcomes(), outcomes(lost=set(range(40)))
    filed("a.json", candidate(good), candidate(bad, name="fp8"))

    assert compare("a.json:awq-int4", "a.json:fp8")[0] == WORSE
    assert compare("a.json:fp8", "a.json:awq-int4")[0] == OK
    assert compare("a.json:fp8", "a.json")[0] == UNKNOWN  # it is the same one
    code, _, why = compare("a.json:fp9", "a.json")
    assert (USAGE, True) == (code, "no candidate 'fp9'; did you mean 'fp8'?" in why)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ("gone.json", "gone.json: cannot be read"),
        ("text.json", "text.json:1: not valid JSON"),
        ("list.json", "list.json: this is no report"),
    ],
)
def test_what_is_no_report_is_a_usage_error(compare, two, folder, other, why):
    """With the name of the file, and no traceback."""
    (folder / "text.json").write_text("{")
    (folder / "list.json").write_text("[]")
    code, said, errors = compare(two[0], other)

    assert (USAGE, "") == (code, said)
    assert why in errors


def test_no_common_name_asks_for_one(compare, filed):
    """Which candidate against which is the user's to say."""
    good = outcomes()
    filed("a.json", candidate(good), candidate(good, name="b"))
    filed("b.json", candidate(good, name="c"), candidate(good, name="d"))
    code, _, why = compare("a.json", "b.json")

    assert USAGE == code
    assert "no candidate in common (awq-int4, b; c, d); name one of each" in why


@pytest.mark.parametrize("width", ["40", "60", "80", "200"])
def test_it_fits_the_terminal(compare, two, monkeypatch, width):
    """Narrow ones get the names in lines of their own."""
    monkeypatch.setenv("COLUMNS", width)

    assert max(map(len, compare(*two)[1].splitlines())) <= int(width)


@pytest.mark.parametrize("seed", range(8))
def test_hostile_names_are_not_live(compare, filed, folder, seed):
    """Cohorts, cases, violations and candidates are data, on the terminal and in Markdown."""
    text = hostile_texts.hostile(random.Random(seed), 20) or "x"
    good = outcomes(30, cohort=text)
    worse = [replace(o, candidate=Outcome.of([text])) for o in outcomes(30, cohort=text)]
    filed("a.json", candidate(good, Budget(max_drop=0.2), name=f"a{text}"))
    filed("b.json", candidate(worse, Budget(max_drop=0.2), name=f"b{text}"), number=1)
    code, said, _ = compare("a.json", "b.json", "--markdown", "c.md")

    assert WORSE == code
    assert said == clean(said)
    assert not [line for line in said.splitlines() if line.lstrip().startswith(("::", "##["))]
    assert [] == gfm.dangers((folder / "c.md").read_text("utf-8"))


def test_markdown_holds_the_answer(compare, two, folder):
    """As a summary of a CI job: answer, table, cases."""
    compare(*two, "--markdown", "out/c.md")
    text = (folder / "out/c.md").read_text("utf-8")

    assert text.startswith("### WORSE")
    assert "| all | all | PASS -&#62; FAIL |" in text
    assert "37 checks newly regressed" in text
