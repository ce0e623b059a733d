"""`quantguard import`, as a user types it: what is written, what is said, and the exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gate_project import quantguard
from pytest_quantguard import _golden, cli
from pytest_quantguard._registry import Registry
from pytest_quantguard.importers import IMPORTERS, _promptfoo_asserts

OK, USAGE, NOTHING = 0, 4, 5
TALK = [{"role": "user", "content": "When are you open?"}]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def chat(tmp_path):
    """Write a file of chats that differ by their number."""

    def write(n=3, name="faq.jsonl", **more):
        path = tmp_path / name
        records = [
            {
                "id": f"Question {i}",
                "messages": [
                    {"role": "user", "content": f"Question {i}?"},
                    {"role": "assistant", "content": f"A{i}"},
                ],
                **more,
            }
            for i in range(n)
        ]
        path.write_text(lines(*records))
        return name

    return write


def load(folder, name):
    return _golden.load(folder / name, name, Registry(), {})


# --- writing ------------------------------------------------------------------------------


def test_a_golden_file_that_loads(run, chat):
    """In golden/, named after the source; what all cases share stands once; and it says so."""
    done = run(chat())

    assert OK == done.code, done.err
    assert "3 cases from faq.jsonl (openai-chat: its records have 'messages')" in done.out
    assert "written: golden/faq.quant.yaml" in done.out
    assert "3 of them check only that the answer is complete" in done.out
    cases = load(done.folder, "golden/faq.quant.yaml")
    assert ["Question-0", "Question-1", "Question-2"] == [case.id for case in cases]
    assert {("faq", "A1")} <= {(case.cohort, case.reference) for case in cases}
    assert not list((done.folder / "golden").glob(".*"))


def test_as_json_lines(run, chat):
    """--to with .quant.jsonl writes a case a line."""
    done = run(chat(), "--to", "sets/big.quant.jsonl", "--cohort", "support")

    assert OK == done.code, done.err
    cases = load(done.folder, "sets/big.quant.jsonl")
    assert {"support"} == {case.cohort for case in cases}
    assert 3 == len(cases)


def test_a_file_that_is_there_is_not_overwritten(run, chat):
    """--force replaces it; without, both ways out are named and nothing is touched."""
    name = chat()
    run(name)
    refused = run(name)
    forced = run(name, "--force", "--limit", "1")

    assert USAGE == refused.code
    assert "golden/faq.quant.yaml exists; --into adds to it, --force replaces it" in refused.err
    assert OK == forced.code
    assert 1 == len(load(forced.folder, "golden/faq.quant.yaml"))


def test_adding_to_a_file_keeps_what_stands_there(run, chat, tmp_path):
    """Comments and order stay; ids that are taken get a number."""
    (tmp_path / "golden").mkdir()
    text = (
        "# our own cases\ncohort: faq   # all of them\nsystem: Be kind.\ncases:\n"
        "  - id: Question-1   # by hand\n    prompt: Hi\n    expect: [{exact: Hi}]\n"
    )
    (tmp_path / "golden/own.quant.yaml").write_text(text)
    done = run(chat(), "--into", "golden/own.quant.yaml")

    assert OK == done.code, done.err
    assert "the file's own system count for the imported cases too" in done.out
    after = (tmp_path / "golden/own.quant.yaml").read_text()
    assert after.startswith(text)
    assert ["Question-1", "Question-0", "Question-1-2", "Question-2"] == [
        case.id for case in load(tmp_path, "golden/own.quant.yaml")
    ]


def test_adding_to_json_lines(run, chat, tmp_path):
    """Appended after the last line, whether or not that one ends with a newline."""
    (tmp_path / "own.quant.jsonl").write_text(
        '{"id": "a", "cohort": "x", "prompt": "p", "expect": ["json"]}'
    )
    done = run(chat(1), "--into", "own.quant.jsonl")

    assert OK == done.code, done.err
    assert ["a", "Question-0"] == [case.id for case in load(tmp_path, "own.quant.jsonl")]


def test_adding_to_a_file_with_checks_of_ones_own(run, chat, tmp_path):
    """A check of a conftest.py is not known here, and is no reason to refuse."""
    (tmp_path / "own.quant.yaml").write_text(
        "cohort: x\ncases:\n  - {id: a, prompt: p, expect: [polite]}\n"
    )
    done = run(chat(1), "--into", "own.quant.yaml")

    assert OK == done.code, done.err
    assert "polite" in (tmp_path / "own.quant.yaml").read_text()
    assert "Question-0" in (tmp_path / "own.quant.yaml").read_text()


def test_ids_are_unique_over_all_golden_files(run, chat, tmp_path):
    """Those of the files beside it count too, also where such a file does not load here."""
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden/a.quant.yaml").write_text(
        "cohort: x\ncases:\n  - {id: Question-0, prompt: p, expect: [polite]}\n"
    )
    done = run(chat(1))

    assert OK == done.code, done.err
    assert ["Question-0-2"] == [case.id for case in load(tmp_path, "golden/faq.quant.yaml")]


def test_dry_run_writes_nothing(run, chat, tmp_path):
    """It says what would become of the source."""
    done = run(chat(), "--dry-run")

    assert OK == done.code
    assert "nothing was written" in done.out
    assert not (tmp_path / "golden").exists()


def test_what_was_lost_stands_in_the_file_too(run, tmp_path):
    """As comments, so that a reader of the file knows what it lacks; never as YAML."""
    (tmp_path / "x.jsonl").write_text(lines({"messages": TALK, "top_k": 3, "we: [ird\n# key": 1}))
    done = run("x.jsonl")
    text = (tmp_path / "golden/x.quant.yaml").read_text()

    assert OK == done.code, done.err
    assert "# Imported from x.jsonl (openai-chat)." in text
    assert "#   top_k: golden files have no such request parameter" in text
    assert 1 == len(load(tmp_path, "golden/x.quant.yaml"))


def test_imported_cases_are_cases_like_any_other(project):
    """Collected, asked and judged by the gate."""
    records = [
        {
            "messages": [
                {"role": "user", "content": f"faq {i}"},
                {"role": "assistant", "content": f"answer faq {i}"},
            ]
        }
        for i in range(60)
    ]
    project.write("chat.jsonl", lines(*records))
    (project.folder / "golden/faq.quant.yaml").unlink()
    done = quantguard(project.folder, "import", "chat.jsonl", "--expect", "contains: answer")
    run = project.run()

    assert OK == done.code, done.output
    assert OK == run.code, run.output
    assert run.has("60 cases, 1 cohort")


# --- choosing -------------------------------------------------------------------------------


def test_limit_takes_the_first(run, chat):
    """And says that there are more."""
    done = run(chat(9), "--limit", "2", "--json")

    assert 2 == done.told["cases"]
    assert "all after 2 cases" in done.kinds()


def test_sample_draws_from_all(run, chat, tmp_path):
    """The same ones with the same seed, in the order of the source; the others are counted."""
    name = chat(40)
    ids = []
    for seed in ("1", "1", "2"):
        done = run(name, "--sample", "5", "--seed", seed, "--force")
        assert OK == done.code, done.err
        ids.append([case.id for case in load(tmp_path, "golden/faq.quant.yaml")])

    assert ids[0] == ids[1] != ids[2]
    assert 5 == len(ids[0])
    assert sorted(ids[0], key=lambda one: int(one.rpartition("-")[2])) == ids[0]
    assert "35 cases: --sample 5 of 40" in done.out


def test_checks_for_every_case(run, chat, tmp_path):
    """--expect replaces our stopgap, and is validated before anything is read."""
    done = run(chat(2), "--expect", "length: {max_words: 9}", "--expect", "json")
    wrong = run(chat(2), "--expect", "lenght: {max_words: 9}")

    assert OK == done.code, done.err
    (first, _) = load(tmp_path, "golden/faq.quant.yaml")
    assert ["length", "json"] == [check.key for check in first.checks]
    assert "check only that the answer is complete" not in done.out
    assert USAGE == wrong.code
    assert "unknown check 'lenght'; did you mean 'length'?" in wrong.err


def test_cohorts_of_a_label(run, tmp_path):
    """--cohort-by makes them of metadata; what has none says so, with the labels that there are."""
    golden = [
        {"input": f"q{i}", "expected_output": "x", "additional_metadata": {"topic": topic}}
        for i, topic in enumerate(["Re funds", "hours", ""])
    ]
    (tmp_path / "set.jsonl").write_text(lines(*golden))
    done = run("set.jsonl", "--cohort-by", "metadata.topic", "--json")

    assert {"Re-funds": 1, "hours": 1, "set": 1} == done.told["cohorts"]
    assert 1 == done.kinds()["cohort"]["count"]


def test_a_check_that_golden_files_would_refuse_is_left_out(run, tmp_path):
    """The case stays, with the loader's own sentence among the losses."""
    config = {
        "prompts": ["{{q}}"],
        "tests": [{"vars": {"q": "x"}, "assert": [{"type": "regex", "value": "(?i)a|(?i)b"}]}],
    }
    (tmp_path / "p.json").write_text(json.dumps(config))
    done = run("p.json", "--json")

    assert OK == done.code, done.err
    assert ["length"] == list(done.told["checks"])
    assert "regex" in "".join(done.kinds())


