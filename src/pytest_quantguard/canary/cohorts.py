"""Which cohort a request of mirrored traffic belongs to: ordered rules, the first that fits wins.

A rule looks at the request and at what was recorded beside it, and never at one arm's answer alone:
a group of requests chosen by what the baseline did would make two runs of one model differ.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pytest_quantguard.canary.records import MirroredPair
from pytest_quantguard.checks.language import Language
from pytest_quantguard.types import Completion, GoldenCase, Json

OTHER = "other"
"""The cohort of what no rule takes."""
EVERYTHING = "traffic"
"""The only cohort where there are no rules."""

_LONGEST = 1000
"""Characters of a route, a tag or a label that rules look at."""
_READ = 4000
"""Characters of a question by which its language is told."""

Condition = Callable[[MirroredPair], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One cohort, and what a request has to be like to belong to it."""

    cohort: str
    conditions: tuple[Condition, ...] = ()
    """All have to hold; none takes everything."""

    def takes(self, pair: MirroredPair) -> bool:
        """Tell whether a request belongs to the cohort."""
        return all(condition(pair) for condition in self.conditions)


def cohort_of(pair: MirroredPair, rules: Sequence[Rule]) -> str:
    """Return the cohort of a request: that of the first rule that takes it."""
    for rule in rules:
        if rule.takes(pair):
            return rule.cohort
    return OTHER if rules else EVERYTHING


def rule_of(data: Mapping[str, Any]) -> Rule:
    """Make a rule from its place in the configuration, whose form is right.

    Raises:
        ValueError: a condition makes no sense; the sentence begins with its key.
    """
    made = [_CONDITIONS[key](key, data[key]) for key in data if key in _CONDITIONS]
    return Rule(data["cohort"], tuple(made))


def labels_of(data: Mapping[str, Any]) -> set[str]:
    """Return the labels that a rule looks at."""
    return set(data.get("labels", ()))


# --- conditions -------------------------------------------------------------------------


def _listed(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _globs(patterns: str | Sequence[str]) -> Callable[[str], bool]:
    """Return a test of texts: ``*`` and ``?`` stand for others, upper and lower case differ."""
    matches = [re.compile(fnmatch.translate(pattern)).match for pattern in _listed(patterns)]
    return lru_cache(maxsize=4096)(lambda text: any(match(text) for match in matches))


def _route(key: str, value: Any) -> Condition:
    fits = _globs(value)
    return lambda pair: fits(pair.route[:_LONGEST])


def _tag(key: str, value: Any) -> Condition:
    fits = _globs(value)
    return lambda pair: any(fits(tag[:_LONGEST]) for tag in pair.tags)


def _labels(key: str, value: Mapping[str, Any]) -> Condition:
    tests = [(name, _globs(wanted)) for name, wanted in value.items()]

    def holds(pair: MirroredPair) -> bool:
        return all(
            name in pair.labels and fits(text_of(pair.labels[name])[:_LONGEST])
            for name, fits in tests
        )

    return holds


def text_of(value: Any) -> str:
    """Return a label as rules read it: true is ``true``, 3.0 is ``3.0``."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value) if value is not None else ""


def _language(key: str, value: Any) -> Condition:
    try:
        checks = [Language(language=code, undecided="fail") for code in _listed(value)]
    except ValueError as error:
        raise ValueError(f"language: {error}") from None
    case: Any = None  # the check reads the text alone

    @lru_cache(maxsize=1024)
    def spoken(text: str) -> bool:
        return any(check(Completion(text=text), case).ok for check in checks)

    return lambda pair: spoken(pair.request.question[:_READ])


def _tools(key: str, value: Any) -> Condition:
    wanted = _listed(value)

    def holds(pair: MirroredPair) -> bool:
        tools = pair.request.tools
        if not tools:  # a log that leaves them out shows that there were some by a call
            used = not pair.tells_tools and calls_a_tool(pair)
            return any(word in wanted for word in (("used", "offered") if used else ("none",)))
        if "offered" in wanted or ("used" in wanted and calls_a_tool(pair)):
            return True
        return any(tool.get("function", tool).get("name") in wanted for tool in tools)

    return holds


def calls_a_tool(pair: MirroredPair) -> bool:
    """Tell whether either arm called a tool: both count, or the choice would favour one."""
    sides = (pair.baseline, pair.candidate)
    return any(
        side is not None and side.completion is not None and bool(side.completion.tool_calls)
        for side in sides
    )


def _format(key: str, value: str) -> Condition:
    def holds(pair: MirroredPair) -> bool:
        found = format_of(pair.request.params)
        return value == found or (value == "any" and found != "none")

    return holds


def format_of(params: Json) -> str:
    """Return the type of a request's response_format; ``none`` where it asks for plain text."""
    asked = params.get("response_format")
    kind = asked.get("type") if isinstance(asked, dict) else None
    return kind if kind in ("json_object", "json_schema") else "none"


def _within(key: str, value: Any) -> Callable[[float], bool]:
    low, high = value.get("min", float("-inf")), value.get("max", float("inf"))
    if not low <= high:
        raise ValueError(f"{key}: the range {{min: {low:g}, max: {high:g}}} is empty")
    return lambda number: low <= number <= high


def _chars(key: str, value: Any) -> Condition:
    fits = _within(key, value)
    return lambda pair: fits(len(pair.request.prompt))


def _tokens(key: str, value: Any) -> Condition:
    fits = _within(key, value)

    def holds(pair: MirroredPair) -> bool:
        counts = prompt_tokens(pair)
        return bool(counts) and fits(max(counts))

    return holds


def prompt_tokens(pair: MirroredPair) -> list[int]:
    """Return what the arms counted of the prompt; empty where neither tells."""
    found = (
        side.completion.usage.prompt_tokens
        for side in (pair.baseline, pair.candidate)
        if side is not None and side.completion is not None
    )
    return [count for count in found if count is not None]


def _params(key: str, value: Mapping[str, Any]) -> Condition:
    tests = [(name, _value(f"params.{name}", wanted)) for name, wanted in value.items()]

    def holds(pair: MirroredPair) -> bool:
        given = pair.request.params
        return all(name in given and fits(given[name]) for name, fits in tests)

    return holds


def _value(key: str, wanted: Any) -> Callable[[Any], bool]:
    """Return a test of a parameter: a range, one of a list, or one value."""
    if isinstance(wanted, dict):
        if not wanted or not wanted.keys() <= {"min", "max"} or not _numbers(wanted.values()):
            raise ValueError(f"{key}: write a value, a list of values, or a range {{min: 0.5}}")
        fits = _within(key, wanted)
        return lambda value: _numbers([value]) and fits(value)
    values = wanted if isinstance(wanted, list) else [wanted]
    return lambda value: (
        any(type(value) is type(one) and value == one for one in values)
        or (_numbers([value]) and any(_numbers([one]) and value == one for one in values))
    )


def _numbers(values: Iterable[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


_CONDITIONS: Mapping[str, Callable[[str, Any], Condition]] = {
    "route": _route,
    "tag": _tag,
    "labels": _labels,
    "response_format": _format,
    "tools": _tools,
    "params": _params,
    "prompt_chars": _chars,
    "prompt_tokens": _tokens,
    "language": _language,
}
"""What a rule may ask for, and how it is made."""


def case_of(pair: MirroredPair, cohort: str, tags: tuple[str, ...] = ()) -> GoldenCase:
    """Return a recorded request as a case that checks can judge."""
    return GoldenCase(
        id=pair.id, cohort=cohort, request=pair.request, source=pair.source, tags=tags
    )
