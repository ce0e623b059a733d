"""The shards of a run, judged together: the same report, or a refusal that says why."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from xml.etree import ElementTree

import pytest

from pytest_quantguard import cli
from pytest_quantguard._judgement import Terms
from pytest_quantguard._registry import built_in_metrics
from pytest_quantguard.errors import InputError
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters.json import to_json
from pytest_quantguard.sharding.merging import merge, texts
from pytest_quantguard.sharding.shard_file import read
from pytest_quantguard.variants import Launch
from pytest_quantguard.verdicts import Budget, Verdict
from shard_files import World, completion

OK, FAILED, USAGE, INCONCLUSIVE = 0, 1, 4, 10


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture
def merged(tmp_path, monkeypatch, capsys):
    """Call the command in an empty folder; return its exit code, and what it said in one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments):
        code = cli.main(["merge", *map(str, arguments)])
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return call


def facts(report):
    """Return a report without when and where it was made: throughput is about one machine."""
    data = to_json(report)
    for told in data["results"]["extra"]["quantguard"]["candidates"]:
        told["readings"] = [r for r in told["readings"] if r["group"]["metric"] != "throughput"]
    data["results"]["summary"] = None
    found = data["results"]["extra"]["quantguard"]["provenance"]
    for key in ("started", "seconds", "run"):
        del found[key]
    found.pop("shards", None)
    del data["runId"], data["timestamp"]
    return data