# --- saying -------------------------------------------------------------------------------


def test_json_lists_everything(run, chat):
    """Machine readable: counts, every kind of loss with its places."""
    done = run(chat(3, top_k=1, user="jane"), "--json")

    assert ("openai-chat", "golden/faq.quant.yaml", 3) == tuple(
        done.told[key] for key in ("format", "written", "cases")
    )
    kinds = done.kinds()
    assert ["faq.jsonl:1", "faq.jsonl:2", "faq.jsonl:3"] == kinds["top_k"]["places"]
    assert 3 == kinds["user"]["count"]
    assert "jane" not in done.out


def test_what_looks_like_a_key_is_pointed_at(run, tmp_path):
    """A prompt with a token in it: its place is told, the token is not."""
    text = "use Bearer abcdefghijklmnopqrstuvwxyz0123"
    (tmp_path / "x.jsonl").write_text(lines({"messages": [{"role": "user", "content": text}]}))
    done = run("x.jsonl")

    assert OK == done.code
    assert "1 of them hold what looks like a key or token (x.jsonl:1)" in done.out
    assert "abcdefghij" not in done.out


def test_nothing_to_import_is_not_green(run, tmp_path):
    """Exit 5, the reasons, and no file."""
    (tmp_path / "x.jsonl").write_text(lines({"messages": []}))
    done = run("x.jsonl")

    assert NOTHING == done.code
    assert "0 cases" in done.out
    assert "its messages are missing" in done.out
    assert not (tmp_path / "golden").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: no such file"),
        (["."], ".: is no file"),
        (["empty.jsonl"], "empty.jsonl: the file is empty"),
        (["binary.jsonl"], "is no text: it holds zero bytes"),
        (
            ["odd.jsonl"],
            "cannot tell its format: it begins with 'a', 'b'; say which one with --from",
        ),
        (["code.py"], "is a program"),
        (["odd.jsonl", "--from", "promptfo"], "invalid choice"),
        (["odd.jsonl", "--to", "x.yaml"], "golden files end in .quant.yaml or .quant.jsonl"),
        (["odd.jsonl", "--into", "x.quant.yaml"], "x.quant.yaml: no such file"),
        (["odd.jsonl", "--cohort", "a b"], "the cohort is"),
        (["odd.jsonl", "--limit", "0"], "'0' is no number of cases"),
        (["odd.jsonl", "--from", "openai-chat", "--tools", "odd.jsonl"], "odd.jsonl"),
        (["broken.json"], "broken.json: it is no JSON"),
        (["cut.jsonl"], "cut.jsonl: it is no JSON: Expecting ',' delimiter at column 10"),
        (["open.jsonl"], "open.jsonl: it is no JSON: Unterminated string starting at column 7"),
        ([], "required: SOURCE"),
    ],
)
def test_mistakes(run, tmp_path, arguments, sentence):
    """Exit 4 and one sentence; never a traceback."""
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "binary.jsonl").write_bytes(b"{}\n\0\1\2")
    (tmp_path / "odd.jsonl").write_text('{"a": 1, "b": 2}\n')
    (tmp_path / "code.py").write_text("print()")
    (tmp_path / "broken.json").write_text("[1, ")
    (tmp_path / "cut.jsonl").write_text('{"id":"x"\n')
    (tmp_path / "open.jsonl").write_text('{"id":"x\n')
    done = run(*arguments)

    assert USAGE == done.code
    assert sentence in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_a_folder_that_cannot_be_written(run, chat, tmp_path):
    """The file in its place is no folder: said, and nothing is left behind."""
    (tmp_path / "golden").write_text("a file")
    done = run(chat())

    assert USAGE == done.code
    assert "golden/faq.quant.yaml: cannot be written" in done.err


def test_help(capsys):
    """All options, and where more is told."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["import", "--help"])
    text = capsys.readouterr().out

    assert OK == stop.value.code
    for option in ("--from", "--cohort-by", "--into", "--sample", "--expect", "--references"):
        assert option in text
    assert "docs/importing.md" in text


def test_the_page_names_every_format_and_assertion():
    """docs/importing.md is what the program does: no format and no assertion is missing."""
    page = (Path(__file__).parents[2] / "docs/importing.md").read_text("utf-8")
    text = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    words = set(re.findall(r"`([^`]+)`", text))

    assert set(IMPORTERS) <= words
    assert set(_promptfoo_asserts._MAKERS) <= words


def test_json_that_cannot_be_written_is_a_mistake(run, chat):
    """Said in a sentence; the golden file that was made is not taken back."""
    done = run(chat(3), "--json=golden/faq.quant.yaml/x.json")

    assert USAGE == done.code
    assert "x.json: this report cannot be written" in done.err
