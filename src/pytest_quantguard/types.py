"""The records that flow through the gate.

Records are frozen and know how to become plain JSON types and back, because they cross
process borders (pytest-xdist) and end up in the report. Positive differences always mean
that the candidate is worse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from pytest_quantguard.contracts import Check

Role = Literal["baseline", "candidate"]
Json = dict[str, Any]

_SIMPLE = frozenset((str, int, float, bool, type(None)))


def plain(record: Any) -> Json:
    """Return a record's fields as plain JSON types; tuples stay tuples.

    `dataclasses.asdict` for frozen records with slots, at a quarter of its cost: what cannot change
    is not copied.
    """
    names = record.__slots__
    values = _reader(names)(record)
    return {
        name: value if type(value) in _SIMPLE else _plain(value)
        for name, value in zip(names, values, strict=True)
    }


@cache
def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) == 1:  # of one attribute it makes no tuple
        return lambda record: (getattr(record, names[0]),)
    return attrgetter(*names)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)([one if type(one) in _SIMPLE else _plain(one) for one in value])
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return plain(value) if hasattr(value, "__slots__") else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where something was written."""

    file: str
    """Path relative to pytest's root directory."""
    line: int
    """Counting from 1."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


# --- asking and answering ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """What is asked, in the words of the OpenAI chat API; identical for both arms."""

    messages: tuple[Json, ...]
    tools: tuple[Json, ...] = ()
    params: Json = field(default_factory=dict)
    """Sampling and format parameters: temperature, seed, max_tokens, response_format ..."""
    reference: str | None = None
    """When given, nothing is generated: the server is asked how likely it finds this answer."""

    def body(self) -> Json:
        """Return the request as the JSON object a chat endpoint takes, without the model."""
        tools: Json = {"tools": list(self.tools)} if self.tools else {}
        return {"messages": list(self.messages), **tools, **self.params}

    def canonical(self) -> str:
        """Return one text per meaning: sorted keys, no spaces, pure ASCII."""
        return json.dumps(self.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    def for_repeat(self, index: int) -> CompletionRequest:
        """Return the request for repeat ``index`` (from 0): its own seed, else the same draw."""
        if index == 0 or "seed" not in self.params:
            return self
        return replace(self, params={**self.params, "seed": self.params["seed"] + index})

    @property
    def prompt(self) -> str:
        """All system and user texts, joined by newlines: what the model was given to read."""
        contents = [m.get("content") for m in self.messages if m.get("role") != "assistant"]
        return "\n".join(text for content in contents for text in _texts(content))

    @property
    def question(self) -> str:
        """The user's texts alone: what tells this request from others with the same system text."""
        contents = [m.get("content") for m in self.messages if m.get("role") == "user"]
        return "\n".join(text for content in contents for text in _texts(content))


