"""The layers of checks in one sentence each: where in a tool call does it break?"""

from __future__ import annotations

from itertools import groupby

from pytest_quantguard.reporters._words import label, percent
from pytest_quantguard.verdicts import CandidateReport, LayerReading


def layer_sentences(candidate: CandidateReport, *, every: bool = False) -> list[str]:
    """Return a sentence for each layered check in which something changed.

    With ``every`` also where nothing did, and each cohort by itself.
    """
    wanted = [one for one in candidate.layers if every or one.cohort is None]
    groups = groupby(wanted, lambda one: (one.check, one.cohort or ""))
    found: dict[tuple[str, str], list[LayerReading]] = {}
    for key, layers in groups:
        found.setdefault(key, []).extend(layers)
    return [
        f"Layers of {label(check)}{f' in {label(cohort)}' if cohort else ''}: "
        + ", ".join(map(_words, layers))
        for (check, cohort), layers in sorted(found.items())
        if every or any(one.regressed or one.improved for one in layers)
    ]


def _words(one: LayerReading) -> str:
    changed = [
        f"{count} {word}"
        for count, word in ((one.regressed, "lost"), (one.improved, "gained"))
        if count
    ]
    note = f" ({', '.join(changed)})" if changed else ""
    return f"{label(one.layer)} {percent(one.baseline_rate)} -> {percent(one.candidate_rate)}{note}"
