"""Lines of mirrored traffic, in every format that is read, and a project that judges them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from pytest_quantguard._registry import Registry
from pytest_quantguard.canary import settings
from pytest_quantguard.canary.reading import Reader, named
from pytest_quantguard.canary.settings import CanaryConfig

ORDER = "88213-A"
TOOL = {
    "type": "function",
    "function": {
        "name": "refund_order",
        "parameters": {
            "type": "object",
            "required": ["order_id"],
            "properties": {"order_id": {"type": "string"}},
        },
    },
}


def asked(question: str = f"Refund order {ORDER}", **more: Any) -> dict[str, Any]:
    """Return a request."""
    return {"messages": [{"role": "user", "content": question}], **more}


def said(text: str = "Done.", model: str = "help-desk-bf16", **more: Any) -> dict[str, Any]:
    """Return what one model made of a request, as our own format has it."""
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    return {"text": text, "model": model, "finish_reason": "stop", "usage": usage, **more}


def pair(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return one line of our own format."""
    found: dict[str, Any] = {
        "id": f"r-{number}",
        "request": asked(f"Question {number}"),
        "baseline": said(),
        "candidate": said(model="help-desk-awq"),
        **more,
    }
    return {key: value for key, value in found.items() if value != "left out"}


def call(name: str = "refund_order", arguments: str = json.dumps({"order_id": ORDER})) -> Any:
    """Return a tool call."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def litellm(number: int, model: str, text: str = "Done.", **more: Any) -> dict[str, Any]:
    """Return one line of a LiteLLM log."""
    message = {"role": "assistant", "content": text}
    return {
        "id": f"{model}-{number}",
        "trace_id": f"t-{number}",
        "call_type": "acompletion",
        "model": model,
        "messages": asked(f"Question {number}")["messages"],
        "model_parameters": {"temperature": 0},
        "response": {
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 3},
        },
        "status": "success",
        "startTime": 100.0,
        "endTime": 101.5,
        **more,
    }


def span(number: int, model: str, text: str = "Done.", **more: Any) -> dict[str, Any]:
    """Return one line of OTLP JSON with one span."""
    parts = [{"type": "text", "content": f"Question {number}"}]
    told = [{"type": "text", "content": text}]
    found = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}]),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": told, "finish_reason": "stop"}]
        ),
        **more,
    }
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in found.items()]
    one = {
        "traceId": f"t{number}",
        "spanId": f"{model}{number}",
        "name": "chat",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000001500000000",
        "attributes": attributes,
    }
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [one]}]}]}


class Canary:
    """A folder with a configuration and logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configure()

    def configure(self, *, budgets: Any = None, **canary: Any) -> None:
        """Write quantguard.yaml; ``canary`` are the keys of its block."""
        data: dict[str, Any] = {
            "baseline": "bf16",
            "variants": {
                "bf16": {"provider": "openai", "model": "help-desk-bf16"},
                "awq-int4": {"provider": "openai", "model": "help-desk-awq"},
            },
            "budgets": budgets or [{"max_drop": "5 pt"}],
            "history": False,
        }
        if canary:
            data["canary"] = canary
        text = yaml.safe_dump(data, sort_keys=False)
        (self.folder / "quantguard.yaml").write_text(text, encoding="utf-8")

    def write(self, name: str, *lines: Any) -> str:
        """Write a file: records as JSON, texts and bytes as they are; return its name."""
        with (self.folder / name).open("wb") as stream:
            for line in lines:
                text = line if isinstance(line, str | bytes) else json.dumps(line)
                stream.write(text if isinstance(text, bytes) else text.encode())
                stream.write(b"\n")
        return name

    def config(self, **options: Any) -> CanaryConfig:
        """Read the block."""
        path = self.folder / "quantguard.yaml"
        return settings.load(path, self.folder, Registry(), **options)

    def reader(self, *names: str) -> Reader:
        """Return a reader of some files."""
        return Reader(named(names, self.folder, self.folder), self.config())
