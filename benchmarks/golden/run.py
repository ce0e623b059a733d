"""Time and memory of loading golden files: 10,000 cases in every way to write them.

    python benchmarks/golden/run.py [--cases N] [--rounds N] [--out FILE]

Writes results.md beside this file. Each figure is the median of a few rounds, each round a fresh
process; memory is the peak of that process, read from /proc (Linux). Read the ratios: the seconds
are of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pytest_quantguard.documents.rewrite import to_jsonl, to_yaml

HERE = Path(__file__).parent
HEAD = {"cohort": "bench", "request": {"temperature": 0, "seed": 7, "max_tokens": 64}}
PROMPT = (
    'Refund order {{order}} for customer number {{number}}. The customer wrote: "it\'s broken", '
    "and asks when the money arrives."
)
ANSWER = "Order {{order}} is refunded."
EXPECT = [{"exact": ANSWER}, {"length": {"max_chars": 400}}]

_LOAD = """
import json, sys, time
from pathlib import Path
from pytest_quantguard.documents import document as _document
from pytest_quantguard import _golden
from pytest_quantguard._registry import Registry
how, path = sys.argv[1], Path(sys.argv[2])
if how == "full validator":
    _document._accepts = lambda *part: lambda data: False
if how == "floor":
    from dataclasses import dataclass
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Case:
        id: str; prompt: str; expect: list; weight: float = 1.0; tags: tuple = ()
    began = time.process_time()
    with path.open() as file:
        cases = [Case(**data) for line in file if "defaults" not in (data := json.loads(line))]
else:
    began = time.process_time()
    cases = _golden.load(path, path.name, Registry(), {})
took = time.process_time() - began
# ru_maxrss would count the process that started this one
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps([len(cases), took, peak / 1024]))
"""
_COLLECT = """
import json, resource, subprocess, sys, time
command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider",
           "--quant-candidate=cand", *sys.argv[1:]]
