"""The few short questions of every look, in two kinds: with log-probs, and by sampled answers.

They are the same for every endpoint and in nobody's language in particular. What matters is that
a model is uncertain how to begin: where it is sure, a cheaper precision says the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pytest_quantguard.types import Completion, CompletionRequest, Json
from pytest_quantguard.watch.records import ProbeAnswer

Mode = Literal["logprobs", "sampled"]
"""``logprobs`` where the API tells how likely it finds the first token, else ``sampled``."""

PIN_LOOKS = 8
"""Looks that a pin should have: how far looks differ by themselves is learned from them alone."""
FEWEST_LOOKS = 4
"""With fewer in the pin nothing is said: `Finding.able` is False."""
TOP = 20
"""Likeliest first tokens asked for: as many as the OpenAI API gives."""
TEXT_LENGTH = 2000
"""Characters of an answer that a look keeps."""

_LIST = "7 apple, 3 stone, 9 river, 4 lamp, 1 bridge, 8 window, 2 copper, 6 garden, 5 letter"


class Probe(NamedTuple):
    """One short question."""

    name: str
    prompt: str


PROBES: tuple[Probe, ...] = (
    Probe("word", "Say one word, any word."),
    Probe("number", "Any number from 1 to 1000:"),
    Probe("name", "A name and a city, please."),
    Probe("continue", "Continue: The door opened and"),
    Probe("symbols", "{ a: 1, b: [2, 3], c:"),
    Probe("several", "Bonjour! 你好! Hola! Привет!"),
    Probe("list", f"Here is a list: {_LIST}; {_LIST[::-1]}. Which one comes next?"),
    Probe("nothing", "..."),
    Probe("colour", "Which colour is best? One word."),
    Probe("story", "A story in one sentence."),
    Probe("digits", "3 1 4 1 5 9 2 6 5 3 5 8 9 7 9 3 2 3 8 4 6"),
    Probe("rhyme", "Two lines that rhyme."),
    Probe("code", "def f(x):\n    return"),
    Probe("letters", "Q Z X J V K W"),
    Probe("choice", "Yes or no?"),
    Probe("backwards", ".tod a htiw sdne ecnetnes sihT"),
    Probe("sum", "48213 + 90817 ="),
    Probe("animal", "Invent an animal. What is it called?"),
    Probe("opinion", "What is overrated?"),
    Probe("title", "The title of a book that nobody has written:"),
    Probe("table", "| a | b |\n|---|---|\n| 4 |"),
    Probe("japanese", "雨の日に、私は"),
    Probe("spanish", "Inventa una palabra y di qué significa."),
    Probe("repeat", "la la la la la la la la"),
)
"""The questions. A change of one character makes looks incomparable with older ones."""
FEW = 8
"""The first so many are asked where each has to be asked often, or tells much at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """One way of asking probes."""

    prefix: str  # before the probe's name, where a mode asks in several ways
    probes: tuple[Probe, ...]
    rounds: int
    params: Json


GREEDY, DRAWN = "greedy", "drawn"
"""The two ways of mode ``sampled``: the likeliest answer once, and answers drawn at random."""

_STYLES: dict[Mode, tuple[_Style, ...]] = {
    "logprobs": (
        _Style(
            prefix="",
            probes=PROBES[:FEW],
            rounds=2,
            params={"temperature": 0, "max_tokens": 1, "logprobs": True, "top_logprobs": TOP},
        ),
    ),
    "sampled": (
        _Style(
            prefix=f"{GREEDY}-",
            probes=PROBES,
            rounds=1,
            # Short enough to be cheap; in 24 tokens weights of eight bits hardly ever differ.
            params={"temperature": 0, "max_tokens": 48},
        ),
        _Style(
            prefix=f"{DRAWN}-",
            probes=PROBES[:FEW],
            rounds=8,
            params={"temperature": 1, "max_tokens": 8},
        ),
    ),
}


class Question(NamedTuple):
    """One request of a look; the same content comes once in every round, on purpose."""

    probe: str
    round: int
    request: CompletionRequest


def questions(mode: Mode) -> tuple[Question, ...]:
    """Return all requests of one look, round by round; the order they are asked in is free."""
    return tuple(
        Question(
            style.prefix + probe.name,
            number,
            CompletionRequest(
                messages=({"role": "user", "content": probe.prompt},), params=dict(style.params)
            ),
        )
        for style in _STYLES[mode]
        for number in range(style.rounds)
        for probe in style.probes
    )


def digest(mode: Mode) -> str:
    """Return the mode and a hash of everything that is asked: what `Look.probes` holds."""
    asked = "\n".join(f"{q.probe} {q.round} {q.request.canonical()}" for q in questions(mode))
    return f"{mode}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"


def mode_of(written: str) -> Mode | None:
    """Return the mode of a `digest`, of this version's probes or another's; None for neither."""
    modes: tuple[Mode, ...] = ("logprobs", "sampled")
    return next((mode for mode in modes if written.startswith(f"{mode}-")), None)


def has_logprobs(completion: Completion) -> bool:
    """Tell whether an answer to a question of mode ``logprobs`` has what was asked for."""
    return bool(completion.tokens and len(completion.tokens[0].top) > 1)


def answered(question: Question, completion: Completion) -> ProbeAnswer:
    """Return what a look keeps of an answer; its texts are the model's: hostile."""
    return ProbeAnswer(
        probe=question.probe,
        round=question.round,
        text=completion.text[:TEXT_LENGTH],
        top=completion.tokens[0].top[:TOP] if completion.tokens else (),
        prompt_tokens=completion.usage.prompt_tokens,
        completion_tokens=completion.usage.completion_tokens,
        latency_s=completion.latency_s,
        ttft_s=completion.ttft_s,
        served_as=completion.served_as,
        fingerprint=completion.fingerprint,
    )
