"""Distances between looks, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_quantguard.watch.distances import logprob_distance, text_distance
from pytest_quantguard.watch.records import Look, ProbeAnswer
from watched_looks import changed, look, moved, pinned

BLANK = look(1)


def asked(*answers: ProbeAnswer) -> Look:
    """Return a look with these answers alone."""
    return replace(BLANK, answers=answers)


def listed(probe: str = "a", **top: float) -> ProbeAnswer:
    """Return an answer with these log-probs."""
    return ProbeAnswer(probe=probe, round=0, top=tuple(top.items()))


def greedy(probe: str, text: str) -> ProbeAnswer:
    """Return a likeliest answer."""
    return ProbeAnswer(probe=f"greedy-{probe}", round=0, text=text)


def test_log_probs_of_shared_tokens_are_compared() -> None:
    """Mean of 0.1 and 0.3."""
    found = logprob_distance(asked(listed(x=-1.0, y=-2.0)), [asked(listed(x=-1.1, y=-2.3))])

    assert found == pytest.approx(0.2)


def test_a_token_that_fell_off_the_list_is_as_unlikely_as_its_last_one() -> None:
    """y left the list, whose lowest is -5: it moved by 3 at least."""
    ours, theirs = asked(listed(x=-1.0, z=-5.0)), asked(listed(x=-1.0, y=-2.0, w=-6.0))

    # x 0; z is above -6 by 1; y was at -2, above -5 by 3; w at -6 is below -5: no difference known.
    assert logprob_distance(ours, [theirs]) == pytest.approx((0 + 1 + 3 + 0) / 4)


def test_rounds_and_looks_are_averaged_before_they_are_compared() -> None:
    """Two rounds at -1.0 and -1.2 equal one at -1.1."""
    rounds = asked(listed(x=-1.0), replace(listed(x=-1.2), round=1))

    assert logprob_distance(rounds, [asked(listed(x=-1.1))]) == pytest.approx(0.0)


def test_the_closest_of_several_backends_counts() -> None:
    """A look that equals one of the pin's looks is no change, however far the mean is."""
    pin = [asked(listed(x=-1.0)), asked(listed(x=-3.0))]

    assert logprob_distance(asked(listed(x=-3.0)), pin) == 0.0
    assert logprob_distance(asked(listed(x=-2.9)), pin) == pytest.approx(0.1)


def test_too_few_shared_probes_are_no_comparison() -> None:
    """Of three probes one was answered: that is less than half."""
    pin = [asked(*(listed(probe, x=-1.0) for probe in "abc"))]

    assert logprob_distance(asked(listed("a", x=-1.0)), pin) is None
    assert logprob_distance(asked(), pin) is None


def test_texts_differ_from_the_first_other_character_on() -> None:
    """abcd and abxy share half; a text that the pin gave in any look differs by nothing."""
    pin = [asked(greedy("a", "abcd")), asked(greedy("a", "zzzz"))]

    assert text_distance(asked(greedy("a", "abxy")), pin) == pytest.approx(0.5)
    assert text_distance(asked(greedy("a", "zzzz")), pin) == 0.0
    assert text_distance(asked(greedy("a", "")), pin) == 1.0
    assert text_distance(asked(greedy("b", "abcd")), pin) is None


def test_a_shift_of_all_log_probs_is_its_size() -> None:
    """Half of the tokens fall by 0.2, and the others stay."""
    looks, _ = pinned()

    assert logprob_distance(changed(look(9), moved(0.1)), looks) == pytest.approx(0.1, rel=0.05)


def test_padding_is_no_log_prob() -> None:
    """Some servers fill their lists up with -9999, and one sent -1e308: neither is a distance."""
    looks, _ = pinned()
    padded = changed(
        look(30), lambda a: replace(a, top=(*a.top[:-2], (a.top[-2][0], -9999.0), ("x", -1e308)))
    )

    distance = logprob_distance(padded, looks)
    assert distance is not None
    assert distance < 0.1
