"""Near twins among texts: exact, in the order given, and bounded."""

import random
import time

import pytest

from pytest_quantguard.lint._shingles import every_shingle, jaccard, shingles, twins, words

WORDS = [f"w{i}" for i in range(400)]


def sentence(rng, length):
    return " ".join(rng.choices(WORDS, k=length))


def changed(rng, text, count):
    found = text.split()
    for place in rng.sample(range(len(found)), count):
        found[place] = "other"
    return " ".join(found)


def brute_force(texts, least):
    """Every two similar texts, by comparing all of them."""
    sets = {key: shingles(text) for key, text in texts.items()}
    keys = list(texts)
    return {
        (a, b)
        for i, a in enumerate(keys)
        for b in keys[i + 1 :]
        if sets[a] and jaccard(sets[a], sets[b]) >= least
    }


def test_identifiers_stay_whole():
    """What a quantized model gets wrong is one word: an id, an amount, a date, an address."""
    assert ["refund", "88213-a", "60.50", "2026-01-31", "a.b@c.d"] == words(
        "Refund 88213-A, 60.50 (2026-01-31) a.b@c.d!"
    )


def test_case_width_and_white_space_do_not_matter():
    """Folded texts are the same text."""
    assert shingles("Refund\n order  \uff2eow") == shingles("refund order now")


def test_a_text_of_few_words_is_one_shingle_and_an_empty_one_none():
    """There is nothing to compare in an empty text."""
    assert {"hello there"} == shingles("Hello there")
    assert set() == shingles(" ?! ")
    assert 0 == jaccard(frozenset(), frozenset())


@pytest.mark.parametrize("least", [0.5, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_finds_what_comparing_everything_finds(seed, least):
    """Prefix filtering leaves no pair out and adds none."""
    rng = random.Random(seed)
    texts = {}
    for i in range(40):
        text = texts[f"a{i}"] = sentence(rng, rng.randint(1, 60))
        if rng.random() < 0.6 and len(text.split()) > 5:
            texts[f"b{i}"] = changed(rng, text, rng.randint(0, 4))

    found = {
        tuple(sorted((a, b)))
        for group in twins(texts, least)
        for a in group
        for b in group
        if a < b and jaccard(shingles(texts[a]), shingles(texts[b])) >= least
    }

    assert {tuple(sorted(pair)) for pair in brute_force(texts, least)} == found


def test_a_thousand_questions_about_one_document_take_seconds():
    """They are one group, and not every two of them are compared."""
    rng = random.Random(2)
    document = sentence(rng, 400)
    texts = {str(i): f"{document} what about the point number {i}" for i in range(1_000)}
    began = time.process_time()

    (group,) = twins(texts)

    assert list(texts) == group
    assert time.process_time() - began < 60


def test_a_text_of_any_length_is_read_in_constant_memory():
    """Two hundred thousand words are not all kept."""
    found = every_shingle("a b c d " * 50_000)

    assert {"a b c", "b c d", "c d a", "d a b"} == set(found)


def test_combining_marks_do_not_stop_the_clock():
    """Folding a run of them is quadratic; it is done in pieces."""
    began = time.process_time()

    shingles("a" + "\u0301" * 300_000)

    assert time.process_time() - began < 60


def test_groups_keep_the_order_of_the_texts():
    """The first text of a group stands for it."""
    texts = {"x": "a b c d", "lone": "p q r s", "y": "A B C D", "e": "", "f": ""}

    assert [["x", "y"]] == twins(texts)


def test_ten_thousand_prompts_are_compared_in_seconds():
    """The work grows with the twins there are, not with the pairs there could be."""
    rng = random.Random(1)
    texts = {str(i): sentence(rng, 40) for i in range(10_000)}
    texts |= {f"{i}-twin": texts[str(i)] + " indeed" for i in range(100)}
    began = time.process_time()

    found = twins(texts)

    assert 100 == len(found)
    assert time.process_time() - began < 60