done = subprocess.run(command, capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
counted = [int(line.rpartition(": ")[2]) for line in done.stdout.splitlines() if ": " in line]
if done.returncode not in (0, 5):
    sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
print(json.dumps([sum(counted), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
CONFIG = {
    "baseline": "base",
    "variants": {
        name: {"provider": "openai", "base_url": "http://127.0.0.1:9", "model": name}
        for name in ("base", "cand")
    },
    "budgets": [{"max_drop": "10 pt"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to write the same cases."""

    name: str
    file: str
    text: Callable[[int], str]
    how: str = "load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Medians of some rounds."""

    seconds: float
    """Processor time."""
    mb: float
    """Peak memory."""


def variables(number: int) -> dict[str, Any]:
    """Return what differs from case to case."""
    return {"order": f"{88000 + number}-A", "number": number}


def plain(count: int) -> Iterator[dict[str, Any]]:
    """Yield cases that are written out."""
    for number in range(count):
        order, who = f"{88000 + number}-A", str(number)
        prompt = PROMPT.replace("{{order}}", order).replace("{{number}}", who)
        expect = [{"exact": ANSWER.replace("{{order}}", order)}, EXPECT[1]]
        yield {"id": f"refund-{number:05d}", "prompt": prompt, "expect": expect, "tags": ["smoke"]}


def with_vars(count: int) -> Iterator[dict[str, Any]]:
    """Yield cases of one template."""
    for number in range(count):
        yield {"id": f"refund-{number:05d}", "vars": variables(number), "tags": ["smoke"]}


def rows(count: int) -> list[dict[str, Any]]:
    """Return one case whose matrix makes them all."""
    return [{"id": "refund", "matrix": [variables(i) for i in range(count)], "tags": ["smoke"]}]


TEMPLATE = {**HEAD, "prompt": PROMPT, "expect": EXPECT}
LINES = "g.quant.jsonl"
YAML = "g.quant.yaml"
WAYS = (
    Way(name="json.loads and a dataclass (floor)", file=LINES, how="floor",
        text=lambda n: to_jsonl(list(plain(n)), HEAD)),
    Way(name="JSON lines", file=LINES, text=lambda n: to_jsonl(list(plain(n)), HEAD)),
    Way(name="JSON lines, template and `vars`", file=LINES,
        text=lambda n: to_jsonl(list(with_vars(n)), TEMPLATE)),
    Way(name="YAML", file=YAML, text=lambda n: to_yaml(list(plain(n)), HEAD)),
    Way(name="YAML, template and `vars`", file=YAML,
        text=lambda n: to_yaml(list(with_vars(n)), TEMPLATE)),
    Way(name="YAML, template and `matrix`", file=YAML, text=lambda n: to_yaml(rows(n), TEMPLATE)),
    Way(name="JSON lines, full validator for each case", file=LINES, how="full validator",
        text=lambda n: to_jsonl(list(plain(n)), HEAD)),
    Way(name="YAML, full validator", file=YAML, how="full validator",
        text=lambda n: to_yaml(list(plain(n)), HEAD)),
)  # fmt: skip


def measured(
    program: str, arguments: list[str], rounds: int, folder: Path, expected: int
) -> Figure:
    """Run a program in fresh processes.

    Raises:
        SystemExit: it failed, or counted something else.
    """
    found = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                 "PYTEST_PLUGINS": "pytest_quantguard.plugin"},
        )  # fmt: skip
        if done.returncode:
            sys.exit(done.stderr)
        count, seconds, mb = json.loads(done.stdout)
        if count != expected:
            sys.exit(f"{arguments}: {count} found, {expected} expected")
        found.append((seconds, mb))
    return Figure(seconds=median(s for s, _ in found), mb=median(mb for _, mb in found))


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    given = parser.parse_args()
    loads: list[tuple[Way, int, Figure]] = []
    collects: list[tuple[Way, Figure]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "quantguard.yaml").write_text(json.dumps(CONFIG))
        for way in WAYS:
            path = folder / way.file
            path.write_text(way.text(given.cases), encoding="utf-8")
            arguments = [way.how, str(path)]
            figure = measured(_LOAD, arguments, given.rounds, folder, given.cases)
            loads.append((way, path.stat().st_size, figure))
            if way.how == "load":
                collected = measured(_COLLECT, [str(path)], given.rounds, folder, 2 * given.cases)
                collects.append((way, collected))
            path.unlink()
        (folder / "test_none.py").write_text("def test_it(): pass\n")
        empty = measured(_COLLECT, ["test_none.py"], given.rounds, folder, 1)
    text = report(given.cases, given.rounds, loads, collects, empty)
    given.out.write_text(text, encoding="utf-8")
    print(text)


def report(
    cases: int,
    rounds: int,
    loads: list[tuple[Way, int, Figure]],
    collects: list[tuple[Way, Figure]],
    empty: Figure,
) -> str:
    """Return the tables as Markdown."""
    floor = loads[0][2].seconds
    lines = [
        "# Loading golden files",
        "",
        f"{cases:,} cases of two checks each; medians of {rounds} fresh processes, processor time, "
        f"Python {platform.python_version()}. Made by `python benchmarks/golden/run.py`.",
        "",
        "## The loader alone",
        "",
        "Memory is the peak of the whole process, Python and the package included.",
        "",
        "| written as | file | seconds | times the floor | cases a second | peak |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {way.name} | {size / 1e6:.1f} MB | {f.seconds:.2f} | {f.seconds / floor:.1f} | "
        f"{cases / f.seconds:,.0f} | {f.mb:.0f} MB |"
        for way, size, f in loads
    ]
    lines += [
        "",
        "The full validator is jsonschema on everything: what loading costs without the quick yes "
        "of `documents/accepts.py`, which answers for all that is right.",
        "",
        "## `pytest --collect-only`",
        "",
        f"{2 * cases:,} items; the whole process, pytest included. A test file with one test takes "
        f"{empty.seconds:.2f} s and {empty.mb:.0f} MB.",
        "",
        "| written as | seconds | without pytest's own start | peak |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {way.name} | {f.seconds:.2f} | {f.seconds - empty.seconds:.2f} | {f.mb:.0f} MB |"
        for way, f in collects
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
