"""The bytes of a body become lines and server-sent events, never more of them than is allowed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

MAX_BODY = 32 * 2**20
"""Longest answer that is read, in bytes after decompression."""
MAX_LINE = 16 * 2**20
"""Longest line of a stream, in bytes."""
DONE = "[DONE]"

_BREAK = re.compile(rb"\r\n|\n|\r")


class MalformedError(Exception):
    """The bytes are no chat completion; the text says why: raw, uncut, it may hold secrets."""


def bounded(chunks: Iterable[bytes], encoding: str, limit: int = 0) -> Iterator[bytes]:
    """Undo ``Content-Encoding`` and stop at ``limit`` bytes, before they are in memory.

    ``limit`` is `MAX_BODY` unless another one is given.

    Raises:
        MalformedError: too large, damaged, or compressed in a way that was not asked for.
    """
    if encoding.lower() not in ("", "identity", "gzip", "deflate"):
        raise MalformedError(f"the body is compressed, which was not asked for, with {encoding}")
    unzip = zlib.decompressobj(wbits=47) if encoding.lower() in ("gzip", "deflate") else None
    left = limit = limit or MAX_BODY
    for raw in chunks:
        try:
            chunk = unzip.decompress(raw, left + 1) if unzip else raw
        except zlib.error:
            raise MalformedError(f"the body is no valid {encoding}") from None
        if unzip and unzip.unused_data:  # it would be kept, however much of it comes
            raise MalformedError(f"the body goes on after the end of its {encoding}")
        left -= len(chunk)
        if left < 0:
            raise MalformedError(f"the body is larger than {limit >> 20} MiB")
        yield chunk


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends (LF, CR or CRLF), however the bytes were cut."""
    line = bytearray()
    skip_lf = False
    for raw in chunks:
        if not raw:
            continue
        chunk = raw.removeprefix(b"\n") if skip_lf else raw
        skip_lf = chunk.endswith(b"\r")
        *ended, rest = _BREAK.split(chunk)
        for part in ended:
            line += part
            yield bytes(line)
            line.clear()
        line += rest
        if len(line) > MAX_LINE:
            raise MalformedError(f"a line of the stream is longer than {MAX_LINE >> 20} MiB")
    if line:
        yield bytes(line)


class _Numbers:
    """Tells an event that is sent again: one with the id and the data of the one before.

    Some servers put one id on all events: an id that other data came under is no number.
    """

    def __init__(self) -> None:
        self._last, self._data = b"", b""
        self._distinct = 0
        self._sound = True

    def again(self, number: bytes, data: bytes) -> bool:
        if number and number == self._last:
            if data == self._data:
                return self._sound and self._distinct > 1
            self._sound = False
        self._distinct += number != self._last
        self._last, self._data = number, data
        return False


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each server-sent event; comments and other fields carry nothing.

    Where a server numbers its events, one that is sent again is one event. Few do: without numbers
    nobody can tell two equal pieces from one that was sent twice.
    Older builds of llama.cpp write ``error: {...}`` in mid-stream: that is the data of an error.
    """
    data: list[bytes] = []
    number, numbers = b"", _Numbers()
    for line in lines(chunks):
        name, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif not line and data:
            whole = b"\n".join(data)
            if not numbers.again(number, whole):
                yield whole.decode("utf-8", "replace")
            number = b""
            data.clear()
        elif name == b"id":
            number = value.strip()
        elif name == b"error" and value:
            data.append(b'{"error":%b}' % value)
    if data:  # some servers end without the last empty line
        yield b"\n".join(data).decode("utf-8", "replace")
