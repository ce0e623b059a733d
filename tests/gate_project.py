"""A small project with a gate, and two scripted models behind it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from fork_server import ForkServer
from scripted_server import Exchange, Reply, ScriptedServer, told

FORKS = hasattr(os, "fork")
_SERVER = ForkServer()
GUARD_S = 300
"""No run takes that long: it hangs."""

Model = Callable[[str, str], str]
"""(model name, prompt) -> answer."""


def speaks(model: Model) -> Reply:
    """Answer with what a function makes of the model's name and the last message."""

    def reply(exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        answer = "".join(told(model(body["model"], body["messages"][-1]["content"])))
        exchange.stream(answer.replace('"scripted"', json.dumps(body["model"])))

    return reply


def truthful(model: str, prompt: str) -> str:
    """Both models say what the golden cases expect."""
    return f"answer {prompt}"


def quantized(model: str, prompt: str) -> str:
    """The candidate is wrong on every third case."""
    number = int(prompt.rsplit(maxsplit=1)[-1])
    return "I forgot" if model == "cand" and number % 3 == 0 else f"answer {prompt}"


class GateProject:
    """Files in a folder, and what came of running pytest on them."""

    def __init__(self, folder: Path, server: ScriptedServer) -> None:
        self.folder = folder
        self.server = server
        self.config(server.url)
        self.golden(60)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def config(self, url: str, **changes: Any) -> None:
        """Write quantguard.yaml; ``changes`` replace top-level keys."""
        both = {"provider": "openai", "base_url": url, "timeout_s": 10, "max_attempts": 2}
        data = {
            "baseline": "base",
            "variants": {"base": {**both, "model": "base"}, "cand": {**both, "model": "cand"}},
            "budgets": [{"max_drop": "10 pt"}],
            **changes,
        }
        self.write("quantguard.yaml", yaml.safe_dump(data, sort_keys=False))

    def golden(self, n: int, cohort: str = "faq", **fields: Any) -> None:
        """Write one golden file of n cases."""
        cases = [
            {
                "id": f"{cohort}-{i}",
                "prompt": f"{cohort} {i}",
                "expect": [{"exact": f"answer {cohort} {i}"}],
                **fields,
            }
            for i in range(n)
        ]
        text = yaml.safe_dump({"cohort": cohort, "cases": cases})
        self.write(f"golden/{cohort}.quant.yaml", text)

    def command(self, *options: str, candidate: str | None = "cand") -> list[str]:
        """Return the command line of a run."""
        chosen = [f"--quant-candidate={candidate}"] if candidate else []
        return [sys.executable, "-m", "pytest", "-p", "no:anyio", *chosen, *options]

    def run(self, *options: str, candidate: str | None = "cand", **env: str) -> Run:
        """Run pytest in a process of its own."""
        command = self.command(*options, candidate=candidate)
        everything = {**os.environ, "COLUMNS": "120", **env}
        if FORKS and not any(name.startswith("PYTHON") for name in env):  # read at start alone
            code, output = _SERVER.run(command[3:], self.folder, everything, GUARD_S)
            return Run(code, output, self.folder)
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
            check=False,
            env=everything,
        )
        return Run(done.returncode, done.stdout + done.stderr, self.folder)

    def popen(self, *options: str) -> subprocess.Popen[str]:
        """Start pytest and return at once."""
        return subprocess.Popen(
            self.command(*options),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def stop(process: subprocess.Popen[str], how: signal.Signals = signal.SIGINT) -> str:
    """End a run by a signal; return its output.

    Python loses a Ctrl-C that comes while it clears an object away: then it is pressed once more.
    """
    process.send_signal(how)
    try:
        return process.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(how)
        return process.communicate(timeout=90)[0]


def quantguard(folder: Path, *arguments: str, **env: str) -> Run:
    """Run the command in a process of its own, 80 columns wide unless said else."""
    everything = {**os.environ, "COLUMNS": "80", **env}
    if FORKS and not any(name.startswith("PYTHON") for name in env):  # read at start alone
        return Run(*_SERVER.run(["quantguard", *arguments], folder, everything, GUARD_S), folder)
    done = subprocess.run(
        [sys.executable, "-m", "pytest_quantguard", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
        env=everything,
    )
    return Run(done.returncode, done.stdout + done.stderr, folder)


class Run:
    """One finished run."""

    def __init__(self, code: int, output: str, folder: Path) -> None:
        self.code = code
        self.output = output
        self._folder = folder

    @property
    def report(self) -> Any:
        """The gate's part of the JSON report."""
        path = self._folder / "quant-report" / "report.json"
        return json.loads(path.read_text(encoding="utf-8"))["results"]["extra"]["quantguard"]

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdict of each candidate."""
        return {c["variant"]["name"]: c["verdict"] for c in self.report["candidates"]}

    def has(self, *sentences: str) -> bool:
        """True when the output holds each sentence, however lines were broken."""
        flat = " ".join(self.output.split())
        missing = [s for s in sentences if " ".join(s.split()) not in flat]
        assert not missing, f"{missing} not in:\n{self.output}"
        return True
