"""Agreement beyond chance, with the figures of the literature."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from pytest_quantguard.stats import Kappa, cohen_kappa, labels_needed, share_p, wilson_interval

# Two dermatologists on 88 patients, from the manual of SAS, procedure FREQ.
SKIN = [[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]]


def kappa_of(table: list[list[int]]) -> Kappa:
    found = cohen_kappa(table)
    assert found is not None
    return found


def tables(n: int) -> Iterator[list[list[int]]]:
    """Every 2 x 2 table of n labels."""
    for a in range(n + 1):
        for b in range(n + 1 - a):
            for c in range(n + 1 - a - b):
                yield [[a, b], [c, n - a - b - c]]


def chance(table: list[list[int]], cells: list[float]) -> float:
    """Its probability under the multinomial distribution."""
    counts = [count for row in table for count in row]
    log = math.lgamma(sum(counts) + 1) - sum(math.lgamma(count + 1) for count in counts)
    return math.exp(log + sum(k * math.log(p) for k, p in zip(counts, cells, strict=True)))


def test_the_worked_example_of_fleiss_cohen_and_everitt() -> None:
    """Their table of 200 diagnoses: kappa .429, variance .002885."""
    found = kappa_of([[106, 10, 4], [22, 28, 10], [2, 12, 6]])

    assert (0.7, 0.475, 0.429) == (
        round(found.observed, 6),
        round(found.expected, 6),
        round(found.value, 3),
    )
    assert 0.002885 == round(found.error**2, 6)


def test_the_worked_example_of_sas() -> None:
    """Kappa .3449, standard error .0724, Wald's interval .2030 to .4868."""
    found = kappa_of(SKIN)
    z = 1.959964

    assert (0.3449, 0.0724) == (round(found.value, 4), round(found.error, 4))
    assert 0.2030 == round(found.value - z * found.error, 4)
    assert 0.4868 == round(found.value + z * found.error, 4)
    assert 0.2030 == pytest.approx(found.low, abs=0.005)
    assert 0.4868 == pytest.approx(found.high, abs=0.005)


def test_kappa_does_not_care_who_is_who_or_how_labels_are_sorted() -> None:
    """Transposed, or with labels renamed, the table says the same."""
    one = kappa_of(SKIN)
    other = kappa_of([list(column) for column in zip(*SKIN, strict=True)])
    renamed = kappa_of([row[::-1] for row in SKIN[::-1]])

    for found in (other, renamed):
        assert (one.value, one.error) == pytest.approx((found.value, found.error))


@pytest.mark.parametrize(
    ("table", "value"), [([[10, 0], [0, 10]], 1.0), ([[5, 5], [5, 5]], 0.0), ([[0, 9], [9, 0]], -1)]
)
def test_the_ends_of_the_scale(table: list[list[int]], value: float) -> None:
    """Always, as by chance, never: the interval is never a point."""
    found = kappa_of(table)

    assert value == pytest.approx(found.value)
    assert found.low <= value <= found.high
    assert found.high - found.low > 0.3


@pytest.mark.parametrize("table", [[[30, 0], [0, 0]], [[0, 0], [0, 7]]])
def test_one_label_only_defines_no_kappa(table: list[list[int]]) -> None:
    """Whoever always says pass agrees with labels that always say pass: that shows nothing."""
    assert cohen_kappa(table) is None


@pytest.mark.parametrize(
    ("right", "wald", "ours"), [((0.95, 0.95), 0.08, 0.04), ((0.99, 0.97), 0.36, 0.08)]
)
def test_the_interval_excludes_the_truth_as_rarely_as_the_docstring_says(
    right: tuple[float, float], wald: float, ours: float
) -> None:
    """Exactly, over all tables of 50 labels: Wald's interval fails where ours holds."""
    cells = [right[0] / 2, (1 - right[0]) / 2, (1 - right[1]) / 2, right[1] / 2]
    counts = [round(10_000 * share) for share in cells]
    truth = kappa_of([counts[:2], counts[2:]]).value
    missed = {"wald": 0.0, "ours": 0.0, "too high": 0.0}
    for table in tables(50):
        probability = chance(table, cells)
        if probability < 1e-9 or (found := cohen_kappa(table)) is None:
            continue
        missed["wald"] += probability * (abs(found.value - truth) > 1.959964 * found.error)
        missed["ours"] += probability * (not found.low <= truth <= found.high)
        missed["too high"] += probability * (found.low > truth)

    assert {"wald": wald, "ours": ours} == {k: round(missed[k], 2) for k in ("wald", "ours")}
    assert missed["too high"] < 0.025, "no judge is called better than it is"


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_newcombe_prints_it(count: int, n: int, low: float, high: float) -> None:
    """Table I of Newcombe (1998), method 3."""
    assert (low, high) == tuple(round(end, 4) for end in wilson_interval(count, n))


def test_more_labels_are_needed_for_a_narrower_interval() -> None:
    """The number that is told gives the width that is asked for, and one less does not."""
    table = [[80, 10], [15, 45]]
    wanted = labels_needed(kappa_of(table), 0.1)
    grown = [[round(count * wanted / 150) for count in row] for row in table]
    found = kappa_of(grown)

    assert 0.1 == pytest.approx((found.high - found.low) / 2, abs=0.002)
    assert wanted < labels_needed(kappa_of(table), 0.05)
    assert 1 < labels_needed(kappa_of([[20, 0], [0, 20]]), 0.1) < 100


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([[1, 2]], "must be square"),
        ([[1]], "must be square"),
        ([[1, 2], [3]], "must be square"),
        ([[1, -2], [3, 4]], "holds -2"),
        ([[1, 0.5], [3, 4]], "holds 0.5"),
        ([[0, 0], [0, 0]], "is empty"),
    ],
)
def test_no_table_of_counts(table: list[list[int]], said: str) -> None:
    """Each mistake has its own sentence."""
    with pytest.raises(ValueError, match=said):
        cohen_kappa(table)


@pytest.mark.parametrize(("count", "n"), [(-1, 5), (6, 5), (0, 0), (math.nan, 5)])
def test_no_share(count: float, n: float) -> None:
    """A count lies between 0 and the number of things."""
    with pytest.raises(ValueError, match="must lie between 0 and n"):
        wilson_interval(count, n)


def test_no_width() -> None:
    """Half of an interval of kappa is above 0 and below 1."""
    with pytest.raises(ValueError, match="half_width is 0"):
        labels_needed(kappa_of(SKIN), 0)


@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (3, 3), (6, 9), (27, 60), (20, 60)])
def test_the_chance_of_a_share_is_the_sum_of_the_binomial(count: int, n: int) -> None:
    """Term by term."""
    terms = (math.comb(n, k) * (1 / 3) ** k * (2 / 3) ** (n - k) for k in range(count, n + 1))

    assert math.fsum(terms) == pytest.approx(share_p(count, n, 1 / 3), rel=1e-9)


@pytest.mark.parametrize("wrong", [(-1, 3, 0.5), (4, 3, 0.5), (0, 0, 0.5), (1, 3, 0.0), (1, 3, 1)])
def test_a_share_that_cannot_be_has_no_chance(wrong: tuple[int, int, float]) -> None:
    """Counts and limits have their domains."""
    with pytest.raises(ValueError, match="must lie"):
        share_p(*wrong)
