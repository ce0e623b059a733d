"""What can be told of tool calls without knowing which one is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_quantguard.checks import _schema, _tools
from pytest_quantguard.checks._text import capped, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome


def usable(case: GoldenCase) -> dict[str, Any]:
    """Return the tools of a request with the schemas of their arguments.

    A schema that is none, or refers to somewhere else, is left out: whoever served the request took
    it, and any JSON object will do.
    """
    found = _tools.offered(case)
    for name, schema in found.items():
        if schema is not None:
            try:
                _schema.canonical("parameters", schema)
            except ValueError:
                found[name] = None
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidToolCalls:
    """Every call names a tool that the request offers, with arguments that its schema allows.

    An answer without a call holds: whether there should have been one is `ToolUse`'s question.
    """

    key: ClassVar[str] = "tool_calls"
    shorthand: ClassVar[str | None] = None

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the calls.

        Raises:
            CheckError: judging took too long.
        """
        calls = completion.tool_calls
        if not calls:
            return Outcome.of([])
        tools = usable(case)
        reader = _tools.Reader(completion, calls, tools)
        found: list[str] = []
        for index, call in enumerate(calls):
            if call.name not in tools:
                found.append(f"called {quote(call.name)}, which the request does not offer")
                continue
            _, wrong = reader.judge(index, _tools.Wanted(name=call.name))
            found += [f"{call.name}: {sentence}" for sentence in wrong]
        return Outcome.of(capped(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A tool is called: judged where one of the models calls one, to find who does not any more."""

    key: ClassVar[str] = "tool_use"
    shorthand: ClassVar[str | None] = None

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the answer."""
        if completion.tool_calls:
            return Outcome.of([])
        return Outcome.of([_tools.no_call(completion, "a call", _tools.offered(case))])
