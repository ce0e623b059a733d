"""Drafts become golden cases: ids, cohorts, and checks of which each can be built."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_quantguard._registry import Registry
from pytest_quantguard.contracts import Check, Fitted
from pytest_quantguard.errors import did_you_mean
from pytest_quantguard.importers._chat import surrogates
from pytest_quantguard.importers._drafts import COMPLETE
from pytest_quantguard.importers._labels import label, unique
from pytest_quantguard.importers._lines import MAX_DEPTH, depth_of
from pytest_quantguard.importers._records import Draft, Loss, Note
from pytest_quantguard.types import CompletionRequest, GoldenCase, Json, Source

_ORDER = ("id", "cohort", "system", "prompt", "messages", "tools", "request", "samples")
_SECRET = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bBearer\s+[A-Za-z0-9._~+/-]{20,}|\bxox[abpr]-[A-Za-z0-9-]{20,}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY"
)
"""What keys of well-known services look like."""


class Settler:
    """Makes cases that load; what a draft has to leave behind is told to ``note``.

    ``stem`` names cases and cohorts that have no name of their own; ``added`` are checks for every
    case; ``taken`` are ids that exist already.
    """

    def __init__(
        self,
        note: Note,
        *,
        stem: str,
        taken: Sequence[str] = (),
        cohort: str | None = None,
        cohort_by: str | None = None,
        added: Sequence[Any] = (),
    ) -> None:
        self._note = note
        self._stem = stem
        self._taken = set(taken)
        self._cohort = cohort
        self._cohort_by = cohort_by
        self._added = tuple(added)
        self._registry = Registry()
        self._number = 0
        self.bare = 0
        """Cases that say no more than that the answer is complete."""
        self.secrets: list[str] = []
        """Places of cases in which something looks like a key."""
        self.cohorts: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()

    def settle(self, draft: Draft) -> Json | None:
        """Return a golden case; None, and a loss, where there can be none."""
        if problem := _unwritable(draft.case):
            self._note(Loss(place=draft.place, what="the case", why=problem))
            return None
        self._number += 1
        case = {key: value for key, value in draft.case.items() if key != "expect"}
        cohort = self._cohort_of(draft)
        expect = self._checks(draft, cohort)
        name = label(draft.name) or f"{self._stem}-{self._number}"
        case["id"] = unique(name, self._taken)
        self._taken.add(case["id"])
        case["cohort"] = cohort
        self.bare += expect == [COMPLETE]
        self.cohorts[cohort] += 1
        self.checks.update(_name_of(spec) for spec in expect)
        if _SECRET.search(json.dumps(case)):
            self.secrets.append(draft.place)
        ordered = {key: case[key] for key in _ORDER if key in case}
        return {**ordered, **case, "expect": expect}

    def _cohort_of(self, draft: Draft) -> str:
        if self._cohort:
            return self._cohort
        if self._cohort_by:
            found = label(draft.labels.get(self._cohort_by, ""))
            if not found:
                known = did_you_mean(self._cohort_by, draft.labels)
                why = f"it has no {self._cohort_by!r:.60}, so its cohort is {self._stem!r}; {known}"
                self._note(Loss(place=draft.place, what="cohort", why=why))
            return found or self._stem
        return label(draft.cohort) or self._stem

    def _checks(self, draft: Draft, cohort: str) -> list[Any]:
        """Return the specs of checks that can be built and make sense for the case."""
        own = list(draft.case["expect"])
        given = {_name_of(spec) for spec in self._added}
        # What the user asks for takes the place of our stopgap.
        own = [spec for spec in own if spec != COMPLETE or _name_of(spec) not in given]
        found: list[Any] = []
        for spec in [*own, *self._added]:
            if _name_of(spec) in map(_name_of, found):
                why = "the case has this check already, and each check stands once"
                self._note(Loss(place=draft.place, what=f"check {_name_of(spec)}", why=why))
            elif problem := self._problem(spec, draft.case, cohort):
                self._note(Loss(place=draft.place, what=f"check {_name_of(spec)}", why=problem))
            else:
                found.append(spec)
        return found or [COMPLETE]

    def _problem(self, spec: Any, case: Json, cohort: str) -> str:
        """Say why golden files would refuse a check; empty when they would not."""
        try:
            check: Check = self._registry.build_check(spec)
        except (LookupError, ValueError) as error:
            return str(error.args[0] if error.args else error)
        if not isinstance(check, Fitted):
            return ""
        return check.misfit(
            GoldenCase(
                id="x",
                cohort=cohort,
                request=_request(case),
                source=Source(file="", line=1),
                reference=case.get("reference"),
                samples=case.get("samples", 1),
            )
        )


def _request(case: Json) -> CompletionRequest:
    messages = list(case.get("messages", ()))
    if "prompt" in case:
        messages = [{"role": "user", "content": case["prompt"]}]
    if "system" in case:
        messages.insert(0, {"role": "system", "content": case["system"]})
    return CompletionRequest(
        messages=tuple(messages),
        tools=tuple(case.get("tools", ())),
        params=case.get("request", {}),
    )


def _name_of(spec: Any) -> str:
    return spec if isinstance(spec, str) else str(next(iter(spec)))


def _unwritable(case: Json) -> str:
    """Say why a case cannot stand in a golden file; empty when it can."""
    if depth_of(case) > MAX_DEPTH:
        return "it is nested too deeply"
    if surrogates([case]):
        return "it holds half of a character (a lone surrogate), which no file can"
    if _includes(case):
        return "it holds a map with the one key '$file', which golden files read as a file's name"
    return ""


def _includes(value: Any) -> bool:
    level = [value]
    while level:
        if any(isinstance(one, Mapping) and one.keys() == {"$file"} for one in level):
            return True
        level = [
            item
            for outer in level
            if isinstance(outer, list | dict)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return False


def hoisted(cases: Sequence[Json]) -> tuple[Json, list[Json]]:
    """Return what all cases share, as the keys of a file, and the cases without it."""
    head: Json = {}
    for key in ("cohort", "system", "request", "tools", "expect"):
        first = cases[0].get(key)
        if len(cases) > 1 and first is not None and all(case.get(key) == first for case in cases):
            head[key] = first
    return head, [{k: v for k, v in case.items() if k not in head} for case in cases]
