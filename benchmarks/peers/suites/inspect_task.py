"""inspect_ai: one task, two models, with its cache of generations."""

from __future__ import annotations

import os
import sys

import asking
import inspect_ai
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

HALF = max(1, asking.CONCURRENCY // 2)
samples = [Sample(id=c["id"], input=c["prompt"], target=c["expected"]) for c in asking.cases()]


def task() -> inspect_ai.Task:
    """Return the task, made anew for each model."""
    return inspect_ai.Task(
        dataset=MemoryDataset(samples), solver=generate(cache=True), scorer=includes()
    )


logs = inspect_ai.eval(
    task(),
    model=["openai-api/bench/base", "openai-api/bench/cand"],
    max_connections=HALF,
    max_samples=HALF,
    max_tasks=2,
    temperature=0,
    max_tokens=64,
    display=os.environ.get("BENCH_DISPLAY", "none"),
    log_dir="logs",
)
right = [sum(s.scores["includes"].value == "C" for s in log.samples or ()) for log in logs]
sys.stdout.write(f"{right}\n")
sys.exit(0 if len(right) == 2 and max(right) == len(samples) else 1)
