"""What holds for every metric of the drawer."""

import ast
import dataclasses
import inspect
import random
import re
import textwrap
from pathlib import Path

import pytest
from metric_arms import (
    BUDGETABLE,
    CASES,
    EQUAL,
    EVERYTHING,
    LIMITS,
    POINTS,
    REPORTED,
    WORLDS,
    Evidence,
    load,
)

from pytest_quantguard import metrics, stats
from pytest_quantguard.metrics import METRICS
from pytest_quantguard.verdicts import Group

FOLDER = Path(metrics.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_table_lists_every_file_in_order():
    """One public file is one family of metrics."""
    files = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    homes = {place.partition(":")[0].rpartition(".")[2] for place in METRICS.values()}

    assert files == homes
    assert sorted(METRICS) == list(METRICS)


def test_the_statistics_have_one_home():
    """A metric counts and compares; whatever is a test or a bound comes from stats."""
    allowed = {
        "__future__",
        "abc",
        "collections.abc",
        "dataclasses",
        "functools",
        "math",
        "operator",
        "typing",
    }

    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= allowed
            if isinstance(node, ast.ImportFrom):
                assert node.module in allowed or node.module.startswith("pytest_quantguard")


@pytest.mark.parametrize("key", METRICS)
def test_follows_the_contract(key):
    """A metric is a frozen dataclass without arguments that knows what it is."""
    metric = load(key)

    assert key == metric.key
    assert metric.unit in ("points", "ratio")
    assert metric.both_ways == (key in ("length", "refusals"))
    assert metric.report_only == (key in REPORTED)
    assert type(metric).__dataclass_params__.frozen
    assert dataclasses.fields(metric) == ()
    assert metric == load(key)
    assert not hasattr(metric, "__dict__")


@pytest.mark.parametrize("key", BUDGETABLE)
def test_the_example_is_true(key):
    """The docstring shows a budget on this metric with the limit that its unit has."""
    yaml = pytest.importorskip("yaml")
    metric = load(key)
    example = inspect.getdoc(type(metric)).split("Example:\n")[1]

    (budget,) = yaml.safe_load(textwrap.dedent(example))["budgets"]

    assert key == budget.pop("metric")
    (word,) = budget
    points = ("max_shift",) if metric.both_ways else ("max_rise", "max_drop")
    assert word in (points if metric.unit == "points" else ("max_ratio",))


def test_the_page_lists_every_metric():
    """docs/metrics.md has a row for each key, with its unit."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text("utf-8"), re.MULTILINE)

    assert sorted((key, load(key).unit) for key in METRICS) == sorted(rows)


def test_the_page_knows_the_fewest_cases():
    """The example of each row is refused with one case less than the row says."""
    row = re.compile(r"\| (\d+) \| `\{metric: (\w+), max_\w+: ([\d.]+)( pt)?\}` \|$", re.MULTILINE)
    found = row.findall(PAGE.read_text("utf-8"))

    assert sorted(BUDGETABLE) == sorted(key for _, key, _, _ in found)
    for cases, key, limit, points in found:
        assert int(cases) == load(key).floor(float(limit) / (100 if points else 1)), key


@pytest.mark.parametrize("key", POINTS)
def test_a_limit_in_points_is_a_hundredth_at_least(key):
    """Nobody has the cases for less; the smallest limit is looked up without making any up."""
    assert 29_000 < load(key).floor(0.0001) < 31_000
    assert load(key).floor(0.01 / 100) == load(key).floor(0.0001)
    for limit in (0.00009, 1e-5, 1e-300):
        with pytest.raises(ValueError, match=r"the limit is .* write 0\.01 pt or more"):
            load(key).floor(limit)


@pytest.mark.parametrize("key", ["length", "cost_per_success", "cost_per_request", "tokens_out"])
def test_a_ratio_next_to_1_is_refused(key):
    """It takes thousands of cases to tell one from the other."""
    assert 1000 < load(key).floor(1.001) < 1200
    for limit in (1.0009, 1.00001, 1 + 1e-15):
        with pytest.raises(ValueError, match=r"the limit is .* write 1\.001 or more"):
            load(key).floor(limit)


@pytest.mark.parametrize("key", BUDGETABLE)
def test_a_floor_needs_no_cases(key, monkeypatch):
    """It is a number worked out from the limit, not from a list of that many cases."""
    bounds = ("mean_upper", "mean_log_ratio", "success_cost_ratio", "paired_counts")
    for name in bounds:
        monkeypatch.delattr(stats, name)

    assert load(key).floor(LIMITS[key]) > 0


@pytest.mark.parametrize("key", METRICS)
def test_nothing_measured_shows_nothing(key):
    """An empty group has no delta and no level, and says so."""
    reading = load(key).read(Group(cohort="empty"), [], [])

    assert Group(cohort="empty", metric=key) == reading.group
    assert (None, None, None, 0) == (
        reading.delta,
        reading.baseline,
        reading.candidate,
        reading.cases,
    )
    assert "nothing was measured" == reading.note
    assert Evidence().p_over(key, LIMITS.get(key, 1.2)) == 1.0


@pytest.mark.parametrize("key", BUDGETABLE)
@pytest.mark.parametrize("limit", [0.0, -0.1, float("nan"), float("inf")])
def test_a_limit_that_no_budget_can_have_is_refused(key, limit):
    """Whatever was measured, and before anything was.

    In points, 0 is no budget, but it is a hypothesis: "no worse than the baseline".
    """
    with pytest.raises(ValueError, match="the limit is"):
        load(key).floor(limit)
    if limit == 0 and load(key).unit == "points":
        assert Evidence().p_over(key, limit) == 1.0
        return
    with pytest.raises(ValueError, match="the limit is"):
        Evidence().p_over(key, limit)


@pytest.mark.parametrize("key", BUDGETABLE)
def test_one_case_shows_nothing_yet(key):
    """One equal case has levels; no bound of it is inside a limit, and nothing is over it."""
    found = _equal(key, 1)
    reading = found.read(key)

    assert 1 == reading.cases
    assert reading.baseline == reading.candidate
    assert reading.delta is None or not reading.delta.high < LIMITS[key]
    assert not found.p_over(key, LIMITS[key]) < 0.05


@pytest.mark.parametrize("key", BUDGETABLE)
def test_equal_arms_pass_from_the_floor_on(key):
    """Ties only: the delta is none, the bound is inside the limit exactly from `floor` on."""
    floor = load(key).floor(LIMITS[key])

    for cases in (floor, CASES[key] + floor):
        delta = _equal(key, cases).read(key).delta
        assert EQUAL[key] == pytest.approx(delta.value)
        assert delta.low <= delta.value <= delta.high < LIMITS[key]
        assert not _equal(key, cases).p_over(key, LIMITS[key]) < 0.05
    short = _equal(key, floor - 1).read(key).delta
    assert short is None or not short.high < LIMITS[key]


def _equal(key, cases):
    """Cases of the metric's world, the candidate being the baseline once more.

    For the tails, which are bounded in each arm, the same case all over.
    """
    draw = random.Random(5)
    replace = dataclasses.replace
    if key[-3:] in ("p95", "p99"):
        (one,) = WORLDS[key](draw, 1, EQUAL[key]).measurements
        same = [replace(one, case=f"case-{place}") for place in range(cases)]
        return Evidence([replace(m, candidate=m.baseline) for m in same])
    found = WORLDS[key](draw, cases, EQUAL[key])
    return Evidence(
        [replace(m, candidate=m.baseline) for m in found.measurements],
        [replace(o, candidate=o.baseline) for o in found.outcomes],
    )


@pytest.mark.parametrize("key", BUDGETABLE)
def test_the_order_of_cases_does_not_matter(key):
    """Workers report as they please; the reading is the same to the last digit."""
    found = WORLDS[key](random.Random(3), CASES[key], LIMITS[key])
    other = Evidence(found.measurements[::-1], found.outcomes[::-1])

    assert found.read(key) == other.read(key)
    assert found.p_over(key, LIMITS[key]) == other.p_over(key, LIMITS[key])
    assert load(key).read(EVERYTHING, *found).cases == CASES[key]
