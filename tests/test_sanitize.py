"""The border to model text."""

from __future__ import annotations

import html
import json

import pytest

from pytest_quantguard import _sanitize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
        ("\u202eevil", "\\u202eevil"),
        ("a\u200bb", "a\\u200bb"),
        ("\U000e0041", "\\U000e0041"),
        ("a\rb", "a\\rb"),
        ("a\r\nb", "a\nb"),
        ("naïve 你好 🎉", "naïve 你好 🎉"),
    ],
)
def test_unsafe_characters_become_visible(text, expected):
    """Nothing is lost, and nothing is obeyed by a terminal or refused by an XML parser."""
    assert expected == _sanitize.clean(text)


def test_a_long_text_is_cut_and_says_so():
    """Cut before it is escaped, so that 10 MB cost no more than the limit."""
    assert "aaa... [9997 more characters]" == _sanitize.clean("a" * 10_000, 3)


@pytest.mark.parametrize(
    "text", ["::error::x", "  ::add-mask::x", "a\n::stop-commands::x", "##[error]x", "##vso[a]b"]
)
def test_no_line_of_a_block_is_a_command(text):
    """GitHub trims a line and looks at its start, and looks for ##[ anywhere."""
    for render in (_sanitize.quoted_block, _sanitize.neutral, _sanitize.one_line):
        lines = render(text).split("\n")

        assert not any(line.lstrip().startswith("::") for line in lines)
        assert not any("##[" in line or "##vso[" in line for line in lines)


def test_the_longest_secret_is_scrubbed_first():
    """A key that holds another key leaves no rest."""
    assert "[secret] [secret]" == _sanitize.scrub("abc abcdef", ("abc", "abcdef", ""))


SECRET = 'sk-a"b\\c-0123456789'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {SECRET}!", "key [secret]!"),
        (f"key {SECRET.upper()}!", "key [secret]!"),
        (json.dumps({"key": SECRET}), '{"key": "[secret]"}'),
        (f"key {SECRET!r}", "key '[secret]'"),
        (f"key {SECRET[:-1]}", "key [secret]"),
        (f"key {json.dumps(SECRET)[1:-4].lower()}", "key [secret]"),
        (f"{SECRET[:9]} {SECRET[:9]}", f"{SECRET[:9]} [secret]"),
        (f"key {SECRET[:8]}", "key [secret]"),
        (f"key {SECRET[:7]}", f"key {SECRET[:7]}"),
        (SECRET[1:], SECRET[1:]),
    ],
)
def test_a_secret_is_found_however_it_is_written(text, expected):
    """In capitals, as JSON or Python writes it, and cut off at the end of the text."""
    assert expected == _sanitize.scrub(text, (f"{SECRET}\n",))


def test_a_short_secret_is_replaced_as_it_stands():
    """`EMPTY` is what local servers are given: it does not blot out every `empty`."""
    assert "empty [secret] EMPT" == _sanitize.scrub("empty EMPTY EMPT", ("EMPTY",))


def test_html_is_cleaned_and_escaped_whatever_the_character():
    """What is left as it stands, to be quick, is what would not have changed."""
    for code in (*range(0x3000), 0xD800, 0xFEFF, 0xFFFE, 0x1F600, 0xE0041):
        for text in (chr(code), f"a{chr(code)}b"):
            assert html.escape(_sanitize.clean(text)) == _sanitize.html(text)
    assert "&lt;b title=&quot;&#x27;&quot;&gt; &amp;amp;" == _sanitize.html('<b title="\'"> &amp;')


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefgh1234",
        "Authorization: Bearer abc.def-ghi_jkl",
        "Proxy-Authorization: Basic dXNlcjpwYXNzd29yZDE=",
        "url?api_key=abcdefgh&x=1",
        "token eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0",
    ],
)
def test_what_looks_like_a_key_is_replaced(text):
    """In logs of others nobody knows the keys beforehand."""
    found = _sanitize.without_keys(text)

    assert "[secret]" in found
    assert not {"abcdefgh", "abc.def", "dXNlcj", "eyJ"} & {
        word for word in ("abcdefgh", "abc.def", "dXNlcj", "eyJ") if word in found
    }


def test_ordinary_words_are_no_keys():
    """A sentence of an error stays as it is."""
    text = "503 Service Unavailable: the basic understanding of a keyboard, key-value store"

    assert text == _sanitize.without_keys(text)
