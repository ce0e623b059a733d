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


@pytest.mark.parametrize(
    ("options", "expected", "text"),
    [
        (LETTERS, "B", "\uff08B\uff09"),
        (LETTERS, "B", "\u3010B\u3011"),
        (LETTERS, "B", "B\uff09"),
        (LETTERS, "B", "\uff22\u3002"),
        (LETTERS, "B", "\ufeffB"),
        (LETTERS, "B", "$B$"),
        (LETTERS, "B", "\\boxed{B}"),
        (LETTERS, "B", "$\\boxed{\\text{B}}$"),
        (LETTERS, "B", "B \u2705"),
        (("\u662f", "\u5426"), "\u662f", "\u300c\u662f\u300d"),
        (("\u662f", "\u5426"), "\u662f", "\u662f\u3002"),
        (("\u662f", "\u5426"), "\u662f", "\u662f\uff01"),
        (
            ("\u0939\u093e\u0901", "\u0928\u0939\u0940\u0902"),
            "\u0939\u093e\u0901",
            "\u0939\u093e\u0901\u0964",
        ),
        (
            ("\u0646\u0639\u0645", "\u0644\u0627"),
            "\u0646\u0639\u0645",
            "\u200f\u0646\u0639\u0645\u060c",
        ),
        (("s\u00ed", "no"), "s\u00ed", "\u00a1Si\u0301!"),
        (("1", "2"), "2", "\uff12"),
        (("\U0001f44d", "\U0001f44e"), "\U0001f44e", "\U0001f44e"),
        (("(A)", "(B)"), "(B)", "B"),
    ],
)
def test_a_label_in_any_script_and_spelling(judge, options, expected, text):
    """Punctuation of every script, Unicode forms, invisible characters and LaTeX are no letters."""
    assert judge(Choice(options=options, expected=expected), text).ok
    assert not judge(
        Choice(options=options, expected=options[0 if expected == options[1] else 1]), text
    ).ok


@pytest.mark.parametrize(
    "text",
    [
        "Answer: B. Vitamin C",
        "Answer: B (Hepatitis C)",
        "Answer: B. A triangle has three sides.",
        "Answer: B, because A is wrong",
        "Answer: B - not C",
        "**Answer**: B",
        "Answer : B",
        "ANSWER\uff1a(b) as in D",
        "Answer: **B.** Vitamin C",
        "Answer: $\\boxed{B}$: the vitamin A",
        "Answer:\n```\nB\n```",
    ],
)
def test_a_label_that_begins_the_place_wins(judge, text):
    """What stands behind a label that is set off is its text or its reason, not another label."""
    assert judge(Choice(options=LETTERS, expected="B", after="Answer:"), text).ok


@pytest.mark.parametrize(
    "text",
    ["Answer: A, B", "Answer: A or B", "Answer: (A) or (B)", "Answer: A. / B.", "Answer: A; B"],
)
def test_a_list_of_labels_is_ambiguous(judge, text):
    """A label that begins the place does not win when another one is listed next."""
    (violation,) = judge(Choice(options=LETTERS, after="Answer:"), text).violations

    assert violation.startswith('ambiguous: "A", "B"')


def test_anywhere_does_not_take_the_first_label(judge):
    """In a whole text the order says nothing: the model may have changed its mind."""
    check = Choice(options=LETTERS, where="anywhere")

    assert not judge(check, "A, no wait, that is wrong. It is B.").ok


@pytest.mark.parametrize(
    "text", ["Score: 4/5", "4 out of 5", "I give 4 of 5.", "4.0", "Score: 4 / 5!"]
)
def test_the_scale_is_no_label(judge, text):
    """A score is named with its scale, and may have a zero behind the point."""
    check = Choice(options=["1", "2", "3", "4", "5"], expected="4", where="last_line")

    assert judge(check, text).ok


@pytest.mark.parametrize("text", ["Score: 4.5", "Score: 14", "4/5/2024", "4 or 5"])
def test_other_numbers_are_no_scores(judge, text):
    """A fraction, a longer number, a date and two scores name none."""
    check = Choice(options=["1", "2", "3", "4", "5"], expected="4", where="last_line")

    assert not judge(check, text).ok


def test_labels_with_a_slash_are_read_as_they_are(judge):
    """Where the labels are fractions, no scale is taken away."""
    check = Choice(options=["1/2", "1/4"], expected="1/4", where="last_line")

    assert judge(check, "So it is 1/4 of it.").ok


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("last_line", "Well:\n```\nyes\n```"),
        ("last_line", "Well.\n\nyes\n\n---\n"),
        ("last_line", '{\n  "answer": "yes"\n}'),
        ("last_line", "<answer>\nyes\n</answer>"),
        ("first_line", "```text\nyes\n```"),
        ("first_line", "***\n# Yes\nbecause no"),
    ],
)
def test_lines_that_say_nothing_are_skipped(judge, where, text):
    """Fences, rules, brackets and tags are not the first or the last line."""
    assert judge(Choice(options=ANSWERS, expected="yes", where=where), text).ok


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"options": LETTERS, "after": "  "}, "`after` is nothing but blanks"),
        ({"options": ["(A)", "A"]}, "`options` holds '(A)' and 'A', which are the same without"),
        ({"options": ["yes", "yes!"]}, "`options` holds 'yes' and 'yes!', which are the same"),
        ({"options": ["s\u00ed", "si\u0301"]}, "twice"),
    ],
)
def test_labels_that_cannot_be_told_apart(parameters, sentence):
    """They are a mistake of whoever wrote them."""
    with pytest.raises(ValueError, match="`") as error:
        Choice(**parameters)

    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "e" + "\u0301\u0316" * 49_000,
        "Answer" + " *" * 49_000,
        "Answer:" * 14_000,
        "\\text{" * 16_000,
        "$" * 99_000,
        "A, " * 33_000,
        "1 / " * 24_000,
    ],
)
def test_hostile_texts_take_no_time(judge, bounded, text):
    """Marks without end, half LaTeX and runs of the marker are read in linear time."""
    for place in ({"after": "Final Answer:"}, {"after": "Answer:"}, {"where": "last_line"}):
        with bounded():
            judge(Choice(options=[*LETTERS, "1"], **place), text)
