"""What a look asks, and what it keeps of the answers."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_quantguard.types import Completion, Token, Usage
from pytest_quantguard.watch import probes

MODES: tuple[probes.Mode, ...] = ("logprobs", "sampled")


@pytest.mark.parametrize("mode", MODES)
def test_each_probe_comes_once_in_each_round(mode: probes.Mode) -> None:
    """Nothing is asked twice under one name and round."""
    asked = Counter((question.probe, question.round) for question in probes.questions(mode))

    assert set(asked.values()) == {1}


def test_a_look_is_small() -> None:
    """With log-probs 16 requests of one token; without, 88 and at most 1,088 tokens of answers."""
    budget = {
        mode: (len(asked), sum(q.request.params["max_tokens"] for q in asked))
        for mode in MODES
        if (asked := probes.questions(mode))
    }

    assert budget == {"logprobs": (16, 16), "sampled": (88, 1664)}


@pytest.mark.parametrize("mode", MODES)
def test_no_probe_has_a_seed(mode: probes.Mode) -> None:
    """A seed would make every draw of a day the same one."""
    assert not any("seed" in question.request.params for question in probes.questions(mode))


def test_the_digest_tells_modes_and_versions_apart() -> None:
    """It begins with the mode, and changes with whatever is asked."""
    assert [probes.mode_of(probes.digest(mode)) for mode in MODES] == list(MODES)
    assert probes.mode_of("sampled-of another version") == "sampled"
    assert probes.mode_of("") is None
    assert probes.digest("logprobs") == probes.digest("logprobs")


def test_what_a_look_keeps_is_bounded() -> None:
    """A server that sends a book for one token fills no disk."""
    token = Token(text="x", logprob=-1.0, top=tuple((f"t{k}", -1.0) for k in range(50)))
    completion = Completion(
        text="x" * 10**6, tokens=(token,), usage=Usage(prompt_tokens=7, completion_tokens=1)
    )
    kept = probes.answered(probes.questions("logprobs")[0], completion)

    assert len(kept.text) == probes.TEXT_LENGTH
    assert len(kept.top) == probes.TOP
    assert (kept.prompt_tokens, kept.completion_tokens) == (7, 1)


def test_log_probs_without_alternatives_are_none() -> None:
    """A server that tells the chosen token alone cannot be watched by log-probs."""
    alone = Completion(text="x", tokens=(Token(text="x", logprob=-1.0),))
    several = Completion(
        text="x", tokens=(Token(text="x", logprob=-1.0, top=(("x", -1.0), ("y", -2.0))),)
    )

    assert not probes.has_logprobs(alone)
    assert not probes.has_logprobs(Completion(text="x"))
    assert probes.has_logprobs(several)
