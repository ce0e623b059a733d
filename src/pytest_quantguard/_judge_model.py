"""A judge model as checks see it: asked through the engine, within its budget of calls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_quantguard.errors import JudgeError
from pytest_quantguard.types import Completion, CompletionRequest, Json

if TYPE_CHECKING:
    from pytest_quantguard._config import JudgeConfig
    from pytest_quantguard.engine.complete import Answer, CompletionEngine, Job


class EngineJudge:
    """One judge of the configuration, asked on a lane of its own."""

    def __init__(
        self,
        name: str,
        config: JudgeConfig,
        engine: Callable[[], CompletionEngine],
        *,
        run: str = "",
        shares: int = 1,
    ) -> None:
        self.name = name
        self.config = config
        self.planned = 0
        """How many answers the run takes at most, second tries not counted."""
        self._engine = engine
        self._run = run
        self._shares = shares
        self._asked: set[str] = set()
        self._again: set[str] = set()
        self._fresh = 0
        self._failed = 0
        self._cost = 0.0
        self._uncounted = 0

    def job(self, request: CompletionRequest, repeat: int) -> Job:
        """Return what the engine is asked for."""
        from pytest_quantguard.engine.complete import Job

        return Job(
            variant=self.config.variant.name, request=request.for_repeat(repeat), repeat=repeat
        )

    def ask(
        self, request: CompletionRequest, *, repeat: int = 0, again: bool = False
    ) -> Completion:
        """Return its answer.

        Raises:
            JudgeError: no answer could be had, or its budget of calls is used up.
        """
        name = hashlib.sha256(f"{repeat} {request.canonical()}".encode()).hexdigest()
        new = name not in self._asked
        if new:
            self._allow(again)
            self._asked.add(name)
            if again:
                self._again.add(name)
        answer = self._engine().get(self.job(request, repeat))
        if answer.completion is None:
            self._failed += new
            raise JudgeError(f"the judge {self.name} gave no answer: {answer.error}")
        if new:
            self._account(answer, answer.completion)
        return answer.completion

    def _allow(self, again: bool) -> None:
        most = self.config.max_calls
        # What was planned is shared among processes in a way that nobody knows beforehand; what
        # is left over for second tries is shared evenly, so that all together stay within it.
        spare = (most - self.planned) // self._shares
        if again and len(self._again) >= spare:
            raise JudgeError(f"its budget of {most} calls (max_calls) leaves no room to ask again")
        if len(self._asked) >= most:
            raise JudgeError(f"the judge {self.name} was asked {most} times (max_calls)")

    def _account(self, answer: Answer, completion: Completion) -> None:
        # Another process may have asked for it, in this run.
        if answer.cached and not completion.is_of(self._run):
            return
        self._fresh += 1
        price = self.config.variant.price
        cost = price.of(completion.usage) if price else None
        if cost is None:
            self._uncounted += 1
        else:
            self._cost += cost

    def spent(self) -> Json:
        """Return what the report tells, in numbers that add up over processes."""
        return {
            "answers": len(self._asked) - self._failed,
            "failed": self._failed,
            "second_tries": len(self._again),
            "fresh": self._fresh,
            "cost": self._cost,
            "without_cost": self._uncounted,
        }
