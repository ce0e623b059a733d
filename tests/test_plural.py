"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from pytest_quantguard._plural import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases"), (1651, "1651 cases")]
)
def test_one_is_not_several(number, said):
    """The number stays as it is, without separators."""
    assert counted(number, "case") == said


def test_a_plural_may_take_more_than_an_s():
    """As English has it."""
    assert [counted(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
