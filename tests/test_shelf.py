"""The shelf: what threads bring at once is stored at once; each is told what became of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard.cache import shelf as _shelf
from pytest_quantguard.cache.shelf import Shelf, ShelfError

KEYS = [f"{number:064x}" for number in range(8)]


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the keys of each transaction; one text that says so breaks its transaction."""
    seen: list[list[str]] = []
    put = _shelf._Cache.put

    def watched(self: Any, texts: Sequence[Any]) -> None:
        seen.append([one.key for one in texts])
        if any(one.text == "broken" for one in texts):
            raise ValueError("a text is broken")
        put(self, texts)

    monkeypatch.setattr(_shelf._Cache, "put", watched)
    return seen


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Return a shelf in a new folder."""
    shelf = Shelf(tmp_path / "shelf")
    yield shelf
    shelf.close()


def bring(shelf: Shelf, texts: dict[str, str]) -> dict[str, str]:
    """Let a thread bring each text while another one writes; return who was refused, and why."""
    refused: dict[str, str] = {}

    def one(key: str, text: str) -> None:
        try:
            shelf.set(key, text)
            assert text == shelf.get(key)  # it is there when `set` returns
        except ShelfError as error:
            refused[key] = str(error)
        finally:
            shelf.close()

    threads = [threading.Thread(target=one, args=pair) for pair in texts.items()]
    with shelf._writing:
        for thread in threads:
            thread.start()
        while len(shelf._waiting) < len(threads):
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    return refused


def test_what_waits_is_written_in_one_transaction(shelf: Shelf, groups: list[list[str]]) -> None:
    """One thread writes for all who wait, and none of them writes again."""
    assert {} == bring(shelf, dict.fromkeys(KEYS, "text"))

    assert [sorted(KEYS)] == [sorted(group) for group in groups]
    assert ["text"] * 8 == [shelf.get(key) for key in KEYS]


def test_a_text_that_cannot_be_stored_harms_no_other(
    shelf: Shelf, groups: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who brought it is told; the others write theirs themselves."""
    monkeypatch.setattr(_shelf, "_REST_S", 0.0)
    shelf._rest_s = 0.0
    refused = bring(shelf, {**dict.fromkeys(KEYS, "text"), KEYS[3]: "broken"})

    others = [key for key in KEYS if key != KEYS[3] and key not in refused]
    assert "a text is broken" in refused.pop(KEYS[3])
    # For a moment after a failure nobody writes: those who came then were told so, too.
    assert all("a text is broken" in why for why in refused.values())
    assert ["text"] * len(others) == [shelf.get(key) for key in others]
    assert shelf.get(KEYS[3]) is None
    assert len(groups) > 1


def test_what_was_refused_is_stored_once_there_is_room(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An urgent text does not wait for the rest after a failure."""

    def full(self: Any, texts: Sequence[Any]) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(_shelf._Cache, "put", full)
        assert {"no space left"} == set(bring(shelf, dict.fromkeys(KEYS, "text")).values())

    with pytest.raises(ShelfError):
        shelf.set(KEYS[0], "text")
    shelf.set(KEYS[0], "text", urgent=True)
    assert "text" == shelf.get(KEYS[0])
