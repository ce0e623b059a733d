"""How much two runs of one baseline disagree: measured by null runs, kept beside the cache.

A null run asks the baseline once more, under an identity with a number. The number is raised when
a null run is complete: the next one asks afresh, one that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_quantguard._whole import write_whole
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import Group

NULL = "again"
"""What a null run's candidate is called after: the baseline's name and this."""

_AGAIN = re.compile(rf"(?:.* )?{NULL} \d+", re.DOTALL)
"""The revision of such a candidate; it counts the null runs of the baseline."""
_MOST = 10**9
_GROUPS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What null runs of one baseline found, all of them together."""

    compared: int
    """How many outcomes were compared, at least 1."""
    flipped: int
    """How many of them differed."""
    groups: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict, hash=False)
    """The same two numbers for each cohort and check; empty where only the sum is known."""
    runs: int = 1
    at: float = 0.0
    """When the last of the runs ended, in seconds since the epoch; 0 = not known."""
    cases: int = 0
    """How many cases the largest of the runs had."""
    number: int = 0
    """That of the last null run that counts here."""
    name: str = "the baseline"
    """What the baseline is called in sentences."""

    @property
    def share(self) -> float:
        """Of the outcomes, in [0, 1], that differed."""
        return self.flipped / self.compared

    @property
    def expected(self) -> float:
        """Share to plan with: none of 60 is no promise of none (Laplace's rule of succession)."""
        return (self.flipped + 1) / (self.compared + 2)

    def of(self, group: Group) -> float | None:
        """Return the share of a group's outcomes, in [0, 1], that differed; None = not known.

        It is not known of tags, of metrics, and of the layers of a check.
        """
        if group.tag is not None or group.metric is not None:
            return None
        if group.cohort is None and group.check is None:
            return self.share
        found = [
            numbers
            for (cohort, check), numbers in self.groups.items()
            if group.cohort in (None, cohort) and group.check in (None, check)
        ]
        compared = sum(n for n, _ in found)
        return sum(k for _, k in found) / compared if compared else None

    def sentence(self) -> str:
        """Say it, as all reports do."""
        runs = f"{self.runs} null run{'s' * (self.runs != 1)}"
        when = time.strftime(", last on %Y-%m-%d", time.gmtime(self.at)) if self.at else ""
        return (
            f"Noise floor: two runs of {self.name} disagree on {100 * self.share:.1f} % of "
            f"outcomes ({self.flipped} of {self.compared} in {runs}{when})"
        )

    def and_(self, other: Noise) -> Noise:
        """Return what both found together; ``other`` is the later one."""
        groups = dict(self.groups)
        for key, (compared, flipped) in other.groups.items():
            known = groups.get(key, (0, 0))
            groups[key] = (known[0] + compared, known[1] + flipped)
        return replace(
            other,
            compared=self.compared + other.compared,
            flipped=self.flipped + other.flipped,
            groups=groups,
            runs=self.runs + other.runs,
            cases=max(self.cases, other.cases),
        )


def is_null(variant: Variant) -> bool:
    """Tell whether a candidate is the baseline asked once more: there is nothing to be served."""
    revision = _AGAIN.fullmatch(variant.revision or "")
    return revision is not None and variant.name.endswith(f"-{NULL}")


def measured(outcomes: Sequence[PairedOutcome], *, number: int, at: float) -> Noise | None:
    """Return what the null run with this number found; None without any outcome."""
    if not outcomes:
        return None
    groups: dict[tuple[str, str], tuple[int, int]] = {}
    for outcome in outcomes:
        compared, flipped = groups.get((outcome.cohort, outcome.check), (0, 0))
        differs = outcome.regressed or outcome.improved
        groups[outcome.cohort, outcome.check] = (compared + 1, flipped + differs)
    return Noise(
        compared=len(outcomes),
        flipped=sum(flipped for _, flipped in groups.values()),
        groups=groups,
        at=at,
        cases=len({outcome.case for outcome in outcomes}),
        number=number,
    )


def pooled(known: Noise | None, found: Noise) -> Noise:
    """Add a null run to what is known; one whose answers are in it already adds nothing."""
    if known is None:
        return found
    return known if known.number >= found.number else known.and_(found)


# --- kept beside the cache ----------------------------------------------------------------------


def save(folder: Path, identity: Json, noise: Noise) -> None:
    """Keep what is known of a baseline.

    Raises:
        OSError: it cannot be written; what was known is still there.
    """
    text = json.dumps(to_dict(noise))
    write_whole(_path(folder, identity, "json"), text.encode("ascii"))


def keep(
    folder: Path, identity: Json, counted: Json, noise: Noise, *, cases: int, partial: bool
) -> str:
    """Keep a complete null run with what was known before; return why it cannot be, if so.

    ``identity`` is what the baseline's provider tells, ``counted`` what `next_number` is asked
    with; ``partial``: the golden set may be larger than the ``cases`` of this run.
    """
    known = load(folder, identity)
    if partial and known is not None and cases < known.cases:
        return f"it has {cases} cases, and an earlier one had {known.cases}"
    try:
        save(folder, identity, noise)
        complete(folder, counted, noise.number)
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    return ""


def to_dict(noise: Noise) -> Json:
    """Return plain JSON types; the baseline's name is not among them."""
    return {
        "compared": noise.compared,
        "flipped": noise.flipped,
        "groups": [[*names, *numbers] for names, numbers in sorted(noise.groups.items())],
        "runs": noise.runs,
        "at": noise.at,
        "cases": noise.cases,
        "number": noise.number,
    }


def load(folder: Path, identity: Json) -> Noise | None:
    """Return what was measured for this baseline; None when nothing was, or it is broken."""
    try:
        data = json.loads(_path(folder, identity, "json").read_text(encoding="ascii"))
    except (OSError, ValueError, RecursionError):
        return None
    return from_dict(data)


def from_dict(data: Any) -> Noise | None:
    """Rebuild from `to_dict`; None where the data is no such thing."""
    try:
        noise = Noise(
            compared=_count(data["compared"]),
            flipped=_count(data["flipped"]),
            runs=_count(data["runs"]),
            cases=_count(data["cases"]),
            groups=_groups(data["groups"]),
            at=float(data["at"]),
            number=_count(data["number"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    sound = 0 <= noise.flipped <= noise.compared and noise.compared and 0 <= noise.at < 1e11
    return noise if sound and noise.runs else None


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError("no count")
    return value


def _groups(rows: Iterable[Any]) -> dict[tuple[str, str], tuple[int, int]]:
    found = {}
    for cohort, check, compared, flipped in list(rows)[:_GROUPS]:
        if not (isinstance(cohort, str) and isinstance(check, str) and flipped <= compared):
            raise ValueError("no group")
        found[cohort, check] = (_count(compared), _count(flipped))
    return found


def next_number(folder: Path, identity: Json) -> int:
    """Return the number of the null run that is due, from 1; ``identity`` is the variant's."""
    try:
        data = json.loads(_path(folder, identity, "next").read_text(encoding="ascii"))
        return max(1, _count(data["next"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 1


def complete(folder: Path, identity: Json, number: int) -> None:
    """Note that the null run with this number is complete: the next one asks afresh.

    Raises:
        OSError: it cannot be written; then the next null run finds these answers again.
    """
    due = max(next_number(folder, identity), number + 1)
    write_whole(_path(folder, identity, "next"), json.dumps({"next": due}).encode("ascii"))


def _path(folder: Path, identity: Json, kind: str) -> Path:
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return folder / "noise" / f"{name[:32]}.{kind}"
