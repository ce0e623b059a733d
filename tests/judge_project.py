"""A project whose answers are judged by a scripted model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate_project import GateProject
from scripted_server import Exchange, Reply, ScriptedServer, says

RUBRIC = "Gives the number that was asked for."


def shown(prompt: str, name: str) -> str:
    """Return a part of the material that a judge is shown."""
    mark = prompt.partition("between lines that hold ")[2].partition(".")[0]
    after = prompt.partition(f"=== BEGIN {name} {mark} ===\n")[2]
    return after.partition(f"\n=== END {name} {mark}")[0]


def verdict(value: object, reason: str = "because") -> str:
    """Return a verdict as a judge gives it."""
    return json.dumps({"reason": reason, "verdict": value})


def by_word(prompt: str) -> str:
    """Judge by a word: whoever forgot has failed."""
    if "=== BEGIN ANSWER A" in prompt:
        lost = ["forgot" in shown(prompt, f"ANSWER {name}") for name in "AB"]
        return verdict("tie" if lost[0] == lost[1] else "B" if lost[0] else "A")
    return verdict("fail" if "forgot" in shown(prompt, "ANSWER") else "pass", "it forgot")


def rules(judge: Callable[[str], str]) -> Reply:
    """Answer with what a function makes of the question, second tries included."""

    def reply(exchange: Exchange) -> None:
        says(judge(json.loads(exchange.body)["messages"][1]["content"]))(exchange)

    return reply


class JudgeProject(GateProject):
    """Sixty cases, each judged by the rubric; ``judge`` is the judge's server."""

    def __init__(self, folder: Path, server: ScriptedServer, judge: ScriptedServer) -> None:
        self.judge = judge
        super().__init__(folder, server)
        self.judged()

    def config(self, url: str, **changes: Any) -> None:
        """Write quantguard.yaml with one judge, called strict."""
        super().config(url, **{"judges": {"strict": self.strict()}, **changes})

    def strict(self, **changes: Any) -> dict[str, Any]:
        """Return the entry of the judge."""
        entry = {"provider": "openai", "base_url": self.judge.url, "model": "judge"}
        return {**entry, "timeout_s": 10, "max_attempts": 2, **changes}

    def judged(self, n: int = 60, *, case: dict[str, Any] | None = None, **parameters: Any) -> None:
        """Write a golden file of n cases that are judged."""
        check = {"judge": {"rubric": RUBRIC, **parameters}}
        self.golden(n, **{"expect": [check], **(case or {})})
