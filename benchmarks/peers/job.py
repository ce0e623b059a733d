"""The job that every contender does: N cases, two models, is the order number in the answer?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_PROMPT = (
    "You answer for a shop's help desk. A customer wrote: \"I ordered a kettle three weeks ago, it "
    'arrived broken, and nobody has called me back although I was promised so twice." Find out '
    "which order it is about, and answer in one short sentence that names it. The order is {word}."
)
LOSS = 0.05
"""What the candidate may lose; it loses one case of a hundred."""


def cases(count: int) -> list[dict[str, str]]:
    """Return the cases: what is asked, and what has to be in the answer."""
    words = [f"A{88_000 + number}" for number in range(count)]
    return [
        {"id": f"order-{word}", "prompt": _PROMPT.format(word=word), "expected": word}
        for word in words
    ]


def write(folder: Path, count: int) -> None:
    """Write the cases as JSON, for the hand-written suites."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(json.dumps(cases(count)), encoding="utf-8")


def gate_project(folder: Path, count: int, url: str, concurrency: int) -> None:
    """Write what a user of the gate writes: a configuration and a golden file."""
    lines: list[dict[str, Any]] = [{"defaults": {"cohort": "orders"}}]
    lines += [
        {"id": c["id"], "prompt": c["prompt"], "expect": [{"contains": c["expected"]}]}
        for c in cases(count)
    ]
    golden = folder / "golden" / "orders.quant.jsonl"
    golden.parent.mkdir(parents=True, exist_ok=True)
    golden.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    half = max(1, concurrency // 2)
    both = {"provider": "openai", "base_url": url, "concurrency": half}
    config = {
        "baseline": "base",
        "request": {"temperature": 0, "max_tokens": 64},
        "variants": {name: {**both, "model": name} for name in ("base", "cand")},
        "budgets": [{"max_drop": f"{100 * LOSS:g} pt"}],
        "policies": {"underpowered": "allow", "inconclusive": "warn"},
    }
    (folder / "quantguard.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML


def promptfoo_config(folder: Path, count: int, url: str) -> None:
    """Write promptfoo's configuration."""
    models = [
        {
            "id": f"openai:chat:{name}",
            "config": {"apiBaseUrl": url, "apiKey": "none", "temperature": 0, "max_tokens": 64},
        }
        for name in ("base", "cand")
    ]
    tests = [
        {"vars": {"prompt": c["prompt"]}, "assert": [{"type": "contains", "value": c["expected"]}]}
        for c in cases(count)
    ]
    config = {"prompts": ["{{prompt}}"], "providers": models, "tests": tests}
    (folder / "promptfooconfig.json").write_text(json.dumps(config), encoding="utf-8")
