"""How much two runs of one baseline disagree, measured once and kept beside the cache."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path

from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import PairedOutcome

NULL = "again"
"""What a null run's candidate is called after: the baseline's name and this."""


def disagreement(outcomes: Sequence[PairedOutcome]) -> float | None:
    """Return the share of outcomes, in [0, 1], that differ; None without any."""
    if not outcomes:
        return None
    return sum(o.regressed or o.improved for o in outcomes) / len(outcomes)


def save(folder: Path, identity: Json, share: float, checks: int) -> None:
    """Keep the share of ``checks`` outcomes that differed between two runs of a baseline."""
    path = _path(folder, identity)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"share": share, "checks": checks}), encoding="ascii")


def load(folder: Path, identity: Json) -> float | None:
    """Return the share that was measured for this baseline; None when none was, or it is broken."""
    try:
        share = json.loads(_path(folder, identity).read_text(encoding="ascii"))["share"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    known = isinstance(share, int | float) and math.isfinite(share) and 0 <= share <= 1
    return float(share) if known else None


def _path(folder: Path, identity: Json) -> Path:
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return folder / "noise" / f"{name[:32]}.json"
