"""How much two runs of one baseline disagree, measured once and kept beside the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Json

NULL = "again"
"""What a null run's candidate is called after: the baseline's name and this."""

_MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What a null run found."""

    share: float
    """Of the outcomes, in [0, 1], that differed."""
    checks: int
    """How many outcomes were compared."""

    @property
    def expected(self) -> float:
        """Share to plan with: none of 60 is no promise of none (Laplace's rule of succession)."""
        return (self.share * self.checks + 1) / (self.checks + 2)


def disagreement(outcomes: Sequence[PairedOutcome]) -> float | None:
    """Return the share of outcomes, in [0, 1], that differ; None without any."""
    if not outcomes:
        return None
    return sum(o.regressed or o.improved for o in outcomes) / len(outcomes)


def save(folder: Path, identity: Json, share: float, checks: int) -> None:
    """Keep the share of ``checks`` outcomes that differed, unless more is known already."""
    known = load(folder, identity)
    if known is not None and known.checks > checks:
        return
    path = _path(folder, identity)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"share": share, "checks": checks}), encoding="ascii")


def load(folder: Path, identity: Json) -> Noise | None:
    """Return what was measured for this baseline; None when nothing was, or it is broken."""
    try:
        data = json.loads(_path(folder, identity).read_text(encoding="ascii"))
        found = Noise(share=float(data["share"]), checks=int(data["checks"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return found if 0 <= found.share <= 1 and 0 < found.checks <= _MOST else None


def _path(folder: Path, identity: Json) -> Path:
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return folder / "noise" / f"{name[:32]}.json"