def _texts(content: Any) -> list[str]:
    """A message's texts: its content is one text, or a list of parts of which some are texts."""
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return [text for text in texts if isinstance(text, str)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call the model wants made."""

    name: str
    arguments_text: str
    """The arguments exactly as the model wrote them; often, but not always, JSON."""

    @property
    def arguments(self) -> Json:
        """The parsed arguments.

        Raises:
            AssertionError: when they are no JSON object, so that a test body which reads them
                fails as a property of the model.
        """
        try:
            value = json.loads(self.arguments_text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise AssertionError(
                f"the arguments of {self.name!r} are no JSON object: {self.arguments_text!r:.200}"
            )
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as counted by the server; None where it does not tell."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """Prompt tokens that the server found in its own cache."""
    reasoning_tokens: int | None = None
    """Completion tokens that were reasoning, not part of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token of an answer, and how likely the model found it."""

    text: str
    logprob: float
    """Natural logarithm of its probability before sampling; at most 0."""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens at this place and their log-probabilities, where they were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back. Model text: raw, untrusted, possibly huge."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    refusal: str | None = None
    """The API's own refusal field, where a server fills it."""
    usage: Usage = Usage()
    latency_s: float = 0.0
    """From sending the request to the last byte, in seconds; 0 = not known."""
    ttft_s: float | None = None
    """From sending the request to the first token, in seconds; None when not streamed."""
    served_as: str | None = None
    """The model name the server put on its answer."""
    fingerprint: str | None = None
    asked_at: float = 0.0
    """When the answer was complete, in seconds since the epoch; 0 = not known."""
    asked_in: str = ""
    """Id of the run that asked (`Run.id`): clocks jump, ids do not. Empty = not known."""
    reasoning: str = ""
    """What a reasoning model thought before it answered, where the server tells it apart."""
    tokens: tuple[Token, ...] = ()
    """The tokens of the answer, or of the request's reference, where log-probs were asked for."""

    @property
    def empty(self) -> bool:
        """True when the model said nothing at all: no text, no call, no refusal."""
        return not (self.text.strip() or self.tool_calls or self.refusal)

    def is_of(self, run: str) -> bool:
        """Tell whether it was asked for in the run with this id; unknown is no."""
        return bool(run) and self.asked_in == run

    def tool_call(self, name: str | None = None) -> ToolCall:
        """Return the only call (or the only one with this name).

        Raises:
            AssertionError: when there is none or more than one.
        """
        calls = [call for call in self.tool_calls if name is None or call.name == name]
        if len(calls) != 1:
            made = ", ".join(call.name for call in self.tool_calls) or "none"
            raise AssertionError(f"expected one call of {name or 'a tool'!r}; calls made: {made}")
        return calls[0]

    def json(self) -> Any:
        """Return the text parsed as JSON.

        Raises:
            AssertionError: when it is not JSON.
        """
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise AssertionError(f"the answer is not JSON: {error}") from None

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`; raises TypeError or KeyError when the shape is another one."""
        calls = tuple(ToolCall(**call) for call in data["tool_calls"])
        tokens = tuple(
            Token(**{**token, "top": tuple((text, float(p)) for text, p in token["top"])})
            for token in data.get("tokens", ())
        )
        usage = Usage(**data["usage"])
        return cls(**{**data, "tool_calls": calls, "usage": usage, "tokens": tokens})


# --- golden cases and checks ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCase:
    """One thing asked of both arms, and what must hold of the answer."""

    id: str
    cohort: str
    request: CompletionRequest
    source: Source
    checks: tuple[Check, ...] = ()
    critical: bool = False
    weight: float = 1.0
    samples: int = 1
    """Repeats asked of each arm; averaged per case, never pooled."""
    tags: tuple[str, ...] = ()
    reference: str | None = None
    """A right answer, word for word, written by nobody's model: for log-prob evidence."""

    @property
    def driven(self) -> bool:
        """True when a test asks for itself, turn by turn: what it asks is not known before."""
        return not self.request.messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Swaps:
    """Comparisons of two answers that a judge model made twice, in both orders."""

    by: str
    """Name of the judge."""
    compared: int
    """How many there were; answers that say the same are not compared."""
    contradicted: int
    """How many came out otherwise when the answers changed places."""


EMPTY = "the answer is empty"
"""The violation of an empty answer, whatever the check: silence satisfies nothing."""
UNANSWERED = "no answer: "
"""How the violation begins of a candidate that gave none; the failure's own words follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one check found in one arm."""

    value: float
    """1.0 holds, 0.0 does not; between them for repeats and graded checks."""
    violations: tuple[str, ...] = ()
    """Sentences: what was wrong, and where."""
    repeats: tuple[float, ...] = ()
    """The value of each repeat, where a case was asked more than once."""
    layers: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Parts of the finding, each in [0, 1], in the order of the check's ``layers``: reported beside
    the value, and judged only where a budget names one as ``check: tool_call.arguments``."""
    swaps: Swaps | None = None
    """Where a judge model compared both arms: the same in both outcomes; None = not asked."""

    @property
    def ok(self) -> bool:
        """True when the property held fully."""
        return self.value >= 1.0

    @classmethod
    def of(cls, violations: Sequence[str], layers: Mapping[str, float] | None = None) -> Self:
        """Return 1.0 without violations, else 0.0."""
        value = 0.0 if violations else 1.0
        return cls(value=value, violations=tuple(violations), layers=layers or {})

    @classmethod
    def mean(cls, outcomes: Sequence[Outcome]) -> Self:
        """Average repeats of one case; keeps each distinct violation once."""
        violations = dict.fromkeys(v for outcome in outcomes for v in outcome.violations)
        values = tuple(outcome.value for outcome in outcomes)
        names = dict.fromkeys(name for outcome in outcomes for name in outcome.layers)
        swaps = [outcome.swaps for outcome in outcomes if outcome.swaps is not None]
        return cls(
            value=sum(values) / len(values),
            violations=tuple(violations),
            repeats=values if len(values) > 1 else (),
            layers={
                # An empty answer has no layers: nothing of it holds.
                name: sum(outcome.layers.get(name, 0.0) for outcome in outcomes) / len(values)
                for name in names
            },
            swaps=Swaps(
                by=swaps[0].by,
                compared=sum(one.compared for one in swaps),
                contradicted=sum(one.contradicted for one in swaps),
            )
            if swaps
            else None,
        )