def changed(path, change):
    """Change what a shard says."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


# --- the same report ----------------------------------------------------------------------


@pytest.mark.parametrize("of", [1, 2, 5, 120])
def test_merged_shards_have_the_report_of_one_run(world, tmp_path, of):
    """Field by field: verdicts, evidence, notes, readings, counts; also with empty shards."""
    shards = [read(path, path.name) for path in world.shards(tmp_path, of)]

    report = merge(shards[::-1], world.terms.metrics)

    assert facts(world.report()) == facts(report)
    assert {"fail"} < {row.verdict.value for c in report.candidates for row in c.budgets}
    assert [*range(1, of + 1)] == [told["shard"] for told in report.provenance["shards"]]


def test_the_noise_of_a_null_run_is_that_of_all_shards(world, tmp_path):
    """The machines had measured it before, one of them with more cases: that is added to."""
    paths = world.shards(tmp_path, 2)
    before = {"compared": 100, "flipped": 0, "groups": [], "runs": 1, "at": 9.0, "cases": 50}

    def null(data):
        data["terms"]["null"] = "int4"
        data["asked"]["noise"] = {**before, "number": 1, "compared": 50 + 50 * data["shard"]}

    for path in paths:
        changed(path, null)
    report = merge([read(path, path.name) for path in paths], world.terms.metrics)

    again, other = report.candidates
    flipped = sum(o.regressed or o.improved for o in again.outcomes)
    said = f"({flipped} of {150 + len(again.outcomes)} in 2 null runs, last on 1970-01-01)"
    assert [True, True] == [any(said in note for note in c.notes) for c in (again, other)]
    assert {None} == {row.noise for row in again.budgets}
    assert any(row.noise for row in other.budgets)


def test_throughput_is_about_one_machine(world, tmp_path):
    """Two machines have minutes of their own; the only shard of a run is a run."""

    def told(of):
        report = merge([read(p, p.name) for p in world.shards(tmp_path, of)], world.terms.metrics)
        return {r.group.metric for r in report.candidates[0].readings}

    assert {"throughput"} == told(1) - told(2)


def test_times_are_judged_where_every_shard_asked_both_at_once(world, tmp_path):
    """All shards together seem to overlap when each asked one arm after the other, in its turn."""
    paths = world.shards(tmp_path, 2)

    def rows():
        report = merge([read(path, path.name) for path in paths], world.terms.metrics)
        found = [row for c in report.candidates for row in c.budgets]
        return [row for row in found if row.metric == "latency_p50"]

    assert {Verdict.PASS} == {row.verdict for row in rows()}

    def later(data):
        for one in data["evidence"][0]["measurements"]:
            one["baseline"]["asked_at"] += 150 * (data["shard"] - 1)
            one["candidate"]["asked_at"] += 150 * data["shard"]

    for path in paths:
        changed(path, later)
    assert [Verdict.INCONCLUSIVE, Verdict.PASS] == [row.verdict for row in rows()]
    assert "one after the other" in rows()[0].reason


def test_both_texts_of_regressed_cases_come_along(world, tmp_path):
    """As they were, lone surrogates too; those of other cases do not."""
    shards = [read(path, path.name) for path in world.shards(tmp_path, 2)]
    find = texts(shards)

    lost = next(o for o in world.report().candidates[0].outcomes if o.regressed)
    assert [completion(key).text for key in lost.keys] == [
        find.completion(key).text for key in lost.keys
    ]
    assert find.completion("base:faq-1") is None


def test_reports_of_several_candidates_become_one(world, merged, tmp_path):
    """A job for each candidate, and one table; a shard, or nonsense, is none of them."""
    whole = world.report()
    texts_of_none = Texts(lambda key: None)
    names = []
    for candidate in whole.candidates:
        name = f"{candidate.variant.name}.json"
        one = replace(whole, candidates=(candidate,))
        report_json.write(one, tmp_path / name, texts_of_none)
        names.append(name)

    code, said = merged(*names, "--quant-report=all")
    found = json.loads((tmp_path / "all" / "report.json").read_text())
    (tmp_path / "junk.json").write_text("{}")
    refused, why = merged(names[0], "junk.json")

    assert (FAILED, 4) == (code, refused)
    assert "quantguard: 2 reports, 111 cases" in said
    told = found["results"]["extra"]["quantguard"]["candidates"]
    assert [c.variant.name for c in whole.candidates] == [one["variant"]["name"] for one in told]
    assert "junk.json: no report.json, as others are" in why


def test_the_command_reports_and_ends_as_a_run_does(world, tmp_path, merged):
    """Exit 1 for a FAIL; the table, report.json and JUnit are written."""
    world.shards(tmp_path, 3)

    code, said = merged(*sorted(tmp_path.glob("shard-*")), "--quant-junit=out/junit.xml")

    assert FAILED == code
    assert "3 shards, 111 cases" in said
    assert "quantguard: int4 against base" in said
    report = json.loads((tmp_path / "quant-report/report.json").read_text())
    assert "fail" == report["results"]["extra"]["quantguard"]["verdict"]
    routes = json.loads((tmp_path / "quant-report/route.json").read_text())
    assert ("fail", "base") == (routes["verdict"], routes["baseline"])
    assert len(ElementTree.parse(tmp_path / "out/junit.xml").findall(".//failure")) > 0


def test_a_merge_is_told_as_json(world, tmp_path, merged):
    """Bare: nothing else is printed; verdict, budgets, exit code, and where the reports are."""
    world.shards(tmp_path, 3)

    code, said = merged(*sorted(tmp_path.glob("shard-*")), "--json")
    told = json.loads(said)

    assert code == told["exit_code"] == FAILED
    assert ("fail", "base", "int4") == (
        told["verdict"],
        told["baseline"],
        told["candidates"][0]["name"],
    )
    assert "quant-report/report.json" == told["written"]["json"]


@pytest.mark.parametrize(
    ("policy", "failed_tests", "expected"),
    [("fail", 0, INCONCLUSIVE), ("warn", 0, OK), ("warn", 2, FAILED)],
)
def test_inconclusive_shards_end_as_their_policy_says(
    tmp_path, merged, policy, failed_tests, expected
):
    """The shards tell the policy; an ordinary test that failed in a shard is not forgotten."""
    world = World({"tiny": 6}, [Budget(max_drop=0.1)])
    terms = {**world.told(), "inconclusive": policy}
    more = {"failed_tests": failed_tests, "terms": terms}
    paths = world.shards(tmp_path, 2, s1=more, s2={"terms": terms})
    for path in paths:
        changed(path, spotless)

    code, said = merged(*paths)

    assert expected == code, said
    assert ("Shard 1 of 2: failed tests that are no golden cases: 2" in said) == bool(failed_tests)


def spotless(data):
    """Let no case be lost, and none be critical."""
    for found in data["evidence"]:
        for outcome in found["outcomes"]:
            outcome["candidate"] = outcome["baseline"]


def test_conftest_registers_metrics_and_hears_of_the_report(world, tmp_path, merged):
    """A metric of the project is known in its folder, and nowhere else."""
    terms = {**world.told(), "metrics": [*world.told()["metrics"], "emoji"]}
    paths = world.shards(tmp_path, 2, s1={"terms": terms}, s2={"terms": terms})
    code, said = merged(*paths)
    assert (USAGE, True) == (code, "the metric 'emoji' is not known here" in said)

    (tmp_path / "conftest.py").write_text(
        "import pathlib\n"
        "import pytest_quantguard.metrics.truncation as t\n"
        "made = next(v for v in vars(t).values() if getattr(v, 'key', '') == 'truncation')\n"
        "def pytest_quantguard_register(registry):\n"
        "    registry.metrics.add('emoji', made)\n"
        "def pytest_quantguard_report(report):\n"
        "    pathlib.Path('heard').write_text(report.verdict.value)\n"
    )
    code, said = merged(*paths)

    assert FAILED == code, said
    assert "fail" == (tmp_path / "heard").read_text()


# --- not the shards of one run ------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"golden_hash": "lead"}, "its golden cases are not those of"),
        ({"selection": "others"}, "other cases were selected than for"),
        ({"tool": "9.9"}, "it was written by pytest-quantguard 9.9"),
        ({"of": 4}, "it is of a run of 4 shards"),
        ({"commit": "b" * 40}, f"it is of commit {'b' * 40}, and {{0}} "),
        ({"shard": 1}, "it is shard 1 of 3, and so is"),
        ({"unsound": ["a worker died"]}, "its evidence is not sound: a worker died"),
        (
            {"config": {"budgets": "x" * 16, "variants.int4.model": "b" * 16}},
            "its configuration is not that of {0}: see budgets",
        ),
    ],
)
def test_shards_of_different_runs_are_refused(world, tmp_path, merged, changes, sentence):
    """Exit 4; the file that is unlike the others is named, and no report is left behind."""
    (tmp_path / "quant-report").mkdir()
    (tmp_path / "quant-report/report.json").write_text("old")
    paths = world.shards(tmp_path, 3, s2=changes)

    code, said = merged(*paths)

    assert USAGE == code
    assert f"quantguard merge: {paths[1]}: {sentence.format(paths[0])}" in said
    assert not (tmp_path / "quant-report/report.json").exists()


@pytest.mark.parametrize("commit", ["b" * 40, ""])
def test_a_merge_is_of_the_commit_that_was_asked_about(
    world, tmp_path, merged, monkeypatch, commit
):
    """Not of the one that the merging job has checked out: old shards prove nothing about it."""
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    paths = world.shards(tmp_path, 2, s1={"commit": commit}, s2={"commit": commit})
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_SHA", "c" * 40)

    merged(*paths)

    report = json.loads((tmp_path / "quant-report/report.json").read_text())
    told = report["results"]["extra"]["quantguard"]["provenance"]["ci"]
    assert told.get("commit", "") == commit


def test_missing_shards_are_named(world, tmp_path, merged):
    """A part of the evidence is no evidence."""
    paths = world.shards(tmp_path, 5)

    assert (USAGE, True) == told(merged(paths[0], *paths[2:]), "shard 2 of 5 is missing")
    assert (USAGE, True) == told(merged(*paths[1:4]), "shards 1, 5 of 5 are missing")
    assert (USAGE, True) == told(merged(*paths, paths[0]), f"{paths[0]}: it is given twice")


def told(said, sentence):
    """Return the exit code, and whether a sentence was said."""
    return said[0], sentence in said[1]


def test_a_case_of_two_shards_is_refused(world, tmp_path):
    """So is one of none, although every file is well in itself."""
    paths = world.shards(tmp_path, 2)
    other = json.loads(paths[1].read_text())
    case = other["planned"][0][0]

    def take(data):
        data["planned"] += [pair for pair in other["planned"] if pair[0] == case]
        for mine, found in zip(data["evidence"], other["evidence"], strict=True):
            for kind in mine:
                mine[kind] += [one for one in found[kind] if one["case"] == case]

    def drop(data):
        data["planned"] = [pair for pair in data["planned"] if pair[0] != case]
        for found in data["evidence"]:
            for kind in found:
                found[kind] = [one for one in found[kind] if one["case"] != case]

    changed(paths[0], take)
    with pytest.raises(InputError, match=f"1 case of other shards, such as '{case}'"):
        merge([read(path, path.name) for path in paths], world.terms.metrics)

    changed(paths[1], drop)  # it has moved: whoever asks it does not matter
    merge([read(path, path.name) for path in paths], world.terms.metrics)

    changed(paths[0], drop)
    with pytest.raises(InputError, match="have 220 checks, which are not the 222"):
        merge([read(path, path.name) for path in paths], world.terms.metrics)


def test_servers_that_serve_two_models_are_refused(world, tmp_path):
    """One machine's candidate is of another precision than the other's."""
    paths = world.shards(tmp_path, 2)
    changed(paths[1], lambda d: d["asked"]["served_as"]["int4"].update(quantization="Q8_0"))

    with pytest.raises(InputError, match=r"'Q8_0', and in shard-1-of-2\.json 'Q4_K'"):
        merge([read(path, path.name) for path in paths], world.terms.metrics)


def test_what_servers_said_to_some_machine_counts(world, tmp_path):
    """A server that is silent elsewhere takes nothing back; a parameter is honoured by all."""
    paths = world.shards(tmp_path, 3)

    def silent(data):
        data["asked"]["served_as"]["int4"] = {"model": None, "models": []}
        data["asked"]["probes"] = {"base": {"x": ["honoured", ""]}, "int4": {"x": ["honoured", ""]}}

    for path in paths[1:]:
        changed(path, silent)
    changed(paths[1], lambda d: d["asked"]["probes"].update(int4={"x": ["ignored", ""]}))
    report = merge([read(path, path.name) for path in paths[::-1]], world.terms.metrics)

    assert "Q4_K" == report.provenance["served_as"]["int4"]["quantization"]
    assert {"int4": Verdict.NOT_COMPARABLE} == {
        c.variant.name: c.verdict for c in report.candidates if c.variant.name == "int4"
    }


def test_terms_that_no_digest_tells_of_are_compared_all_the_same(world, tmp_path):
    """A file that was changed by hand does not get its way."""
    paths = world.shards(tmp_path, 3)
    changed(paths[0], lambda d: d["terms"].update(max_errors=1))

    with pytest.raises(InputError, match="although both tell one configuration"):
        merge([read(path, path.name) for path in paths], world.terms.metrics)


def test_machines_send_as_many_requests_at_once_as_they_can(world, tmp_path):
    """Concurrency is no part of what is asked; the number of a null run is counted on each."""
    paths = world.shards(tmp_path, 2)

    def small(data):
        data["terms"]["baseline"]["concurrency"] = 1
        data["terms"]["candidates"][0]["revision"] = "null run 7"

    changed(paths[0], small)
    with pytest.raises(InputError, match="although both tell one configuration"):
        merge([read(path, path.name) for path in paths], world.terms.metrics)

    for path in paths:
        changed(path, lambda d: d["terms"].update(null="int4"))
    merge([read(path, path.name) for path in paths], world.terms.metrics)


# --- files that are no shards -------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04\xff", "not UTF-8 text"),
        (b"", "not valid JSON"),
        (b"[]", "no shard of a run"),
        (b'{"reportFormat": "CTRF"}', "no shard of a run"),
        (b'{"format": "quantguard-shard", "format": "x"}', "the key 'format' stands twice"),
        (b'{"format": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "nested deeper than 64 levels"),
        (b'{"format": "quantguard-shard", "version": 2}', "reads version 1"),
        (b'{"format": "quantguard-shard", "version": 1}', "the file lacks the key 'tool'"),
    ],
)
def test_foreign_files_are_refused(tmp_path, content, sentence):
    """One sentence says what is wrong, with the file's name."""
    path = tmp_path / "x.json"
    path.write_bytes(content)

    with pytest.raises(InputError, match=sentence) as caught:
        read(path, "x.json")
    assert all(problem.startswith("x.json:") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(shard="2"), "shard must be"),
        (lambda d: d.update(evil=1), "unknown key 'evil'"),
        (lambda d: d.update(shard=3), "it says that it is shard 3 of 2"),
        (lambda d: d["evidence"].pop(), "it has evidence for 1 of 2 candidates"),
        (lambda d: d["planned"].append(d["planned"][0]), "it plans a check twice"),
        (lambda d: first(d).update(case="new"), "it judges 1 check that it did not plan"),
        (lambda d: d["evidence"][0]["outcomes"].pop(), "it lacks evidence on 1 check"),
        (
            lambda d: d["evidence"][0]["outcomes"].append(first(d)),
            "it judges a check of 'int4' twic",
        ),
        (lambda d: first(d).update(variant="fp8"), "evidence about another candidate"),
        (lambda d: first(d)["candidate"].update(value=7), "is no number from 0 to 1"),
        (lambda d: first(d).update(weight=0), "has no weight above 0"),
        (lambda d: first(d).update(weight=10**300), "a number above 1e\\+15"),
        (lambda d: first(d).update(weight=10**400), "a whole number has too many digits"),
        (lambda d: d["evidence"][0]["measurements"][0].update(case="new"), "it measures 1 case"),
        (lambda d: d["completions"].update(x={"text": 1}), "completions"),
        (lambda d: d["asked"].update(probes={"base": {"tools": ["fine", ""]}}), 'tools is "fine"'),
    ],
)
def test_a_shard_that_contradicts_itself_is_refused(tmp_path, change, sentence):
    """Nothing in a file from another machine is taken on trust."""
    path = World({"faq": 12}).shards(tmp_path, 2)[0]
    changed(path, change)

    with pytest.raises(InputError, match=sentence):
        read(path, "x.json")


