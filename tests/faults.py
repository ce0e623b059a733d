"""Everything that a server, and the network before it, can do instead of answering well."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass

from scripted_server import (
    USAGE,
    Exchange,
    Reply,
    answers,
    drips,
    event,
    hangs_up_after,
    piece,
    resets,
    sleeps,
    stays_silent,
    streams,
    told,
)

HALF = event(piece({"content": "half"}))


@dataclass(frozen=True)
class Fault:
    """One way to answer badly."""

    reply: Reply
    words: str
    """What the message says where the fault does not pass."""
    asked_again: bool = True
    """Whether another attempt is worth it; else it is this case's error at once."""
    like_stale: bool = False
    """Looks like a kept-alive connection that was closed in the meantime: asked again for free."""


def _closes(body: bytes, content_type: str = "text/event-stream") -> Reply:
    """HTTP/1.0: the end of the connection is the end of the body."""

    def reply(exchange: Exchange) -> None:
        exchange.settle()
        head = f"HTTP/1.0 200 OK\r\nContent-Type: {content_type}\r\n\r\n"
        exchange.wfile.write(head.encode() + body)
        exchange.close_connection = True

    return reply


def _promises_more(exchange: Exchange) -> None:
    """Content-Length is longer than the body."""
    exchange.head(200, {"Content-Type": "application/json", "Content-Length": "500"})
    exchange.wfile.write(b'{"choices": [{"message": {"content": "half"}}]}')
    exchange.close_connection = True


def _says(code: int, text: str, **headers: str) -> Reply:
    return answers(code, json.dumps({"error": {"message": text}}), **headers)


_GOOD = "".join(told("fine")).encode()
_SSE = "text/event-stream"
_BOMB = gzip.compress(bytes(40 << 20))
_SSE_BOMB = gzip.compress(b"data: " + b" " * (40 << 20))

FAULTS = {
    "429": Fault(_says(429, "slow down"), "HTTP 429: slow down"),
    "429 with a wait": Fault(_says(429, "slow", Retry_After="0.05"), "HTTP 429: slow"),
    "429 with nonsense": Fault(_says(429, "slow", Retry_After="soon"), "HTTP 429"),
    "429 with a past date": Fault(
        _says(429, "slow", Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"), "asks to wait 0 s"
    ),
    "500": Fault(_says(500, "boom"), "HTTP 500: boom"),
    "502 of a proxy": Fault(answers(502, "<html>bad gateway", "text/html"), "an HTML page"),
    "503": Fault(answers(503, ""), "HTTP 503: no explanation"),
    "reset before an answer": Fault(resets(), "broke off", like_stale=True),
    "reset in mid-body": Fault(resets(HALF), "broke off"),
    "hang-up before an answer": Fault(sleeps(0.0), "broke off", like_stale=True),
    "chunks cut off": Fault(streams(HALF, end=False), "broke off"),
    "stream without an end": Fault(streams(HALF), "ended before the answer was complete"),
    "closed in mid-stream": Fault(_closes(HALF.encode()), "ended before the answer was complete"),
    "event cut off": Fault(streams(HALF, HALF[:40]), "cannot be used: not JSON"),
    "json cut off": Fault(_closes(b'{"choices": [{"mess', "application/json"), "not JSON"),
    "shorter than promised": Fault(_promises_more, "broke off"),
    "silence": Fault(stays_silent(), "no complete answer within"),
    "silence in mid-stream": Fault(stays_silent(HALF), "no complete answer within"),
    "slow drip": Fault(drips("x" * 2000, 0.05), "no complete answer within"),
    "no json": Fault(streams(event("{'choices'")), "not JSON"),
    "no object": Fault(answers(200, "[]"), "no JSON object"),
    "nested for ever": Fault(answers(200, "[" * 100_000), "not JSON"),
    "no choices": Fault(streams(event({"choices": []}), event("[DONE]")), "no 'choices'"),
    "nothing": Fault(answers(200, ""), "not JSON"),
    "a page": Fault(answers(200, "<html>", "text/html"), "content type 'text/html'"),
    "gzip bomb": Fault(answers(200, _BOMB, Content_Encoding="gzip"), "larger than 32 MiB"),
    "streamed gzip bomb": Fault(
        answers(200, _SSE_BOMB, _SSE, Content_Encoding="gzip"), "larger than 32 MiB"
    ),
    "gzip cut off": Fault(
        answers(200, gzip.compress(_GOOD)[:-60], _SSE, Content_Encoding="gzip"),
        "cannot be used: not JSON",
    ),
    "gzip that goes on": Fault(
        answers(200, zlib.compress(b'{"a": 1') + b"x" * 9, Content_Encoding="gzip"), "goes on after"
    ),
    "1 MB header": Fault(answers(200, "{}", X_Long="x" * 1_000_000), "broke off", like_stale=True),
    "error in mid-stream": Fault(
        streams(HALF, event({"error": {"message": "out of memory"}})), "out of memory"
    ),
    "error in place of an answer": Fault(
        answers(200, '{"object": "error", "message": "overloaded", "code": 503}'), "overloaded"
    ),
    "too long a prompt": Fault(
        _says(400, "maximum context length is 2048 tokens"), "context length is 2048", False
    ),
    "too long, told in mid-stream": Fault(
        streams(event({"error": {"message": "too many tokens", "code": 400}})), "too many", False
    ),
    "too large": Fault(answers(413, "<html>"), "HTTP 413", False),
    "not processable": Fault(_says(422, "bad schema"), "bad schema", False),
}
"""Each can pass: a server that did it once may answer the next request well."""

ODDITIES = {
    "no usage": streams(*(e for e in told("fine") if "usage" not in e)),
    "no [DONE]": streams(*told("fine")[:-1]),
    "no finish_reason": streams(event(piece({"content": "fine"})), event("[DONE]")),
    "HTTP/1.0": _closes(_GOOD),
    "closed after a stream": hangs_up_after("fine"),
    "two choices": streams(
        event({"choices": [{"index": 1, "delta": {"content": "wrong"}, "finish_reason": "stop"}]}),
        *told("fine"),
    ),
    "two whole choices": answers(
        200,
        json.dumps(
            {
                "choices": [
                    {"index": 1, "message": {"content": "wrong"}},
                    {"index": 0, "message": {"content": "fine"}, "finish_reason": "stop"},
                ],
                "usage": USAGE,
            }
        ),
    ),
    "the end twice": streams(*told("fine"), event(piece({}, "stop")), event("[DONE]")),
    "numbered and sent twice": streams(
        "".join(
            f"id: {number}\n{text}" * (1 + (number % 2))
            for number, text in enumerate(
                event(piece({"content": letter}, "stop" if letter == "e" else None))
                for letter in "fine"
            )
        ),
        event("[DONE]"),
    ),
    "one id on all events": streams(
        *(f"id: x\n{event(piece({'content': text}))}" for text in ("f", "i", "n")),
        f"id: x\n{event(piece({'content': 'e'}, 'stop'))}",
    ),
}
"""Odd, but the answer is complete: it is "fine", and is not asked for twice."""
