"""The whole gate on servers and disks that misbehave: never green by accident, nothing left out."""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from faults import FAULTS
from gate_project import GateProject, Run, quantized, speaks, truthful
from scripted_server import Exchange, Reply, ScriptedServer, answers, says

PASSING = [name for name, fault in FAULTS.items() if fault.asked_again and "bomb" not in name]
WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])


class Trouble:
    """Puts faults before the good answers, and counts how often each was given completely."""

    def __init__(self, good: Reply, fault_of: Callable[[str, str, int], str | None]) -> None:
        self._good, self._fault_of = good, fault_of
        self._lock = threading.Lock()
        self.asked: Counter[tuple[str, str]] = Counter()
        self.complete: Counter[tuple[str, str]] = Counter()
        self.faults = 0

    def __call__(self, exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        key = (body["model"], body["messages"][-1]["content"])
        with self._lock:
            self.asked[key] += 1
            fault = self._fault_of(*key, self.asked[key])
            self.faults += fault is not None
            self.complete[key] += fault is None
        (self._good if fault is None else FAULTS[fault].reply)(exchange)


def configure(project: GateProject, url: str, **fields: Any) -> None:
    both = {"provider": "openai", "base_url": url, "timeout_s": 5, "max_attempts": 3, **fields}
    project.config(url, variants={name: {**both, "model": name} for name in ("base", "cand")})


def numbers(run: Run) -> list[Any]:
    """Return all that was concluded, and of which cases."""
    names = ("verdict", "reason", "delta", "cases", "regressed", "log_evidence")
    return [
        (c["verdict"], c["notes"], [[b[name] for name in names] for b in c["budgets"]])
        for c in run.report["candidates"]
    ]


def never_crashed(run: Run) -> None:
    assert not [word for word in ("INTERNALERROR", "Traceback") if word in run.output], run.output


@WORKERS
def test_the_verdict_does_not_depend_on_the_weather(tmp_path: Path, workers: Any) -> None:
    """Faults in 15 % of 400 first requests: the same numbers, each answer asked for once."""
    draw = random.Random(4711)
    prompts = [(model, f"faq {i}") for model in ("base", "cand") for i in range(200)]
    drawn = {key: draw.choice(PASSING) for key in prompts if draw.random() < 0.15}
    trouble = Trouble(
        speaks(quantized), lambda m, p, times: drawn.get((m, p)) if times == 1 else None
    )
    with ScriptedServer(default=trouble) as server:
        project = GateProject(tmp_path / "stormy", server)
        project.golden(200)
        configure(project, server.url)
        stormy = project.run(*workers)
    with ScriptedServer(default=speaks(quantized)) as server:
        project = GateProject(tmp_path / "calm", server)
        project.golden(200)
        calm = project.run()

    never_crashed(stormy)
    assert (stormy.code, calm.code) == (1, 1), stormy.output
    assert numbers(stormy) == numbers(calm)
    assert trouble.faults == len(drawn) > 40
    assert trouble.complete == dict.fromkeys(prompts, 1)


@WORKERS
def test_what_never_answers_is_counted_and_nothing_is_green(tmp_path: Path, workers: Any) -> None:
    """Every fault there is, for good, on a case each: an ERROR in which no case is missing."""
    # The first answers are good ones: a server that never gave any is not asked for long.
    cases = {f"faq {3 * number}": name for number, name in enumerate(FAULTS, start=6)}
    planned = 3 * len(cases) + 40
    trouble = Trouble(
        speaks(truthful), lambda model, prompt, _: cases.get(prompt) if model == "cand" else None
    )
    with ScriptedServer(default=trouble) as server:
        project = GateProject(tmp_path, server)
        project.golden(planned)
        configure(project, server.url, timeout_s=3, max_attempts=1)
        run = project.run(*workers)

    never_crashed(run)
    assert run.code == 1, run.output
    assert run.verdicts == {"cand": "error"}
    (candidate,) = run.report["candidates"]
    assert run.report["provenance"]["checks"] == planned
    assert run.has(f"{len(cases)} of {planned} checks had no answer to judge")
    answered = {m["case"]: m["candidate"].get("answered", True) for m in candidate["measurements"]}
    assert len(answered) == planned
    assert {name.replace("-", " ") for name, yes in answered.items() if not yes} == set(cases)
    assert set(trouble.complete.values()) <= {0, 1}


@pytest.mark.parametrize(
    ("status", "workers"), [(401, ()), (404, ()), (403, ("-n", "2"))], ids=["401", "404", "403"]
)
def test_a_refusal_ends_the_arm_and_names_what_to_mend(
    tmp_path: Path, workers: Any, status: int
) -> None:
    """Nobody sends a wrong key sixty times; the variable is named, its value never."""
    refuse = answers(status, '{"error": {"message": "no"}}')

    def reply(exchange: Exchange) -> None:
        good = json.loads(exchange.body)["model"] == "base"
        (speaks(truthful) if good else refuse)(exchange)

    with ScriptedServer(default=reply) as server:
        project = GateProject(tmp_path, server)
        configure(project, server.url, api_key_env="MY_KEY", concurrency=4)
        run = project.run(*workers, "--junitxml=found.xml", MY_KEY="sk-secret-4711-4711")
        refused = sum(body["model"] == "cand" for body in server.bodies)

    never_crashed(run)
    assert run.code == 1, run.output
    assert run.verdicts == {"cand": "error"}
    assert refused <= 4
    assert run.has(f"HTTP {status}: no", "MY_KEY" if status != 404 else "check base_url")
    assert "sk-secret" not in run.output
    written = (project.folder / "found.xml").read_text()
    assert "sk-secret" not in written
    assert _whole_sentences(written, f"HTTP {status}: no") >= 1


def _whole_sentences(written: str, words: str) -> int:
    """Return how many items have the sentence; each that refers to another names one of them."""
    found: dict[str, str] = {}
    for item in ElementTree.fromstring(written).iter("testcase"):
        where = f"{item.attrib['classname'].rpartition('.')[2]}::{item.attrib['name']}"
        found[where] = "".join(item.itertext())
    named = {ref for text in found.values() for ref in re.findall(r"the same as in (\S+)", text)}
    assert named
    assert all(words in found[ref.partition("::")[2]] for ref in named)
    return sum(words in text for text in found.values())


def test_another_models_name_on_the_answers_is_remarked_on(tmp_path: Path) -> None:
    """A router that answers with what it likes: no silence, and no verdict about it either."""

    def reply(exchange: Exchange) -> None:
        speaks(truthful)(exchange) if b'"base"' in exchange.body else says("answer faq 1")(exchange)

    with ScriptedServer(default=reply) as server:
        project = GateProject(tmp_path, server)
        run = project.run()

    assert run.has(
        "cand was asked for cand, but its answers are signed by another name (scripted in 60 cases)"
    )
    assert "base was asked for" not in run.output


# --- disks ------------------------------------------------------------------------------


@WORKERS
def test_a_cache_that_cannot_be_written_costs_no_request_twice(
    tmp_path: Path, workers: Any
) -> None:
    """The processes of a run share what the cache cannot take; it is said, and the run is sound."""
    trouble = Trouble(speaks(quantized), lambda *_: None)
    with ScriptedServer(default=trouble) as server:
        project = GateProject(tmp_path, server)
        project.write("file", "in the way")
        project.config(server.url, cache="file/cache")
        run = project.run(*workers)

    never_crashed(run)
    assert run.code == 1, run.output
    assert run.verdicts == {"cand": "fail"}
    assert run.has("cannot open the cache", " answers could not be stored in the cache")
    assert run.has("I forgot"), "the answers are there to be shown"
    assert trouble.complete == Counter(dict.fromkeys(trouble.complete, 1))
    assert len(trouble.complete) == 120


def test_a_cache_removed_in_mid_run_is_complete_in_the_end(tmp_path: Path) -> None:
    """Somebody cleans up while the gate runs: the next run asks nothing."""
    project: GateProject
    numbers = itertools.count(1)

    def reply(exchange: Exchange) -> None:
        if next(numbers) == 60:  # of all threads one; gone at once, as the run goes on writing
            (project.folder / ".quantguard" / "cache").rename(tmp_path / "gone")
        speaks(truthful)(exchange)

    with ScriptedServer(default=reply) as server:
        project = GateProject(tmp_path, server)
        first = project.run()
        asked = server.requests
        second = project.run()

        assert (first.code, second.code) == (0, 0), first.output
        assert first.has("was removed while the run was going on")
        assert asked == server.requests == 120


JUMP = """
import time
real, calls = time.time, [0]

def jumping():
    calls[0] += 1
    return real() + (0, 3600, -3600, 10**9)[calls[0] // 50 % 4]

time.time = jumping
"""


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    """By an hour and by years, again and again: the same verdict, a sane duration."""
    with ScriptedServer(default=speaks(quantized)) as server:
        project = GateProject(tmp_path, server)
        project.config(
            server.url,
            budgets=[{"max_drop": "10 pt"}, {"metric": "latency_p50", "max_ratio": 1000}],
        )
        project.write("conftest.py", JUMP)
        run = project.run()

    never_crashed(run)
    assert run.code == 1, run.output
    budgets = run.report["candidates"][0]["budgets"]
    assert [b["verdict"] for b in budgets if b.get("metric")] == ["pass"], "measured in this run"
    assert 0 < run.report["provenance"]["seconds"] < 1000, "the first jump is one of an hour"
