"""The texts of the pairs that a report shows, and a sample by which arms are compared.

Everything here is bounded: a million pairs pass by, a few thousand stay.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pytest_quantguard._comparability import Likeness, Told, likeness
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import scrub, without_keys
from pytest_quantguard.canary.records import MirroredPair, Step
from pytest_quantguard.pairs import PairedMeasurement
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion, Role, Source
from pytest_quantguard.variants import Variant

MAX_TEXTS = 64 * 2**20
"""Characters that kept texts may take, all together."""
SAMPLE = 2000
"""Pairs by which it is told whether the arms can be compared: the first ones."""
_NAMES = 50
_APART_S = 600.0
"""Median seconds between a pair's two answers, beyond which times compare two hours, too."""


class KeptTexts:
    """The texts of the pairs that a report shows, without keys."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self._said: dict[str, Completion] = {}
        self._asked: dict[str, str] = {}
        self._room = MAX_TEXTS
        self.left_out = 0
        """Completions that found no room."""

    def add(self, pair: MirroredPair, step: Step) -> None:
        """Keep both answers of a pair, and what was asked."""
        keys = step.outcomes[0].keys
        for key, side in zip(keys, (pair.baseline, pair.candidate), strict=True):
            if side is None or side.completion is None:
                continue
            size = _size(side.completion)
            if size > self._room:
                self.left_out += 1
                continue
            self._room -= size
            self._said[key] = self._safe(side.completion)
        asked = self._clean(json.dumps(pair.request.body(), separators=(",", ":")))
        if len(asked) <= self._room:
            self._room -= len(asked)
            self._asked[keys[0]] = asked

    def _safe(self, completion: Completion) -> Completion:
        """Return an answer without keys."""
        calls = tuple(
            replace(
                call, name=self._clean(call.name), arguments_text=self._clean(call.arguments_text)
            )
            for call in completion.tool_calls
        )
        names: dict[str, Any] = {
            key: self._clean(text)
            for key in ("refusal", "finish_reason", "served_as", "fingerprint")
            if (text := getattr(completion, key))
        }
        text = self._clean(completion.text)
        return replace(completion, text=text, tool_calls=calls, reasoning="", **names)

    def _clean(self, text: str) -> str:
        """Return a text without the keys that are known here, and what looks like one."""
        return without_keys(scrub(text, self._secrets))

    def texts(self) -> Texts:
        """Return them as reports take them."""
        return replace(Texts.of(self._said.get, self._asked), left_out=self.left_out)


def _size(said: Completion) -> int:
    calls = sum(len(call.name) + len(call.arguments_text) for call in said.tool_calls)
    return len(said.text) + len(said.reasoning) + len(said.refusal or "") + calls


class Arms:
    """Tells from the first pairs whether both arms can be compared at all."""

    def __init__(
        self,
        baseline: Variant,
        candidate: Variant,
        names: Mapping[Role, frozenset[str]] = MappingProxyType({}),
        max_errors: float = 0.01,
    ) -> None:
        """``names``: what a log calls either arm; ``max_errors``: share in [0, 1] of the pairs
        that may have an answer of the wrong arm."""
        self._baseline, self._candidate = baseline, candidate
        self._names, self._max_errors = names, max_errors
        self._crossed = 0
        """Pairs of which an answer is signed by the other arm's model."""
        self._first_crossed = ""
        self._sample: list[PairedMeasurement] = []
        self._sources: dict[str, Source] = {}
        self._one: Counter[str] = Counter()
        """Pairs of which both answers are signed alike, by that name."""
        self._answered = 0

    def add(self, step: Step) -> None:
        """Take in what was measured of one pair."""
        found = step.measurement
        if found is None or not (found.baseline.answered and found.candidate.answered):
            return
        self._answered += 1
        ours, theirs = "".join(found.baseline.signed), "".join(found.candidate.signed)
        if ours == theirs and ours and (ours in self._one or len(self._one) < _NAMES):
            self._one[ours] += 1
        if theirs in self._names.get("baseline", ()) or ours in self._names.get("candidate", ()):
            self._crossed += 1
            self._first_crossed = self._first_crossed or str(step.source)
        if len(self._sample) < SAMPLE:
            self._sample.append(found)
            self._sources[found.case] = step.source

    def likeness(self) -> Likeness:
        """Say what speaks against comparing them; the sentences are about the sample."""
        found = likeness(
            self._baseline, self._candidate, self._sample, Told(), sources=self._sources
        )
        reasons, remarks = list(found.reasons), list(found.remarks)
        if one := self._one_model():
            reasons.append(one)
        elif self._crossed:
            told = (
                f"{self._crossed} of {counted(self._answered, 'pair')} have an answer that is "
                f"signed by the other arm's model, first {self._first_crossed}: did a router fall "
                "back to it, or are the arms swapped?"
            )
            over = self._crossed > self._max_errors * self._answered
            (reasons if over else remarks).append(told)
        if apart := self._apart():
            remarks.append(apart)
        return replace(found, reasons=tuple(reasons), remarks=tuple(remarks))

    def _apart(self) -> str:
        """Say so where one model was asked long after the other."""
        gaps = sorted(
            abs(one.candidate.asked_at - one.baseline.asked_at)
            for one in self._sample
            if one.baseline.asked_at and one.candidate.asked_at
        )
        if not gaps or (gap := gaps[len(gaps) // 2]) <= _APART_S:
            return ""
        return (
            f"the two answers of a pair were given {gap / 3600:.1f} hours apart (median): ratios "
            "of times compare two hours of the day, too"
        )

    def _one_model(self) -> str:
        """Say so where one model gave most answers, though the arms are declared as two."""
        same = sum(self._one.values())
        if 2 * same <= self._answered or self._baseline.model == self._candidate.model:
            return ""
        shown = "all" if same == self._answered else f"{same} of"
        return (
            f"both answers of {shown} {self._answered} pairs are signed by one model, "
            f"{min(self._one)}: was it mirrored to itself?"
        )

    def fingerprints(self) -> dict[str, dict[str, int]]:
        """Return each arm's fingerprints in the sample, and with how many pairs each came."""
        counts = {
            self._baseline.name: Counter(f for m in self._sample for f in m.baseline.fingerprints),
            self._candidate.name: Counter(
                f for m in self._sample for f in m.candidate.fingerprints
            ),
        }
        return {name: dict(found.most_common(10)) for name, found in counts.items() if found}
