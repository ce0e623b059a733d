"""Two arms of a service, drawn at random: what both took for the same prompts, and both cost."""

from __future__ import annotations

import random

Arms = tuple[list[float], list[float]]


def arms(seed: int, n: int, factor: float = 1.1, spread: float = 0.2) -> Arms:
    """Two arms of a service: prompts differ much, and the candidate is slower by a factor."""
    draw = random.Random(seed)
    baseline = [draw.lognormvariate(0, 0.5) for _ in range(n)]
    return baseline, [factor * b * draw.lognormvariate(0, spread) for b in baseline]


def cost_arms(seed: int, n: int, factor: float = 1.1) -> tuple[list[float], ...]:
    """Costs and successes of two arms; what the baseline fails, the candidate often fails too."""
    draw = random.Random(seed)
    cost_b, cost_c = arms(seed, n, factor)
    success_b = [float(draw.random() < 0.9) for _ in range(n)]
    success_c = [float(draw.random() < (0.95 if hit else 0.45)) for hit in success_b]
    return cost_b, success_b, cost_c, success_c  # both succeed in 90 % of cases
