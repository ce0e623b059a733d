"""Which case belongs to which shard."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_quantguard.errors import ConfigError
from pytest_quantguard.sharding.shards import Shard, selection_hash, shard_of_cases

COHORTS = {f"case-{i}": f"cohort-{i * i % 7}" for i in range(412)}


@pytest.mark.parametrize("of", [1, 2, 5, 7, 500])
def test_every_cohort_is_shared_out_evenly_and_so_is_the_whole(of):
    """Shards differ by one case at most, in each cohort and over all; every case has one."""
    found = shard_of_cases(COHORTS, of)

    assert set(found) == set(COHORTS)
    for cohort in {None, *COHORTS.values()}:
        counts = Counter(s for case, s in found.items() if cohort in (None, COHORTS[case]))
        sizes = [counts[shard] for shard in range(1, of + 1)]
        assert max(sizes) - min(sizes) <= 1
        assert sum(sizes) == sum(cohort in (None, other) for other in COHORTS.values())


def test_many_small_cohorts_do_not_end_in_one_shard():
    """Cohorts of one case each are spread over all shards."""
    found = shard_of_cases({f"c{i}": f"cohort-{i}" for i in range(20)}, 5)

    assert {1: 4, 2: 4, 3: 4, 4: 4, 5: 4} == Counter(found.values())


def test_the_order_of_the_cases_does_not_matter():
    """Machines that collect in another order draw the same shards."""
    assert shard_of_cases(COHORTS, 5) == shard_of_cases(dict(reversed(COHORTS.items())), 5)


def test_a_new_case_moves_few_others():
    """What a machine has cached stays with it."""
    before = shard_of_cases(COHORTS, 5)
    after = shard_of_cases({**COHORTS, "new": "cohort-2"}, 5)

    assert sum(before[case] != after[case] for case in before) <= len(before) // 20


def test_a_shard_is_written_k_of_n():
    """Its file is named after it."""
    assert Shard(5, 2) == Shard.parse("2/5")
    assert "shard-2-of-5.json" == Shard.parse("2/5").file_name
    assert "2 of 5" == str(Shard.parse("2/5"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "2/",
        "/5",
        "0/5",
        "6/5",
        "1/0",
        "-1/5",
        "1/1001",
        "1/5/7",
        "1.0/5",
        " 1/5",
        "1/5\n",
        "01/5",
        "\u0661/5",
        "1/99999999999999999999",
    ],
)
def test_what_is_no_shard_is_refused(text):
    """The message shows what was given and what to write."""
    with pytest.raises(ConfigError, match="is no part of a run; write K/N, such as 2/5"):
        Shard.parse(text)


def test_the_selection_is_told_by_its_pairs_alone():
    """Neither order nor the way an id is put together counts; a missing pair does."""
    pairs = [("a", "b,c"), ("a", "d")]

    assert selection_hash(pairs) == selection_hash(pairs[::-1])
    assert selection_hash(pairs) != selection_hash(pairs[:1])
    assert selection_hash([("a,b", "c")]) != selection_hash([("a", "b,c")])
