"""A scripted endpoint that can change overnight, and a project that watches it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import yaml

from pytest_quantguard.cli import main
from scripted_server import Exchange, Reply, ScriptedServer, event, piece

KEY = "sk-watch-0123456789abcdef"


class Endpoint:
    """What the scripted server serves; its attributes may change between two looks."""

    def __init__(self) -> None:
        self.shift = 0.0
        """Nats by which the likeliest tokens are off."""
        self.wrong = 0
        """Every so manieth golden answer is wrong; 0 = none."""
        self.words = 1
        """How often each golden answer is said."""
        self.logprobs = True
        self.top = 20
        """How many log-probs it lists."""
        self.always: str | None = None
        """What it says to everything."""
        self.fingerprint = "fp_one"
        self.model = "my-model"
        self.prompt_tokens = 5
        self.reply: Reply | None = None
        """What answers instead of the model."""
        self.asked: list[dict[str, Any]] = []

    def __call__(self, exchange: Exchange) -> None:
        """Answer one request."""
        body = json.loads(exchange.body)
        self.asked.append(body)
        if self.reply is not None:
            self.reply(exchange)
            return
        text = self._text(body)
        choice = piece({"content": text}, "stop")
        choice |= {"model": self.model, "system_fingerprint": self.fingerprint}
        if body.get("logprobs") and self.logprobs:
            choice["choices"][0]["logprobs"] = {"content": [self._token(body)]}
        count = 1 + len(text.split())
        usage = {"prompt_tokens": self.prompt_tokens, "completion_tokens": count}
        end = {"model": self.model, "choices": [], "usage": usage}
        exchange.stream("".join([event(choice), event(end), event("[DONE]")]))

    def _text(self, body: Any) -> str:
        prompt = body["messages"][-1]["content"]
        if self.always is not None:
            return self.always
        if not prompt.startswith("case "):
            return f"well, {prompt[:10]}"
        number = int(prompt.split()[1])
        right = not self.wrong or number % self.wrong
        return " ".join([f"answer {number}" if right else "I forgot"] * self.words)

    def _token(self, body: Any) -> Any:
        seed = zlib.crc32(body["messages"][-1]["content"].encode())
        top = [
            {"token": f"t{i}", "logprob": -0.5 - i - (seed % 97) / 100 - self.shift * (i % 2)}
            for i in range(self.top)
        ]
        return {**top[0], "top_logprobs": top}


class WatchProject:
    """A folder with a configuration and golden cases; the current folder."""

    def __init__(self, folder: Path, server: ScriptedServer, endpoint: Endpoint) -> None:
        self.folder = folder
        self.server = server
        self.endpoint = endpoint
        self.config()
        self.golden(40)

    @property
    def kept(self) -> Path:
        """The folder in which the endpoint's past is kept."""
        return self.folder / ".quantguard/watch/api"

    def config(self, **changes: Any) -> None:
        """Write quantguard.yaml; ``changes`` are of the variant."""
        api = {"provider": "openai", "base_url": self.server.url, "model": "my-model"}
        data = {
            "baseline": "api",
            "variants": {"api": {**api, "timeout_s": 10, "max_attempts": 1, **changes}},
            "budgets": [{"max_drop": "10 pt"}],
        }
        self.write("quantguard.yaml", data)

    def golden(self, n: int, **fields: Any) -> None:
        """Write n golden cases, each with these fields."""
        cases = [
            {
                "id": f"c{i}",
                "prompt": f"case {i}",
                "expect": [{"contains": f"answer {i}"}],
                **fields,
            }
            for i in range(1, n + 1)
        ]
        self.write("golden/faq.quant.yaml", {"cohort": "faq", "cases": cases})

    def write(self, name: str, data: Any) -> None:
        """Write a YAML file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    def watch(self, *options: str) -> int:
        """Call the command; return its exit code."""
        return main(["watch", "api", *options])

    def bless(self, *options: str) -> None:
        """Record and pin eight looks."""
        assert self.watch("--bless", "go-live", *options) == 0
