"""What a check finds in an arm: every way in which a check may judge, behind two functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_quantguard.contracts import Pairwise, Repeated
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import EMPTY, Completion, GoldenCase, Outcome

Judge = Callable[[Completion, GoldenCase], Outcome]
"""A check, or the body of a ``quant_case`` test."""


class Reusable:
    """A judge whose finding depends on what an answer says, and on nothing else."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge one completion."""
        return self.judge(completion, case)


def reusable(judge: Judge) -> bool:
    """Tell whether two answers that say the same need to be judged only once."""
    return isinstance(judge, Reusable)


def reads_timing(judge: Judge) -> bool:
    """Tell whether a judge looks at how long an answer took."""
    return bool(getattr(_bare(judge), "reads_timing", False))


def pairwise(judge: Judge) -> bool:
    """Tell whether a judge sees both arms at once."""
    return isinstance(_bare(judge), Pairwise)


def repeatable(judge: Judge) -> bool:
    """Tell whether a judge can look at one more answer of one arm by itself."""
    return not isinstance(_bare(judge), Pairwise | Repeated)


def judged(
    completions: Sequence[Completion], case: GoldenCase, check: str, judge: Judge
) -> Outcome:
    """Judge one arm's repeats, at least one: each by itself, or all together.

    Raises:
        CheckError: the check raised, or gave no outcome.
    """
    inner = _bare(judge)
    if isinstance(inner, Repeated):
        return _sound(check, _guarded(check, inner.over, completions, case))
    found = [
        Outcome.of([EMPTY]) if one.empty else _sound(check, _guarded(check, judge, one, case))
        for one in completions
    ]
    return Outcome.mean(found)


def compared(
    baseline: Sequence[Completion],
    candidate: Sequence[Completion],
    case: GoldenCase,
    check: str,
    judge: Judge,
) -> tuple[Outcome, Outcome]:
    """Judge both arms at once, repeat by repeat; return the baseline's outcome first.

    Raises:
        CheckError: the check raised, or gave no outcomes.
    """
    inner = _bare(judge)
    assert isinstance(inner, Pairwise)  # noqa: S101 - the caller has asked `pairwise`
    found: tuple[list[Outcome], list[Outcome]] = ([], [])
    for both in zip(baseline, candidate, strict=True):
        outcomes = tuple(Outcome.of([EMPTY] if one.empty else []) for one in both)
        if all(outcome.ok for outcome in outcomes):
            outcomes = _pair(check, _guarded(check, inner.compare, *both, case))
        for outcome, kept in zip(outcomes, found, strict=True):
            kept.append(outcome)
    return Outcome.mean(found[0]), Outcome.mean(found[1])


def _bare(judge: Judge) -> object:
    return judge.judge if isinstance(judge, Reusable) else judge


def _guarded(check: str, ask: Callable[..., object], *arguments: object) -> object:
    try:
        return ask(*arguments)
    except (CheckError, pytest.exit.Exception):
        raise
    except Exception as error:
        raise CheckError(f"the check {check!r} raised {type(error).__name__}: {error}") from None


def _pair(check: str, found: object) -> tuple[Outcome, Outcome]:
    if not isinstance(found, tuple) or len(found) != 2:
        raise CheckError(f"the check {check!r} returned {found!r:.80}, not two outcomes")
    return _sound(check, found[0]), _sound(check, found[1])


def _sound(check: str, outcome: object) -> Outcome:
    wrong = CheckError(f"the check {check!r} returned {outcome!r:.80}, not an Outcome in [0, 1]")
    if not isinstance(outcome, Outcome):
        raise wrong
    try:  # a user's check returns what its libraries do: numpy's numbers are no JSON
        value, violations = float(outcome.value), tuple(map(str, outcome.violations))
        layers = {str(name): float(part) for name, part in outcome.layers.items()}
    except (TypeError, ValueError, AttributeError):
        raise wrong from None
    if not all(0 <= number <= 1 for number in (value, *layers.values())):
        raise wrong
    repeats = tuple(map(float, outcome.repeats))
    return Outcome(value=value, violations=violations, repeats=repeats, layers=layers)
