"""The records of evidence: one case, asked of both arms, judged and measured.

Positive differences always mean that the candidate is worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from pytest_quantguard.types import Json, Outcome, Role, Source, Swaps, plain

_NOWHERE = Source(file="", line=1)
"""Of outcomes that come from no golden file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedOutcome:
    """One case and check, judged on both arms."""

    variant: str = ""
    """The candidate's name."""
    case: str
    cohort: str
    check: str
    source: Source = _NOWHERE
    baseline: Outcome
    candidate: Outcome
    weight: float = 1.0
    critical: bool = False
    tags: tuple[str, ...] = ()
    keys: tuple[str, str] = ("", "")
    """Cache keys of the two completions (first repeat), baseline first."""
    confirmation: tuple[int, int] | None = None
    """Of three runs of a critical case that seemed to have regressed: how often the check held in
    the baseline, and in the candidate. None where no further runs were made."""
    layer: str = ""
    """Name of the part of its check that this record is about; empty = the whole check."""

    @property
    def whole_check(self) -> str:
        """The check, also where the record is about one of its layers."""
        return self.check.removesuffix(f".{self.layer}") if self.layer else self.check

    def layers(self, names: Iterable[str]) -> Iterator[PairedOutcome]:
        """Yield one record for each layer of the check, as ``check`` ``tool_call.arguments``.

        An arm that gave no answer has no layers: nothing of it holds.
        """
        for name in names:
            held, found = (
                Outcome(value=arm.layers.get(name, 0.0), violations=arm.violations)
                for arm in (self.baseline, self.candidate)
            )
            yield replace(
                self, check=f"{self.check}.{name}", layer=name, baseline=held, candidate=found
            )

    @property
    def difference(self) -> float:
        """Baseline value minus candidate value, in [-1, 1]; positive = candidate worse.

        Rounded to 12 digits: two means of the same repeats must not differ by their last bit.
        """
        return round(self.baseline.value - self.candidate.value, 12)

    @property
    def both_hold(self) -> bool:
        """True when the check holds fully in both arms: nothing to read side by side."""
        return self.baseline.ok and self.candidate.ok

    @property
    def regressed(self) -> bool:
        """True when the candidate did worse."""
        return self.difference > 0

    @property
    def confirmed(self) -> bool:
        """True when it regressed, and further runs, where there were any, do not say otherwise.

        The baseline holds in at least two of three runs, and the candidate fails in two.
        """
        if self.confirmation is None:
            return self.regressed
        held, candidate_held = self.confirmation
        return held >= 2 and candidate_held <= 1

    @property
    def improved(self) -> bool:
        """True when the candidate did better."""
        return self.difference < 0

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        outcomes = {
            role: Outcome(
                value=data[role]["value"],
                violations=tuple(data[role]["violations"]),
                repeats=tuple(data[role].get("repeats", ())),
                layers=dict(data[role].get("layers", {})),
                swaps=Swaps(**data[role]["swaps"]) if data[role].get("swaps") else None,
            )
            for role in ("baseline", "candidate")
        }
        return cls(
            **{
                **data,
                **outcomes,
                "source": Source(**data["source"]),
                "tags": tuple(data["tags"]),
                "keys": tuple(data["keys"]),
                "confirmation": tuple(data["confirmation"]) if data.get("confirmation") else None,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """A case and check for which there is no evidence, and why."""

    variant: str
    """The candidate's name."""
    case: str
    cohort: str
    check: str
    source: Source
    role: Role
    """The arm in which it happened."""
    kind: str
    """Name of the error: TransportError, RefusedError, CheckError, NotComparable ..."""
    message: str
    critical: bool = False

    @property
    def of_check(self) -> bool:
        """True when there were answers, and the check that was to judge them broke."""
        return self.kind in ("CheckError", "JudgeError")

    @property
    def unanswered(self) -> bool:
        """True when a request got no answer."""
        return not self.of_check and not self.incomparable

    @property
    def incomparable(self) -> bool:
        """True when both arms answered, but not the same question."""
        return self.kind == "NotComparable"

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(**{**data, "source": Source(**data["source"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One arm on one case, apart from its checks; repeats are averaged. None = not known."""

    answered: bool = True
    """False when no answer could be had: a time-out, a refused request."""
    live: bool = False
    """True when every repeat was asked in this run, not taken from the cache."""
    answers: int = 1
    """How many completions it averages: repeats, and the turns of each."""
    latency_s: float | None = None
    ttft_s: float | None = None
    """To the first token, in seconds."""
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    characters: float = 0.0
    """Length of the text and of the tool calls' arguments."""
    truncated: float = 0.0
    """Share of repeats that ran into the token limit, in [0, 1]."""
    refused: float = 0.0
    """Share of repeats in which the model declined, in [0, 1]."""
    cost: float | None = None
    """Of one repeat, in the currency of the variant's price."""
    cached_tokens: float | None = None
    """Prompt tokens that the server found in its own cache."""
    reasoned: float = 0.0
    """Share of repeats that came with reasoning, in [0, 1]."""
    aloud: float = 0.0
    """Share of repeats whose reasoning stands in the answer itself, in [0, 1]."""
    timed_out: bool = False
    """True when there is no answer because the time was up."""
    asked_at: float | None = None
    """When the answers were complete, in seconds since the epoch: the mean of the repeats."""
    reference_p: float | None = None
    """Probability of the case's reference answer, in [0, 1]."""
    reference_error: str = ""
    """Why there is no such probability, where it was asked for."""
    fingerprints: tuple[str, ...] = ()
    """What the server put on the answers to tell its builds apart: each once."""
    signed: tuple[str, ...] = ()
    """The model's names that the server put on the answers: each once."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from plain JSON types."""
        lists = {name: tuple(data.get(name, ())) for name in ("fingerprints", "signed")}
        return cls(**{**data, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """How two answers of one case part, from log-probs: reported, never judged.

    Over the tokens that both answers share and the first that differs.
    """

    tokens: int
    """How many tokens were compared."""
    same_top: float
    """Share of them at which both models find the same token likeliest, in [0, 1]."""
    kl: float
    """Mean Kullback-Leibler divergence of the candidate from the baseline over the likeliest
    tokens, in nats; the rest of the vocabulary counts as one token."""
    margin: float
    """Mean loss of the baseline's lead of its first over its second token, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedMeasurement:
    """One case, measured on both arms."""

    variant: str
    """The candidate's name."""
    case: str
    cohort: str
    baseline: Measurement
    candidate: Measurement
    weight: float = 1.0
    tags: tuple[str, ...] = ()
    divergence: Divergence | None = None
    same: bool = False
    """True when both arms said the same, word for word."""

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        found = data.get("divergence")
        return cls(
            **{
                **data,
                "baseline": Measurement.from_dict(data["baseline"]),
                "candidate": Measurement.from_dict(data["candidate"]),
                "tags": tuple(data["tags"]),
                "divergence": Divergence(**found) if found else None,
            }
        )
