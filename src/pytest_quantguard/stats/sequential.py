"""Looking at the evidence for PASS before it is complete: how much alpha each look may use.

Sources: P. Armitage, C. McPherson and B. Rowe, Repeated significance tests on accumulating data,
Journal of the Royal Statistical Society A 132 (1969). K. Lan and D. DeMets, Discrete sequential
boundaries for clinical trials, Biometrika 70 (1983).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

from ._domain import between
from ._special import first_true, normal_quantile, normal_tail

Spending = Literal["obrien-fleming", "pocock"]

_REACH = 6.0  # standard deviations below 0 from where a path never comes back to the boundary
_STEPS = 64  # intervals of the grid, an even number; for 20 looks z is right to 0.0005


@lru_cache(maxsize=64)
def looks_alpha(
    alpha: float, looks: int, spending: Spending = "obrien-fleming"
) -> tuple[float, ...]:
    """Nominal one-sided alpha of each of a number of equally spaced looks.

    Judged at these, in turn and until the first success, the chance of any success under the
    hypothesis is alpha. After the share t of all cases the alpha spent is (Lan and DeMets 1983)
    2 - 2 Phi(z_(alpha/2) / sqrt(t)) for "obrien-fleming", which saves nearly all for the end, and
    alpha ln(1 + (e - 1) t) for "pocock", which spends evenly. The boundaries follow by recursive
    numerical integration (Armitage, McPherson and Rowe 1969). Raises ValueError unless
    0 < alpha < 0.5, looks is a whole number from 1 to 100 and the spending is one of the two.

    >>> [round(-normal_quantile(a), 2) for a in looks_alpha(0.05, 5)]
    [4.23, 2.89, 2.3, 1.96, 1.74]
    """
    between("alpha", alpha, 0, 0.5)
    if not (1 <= looks <= 100 and looks % 1 == 0):
        raise ValueError(f"looks is {looks}; it must be a whole number from 1 to 100")
    if spending not in ("obrien-fleming", "pocock"):
        raise ValueError(f"spending is {spending!r}; it must be 'obrien-fleming' or 'pocock'")
    spent = [0.0, *(_spent(alpha, look / looks, spending) for look in range(1, looks + 1))]
    nominal = [spent[1]]
    paths = _next_paths([(0.0, 1.0)], -normal_quantile(spent[1]), 1)
    for look in range(2, int(looks) + 1):
        boundary = _boundary(paths, spent[look] - spent[look - 1], look)
        nominal.append(normal_tail(boundary / math.sqrt(look)))
        if look < looks:
            paths = _next_paths(paths, boundary, look)
    return tuple(nominal)


def looks_alpha_open(alpha: float, look: int) -> float:
    """Nominal one-sided alpha of one look, counted from 1, where nobody knows how many there are.

    alpha 6 / (pi^2 look^2): over all looks, however many, these add up to alpha, so that the chance
    of any success under the hypothesis is at most alpha (Boole's inequality). Meant for looks at
    sizes that double. Raises ValueError unless 0 < alpha < 0.5 and look is a whole number >= 1.

    >>> [round(looks_alpha_open(0.05, look), 5) for look in (1, 2, 10)]
    [0.0304, 0.0076, 0.0003]
    """
    between("alpha", alpha, 0, 0.5)
    if not (look >= 1 and look % 1 == 0):
        raise ValueError(f"look is {look}; it must be a whole number from 1")
    return alpha * 6 / (math.pi * look) ** 2


def _spent(alpha: float, share: float, spending: Spending) -> float:
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * share)
    return 2 * normal_tail(-normal_quantile(alpha / 2) / math.sqrt(share))


def _grid(boundary: float, look: int) -> list[tuple[float, float]]:
    """Simpson's points and weights over the sums that have not crossed the boundary."""
    low = -_REACH * math.sqrt(look)
    step = (boundary - low) / _STEPS
    return [
        (low + k * step, step / 3 * (1 if k in (0, _STEPS) else 4 if k % 2 else 2))
        for k in range(_STEPS + 1)
    ]


def _next_paths(
    paths: list[tuple[float, float]], boundary: float, look: int
) -> list[tuple[float, float]]:
    """One look later: each step adds a standard normal; what crossed the boundary is gone."""
    scale, exp = 1 / math.sqrt(2 * math.pi), math.exp
    return [
        (at, weight * scale * sum(mass * exp((at - was) * (was - at) / 2) for was, mass in paths))
        for at, weight in _grid(boundary, look)
    ]


def _boundary(paths: list[tuple[float, float]], spend: float, look: int) -> float:
    """Sum that the paths exceed at this look with exactly the probability to be spent."""

    def small_enough(boundary: float) -> bool:
        return math.fsum(mass * normal_tail(boundary - at) for at, mass in paths) <= spend

    return first_true(small_enough, 0.0, 10 * math.sqrt(look))
