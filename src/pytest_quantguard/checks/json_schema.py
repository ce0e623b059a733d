"""The answer is JSON that a schema allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytest_quantguard.checks import _json, _params, _schema
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchema:
    """The whole text is one JSON value, and the schema allows it.

    Reading is as strict as in the `json` check. ``format`` is a comment, as JSON Schema has it.

    Parameters:
        schema: a JSON Schema; draft 2020-12 unless its ``$schema`` names another one.
            References stay inside it (``#/$defs/...``); nothing is ever fetched.
        fenced: true allows one ```json fence around the text.

    Example:
        expect:
          - json_schema:
              schema:
                type: object
                required: [order_id]
                properties: {order_id: {type: string, pattern: "^[0-9]{5}$"}}

    Quantized models typically drop a required key late in a long object, write a number as a
    string, or invent a value for an enum: ``$.status: 'refundedd' is not one of [...]``.
    """

    key: ClassVar[str] = "json_schema"
    shorthand: ClassVar[str | None] = None

    schema: Mapping[str, Any]
    fenced: bool = False
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _params.flag("fenced", self.fenced)
        object.__setattr__(self, "_text", _schema.canonical("schema", self.schema))

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text."""
        try:
            value = _json.parse(completion.text, fenced=self.fenced)
        except _json.NotJson as error:
            return Outcome.of([_json.sentence(error, completion)])
        return Outcome.of(_schema.violations(self._text, value))
