"""Similarity to a reference: the measures' formulas, and what the check makes of them."""

from dataclasses import replace

import pytest

from pytest_quantguard.checks import _overlap
from pytest_quantguard.checks.similarity import Similarity
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source

CASE = GoldenCase(
    id="case",
    cohort="cohort",
    request=CompletionRequest(messages=({"role": "user", "content": "?"},)),
    source=Source(file="golden/a.quant.yaml", line=1),
)
# ROUGE-L of Lin 2004, section 3.1: the paper's own example, with beta = 1.
GUNMAN = "police killed the gunman"


class TestMeasures:
    @pytest.mark.parametrize(
        ("text", "reference", "score"),
        [
            # Computed with sacreBLEU 2.6.0, CHRF().sentence_score(text, [reference]).score / 100.
            ("The cat sat on the mat.", "The cat is on the mat.", 0.6717273492330232),
            (
                "Your order was refunded.",
                "Your order 88213-A was refunded today.",
                0.5338822878169407,
            ),
            (GUNMAN, "police kill the gunman", 0.8162392219120139),
            ("the gunman kill police", GUNMAN, 0.624670603683175),
            # By hand: of a|b|ab against a|b|c|ab|bc|abc the orders 1 and 2 exist in both;
            # P = (2/2 + 1/1) / 2 = 1, R = (2/3 + 1/2) / 2 = 7/12, F2 = 5 P R / (4 P + R).
            ("a b", "abc", 5 * (7 / 12) / (4 + 7 / 12)),
            ("abc", "abc", 1.0),
            ("abc", "xyz", 0.0),
            ("", "abc", 0.0),
            (" ", "abc", 0.0),
        ],
    )
    def test_chrf(self, text, reference, score):
        """Agrees with the reference implementation to the last digits."""
        assert score == pytest.approx(_overlap.chrf(text, reference), abs=1e-12)

    @pytest.mark.parametrize(
        ("text", "score"),
        [
            ("police kill the gunman", 3 / 4),
            ("the gunman kill police", 2 / 4),
            ("the gunman police killed", 2 / 4),  # the paper's example of its weakness
            ("Police, killed the GUNMAN!", 1.0),
            ("gunman", 2 * (1 / 1) * (1 / 4) / (1 / 1 + 1 / 4)),
            ("", 0.0),
            ("nobody came", 0.0),
        ],
    )
    def test_rouge_l(self, text, score):
        """The values of the paper, and F1 of precision and recall."""
        assert score == pytest.approx(_overlap.rouge_l(text, GUNMAN), abs=1e-12)

    @pytest.mark.parametrize(
        ("text", "reference", "score"),
        [
            ("the gunman police killed", GUNMAN, 1.0),
            ("It is Paris.", "Paris", 2 * 1 / (3 + 1)),
            ("paris paris", "Paris", 2 * 1 / (2 + 1)),
            ("\u6771\u4eac\u90fd", "\u6771\u4eac", 2 * 2 / (3 + 2)),
            ("", "Paris", 0.0),
        ],
    )
    def test_token_f1(self, text, reference, score):
        """Words count as often as they occur in both; Chinese characters are words."""
        assert score == pytest.approx(_overlap.token_f1(text, reference), abs=1e-12)

    def test_common_subsequence_is_that_of_the_textbook(self):
        """The bit-parallel length equals the one by dynamic programming."""
        words = [f"{(7 * number * number) % 11}" for number in range(80)]
        others = [f"{(5 * number * number + 3) % 11}" for number in range(60)]
        row = [0] * (len(others) + 1)
        for word in words:
            before = row
            row = [0]
            for place, other in enumerate(others):
                same = before[place] + 1 if word == other else 0
                row.append(max(same, before[place + 1], row[place]))

        assert row[-1] == _overlap._common_subsequence(words, others)


def test_holds_from_the_least_score_on(judge):
    """The score itself is enough, and the sentence never rounds it up to what is needed."""
    score = _overlap.chrf("It is Paris.", "Paris")

    assert judge(Similarity(least=score, reference="Paris"), "It is Paris.").ok
    outcome = judge(Similarity(least=0.6, reference=GUNMAN, measure="rouge_l"), "a police gunman")
    assert 0.0 == outcome.value
    assert outcome.violations == (
        'ROUGE-L with the reference is 0.571, at least 0.6 is needed; the text is "a police '
        'gunman"',
    )
    (close,) = judge(Similarity(least=0.66667, reference="b a", measure="token_f1"), "b").violations
    assert "is 0.666, at least 0.66667 is needed" in close


def test_graded_gives_the_score_itself(judge):
    """The value of the case is the score; only the same text holds fully."""
    check = Similarity(graded=True, measure="token_f1", reference="It is Paris")

    outcome = judge(check, "Paris")

    assert 0.5 == outcome.value
    assert outcome.violations == ('token F1 with the reference is 0.5; the text is "Paris"',)
    assert judge(check, "it is paris.").ok


def test_the_nearest_of_several_references_counts(judge):
    """Any of them may be met."""
    check = Similarity(least=1, measure="token_f1", reference=["London", "Paris"])

    assert judge(check, "Paris").ok
    assert "with the nearest of the references is 0," in judge(check, "Rome").violations[0]


def test_the_reference_of_the_case(judge):
    """Without its own reference the check takes the case's."""
    check = Similarity(least=0.5)
    answer = Completion(text="It is Paris.")

    assert check(answer, replace(CASE, reference="It is Paris!")).ok
    assert "" == check.misfit(replace(CASE, reference="Paris"))
    assert "" == Similarity(least=0.5, reference="Paris").misfit(CASE)
    assert "give `reference` here or with the case" in check.misfit(CASE)
    assert 'the case\'s reference is "!"' in check.misfit(replace(CASE, reference="!"))
    with pytest.raises(CheckError, match="nothing to compare with"):
        check(answer, CASE)


@pytest.mark.parametrize("measure", ["chrf", "rouge_l", "token_f1"])
def test_long_texts_take_no_time(judge, bounded, measure):
    """50,000 characters are compared; more are a violation."""
    check = Similarity(least=0.99, measure=measure, reference="\u6771\u4eac" * 25_000)
    with bounded():
        assert not judge(check, "\u4eac\u90fd" * 25_000).ok
        assert not judge(check, "a " * 25_000).ok
    assert judge(check, "a" * 50_001).violations == (
        "the answer has 50001 characters; at most 50000 are compared",
    )


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({}, "give one of `least`, such as 0.5, and `graded: true`"),
        ({"least": 0.5, "graded": True}, "give one of `least`"),
        ({"least": 0}, "above 0 and at most 1, got 0"),
        ({"least": 50}, "at most 1, got 50"),
        (
            {"least": 0.5, "measure": "rouge"},
            "`measure` cannot be 'rouge'; did you mean 'rouge_l'?",
        ),
        ({"least": 0.5, "reference": " . "}, "without a letter or a digit"),
        ({"least": 0.5, "reference": "a" * 50_001}, "has 50001 characters"),
        ({"least": 0.5, "graded": 1}, "`graded` has to be true or false"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    """A parameter that makes no sense is a ValueError of one sentence."""
    with pytest.raises(ValueError, match="`") as caught:
        Similarity(**parameters)

    assert part in str(caught.value)
