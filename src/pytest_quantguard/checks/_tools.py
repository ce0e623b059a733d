"""Calls of tools: what a case offers, what is expected of a call, and what was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_quantguard import types
from pytest_quantguard.checks import _expected, _json, _params, _schema, _values
from pytest_quantguard.checks._hidden import hidden
from pytest_quantguard.checks._text import capped, listed, quote
from pytest_quantguard.errors import CheckError, did_you_mean
from pytest_quantguard.types import Completion, GoldenCase

NAMED, VALID, EXPECTED = 1, 2, 3
"""How far a call of the right tool got: its arguments are valid; they are the expected ones."""

EXTRA = ("forbid", "allow")
"""What may be said of arguments that are not named."""

MAX_CHARS = 1_000_000
"""Arguments of one answer that are judged, in characters, all calls together."""

Calls = Sequence[types.ToolCall]


# --- what is expected -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One expected call."""

    name: str
    arguments: _values.Node | None = None
    """None where any valid arguments will do."""


def wanted(
    name: Any, arguments: Any, normalize: Sequence[str], extra_arguments: Any, field: str = ""
) -> Wanted:
    """Read what a user expects of one call; ``field`` is where it stands, ending in a dot.

    Raises:
        ValueError: a parameter makes no sense.
    """
    _params.text(f"{field}name", name)
    _params.one_of(f"{field}extra_arguments", extra_arguments, EXTRA)
    if arguments is None:
        return Wanted(name=name)
    node = _expected.read(
        f"{field}arguments", arguments, normalize, open=extra_arguments == "allow"
    )
    return Wanted(name=name, arguments=node)


# --- what a case offers -----------------------------------------------------------------


def offered(case: GoldenCase) -> dict[str, Any]:
    """Return the case's tools with the schema of their arguments, None where they have none."""
    found = {}
    for tool in case.request.tools:
        inner = tool.get("function", tool)
        if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
            found[inner["name"]] = inner.get("parameters")
    return found


def demand(calls: Iterable[Wanted], tools: Mapping[str, Any]) -> None:
    """Demand that expected tools are offered.

    Raises:
        CheckError: for a case that no golden file made: `misfit` says it of the others.
    """
    for call in calls:
        if problem := not_offered(call.name, tools):
            raise CheckError(problem)


def not_offered(name: str, tools: Mapping[str, Any]) -> str:
    """Return the sentence for a tool that a case with tools does not have."""
    if not tools or name in tools:
        return ""
    return (
        f"the check expects a call of {quote(name)}, which is not among the case's tools; "
        f"{did_you_mean(name, tools)}"
    )


def misfit(case: GoldenCase, calls: Sequence[Wanted]) -> str:
    """Say why no answer could make these calls, in one sentence; empty when one could."""
    choice = case.request.params.get("tool_choice")
    if choice == "none":
        return "the request says tool_choice: none, so that no tool is ever called"
    forced = forced_tool(case)
    tools = offered(case)
    for call in calls:
        if problem := not_offered(call.name, tools):
            return problem
        if forced is not None and forced != call.name:
            return (
                f"the request's tool_choice leaves only {quote(forced)}, and the check expects a "
                f"call of {quote(call.name)}"
            )
        schema = tools.get(call.name)
        try:
            found = "" if schema is None else _contradiction(call, _canonical(call.name, schema))
        except CheckError as error:
            return str(error)
        if found:
            return found
    return ""


def forced_tool(case: GoldenCase) -> str | None:
    """Return the tool that the request's tool_choice demands, if it demands one."""
    choice = case.request.params.get("tool_choice")
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None


def _canonical(tool: str, schema: Any) -> str:
    try:
        return _schema.canonical("parameters", schema)
    except ValueError as error:
        raise CheckError(f"the case's tool {quote(tool)} cannot be used: {error}") from None


# --- expected arguments against the tool's own schema ------------------------------------

