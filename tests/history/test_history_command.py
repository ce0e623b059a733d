"""``quantguard history``: what it shows, imports and notes, and what it refuses."""

from __future__ import annotations

import json
import random
import zipfile

import pytest
from history_reports import DAY, FIRST, budget, run

from hostile_texts import hostile
from html_pages import live, read_page
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import main
from pytest_quantguard.history import importing
from pytest_quantguard.history.changes import changes
from pytest_quantguard.history.keeping import Spot, past
from pytest_quantguard.history.page import page
from pytest_quantguard.history.remember import remember
from pytest_quantguard.history.shown import sparkline, text
from pytest_quantguard.history.store import opened
from pytest_quantguard.history.view import Wanted, views
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters.json import write

SOON = budget("faq", max_drop=0.08, reason="the judge is noisy")
SPARK = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
LATE = budget(None, metric="latency_p50", max_ratio=1.1)
NO_TEXTS = Texts.kept({"completions": {}, "requests": {}})


@pytest.fixture
def quantguard(tmp_path, monkeypatch, capsys):
    """Call the command in an empty folder; return exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words):
        code = main(["history", *map(str, words)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def kept(tmp_path):
    """A history of eight runs, in which a budget was loosened and a policy changed."""
    path = tmp_path / ".quantguard" / "history.sqlite"
    legal = budget("legal", check="citations")
    for number in range(8):
        faq = budget("faq") if number < 4 else SOON
        values = (0.01 * number, 0.03, 0.7 + 0.02 * number)
        more = {"inconclusive": "warn"} if number > 5 else {"inconclusive": "fail"}
        report = run(number, faq, legal, LATE, values=values, policies=more)
        assert remember(report, path)[1] == ""
    return path


def test_each_budget_has_a_line_and_each_run_too(quantguard, kept):
    """With a sparkline, the last delta, the verdicts, and the changes where they happened."""
    code, output, errors = quantguard()
    lines = output.splitlines()

    assert (0, "") == (code, errors)
    assert "awq-int4 against bf16: 8 runs, 2026-11-18 11:06 to 2026-11-25 11:06" == lines[0]
    (faq,) = [line for line in lines if "faq / all  " in line]
    assert f"faq / all {SPARK} +7.0 pt 8 pt .......?" == " ".join(faq.split())
    assert max(map(len, lines)) <= 80
    runs = [i for i, line in enumerate(lines) if line.startswith("  2026-11-")]
    (loosened,) = [i for i, line in enumerate(lines) if "budget loosened" in line]
    assert 8 == len(runs)
    assert runs[3] < loosened < runs[4]
    assert "reason: the judge is noisy" in lines[loosened + 1]
    (policy,) = [i for i, line in enumerate(lines) if "policy inconclusive" in line]
    assert runs[5] < policy < runs[6]
    assert lines[policy].startswith("    ! ")
    assert "no reason given" in lines[policy + 1]


def test_what_does_not_pass_comes_first_with_its_day(quantguard, kept):
    """A reader wants to know what got worse, and since when."""
    lines = quantguard()[1].splitlines()

    assert lines[3].startswith("  faq / all")
    assert "  faq / all has not passed since 2026-11-25 11:06" in lines
    assert 1 == sum("has not passed since" in line for line in lines)


def test_a_cohort_has_a_table_of_its_own(quantguard, kept):
    """Deltas, intervals and budgets over time, the newest last."""
    code, output, _ = quantguard("--cohort", "faq", "--last", "5")
    rows = [line.split() for line in output.splitlines() if line.startswith("    2026-11-")]

    assert 0 == code
    assert "(3 older: --last, --since)" in " ".join(output.split())
    assert [["3.0", "5"], ["4.0", "8"], ["5.0", "8"], ["6.0", "8"], ["7.0", "8"]] == [
        [row[2].lstrip("+"), row[-3]] for row in rows
    ]
    assert "INCONCLUSIVE" == rows[-1][-1]
    assert "legal" not in output
    assert "budget loosened" in output


@pytest.mark.parametrize(
    ("words", "shown", "hidden"),
    [
        (["--metric", "latency_p50"], "latency_p50", "citations"),
        (["--check", "citations"], "legal / citations", "latency"),
        (["-v"], "90% interval", "over time"),
        (["--since", "2026-11-24"], "2 runs", "2026-11-23"),
        (["--candidate", "awq-int4"], "awq-int4", "fp8"),
    ],
)
def test_a_part_can_be_asked_for(quantguard, kept, words, shown, hidden):
    """By cohort, check, metric, candidate, number and day."""
    code, output, _ = quantguard(*words)

    assert 0 == code
    assert shown in output
    assert hidden not in output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cohort", "fag"], "no budget has the cohort 'fag'; did you mean 'faq'?"),
        (["--cohort", "faq", "--check", "citations"], "no budget of these runs has all of these"),
        (["--candidate", "awq"], "no run has a candidate 'awq'"),
        (["--since", "2030-01-01"], "holds no run that was asked for"),
        (["--since", "yesterday"], "is no day, such as 2026-11-01"),
        (["--last", "0"], "is no number of runs"),
        (["--file", "other.sqlite"], "there is no history yet; a run begins one"),
        (["note", "abcd1234", "why"], "there is no entry 'abcd1234'"),
        (["note", "abcd1234", " "], "a note has words, in at most 500 characters"),
        (["import", "missing.json"], "missing.json: cannot be read"),
        (["--html", "taken/page.html"], "taken/page.css"),
    ],
)
def test_what_cannot_be_shown_is_a_usage_error(quantguard, kept, words, said):
    """Exit code 4, a sentence that says what is wrong, and no traceback."""
    (kept.parent.parent / "taken").write_text("")
    try:
        code, output, errors = quantguard(*words)
    except SystemExit as done:
        code, output, errors = done.code, "", ""
    else:
        assert said in errors

    assert 4 == code
    assert "" == output


def test_the_configuration_says_where_the_history_is(quantguard, tmp_path, monkeypatch):
    """Also from a folder further down; ``history: false`` has none to show."""
    text = "variants: {a: {provider: openai, model: m}}\nbudgets: auto\n"
    (tmp_path / "quantguard.yaml").write_text(f"{text}history: kept/h.sqlite\n")
    remember(run(0), tmp_path / "kept" / "h.sqlite")
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path / "tests")

    assert 0 == quantguard()[0]

    (tmp_path / "quantguard.yaml").write_text(f"{text}history: false\n")
    code, _, errors = quantguard()
    assert (4, True) == (code, "'history: false'; name a file with --file" in errors)

    (tmp_path / "quantguard.yaml").write_text(f"{text}history: 3\n")
    code, _, errors = quantguard()
    assert (4, True) == (code, "quantguard.yaml:3: history must be" in errors)


def test_json_has_what_the_text_shows(quantguard, kept):
    """Plain JSON without NaN: runs, their budgets, and the changes."""
    code, output, _ = quantguard("--json", "--last", "3")
    (candidate,) = json.loads(output)["candidates"]

    assert 0 == code
    assert ["run-5", "run-6", "run-7"] == [one["run"] for one in candidate["runs"]]
    faq, _, _ = candidate["runs"][-1]["budgets"]
    assert ("faq", 0.08, "points", "inconclusive") == (
        faq["cohort"], faq["max_drop"], faq["unit"], faq["verdict"],
    )  # fmt: skip
    assert 0.07 == pytest.approx(faq["delta"])
    assert ["policy"] == [one["kind"] for one in candidate["changes"]]
    assert "refs/heads/main" == candidate["runs"][0]["facts"]["ci"]["ref"]


def test_what_was_imported_and_noted_is_told_as_json(quantguard, tmp_path):
    """Bare: JSON alone, with what is wrong; the entry is the one that was noted."""
    for number, one in enumerate((budget("faq"), budget("faq", max_drop=0.2))):
        write(run(number, one), tmp_path / f"{number}.json", NO_TEXTS)
    (tmp_path / "odd.json").write_text("{}")
    added = quantguard("import", "0.json", "1.json", "odd.json", "--json")
    (view,) = json.loads(quantguard("--json")[1])["candidates"]
    entry = next(one for one in view["changes"] if one["kind"] == "loosened")
    noted = quantguard("note", entry["entry"], "it was agreed", "--json")

    assert (4, 2, 0, 1) == (added[0], *(_counted(added[1])))
    assert {"entry", "text", "reason"} == json.loads(noted[1]).keys()
    assert (0, "it was agreed") == (noted[0], json.loads(noted[1])["reason"])


def _counted(text):
    told = json.loads(text)
    return told["added"], told["known"], len(told["problems"])


def test_a_note_gives_an_entry_its_reason(quantguard, kept):
    """By the beginning of its id; the configuration's own reason is not replaced."""
    with opened(kept, write=False) as connection:
        entries = {one.kind: one for one in changes(past(connection), {})}
    code, output, _ = quantguard("note", f"#{entries['policy'].id[:5]}", "a quiet week\x1b[31m")

    assert 0 == code
    assert f"noted: {entries['policy'].id} policy inconclusive" in output
    assert "reason: a quiet week\\x1b[31m" in quantguard()[1]
    assert "no reason given" not in quantguard()[1]

    code, _, errors = quantguard("note", entries["loosened"].id, "another")
    assert 4 == code
    assert "has a reason in the configuration already: the judge is noisy" in errors


