"""What a case gave the model to read."""

from __future__ import annotations

from pytest_quantguard.types import GoldenCase

PLACES = ("user", "prompt")
"""Where `given_in` can look: into the user's messages, or into all but the assistant's."""


def given(case: GoldenCase, place: str = "prompt") -> str:
    """Return the texts of a case's messages, joined by newlines."""
    if place == "prompt":
        return case.request.prompt
    texts: list[object] = []
    for message in case.request.messages:
        if message.get("role") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts += [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def holder(place: str) -> str:
    """Return the beginning of a sentence about it."""
    return "the user's messages hold" if place == "user" else "the prompt holds"
