"""What one run of a test asks of one model: turn by turn, each through the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_quantguard.errors import ProviderError
from pytest_quantguard.types import EMPTY, Completion, CompletionRequest

if TYPE_CHECKING:
    from pytest_quantguard.engine.complete import Answer, Job

MOST_TURNS = 200
"""Completions that one run of a test may ask of one model: a loop without an end costs money."""


@dataclass(slots=True)
class Turn:
    """One question, and what became of it."""

    request: CompletionRequest
    answer: Answer | None = None
    """None while it is being asked."""


class Drive:
    """One run on one variant; remembers everything that was asked.

    A drive that is ``evidence`` belongs to a body that judges both arms: there an empty answer
    ends the run, as silence satisfies nothing. ``about`` names the case and its cohort.
    """

    def __init__(
        self,
        variant: str,
        ask: Callable[[Job], Answer],
        *,
        repeat: int = 0,
        evidence: bool = True,
        about: tuple[str, str] = ("", ""),
    ) -> None:
        self.variant = variant
        self.repeat = repeat
        """Which repeat of the case, from 0: each has seeds and draws of its own."""
        self.turns: list[Turn] = []
        self.over = False
        """True when the run has ended: whoever kept a conversation may not go on with it."""
        self._ask = ask
        self._evidence = evidence
        self._about = about

    def complete(self, request: CompletionRequest) -> Completion:
        """Ask one question.

        Raises:
            ProviderError: no answer could be had.
            AssertionError: the answer is empty, in a run that is evidence.
            RuntimeError: the run is over, or has asked too often.
        """
        __tracebackhide__ = True
        from pytest_quantguard.engine.complete import Job

        if self.over:
            raise RuntimeError(
                "this conversation belongs to a run of the test that is over; begin one in the "
                "body of the test: it runs once per arm"
            )
        if len(self.turns) >= MOST_TURNS:
            raise RuntimeError(
                f"the test asked {MOST_TURNS} times in one run; bound the loop that asks"
            )
        turn = Turn(request.for_repeat(self.repeat))
        self.turns.append(turn)  # before the answer is there: threads may ask side by side
        job = Job(variant=self.variant, request=turn.request, repeat=self.repeat, about=self._about)
        turn.answer = answer = self._ask(job)
        if answer.completion is None:
            raise answer.error or ProviderError(f"{self.variant}: no answer")
        if self._evidence and answer.completion.empty:
            raise AssertionError(EMPTY)
        return answer.completion

    @property
    def error(self) -> ProviderError | None:
        """The first error that kept an answer away, even if the test has passed over it."""
        errors = (turn.answer.error for turn in self.turns if turn.answer is not None)
        return next((error for error in errors if error is not None), None)

    @property
    def completions(self) -> tuple[Completion, ...]:
        """Every answer, in the order in which the questions were asked."""
        answers = (turn.answer for turn in self.turns)
        return tuple(a.completion for a in answers if a is not None and a.completion is not None)

    def replay(self) -> Drive:
        """Return a drive that gives the same answers again, and asks nobody."""
        known = {turn.request.canonical(): turn.answer for turn in self.turns}

        def recall(job: Job) -> Answer:
            answer = known.get(job.request.canonical())
            if answer is None:
                raise LookupError("this was not asked before")
            return answer

        return Drive(self.variant, recall, repeat=self.repeat)