# Keywords that look at the keys of a map or the length of a list, and not at what is inside.
_OUTER = (
    *("type", "required", "additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("minProperties", "maxProperties", "minItems", "maxItems", "dependentRequired"),
)
_UNKNOWN_KEYS = ("type", "additionalProperties", "unevaluatedProperties", "propertyNames")
_WAYS = 8


def _contradiction(call: Wanted, schema: str) -> str:
    """Return the sentence for arguments that the tool's schema refuses, however they are filled."""
    if call.arguments is None:
        return ""
    width, common = _refused(schema, call.arguments, 0)
    if width > _WAYS:
        return ""
    for variant in range(1, width):
        if not common:
            break
        found = _refused(schema, call.arguments, variant)[1]
        common = {key: sentence for key, sentence in common.items() if key in found}
    if not common:
        return ""
    return (
        f"the expected arguments of {quote(call.name)} contradict the tool's own schema, so that "
        f"no call can be right: {next(iter(common.values()))}"
    )


def _refused(schema: str, node: _values.Node, variant: int) -> tuple[int, dict[Any, str]]:
    """Return how many ways there are to fill the arguments, and what speaks against this one."""
    sketch = _values.Sketch(variant=variant)
    failings = _schema.failings(schema, node.draft(sketch, ()))
    owned = ((_owner(failing, sketch.loose), failing.sentence) for failing in failings)
    return sketch.width, {owner: sentence for owner, sentence in owned if owner is not None}


def _owner(failing: _schema.Failing, loose: Mapping[_values.Path, str]) -> Any:
    """Return what tells a failing from others in all variants; None when it proves nothing."""
    path = failing.path
    for length in range(len(path) + 1):
        kind = loose.get(path[:length], "")
        if kind == "choice":
            return path[:length]
        if kind == "any" or (kind == "type" and (length < len(path) or failing.keyword != "type")):
            return None
    allowed = _UNKNOWN_KEYS if loose.get(path) == "open" else _OUTER
    inside = any(place[: len(path)] == path for place in loose)
    return None if inside and failing.keyword not in allowed else (path, failing.keyword)


# --- what was made ----------------------------------------------------------------------


class Reader:
    """The calls of one answer, each read and held against its schema once, when it is asked for."""

    def __init__(self, completion: Completion, calls: Calls, tools: Mapping[str, Any]) -> None:
        self.calls = calls
        self._completion = completion
        self._tools = tools
        self._left = MAX_CHARS
        self._read: dict[int, tuple[Any, list[str]]] = {}

    def judge(self, index: int, expected: Wanted) -> tuple[int, list[str]]:
        """Say how far a call of the right tool got, and what is wrong with it.

        Raises:
            CheckError: the tool's schema is none, or judging took too long.
        """
        value, problems = self._reading(index)
        if value is _json.UNSET:
            return NAMED, problems
        differences: list[str] = []
        if expected.arguments is not None:
            differences = capped(expected.arguments.differences(value, "$"))
        grade = NAMED if problems else VALID if differences else EXPECTED
        return grade, problems + differences

    def _reading(self, index: int) -> tuple[Any, list[str]]:
        if index not in self._read:
            self._read[index] = self._read_now(self.calls[index])
        return self._read[index]

    def _read_now(self, call: types.ToolCall) -> tuple[Any, list[str]]:
        """Return the arguments and what the schema says to them; UNSET when there are none."""
        text: Any = call.arguments_text
        if not isinstance(text, str):
            got = _json.kind(text)
            return _json.UNSET, [f"the arguments came as {got} instead of as JSON text"]
        self._left -= len(text)
        if self._left < 0:
            return _json.UNSET, [
                f"the arguments of all calls together have more than {MAX_CHARS} characters; "
                "the others are not judged"
            ]
        try:
            value = _json.parse(text, subject="the text of its arguments")
        except _json.NotJson as error:
            return _json.UNSET, [_json.sentence(error, self._completion)]
        if not isinstance(value, dict):
            return _json.UNSET, [_no_object(value, text)]
        schema = self._tools.get(call.name)
        if schema is None:
            return value, []
        return value, _schema.violations(_canonical(call.name, schema), value)


def _no_object(value: Any, text: str) -> str:
    if isinstance(value, str):
        try:
            twice = isinstance(_json.parse(value), dict)
        except _json.NotJson:
            twice = False
        if twice:
            return f"the arguments are JSON inside a JSON text, encoded twice: {quote(text)}"
    return f"the arguments have to be a JSON object, got {_json.kind(value)} {quote(text)}"


# --- sentences --------------------------------------------------------------------------


def no_call(completion: Completion, expected: str, names: Iterable[str]) -> str:
    """Say that no tool was called, and what there is instead."""
    cut = " (finish_reason is length)" if completion.finish_reason == "length" else ""
    text = completion.text
    if found := hidden(text, names):
        return f"no tool was called: {found}{cut}"
    if text.strip():
        said = f"the answer is the text {quote(text)}"
    elif completion.refusal:
        said = f"the answer is the refusal {quote(completion.refusal)}"
    else:
        said = "there is no text"
    return f"no tool was called, expected {expected}; {said}{cut}"


def unknown(name: str, tools: Mapping[str, Any]) -> bool:
    """Tell whether a case with tools does not have this one."""
    return bool(tools) and name not in tools


def further(calls: Calls, tools: Mapping[str, Any]) -> list[str]:
    """Name calls that nobody asked for."""
    strange = [call.name for call in calls if unknown(call.name, tools)]
    known = [call.name for call in calls if not unknown(call.name, tools)]
    found = []
    if known:
        found.append(f"called more than was asked for: {listed(known)}")
    if strange:
        found.append(f"also called what no tool of the case is called: {listed(strange)}")
    return found
