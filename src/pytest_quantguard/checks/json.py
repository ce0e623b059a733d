"""The answer is JSON, and perhaps one particular value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_quantguard.checks import _json, _params
from pytest_quantguard.checks._text import capped
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Json:
    """The whole text is one JSON value; nothing stands around it.

    NaN, Infinity, numbers beyond every float and duplicate keys are refused, as are more than
    200,000 characters, 64 levels or 1,000 digits: no reader agrees with another on those.

    Parameters:
        equals: the value it has to be. Numbers are compared by value (1 is 1.0), true is not 1,
            "1" is not 1, the order of keys does not matter. Without it any JSON will do.
        fenced: true allows one ```json fence around it.

    Example:
        expect:
          - json: {equals: {order_id: "88213", items: [1, 2]}}

    Quantized models typically lose a closing brace, wrap the object in prose, or change one
    digit inside a long string: ``$.order_id: expected "88213", got "88273" (digit 4: 1 became
    7)``.
    """

    key: ClassVar[str] = "json"
    shorthand: ClassVar[str | None] = None

    equals: Any = _json.UNSET
    fenced: bool = False

    def __post_init__(self) -> None:
        _params.flag("fenced", self.fenced)
        if self.equals is _json.UNSET:
            return
        if problem := _json.problem(self.equals):
            raise ValueError(f"`equals` cannot be the value of any JSON text: {problem}")

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text."""
        try:
            value = _json.parse(completion.text, fenced=self.fenced)
        except _json.NotJson as error:
            return Outcome.of([_json.sentence(error, completion)])
        if self.equals is _json.UNSET:
            return Outcome.of([])
        return Outcome.of(capped(_json.differences(self.equals, value)))
