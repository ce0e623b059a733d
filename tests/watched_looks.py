"""Looks at a made-up endpoint: log-probs, texts and golden answers with a noise of one's choice."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_quantguard.watch import probes
from pytest_quantguard.watch.records import Behaviour, Look, Pin, ProbeAnswer

DAY = 86_400.0
START = 20_000 * DAY
WORDS = ("red", "green", "blue", "grey", "pink", "gold", "rose", "teal")

Change = Callable[[ProbeAnswer], ProbeAnswer]


def look(night: float, mode: probes.Mode = "logprobs", seed: int = 0, **noise: float) -> Look:
    """Return one night's look; noise: ``nats`` of log-probs, ``late`` share of greedy answers that
    differ near their end."""
    rng = random.Random(f"{night} {mode} {seed} {sorted(noise.items())}")
    answers = tuple(
        _answer(question, rng, noise.get("nats", 0.0), noise.get("late", 0.0))
        for question in probes.questions(mode)
    )
    return Look(
        id=f"night-{night:07.2f}",
        at=START + night * DAY,
        endpoint="api",
        identity={"model": "assistant"},
        probes=probes.digest(mode),
        answers=answers,
        served={"version": "1.2"},
        requests=len(answers),
    )


def _answer(question: probes.Question, rng: random.Random, nats: float, late: float) -> ProbeAnswer:
    own = random.Random(question.probe)
    fields: dict[str, object] = {}
    if question.request.params.get("logprobs"):
        steps = [-0.3 * place - own.random() / 10 for place in range(probes.TOP)]
        noisy = [(f"t{place}", min(0.0, p + rng.gauss(0, nats))) for place, p in enumerate(steps)]
        fields["top"] = tuple(sorted(noisy, key=lambda one: -one[1]))
        fields["text"] = "t0"
    elif question.request.params["temperature"]:
        weights = [own.random() for _ in WORDS]
        fields["text"] = " ".join(rng.choices(WORDS, weights, k=2))
    else:
        text = " ".join(own.choices(WORDS, k=12))
        fields["text"] = text[:-4] + "!!!!" if rng.random() < late else text
    return ProbeAnswer(
        probe=question.probe,
        round=question.round,
        prompt_tokens=len(question.request.prompt),
        completion_tokens=len(str(fields["text"]).split()),
        latency_s=0.5 * rng.lognormvariate(0, 0.05),
        ttft_s=0.1 * rng.lognormvariate(0, 0.05),
        served_as="assistant",
        fingerprint="fp_1",
        **fields,  # type: ignore[arg-type]
    )


def pinned(
    mode: probes.Mode = "logprobs", nights: int = 8, **noise: float
) -> tuple[list[Look], Pin]:
    """Return a pin's looks, one a night from night 0 on, and the pin."""
    looks = [look(night, mode, **noise) for night in range(nights)]
    return looks, Pin(looks=tuple(one.id for one in looks), reason="checked by hand", at=START)


def changed(one: Look, change: Change) -> Look:
    """Return a look of which every answer was changed."""
    return replace(one, answers=tuple(map(change, one.answers)))


def moved(nats: float) -> Change:
    """Move every log-prob by as much, up and down in turn."""

    def move(answer: ProbeAnswer) -> ProbeAnswer:
        top = [(t, p + (nats if int(t[1:]) % 2 else -nats) - nats) for t, p in answer.top]
        return replace(answer, top=tuple(sorted(top, key=lambda one: -one[1])))

    return move


def behaved(
    values: Mapping[str, float], tokens: Mapping[str, int] | None = None, golden: str = "g1"
) -> Behaviour:
    """Return golden answers with one check a case."""
    return Behaviour(
        values={case: {"exact": value} for case, value in values.items()},
        tokens=tokens or {},
        golden=golden,
    )
