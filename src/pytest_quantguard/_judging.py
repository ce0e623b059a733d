"""What a check finds in an arm: every way in which a check may judge, behind two functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_quantguard._drive import Drive
from pytest_quantguard.contracts import Pairwise, Repeated, offers
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import EMPTY, Completion, GoldenCase, Outcome, Swaps

Judge = Callable[[Completion, GoldenCase], Outcome]
"""A check, or the body of a ``quant_case`` test."""


class Reusable:
    """A judge whose finding depends on what an answer says, and on nothing else."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge one completion."""
        return self.judge(completion, case)


class Telling:
    """A judge that can show what it saw in the baseline beside what it found in the candidate."""

    def beside(self, baseline: Given, candidate: Given, scrub: Scrub) -> tuple[str, str] | None:
        """Return a violation that was found in the candidate, and a sentence to put in its place.

        Called only where the property holds for the one and not for the other. ``scrub`` takes
        keys out of a text before it is cut.
        """
        raise NotImplementedError


class Driven(Telling):
    """The body of a test that asks an arm for itself, for several turns."""

    def drive(self, drive: Drive, case: GoldenCase) -> Outcome:
        """Ask one arm, and judge what it said."""
        raise NotImplementedError


Given = Completion | Drive
"""What a test's body is given of one arm."""
Scrub = Callable[[str], str]


def reusable(judge: Judge) -> bool:
    """Tell whether two answers that say the same need to be judged only once."""
    return isinstance(judge, Reusable)


def reads_timing(judge: Judge) -> bool:
    """Tell whether a judge looks at how long an answer took."""
    return bool(getattr(_bare(judge), "reads_timing", False))


def pairwise(judge: Judge) -> bool:
    """Tell whether a judge sees both arms at once."""
    return offers(_bare(judge), Pairwise)


def repeatable(judge: Judge) -> bool:
    """Tell whether a judge can look at one more answer of one arm by itself."""
    return not (offers(_bare(judge), Pairwise) or offers(_bare(judge), Repeated))


def judged(
    completions: Sequence[Completion], case: GoldenCase, check: str, judge: Judge
) -> Outcome:
    """Judge one arm's repeats, at least one: each by itself, or all together.

    Raises:
        CheckError: the check raised, or gave no outcome.
    """
    inner = _bare(judge)
    if offers(inner, Repeated):
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


def driven(judge: Driven, drive: Drive, case: GoldenCase) -> Outcome:
    """Let a body ask one arm, once.

    Raises:
        ProviderError: a question got no answer, whatever the body made of that.
        CheckError: the body raised, or asked nothing.
    """
    broken: CheckError | None = None
    found: Outcome | None = None
    try:
        found = judge.drive(drive, case)
    except CheckError as error:
        broken = error
    drive.over = True
    if drive.error is not None:
        raise drive.error
    if any(completion.empty for completion in drive.completions):
        return Outcome.of([EMPTY])
    if broken is not None or found is None:
        raise broken or CheckError("the test was not run")
    if not drive.turns:
        raise CheckError("the test takes 'quant_model' and asked it nothing")
    return found


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
    if not isinstance(outcome, Outcome) or not isinstance(outcome.swaps, Swaps | None):
        raise _wrong(check, outcome)
    try:  # a user's check returns what its libraries do: numpy's numbers are no JSON
        value, violations = float(outcome.value), tuple(map(str, outcome.violations))
        layers = {str(name): float(part) for name, part in outcome.layers.items()}
    except (TypeError, ValueError, AttributeError):
        raise _wrong(check, outcome) from None
    if not all(0 <= number <= 1 for number in (value, *layers.values())):
        raise _wrong(check, outcome)
    repeats = tuple(map(float, outcome.repeats))
    return Outcome(
        value=value, violations=violations, repeats=repeats, layers=layers, swaps=outcome.swaps
    )


def _wrong(check: str, outcome: object) -> CheckError:
    return CheckError(f"the check {check!r} returned {outcome!r:.80}, not an Outcome in [0, 1]")
