"""What the golden cases of a look took, counted request by request as they are answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_quantguard.engine.tasks import Task, Witness
    from pytest_quantguard.types import Completion
    from pytest_quantguard.variants import Variant


class Meter:
    """Counts requests, and tokens and money of every answer: judges' and repeated ones, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        """That were sent, those that got no answer among them."""
        self.tokens = 0
        """Of prompts and answers, where the server counts them."""
        self.cost: float | None = None
        """In the currency of the prices; None where nothing that was asked has one."""

    def over(self, witness: Witness | None, asked: Mapping[str, Variant]) -> Witness:
        """Return what counts each request of these variants, and tells ``witness`` as well."""

        def begun(
            name: str, task: Task
        ) -> Callable[[Completion | None, BaseException | None], None]:
            with self._lock:
                self.requests += 1
            told = witness(name, task) if witness is not None else None

            def ended(found: Completion | None, error: BaseException | None) -> None:
                if found is not None:
                    self._count(found, asked.get(name))
                if told is not None:
                    told(found, error)

            return ended

        return begun

    def _count(self, found: Completion, variant: Variant | None) -> None:
        usage = found.usage
        price = variant.price if variant is not None else None
        with self._lock:
            self.tokens += (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
            if price is not None:
                self.cost = (self.cost or 0.0) + (price.of(usage) or 0.0)
