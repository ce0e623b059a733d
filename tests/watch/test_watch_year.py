"""Years of quiet nights without an alarm, and changes that are seen: the benchmark's, in small."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard.watch.distances import logprob_distance
from pytest_quantguard.watch.records import Answer, Look, ProbeAnswer
from watched_looks import look

np = pytest.importorskip("numpy")
FOLDER = Path(__file__).parents[2] / "benchmarks" / "watch"


@pytest.fixture(scope="module")
def benchmark_modules() -> Any:
    """Return the benchmark's modules of simulated nights, years and speeds."""
    sys.path.insert(0, str(FOLDER))
    try:
        import nights
        import speeds
        import years
    finally:
        sys.path.remove(str(FOLDER))
    return nights, years, speeds


@pytest.fixture(scope="module")
def nights(benchmark_modules: Any) -> Any:
    """Return the simulated worlds of log-probs."""
    return benchmark_modules[0]


@pytest.mark.parametrize("place", [2, 3], ids=["drawn, plain bless", "hourly"])
def test_a_season_of_the_whole_answer_has_no_alarm(benchmark_modules: Any, place: int) -> None:
    """Golden answers that flip, lengths, log-probs and the gate together: two months of looks."""
    years = benchmark_modules[1]
    season = years.year(years.ENDPOINTS[place], np.random.default_rng(5), 60)

    assert season.answers == {Answer.UNCHANGED: 60}
    assert season.closest > 10


def test_the_benchmark_measures_distances_as_the_code_does(nights: Any) -> None:
    """The same log-probs, once as arrays and once as looks."""
    rng = np.random.default_rng(1)
    shape = (9, nights.PROBES, nights.TOKENS)
    drawn = -1 - rng.random(shape)

    def of(values: Any) -> Look:
        answers = tuple(
            ProbeAnswer(
                probe=f"p{k}",
                round=0,
                top=tuple((f"t{j}", float(p)) for j, p in enumerate(row)),
            )
            for k, row in enumerate(values)
        )
        return replace(look(1), answers=answers)

    looks = [of(values) for values in drawn]
    flat = drawn.reshape(9, -1)

    assert logprob_distance(looks[0], looks[1:]) == pytest.approx(
        float(nights.distances(flat[:1], flat[1:])[0])
    )


@pytest.mark.parametrize(
    "name", ["exact", "now and then", "uneven nights", "own nights", "two backends", "heavy tails"]
)
def test_quiet_years_give_no_alarm(nights: Any, name: str) -> None:
    """Twenty years of nights each, with a pin of eight nights; fixed seed."""
    (world,) = (world for world in nights.WORLDS if world.name == name)
    rng = np.random.default_rng(2)

    assert [nights.alarms(world, rng, one_day=False) for _ in range(20)] == [(0, 0)] * 20


@pytest.mark.parametrize(("shift", "within"), [(0.05, 1), (0.01, 7)])
def test_a_change_of_a_server_that_repeats_itself_is_seen(
    nights: Any, shift: float, within: int
) -> None:
    """0.05 nats on the first night, 0.01 within the first week."""
    (world,) = (world for world in nights.WORLDS if world.name == "exact")
    rng = np.random.default_rng(3)
    found = [nights.alarms(world, rng, one_day=False, shift=shift, nights=7) for _ in range(20)]

    for one in found:
        assert 1 <= min(night for night in one if night) <= within


@pytest.mark.parametrize("evenness", [0.01, 0.5])
def test_draws_of_an_unchanged_model_have_an_honest_p(nights: Any, evenness: float) -> None:
    """No more than a share p of looks has a p-value of p or less, for sure and unsure models."""
    share = nights.drawn_tail(np.random.default_rng(4), 10_000, evenness=evenness)

    assert share[1e-2] <= 0.0105
    assert share[1e-3] <= 0.0015
    assert share[1e-4] <= 0.0003


def test_speeds_of_unchanged_nights_are_seldom_called_faster(benchmark_modules: Any) -> None:
    """After a plain bless and three nights, in a rough weather; twice as fast is seen in most."""
    speeds = benchmark_modules[2]
    (rough,) = (one for one in speeds.WEATHERS if one.name.startswith("rough"))

    def share(factor: float) -> float:
        found: float = speeds.share(rough, np.random.default_rng(6), 100, 3, factor)
        return found

    assert share(1.0) <= 0.05
    assert share(2.0) >= 0.8
