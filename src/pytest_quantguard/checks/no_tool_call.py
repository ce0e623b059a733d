"""No tool is called where none should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params, _tools
from pytest_quantguard.checks._hidden import hidden
from pytest_quantguard.checks._text import listed, quote
from pytest_quantguard.errors import CheckError, did_you_mean
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class NoToolCall:
    """The answer calls no tool, or none of certain tools.

    For questions that need no tool, that lack what the tool would have to know, or whose tool is
    too dangerous for the question. A call of a tool that does not exist is a call too.

    Parameters:
        tools: names of the tools that must not be called; without it none may be.
        hidden: true counts calls that stand in the text instead, as a ``<tool_call>`` tag, as JSON
            with a name and arguments, or as code; the first 200,000 characters are searched.

    Example:
        expect:
          - no_tool_call
          - no_tool_call: [refund_order]                # the others may be called
          - no_tool_call: {hidden: true}

    Quantized models typically call a tool because there is one, and fill what the user did not
    say with something made up: ``called "refund_order", where no tool should be called; its
    arguments are "{"order_id": "12345"}"``.
    """

    key: ClassVar[str] = "no_tool_call"
    shorthand: ClassVar[str | None] = "tools"

    tools: str | Sequence[str] | None = None
    hidden: bool = False

    def __post_init__(self) -> None:
        _params.flag("hidden", self.hidden)
        if self.tools is None:
            return
        tools = _params.texts("tools", self.tools)
        if not tools:
            raise ValueError("`tools` is an empty list; leave it out to forbid every tool")
        object.__setattr__(self, "tools", tools)

    def misfit(self, case: GoldenCase) -> str:
        """Say why this could not fail, or not hold, for any answer; empty when it could."""
        offered = _tools.offered(case)
        if problem := self._not_offered(case):
            return problem
        if not offered and not self.hidden:
            return (
                "the case offers no tools, so that no answer could fail; give it tools, or write "
                "hidden: true to find calls in the text"
            )
        forced = _tools.forced_tool(case)
        required = case.request.params.get("tool_choice") == "required"
        if (forced is not None and self._forbids(forced)) or (
            required and all(map(self._forbids, offered))
        ):
            return "the request's tool_choice demands the very call that must not be made"
        return ""

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the calls.

        Raises:
            CheckError: when the case does not offer a tool that is named.
        """
        if problem := self._not_offered(case):
            raise CheckError(problem)
        made = [call for call in completion.tool_calls if self._forbids(call.name)]
        if made:
            return Outcome.of([self._called([call.name for call in made], made[0].arguments_text)])
        if self.hidden:
            names = self.tools if self.tools is not None else _tools.offered(case)
            if found := hidden(completion.text, names, known_only=self.tools is not None):
                return Outcome.of([f"no tool was called, but {found}"])
        return Outcome.of([])

    def _forbids(self, name: str) -> bool:
        return self.tools is None or name in self.tools

    def _not_offered(self, case: GoldenCase) -> str:
        offered = _tools.offered(case)
        for name in self.tools or ():
            if offered and name not in offered:
                return (
                    f"the check forbids calls of {quote(name)}, which is not among the case's "
                    f"tools; {did_you_mean(name, offered)}"
                )
        return ""

    def _called(self, names: list[str], arguments: str) -> str:
        different = list(dict.fromkeys(names))
        times = f" ({len(names)} calls)" if len(names) > 1 else ""
        which = "no tool should be" if self.tools is None else "this must not be"
        if len(different) > 1:
            which = "no tool should be" if self.tools is None else "these must not be"
        told = f"; its arguments are {quote(str(arguments))}" if len(names) == 1 else ""
        return f"called {listed(different)}{times}, where {which} called{told}"
