"""An OpenAI-compatible server on the loopback that does what it is told, faults included.

It exists for trouble and for speed; whether real answers are understood is tested on llama.cpp.
Started as a program, it serves until its standard input ends, so that its CPU time is its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


class Exchange(BaseHTTPRequestHandler):
    """One request; replies call these methods."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    waiting = False

    def do_POST(self) -> None:
        """Count the request and give it the next reply of the script."""
        length = int(self.headers.get("content-length", 0))
        self.body = self.rfile.read(length)
        if len(self.body) < length:  # the client was killed while it sent
            self.close_connection = True
            return
        script = self.server.script
        with script.lock:
            script.counts[hashlib.sha256(self.body).hexdigest()] += 1
            script.bodies.append(json.loads(self.body))
            script.headers.append(dict(self.headers))
            script.times.append(time.monotonic())
            script.clients.add(self.client_address)
            script.in_flight += 1
            script.peak = max(script.peak, script.in_flight)
            reply = script.replies.popleft() if script.replies else script.default
        self.waiting = True
        try:
            reply(self)
        finally:
            self.settle()

    def do_GET(self) -> None:
        """Answer what is asked about the server."""
        self.server.script.asked_about.append(dict(self.headers))
        found = self.server.script.pages.get(self.path)
        self.answer(404 if found is None else 200, json.dumps(found or {}))

    def answer(
        self,
        code: int,
        body: str | bytes,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a whole answer at once."""
        data = body.encode() if isinstance(body, str) else body
        self.head(code, {"Content-Type": content_type, "Content-Length": str(len(data))}, headers)
        self.wfile.write(data)

    def settle(self) -> None:
        """Count the request as answered: before the client can know, else the next overlaps."""
        if self.waiting:
            self.waiting = False
            with self.server.script.lock:
                self.server.script.in_flight -= 1

    def head(self, code: int, *headers: Mapping[str, str] | None) -> None:
        """Send the status line and the headers."""
        self.settle()
        self.send_response(code)
        for group in headers:
            for name, value in (group or {}).items():
                self.send_header(name, value)
        self.end_headers()

    def stream(self, *pieces: str | bytes, end: bool = True) -> None:
        """Send server-sent events, chunked; without ``end`` the connection drops in mid-body."""
        self.head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for piece in pieces:
            self.chunk(piece)
        if end:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def chunk(self, piece: str | bytes) -> None:
        """Send one piece of a body."""
        data = piece.encode() if isinstance(piece, str) else piece
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def reset(self) -> None:
        """Drop the connection the hard way: the client sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


Reply = Callable[[Exchange], None]


class ScriptedServer:
    """Answers from ``replies`` in turn, then with ``default``; a context manager."""

    def __init__(self, *replies: Reply, default: Reply | None = None, port: int = 0) -> None:
        self.replies = deque(replies)
        self.default = default or says("fine")
        self.pages: dict[str, Any] = {}
        self.lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """Requests for each body, by its sha256."""
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.asked_about: list[dict[str, str]] = []
        """Headers of questions about the server itself."""
        self.times: list[float] = []
        self.clients: set[Any] = set()
        self.in_flight = 0
        self.peak = 0
        self._server = _Server(("127.0.0.1", port), Exchange)
        self._server.script = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def requests(self) -> int:
        """Number of completions asked for."""
        return len(self.bodies)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    script: ScriptedServer

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up are what this server is for."""


@contextmanager
def nobody() -> Iterator[str]:
    """Yield the base URL of a port at which nobody listens, and nobody can begin to meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


# --- replies ----------------------------------------------------------------------------


def event(data: Any) -> str:
    """Return one server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"


def piece(delta: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one chunk of a streamed completion."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"model": "scripted", "system_fingerprint": "fp1", "choices": [choice], **more}


def told(text: str) -> list[str]:
    """Return the events of a good answer; a token is a word, and one ends the answer."""
    usage = {**USAGE, "completion_tokens": len(text.split()) + 1}
    return [
        event(piece({"role": "assistant", "content": None})),
        event(piece({"content": text})),
        event(piece({}, "stop")),
        event({"model": "scripted", "choices": [], "usage": usage}),
        event("[DONE]"),
    ]


def says(text: str, latency_s: float = 0.0) -> Reply:
    """Answer well, after a while, in one write."""

    def reply(exchange: Exchange) -> None:
        time.sleep(latency_s)
        exchange.stream("".join(told(text)))

    return reply


def streams(*pieces: str | bytes, end: bool = True) -> Reply:
    """Stream these bytes."""
    return lambda exchange: exchange.stream(*pieces, end=end)


def answers(
    code: int,
    body: str | bytes = "{}",
    content_type: str = "application/json",
    **headers: str,
) -> Reply:
    """Answer at once; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.answer(code, body, content_type, named)


def resets(*pieces: str) -> Reply:
    """Begin a stream and reset the connection; without pieces, before any byte."""

    def reply(exchange: Exchange) -> None:
        if pieces:
            exchange.stream(*pieces, end=False)
            time.sleep(0.05)  # let them arrive: a reset throws away what is under way
        exchange.reset()

    return reply


def drips(text: str, every_s: float) -> Reply:
    """Send one letter at a time."""

    def reply(exchange: Exchange) -> None:
        exchange.stream(end=False)
        for letter in text:
            exchange.chunk(event(piece({"content": letter})))
            time.sleep(every_s)

    return reply


def sleeps(seconds: float) -> Reply:
    """Say nothing for a while, then hang up."""

    def reply(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.close_connection = True

    return reply


def stays_silent(*pieces: str) -> Reply:
    """Send these, if any, then nothing more until the client hangs up, however long that takes."""

    def reply(exchange: Exchange) -> None:
        if pieces:
            exchange.stream(*pieces, end=False)
        exchange.close_connection = True
        exchange.rfile.read(1)  # the end of its requests

    return reply


def hangs_up_after(text: str) -> Reply:
    """Promise keep-alive, answer well, then close the connection all the same."""

    def reply(exchange: Exchange) -> None:
        exchange.stream(*told(text))
        exchange.close_connection = True

    return reply


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    latency_s = parser.parse_args().latency
    with ScriptedServer(default=says("fine", latency_s)) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
        sys.stdout.write(f"{server.requests} requests, at most {server.peak} at once\n")


if __name__ == "__main__":
    _main()
