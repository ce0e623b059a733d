"""A judge model says whether the answer meets a rubric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pytest_quantguard.checks import _params, _rulings, _verdicts
from pytest_quantguard.checks._rulings import Ruling
from pytest_quantguard.checks._text import quote
from pytest_quantguard.checks._verdicts import Form
from pytest_quantguard.contracts import Check, JudgeModel, Services
from pytest_quantguard.errors import CheckError, JudgeError
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Outcome, Swaps

_MOST_VOTES = 9
_MOST_POINTS = 10
_RUBRIC_CHARS = 20_000
_FURTHER_RUNS = 2
_DRAWN = {"temperature": 0.7, "seed": 7}
"""Of several votes: at temperature 0 each would repeat the first."""
_A, _B = "ANSWER A", "ANSWER B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A judge model finds that the answer meets a rubric, or that it is no worse than the other.

    In the form ``absolute`` each answer is judged by itself: pass or fail, or with ``scale`` a
    score. In the form ``pairwise`` the judge sees both arms' answers, twice, in both orders: one
    is worse only if both orders say so; the rest is a tie. The report counts where the orders
    disagree, and a judge that contradicts itself in a third of its comparisons decides nothing.
    Judges are models in the configuration's ``judges:``. The answer is shown to the judge up to
    24,000 characters (beginning and end), the conversation up to 60,000. A judge that gives no
    verdict, asked twice, is an error, never a lost case. Measure a judge with
    `quantguard judge-check` before you trust it.

    Parameters:
        rubric: what a good answer does, in words, for someone who sees only the conversation.
        by: name of the judge; not needed where there is one only.
        form: ``absolute`` or ``pairwise``.
        scale: highest score, 2 to 10, instead of pass and fail; asks for `least`.
        least: lowest score that is good enough.
        votes: how often the judge is asked, an odd number up to 9; the majority counts, and what
            cannot change it is not asked. A single vote is drawn at temperature 0, several at 0.7.
        prompt: false hides the conversation from the judge.
        reference: true shows the judge the case's `reference`.

    Example:
        expect:
          - judge: The answer says that refunds take 14 days and stays polite.
          - judge: {rubric: "Explains the cause of the error.", by: strict, votes: 3}
          - judge: {rubric: "Says the same as the reference.", reference: true, scale: 5, least: 4}
          - judge: {rubric: "Is clearer and more complete.", form: pairwise}

    Quantized models typically lose what no pattern finds: half of a two-part question, the reason
    behind a number, the tone: ``the judge strict says fail: "names the delay but not its cause"``.
    """

    key: ClassVar[str] = "judge"
    shorthand: ClassVar[str | None] = "rubric"

    rubric: str
    by: str | None = None
    form: Literal["absolute", "pairwise"] = "absolute"
    scale: int | None = None
    least: int | None = None
    votes: int = 1
    prompt: bool = True
    reference: bool = False

    def __post_init__(self) -> None:
        _params.text("rubric", self.rubric)
        if not self.rubric.strip():
            raise ValueError("`rubric` is empty; write what a good answer does")
        if len(self.rubric) > _RUBRIC_CHARS:
            raise ValueError(
                f"`rubric` has {len(self.rubric)} characters; at most {_RUBRIC_CHARS} are allowed"
            )
        if self.by is not None:
            _params.text("by", self.by)
        _params.one_of("form", self.form, ("absolute", "pairwise"))
        _params.flag("prompt", self.prompt)
        _params.flag("reference", self.reference)
        _params.count("votes", self.votes, least=1)
        if self.votes is None or self.votes % 2 == 0 or self.votes > _MOST_VOTES:
            raise ValueError(
                f"`votes` has to be an odd number from 1 to {_MOST_VOTES}, got {self.votes!r:.40}"
            )
        self._check_scale()

    def _check_scale(self) -> None:
        for field in ("scale", "least"):
            _params.count(field, getattr(self, field), least=2)
        if (self.scale is None) != (self.least is None):
            missing = "least" if self.least is None else "scale"
            raise ValueError(f"`scale` and `least` belong together; {missing!r} is missing")
        if self.scale is None or self.least is None:
            return
        if self.form == "pairwise":
            raise ValueError("`scale` is for the absolute form; a pair is compared, not scored")
        if self.scale > _MOST_POINTS or self.least > self.scale:
            raise ValueError(
                f"`scale` goes up to {_MOST_POINTS} and `least` up to `scale`, "
                f"got {self.scale!r:.40} and {self.least!r:.40}"
            )

    def misfit(self, case: GoldenCase) -> str:
        """Say why the judge cannot judge this case."""
        if self.reference and not case.reference:
            return "`reference: true` shows the case's reference, and the case has none"
        return ""

    def bound(self, services: Services) -> Check:
        """Return the check with its judge model."""
        model = services.judge_model(self.by)
        if self.form == "pairwise":
            return PairwiseJudge(rules=self, model=model)
        return AbsoluteJudge(rules=self, model=model)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Raise: without a judge model there is no judging."""
        raise CheckError("the check 'judge' was called without its judge model")

    # --- what is asked ------------------------------------------------------------------

    def calls(self, case: GoldenCase, candidates: int) -> int:
        """Return how many answers of the judge this case takes at most."""
        if self.form == "pairwise":
            return candidates * case.samples * 2 * self.votes
        runs = case.samples + (_FURTHER_RUNS if case.critical else 0)
        return (1 + candidates) * runs * self.votes

    def foreseen(
        self, baseline: Sequence[Completion], candidate: Sequence[Completion], case: GoldenCase
    ) -> Iterator[tuple[CompletionRequest, int]]:
        """Yield what is asked for certain about these answers: as many votes as a majority."""
        if self.form == "absolute":
            asked = [self.about(one, case) for one in (*baseline, *candidate) if not one.empty]
        else:
            asked = [
                self.between(*pair, case)
                for one, other in zip(baseline, candidate, strict=False)
                if not (one.empty or other.empty or alike(one, other))
                for pair in ((one, other), (other, one))
            ]
        for request in asked:
            for repeat in range(self.votes // 2 + 1):
                yield request, repeat

    def about(self, completion: Completion, case: GoldenCase) -> CompletionRequest:
        """Return the question about one answer."""
        return self._question(case, self.verdicts, {"ANSWER": completion})

    def between(self, first: Completion, second: Completion, case: GoldenCase) -> CompletionRequest:
        """Return the question about two answers, in this order."""
        return self._question(case, _verdicts.PAIR, {_A: first, _B: second})

    @property
    def verdicts(self) -> Form:
        """The form of a verdict on one answer."""
        return _verdicts.PASS_FAIL if self.scale is None else _verdicts.scale(self.scale)

    def _question(
        self, case: GoldenCase, form: Form, answers: dict[str, Completion]
    ) -> CompletionRequest:
        return _verdicts.question(
            self.rubric,
            form,
            case,
            answers,
            prompt=self.prompt,
            reference=self.reference,
            params=_DRAWN if self.votes > 1 else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """A judge check with the model that it asks."""

    key: ClassVar[str] = "judge"
    shorthand: ClassVar[str | None] = "rubric"

    rules: Judge
    model: JudgeModel

    def _rulings(
        self, request: CompletionRequest, form: Form, sign: Callable[[Ruling], Any]
    ) -> list[Ruling]:
        """Return votes until one ``sign`` has a majority, or all; those of the majority first."""
        found: dict[Any, list[Ruling]] = {}
        for repeat in range(self.rules.votes):
            ruling = self._ruling(request, form, repeat)
            same = found.setdefault(sign(ruling), [])
            same.append(ruling)
            if len(same) > self.rules.votes // 2:
                break
        return [one for same in sorted(found.values(), key=len, reverse=True) for one in same]

    def _ruling(self, request: CompletionRequest, form: Form, repeat: int) -> Ruling:
        said = self.model.ask(request, repeat=repeat)
        try:
            return _rulings.read(said, form, request)
        except _rulings.NoRulingError as error:
            first = str(error)
        second_try = _verdicts.once_more(request, said, form)
        try:
            said = self.model.ask(second_try, repeat=repeat, again=True)
            return _rulings.read(said, form, request)
        except _rulings.NoRulingError as error:
            then = "" if str(error) == first else f"; then: {error}"
            raise JudgeError(
                f"the judge {self.model.name} gave no verdict, asked twice: {first}{then}; its "
                "answers are kept: another 'revision' of the judge asks afresh"
            ) from None
        except JudgeError as error:
            raise JudgeError(
                f"the judge {self.model.name} gave no verdict: {first}; second try: {error}"
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsoluteJudge(_Bound):
    """Judges each answer by itself."""

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge one answer.

        Raises:
            JudgeError: the judge gave no verdict.
        """
        rulings = self.rulings(completion, case)
        if self.holds(rulings[0]):
            return Outcome.of([])
        against = [ruling for ruling in rulings if not self.holds(ruling)]
        return Outcome.of([self._sentence(against, len(rulings))])

    def rulings(self, completion: Completion, case: GoldenCase) -> list[Ruling]:
        """Return the votes on one answer, those of the majority first.

        Raises:
            JudgeError: the judge gave no verdict.
        """
        request = self.rules.about(completion, case)
        return self._rulings(request, self.rules.verdicts, self.holds)

    def holds(self, ruling: Ruling) -> bool:
        """Tell whether a vote is for the answer."""
        if self.rules.least is None:
            return ruling.value == "pass"
        return isinstance(ruling.value, int) and ruling.value >= self.rules.least

    def _sentence(self, against: list[Ruling], votes: int) -> str:
        who, least = f"the judge {self.model.name}", self.rules.least
        said = "says fail"
        if least is not None:
            scores = " and ".join(str(ruling.value) for ruling in against)
            said = f"gives {scores} of {self.rules.scale}, at least {least} is asked for"
        many = f", {len(against)} of {votes} votes" if votes > 1 else ""
        return f"{who} {said}{many}{_because(against)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseJudge(_Bound):
    """Compares both answers, in both orders."""

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Raise: one answer alone cannot be compared."""
        raise CheckError("`judge: {form: pairwise}` compares two answers; there is one")

    def compare(
        self, baseline: Completion, candidate: Completion, case: GoldenCase
    ) -> tuple[Outcome, Outcome]:
        """Judge both answers; return the baseline's outcome first.

        Raises:
            JudgeError: the judge gave no verdict.
        """
        if alike(baseline, candidate):
            return Outcome.of([]), Outcome.of([])
        first, second = self.orders(baseline, candidate, case)
        swaps = Swaps(by=self.model.name, compared=1, contradicted=int(first.value != second.value))
        better = first.value if first.value == second.value else "tie"
        found = []
        for name, other in (("A", "candidate"), ("B", "baseline")):
            lost = better not in (name, "tie")
            who = f"the judge {self.model.name}"
            said = f"{who} prefers the {other}'s answer in both orders{_because([first])}"
            found.append(replace(Outcome.of([said] if lost else []), swaps=swaps))
        return found[0], found[1]

    def orders(
        self, first: Completion, second: Completion, case: GoldenCase
    ) -> tuple[Ruling, Ruling]:
        """Return what the judge prefers in this order, and in the other; A is the first in both.

        Raises:
            JudgeError: the judge gave no verdict.
        """
        straight = self._preferred(self.rules.between(first, second, case))
        swapped = self._preferred(self.rules.between(second, first, case))
        back = {"A": "B", "B": "A"}.get(str(swapped.value), "tie")
        return straight, replace(swapped, value=back)

    def _preferred(self, request: CompletionRequest) -> Ruling:
        """Return what a majority of the votes on one order is for; without one it is a tie."""
        rulings = self._rulings(request, _verdicts.PAIR, lambda ruling: ruling.value)
        most = sum(ruling.value == rulings[0].value for ruling in rulings)
        return rulings[0] if most > self.rules.votes // 2 else Ruling(value="tie", reason="")


def alike(one: Completion, other: Completion) -> bool:
    """Tell whether two answers say the same: then nobody is asked which is better."""
    return _verdicts.spoken(one) == _verdicts.spoken(other)


def _because(rulings: Sequence[Ruling]) -> str:
    reason = next((ruling.reason for ruling in rulings if ruling.reason.strip()), "")
    return f": {quote(reason.strip(), 200)}" if reason else ""
