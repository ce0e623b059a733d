"""What was asked and answered, for the reader: found by cache key, kept in a report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Completion, Json

TEXT_LIMIT = 250_000_000
"""Bytes that texts may take in one report.json; further completions are only counted."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Finds the two sides of a case. Model text: raw, untrusted, possibly huge."""

    completion: Callable[[str], Completion | None]
    """Cache key -> what was said; None when it is not there any more."""
    request: Callable[[str], Json | None] = lambda key: None
    """The baseline's cache key -> what was asked, in the words of the OpenAI chat API."""
    left_out: int = 0
    """How many completions are not here because the report had no room for them."""

    @classmethod
    def of(cls, completion: Callable[[str], Completion | None], asked: Mapping[str, str]) -> Self:
        """Return the texts of a run: ``asked`` are requests as JSON."""
        return cls(completion, lambda key: json.loads(asked[key]) if key in asked else None)

    @classmethod
    def kept(cls, found: Mapping[str, Any]) -> Self:
        """Return what `kept_texts` kept: keeping it once more changes nothing."""
        said, asked = found["completions"], found.get("requests", {})
        return cls(
            lambda key: Completion.from_dict(said[key]) if key in said else None,
            asked.get,
            found.get("completions_left_out", 0),
        )


def spoken(completion: Completion) -> str:
    """Return everything the model said as one text: words, refusal, tool calls."""
    parts = [completion.text] if completion.text else []
    if completion.refusal:
        parts.append(f"refusal: {completion.refusal}")
    parts += [f"call {call.name}({call.arguments_text})" for call in completion.tool_calls]
    return "\n".join(parts)


def kept_texts(outcomes: Iterable[PairedOutcome], texts: Texts) -> Json:
    """Return what was asked and said where a check does not hold in both arms, by cache key.

    The regressed first; what several share stands once. At most `TEXT_LIMIT` bytes; how many
    completions are ``completions_left_out`` is told, too.
    """
    open_to_doubt = [outcome for outcome in outcomes if not outcome.both_hold]
    open_to_doubt.sort(key=lambda outcome: not outcome.regressed)
    said: Json = {}
    asked: Json = {}
    room, left_out = TEXT_LIMIT, texts.left_out
    for key in dict.fromkeys(key for outcome in open_to_doubt for key in outcome.keys):
        if (completion := texts.completion(key)) is None:
            continue
        kept = completion.to_dict()
        del kept["tokens"]  # many times the text, and nothing is rendered from them
        size = len(json.dumps(kept))  # escapes and thoughts count: the file has to be readable
        if size > room:
            left_out += 1
            continue
        room -= size
        said[key] = kept
    for key in dict.fromkeys(outcome.keys[0] for outcome in open_to_doubt):
        if (request := texts.request(key)) is None:
            continue
        size = len(json.dumps(request))
        if size <= room:
            room -= size
            asked[key] = request
    return {"completions": said, "completions_left_out": left_out, "requests": asked}
