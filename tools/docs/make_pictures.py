"""Draws docs/images/verdicts.svg with the program's own numbers.

Run it from the repository's root after a change of the decision rule; a test compares the picture
with what this would draw.
"""

from __future__ import annotations

from pathlib import Path

from pytest_quantguard import Budget, Outcome, PairedOutcome, judge
from pytest_quantguard.stats import sign_evidence_of
from pytest_quantguard.verdicts import BudgetVerdict

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/images/verdicts.svg"
CASES = 200
BUDGET = 0.05
CANDIDATES = {"A": (3, 2), "B": (9, 1), "C": (13, 2), "D": (24, 2)}
"""Name -> cases lost and gained."""

LEFT, SCALE, TOP, ROW = 150, 24.0, 50, 44
"""Where 0 points lie, pixels for a point, the first row, the height of a row."""
COLOURS = {"PASS": "#1a7f37", "INCONCLUSIVE": "#8a5a00", "FAIL": "#b3261e"}


def judged(lost: int, gained: int) -> BudgetVerdict:
    """Judge a candidate that lost and gained so many cases of a cohort."""
    held, broke = Outcome.of([]), Outcome.of(["wrong"])
    pairs = [
        PairedOutcome(
            case=f"case-{i}",
            cohort="tools",
            check="json",
            baseline=broke if lost <= i < lost + gained else held,
            candidate=broke if i < lost else held,
        )
        for i in range(CASES)
    ]
    return judge(pairs, [Budget(max_drop=BUDGET)]).budgets[-1]


def table() -> list[str]:
    """Return the rows of the table in docs/concepts/verdicts.md, up to the verdict's word."""
    rows = []
    for name, (lost, gained) in CANDIDATES.items():
        row = judged(lost, gained)
        assert row.delta
        low, high = (f"{100 * end:.1f}" for end in (row.delta.low, row.delta.high))
        odds = f"{sign_evidence_of(lost, gained).e:,.1f} : 1"
        rows.append(
            f"| {name} | {lost} | {gained} | {100 * row.delta.value:.1f} | [{low}, {high}] "
            f"| {odds} | **{row.verdict.word}**"
        )
    return rows


def picture() -> str:
    """Return the drawing: an interval for each candidate, a line at the budget."""
    height = TOP + ROW * len(CANDIDATES) + 30
    budget = LEFT + 100 * BUDGET * SCALE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img" '
        'font-family="sans-serif" font-size="14">',
        "<title>Four candidates: the loss of each with its 90 % interval, and the budget</title>",
        f'<rect width="720" height="{height}" fill="#ffffff"/>',
        f'<rect x="20" y="{TOP - 20}" width="{budget - 20:.0f}" '
        f'height="{ROW * len(CANDIDATES)}" fill="#eef6ee"/>',
        f'<line x1="{budget:.0f}" x2="{budget:.0f}" y1="{TOP - 26}" y2="{height - 24}" '
        'stroke="#222222" stroke-width="2" stroke-dasharray="6 4"/>',
        f'<text x="{budget:.0f}" y="18" text-anchor="middle">budget: 5 points</text>',
    ]
    for number, (name, (lost, gained)) in enumerate(CANDIDATES.items()):
        lines += _row(name, judged(lost, gained), TOP + ROW * number)
    for points in (0, 5, 10, 15):
        x = LEFT + points * SCALE
        lines.append(
            f'<text x="{x:.0f}" y="{height - 6}" text-anchor="middle" fill="#555555">'
            f"{points}</text>"
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _row(name: str, row: BudgetVerdict, y: int) -> list[str]:
    assert row.delta
    word = row.verdict.word
    low, value, high = (
        LEFT + 100 * end * SCALE for end in (row.delta.low, row.delta.value, row.delta.high)
    )
    colour = COLOURS[word]
    return [
        f'<text x="30" y="{y + 5}" font-weight="bold" fill="#222222">{name}</text>',
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
        'stroke-width="4"/>',
        f'<circle cx="{value:.1f}" cy="{y}" r="6" fill="{colour}"/>',
        f'<text x="590" y="{y + 5}" fill="{colour}">{word}</text>',
    ]


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print("\n".join(table()))
