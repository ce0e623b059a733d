"""What is asked to find out whether a server honours a parameter, and what its answer shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_quantguard import _probe
from pytest_quantguard._probe import JSON_OBJECT, JSON_SCHEMA, NAMED, REQUIRED
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source, ToolCall

CONSTANT = '{"code": "heron-7041"}'


def case(**params: Any) -> GoldenCase:
    """Return a golden case with these parameters."""
    request = CompletionRequest(messages=({"role": "user", "content": "hi"},), params=params)
    return GoldenCase(id="a", cohort="a", request=request, source=Source(file="f", line=1))


def test_what_the_cases_use_is_probed_once() -> None:
    """In a fixed order; text and automatic choice need no probe."""
    cases = [
        case(tool_choice={"type": "function", "function": {"name": "x"}}),
        case(response_format={"type": "json_schema", "json_schema": {}}),
        case(response_format={"type": "json_schema"}, tool_choice="required"),
        case(response_format={"type": "text"}, tool_choice="auto"),
        case(response_format={"type": "json_object"}),
        case(response_format="json", tool_choice=None),
    ]

    assert [JSON_SCHEMA, JSON_OBJECT, REQUIRED, NAMED] == [*_probe.features(cases)]
    assert {} == _probe.features([case(temperature=0)])


def test_every_process_asks_with_the_parameters_of_the_same_case() -> None:
    """The first by its id, in whatever order the cases come."""
    found = [replace(case(tool_choice="any", seed=n), id=name) for n, name in enumerate("bac")]

    assert 1 == _probe.features(found)[REQUIRED].request.params["seed"]
    assert _probe.features(found) == _probe.features(found[::-1])


@pytest.mark.parametrize("feature", [JSON_SCHEMA, JSON_OBJECT, REQUIRED, NAMED])
def test_a_probe_asks_for_prose_and_for_something_else(feature: str) -> None:
    """Short, at temperature 0; what a service insists upon comes from the case."""
    plain = _probe.request(feature, case())
    given = _probe.request(feature, case(temperature=1, max_tokens=300, stop=["x"]))
    other = _probe.request(feature, case(max_completion_tokens=5)).params

    assert "as plain prose" in plain.prompt
    assert (0, 64) == (plain.params["temperature"], plain.params["max_tokens"])
    assert (1, 300) == (given.params["temperature"], given.params["max_tokens"])
    assert "stop" not in given.params
    assert (64, None) == (other["max_completion_tokens"], other.get("max_tokens"))
    assert [feature] == [*_probe.features([case(**plain.params)])]


@pytest.mark.parametrize(
    ("feature", "text", "finish", "expected"),
    [
        (JSON_SCHEMA, CONSTANT, "stop", "honoured"),
        (JSON_SCHEMA, f"```json\n{CONSTANT}\n```", "stop", "honoured"),
        (JSON_SCHEMA, f"<think>prose?</think>\n{CONSTANT}", "stop", "honoured"),
        (JSON_SCHEMA, '{ "code" :\n "her', "length", "honoured"),
        (JSON_SCHEMA, "The sea is wide.", "stop", "ignored"),
        (JSON_SCHEMA, '{"code": "sea"}', "stop", "ignored"),
        (JSON_SCHEMA, '{"text": "The sea', "length", "ignored"),
        (JSON_SCHEMA, "The sea", "length", "ignored"),
        (JSON_SCHEMA, "", "stop", "unknown"),
        (JSON_SCHEMA, "", "length", "unknown"),
        (JSON_SCHEMA, "<think>they want prose, but", "length", "unknown"),
        (JSON_SCHEMA, "[" * 100_000, "length", "ignored"),
        (JSON_OBJECT, '{"a": 1}', "stop", "honoured"),
        (JSON_OBJECT, '{"a": \n\n\n\n', "length", "honoured"),
        (JSON_OBJECT, "[1]", "stop", "ignored"),
        (JSON_OBJECT, "{broken", "stop", "ignored"),
        (JSON_OBJECT, "The sea is wide.", "stop", "ignored"),
        (NAMED, "The sea is wide.", "stop", "ignored"),
        (REQUIRED, "", "stop", "unknown"),
    ],
)
def test_an_answer_shows_what_became_of_the_parameter(
    feature: str, text: str, finish: str, expected: str
) -> None:
    """Prose is ignored, the constant is honoured, silence and a cut thought show nothing."""
    found, why = _probe.read(feature, Completion(text=text, finish_reason=finish))

    assert expected == found
    assert bool(why) is (expected == "unknown")


@pytest.mark.parametrize("feature", [REQUIRED, NAMED])
@pytest.mark.parametrize(
    ("name", "expected"), [("file_heron_report", "honoured"), ("other", "ignored")]
)
def test_a_forced_call_is_a_call_of_the_tool(feature: str, name: str, expected: str) -> None:
    """Of the one tool there is; its arguments do not count."""
    call = ToolCall(name=name, arguments_text="{")

    assert expected == _probe.read(feature, Completion(text="", tool_calls=(call,)))[0]
