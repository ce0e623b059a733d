"""One of a few labels: where it stands, and that only one does."""

import pytest

from pytest_quantguard.checks.choice import Choice

ANSWERS = ("yes", "no", "maybe")
LETTERS = ("A", "B", "C", "D")


@pytest.mark.parametrize(
    "text",
    [
        "B",
        " b\n",
        "(B)",
        "B.",
        "**B**",
        "**B.**",
        "`B`",
        "\u201cB\u201d",
        "- B",
        "> B",
        "# B",
        "[B]",
        "(b).",
        "B)",
    ],
)
def test_a_label_stands_alone_whatever_is_around_it(judge, text):
    """Blanks, brackets, quotes, Markdown, bullets and punctuation do not make it another answer."""
    outcome = judge(Choice(options=LETTERS, expected="B"), text)

    assert (1.0, ()) == (outcome.value, outcome.violations)
    assert {"named": 1.0, "right": 1.0} == outcome.layers


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "B because it is red",
            'the answer should be one of "A", "B", "C", "D" and nothing else, '
            'got "B because it is red"',
        ),
        ("E", 'the answer should be one of "A", "B", "C", "D" and nothing else, got "E"'),
        ("B#", 'the answer should be one of "A", "B", "C", "D" and nothing else, got "B#"'),
    ],
)
def test_nothing_else_is_allowed_around_it(judge, text, sentence):
    """By default the whole answer is the label."""
    outcome = judge(Choice(options=LETTERS), text)

    assert (sentence,) == outcome.violations
    assert {"named": 0.0, "right": 0.0} == outcome.layers


def test_the_wrong_label_is_told_from_no_label(judge):
    """A label that is not expected has the format and not the answer."""
    outcome = judge(Choice(options=LETTERS, expected=["A", "B"]), "c")

    assert ('chose "C", expected "A", "B"',) == outcome.violations
    assert {"named": 1.0, "right": 0.0} == outcome.layers


@pytest.mark.parametrize(
    ("where", "text", "chosen"),
    [
        ("anywhere", "Well, yes, of course.", "yes"),
        ("anywhere", "Yes. Yes!", "yes"),
        ("anywhere", "As of yesterday: no", "no"),
        ("anywhere", "No-one knows; maybe.", "maybe"),
        ("first_line", "\nNo.\nThe other one said yes.", "no"),
        ("last_line", "One could say yes.\nBut my answer is **no**.\n", "no"),
    ],
)
def test_running_text_names_one_option(judge, where, text, chosen):
    """An option is a word of its own: a "yes" inside "yesterday" does not count."""
    assert judge(Choice(options=ANSWERS, expected=chosen, where=where), text).ok
    for other in set(ANSWERS) - {chosen}:
        assert not judge(Choice(options=ANSWERS, expected=other, where=where), text).ok


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Perhaps.", 'none of "yes", "no", "maybe" is named in "Perhaps."'),
        ("Yesterday nobody came.", 'none of "yes", "no", "maybe" is named in "Yesterday nobody'),
        ("Yes and no.", 'ambiguous: "yes", "no" are all named in "Yes and no."'),
    ],
)
def test_none_or_several_options_are_violations(judge, text, sentence):
    """An ambiguous answer is no answer, and the sentence quotes it."""
    (violation,) = judge(Choice(options=ANSWERS, where="anywhere"), text).violations

    assert violation.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("A is wrong, so is C.\nAnswer: B", "B"),
        ("Answer: A. No, wait.\nFINAL ANSWER: (b) because", "B"),
        ("**Answer:**\n\n**B** - the red one", "B"),
        ("Answer: B) a blue car", "B"),
    ],
)
def test_after_a_text(judge, text, chosen):
    """With `after` the last occurrence decides, in its line or the next that says something."""
    assert judge(Choice(options=LETTERS, expected=chosen, after="Answer:"), text).ok


def test_after_a_text_that_does_not_occur(judge):
    """The sentence names the text that was looked for."""
    check = Choice(options=LETTERS, after="Answer:")

    assert ('"Answer:" does not occur in "It is B"',) == judge(check, "It is B").violations
    assert not judge(check, "Answer:").ok


def test_the_longer_option_wins(judge):
    """Where one option is part of another, the longer one is what is named."""
    options = ["likely", "very likely", "C", "C#"]

    assert judge(
        Choice(options=options, expected="very likely", where="anywhere"), "It is very  likely."
    ).ok
    assert judge(Choice(options=options, expected="likely", where="anywhere"), "It is likely.").ok
    assert judge(Choice(options=options, expected="C#"), "**C#**").ok
    assert judge(Choice(options=options, expected="C"), "**C**").ok


def test_one_letter_in_running_text_is_written_as_it_is_given(judge):
    """ "a" in prose is an article; alone it is option A."""
    assert judge(Choice(options=LETTERS, expected="B", where="anywhere"), "it is a b or a B").ok
    assert judge(Choice(options=LETTERS, expected="A"), "a").ok
    assert not judge(Choice(options=LETTERS, expected="A", case_sensitive=True), "a").ok


def test_numbers_are_whole(judge):
    """1 is not named by 10, 1.5 or -1x."""
    check = Choice(options=["1", "2"], expected="2", where="anywhere")

    assert judge(check, "of 10 and 1.5 I take 2.").ok


def test_scripts_without_blanks(judge):
    """A Chinese label is found between other characters."""
    check = Choice(options=["\u540c\u610f", "\u62d2\u7edd"], expected="\u62d2\u7edd")

    assert judge(check, "\u62d2\u7edd").ok
    anywhere = Choice(options=check.options, expected="\u62d2\u7edd", where="anywhere")
    assert judge(anywhere, "\u6211\u4eec\u62d2\u7edd\u7533\u8bf7\u3002").ok


def test_a_huge_answer_is_no_choice(judge, bounded):
    """More than 100,000 characters are not looked at, and hostile ones take no time."""
    for text in ("-" * 100_000, "* " * 50_000, "yes" * 33_000, "very " * 20_000):
        for where in ("whole", "anywhere", "last_line"):
            with bounded():
                assert not judge(Choice(options=["very likely", "-1"], where=where), text).ok

    assert judge(Choice(options=ANSWERS), "yes" * 40_000).violations == (
        "the answer has 120000 characters; at most 100000 are looked at",
    )


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"options": ["a"]}, "at least two labels, got ('a',)"),
        ({"options": ["a", " "]}, "nothing but blanks"),
        ({"options": ["a", "A"]}, "holds 'A' twice"),
        ({"options": [1, 2]}, "got 1; put the number in quotes"),
        ({"options": ANSWERS, "expected": "yess"}, "no option; did you mean 'yes'?"),
        ({"options": ANSWERS, "where": "first"}, "`where` cannot be 'first'; did you mean 'first_"),
        ({"options": ANSWERS, "where": "anywhere", "after": "a"}, "leave `where` out"),
        ({"options": ANSWERS, "after": ""}, "`after` is empty"),
        ({"options": ANSWERS, "case_sensitive": 1}, "`case_sensitive` has to be true or false"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    """A parameter that makes no sense is a ValueError of one sentence."""
    with pytest.raises(ValueError, match="`") as caught:
        Choice(**parameters)

    assert part in str(caught.value)


def test_case_can_tell_options_apart(judge):
    """With case_sensitive two labels may differ in nothing else."""
    check = Choice(options=["US", "us"], expected="us", where="anywhere", case_sensitive=True)

    assert judge(check, "Give it to us.").ok
    assert not judge(check, "In the US.").ok
