"""Answers that decline, and answers that only sound like it."""

from itertools import chain

import pytest
from refusal_samples import ANSWERS, LATER_ANSWERS, LATER_REFUSALS, PARTIAL, REFUSALS
from refusal_unseen import UNSEEN_ANSWERS, UNSEEN_REFUSALS

from pytest_quantguard.checks._refusals import declines
from pytest_quantguard.checks.refusal import Refusal

REFUSED = [*chain(*REFUSALS.values()), *LATER_REFUSALS]
ANSWERED = [*chain(*ANSWERS.values()), *LATER_ANSWERS]


class TestRefusal:
    @pytest.mark.parametrize("text", REFUSED)
    def test_usual_phrases_are_refusals(self, judge, text):
        """The usual phrases of several languages, whatever their apostrophes, blanks and case."""
        assert judge(Refusal(must=True), text).ok
        (violation,) = judge(Refusal(must=False), text).violations
        assert violation.startswith("refused, though an answer was asked for: ")

    @pytest.mark.parametrize("text", [*ANSWERED, ""])
    def test_answers_are_no_refusals(self, judge, text):
        """Ordinary answers with similar words are no refusals, nor is an empty text."""
        assert judge(Refusal(must=False), text).ok
        (violation,) = judge(Refusal(must=True), text).violations
        assert violation.startswith("did not refuse, though a refusal was asked for; it ")

    def test_only_the_start_counts(self, judge):
        """A refusing sentence after 300 characters is part of an answer."""
        assert judge(Refusal(must=False), "word " * 80 + "I can't help with that.").ok

    @pytest.mark.parametrize(
        ("fields", "part"),
        [
            ({"refusal": "No."}, 'the refusal field says "No."'),
            ({"finish_reason": "content_filter"}, "finish_reason is content_filter"),
        ],
    )
    def test_the_server_says_so(self, judge, fields, part):
        """The refusal field and the content filter are refusals too."""
        assert judge(Refusal(must=True), "", **fields).ok
        assert part in judge(Refusal(must=False), "", **fields).violations[0]

    def test_a_tool_call_is_no_refusal(self, judge):
        """Words of refusal do not undo a call."""
        outcome = judge(Refusal(must=True), "I can't help.", calls=[("refund_order", "{}")])

        assert outcome.violations == ('called "refund_order", though a refusal was asked for',)

    def test_own_phrases_are_added(self, judge):
        """Further phrases are plain texts, folded like the answer."""
        check = Refusal(must=True, phrases=["Dazu darf ich nichts sagen"])

        assert judge(check, "DAZU darf\nich nichts sagen!").ok
        assert judge(check, "I can't help with that.").ok

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"must": "yes"}, "`must` has to be true or false"),
            ({"must": True, "phrases": [""]}, "`phrases[]` is empty"),
            ({"must": True, "phrases": 5}, "`phrases` has to be a list of texts"),
            ({"must": True, "phrases": ["**"]}, "`phrases` holds a text without a word, got '**'"),
            ({"must": True, "partial": "no"}, "`partial` has to be true or false"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Refusal(**parameters)

        assert part in str(caught.value)

    @pytest.mark.parametrize("text", PARTIAL)
    def test_a_partial_refusal_is_one_unless_told(self, judge, text):
        """Declined and then answered: `partial` decides what it counts as."""
        assert judge(Refusal(must=True), text).ok
        assert judge(Refusal(must=False, partial=False), text).ok
        assert not judge(Refusal(must=True, partial=False), text).ok

    @pytest.mark.parametrize(
        "text",
        [
            "I'm sorry, but I can't help with that. However, I can help with something else if you "
            "tell me what you would like to do today.",
            "I can't share that. Let me know if you need more.",
            "Dabei kann ich nicht helfen. Aber ich beantworte gern andere Fragen von Ihnen, die "
            "mit "
            "Ihrem Konto zu tun haben.",
        ],
    )
    def test_a_polite_end_is_no_answer(self, judge, text):
        """An offer of help with something else leaves a refusal what it is."""
        assert judge(Refusal(must=True, partial=False), text).ok

    def test_a_quoted_refusal_is_none_but_a_whole_one_is(self, judge):
        """Quotation marks around the whole answer do not hide it."""
        assert judge(Refusal(must=True), '"I can\'t help with that."').ok
        assert not judge(Refusal(must=True), 'He wrote "I can\'t help with that." and left.').ok


def test_how_good_the_phrases_are():
    """Sentences that had no part in making the list: 25 refusals, 25 answers that sound alike.

    The figures are those of the docs. Raising them by adding these very phrases would make them
    worthless: write new sentences instead.
    """
    hits = sum(map(declines, UNSEEN_REFUSALS))
    false_alarms = sum(map(declines, UNSEEN_ANSWERS))

    assert (25, 25) == (len(UNSEEN_REFUSALS), len(UNSEEN_ANSWERS))
    assert (20, 0) == (hits, false_alarms)


@pytest.mark.parametrize(
    "text",
    [
        "i can " * 1_500_000,
        "ich kann " * 1_000_000,
        "'" * 10_000_000,
        '"a' * 5_000_000,
        "\ud800" * 1_000_000,
        "\x1b[31m" * 2_000_000,
        "but " * 2_500_000,
        "[" * 100_000,
    ],
    ids=lambda text: f"{text[:9]!a}-{len(text)}",
)
def test_hostile_text_is_judged_in_bounded_time(judge, bounded, text):
    """Only the start of an answer is looked at, and nothing raw reaches a sentence."""
    with bounded():
        for check in (Refusal(must=True), Refusal(must=False, partial=False)):
            violations = judge(check, "I can't help. " + text).violations
            assert all(len(violation) <= 400 for violation in violations)
            assert "\x1b" not in "".join(violations)
