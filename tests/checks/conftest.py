"""Cases and completions for the tests of the checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from pytest_quantguard.checks import _limited
from pytest_quantguard.contracts import Check
from pytest_quantguard.sandboxes._process import Process
from pytest_quantguard.types import (
    Completion,
    CompletionRequest,
    GoldenCase,
    Outcome,
    Source,
    ToolCall,
)

Judge = Callable[..., Outcome]


@pytest.fixture
def judge() -> Judge:
    """Judge an answer: ``judge(check, text, prompt=..., tools=..., calls=..., **completion)``."""

    def run(
        check: Check,
        text: str = "",
        *,
        prompt: str = "Refund order 88213-A",
        tools: Sequence[dict[str, Any]] = (),
        calls: Sequence[tuple[str, str]] = (),
        **fields: Any,
    ) -> Outcome:
        message = {"role": "user", "content": prompt}
        case = GoldenCase(
            id="case",
            cohort="cohort",
            request=CompletionRequest(messages=(message,), tools=tuple(tools)),
            source=Source(file="golden/a.quant.yaml", line=1),
        )
        made = tuple(ToolCall(name=name, arguments_text=text) for name, text in calls)
        return check(Completion(text=text, tool_calls=made, **fields), case)

    return run


@pytest.fixture
def bounded() -> Callable[[], AbstractContextManager[None]]:
    """Demand that a block ends: what grows with the square of its input takes minutes.

    Our own work in it takes a second at most; the rest is for machines that are slow for a while.
    """

    @contextmanager
    def clock() -> Iterator[None]:
        began = time.process_time()
        yield
        assert time.process_time() - began < 10.0

    return clock


@pytest.fixture(autouse=True)
def _helper_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a busy machine a minute for what the helper process does in less than a second."""
    monkeypatch.setattr(_limited, "LIMIT_S", 60.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the helper process give up after 0.3 seconds."""
    monkeypatch.setattr(_limited, "LIMIT_S", 0.3)


@pytest.fixture
def late_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the time of a process in a sandbox be up soon after it is told something.

    What comes before takes as long as it takes: a busy machine may need seconds to start a process.
    """

    def begin(said: str) -> None:
        asks = Process.ask

        def ask(self: Process, line: str) -> str | None:
            if said in line:
                self._deadline = min(self._deadline, time.monotonic() + 0.3)
            return asks(self, line)

        monkeypatch.setattr(Process, "ask", ask)

    return begin


@pytest.fixture
def late_from_its_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of a process in a sandbox be up soon after it first wrote something."""
    reads = Process._read

    def read(self: Process, fd: int, pipe: object, buffer: bytearray) -> None:
        self._deadline = min(self._deadline, time.monotonic() + 0.3)
        reads(self, fd, pipe, buffer)

    monkeypatch.setattr(Process, "_read", read)
