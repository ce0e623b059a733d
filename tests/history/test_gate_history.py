"""Runs of the gate that remember what they found."""

from __future__ import annotations

import json

from pytest_quantguard import cli
from shard_files import World

OK, FAILED = 0, 1
LOADED = """
import sys
def pytest_unconfigure():
    print("HISTORY", "pytest_quantguard.history" in sys.modules)
"""


def remembered(folder, capsys):
    """The history of the one candidate."""
    cli.main(["history", "--json", "--file", str(folder / ".quantguard" / "history.sqlite")])
    (found,) = json.loads(capsys.readouterr().out)["candidates"]
    return found


def notes(run):
    """What a report says of its candidate."""
    return " ".join(run.report["candidates"][0]["notes"])


def test_a_budget_that_was_loosened_is_in_the_history_and_in_the_report(project, capsys):
    """A green run says that it is green by another budget; a part of the cases says nothing."""
    strict = [{"cohort": "faq", "max_drop": "8 pt"}, {"max_drop": "8 pt"}]
    project.config(project.server.url, budgets=strict)
    first = project.run()
    told = notes(first)
    began_with = first.report["provenance"]["run"]
    project.config(project.server.url, budgets=[{"max_drop": "30 pt"}])
    told += notes(project.run("-k", "faq-1 or faq-2 or faq-3 or faq-4"))
    loose = project.run()

    assert (OK, OK) == (first.code, loose.code)
    assert "Changed since" not in told
    told = notes(loose)
    assert "budget loosened from 8 pt to 30 pt: all / all; no reason given (entry " in told
    assert "budget removed (was 8 pt): faq / all; no reason given (entry " in told
    assert loose.has("Changed since an earlier run: budget loosened from 8 pt to 30 pt")
    found = remembered(project.folder, capsys)
    assert [True, False, True] == [run["whole"] for run in found["runs"]]
    assert began_with == found["runs"][0]["run"]
    assert {"loosened", "removed"} == {change["kind"] for change in found["changes"]}


def test_no_history_costs_a_verdict(project):
    """A file that is none is said and left; without a history nothing of it is loaded."""
    project.write("conftest.py", LOADED)
    broken = project.write(".quantguard/history.sqlite", "my diary")
    run = project.run("-s")

    assert OK == run.code
    assert run.has("Note: this run is not in the history", "HISTORY True")
    assert {"cand": "pass"} == run.verdicts
    assert "my diary" == broken.read_text()

    broken.unlink()
    project.config(project.server.url, history=False)
    run = project.run("-s", PYTHONHASHSEED="0")  # in a process in which nothing is loaded yet

    assert OK == run.code
    assert run.has("HISTORY False")
    assert not broken.exists()


def test_merged_shards_are_one_run_of_the_history(tmp_path, monkeypatch, capsys):
    """Merged twice it is there once; where there is no project there is no history."""
    monkeypatch.chdir(tmp_path)
    files = [str(path) for path in World().shards(tmp_path, 2)]
    cli.main(["merge", *files])

    assert not (tmp_path / ".quantguard").exists()

    (tmp_path / "quantguard.yaml").write_text(
        "variants: {a: {provider: openai, model: m}}\nbudgets: auto\n"
    )
    codes = {cli.main(["merge", *files]), cli.main(["merge", *files, "--quant-inconclusive=warn"])}
    capsys.readouterr()
    cli.main(["history", "--json"])
    candidates = json.loads(capsys.readouterr().out)["candidates"]

    assert codes <= {0, 1, 10}
    assert candidates
    assert all(1 == len(one["runs"]) for one in candidates)
    assert all(run["budgets"] for one in candidates for run in one["runs"])
