"""Looks at real llama.cpp servers: one address, one name, and another precision behind it.

Every look is asked under another load: so many requests of its own in flight, and so many other
clients that keep the server busy meanwhile, both drawn anew for each night.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_quantguard.errors import TransportError
from pytest_quantguard.providers.llamacpp import LlamaCppProvider
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Quantization, Variant
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.records import Look, ProbeAnswer

BEHIND: dict[str, tuple[str, dict[str, Any]]] = {
    "f16": ("f16", {}),
    "q8_0": ("q8_0", {}),
    "q4_0": ("q4_0", {}),
    "awq-int4": ("awq-int4", {}),
    "KV cache q8_0": ("f16", {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}),
    "KV cache q4_0": ("f16", {"cache_type_k": "q4_0", "cache_type_v": "q4_0"}),
}
"""What answers behind the address: scheme of the embedded model, and options of the server."""
DAY_S = 86_400.0
_TRIES = 20


def looks(behind: str, nights: int, seed: int, models: Path) -> dict[probes.Mode, list[Look]]:
    """Record so many nights of both modes; nothing is said about the load between them."""
    scheme, options = BEHIND[behind]
    variant = Variant(
        name="assistant",
        provider="llamacpp",
        model=f"embedded:{scheme}",
        quantization=Quantization(method="none", weight_bits=16),
        options={
            "n_threads": 1,
            "n_parallel": 4,
            "ctx": 512,
            "model_folder": str(models),
            "extra_body": {"cache_prompt": True},  # as a server does that nobody told otherwise
            **options,
        },
    )
    provider = LlamaCppProvider(variant)
    provider.start()
    rng = random.Random(seed)
    found: dict[probes.Mode, list[Look]] = {"logprobs": [], "sampled": []}
    try:
        for night in range(nights):
            own, others = rng.randint(1, 4), rng.randint(0, 3)
            with _Load(provider, others):
                for mode, recorded in found.items():
                    recorded.append(_look(provider, mode, night, own))
    finally:
        provider.stop()
    return found


def _look(provider: LlamaCppProvider, mode: probes.Mode, night: int, at_once: int) -> Look:
    local = threading.local()

    def ask(question: probes.Question) -> ProbeAnswer:
        if not hasattr(local, "ask"):
            local.ask = _asker(provider)
        return probes.answered(question, local.ask(question.request))

    with ThreadPoolExecutor(at_once) as pool:
        answers = tuple(pool.map(ask, probes.questions(mode)))
    tokens = sum((a.prompt_tokens or 0) + (a.completion_tokens or 0) for a in answers)
    return Look(
        id=f"{night:04}",
        at=night * DAY_S,
        endpoint="assistant",
        identity={},
        probes=probes.digest(mode),
        answers=answers,
        requests=len(answers),
        tokens=tokens,
    )


def _asker(provider: LlamaCppProvider) -> Callable[[CompletionRequest], Completion]:
    """Ask, and ask again where a kept connection was closed meanwhile."""
    connections = [provider.connect()]

    def ask(request: CompletionRequest) -> Completion:
        for left in reversed(range(_TRIES)):
            try:
                return connections[-1].complete(request)
            except TransportError:
                if not left:
                    raise
                time.sleep(0.05)
                connections.append(provider.connect())
        raise AssertionError("not reached: the last try raises")

    return ask


class _Load:
    """So many other clients, each asking one thing after the other."""

    def __init__(self, provider: LlamaCppProvider, clients: int) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(provider, client)) for client in range(clients)
        ]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, provider: LlamaCppProvider, client: int) -> None:
        ask, number = _asker(provider), 0
        while not self._stop.is_set():
            number += 1
            text = (
                f"Where is order {(client + 1) * 7919 * number % 100_000}, and when does it come?"
            )
            with suppress(TransportError):
                ask(
                    CompletionRequest(
                        messages=({"role": "user", "content": text},),
                        params={"temperature": 1, "max_tokens": 4 + 5 * (number % 6)},
                    )
                )


# --- kept, so that the analysis can be repeated ------------------------------------------


def save(path: Path, found: dict[probes.Mode, list[Look]]) -> None:
    """Write looks as JSON."""
    data = {mode: [asdict(look) for look in recorded] for mode, recorded in found.items()}
    path.write_text(json.dumps(data), encoding="utf-8")


def load(path: Path) -> dict[probes.Mode, list[Look]]:
    """Read what `save` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return {mode: [_rebuilt(look) for look in recorded] for mode, recorded in data.items()}


def _rebuilt(data: dict[str, Any]) -> Look:
    answers: Sequence[dict[str, Any]] = data["answers"]
    kept = tuple(
        ProbeAnswer(**{**answer, "top": tuple((text, p) for text, p in answer["top"])})
        for answer in answers
    )
    return Look(**{**data, "answers": kept, "failures": ()})