def first(data):
    """Return the first outcome."""
    return data["evidence"][0]["outcomes"][0]


def test_everything_that_is_wrong_is_said_at_once(world, tmp_path, merged):
    """File by file: what cannot be read, and what does not fit; pipes are not waited for."""
    paths = world.shards(tmp_path, 3, s2={"golden_hash": "lead"})
    paths[2].write_text("{")
    os.mkfifo(tmp_path / "pipe")

    code, said = merged(*paths, tmp_path / "pipe", tmp_path / "none.json", tmp_path)

    assert USAGE == code
    assert f"{paths[2]}: not valid JSON" in said
    assert f"{tmp_path / 'pipe'}: no ordinary file" in said
    assert f"{tmp_path / 'none.json'}: cannot be read: No such file" in said
    assert f"{tmp_path}: no ordinary file" in said
    assert "(golden_hash)" in said
    assert "missing" not in said


def test_escapes_of_a_hostile_file_do_not_reach_the_terminal(world, tmp_path, merged):
    """What it says is cleaned before it is shown."""
    paths = world.shards(tmp_path, 2, s2={"unsound": ["\x1b[31mred"]})

    code, said = merged(*paths)

    assert USAGE == code
    assert "\x1b" not in said


def test_whatever_verdicts_depend_on_travels(world):
    """A term that is added has to be told by the shards, too."""
    alone = replace(world.terms.candidates[0], launch=Launch(exclusive=True))
    terms = replace(
        world.terms, candidates=(alone,), max_errors=0.5, evidence="strict", latency="same-run"
    )
    terms = replace(terms, null="int4")

    assert terms == Terms.from_dict(terms.to_dict(), built_in_metrics())
    defaults = Terms(baseline=terms.baseline, candidates=(), metrics={})
    travels = {field.name for field in fields(terms)} - {"two_days"}  # a watch has no shards
    assert all(getattr(terms, name) != getattr(defaults, name) for name in travels - {"baseline"})


def test_a_file_that_was_given_is_never_removed(merged, tmp_path):
    """The report of an ordinary run lies where shards do: it is refused, and stays."""
    report = tmp_path / "quant-report" / "report.json"
    report.parent.mkdir()
    report.write_text("{}", encoding="ascii")
    code, said = merged("quant-report/report.json")

    assert 4 == code
    assert "no shard of a run" in said
    assert report.exists()
