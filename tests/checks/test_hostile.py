"""Every check against every kind of hostile answer: an outcome, soon, in printable sentences.

The checks are those of the table, made from the examples of their docstrings, so that a new check
is in here without a line. `FURTHER` has parameters that the examples do not show.
"""

import functools
import importlib
import inspect
import math
import re
import textwrap
import time

import pytest

from pytest_quantguard._judging import judged
from pytest_quantguard._registry import Registry
from pytest_quantguard.checks import CHECKS
from pytest_quantguard.contracts import Repeated
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import (
    Completion,
    CompletionRequest,
    GoldenCase,
    Source,
    ToolCall,
    Usage,
)

NEEDS_SERVICES = {
    "judge": "asks a model; its own tests have hostile verdicts",
    "python_tests": "runs code in a sandbox; its own tests have hostile programs",
}
FURTHER = {
    "choice": [{"options": ["A", "very likely", "-1"], "where": "anywhere"}],
    "citations": [{"pattern": r"\(([^()]{1,40})\)"}],
    "code_parses": [{"language": "xml"}],
    "contains": [{"texts": ["stra\u00dfe"], "case_sensitive": False}],
    "json": [{"fenced": True}],
    "language": [{"language": "ja"}, {"language": "ru"}],
    "length": [{"min_paragraphs": 2, "max_lines": 3, "max_chars": 9, "min_tokens": 1}],
    "not_contains": [{"texts": ["a", "STRASSE"], "case_sensitive": False, "whole_words": True}],
    "numbers_preserved": [{"min_digits": 1}],
    "regex": [{"pattern": r"(?s).*\d{5}", "full": True}],
    "repetition": [{"times": 2, "max_share": 0.01}],
    "similarity": [{"least": 0.9, "measure": "rouge_l"}, {"least": 0.9, "measure": "token_f1"}],
    "stability": [{"of": "json"}, {"of": "text", "measure": "pairwise"}],
}

TOOLS = ("refund_order", "find_order", "book_room", "get_weather", "get_time")
CASE = GoldenCase(
    id="case",
    cohort="cohort",
    request=CompletionRequest(
        messages=(
            {
                "role": "user",
                "content": "[doc-1] Refund order 88213-A of Anna Kowalska by 2026-03-01.\n\n"
                "[doc-2] M\u00fcller & S\u00f6hne paid 1,234.50 EUR with card 4711000012.",
            },
        ),
        tools=tuple({"function": {"name": name, "parameters": {}}} for name in TOOLS),
    ),
    source=Source(file="golden/a.quant.yaml", line=1),
    samples=2,
    reference="Order 88213-A was refunded.",
)

NESTED = 100_000
HOSTILE = {
    "one letter": "a",
    "blanks": " \t\u00a0\u2003\u3000\n" * 200,
    "invisible": "\u200b\u200d\u2060\ufeff\u00ad" * 200,
    "right to left": "\u202eabc\u202c \u2066\u05d0\u2069" * 100,
    "controls": "".join(map(chr, range(32))) * 20,
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b31m" * 50,
    "surrogates": "\ud800 \udfff\ud83d" * 500,
    "noncharacters": "\ufffe\uffff\U0010ffff" * 200,
    "combining": "a" + "\u0301\u0323" * 100_000,
    "workflow": "::error::x\n##[group]y\n ##vso[task.complete]z\n::add-mask::\n" * 50,
    "xml end": "]]> <![CDATA[ ]]> --> <!-- ?> </a> <script>alert(1)</script>" * 20,
    "doctype": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "markdown": "![x](http://127.0.0.1:1/x.png) @everyone =cmd() |---|\n```\n~~~\n" * 100,
    "fences": "```python\n" * 20_000,
    "nan": '{"a": NaN, "b": [Infinity, -Infinity, 1e999]}',
    "bare nan": "NaN",
    "digits": "1" * 10_000,
    "number": '{"order_id": ' + "8" * 10_000 + "}",
    "duplicates": '{"a": 1, "a": 2}',
    "arrays": "[" * NESTED,
    "closed arrays": "[" * NESTED + "]" * NESTED,
    "objects": '{"a":' * NESTED,
    "elements": "<a>" * 60_000,
    "brackets": "(" * NESTED + ")" * NESTED,
    "quotes": "\"'`\u201c\u00ab" * 20_000,
    "stars": "*_" * 50_000,
    "operators": "-" * NESTED + "1",
    "backtracking": "a" * 50_000 + "b",
    "backtracking blanks": "a" + " " * 50_000 + "b",
    "backtracking digits": "1,111." * 20_000 + "x",
    "backtracking dates": "2026-01-01T" * 10_000,
    "backtracking urls": "http://a.b/" * 10_000 + "@" * 1_000,
    "backtracking mail": "a." * 50_000 + "@",
    "backtracking citations": "[1, " * 20_000 + "[doc-1" * 1_000,
    "sentences": "No. 5 p. 3 e.g. Dr. A. B. " * 5_000,
    "calls in text": '<tool_call>{"name": "refund_order", "arguments": {' * 2_000,
    "python": "refund_order(" * 20_000,
    "capitals": "Anna Kowalska Mueller GmbH " * 5_000,
    "table": "|a" * 50_000 + "\n|-" * 10_000,
    "marks": ".!?\u2026\u3002" * 20_000,
    "carriage returns": "a\r" * 50_000 + "\r\n\u2028\u2029\x85" * 1_000,
}
MEGABYTES = {
    "prose": "The order 88213-A was refunded to Anna Kowalska. It is done, so to say.\n" * 140_000,
    "one line": "a" * 10_000_000,
    "lines": "\n" * 10_000_000,
    "numbers": "[" + "1, " * 3_333_333 + "1]",
    "half pairs": "\ud83d" * 10_000_000,
}
CALLS = {
    "name": [("\x1b[31m::error::\u202e\ud800" * 1_000, "{}")],
    "empty name": [("", "")],
    "unknown": [("refund_ordr", "{}")],
    "no object": [("refund_order", "null"), ("refund_order", '"x"'), ("refund_order", "[]")],
    "nan": [("refund_order", '{"order_id": NaN, "a": 1e999, "a": Infinity}')],
    "nested": [("refund_order", '{"a":' * NESTED), ("refund_order", "[" * NESTED)],
    "cut": [("refund_order", '{"order_id": "88213-')],
    "twice": [("refund_order", '{"order_id": "1", "order_id": "2"}')],
    "controls": [("refund_order", '{"order_id": "\x1b[31m\u202e\ud800"}')],
    "huge": [("refund_order", '{"order_id": "' + "8" * 10_000_000 + '"}')],
    "many": [("refund_order", f'{{"order_id": "{number}"}}') for number in range(20_000)],
}
REASONS = ["", "length\x1b[0m", "\ud800" * 10_000, "::error::", "a" * 10_000_000]
CHECKED = [name for name in CHECKS if name not in NEEDS_SERVICES]
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
    r"|^\s*(::|##)|##\w*\["
)


