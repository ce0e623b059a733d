"""The tables of results.md, from what was simulated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

import passes
from alarms import OURS, Alarms
from goals import Exact, Found, Goal, in_every_world, in_world
from rules import PEERS, wilson
from scenarios import FIXED_SIZES, LOOKS, LOSSES, REPEATED, REPEATS, Size
from world import World

TRUTHS = (
    ("equal", 0.0, 0.0),
    ("churn 5 %", 0.05, 0.0),
    ("loss = budget", 0.03, 1.0),
    ("loss = 2 x budget", 0.03, 2.0),
)
"""What is true of one budget alone: name, churn, loss in budgets."""
SINGLE_SIZES = (30, 100, 300)
SINGLE_BUDGETS = (0.02, 0.05)

_SETTINGS = ((0.02, 0.0), (0.02, 0.03), (0.03, 0.05))  # noise and churn of the alarm table
_SHOWN = (30, 100, 200, 500, 1000)


def write(
    found: Mapping[str, Found],
    exact: Exact,
    *,
    worlds: Mapping[str, World],
    size: Size,
    seed: int,
) -> str:
    """Return the whole report, Markdown."""
    parts = [_head(worlds, size, seed), *_goals(found, exact)]
    for name, what in found.items():
        parts += [
            f"## The {name} world",
            *_alarm_table(what, size),
            *_catching(what),
            *_one_budget(what, size),
            *_passes(what, size),
        ]
    parts += [_speed(exact)]
    return "\n\n".join(parts) + "\n"


def _head(worlds: Mapping[str, World], size: Size, seed: int) -> str:
    most = wilson(0, size.alarms)[1]
    text = (
        "Written by `python benchmarks/decision/run.py`; `benchmarks/README.md` says how to "
        f"read it. Seed {seed}. Monte Carlo error, 95 %: false alarms {size.alarms:,} runs per "
        f"setting (0 seen: at most {_percent(most, 2)}; 1 % seen: {_span(0.01, size.alarms)}), "
        f"losses {size.losses:,} runs (50 % seen: {_span(0.5, size.losses)}), one budget "
        f"{size.single:,} runs (5 % seen: {_span(0.05, size.single)}); exact figures say so."
    )
    lines = ["# What the decision rule reaches", fill(text, 100, break_on_hyphens=False)]
    for name, world in worlds.items():
        rates = ", ".join(f"{100 * rate:.0f}" for rate in world.rates)
        lines.append(
            f"* **{name}** world: {world.cohorts} cohorts x {len(world.rates)} checks, baseline "
            f"rates {rates} %,\n  correlation {world.correlation:g}, {world.tails} tails, churn by "
            f"{world.churn_by}."
        )
    return "\n\n".join([lines[0], lines[1], "\n".join(lines[2:])])


def _goals(found: Mapping[str, Found], exact: Exact) -> list[str]:
    columns: list[list[Goal]] = [in_world(what) for what in found.values()]
    rows = []
    for same in zip(*columns, strict=True):
        first, figures = same[0], [f"{_met(goal)}: {goal.figure}" for goal in same]
        rows.append([first.key, first.wanted, *figures])
    for goal in in_every_world(exact):
        figures = [f"{_met(goal)}: {goal.figure}"] + ["the same"] * (len(columns) - 1)
        rows.append([goal.key, goal.wanted, *figures])
    rows.sort(key=lambda row: int(row[0][1:]))
    return ["## Goals", table(["", "goal", *(f"{name} world" for name in found)], rows)]


def _met(goal: Goal) -> str:
    return "**yes**" if goal.met else "**NO**"


def _alarm_table(found: Found, size: Size) -> list[str]:
    parts = [
        "### False alarms: runs of 20 budgets with any FAIL, no loss, %",
        "Each field: noise 2 % / noise 2 %, churn 3 % / noise 3 %, churn 5 %.",
    ]
    for budget in SINGLE_BUDGETS:
        chosen = [
            next(a for a in found.alarms if (a.noise, a.churn, a.budget) == (*setting, budget))
            for setting in _SETTINGS
        ]
        rows = [
            [rule, *(_alarm_field(chosen, rule, LOOKS.index(n)) for n in _SHOWN)]
            for rule in (OURS, *PEERS)
        ]
        any_look = " / ".join(_percent(a.at_any / a.runs, 2) for a in chosen)
        rows[0].append(any_look)
        heads = [f"budget {100 * budget:.0f} points", *(f"n = {n:,}" for n in _SHOWN)]
        parts.append(table([*heads, "any of ten looks"], rows))
    beyond = [
        f"churn {_percent(a.churn)}, noise {_percent(a.noise)}, budget {100 * a.budget:.0f} points "
        f"{_percent(a.at_any / a.runs, 1)} of {a.runs:,}"
        for a in found.beyond
        if a.budget in SINGLE_BUDGETS
    ]
    if beyond:
        text = f"{OURS} at any of ten looks, beyond the goals: {'; '.join(beyond)}."
        parts.append(fill(text, 100))
    return parts


def _alarm_field(chosen: Sequence[Alarms], rule: str, look: int) -> str:
    digits = 2 if rule == OURS else 1
    return " / ".join(f"{100 * a.at_look[rule][look] / a.runs:.{digits}f}" for a in chosen)


def _catching(found: Found) -> list[str]:
    rows = []
    for caught in found.caught:
        loss, requests = caught.loss, caught.requests
        low, high = _mean_span(requests.tolist())
        ordered = sorted(requests.tolist())
        rows.append(
            [
                f"{100 * loss.size:.0f} points, {loss.scope}, {loss.kind}",
                f"{requests.mean():,.0f} ({low:,.0f}-{high:,.0f})",
                f"{ordered[int(0.8 * len(ordered))]:,.0f}",
                _percent(caught.by_500),
                _percent(caught.by_1000),
                f"{caught.at_ten_looks:,.0f}",
                f"{caught.in_the_gate:,.0f}",
            ]
        )
    heads = ["loss (budget half of it)", "mean requests until FAIL", "80 % caught by"]
    heads += ["by 500 cases/cohort", "by 1,000", "mean at ten looks", "mean, gate's looks of 500"]
    return [
        "### Requests until a loss is caught, looking after every few cases",
        table(heads, rows),
        "### Rules with one look: requests for 80 % power at <= 1 % false alarms",
        table(["5 points lost, budget 2.5", *_scopes()], list(_fixed_rows(found))),
    ]


def _scopes() -> list[str]:
    return [loss.scope for loss in LOSSES if loss.size == 0.05 and loss.kind == "diffuse"]


def _fixed_rows(found: Found) -> Iterable[list[str]]:
    ours = {
        caught.loss: float(caught.requests.mean())
        for caught in found.caught
        if caught.loss in found.fixed.power
    }
    yield [f"{OURS} (mean, as above)", *(f"{mean:,.0f}" for mean in ours.values())]
    for rule in PEERS:
        fields = []
        for loss, mean in ours.items():
            needed = found.fixed.needed(rule, loss)
            fields.append(
                f"never up to {5 * FIXED_SIZES[-1]:,}"
                if needed is None
                else f"{5 * needed:,} ({5 * needed / mean:.1f} x)"
            )
        yield [rule, *fields]


def _one_budget(found: Found, size: Size) -> list[str]:
    parts = ["### One budget alone: FAIL / PASS in %, the rest is INCONCLUSIVE"]
    for budget in SINGLE_BUDGETS:
        rows = []
        for rule in (*passes.OURS, *PEERS):
            row = [rule]
            for truth, _, _ in TRUTHS:
                shares = [found.one_budget[truth, n, budget][rule] for n in SINGLE_SIZES]
                row.append(", ".join(f"{100 * f:.1f} / {100 * p:.1f}" for f, p in shares))
            rows.append(row)
        sizes = ", ".join(map(str, SINGLE_SIZES))
        names = [truth for truth, _, _ in TRUTHS]
        parts.append(table([f"budget {100 * budget:.0f} points, n = {sizes}", *names], rows))
    return parts


def _passes(found: Found, size: Size) -> list[str]:
    rows = [
        [
            f"{n} cases, {100 * budget:.0f} points",
            *(_repeat_field(found, n, budget, k) for k in REPEATS),
        ]
        for n, budget in REPEATED
    ]
    ours, plain = found.weighted
    return [
        "### PASS at a loss of the budget, with repeats of each case: ours / repeats as cases, %",
        table(["", *(f"{times} x" for times in REPEATS)], rows),
        f"Half of 150 cases weigh five times as much, 5 points: {_percent(ours, 1)}; "
        f"with all cases counted instead of the effective ones {_percent(plain, 1)}.",
    ]


def _repeat_field(found: Found, n: int, budget: float, times: int) -> str:
    return " / ".join(f"{100 * share:.1f}" for share in found.repeats[n, budget, times])


def _speed(exact: Exact) -> str:
    speed = exact.speed
    rows = [[f"import {name}", f"{seconds:.3f} s"] for name, seconds in speed.imports.items()]
    rows += [[name, f"{1000 * seconds:.1f} ms"] for name, seconds in speed.decisions.items()]
    return "## Speed (CPU time here; shown, never asserted)\n\n" + table(["", "median"], rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; short rows are filled up."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    filled = ([*row, *[""] * (len(heads) - len(row))] for row in rows)
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in filled)])


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _span(share: float, runs: int) -> str:
    low, high = wilson(round(share * runs), runs)
    return f"{100 * low:.1f}-{100 * high:.1f} %"


def _mean_span(values: Sequence[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    spread = (sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)) ** 0.5
    half = 1.96 * spread / len(values) ** 0.5
    return mean - half, mean + half
