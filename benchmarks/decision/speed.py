"""What the decision costs: import time, time of a decision, and the published values it meets.

Run alone it prints the figures of this machine. They are shown and never asserted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from rules import groups_of, leaf_budgets
from scenarios import DEVELOPMENT_SEED, FIRST, usual
from world import draw

from pytest_quantguard import stats
from pytest_quantguard._decide import decide
from pytest_quantguard._judge import judge
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome

_IMPORT = """
import json, sys, time
before, started = set(sys.modules), time.process_time()
import {module}
seconds = time.process_time() - started
roots = {{name.partition(".")[0] for name in set(sys.modules) - before}}
foreign = roots - set(sys.stdlib_module_names) - {{"pytest_quantguard"}}
print(json.dumps([seconds, sorted(foreign)]))
"""
_BUDGETS = "20 budgets, 5 cohorts x 4 checks x 200 cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Medians, in seconds of CPU time."""

    imports: dict[str, float]
    foreign: dict[str, list[str]]
    """Modules outside the standard library that an import draws in."""
    decisions: dict[str, float]
    wrong: list[str]
    """Published values that are not met to four decimals."""
    references: int


def measure(rounds: int = 7) -> Speed:
    """Measure all of it."""
    imports, foreign = {}, {}
    for module in ("pytest_quantguard.stats", "pytest_quantguard._decide"):
        found = [_import(module) for _ in range(rounds)]
        imports[module] = median(seconds for seconds, _ in found)
        foreign[module] = found[0][1]
    return Speed(
        imports=imports,
        foreign=foreign,
        decisions=_decisions(rounds),
        wrong=[name for name, found, value in REFERENCES if not _close(found(), value)],
        references=len(REFERENCES),
    )


def _import(module: str) -> tuple[float, list[str]]:
    command = [sys.executable, "-c", _IMPORT.format(module=module)]
    seconds, foreign = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return seconds, foreign


def _decisions(rounds: int) -> dict[str, float]:
    drawn = draw(usual(FIRST), np.random.default_rng(DEVELOPMENT_SEED), runs=1, cases=200)
    groups, budgets = groups_of(drawn, 0, 200), leaf_budgets(5, 4, 0.05)
    outcomes = [
        PairedOutcome(
            case=f"{cohort}-{case}",
            cohort=f"cohort-{cohort}",
            check=f"check-{check}",
            baseline=Outcome(value=float(drawn.baseline[0, cohort, case, check])),
            candidate=Outcome(value=float(drawn.candidate[0, cohort, case, check])),
        )
        for cohort, case, check in np.ndindex(drawn.baseline.shape[1:])
    ]
    return {
        f"decide, {_BUDGETS}": _seconds(lambda: decide(budgets, groups), rounds),
        f"decide, {_BUDGETS}, strict": _seconds(
            lambda: decide(budgets, groups, evidence="strict"), rounds
        ),
        f"judge from records, {_BUDGETS}": _seconds(lambda: judge(outcomes, budgets), rounds),
    }


def _seconds(call: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        taken.append(time.process_time() - started)
    return median(taken)


def _close(found: tuple[float, ...], value: tuple[float, ...]) -> bool:
    return all(abs(a - b) < 0.51e-4 for a, b in zip(found, value, strict=True))


def _table(lost: float, gained: float, n: float) -> stats.PairedCounts:
    return stats.PairedCounts(lost=lost, gained=gained, n=n)


_CAVO, _ALTMAN, _PAIR = _table(6, 16, 161), _table(5, 0, 41), _table(0, 0, 2)
REFERENCES: tuple[tuple[str, Callable[[], tuple[float, ...]], tuple[float, ...]], ...] = (
    ("Tango, Cavo", lambda: stats.tango_interval(_CAVO), (-0.1240, -0.0054)),
    ("Tango, 3 of 3", lambda: stats.tango_interval(_table(3, 0, 3)), (-0.1230, 1.0)),
    ("Tango, mirrored", lambda: stats.tango_interval(_table(0, 3, 3)), (-1.0, 0.1230)),
    ("Tango, PropCIs", lambda: stats.tango_interval(_table(20, 40, 160)), (-0.2181, -0.0309)),
    ("Tango, Agresti", lambda: stats.tango_interval(_table(16, 8, 86)), (-0.0197, 0.2069)),
    ("Tango, Bentur", lambda: stats.tango_interval(_table(1, 7, 21)), (-0.5172, -0.0260)),
    ("Tango, Altman", lambda: stats.tango_interval(_ALTMAN), (0.0258, 0.2554)),
    ("Newcombe, Cavo", lambda: stats.newcombe_interval(_CAVO, 59), (-0.1186, -0.0046)),
    ("Newcombe, 1 and 1", lambda: stats.newcombe_interval(_PAIR, 1), (-0.5734, 0.5734)),
    ("Newcombe, Altman", lambda: stats.newcombe_interval(_ALTMAN, 14), (0.0115, 0.2265)),
    ("Wald, Cavo", lambda: stats.wald_interval(_CAVO), (-0.1184, -0.0058)),
    ("Bonett-Price, Cavo", lambda: stats.bonett_price_interval(_CAVO), (-0.1195, -0.0032)),
    ("Agresti-Min, Cavo", lambda: stats.agresti_min_interval(_CAVO), (-0.1182, -0.0045)),
    ("McNemar exact, Cavo", lambda: stats.mcnemar_exact(6, 16)[1:], (0.052479,)),
    ("McNemar mid-P, Cavo", lambda: (stats.mcnemar_midp(6, 16),), (0.034690,)),
    ("McNemar z, Cavo", lambda: (stats.mcnemar_z(6, 16),), (-2.1320,)),
    ("McNemar exact, Bentur", lambda: stats.mcnemar_exact(1, 7)[1:], (0.0703,)),
)
"""Name, our value, published value."""


def main() -> None:
    """Print what was measured."""
    speed = measure()
    for module, seconds in speed.imports.items():
        drawn_in = ", ".join(speed.foreign[module]) or "nothing"
        print(f"import {module}: {seconds:.3f} CPU s; from outside the library: {drawn_in}")
    for name, seconds in speed.decisions.items():
        print(f"{name}: {1000 * seconds:.1f} ms")
    right = speed.references - len(speed.wrong)
    print(f"published values met: {right} of {speed.references}", *speed.wrong)


if __name__ == "__main__":
    main()
