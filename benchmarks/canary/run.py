"""Mirrored pairs by the million: how fast, in how much memory, and how often the verdict is wrong.

    python benchmarks/canary/run.py                # everything; writes results.md
    # a quick look, written nowhere:
    python benchmarks/canary/run.py --pairs 20000 --streams 20 --whole 5000

Figures of time are those of the machine at hand: CPU seconds, so that a busy one tells much the
same. Rates come from fixed seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from traffic import WORLDS, World, steps_of

from pytest_quantguard._registry import Registry
from pytest_quantguard.canary import settings
from pytest_quantguard.canary.checking import Checker
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.canary.reading import Reader
from pytest_quantguard.verdicts import Budget, Verdict

HERE = Path(__file__).parent
PAIRS = 200_000
STREAMS = 200
WHOLE = 1_000_000
LONGEST = 16_000
CONFIG = """
baseline: bf16
variants:
  bf16: {provider: openai, model: help-desk-bf16}
  awq-int4: {provider: openai, model: help-desk-awq}
budgets: [{max_drop: 5 pt}]
"""
COHORTS = """
history: false
canary:
  cohorts: [{cohort: tools, route: tools}, {cohort: chat, route: chat}, {cohort: rest}]
  budgets:
    - {max_drop: 30 pt}
    - {cohort: "*", max_drop: 30 pt}
    - {metric: latency_p50, max_ratio: 1.1}
    - {metric: latency_p99, max_ratio: 1.5}
    - {metric: errors, max_rise: 1 pt}
    - {metric: length, max_ratio: 1.2}
