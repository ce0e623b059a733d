"""Mistakes that a check must not let through: other spellings, and parameters that never decide."""

import re

import pytest
import yaml

from pytest_quantguard.checks.finish_reason import FinishReason
from pytest_quantguard.checks.json import Json
from pytest_quantguard.checks.not_contains import NotContains
from pytest_quantguard.checks.regex import Regex
from pytest_quantguard.checks.stability import Stability
from pytest_quantguard.checks.xml import Xml


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("as an AI", "I am, as an\nAI model, unable"),
        ("as an AI", "Well, as  an \t AI,"),
        ("as an AI", "Well, as\u00a0an AI,"),
        ("don't know", "I don\u2019t know"),
        ("don\u2019t know", "I don't\nknow"),
        ("caf\u00e9", "the cafe\u0301"),
        ("cafe\u0301", "the caf\u00e9"),
    ],
)
def test_a_forbidden_text_in_another_spelling(judge, text, answer):
    """Line breaks, kinds of blanks and apostrophes and Unicode forms do not let it through."""
    for parameters in ({}, {"whole_words": True}, {"case_sensitive": False}):
        assert not judge(NotContains(texts=text, **parameters), answer).ok


def test_blanks_at_the_ends_and_line_breaks_are_meant(judge):
    """Parts of a template are found as they are written."""
    check = NotContains(texts=["\n\nHuman:", "as an AI"])

    assert judge(check, "Dear Human: asan AI, as-an AI").ok
    assert not judge(check, "Bye\n\nHuman: hi").ok


def test_a_forbidden_text_in_endless_blanks_takes_no_time(judge, bounded):
    """Runs of blanks are passed once."""
    with bounded():
        assert judge(NotContains(texts="as an AI"), "as" + " " * 5_000_000 + "as an").ok


@pytest.mark.parametrize("pattern", [".*", "x*", "", "(a|)", "^", "a?b?"])
def test_a_pattern_that_always_holds_is_refused(pattern):
    """It would be green for whatever a model says."""
    with pytest.raises(ValueError, match="`pattern` is"):
        Regex(pattern=pattern)


@pytest.mark.parametrize("pattern", [r"\A(?!.*sorry)", "^$", r"\A[0-9]*\Z"])
def test_a_pattern_that_may_match_nothing_is_allowed(pattern):
    """Some demand that something is missing."""
    assert Regex(pattern=pattern).pattern == pattern


@pytest.mark.parametrize(
    "text",
    ["~~~json\n{}\n~~~", "```json {}```", "```json {}\n```", "~~~\n{}\n~~~", "````\n{}\n````"],
)
def test_fences_of_json(judge, text):
    """Tildes and fences of one line are fences."""
    assert judge(Json(fenced=True), text).ok
    (violation,) = judge(Json(), text).violations
    assert f"has a {text[:3]} fence around the JSON" in violation


@pytest.mark.parametrize("text", ["```jsonl\n{}\n```", "```json\n{}\n~~~", "```python\n{}\n```"])
def test_other_fences_are_no_json(judge, text):
    """Another language, or a fence that another one ends."""
    assert not judge(Json(fenced=True), text).ok


@pytest.mark.parametrize(
    ("given", "meant"),
    [("Stop", "stop"), ("end", "stop"), ("max_tokens", "length"), ("tool-calls", "tool_calls")],
)
def test_a_reason_of_another_interface(given, meant):
    """It would never be given; the sentence says which one is."""
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        FinishReason(allowed=[given])


@pytest.mark.parametrize("required", ["item", "other/item", "/item", "@id"])
def test_a_path_that_cannot_be_below_the_root(required):
    """Paths begin at the outermost element."""
    with pytest.raises(ValueError, match="`required` holds"):
        Xml(root="order", required=[required])


@pytest.mark.parametrize(
    ("root", "path"), [("o:order", "order/a"), ("order", "*/a"), ("order", "/order")]
)
def test_a_path_that_begins_with_the_root(root, path):
    """With any prefix, a star or a slash before it."""
    assert Xml(root=root, required=[path]).required == (path,)


def test_a_full_stop_is_no_digit_of_a_total(judge):
    """The example of `stability` reads "42." and "42" alike."""
    pattern = yaml.safe_load(
        next(
            line
            for line in (Stability.__doc__ or "").splitlines()
            if "pattern:" in line and "- " in line
        )
    )[0]["stability"]["of"]["pattern"]

    assert [re.search(pattern, text)[1] for text in ("Total: 42.", "total: 42")] == ["42", "42"]
