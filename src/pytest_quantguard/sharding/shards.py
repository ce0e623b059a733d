"""Which golden cases belong to which shard, when several machines share a run; pure.

Every machine collects the same cases and draws the same shards, from the ids alone: nobody has to
tell anybody anything.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from pytest_quantguard.errors import ConfigError

MOST = 1000
"""Shards that a run can have."""

_WRITTEN = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One part of a run."""

    of: int
    """How many there are, from 1 to `MOST`."""
    number: int
    """Which one, from 1."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2/5``.

        Raises:
            ConfigError: for anything else.
        """
        match = _WRITTEN.fullmatch(text)
        number, of = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= of <= MOST:
            raise ConfigError(
                f"--quant-shard={text[:40]!r} is no part of a run; write K/N, such as 2/5 for the "
                f"second of five, with K from 1 to N and N at most {MOST}"
            )
        return cls(of, number)

    def __str__(self) -> str:
        return f"{self.number} of {self.of}"

    @property
    def file_name(self) -> str:
        """Name of the file that the shard leaves."""
        return f"shard-{self.number}-of-{self.of}.json"


def shard_of_cases(cohorts: Mapping[str, str], of: int) -> dict[str, int]:
    """Return case -> shard, from 1: the shards of each cohort differ by at most one case.

    So do the shards as a whole. ``cohorts`` is case -> cohort. A case goes to the shard that a
    hash of its id names, or to the next one with room: where a case is added, few others move,
    so that what a machine has cached stays with it.

    >>> sorted(shard_of_cases({"a": "x", "b": "x", "c": "y"}, 3).values())
    [1, 2, 3]
    """
    members: dict[str, list[tuple[int, str]]] = {}
    for case, cohort in cohorts.items():
        members.setdefault(cohort, []).append((_draw(case), case))
    found = {}
    larger = 0  # the first shard that takes one of the cases that cannot be shared out evenly
    for _, cases in sorted(members.items()):
        even, left = divmod(len(cases), of)
        room = [even + ((shard - larger) % of < left) for shard in range(of)]
        larger = (larger + left) % of
        for draw, case in sorted(cases):
            shard = draw % of
            while not room[shard]:
                shard = (shard + 1) % of
            room[shard] -= 1
            found[case] = shard + 1
    return found


def selection_hash(planned: Iterable[tuple[str, str]]) -> str:
    """Return a text that stands for these pairs of case and check, whatever their order."""
    lines = sorted(json.dumps(list(pair)) for pair in planned)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _draw(case: str) -> int:
    text = f"shard {case}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
