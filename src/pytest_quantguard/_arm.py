"""One arm's answers to one case, and where two arms part."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pytest_quantguard._comparability import counted_alike
from pytest_quantguard._drive import Drive, Turn
from pytest_quantguard._judging import Given, Judge, judged, reads_timing
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.errors import CheckError, ProviderError
from pytest_quantguard.types import (
    Completion,
    CompletionRequest,
    GoldenCase,
    Json,
    Outcome,
    Role,
    Usage,
)

_FINGERPRINT = 100
"""Longest fingerprint that is kept, in characters."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm's answers to one case: all repeats, or the error that prevented them."""

    role: Role
    completions: tuple[Completion, ...] = ()
    key: str = ""
    error: ProviderError | None = None
    live: bool = False
    drives: tuple[Drive, ...] = ()
    """One per repeat, where a test asked for itself ..."""
    outcome: Outcome | None = None
    """... and what it found."""
    fault: CheckError | None = None
    """... or why it could not judge."""

    def says(self, other: Arm) -> bool:
        """Tell whether both arms gave the same answers, word for word."""
        return bool(self.completions) and self._said == other._said

    @property
    def _said(self) -> list[Json]:
        return [
            {"text": c.text, "calls": c.tool_calls, "refusal": c.refusal, "end": c.finish_reason}
            for c in self.completions
        ]

    @property
    def given(self) -> tuple[Given, ...]:
        """What was judged, repeat by repeat."""
        return self.drives or self.completions

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """What the server put on its answers to tell its builds apart: each once, clean."""
        found = (c.fingerprint for c in self.completions)
        return tuple(dict.fromkeys(one_line(f, _FINGERPRINT) for f in found if f))

    @property
    def signed(self) -> tuple[str, ...]:
        """The model's names that the server put on its answers: each once, clean."""
        found = (c.served_as for c in self.completions)
        return tuple(dict.fromkeys(one_line(f, _FINGERPRINT) for f in found if f))

    @property
    def usage(self) -> Usage:
        """What the server counted in the first answer."""
        return self.completions[0].usage if self.completions else Usage()

    def asked(self, case: GoldenCase) -> CompletionRequest:
        """Return what it was asked first."""
        return self.drives[0].turns[0].request if self.drives else case.request


def found_in(arm: Arm, case: GoldenCase, check: str, judge: Judge) -> Outcome:
    """Judge an arm, or return what a test found that asked for itself.

    Raises:
        CheckError: the check raised, or gave no outcome.
    """
    return arm.outcome or judged(arm.completions, case, check, judge)


def first_loss(held: Outcome, found: Outcome) -> int | None:
    """Return the first repeat in which the baseline holds and the candidate does not."""
    pairs = zip(held.repeats or (held.value,), found.repeats or (found.value,), strict=False)
    return next((at for at, (ours, theirs) in enumerate(pairs) if ours >= 1 > theirs), None)


def keys_of(baseline: Arm, candidate: Arm, outcomes: tuple[Outcome, Outcome]) -> tuple[str, str]:
    """Return what to show of both arms: of a test that asked for itself, where it broke off."""
    if not (baseline.drives and candidate.drives):
        return baseline.key, candidate.key
    answers = [turn.answer for turn in _turns_shown(baseline, candidate, outcomes)]
    return tuple(answer.key if answer else "" for answer in answers)  # type: ignore[return-value]


def request_of(
    case: GoldenCase, baseline: Arm, candidate: Arm, outcomes: tuple[Outcome, Outcome]
) -> str:
    """Return the question behind the first of `keys_of`, as JSON in pure ASCII.

    A text, because it crosses process borders: there a lone surrogate would end a run.
    """
    asked = case.request
    if baseline.drives and candidate.drives:
        asked = _turns_shown(baseline, candidate, outcomes)[0].request
    return json.dumps(asked.body(), separators=(",", ":"))


def _turns_shown(baseline: Arm, candidate: Arm, outcomes: tuple[Outcome, Outcome]) -> list[Turn]:
    """Return the turn of each arm at which the candidate's first lost run broke off."""
    at = first_loss(*outcomes) or 0
    last = len(candidate.drives[at].turns) - 1
    turns = (arm.drives[at].turns for arm in (baseline, candidate))
    return [asked[min(last, len(asked) - 1)] for asked in turns]


def _untimed(*arms: Arm) -> str:
    """Say why two arms' times cannot be compared."""
    if any(completion.latency_s == 0 for arm in arms for completion in arm.completions):
        return "recorded answers have none: take the check out, or ask both models in one run"
    return (
        "not all answers were asked in this run: give a variant another 'revision', or use an "
        "empty cache folder"
    )


def incomparable(
    case: GoldenCase,
    check: str,
    judge: Judge,
    baseline: Arm,
    candidate: Arm,
    *,
    two_days: bool = False,
) -> tuple[Role, str] | None:
    """Return which arm's answer is to another question, or of another run, and why; else None.

    ``two_days``: both are one endpoint, and what it made of the prompt is part of the finding.
    """
    asked = baseline.asked(case)
    same = asked == candidate.asked(case)  # a test that asks for itself may ask what it likes
    if same and not two_days and not counted_alike(asked, baseline.usage, candidate.usage):
        return "candidate", (
            f"the same prompt is {baseline.usage.prompt_tokens} tokens for the baseline and "
            f"{candidate.usage.prompt_tokens} for the candidate: another chat template, tokenizer "
            "or hidden system prompt"
        )
    if reads_timing(judge) and not (baseline.live and candidate.live):
        role: Role = "baseline" if candidate.live else "candidate"
        return role, f"{check} compares times, and {_untimed(baseline, candidate)}"
    return None