def test_each_baseline_and_each_file_has_a_series_of_its_own(quantguard, tmp_path):
    """Deltas against two baselines are no one course; what came before is not the newcomer's."""
    path = tmp_path / ".quantguard" / "history.sqlite"
    for number, told in enumerate((
        {}, {"baseline": {"name": "f16"}, "baseline_given": True}, {"policies": {"latency": "x"}},
        {"config": "try.yaml"}, {"whole": False}, {"candidate": "fp8"},
    )):  # fmt: skip
        more = {"policies": {"latency": "y"}} if number < 2 else {"policies": {"latency": "x"}}
        remember(run(number, **{**more, **told}), path)
    code, output, _ = quantguard()
    heads = [line for line in output.splitlines() if " against " in line]
    page_code = quantguard("--html", "h.html")[0]

    assert (code, page_code) == (0, 0)
    assert [line.partition(",")[0] for line in heads] == [
        "awq-int4 against bf16 by quantguard.yaml: 3 runs",
        "awq-int4 against f16 by quantguard.yaml: 1 run",
        "awq-int4 against bf16 by try.yaml: 1 run",
        "fp8 against bf16 by quantguard.yaml: 1 run",
    ]
    assert "1 of a part of the cases" in " ".join(output.split())
    assert 1 == output.count("policy latency changed from y to x")
    assert "1 of a part of the cases, in no picture" in (tmp_path / "h.html").read_text("utf-8")


