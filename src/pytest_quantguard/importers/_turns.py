"""Streams that are read in turns, so that what belongs together is met together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

_OPEN = 64
"""Streams that are begun at a time: each may hold a file open."""


def in_turns(streams: Iterable[Iterator[T]]) -> Iterator[T]:
    """Yield an item of each stream, then the next of each; one that ends makes room for another."""
    others = iter(streams)
    begun = deque(islice(others, _OPEN))
    while begun:
        stream = begun.popleft()
        try:
            item = next(stream)
        except StopIteration:
            begun.extend(islice(others, 1))
            continue
        begun.append(stream)
        yield item
