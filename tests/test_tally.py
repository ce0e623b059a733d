"""Putting together what the processes of a run planned, asked and found."""

from __future__ import annotations

from pytest_quantguard._tally import merged


def test_remarks_of_every_process_count() -> None:
    """One that came late found all answers in the cache: the others know what to remark on."""
    late = {"cases": 3, "remarks": [], "notices": ["full"], "limited": []}
    early = {"cases": 3, "remarks": ["they take turns"], "notices": ["full"], "limited": ["over"]}
    whole = merged([late, early, early])

    assert whole["cases"] == 3
    assert whole["remarks"] == ["they take turns"]
    assert (whole["notices"], whole["limited"]) == (["full"], ["over"])
