"""What null runs found, pooled and kept; and the number that makes the next one ask afresh."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_quantguard import _noise
from pytest_quantguard._noise import Noise
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome
from pytest_quantguard.verdicts import Group

WHO = {"model": "m"}


def outcomes(
    cohort: str, check: str, n: int, lost: int = 0, gained: int = 0
) -> list[PairedOutcome]:
    """Return n outcomes of which some differ."""
    held, broke = Outcome.of([]), Outcome.of(["wrong"])
    return [
        PairedOutcome(
            case=f"{cohort}-{i}",
            cohort=cohort,
            check=check,
            baseline=broke if lost <= i < lost + gained else held,
            candidate=broke if i < lost else held,
        )
        for i in range(n)
    ]


FOUND = [
    *outcomes("a", "exact", 100, lost=1, gained=1),
    *outcomes("a", "length", 100),
    *outcomes("b", "exact", 50, lost=1),
]


def run(number: int) -> Noise:
    """Return what the null run with this number found."""
    noise = _noise.measured(FOUND, number=number, at=86_400.0)
    assert noise is not None
    return noise


@pytest.mark.parametrize(
    ("group", "share"),
    [
        (Group(), 3 / 250),
        (Group("a"), 2 / 200),
        (Group("a", "exact"), 2 / 100),
        (Group("a", "length"), 0.0),
        (Group(None, "exact"), 3 / 150),
        (Group("c"), None),
        (Group("a", "exact.layer"), None),
        (Group("a", None, "tag"), None),
        (Group("a", None, None, "length"), None),
    ],
)
def test_a_group_has_the_share_of_its_own_outcomes(group: Group, share: float | None) -> None:
    """Both directions count; what was not measured is not known."""
    assert share == run(1).of(group)


def test_null_runs_are_pooled() -> None:
    """Numbers add up, the date is the last, and answers that count already add nothing."""
    both = _noise.pooled(run(1), run(2))

    assert (500, 6, 2, 2) == (both.compared, both.flipped, both.runs, both.number)
    assert 4 / 200 == both.of(Group("a", "exact"))
    assert both == _noise.pooled(both, run(2))
    assert "disagree on 1.2 % of outcomes (6 of 500 in 2 null runs, last on 1970-01-02)" in (
        both.sentence()
    )


def test_none_of_a_few_is_no_promise_of_none() -> None:
    """To plan with, two of 240 are 3 of 242; nothing compared is nothing measured."""
    assert 3 / 242 == Noise(compared=240, flipped=2).expected
    assert None is _noise.measured([], number=1, at=0)


def test_what_is_known_is_kept_for_each_baseline(tmp_path: Path) -> None:
    """As it was; another baseline has none."""
    _noise.save(tmp_path, WHO, run(3))

    assert run(3) == _noise.load(tmp_path, WHO)
    assert None is _noise.load(tmp_path, {"model": "other"})


def test_what_is_not_kept_is_said(tmp_path: Path) -> None:
    """A part of a golden set that was measured whole; a folder that cannot be written."""
    assert "" == _noise.keep(tmp_path, WHO, WHO, run(1), cases=60, partial=False)
    assert 2 == _noise.next_number(tmp_path, WHO)

    smaller = _noise.keep(tmp_path, WHO, WHO, run(2), cases=run(1).cases - 1, partial=True)
    assert "cases, and an earlier one had" in smaller
    assert (run(1), 2) == (_noise.load(tmp_path, WHO), _noise.next_number(tmp_path, WHO))

    (tmp_path / "file").write_text("")
    broken = _noise.keep(tmp_path / "file", WHO, WHO, run(1), cases=60, partial=False)
    assert broken.startswith(str(tmp_path / "file"))


@pytest.mark.parametrize(
    "change",
    [
        {"compared": 0},
        {"flipped": 251},
        {"flipped": -1},
        {"compared": True},
        {"runs": 0},
        {"at": 1e400},
        {"number": "1"},
        {"groups": [["a", "exact", 1, 2]]},
        {"groups": [["a", 7, 1, 1]]},
        {"groups": [["a", "exact"]]},
        {"groups": None},
    ],
)
def test_a_broken_record_is_as_good_as_none(tmp_path: Path, change: dict[str, object]) -> None:
    """Anybody can write to the folder of a cache."""
    _noise.save(tmp_path, WHO, run(1))
    (path,) = (tmp_path / "noise").iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    assert None is _noise.load(tmp_path, WHO)


def test_a_complete_null_run_raises_the_number(tmp_path: Path) -> None:
    """Once, however many processes complete the same one; a damaged number begins again."""
    assert 1 == _noise.next_number(tmp_path, WHO)
    _noise.complete(tmp_path, WHO, 1)
    _noise.complete(tmp_path, WHO, 1)
    assert 2 == _noise.next_number(tmp_path, WHO)

    (path,) = (tmp_path / "noise").iterdir()
    path.write_text("{")
    assert 1 == _noise.next_number(tmp_path, WHO)
