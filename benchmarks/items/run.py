"""30,000 judged properties from a warm cache, against 30,000 tests that do nothing.

    python benchmarks/items/run.py [--cases 10000] [--rounds 3] [--out FILE]

Writes results.md beside this file. A golden set of JSON lines with three checks a case is asked
once of the server of ../peers, so that every answer is cached; then pytest judges it all, and bare
pytest runs as many no-op tests, made by ``parametrize``. The two take turns; medians are shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "peers")]

import job  # noqa: E402
import measured  # noqa: E402

CHECKS = 3
_BARE = """
import pytest
@pytest.mark.parametrize("number", range({count}))
def test_nothing(number):
    pass
"""
_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def gate_project(folder: Path, cases: int, url: str) -> None:
    """Write a golden set with three checks a case."""
    job.gate_project(folder, cases, url, 32)
    golden = folder / "golden" / "orders.quant.jsonl"
    head, *lines = golden.read_text(encoding="utf-8").splitlines()
    with golden.open("w", encoding="utf-8") as out:
        out.write(head + "\n")
        for line in lines:
            case = json.loads(line)
            case["expect"] += [{"length": {"max_chars": 400}}, {"not_contains": "kettle"}]
            out.write(json.dumps(case) + "\n")


def gate(folder: Path) -> measured.Spent:
    """Run the gate."""
    options = ["-q", "-p", "pytest_quantguard.plugin", "--quant-candidate=cand"]
    spent = measured.run([sys.executable, "-m", "pytest", *options], folder, env=_ALONE)
    if spent.code:
        sys.exit(spent.text[-3000:])
    return spent


def bare(folder: Path) -> measured.Spent:
    """Run as many tests that do nothing."""
    spent = measured.run([sys.executable, "-m", "pytest", "-q"], folder, env=_ALONE)
    if spent.code:
        sys.exit(spent.text[-3000:])
    return spent


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    given = parser.parse_args()
    items = CHECKS * given.cases
    server = [sys.executable, HERE.parent / "peers" / "server.py", "--latency", "0"]
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        mine, plain = Path(scratch, "gate"), Path(scratch, "bare")
        plain.mkdir()
        (plain / "test_nothing.py").write_text(_BARE.format(count=items), encoding="utf-8")
        with measured.serving(server) as url:
            gate_project(mine, given.cases, url)
            gate(mine)
        # The server is gone: from here on everything comes from the cache.
        for _ in range(given.rounds):
            ours.append(gate(mine))
            theirs.append(bare(plain))
    text = report(items, ours, theirs)
    given.out.write_text(text, encoding="utf-8")
    print(text)


def report(items: int, ours: list[measured.Spent], theirs: list[measured.Spent]) -> str:
    """Return the table as Markdown."""

    def row(name: str, runs: list[measured.Spent]) -> str:
        wall, cpu = median(r.wall_s for r in runs), median(r.cpu_s for r in runs)
        return (
            f"| {name} | {wall:.1f} | {cpu:.1f} | {1e6 * cpu / items:.0f} | "
            f"{median(r.rss_mb for r in runs):.0f} |"
        )

    ratio = median(r.cpu_s for r in ours) / median(r.cpu_s for r in theirs)
    return "\n".join(
        [
            "# Many items",
            "",
            f"{items:,} items; medians of {len(ours)} runs that took turns, on "
            f"{measured.machine()}. Made by `python benchmarks/items/run.py`.",
            "",
            "| | wall s | CPU s | CPU us per item | peak MB |",
            "|---|---|---|---|---|",
            row(f"the gate, all cached: {items // CHECKS:,} cases x {CHECKS} checks", ours),
            row("bare pytest: no-op tests made by `parametrize`", theirs),
            "",
            f"The gate takes {ratio:.2f} times the processor time of bare pytest.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
