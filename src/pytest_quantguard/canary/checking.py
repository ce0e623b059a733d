"""A recorded pair becomes evidence: which checks apply, what they find, what is measured; pure.

Whether a check applies is decided by the request, or by what *either* arm did. By the baseline's
answer alone it would be a trap: two runs of one model differ, and only its losses would count.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_quantguard._comparability import counted_alike
from pytest_quantguard._judging import compared, judged, pairwise, reads_timing
from pytest_quantguard._measurement import Declines, measurement
from pytest_quantguard._sanitize import one_line, scrub, scrub_cut, without_keys
from pytest_quantguard.canary.cohorts import calls_a_tool, case_of, cohort_of
from pytest_quantguard.canary.patience import Patience
from pytest_quantguard.canary.records import MirroredPair, Side, Step
from pytest_quantguard.canary.settings import CanaryConfig
from pytest_quantguard.canary.tool_checks import ToolUse, ValidToolCalls
from pytest_quantguard.checks._citations import found as citations_in
from pytest_quantguard.checks.citations import Citations
from pytest_quantguard.checks.finish_reason import FinishReason
from pytest_quantguard.checks.json import Json as JsonCheck
from pytest_quantguard.checks.json_schema import JsonSchema
from pytest_quantguard.contracts import Check, Fitted, offers
from pytest_quantguard.errors import CheckError
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import UNANSWERED, Completion, GoldenCase, Outcome, Role
from pytest_quantguard.variants import Price

SCHEMAS = 256
"""JSON Schemas of requests that are kept ready."""
_FINGERPRINT = 100
_ROLES: tuple[Role, Role] = ("baseline", "candidate")

_JSON, _TOOL_CALLS, _TOOL_USE = JsonCheck(), ValidToolCalls(), ToolUse()
_FINISH = FinishReason(allowed=("stop", "tool_calls", "function_call"))
_CITATIONS = Citations()


@dataclass(frozen=True, slots=True)
class _Broken:
    """A check that cannot judge, and why."""

    key: str
    why: str


class Checker:
    """Judges pairs one after the other; keeps schemas, and nothing of what it judged."""

    def __init__(
        self,
        config: CanaryConfig,
        refusal: Check,
        *,
        prices: Mapping[str, Price | None],
        tags: frozenset[str] | None = frozenset(),
        secrets: tuple[str, ...] = (),
    ) -> None:
        """``refusal`` holds where a model declines; ``tags`` are those that budgets name."""
        self._config = config
        self._refusal = refusal
        self._prices = (prices.get(config.baseline), prices.get(config.candidate))
        self._tags = tags
        self._secrets = secrets
        self._schemas: dict[str, Check] = {}
        self._patience = Patience()
        self.skipped: Counter[str] = Counter()
        """How often a check of ``expect`` did not fit a request, by sentence."""
        self._expect = {cohort: (*config.expect, *own) for cohort, own in config.expected.items()}

    def step(self, pair: MirroredPair) -> Step:
        """Return what one pair adds to the evidence."""
        cohort = cohort_of(pair, self._config.rules)
        baseline, candidate = pair.baseline, pair.candidate
        feedback = (
            baseline.feedback if baseline else None,
            candidate.feedback if candidate else None,
        )
        if baseline is None or candidate is None:
            return Step(cohort=cohort, feedback=feedback, source=pair.source)
        case = case_of(pair, cohort, self._kept(pair.tags))
        if why := _unlike(pair, baseline, candidate):
            mishap = self._mishap(case, "", "candidate", "NotComparable", why)
            return Step(cohort=cohort, feedback=feedback, mishaps=(mishap,), source=pair.source)
        outcomes, mishaps = self._judged(case, pair, baseline, candidate)
        return Step(
            cohort=cohort,
            outcomes=tuple(outcomes),
            measurement=self._measured(case, baseline, candidate),
            feedback=feedback,
            mishaps=tuple(mishaps),
            source=pair.source,
        )

    def _kept(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        if self._tags is None:
            return tuple(one_line(without_keys(tag), 80) for tag in dict.fromkeys(tags))
        return tuple(tag for tag in dict.fromkeys(tags) if tag in self._tags)

    # --- outcomes -----------------------------------------------------------------------

    def _judged(
        self, case: GoldenCase, pair: MirroredPair, baseline: Side, candidate: Side
    ) -> tuple[list[PairedOutcome], list[Mishap]]:
        outcomes: list[PairedOutcome] = []
        mishaps: list[Mishap] = []
        same = _says_the_same(baseline.completion, candidate.completion)
        keys = (f"{case.source}#baseline", f"{case.source}#candidate")
        for check in self._applying(case, pair):
            if isinstance(check, _Broken):
                mishaps.append(self._broke(case, check.key, check.why))
                continue
            mishaps += self._silent(case, check.key, baseline, candidate)
            if baseline.completion is None:
                continue
            try:
                held, found = self._outcomes(case, check, baseline, candidate, same)
            except CheckError as error:
                self._patience.broke(check.key, _schema_of(check))
                mishaps.append(self._broke(case, check.key, str(error)))
                continue
            held, found = self._safe(held), self._safe(found)
            outcomes.append(
                PairedOutcome(
                    variant=self._config.candidate,
                    case=case.id,
                    cohort=case.cohort,
                    check=check.key,
                    source=case.source,
                    baseline=held,
                    candidate=found,
                    tags=case.tags,
                    keys=keys,
                )
            )
        if not outcomes and not mishaps:
            mishaps += self._silent(case, "", baseline, candidate)
        return outcomes, mishaps

    def _silent(
        self, case: GoldenCase, check: str, baseline: Side, candidate: Side
    ) -> Iterator[Mishap]:
        for role, side in zip(_ROLES, (baseline, candidate), strict=True):
            if side.completion is None:
                yield self._mishap(case, check, role, "TransportError", side.failure)

    def _outcomes(
        self, case: GoldenCase, check: Check, baseline: Side, candidate: Side, same: bool
    ) -> tuple[Outcome, Outcome]:
        ours, theirs = baseline.completion, candidate.completion
        if ours is None:
            raise CheckError("there is no answer")
        timed = reads_timing(check)
        if pairwise(check):
            if theirs is None:
                return Outcome.of([]), _unanswered(candidate)
            return compared((ours,), (theirs,), case, check.key, check)
        held = judged((ours,), case, check.key, check)
        if theirs is None:
            return held, _unanswered(candidate)
        if same and not timed:
            return held, held
        return held, judged((theirs,), case, check.key, check)

    def _safe(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose sentences hold no key."""
        if not outcome.violations:
            return outcome
        told = tuple(
            without_keys(scrub_cut(text, self._secrets) if self._secrets else text)
            for text in outcome.violations
        )
        return replace(outcome, violations=told)

    def _broke(self, case: GoldenCase, check: str, why: str) -> Mishap:
        return self._mishap(case, check, "candidate", "CheckError", why)

    def _mishap(self, case: GoldenCase, check: str, role: Role, kind: str, message: str) -> Mishap:
        return Mishap(
            variant=self._config.candidate,
            case=case.id,
            cohort=case.cohort,
            check=check,
            source=case.source,
            role=role,
            kind=kind,
            message=one_line(without_keys(scrub(message, self._secrets)), 500),
        )

    # --- which checks apply -------------------------------------------------------------

    def _applying(self, case: GoldenCase, pair: MirroredPair) -> Iterator[Check | _Broken]:
        expected = self._expect.get(case.cohort, self._config.expect)
        own = {check.key for check in expected}
        for key, applies in _BY_THEMSELVES.items():
            if key in self._config.checks and key not in own:
                found = applies(self, case, pair)
                if found is not None and found.key not in own:
                    yield self._unless_broken(found)
        for check in expected:
            if not self._misfit(check, case, pair):
                yield self._unless_broken(check)

    def _unless_broken(self, check: Check) -> Check | _Broken:
        """Return a check, unless it broke too often: one that takes too long would do so again."""
        if self._patience.over(check.key, _schema_of(check)):
            return _Broken(check.key, f"{check.key} broke before, too often to be asked each time")
        return check

    def _misfit(self, check: Check, case: GoldenCase, pair: MirroredPair) -> bool:
        why = ""
        thing: object = check
        if offers(thing, Fitted):
            try:
                why = thing.misfit(case)
            except Exception as error:  # a project's check, or a schema that takes too long
                why = f"whether it fits cannot be told: {type(error).__name__}: {error}"
        if not why and reads_timing(check) and not _timed(pair):
            why = "the log does not tell how long both answers took"
        if why:
            self._skip(f"{check.key}: {why}")
        return bool(why)

    def _skip(self, text: str) -> None:
        text = one_line(without_keys(text), 150)
        if text in self.skipped or len(self.skipped) < SCHEMAS:
            self.skipped[text] += 1

    def _json(self, case: GoldenCase, pair: MirroredPair) -> Check | None:
        asked = case.request.params.get("response_format")
        plain = isinstance(asked, dict) and asked.get("type") == "json_object"
        return _JSON if plain and not calls_a_tool(pair) else None

    def _json_schema(self, case: GoldenCase, pair: MirroredPair) -> Check | None:
        asked = case.request.params.get("response_format")
        if not isinstance(asked, dict) or asked.get("type") != "json_schema":
            return None
        if calls_a_tool(pair):
            return None
        inner = asked.get("json_schema")
        schema = inner.get("schema") if isinstance(inner, dict) else None
        if not isinstance(schema, dict):
            return _JSON  # any JSON is what such a request gets
        text = json.dumps(schema, sort_keys=True)
        found = self._schemas.pop(text, None) or self._schema_check(schema)
        self._schemas[text] = found  # the one that was used last is at the end
        if len(self._schemas) > SCHEMAS:
            del self._schemas[next(iter(self._schemas))]
        return found

    def _schema_check(self, schema: dict[str, Any]) -> Check:
        """Return the check of a request's schema; any JSON will do where it cannot be used."""
        try:
            return JsonSchema(schema=schema)
        except ValueError as error:
            self._skip(f"json_schema: a request's schema cannot be used: {error}")
            return _JSON

    def _tool_calls(self, case: GoldenCase, pair: MirroredPair) -> Check | None:
        if not calls_a_tool(pair):
            return None
        if not pair.tells_tools:
            self._skip("tool_calls: the log does not tell which tools were offered")
            return None
        return _TOOL_CALLS

    def _tool_use(self, case: GoldenCase, pair: MirroredPair) -> Check | None:
        offered = case.request.tools or not pair.tells_tools
        return _TOOL_USE if offered and calls_a_tool(pair) else None

    def _finish_reason(self, case: GoldenCase, pair: MirroredPair) -> Check | None:
        told = [c for c in _completions(pair) if c.finish_reason is not None]
        return _FINISH if told and len(told) == len(_completions(pair)) else None

    def _citations(self, case: GoldenCase, pair: MirroredPair) -> Check | None:
        """Sources are expected where the prompt has some, and either arm cites one of them."""
        answers = [c.text for c in _completions(pair) if "[" in c.text]
        if not answers or "[" not in (prompt := case.request.prompt):
            return None
        sources = {one.label for one in citations_in(prompt, ("brackets",))}
        cited = (one.label for text in answers for one in citations_in(text, ("brackets",)))
        return _CITATIONS if not sources.isdisjoint(cited) else None

    # --- what is measured ---------------------------------------------------------------

    def _measured(self, case: GoldenCase, baseline: Side, candidate: Side) -> PairedMeasurement:
        declines = Declines(self._refusal, case)
        found = [
            _measurement(side, declines, price)
            for side, price in zip((baseline, candidate), self._prices, strict=True)
        ]
        return PairedMeasurement(
            variant=self._config.candidate,
            case=case.id,
            cohort=case.cohort,
            baseline=found[0],
            candidate=found[1],
            tags=case.tags,
            same=_says_the_same(baseline.completion, candidate.completion),
        )