"""
BUDGETS = (
    Budget(cohort="*", max_drop=0.05),
    Budget(max_drop=0.02),
    Budget(metric="latency_p50", max_ratio=1.10),
    Budget(metric="latency_p99", max_ratio=1.50),
    Budget(metric="errors", max_drop=0.01),
    Budget(metric="length", max_ratio=1.10),
)


def main() -> None:
    """Measure, print, and write results.md where everything was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--whole", type=int, default=WHOLE)
    options = parser.parse_args()
    lines = [
        "# Mirrored pairs by the million",
        "",
        "Written by `python benchmarks/canary/run.py`; the module says what is measured.",
        "",
        "## Speed and memory",
        "",
        *speeds(options.pairs),
        "",
        "## One run of pytest",
        "",
        *whole(options.whole),
        "",
        "## How often the verdict is wrong, and how soon it comes",
        "",
        *rates(options.streams),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if (options.pairs, options.streams, options.whole) == (PAIRS, STREAMS, WHOLE):
        (HERE / "results.md").write_text(text, encoding="utf-8")


# --- speed ----------------------------------------------------------------------------------


def speeds(pairs: int) -> Iterator[str]:
    """Yield the table of speeds: JSON alone, our reader, checks on top, the judge on top."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mirror.jsonl")
        _write(path, pairs)
        (path.parent / "quantguard.yaml").write_text(CONFIG, encoding="utf-8")
        config = settings.load(path.parent / "quantguard.yaml", path.parent, Registry())
        size = path.stat().st_size / 1e6
        yield f"{pairs:,} pairs in one file of {size:,.0f} MB: four cohorts, answers of 200"
        yield "characters, three checks where a request asks for JSON, and times."
        yield ""
        yield "| stage | pairs | CPU s | pairs per CPU second | peak memory of the process, MB |"
        yield "|---|---|---|---|---|"
        few = max(1, pairs // 10)
        for name, count, run in (
            ("json.loads of each line", few, lambda: _json(path, few)),
            ("read", few, lambda: _read(path, config, few)),
            ("read and check", few, lambda: _read(path, config, few, check=True)),
            ("the same, and judge 9 budgets", few, lambda: _whole(path, config, few)),
            ("the same", pairs, lambda: _whole(path, config, pairs)),
            ("judge alone, steps made before", few, lambda: _judge(few)),
            ("the same", 5 * pairs, lambda: _judge(5 * pairs)),
        ):
            before = time.process_time()
            run()
            spent = time.process_time() - before
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            yield f"| {name} | {count:,} | {spent:.1f} | {count / spent:,.0f} | {peak:.0f} |"


def whole(pairs: int) -> Iterator[str]:
    """Yield what one whole run takes, reports and all, as a user starts it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mirror.jsonl")
        _write(path, pairs)
        Path(folder, "quantguard.yaml").write_text(CONFIG + COHORTS, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "--quant-pairs=mirror.jsonl"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        written = sum(p.stat().st_size for p in Path(folder, "quant-report").rglob("*"))
        yield "`pytest --quant-pairs=mirror.jsonl`: three cohorts, eight budgets, all reports."
        yield ""
        yield "| pairs | log, MB | CPU s | pairs per CPU s | peak memory, MB | reports, MB | exit |"
        yield "|---|---|---|---|---|---|---|"
        yield (
            f"| {pairs:,} | {path.stat().st_size / 1e6:,.0f} | {spent:.1f} | {pairs / spent:,.0f} "
            f"| {after.ru_maxrss / 1024:.0f} | {written / 1e6:.1f} | {ended.returncode} |"
        )


def _write(path: Path, pairs: int) -> None:
    draw = random.Random(4)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(pairs):
            stream.write(json.dumps(_pair(number, draw)) + "\n")


def _pair(number: int, draw: random.Random) -> dict[str, object]:
    words = ("the", "order", "was", "refunded", "within", "two", "days", "by", "mail", "about")
    text = json.dumps({"answer": " ".join(draw.choices(words, k=34))})
    other = text if draw.random() < 0.7 else text[: draw.randint(150, 190)]

    def arm(said: str, model: str) -> dict[str, object]:
        tokens = {"prompt_tokens": 50, "completion_tokens": len(said) // 4}
        seconds = draw.lognormvariate(0, 0.4)
        return {
            "text": said,
            "model": model,
            "finish_reason": "stop",
            "usage": tokens,
            "latency_s": seconds,
        }

    return {
        "id": f"r{number}",
        "route": draw.choice(("chat", "tools", "search", "mail")),
        "request": {
            "messages": [{"role": "user", "content": f"Question {number}: where is my order?"}],
            "response_format": {"type": "json_object"},
        },
        "baseline": arm(text, "help-desk-bf16"),
        "candidate": arm(other, "help-desk-awq"),
    }


def _json(path: Path, pairs: int) -> None:
    with path.open("rb") as stream:
        for line in islice(stream, pairs):
            json.loads(line)


def _whole(path: Path, config: settings.CanaryConfig, pairs: int) -> None:
    _read(path, config, pairs, check=True, judge=True)


def _read(
    path: Path,
    config: settings.CanaryConfig,
    pairs: int,
    *,
    check: bool = False,
    judge: bool = False,
) -> None:
    reader = Reader([(path, path.name)], config)
    checker = Checker(config, Registry().checks.get("refusal")(must=True), prices={})
    judged = CanaryJudge(BUDGETS)
    for pair in islice(reader.pairs(), pairs):
        step = checker.step(pair) if check else None
        if judge and step is not None:
            judged.take(step)
    if judge:
        judged.report()


def _judge(pairs: int) -> None:
    judge = CanaryJudge(BUDGETS)
    for step in steps_of(WORLDS["equal"], 1, pairs, measured=True):
        judge.take(step)
    judge.report()


# --- rates ----------------------------------------------------------------------------------


def rates(streams: int) -> Iterator[str]:
    """Yield the table of wrong and right verdicts over many streams."""
    yield f"{streams:,} streams of at most {LONGEST:,} pairs each, 4 cohorts x 2 checks, a budget"
    yield "of 2 points over all and of 5 points in each cohort; read with `--quant-sequential`,"
    yield "looked at every 250 pairs. The ends of 95 % intervals (Wilson) stand in brackets."
    yield ""
    yield "| traffic | FAIL | PASS | open | pairs read, median | pairs read, 90 % |"
    yield "|---|---|---|---|---|---|"
    for name, world in WORLDS.items():
        found = [_stream(world, seed) for seed in range(streams)]
        read = sorted(pairs for _, pairs in found)
        cells = [
            _share(sum(verdict is wanted for verdict, _ in found), streams)
            for wanted in (Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE)
        ]
        yield (
            f"| {name}: {world.told} | {' | '.join(cells)} | {read[len(read) // 2]:,} "
            f"| {read[int(0.9 * len(read))]:,} |"
        )
        print(name, "done", file=sys.stderr)


def _stream(world: World, seed: int) -> tuple[Verdict, int]:
    budgets = [Budget(max_drop=0.02), Budget(cohort="*", max_drop=0.05)]
    if world.only_suite:
        budgets = budgets[:1]
    if world.endless:
        budgets = [replace(budget, max_drop=0.0001) for budget in budgets]
    judge = CanaryJudge(budgets, sequential=True)
    for step in steps_of(world, seed, LONGEST):
        judge.take(step)
        if judge.decided():
            break
    return judge.report().verdict, judge.pairs


def _share(count: int, n: int) -> str:
    z = 1.959964
    middle, width = (
        (count + z * z / 2) / (n + z * z),
        math.sqrt(count * (n - count) / n + z * z / 4),
    )
    ends = (middle - z * width / (n + z * z), middle + z * width / (n + z * z))
    return f"{100 * count / n:.1f} % [{100 * max(0.0, ends[0]):.1f}, {100 * ends[1]:.1f}]"


if __name__ == "__main__":
    main()
