"""The right tool is called with the right arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_quantguard import types
from pytest_quantguard.checks import _json, _params, _schema
from pytest_quantguard.checks._text import capped, listed, quote
from pytest_quantguard.errors import CheckError, did_you_mean
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_JUDGED = 8
"""Calls of the right tool that are looked at; the best one counts."""
_MARKS = ("<tool_call", "<|python_tag|>", "[TOOL_CALLS]", "<function=", "<|tool", '"arguments"')


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The answer calls one tool, its arguments fit the tool's own schema, and nothing else is.

    Parameters:
        name: name of the tool; has to be among the case's tools where it has any.
        arguments: the arguments, compared like `json: equals`. Without them any arguments will
            do that the tool's schema allows.
        extra_calls: true allows further calls.

    Example:
        expect:
          - tool_call: {name: refund_order, arguments: {order_id: "88213-A"}}
          - tool_call: refund_order            # the same with any valid arguments

    Quantized models typically write the call into the text instead of making it, pick the
    neighbour of the right tool, call twice, or change one digit of an argument: ``refund_order:
    $.order_id: expected "88213-A", got "88273-A" (digit 4: 1 became 7)``.
    """

    key: ClassVar[str] = "tool_call"
    shorthand: ClassVar[str | None] = "name"

    name: str
    arguments: Mapping[str, Any] | None = None
    extra_calls: bool = False

    def __post_init__(self) -> None:
        _params.text("name", self.name)
        _params.flag("extra_calls", self.extra_calls)
        if self.arguments is None:
            return
        if not isinstance(self.arguments, Mapping):
            raise ValueError(
                f"`arguments` has to be a map of argument names to values, "
                f"got {self.arguments!r:.80}"
            )
        if problem := _json.problem(self.arguments):
            raise ValueError(f"`arguments` cannot be the value of any JSON text: {problem}")

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the calls.

        Raises:
            CheckError: when the case does not offer the tool, or the tool's schema is none.
        """
        offered = _offered(case)
        if offered and self.name not in offered:
            raise CheckError(
                f"the check expects a call of {quote(self.name)}, which is not among the case's "
                f"tools; {did_you_mean(self.name, offered)}"
            )
        calls = completion.tool_calls
        if not calls:
            return Outcome.of([self._no_call(completion.text)])
        ours = [call for call in calls if call.name == self.name]
        if not ours:
            return Outcome.of(capped(self._wrong_tool(call, offered) for call in calls))
        judged = [self._judge(call, offered.get(self.name)) for call in ours[:_JUDGED]]
        best = min(range(len(judged)), key=lambda index: len(judged[index]))
        found = judged[best]
        if not self.extra_calls:
            found += _extra([call for call in calls if call is not ours[best]], offered)
        return Outcome.of(found)

    def _no_call(self, text: str) -> str:
        if self.name in text[:10_000] and any(mark in text[:10_000] for mark in _MARKS):
            return f"no tool was called: the call stands in the text instead: {quote(text, 100)}"
        said = f"the answer is the text {quote(text)}" if text.strip() else "there is no text"
        return f"no tool was called, expected {quote(self.name)}; {said}"

    def _wrong_tool(self, call: types.ToolCall, offered: Mapping[str, Any]) -> str:
        if offered and call.name not in offered:
            return (
                f"called {quote(call.name)}, which no tool of the case is called, "
                f"expected {quote(self.name)}"
            )
        return f"called the wrong tool: {quote(call.name)}, expected {quote(self.name)}"

    def _judge(self, call: types.ToolCall, schema: Any) -> list[str]:
        where = f"{self.name}: "
        try:
            value = _json.parse(call.arguments_text, subject="the text of its arguments")
        except _json.NotJson as error:
            return [f"{where}{error}"]
        if not isinstance(value, dict):
            return [
                f"{where}the arguments have to be a JSON object, got {_json.kind(value)} "
                f"{quote(call.arguments_text)}"
            ]
        found = []
        if schema is not None:
            found = _schema.violations(_canonical(self.name, schema), value)
        if self.arguments is not None:
            found += capped(_json.differences(self.arguments, value))
        return [where + violation for violation in found]


def _offered(case: GoldenCase) -> dict[str, Any]:
    """Return the case's tools with the schema of their arguments, None where they have none."""
    found = {}
    for tool in case.request.tools:
        inner = tool.get("function", tool)
        if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
            found[inner["name"]] = inner.get("parameters")
    return found


def _canonical(tool: str, schema: Any) -> str:
    try:
        return _schema.canonical("parameters", schema)
    except ValueError as error:
        raise CheckError(f"the case's tool {quote(tool)} cannot be used: {error}") from None


def _extra(calls: list[types.ToolCall], offered: Mapping[str, Any]) -> list[str]:
    if not calls:
        return []
    unknown = [call.name for call in calls if offered and call.name not in offered]
    known = [call.name for call in calls if not (offered and call.name not in offered)]
    found = []
    if known:
        found.append(f"called more than was asked for: {listed(known)}")
    if unknown:
        found.append(f"also called what no tool of the case is called: {listed(unknown)}")
    return found
