"""Batch jobs without a batch API: request files in, answer files out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from gate_project import GateProject

Model = Callable[[str, str], str]
"""(model name, prompt) -> answer."""


def requests(project: GateProject, variant: str) -> list[Any]:
    """Return the exported requests of a variant."""
    path = project.folder / "batches" / f"{variant}.requests.jsonl"
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def completion(text: str | None, model: str = "m", **message: Any) -> dict[str, Any]:
    """Return a chat completion as an API gives it."""
    said = {"role": "assistant", "content": text, **message}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }


def answered(custom_id: str, body: Any) -> dict[str, Any]:
    """Return a line of a batch output file, as vLLM's run-batch writes it."""
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": body}
    return {"id": "vllm-1", "custom_id": custom_id, "response": response, "error": None}


def answers(project: GateProject, variant: str, model: Model) -> list[dict[str, Any]]:
    """Have a model answer all exported requests of a variant."""
    found = []
    for line in requests(project, variant):
        body = line["body"]
        text = model(body["model"], body["messages"][-1]["content"])
        found.append(answered(line["custom_id"], completion(text, body["model"])))
    return found


def write(project: GateProject, name: str, lines: list[Any]) -> str:
    """Write an answer file; return the option that reads it."""
    project.write(name, "".join(json.dumps(line) + "\n" for line in lines))
    return f"--quant-answers={name}"