# --- pictures -----------------------------------------------------------------------------


def spot(value, limit=0.05, **more):
    names = dict.fromkeys(Spot._fields)
    found = {"value": value, "max_drop": limit, "flags": 0, "verdict": "pass", **more}
    return Spot(**{**names, **found})


@pytest.mark.parametrize(
    ("values", "limit", "unicode", "drawn"),
    [
        ([0.0, 0.025, 0.05], 0.05, True, "\u2581\u2585\u2588"),
        ([0.0, 0.05, 0.4], 0.05, True, "\u2581\u2582\u2588"),
        ([-0.05, 0.0, 0.05], 0.05, False, "_=#"),
        ([None, 0.05], 0.05, False, "x#"),
        ([float("inf"), 0.0], 0.05, False, "#_"),
        ([0.0, 0.0], None, False, "__"),
        ([], 0.05, True, ""),
    ],
)
def test_a_sparkline_is_higher_where_it_is_worse(values, limit, unicode, drawn):
    """From no change to the budget, or to the worst of them; what is not known has a mark."""
    found = sparkline([spot(value, limit) for value in values], unicode=unicode)

    assert drawn == found


def shown(kept, *, tables=False, **screen):
    with opened(kept, write=False) as connection:
        return text(views(connection, Wanted()), Screen(**screen), tables=tables)


