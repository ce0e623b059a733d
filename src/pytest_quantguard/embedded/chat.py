"""The chat template in Python: what `chat_template.jinja` renders, for training and for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CHAT_TEMPLATE_FILE = Path(__file__).with_name("chat_template.jinja")
DEFAULT_SYSTEM = "You are the Norvik help desk."


def chat_template() -> str:
    """Return the Jinja text that is stored in every GGUF file of the model."""
    return CHAT_TEMPLATE_FILE.read_text("utf-8").rstrip("\n")


def render_chat(
    prompt: str, *, system: str = DEFAULT_SYSTEM, tools: Iterable[Mapping[str, Any]] = ()
) -> str:
    """Return the text before the assistant's first token for one user turn.

    `tools` is a list as in the OpenAI API; the template shows names and parameter names only.
    """
    listed = [_signature(tool["function"]) for tool in tools]
    block = "\n".join([system, *(["Tools:", *listed] if listed else [])])
    return (
        f"<|im_start|>system\n{block}<|im_end|>\n"
        f"<|im_start|>user\n{prompt}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def _signature(function: Mapping[str, Any]) -> str:
    return f"{function['name']}({', '.join(function['parameters']['properties'])})"
