"""What a judge's answer means: model text too, and a verdict only where it is one without a doubt.

Judges quote what they judge, and an answer that is judged may hold a verdict of its own. So a
quoted verdict must never be read as the judge's: where a server does not keep a judge to the form,
one object counts, in full and at the end, if nothing around it speaks of another verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_quantguard.checks import _json
from pytest_quantguard.checks._text import quote
from pytest_quantguard.checks._verdicts import FOLLOWS, Form
from pytest_quantguard.types import Completion, CompletionRequest, Json

_CUT_OFF = {
    "length": "it ran into its token limit",
    "content_filter": "a filter of its server cut it off",
}
_MOST_BROKEN = 200
"""Things that begin as an object and are none; a judge's prose has no more."""
_MOST_READ_IN_VAIN = 1_000_000
"""Characters of such things, all of them together: each is read to where it breaks."""
_THINKING = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_OPENS = re.compile(r'\{\s*"')
_READER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """One verdict of a judge."""

    value: str | int
    reason: str
    """In the judge's own words: hostile."""


class NoRulingError(Exception):
    """The judge's answer holds no verdict; the message says why, fit for a sentence."""


def read(completion: Completion, form: Form, request: CompletionRequest) -> Ruling:
    """Return the verdict on what was asked in ``request``.

    Structured output is read as it is. Of a server that ignored the form, an object in a fence
    counts too, and one with reason and verdict that ends a text, if nothing before it speaks of a
    verdict and it does not stand in the material that is judged.

    Raises:
        NoRulingError: there is none, more than one, or one that may be a quotation.
    """
    text = completion.text
    if len(text) > _json.MAX_CHARS:
        raise NoRulingError(f"it said {len(text)} characters")
    if why := _CUT_OFF.get(completion.finish_reason or ""):
        raise NoRulingError(f"{why} (finish_reason is {completion.finish_reason})")
    if not text.strip():
        if completion.refusal:
            raise NoRulingError(f"it declined: {quote(completion.refusal)}")
        raise NoRulingError("it said nothing")
    body = _after_thought(text.strip())
    try:
        value = _json.parse(body, fenced=True, subject="its answer")
    except _json.NotJson as error:
        body, value = _ending(body, form, str(error))
    ruling = _ruling(value, form)
    if _quoted(body, request):
        raise NoRulingError("its verdict stands word for word in what it judges")
    return ruling


def _after_thought(body: str) -> str:
    """Leave out the thoughts of a model whose server leaves them in, with or without a beginning.

    Raises:
        NoRulingError: they never end.
    """
    if body.startswith(("{", "[", "```")):
        return body
    tags = _THINKING.finditer(body)
    first = next(tags, None)
    if first is None or (first.start() and not first[1]):
        return body
    end = first if first[1] else next((tag for tag in tags if tag[1]), None)
    if end is None:
        raise NoRulingError(f"it was still thinking: {first[0]} has no end")
    return body[end.end() :].strip()


def _ending(body: str, form: Form, why: str) -> tuple[str, Json]:
    """Return the one object with a verdict that ends a text, as it stands there and as it is read.

    Raises:
        NoRulingError: there is none; then ``why``. Or there is a doubt whether it is the judge's.
    """
    found = [(start, end) for start, end, value in _objects(body) if form.key in value]
    if len(found) > 1:
        raise NoRulingError("it states several verdicts")
    last = len(body.removesuffix("```").rstrip())
    if not found or found[0][1] != last:
        raise NoRulingError(why)
    start, end = found[0]
    before = body[:start]
    if _THINKING.search(before) or any(k in before.casefold() for k in (form.key, '"reason"')):
        raise NoRulingError(f"it speaks of a {form.key} outside of its object: {quote(before)}")
    own = body[start:end]
    try:
        value = _json.parse(own, subject="its object")
    except _json.NotJson as error:
        raise NoRulingError(str(error)) from None
    if not isinstance(value.get("reason"), str):
        raise NoRulingError(f"its object gives no reason, and may be a quotation: {quote(own)}")
    return own, value


def _objects(text: str) -> Iterator[tuple[int, int, Json]]:
    """Yield the outermost JSON objects of a text, wherever they begin, and where they stand."""
    broken, in_vain, at = 0, 0, 0
    while (opening := _OPENS.search(text, at)) is not None:
        start = opening.start()
        try:
            value, at = _READER.raw_decode(text, start)
        except RecursionError:
            raise NoRulingError("its answer holds JSON that is nested too deep") from None
        except ValueError as error:
            until = getattr(error, "pos", start)  # a number of too many digits has none
            broken, in_vain, at = broken + 1, in_vain + until - start, start + 1
        else:
            yield start, at, value
        if broken > _MOST_BROKEN or in_vain > _MOST_READ_IN_VAIN:
            raise NoRulingError(f"it holds {broken} objects that are no JSON, or more")


def _quoted(own: str, request: CompletionRequest) -> bool:
    """Tell whether an object stands in the material, however it is set there."""
    asked = str(request.messages[1]["content"])
    _, _, material = asked.partition(FOLLOWS)
    inner = own[own.index("{") : own.rindex("}") + 1]
    return "".join(inner.split()) in "".join(material.split())


def _ruling(value: Any, form: Form) -> Ruling:
    if not isinstance(value, dict) or form.key not in value:
        raise NoRulingError(f"its answer has no {quote(form.key)}")
    known = {str(one).casefold(): one for one in form.values}
    given = value[form.key]
    plain = f"{given:g}" if isinstance(given, float) else str(given).strip()
    if isinstance(given, bool) or plain.casefold() not in known:
        allowed = ", ".join(map(str, form.values))
        raise NoRulingError(
            f"its {form.key} is {quote(str(given), 30)}, which is none of {allowed}"
        )
    reason = value.get("reason")
    return Ruling(value=known[plain.casefold()], reason=reason if isinstance(reason, str) else "")