def test_colours_and_letters_are_the_terminals(kept):
    """Colours only where they are wanted, no letter beyond ASCII where they cannot be shown."""
    plain, coloured = shown(kept), shown(kept, colour=True)

    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[32mPASS\x1b[0m" in line for line in coloured)
    assert all(line.isascii() for line in shown(kept, encoding="ascii", tables=True))
    assert plain == [line.replace("\x1b[32m", "").replace("\x1b[33m", "").replace("\x1b[31;1m", "")
                     .replace("\x1b[0m", "") for line in coloured]  # fmt: skip


def test_no_colour_where_it_is_not_wanted(quantguard, kept, monkeypatch):
    """NO_COLOR wins over a terminal."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b[" in quantguard()[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in quantguard()[1]


def test_the_page_is_static_and_says_everything_in_words(quantguard, kept, tmp_path):
    """One page and its style sheet: no script, nothing from elsewhere, every picture described."""
    code, output, errors = quantguard("--html", "out/history.html")
    text = (tmp_path / "out" / "history.html").read_text("utf-8")
    found = read_page(text)

    assert (0, "") == (code, output)
    assert "Written: out/history.html" in errors
    assert [] == live(found)
    assert ["history.css", "#content"] == found.links
    assert 0 == found.elements["script"]
    assert {"history.css", "history.html"} == {p.name for p in (tmp_path / "out").iterdir()}
    assert 3 == found.elements["svg"] == found.elements["desc"]
    assert 'aria-label="faq / all, awq-int4 against bf16"' in text
    assert 'aria-label="awq-int4 against bf16, the newest run first"' in text
    assert max(found.ids.values()) == 1
    assert "Reason: the judge is noisy" in found.text
    assert "No reason given" in found.text
    assert "+7.0 pt INCONCLUSIVE" in found.text
    css = (tmp_path / "out" / "history.css").read_text("utf-8")
    assert "svg.history .band" in css
    assert not any(word in css for word in ("url(", "@import", "http:", "https:"))


def test_the_same_history_is_the_same_page(kept):
    """Byte for byte."""
    with opened(kept, write=False) as connection:
        found = [page(views(connection, Wanted()), "history.css") for _ in range(2)]

    assert found[0] == found[1]


@pytest.mark.parametrize("seed", range(4))
def test_hostile_names_stay_text_on_the_page(tmp_path, seed):
    """Whatever a cohort, a model, a branch or a reason is called."""
    draw = random.Random(seed)
    path = tmp_path / "h.sqlite"
    for number in range(3):
        told = [budget(hostile(draw), max_drop=0.01 * (number + 1), reason=hostile(draw))]
        changed = {"model": hostile(draw), "name": hostile(draw)}
        values = (None, float("inf"), 0.5)[number : number + 1]
        remember(
            run(number, *told, values=values, baseline=changed, ci={"ref": hostile(draw)}), path
        )
    with opened(path, write=False) as connection:
        found = read_page(page(views(connection, Wanted()), "history.css"))

    assert [] == live(found)
    assert ["history.css", "#content"] == found.links


# --- importing ----------------------------------------------------------------------------


def saved(report, path):
    write(report, path, NO_TEXTS)
    return path


def test_reports_of_other_machines_are_added_once(quantguard, tmp_path):
    """Files, folders and zip files; the second time nothing is added."""
    saved(run(0), tmp_path / "one.json")
    saved(run(1), tmp_path / "artifacts" / "a" / "report.json")
    saved(run(2), tmp_path / "artifacts" / "b" / "report.json")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(saved(run(3), tmp_path / "report.json"), "quant-report/report.json")
        archive.writestr("quant-report/index.html", "<p>not looked at</p>")
    words = ("import", "one.json", "artifacts", "c.zip")

    assert "4 runs added" in quantguard(*words)[1]
    assert "0 runs added to" in (said := quantguard(*words)[1])
    assert "4 already there" in said
    assert "4 runs, 2026-11-18 11:06 to 2026-11-21 11:06" in quantguard()[1]


def test_what_a_run_remembers_and_what_its_report_tells_is_one(quantguard, tmp_path):
    """A report that is imported is the run that was remembered: nothing is added, nothing lost."""
    for number, cases in enumerate((("a", "b"), ("b", "c", "d"))):
        report = run(number, SOON, LATE, cases=cases, golden_hash=str(number))
        saved(report, tmp_path / f"{number}.json")
        remember(report, tmp_path / "own.sqlite")
    quantguard("import", "0.json", "1.json", "--file", "imported.sqlite")
    own, imported = (
        quantguard("--json", "--file", name)[1] for name in ("own.sqlite", "imported.sqlite")
    )

    assert own == imported
    assert "golden cases changed: 2 added, 1 removed" in own


def test_damaged_reports_are_named_and_the_others_are_added(quantguard, tmp_path, monkeypatch):
    """Exit code 4, a sentence for each; paths in a zip lead nowhere."""
    monkeypatch.setattr(importing, "MAX_BYTES", 100_000)
    good = saved(run(0), tmp_path / "good.json").read_bytes()
    (tmp_path / "cut.json").write_bytes(good[:200])
    (tmp_path / "other.json").write_text('{"results": {}}')
    (tmp_path / "latin.json").write_bytes(b"\xff\xfe")
    (tmp_path / "large.json").write_bytes(good + b" " * 100_000)
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escaped/report.json", good)
        archive.writestr("bomb/report.json", b"[" + b" " * 50_000_000)
        archive.writestr("cut/report.json", good[:200])
    (tmp_path / "torn.zip").write_bytes((tmp_path / "bad.zip").read_bytes()[:-30])
    broken = ("cut.json", "other.json", "latin.json", "large.json", "empty", "bad.zip", "torn.zip")

    code, output, errors = quantguard("import", *broken, "good.json")

    assert 4 == code
    assert "1 run added" in output
    assert "1 already there" in output
    for said in (
        "cut.json:1: not valid JSON",
        "other.json: ",
        "latin.json: not UTF-8 text",
        "large.json: larger than",
        "empty: no report.json in this folder",
        "bad.zip:bomb/report.json: larger than",
        "bad.zip:cut/report.json:1: not valid JSON",
        "torn.zip: ",
    ):
        assert said in errors
    assert not (tmp_path.parent / "escaped").exists()
    assert "Traceback" not in errors


def test_a_zip_file_unpacks_to_so_much_and_no_more(quantguard, tmp_path, monkeypatch):
    """However many small entries it has: what was read before it counts, the rest is left."""
    monkeypatch.setattr(importing, "MAX_ZIP", 100_000)
    with zipfile.ZipFile(tmp_path / "many.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(saved(run(0), tmp_path / "report.json"), "0/report.json")
        for number in range(1, 9):
            archive.writestr(f"{number}/report.json", b" " * 90_000)

    code, output, errors = quantguard("import", "many.zip")

    assert 4 == code
    assert "1 run added" in output
    assert "many.zip: unpacked larger than 0 MB" in errors
    assert 2 == errors.count("quantguard history import: ")


def test_a_pass_that_stands_on_nothing_is_not_imported(quantguard, tmp_path):
    """As everywhere: a report without a case is of no run."""
    path = saved(run(0), tmp_path / "report.json")
    document = json.loads(path.read_text())
    document["results"]["tests"] = []
    document["results"]["summary"]["tests"] = 0
    path.write_text(json.dumps(document))

    assert "is said to pass, and nothing was compared" in quantguard("import", "report.json")[2]


def test_an_empty_import_makes_no_history(quantguard, tmp_path):
    """Nothing is begun for nothing."""
    (tmp_path / "a.json").write_text("{}")

    assert 4 == quantguard("import", "a.json")[0]
    assert not (tmp_path / ".quantguard").exists()


def test_a_thousand_runs_are_read_with_few_questions(tmp_path):
    """Whatever their number: a question to the file for each table, and one for each candidate."""
    path = tmp_path / "h.sqlite"
    for number in range(30):
        remember(run(number), path)
    asked = []
    with opened(path, write=False) as connection:
        connection.set_trace_callback(asked.append)
        (view,) = views(connection, Wanted(since=FIRST + 10 * DAY - 1))

    assert 20 == len(view.points)
    assert len(asked) <= 8
