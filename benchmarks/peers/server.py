"""Two models behind an OpenAI-compatible server that always takes the same time to answer.

    python benchmarks/peers/server.py [--latency 0.05] [--port 0]

Prints its base URL, serves until its standard input ends, then prints what was asked of it as one
line of JSON; ``GET /counts`` tells the same meanwhile. Only the standard library, and little of the
processor: what is measured is whoever asks.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

MODELS = ("base", "cand")
_END = b"\r\n\r\n"


def answer(model: str, prompt: str) -> str:
    """Return what a model says: the last word of the prompt, which the candidate forgets at times.

    It is wrong about every hundredth case, so that nobody passes without having looked.
    """
    word = prompt.rsplit(None, 1)[-1].strip("`.?!")
    number = int("".join(filter(str.isdigit, word)) or 0)
    if model == "cand" and number % 100 == 50:
        return "I do not know."
    return f"The order is {word}."


class Served:
    """What the server keeps count of."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.requests: Counter[str] = Counter()
        """Completions asked of each model."""
        self.bodies: set[bytes] = set()
        """Digests of what was asked."""
        self.in_flight = 0
        self.peak = 0

    def told(self) -> dict[str, Any]:
        """Return the counts as plain JSON types."""
        return {
            "requests": self.requests.total(),
            "models": dict(self.requests),
            "distinct": len(self.bodies),
            "peak": self.peak,
        }


class Exchange(asyncio.Protocol):
    """One connection, kept alive; one request after the other."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._buffer = b""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in a piece of a request."""
        self._buffer += data
        self._next()

    def _next(self) -> None:
        end = self._buffer.find(_END)
        if self._busy or end < 0:
            return
        line, *headers = self._buffer[:end].split(b"\r\n")
        length = 0
        for header in headers:
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"expect":
                self._transport.write(b"HTTP/1.1 100 Continue" + _END)
        start = end + len(_END)
        if len(self._buffer) < start + length:
            return
        body, self._buffer = self._buffer[start : start + length], self._buffer[start + length :]
        method, path, _ = line.split(b" ", 2)
        if method == b"POST" and path.endswith(b"/chat/completions"):
            self._complete(body)
        else:
            self._page(path)

    def _complete(self, body: bytes) -> None:
        served, asked = self._served, json.loads(body)
        served.requests[asked["model"]] += 1
        served.bodies.add(hashlib.blake2b(body, digest_size=16).digest())
        served.in_flight += 1
        served.peak = max(served.peak, served.in_flight)
        self._busy = True
        content = asked["messages"][-1]["content"]
        if not isinstance(content, str):  # a list of parts
            content = " ".join(part.get("text", "") for part in content)
        text = answer(asked["model"], content)
        made = _streamed if asked.get("stream") else _whole
        asyncio.get_running_loop().call_later(
            served.latency_s, self._answer, made(asked["model"], text, content)
        )

    def _answer(self, data: bytes) -> None:
        self._served.in_flight -= 1
        self._busy = False
        if not self._transport.is_closing():
            self._transport.write(data)
            self._next()

    def _page(self, path: bytes) -> None:
        if path == b"/counts":
            self._transport.write(_head(200, json.dumps(self._served.told()).encode()))
        elif path.endswith(b"/models"):
            models = {"object": "list", "data": [{"id": name} for name in MODELS]}
            self._transport.write(_head(200, json.dumps(models).encode()))
        else:
            self._transport.write(_head(404, b'{"error": {"message": "no such page"}}'))
        self._next()


def _head(status: int, body: bytes) -> bytes:
    reason = b"OK" if status == 200 else b"Not Found"
    return b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d%b%b" % (
        status, reason, len(body), _END, body,
    )  # fmt: skip


def _usage(prompt: str, text: str) -> dict[str, int]:
    asked, said = len(prompt.split()), len(text.split())
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _whole(model: str, text: str, prompt: str) -> bytes:
    message = {"role": "assistant", "content": text}
    found = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(prompt, text),
    }  # fmt: skip
    return _head(200, json.dumps(found).encode())


def _streamed(model: str, text: str, prompt: str) -> bytes:
    """Return server-sent events, a word each, as they come off a fast server: in one write."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": model}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": f" {word}" if i else word} for i, word in enumerate(text.split(" "))]
    choices: list[list[dict[str, Any]]] = [
        [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    events = [json.dumps({**head, "choices": choice}) for choice in choices]
    events.append(json.dumps({**head, "choices": [], "usage": _usage(prompt, text)}))
    body = "".join(f"data: {event}\n\n" for event in (*events, "[DONE]")).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        b"%b%x\r\n%b\r\n0\r\n\r\n" % (_END, len(body), body)
    )


async def serve(served: Served, port: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(served), "127.0.0.1", port, backlog=256)
    address = server.sockets[0].getsockname()
    print(f"http://{address[0]}:{address[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    print(json.dumps(served.told()), flush=True)


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.05, help="seconds for an answer")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Served(given.latency), given.port))


if __name__ == "__main__":
    main()
