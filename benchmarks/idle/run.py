"""What the plugin costs a project that has it installed and does not use it.

    python benchmarks/idle/run.py [--pairs 30] [--out FILE]

Runs pytest on tests that have nothing to do with us, with the plugin and with ``-p no:quantguard``
in turns, and writes results.md beside this file. anyio's own plugin, which httpx brings, is off on
both sides. Each pair gives one ratio; shown are the median and the middle half.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import measured  # noqa: E402

_TESTS = """
import pytest
@pytest.fixture
def number():
    return 3
@pytest.mark.parametrize("other", range({count}))
def test_sum(number, other):
    assert number + other == other + number
"""
SIDES = {"with": (), "without": ("-p", "no:quantguard")}


def once(folder: Path, side: str) -> float:
    """Return the processor time of one run, in seconds."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:anyio", *SIDES[side]]
    spent = measured.run(command, folder)
    if spent.code:
        sys.exit(spent.text[-3000:])
    return spent.cpu_s


def pairs(folder: Path, count: int) -> dict[str, list[float]]:
    """Return the times of both sides, measured in turns; which goes first alternates too."""
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    for side in SIDES:
        once(folder, side)  # writes the bytecode
    for number in range(count):
        for side in sorted(SIDES, reverse=bool(number % 2)):
            found[side].append(once(folder, side))
    return found


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    given = parser.parse_args()
    lines = [
        "# The idle plugin",
        "",
        f"Processor time of pytest on tests of others, {given.pairs} runs a side that took turns, "
        f"on {measured.machine()}. Made by `python benchmarks/idle/run.py`.",
        "",
        "| tests | without, s | with, s | adds, ms | ratio | middle half of the ratios |",
        "|---|---|---|---|---|---|",
    ]
    for count in (1, 500):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "test_sum.py").write_text(_TESTS.format(count=count), encoding="utf-8")
            lines.append(row(count, pairs(folder, given.pairs)))
    text = "\n".join([*lines, ""])
    given.out.write_text(text, encoding="utf-8")
    print(text)


def row(count: int, found: dict[str, list[float]]) -> str:
    """Return one line of the table."""
    with_us, without = median(found["with"]), median(found["without"])
    ratios = [a / b for a, b in zip(found["with"], found["without"], strict=True)]
    low, _, high = quantiles(ratios, n=4)
    return (
        f"| {count} | {without:.3f} | {with_us:.3f} | {1000 * (with_us - without):.1f} | "
        f"{with_us / without:.3f} | {low:.3f} to {high:.3f} |"
    )


if __name__ == "__main__":
    main()
