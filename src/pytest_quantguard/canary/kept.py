"""The texts of the pairs that a report shows, and a sample by which arms are compared.

Everything here is bounded: a million pairs pass by, a few thousand stay.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from pytest_quantguard._comparability import Likeness, Told, likeness
from pytest_quantguard._sanitize import scrub
from pytest_quantguard.canary.records import MirroredPair, Step
from pytest_quantguard.pairs import PairedMeasurement
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion, Source
from pytest_quantguard.variants import Variant

MAX_TEXTS = 64 * 2**20
"""Characters that kept texts may take, all together."""
SAMPLE = 2000
"""Pairs by which it is told whether the arms can be compared: the first ones."""
_NAMES = 50


class KeptTexts:
    """The texts of the pairs that a report shows, without the keys that are known here."""

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
        asked = scrub(json.dumps(pair.request.body(), separators=(",", ":")), self._secrets)
        if len(asked) <= self._room:
            self._room -= len(asked)
            self._asked[keys[0]] = asked

    def _safe(self, completion: Completion) -> Completion:
        """Return an answer without keys."""
        if not self._secrets:
            return completion
        calls = tuple(
            replace(call, arguments_text=scrub(call.arguments_text, self._secrets))
            for call in completion.tool_calls
        )
        text = scrub(completion.text, self._secrets)
        return replace(completion, text=text, tool_calls=calls, reasoning="")

    def texts(self) -> Texts:
        """Return them as reports take them."""
        return replace(Texts.of(self._said.get, self._asked), left_out=self.left_out)


def _size(said: Completion) -> int:
    calls = sum(len(call.name) + len(call.arguments_text) for call in said.tool_calls)
    return len(said.text) + len(said.reasoning) + len(said.refusal or "") + calls


class Arms:
    """Tells from the first pairs whether both arms can be compared at all."""

    def __init__(self, baseline: Variant, candidate: Variant) -> None:
        self._baseline, self._candidate = baseline, candidate
        self._sample: list[PairedMeasurement] = []
        self._sources: dict[str, Source] = {}
        self._signed: Counter[tuple[str, str]] = Counter()
        self._answered = 0

    def add(self, step: Step) -> None:
        """Take in what was measured of one pair."""
        found = step.measurement
        if found is None or not (found.baseline.answered and found.candidate.answered):
            return
        self._answered += 1
        signed = ("".join(found.baseline.signed), "".join(found.candidate.signed))
        if signed in self._signed or len(self._signed) < _NAMES:
            self._signed[signed] += 1
        if len(self._sample) < SAMPLE:
            self._sample.append(found)
            self._sources[found.case] = step.source

    def likeness(self) -> Likeness:
        """Say what speaks against comparing them; the sentences are about the sample."""
        found = likeness(
            self._baseline, self._candidate, self._sample, Told(), sources=self._sources
        )
        return replace(found, reasons=(*found.reasons, *self._one_model()))

    def _one_model(self) -> tuple[str, ...]:
        """Say so where one model gave all answers, though the arms are declared as two."""
        names = {ours for (ours, theirs), n in self._signed.items() if ours and ours == theirs}
        same = sum(n for (ours, theirs), n in self._signed.items() if ours and ours == theirs)
        if not names or same < self._answered or self._baseline.model == self._candidate.model:
            return ()
        return (
            f"both answers of all {same} pairs are signed by one model, {min(names)}: was it "
            "mirrored to itself?",
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
