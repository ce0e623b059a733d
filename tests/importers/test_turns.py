"""Streams that are read in turns."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_quantguard.importers import _turns
from pytest_quantguard.importers._turns import in_turns


def test_an_item_of_each_then_the_next_of_each() -> None:
    """Shorter ones end early; empty ones are passed over; order is that of the streams."""
    streams = [iter("ace"), iter(""), iter("b"), iter("df")]

    assert ["a", "b", "d", "c", "f", "e"] == list(in_turns(streams))
    assert [] == list(in_turns([]))


def test_few_are_begun_at_a_time() -> None:
    """Each may hold a file open: of a thousand only so many do."""
    open_now, most = 0, 0

    def stream(number: int) -> Iterator[int]:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        yield number
        open_now -= 1

    assert list(range(1000)) == sorted(in_turns(stream(number) for number in range(1000)))
    assert (0, _turns._OPEN) == (open_now, most)
