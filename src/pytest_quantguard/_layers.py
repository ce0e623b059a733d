"""The layers of checks: the parts of a finding that are reported, and judged when a budget asks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.verdicts import Group, LayerReading


def layered(outcomes: Sequence[PairedOutcome], wanted: Iterable[Group]) -> list[PairedOutcome]:
    """Return one record for each layer of an outcome that one of the groups ``wanted`` names."""
    checks = {group.check for group in wanted if group.check}
    asked = {
        check: [name for name in names if f"{check}.{name}" in checks]
        for check, names in _names(outcomes).items()
    }
    return [part for o in outcomes for part in o.layers(asked.get(o.check, ()))]


def layer_readings(outcomes: Sequence[PairedOutcome]) -> tuple[LayerReading, ...]:
    """Return what every layer shows over all cases, and in each cohort where there are several."""
    found: dict[tuple[str, str, str | None], list[PairedOutcome]] = {}
    several = len({outcome.cohort for outcome in outcomes}) > 1
    names = _names(outcomes)
    for outcome in outcomes:
        for part in outcome.layers(names.get(outcome.check, ())):
            for cohort in (None, outcome.cohort)[: 1 + several]:
                found.setdefault((outcome.check, part.layer, cohort), []).append(part)
    return tuple(_readings(found))


def _names(outcomes: Iterable[PairedOutcome]) -> dict[str, dict[str, None]]:
    """Return the layers of each check, in order: where nobody answered, a record has none."""
    names: dict[str, dict[str, None]] = {}
    for o in outcomes:
        if o.baseline.layers or o.candidate.layers:
            known = names.setdefault(o.check, {})
            known.update(dict.fromkeys((*o.baseline.layers, *o.candidate.layers)))
    return names


def _readings(
    found: dict[tuple[str, str, str | None], list[PairedOutcome]],
) -> Iterator[LayerReading]:
    for (check, layer, cohort), parts in found.items():
        total = math.fsum(part.weight for part in parts)
        held, kept = (
            math.fsum(getattr(part, role).value * part.weight for part in parts) / total
            for role in ("baseline", "candidate")
        )
        yield LayerReading(
            cohort=cohort,
            check=check,
            layer=layer,
            cases=len(parts),
            baseline_rate=held,
            candidate_rate=kept,
            regressed=sum(part.regressed for part in parts),
            improved=sum(part.improved for part in parts),
        )