_BY_THEMSELVES: Mapping[str, Callable[[Checker, GoldenCase, MirroredPair], Check | None]] = {
    "json": Checker._json,
    "json_schema": Checker._json_schema,
    "tool_calls": Checker._tool_calls,
    "tool_use": Checker._tool_use,
    "finish_reason": Checker._finish_reason,
    "citations": Checker._citations,
}


def _measurement(side: Side, declines: Declines, price: Price | None) -> Measurement:
    if side.completion is None:
        return Measurement(answered=False, timed_out=side.timed_out)
    found = measurement((side.completion,), declines, live=True, price=price)
    said = side.completion
    prints = (_name(said.fingerprint),) if said.fingerprint else ()
    signed = (_name(said.served_as),) if said.served_as else ()
    cost = found.cost if side.cost is None else side.cost
    return replace(found, fingerprints=prints, signed=signed, cost=cost)


def _name(text: str) -> str:
    return one_line(without_keys(text[: 2 * _FINGERPRINT]), _FINGERPRINT)


def _schema_of(check: Check) -> str:
    """Return the schema that a check judges by, which tells it from others of its name."""
    return check._text if isinstance(check, JsonSchema) else ""


def _unlike(pair: MirroredPair, baseline: Side, candidate: Side) -> str:
    """Say why two answers are not to the same question; empty where they may be."""
    ours, theirs = baseline.completion, candidate.completion
    if pair.unlike or ours is None or theirs is None:
        return pair.unlike
    if counted_alike(pair.request, ours.usage, theirs.usage):
        return ""
    return (
        f"the same prompt is {ours.usage.prompt_tokens} tokens for the baseline and "
        f"{theirs.usage.prompt_tokens} for the candidate: another chat template, tokenizer or "
        "hidden system prompt"
    )


def _completions(pair: MirroredPair) -> list[Completion]:
    sides = (pair.baseline, pair.candidate)
    return [side.completion for side in sides if side is not None and side.completion is not None]


def _timed(pair: MirroredPair) -> bool:
    return all(completion.latency_s > 0 for completion in _completions(pair))


def _says_the_same(ours: Completion | None, theirs: Completion | None) -> bool:
    """Tell whether two answers are the same to every check: in words, calls, end and length."""
    return (
        ours is not None
        and theirs is not None
        and ours.text == theirs.text
        and ours.tool_calls == theirs.tool_calls
        and ours.refusal == theirs.refusal
        and ours.finish_reason == theirs.finish_reason
        and ours.usage.completion_tokens == theirs.usage.completion_tokens
    )


def _unanswered(side: Side) -> Outcome:
    return Outcome.of([f"{UNANSWERED}{side.failure}"])