@functools.cache
def samples(name):
    """Make a check from every example of its docstring, and from `FURTHER`."""
    yaml = pytest.importorskip("yaml")
    module, _, attr = CHECKS[name].partition(":")
    doc = inspect.getdoc(getattr(importlib.import_module(module), attr))
    written = yaml.safe_load(textwrap.dedent(doc.split("Example:\n")[1].split("\n\n")[0]))["expect"]
    return [
        Registry().build_check(spec)
        for spec in [*written, *({name: more} for more in FURTHER.get(name, ()))]
    ]


def answer(text="", calls=(), reason="stop"):
    return Completion(
        text=text,
        tool_calls=tuple(ToolCall(name=name, arguments_text=written) for name, written in calls),
        finish_reason=reason,
        usage=Usage(prompt_tokens=10, completion_tokens=10),
        latency_s=1.0,
        ttft_s=0.1,
    )


def assert_sound(check, completion, limit_s=10.0):
    """Judge as the gate does; demand a value, few printable sentences, and little work."""
    repeats = (completion,) * (2 if isinstance(check, Repeated) else 1)
    began = time.process_time()
    outcome = judged(repeats, CASE, check.key, check)
    took = time.process_time() - began

    assert 0.0 <= outcome.value <= 1.0
    assert math.isfinite(outcome.value)
    assert len(outcome.violations) <= 12
    assert outcome.ok is not bool(outcome.violations)
    for violation in outcome.violations:
        assert not UNPRINTABLE.search(violation)
        assert 0 < len(violation) <= 600
        violation.encode("utf-8")
    assert took < limit_s


def test_every_check_is_in_here():
    """A check is either tried or left out for a reason, and every parameter set is of a check."""
    assert set(CHECKS) == set(CHECKED) | set(NEEDS_SERVICES)
    assert set(FURTHER) <= set(CHECKED)
    assert all(samples(name) for name in CHECKED)


@pytest.mark.parametrize("name", CHECKED)
def test_hostile_texts(name):
    """Control characters, halves of pairs, depth, digits, markup, what makes patterns backtrack."""
    for text in HOSTILE.values():
        for check in samples(name):
            assert_sound(check, answer(text))


@pytest.mark.parametrize("size", MEGABYTES)
@pytest.mark.parametrize("name", CHECKED)
def test_ten_megabytes(name, size):
    """A bounded part is looked at, or all of it in linear time."""
    for check in samples(name)[-2:]:
        assert_sound(check, answer(MEGABYTES[size]), limit_s=20.0)


@pytest.mark.parametrize("name", CHECKED)
def test_hostile_calls(name):
    """Names and arguments of tool calls are as hostile as texts."""
    for calls in CALLS.values():
        for check in samples(name):
            assert_sound(check, answer("", calls))


@pytest.mark.parametrize("name", CHECKED)
def test_hostile_ends(name):
    """So are finish reasons and refusal fields."""
    for check in samples(name):
        for reason in REASONS:
            assert_sound(check, answer("a", reason=reason))
        for text in ("\x1b[31m::error::\ud800", "a" * 1_000_000):
            completion = Completion(
                text="", refusal=text, finish_reason="stop", latency_s=1.0, ttft_s=0.1,
                usage=Usage(completion_tokens=1),
            )  # fmt: skip
            assert_sound(check, completion)


@pytest.mark.parametrize(
    "spec",
    [
        {"regex": {"pattern": "(a+)+$"}},
        {"citations": {"pattern": "((a+)+)c"}},
        {"stability": {"of": {"pattern": "(a+)+c"}}},
        {"disclaimer": {"pattern": "(a+)+c"}},
    ],
)
@pytest.mark.usefixtures("quick")
def test_patterns_without_end(spec):
    """A pattern of the user that backtracks for ever is stopped, and is the check's error."""
    check = Registry().build_check(spec)

    with pytest.raises(CheckError, match=r"was stopped after 0\.3 s"):
        judged((answer("a" * 60 + "b"),) * 2, CASE, check.key, check)
