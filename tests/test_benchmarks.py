"""The benchmarks run: their server, and the gate's part of the comparison. No time is asserted."""

from __future__ import annotations

import http.client
import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCH = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="the benchmarks are not in this copy")


def ask(line, model, prompt, *, stream):
    """Ask for one completion; return the body."""
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}
    line.request("POST", "/v1/chat/completions", json.dumps(body))
    answer = line.getresponse()
    assert 200 == answer.status
    return answer.read().decode()


def test_the_server_answers_both_ways_on_one_connection_and_counts():
    """Two models, streamed and not, keep-alive; the counts are told meanwhile and at the end."""
    command = [sys.executable, str(BENCH / "peers/server.py"), "--latency", "0.001"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        url = server.stdout.readline().strip()
        line = http.client.HTTPConnection(url.split("/")[2], timeout=10)
        whole = json.loads(ask(line, "base", "The order is A150.", stream=False))
        ask(line, "base", "The order is A150.", stream=False)
        events = ask(line, "cand", "The order is A150.", stream=True).split("\n\n")
        line.request("GET", "/counts")
        meanwhile = json.loads(line.getresponse().read())
        line.close()
        at_the_end, _ = server.communicate(timeout=10)

    assert "The order is A150." == whole["choices"][0]["message"]["content"]
    pieces = [json.loads(event[6:]) for event in events if "choices" in event]
    deltas = [piece["choices"][0]["delta"] for piece in pieces if piece["choices"]]
    assert "I do not know." == "".join(delta.get("content", "") for delta in deltas)
    assert "usage" in pieces[-1]
    assert "data: [DONE]" == events[-2]
    expected = {"requests": 3, "models": {"base": 2, "cand": 1}, "distinct": 2, "peak": 1}
    assert expected == meanwhile == json.loads(at_the_end)


def test_the_gate_takes_part_and_asks_nothing_twice(tmp_path):
    """One command writes the table: each request once, and none from a warm cache."""
    out = tmp_path / "results.md"
    options = [
        "--only=gate",
        "--here",
        "--cases=20",
        "--warm-up=0",
        "--latency=0.001",
        f"--out={out}",
    ]
    done = subprocess.run(
        [sys.executable, str(BENCH / "peers/run.py"), *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout + done.stderr
    cold, warm, _ = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in out.read_text().splitlines()
        if line.startswith("| gate |")
    )
    assert ["40", "0"] == cold[-2:]
    assert "0" == warm[-1]


def test_the_reports_of_many_cases_are_measured(tmp_path, monkeypatch, capsys):
    """Every reporter that a run has stands in the table, and the pages with their sizes."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    bench = runpy.run_path(str(BENCH / "reports/run.py"))

    def run(command, folder):
        """As the benchmark, but in this process."""
        given = dict(zip(command[2::2], command[3::2], strict=False))
        bench["write_one"](given["--one"], given["--file"], size)
        return SimpleNamespace(code=0, rss_mb=1.0, text=capsys.readouterr().out)

    size = bench["many_cases"].Size(cases=16, doubtful=0.5, characters=100)
    names = bench["measure"].__globals__
    monkeypatch.setattr(names["measured"], "run", run)
    names["loads"] = lambda folder, pages, rounds: {}
    table = "\n".join(bench["measure"](tmp_path, "half in doubt", size, 1))

    for name in (*names["FILES"], "junit"):
        assert f"\n| {name} | 0." in table
    assert "\n| index.html | " in table
    assert "8 case pages" in table
