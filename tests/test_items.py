"""What an item says about a comparison that could not be made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_quantguard._items import _once
from pytest_quantguard.pairs import Mishap
from pytest_quantguard.types import Source


def mishap(message: str) -> Mishap:
    return Mishap(
        variant="cand",
        case="a",
        cohort="faq",
        check="exact",
        source=Source(file="x", line=1),
        role="baseline",
        kind="TransportError",
        message=message,
    )


def test_a_dead_server_is_said_once() -> None:
    """The first item says why in full, the others where that was; another reason is said anew."""
    config = SimpleNamespace(stash=pytest.Stash())
    items = [SimpleNamespace(nodeid=f"faq::{i}", config=config) for i in range(3)]
    said = [_once(item, mishap("no connection")) for item in items]  # type: ignore[arg-type]

    assert said == ["no connection", "the same as in faq::0", "the same as in faq::0"]
    assert _once(items[2], mishap("HTTP 500")) == "HTTP 500"  # type: ignore[arg-type]
    assert _once(items[0], mishap("no connection")) == "no connection"  # type: ignore[arg-type]
