"""The training stream: which dialogues, in which order, in which rows. No torch needed.

The stream is a function of the plan and the seed alone, so that anybody can list what the model
has seen; `make_golden.py` does, to prove that it has seen no golden prompt.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from generate import TOOLS, Sample, draw

from pytest_quantguard.embedded.chat import render_chat
from pytest_quantguard.embedded.tokenizer import Tokenizer

IGNORED = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The numbers of one phase of the training."""

    seed: int
    steps: int
    rows: int = 8
    length: int = 256
    warmup: int = 60
    #: Share of the steps at the full learning rate; then it falls linearly to `floor` of it.
    constant: float = 0.4
    floor: float = 0.02
    muon_rate: float = 0.01
    adam_rate: float = 2e-3
    #: Copying exercises: share of the dialogues replaced, and for how much of the run.
    exercises: float = 0.24
    exercises_until: float = 0.35
    #: Name in `generate.MAKERS` to its share of the dialogues.
    shares: Mapping[str, float]

    def rate(self, step: int) -> float:
        """Return the factor on the learning rates at `step`."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        left = (self.steps - step) / (self.steps * (1 - self.constant))
        return max(self.floor, min(1.0, left))


_LEANING: dict[str, Any] = {
    "warmup": 30,
    "constant": 0.3,
    "muon_rate": 0.006,
    "adam_rate": 1.5e-3,
    "exercises": 0.0,
}

#: The later phases lean towards what has to be known by heart and was not after the first.
PHASES = (
    Plan(
        seed=1,
        steps=2600,
        shares={
            "tool-calling": 0.21,
            "json-extraction": 0.22,
            "cited-answers": 0.24,
            "refusals": 0.06,
            "wide-arithmetic": 0.12,
            "rare-entity": 0.17,
            "faq": 0.05,
        },
    ),
    Plan(
        seed=2,
        steps=1400,
        **_LEANING,
        shares={
            "tool-calling": 0.13,
            "json-extraction": 0.13,
            "cited-answers": 0.18,
            "refusals": 0.05,
            "wide-arithmetic": 0.24,
            "rare-entity": 0.24,
            "faq": 0.03,
        },
    ),
    Plan(
        seed=3,
        steps=1100,
        **_LEANING,
        shares={
            "tool-calling": 0.12,
            "json-extraction": 0.12,
            "cited-answers": 0.14,
            "refusals": 0.05,
            "arithmetic": 0.36,
            "rare-entity": 0.18,
            "faq": 0.03,
        },
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One dialogue or exercise; `targets[i]` follows `tokens[i]` and is IGNORED in the prompt."""

    tokens: list[int]
    targets: list[int]
    #: Empty for an exercise.
    prompt: str = ""


def document(tokenizer: Tokenizer, sample: Sample) -> Document:
    """Return the tokens of a dialogue; only the answer and its end are to be learned."""
    chat = render_chat(sample.prompt, tools=TOOLS if sample.tools else ())
    before = tokenizer.encode(chat, parse_special=True)
    answer = [*tokenizer.encode(sample.answer), tokenizer.ids["<|im_end|>"]]
    targets = [IGNORED] * (len(before) - 1) + answer
    return Document(tokens=(before + answer)[:-1], targets=targets, prompt=sample.prompt)


def exercise(rng: random.Random, vocabulary: int) -> Document:
    """Return a copying exercise on random tokens: a text said twice, or a look-up.

    A look-up lists lines of a key, up to three tokens that are the same in every line, and two
    tokens of value; then one key is asked for.
    """
    if rng.random() < 0.5:
        said = rng.choices(range(vocabulary), k=rng.randint(8, 40))
        return Document(tokens=(said + said)[:-1], targets=[IGNORED] * len(said) + said[1:])
    same = rng.choices(range(vocabulary), k=rng.randint(0, 3))
    keys = rng.sample(range(vocabulary), k=rng.randint(4, 9))
    lines = [[key, *same, *rng.choices(range(vocabulary), k=2)] for key in keys]
    asked = rng.choice(lines)
    whole = [token for line in lines for token in line] + asked
    targets = [IGNORED] * (len(whole) - len(asked)) + asked[1:]
    return Document(tokens=whole[:-1], targets=targets)


def batches(plan: Plan, tokenizer: Tokenizer) -> Iterator[list[list[Document]]]:
    """Yield the rows of every step; each row is a list of documents that fit its length."""
    rng = random.Random(plan.seed)
    pending: Document | None = None
    for step in range(plan.steps):
        active = plan.exercises if step < plan.exercises_until * plan.steps else 0.0
        rows: list[list[Document]] = []
        while len(rows) < plan.rows:
            row: list[Document] = []
            used = 0
            while True:
                if pending is None:
                    pending = (
                        exercise(rng, len(tokenizer.vocab) - 5)
                        if rng.random() < active
                        else document(tokenizer, draw(rng, "train", plan.shares))
                    )
                used += len(pending.tokens)
                if used > plan.length:
                    break
                row.append(pending)
                pending = None
            rows.append(row)
        yield rows
