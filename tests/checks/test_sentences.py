"""Where a sentence ends."""

import pytest

from pytest_quantguard.checks._sentences import MOST, sentences


def cut(text):
    return [sentence.text for sentence in sentences(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Weber paid 3.50 EUR to Acme Inc. in Bonn.",
        "He left on 1. M\u00e4rz 2026, e.g. for the U.S. coast.",
        "See No. 5, p. 12 and Fig. 3.",
        "J. R. Stone vs. M. Holm: what a match!",
        "Das gilt z.B. f\u00fcr Herrn Prof. Dr. Lang, d.h. ab 5 Uhr.",
        "Version 4.2.1 of a.example/b.c is out.",
        "Wait... that is not all.",
    ],
)
def test_a_full_stop_inside_ends_nothing(sentence):
    """Abbreviations, initials, decimals, ordinals and dotted names stay in one piece."""
    assert [sentence] == cut(sentence)
    assert [sentence, "Next one."] == cut(f"{sentence} Next one.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It isn't. He is. No. So it is.", ["It isn't.", "He is.", "No.", "So it is."]),
        (
            "\u201cIt is.\u201d He said. (Really.) Ok.",
            ["\u201cIt is.\u201d", "He said.", "(Really.)", "Ok."],
        ),
        ("Acme Inc. The firm grew.", ["Acme Inc.", "The firm grew."]),
        (
            "\u662f\u7684\u3002\u5b83\u5f88\u5927\uff01",
            ["\u662f\u7684\u3002", "\u5b83\u5f88\u5927\uff01"],
        ),
    ],
)
def test_a_full_stop_between_ends_one(text, expected):
    """A sentence ends where a new one begins."""
    assert expected == cut(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained. [2] It snowed.[doc-3] Ok.", ["It rained. [2]", "It snowed.[doc-3]", "Ok."]),
        (
            "It rained.\u00b9 Ok (Weber, 2020). End.",
            ["It rained.\u00b9", "Ok (Weber, 2020).", "End."],
        ),
        ("It rained. (Weber, 2020) Ok.", ["It rained. (Weber, 2020)", "Ok."]),
        ("[1] It rained. [2] It snowed.", ["[1] It rained.", "[2] It snowed."]),
        (
            "It rained. [Link](http://a.b/1) is here.",
            ["It rained.", "[Link](http://a.b/1) is here."],
        ),
    ],
)
def test_a_source_behind_a_full_stop_belongs_to_what_it_follows(text, expected):
    """Unless the paragraph has its sources in front."""
    assert expected == cut(text)


def test_markdown_is_read_by_line():
    """Headings, items and rows are pieces of their kind; markers, rules and code are none."""
    text = (
        "# Title\n\nIntro text:\n- one\n* two. Half.\n3. three\n> quoted\n\n**Bold line**\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n```\ncode. Here.\n```\nEnd"
    )

    assert [
        ("heading", "# Title"),
        ("prose", "Intro text:"),
        ("item", "one"),
        ("item", "two."),
        ("item", "Half."),
        ("item", "three"),
        ("prose", "quoted"),
        ("heading", "**Bold line**"),
        ("row", "| a | b |"),
        ("row", "| 1 | 2 |"),
        ("prose", "End"),
    ] == [(sentence.kind, sentence.text) for sentence in sentences(text)]


def test_wrapped_lines_are_one_sentence_and_short_lines_are_not():
    """A line goes on when the next one begins small, or when it was long and had no end."""
    wrapped = (
        "This line is as long as lines are when a model wraps them at seventy characters\nBonn."
    )

    assert [wrapped] == cut(wrapped)
    assert ["It goes\non here."] == cut("It goes\non here.")
    assert ["Name: Anna", "City: Bonn"] == cut("Name: Anna\nCity: Bonn")


def test_places_are_those_of_the_text():
    """Where a sentence begins counts in characters of the text."""
    text = "  One. \n\n - Two.\n"

    assert all(text[one.start : one.start + len(one.text)] == one.text for one in sentences(text))


@pytest.mark.parametrize(
    "text",
    [
        "." * 1_000_000,
        ". A" * 333_000,
        "\n" * 1_000_000,
        ".[" * 500_000,
        ".[1]" * 250_000,
        ".(" * 500_000,
        ">" * 1_000_000,
        "- " * 500_000,
        "a b\n" * 250_000,
        "a" * 1_000_000,
        "```\n" * 250_000,
        ".\u00b9" * 400_000,
    ],
    ids=lambda text: f"{text[:4]!a}-{len(text)}",
)
def test_a_million_characters_take_bounded_time(bounded, text):
    """Every full stop is looked at once, with a bounded neighbourhood."""
    with bounded():
        assert len(sentences(text)) <= MOST
