"""Placeholders in the texts of golden cases."""

from __future__ import annotations

import re
import time

import pytest

from pytest_quantguard.documents.template import fill, names

KNOWN = {"name": "Ada", "n": 3, "price": 4.5, "on": True, "list": [1, {"a": "b"}], "nil": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {{name}}!", "Hello Ada!"),
        ("{{ name }} and {{\tname\t}}", "Ada and Ada"),
        ("{{n}} items, {{price}} EUR, {{on}}", "3 items, 4.5 EUR, true"),
        ('{"a": {{n}}}', '{"a": 3}'),
        ("{{{name}}}", "{Ada}"),
        ("{{", "{{"),
        (
            "{{ two words }} {{}} {{na\nme}} {{\nname}}",
            "{{ two words }} {{}} {{na\nme}} {{\nname}}",
        ),
        ("{name} }} name", "{name} }} name"),
    ],
)
def test_placeholders_in_a_text_are_written_out(text, expected):
    """Texts, numbers and booleans; braces that are no placeholder stay."""
    assert expected == fill(text, KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_a_text_that_is_one_placeholder_keeps_the_type(name):
    """A number stays a number, a list a list."""
    assert KNOWN[name] is fill(f"{{{{ {name} }}}}", KNOWN)


def test_texts_are_found_wherever_they_stand_but_keys_are_left_alone():
    """Lists, tuples and maps are copied; what is no text is kept."""
    value = {"{{name}}": ["{{name}}", 1, None, ("{{n}}",)], "b": {"c": "x{{n}}"}}

    assert {"{{name}}": ["Ada", 1, None, (3,)], "b": {"c": "x3"}} == fill(value, KNOWN)
    assert ["{{name}}", 1, None, ("{{n}}",)] == value["{{name}}"]


def test_what_a_variable_holds_is_not_filled_again():
    """One pass: a value cannot bring placeholders of its own, and can so write braces."""
    assert "a {{b}} z" == fill("a {{a}} z", {"a": "{{b}}", "b": "no"})
    assert "{{b}}" == fill("{{a}}", {"a": "{{b}}", "b": "no"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{nmae}}", "unknown variable 'nmae'; did you mean 'name'?"),
        ("x {{nmae}}", "unknown variable 'nmae'; did you mean 'name'?"),
        ("x {{list}}", "'list' is a list or a map, which cannot stand inside a text; write"),
        ("x {{list}}", 'write "{{list}}" alone, or make the variable a text'),
        ("x {{nil}}", "the variable 'nil' is null"),
    ],
)
def test_what_cannot_be_filled_is_said_in_a_sentence(text, sentence):
    """An unknown name with its nearest neighbour; a list in the middle of a text."""
    with pytest.raises(LookupError, match=re.escape(sentence)):
        fill([text], KNOWN)


def test_a_number_that_python_does_not_write_is_no_traceback():
    """Python refuses to write more than 4,300 digits."""
    assert 10**5000 == fill("{{n}}", {"n": 10**5000})

    with pytest.raises(LookupError, match="'n' is too long a number for a text"):
        fill("x {{n}}", {"n": 10**5000})


def test_names_are_those_that_fill_would_look_up():
    """In texts alone, not in keys."""
    value = {"{{key}}": ["{{a}} {{ b-1 }}", {"x": ("{{c.d_e}}",)}, 5, "{{no no}}"]}

    assert {"a", "b-1", "c.d_e"} == names(value)
    assert {"a", "b-1", "c.d_e"} == set(re.findall("'(.*?)'", message_of(value)))


def message_of(value: object) -> str:
    """All unknown names that fill complains of, one after the other."""
    known: dict[str, str] = {}
    said = []
    while True:
        try:
            fill(value, known)
        except LookupError as error:
            said.append(str(error).split(";")[0])
            known[re.findall("'(.*?)'", said[-1])[0]] = ""
        else:
            return " ".join(said)


@pytest.mark.parametrize("text", ["{{" + " " * 5_000_000, "{" * 5_000_000, "{{a" * 2_000_000])
def test_huge_texts_are_read_in_one_pass(text):
    """Time grows with the length, not with its square."""
    began = time.process_time()

    assert text == fill(text, {})
    assert set() == names(text)
    assert time.process_time() - began < 60
