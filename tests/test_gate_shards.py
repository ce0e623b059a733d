"""Runs of one shard, as machines of a CI matrix start them."""

from __future__ import annotations

import json

import pytest
import yaml

from gate_project import GateProject, speaks
from pytest_quantguard import cli
from pytest_quantguard.sharding.shards import shard_of_cases
from scripted_server import ScriptedServer

OK, FAILED, USAGE = 0, 1, 4
OFTEN_OTHERWISE = {"started", "seconds", "summary", "shards", "latency_s", "ttft_s", "asked_at"}
OFTEN_OTHERWISE |= {"asked_in", "planned", "cached", "run", "runId", "timestamp"}
"""Times, ids, and what each process of a run counts for itself."""


def graded(model, prompt):
    """Answer well as the baseline; as a candidate forget every third or every 20th."""
    often = {"cand": 3, "other": 20}.get(model, 1000)
    return "I forgot" if int(prompt.rsplit(maxsplit=1)[-1]) % often == 1 else f"answer {prompt}"


@pytest.fixture
def project(tmp_path):
    """Two candidates, two cohorts, tags, weights, a critical case; budgets choose themselves."""
    with ScriptedServer(default=speaks(graded)) as server:
        project = GateProject(tmp_path, server)
        both = {"provider": "openai", "base_url": server.url, "timeout_s": 10}
        names = ("base", "cand", "other")
        variants = {name: {**both, "model": name} for name in names}
        project.config(server.url, variants=variants, budgets="auto")
        for cohort, n in (("faq", 61), ("tools", 40)):
            cases = [
                {
                    "id": f"{cohort}-{i}",
                    "prompt": f"{cohort} {i}",
                    "weight": 1 + i % 2,
                    "tags": ["long"] if i % 4 else [],
                    "critical": (cohort, i) == ("tools", 22),
                    "expect": [{"exact": f"answer {cohort} {i}"}, {"not_contains": "forgot"}],
                }
                for i in range(n)
            ]
            text = yaml.safe_dump({"cohort": cohort, "cases": cases})
            project.write(f"golden/{cohort}.quant.yaml", text)
        yield project


TIMES = ("latency", "ttft", "time_per_token", "throughput", "tokens_per_second")


def plain(value):
    """Return a report without what differs from run to run."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in OFTEN_OTHERWISE}
    return [plain(one) for one in value if not timed(one)] if isinstance(value, list) else value


def timed(value):
    """Tell whether it is what a metric of time found; a merge has no throughput."""
    group = value.get("group") if isinstance(value, dict) else None
    return str((group or {}).get("metric")).startswith(TIMES)


def test_two_shards_and_a_merge_give_the_report_of_one_run(project, monkeypatch, capsys):
    """One of them with workers; the critical case fails its shard, the other one is green.

    A verdict of before, which stands where a shard writes, does not outlive it.
    """
    folder = project.folder
    older = [folder / "parts" / name for name in ("report.json", "index.html", "comment.md")]
    older[0].parent.mkdir()
    for path in older:
        path.write_text("of a run before")
    asks = ("--quant-candidate=other", "--quant-baseline=base")
    shards = [
        project.run(*asks, "--quant-shard=1/2", "--quant-report=parts"),
        project.run(*asks, "--quant-shard=2/2", "-n2", "--quant-report=parts"),
    ]
    assert not any(path.exists() for path in older)
    asked = project.server.requests
    (folder / ".quantguard").rename(folder / "aside")  # another machine has another cache
    one = project.run(*asks)
    wanted = one.report
    assert wanted["provenance"]["baseline_given"]

    monkeypatch.chdir(folder)
    code = cli.main(["merge", *(f"parts/shard-{k}-of-2.json" for k in (1, 2))])

    said = capsys.readouterr().out
    assert 1 == one.code == code, said
    assert [FAILED, OK] == [run.code for run in shards]
    assert shards[0].has("quantguard: shard 1 of 2: 51 of 101 cases; no verdict")
    assert shards[0].has("101 cases, 2 cohorts", "100 deselected / 102 selected")
    assert shards[1].has("quantguard: shard 2 of 2: 50 of 101 cases; no verdict")
    assert "quantguard::" not in shards[0].output + shards[1].output
    assert 2 * asked == project.server.requests
    assert plain(wanted) == plain(one.report)


def test_a_shard_is_refused_or_red_where_a_run_would_be(project):
    """Budgets are those of the whole run; a test that fails in a shard is told to the merge."""
    project.config(project.server.url)
    project.golden(6, cohort="faq")
    (project.folder / "golden/tools.quant.yaml").unlink()

    refused = project.run("--quant-shard=1/2")
    project.write("test_own.py", "def test_own():\n    assert 0\n")
    red = project.run("--quant-shard=7/9", "--quant-underpowered=allow", "--quant-junit=x.xml")

    assert USAGE == refused.code
    assert refused.has("6 cases cannot decide a budget of 10 pt", "UNDECIDABLE")
    assert FAILED == red.code
    assert red.has("--quant-junit is left to 'quantguard merge'", "of 6 cases; no verdict")
    shard = json.loads((project.folder / "quant-report/shard-7-of-9.json").read_text())
    assert ([], 1) == (shard["unsound"], shard["failed_tests"])


def test_a_shard_without_a_case_is_sound(project):
    """There may be more machines than cases; pytest's exit code 5 would stop the matrix.

    It may be the first of them, whose facts the merge takes: what was asked for is among them.
    """
    project.config(project.server.url)
    project.golden(3, cohort="faq")
    (project.folder / "golden/tools.quant.yaml").unlink()
    allowed = "--quant-underpowered=allow"

    drawn = shard_of_cases({f"faq-{i}": "faq" for i in range(3)}, 4).values()
    (empty,) = {1, 2, 3, 4} - set(drawn)

    nobody = project.run(f"--quant-shard={empty}/4", allowed, "--quant-baseline=base")
    told = json.loads((project.folder / f"quant-report/shard-{empty}-of-4.json").read_text())
    nothing = project.run(f"--quant-shard={empty}/4", allowed, "-k", "nothing")

    assert OK == nobody.code
    assert nobody.has(f"shard {empty} of 4: 0 of 3 cases; no verdict")
    assert told["asked"]["baseline_given"] is True
    assert FAILED == nothing.code
    assert nothing.has("no golden case was selected: nothing was compared")
