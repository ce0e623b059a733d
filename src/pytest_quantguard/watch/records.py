"""What one look at an endpoint saw, what a series of looks shows, and the answer.

A *look* asks a few short probes and, where there is a golden set, all of its cases. The looks that
were blessed together are the *pin*: what everything later is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import GateReport

Kind = Literal[
    "logprobs", "sampled", "noise", "tokenizer", "identity", "speed", "lengths", "behaviour"
]
"""What a finding is about. All but ``behaviour`` are the fingerprint: did it change?"""
NAMES: Mapping[Kind, str] = {
    "logprobs": "log-probs",
    "sampled": "sampled answers",
    "noise": "noise within the look",
    "tokenizer": "prompt tokens",
    "identity": "what the server says",
    "speed": "speed",
    "lengths": "answer lengths",
    "behaviour": "golden set",
}
"""What people read for a `Kind`."""
WORSE = "behaviour/"
"""`Finding.key` of golden answers that got worse: so is a gate called that fails."""
Window = Literal["look", "week"]
"""Today's look alone, or the looks of the last seven days together: a drift shows there first."""


class Answer(Enum):
    """What ``quantguard watch`` says, and the exit code it says it with."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    """Something changed, and it is not shown to be worse."""
    WORSE = "worse"
    """The golden set's gate fails against the pin."""
    UNCLEAR = "unclear"
    """No evidence, or not enough of it: never a pass."""

    @property
    def exit_code(self) -> int:
        """0, 11, 1 and 10."""
        return {"unchanged": 0, "changed": 11, "worse": 1, "unclear": 10}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """What came back for one probe in one round of a look. Model text: hostile."""

    probe: str
    """The probe's name."""
    round: int
    """From 0; a look asks each probe once in each of its rounds."""
    text: str = ""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest first tokens and their log-probabilities; empty where the API gives none."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float = 0.0
    ttft_s: float | None = None
    served_as: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the golden set showed in one look, in numbers: texts stay in the cache."""

    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)
    """Case -> check -> value in [0, 1]."""
    tokens: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Case -> length of its answer in tokens, where the server counts them."""
    speeds: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Case -> tokens per second, of answers that were asked for in this look."""
    golden: str = ""
    """Hash of the questions and checks: only looks at the same ones are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a look was said to show when it was made: the next one tells what is new from it."""

    answer: str
    """The value of an `Answer`."""
    pin: float
    """`Pin.at` of the pin that it was compared with; of another pin it says nothing."""
    changed: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What changed (`Finding.key`) -> id of the look that showed it first, in a row up to this
    one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at an endpoint."""

    id: str
    """Its time in UTC, sortable and fit for a file name: 2026-11-22T03-44-50Z, and for more in one
    second 2026-11-22T03-44-50Z.001."""
    at: float
    """When it began, in seconds since the epoch."""
    endpoint: str
    """The variant's name."""
    identity: Json
    """What the provider says tells this endpoint from others; without keys."""
    probes: str
    """Hash of the probes: only looks with the same ones are compared."""
    answers: tuple[ProbeAnswer, ...] = ()
    failures: tuple[str, ...] = ()
    """Sentences: requests that got no answer."""
    served: Json = field(default_factory=dict)
    """What the server says it serves (`ServedAs`), where it says so."""
    behaviour: Behaviour | None = None
    requests: int = 0
    """How many were sent, repeated ones included."""
    tokens: int = 0
    """How many they took, prompts and answers, where the server counts them."""
    told: Told | None = None
    """What it was said to show; None where it was compared with no pin, or nobody wrote it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The reference: looks that somebody said are good."""

    looks: tuple[str, ...]
    """Ids of the looks; the first one's golden answers are what later ones are compared with."""
    reason: str
    at: float
    """When it was blessed, in seconds since the epoch."""
    of: str = ""
    """The commit or the CI run in which it was blessed, where known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one kind of evidence shows."""

    kind: Kind
    quantity: str = ""
    """What exactly was compared, such as `ttft` or `system_fingerprint`; empty where the kind says
    it."""
    window: Window = "look"
    against: Literal["pin", "previous"] = "pin"
    changed: bool = False
    """True where it is beyond chance, over a year of looks."""
    able: bool = True
    """False where there was too little to see anything: then it speaks neither for nor against."""
    decides: bool = True
    """False where it is only reported: a busy night makes an API slow and changes no weights."""
    p: float | None = None
    """Probability, in [0, 1], of so much under no change; None where it is no matter of chance."""
    limit: float | None = None
    """The p below which it counts as changed, after everything is spent that a year needs."""
    value: float | None = None
    """The difference itself, such as nats, a ratio, points; `sentence` says which."""
    sentence: str = ""
    since: str = ""
    """Id of the look in which the same change was first seen, in a row up to this one; empty where
    it is new, or nothing changed."""

    @property
    def key(self) -> str:
        """What it is about, whatever the window: what shows in a look shows in a week, too."""
        return f"{self.kind}/{self.quantity}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchReport:
    """The whole answer of one look; every rendering is made from it."""

    endpoint: str
    answer: Answer
    reasons: tuple[str, ...]
    """Sentences: why this answer, the most important one first."""
    findings: tuple[Finding, ...]
    look: Look
    pin: Pin | None
    previous: str = ""
    """Id of the look before this one; empty = none."""
    gate: GateReport | None = None
    """The golden set's gate of this look against the pin; None where it did not run."""
    signature: str = ""
    """What the findings together look like, such as that of a cheaper precision; empty = nothing.
    """
    since: str = ""
    """Id of the look in which the change was first seen, in a row up to this one, which it may be
    itself; empty where nothing changed."""
    new: bool = False
    """True where something changed that the looks in a row before this one did not show."""
    provenance: Json = field(default_factory=dict)
    version: int = 1
