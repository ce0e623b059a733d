"""promptfoo's assertions become checks, where both mean the same.

Reference: https://www.promptfoo.dev/docs/configuration/expected-outputs/deterministic
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any

from pytest_quantguard.importers._nunjucks import written
from pytest_quantguard.types import Json

Check = Json | str
"""A check as golden files write it."""


class NotCarriedError(Exception):
    """An assertion has no equal among the checks; the text says why, and what comes near."""


_CODE = "it is code that promptfoo runs; write a test function (docs/python-cases.md)"
_EMBEDDING = "it compares embeddings; 'similarity' compares texts with the case's reference"
_OVERLAP = "it is another measure than those of 'similarity'"
_TRACE = "it looks at traces, and the gate asks one question at a time"
_GRADED = "it is graded by promptfoo's own prompt; 'judge' takes a rubric of yours"
_WHY = {
    **dict.fromkeys(("javascript", "python", "ruby", "webhook"), _CODE),
    "similar": _EMBEDDING,
    **dict.fromkeys(("rouge-n", "rouge-s", "rouge-l", "bleu", "gleu", "meteor"), _OVERLAP),
    "levenshtein": "'similarity' compares texts in another way",
    "cost": "what an answer costs is the metric cost_per_success",
    "perplexity": "log-probs are compared by the metric 'reference'",
    "perplexity-score": "log-probs are compared by the metric 'reference'",
    "context-faithfulness": "a model grades it; 'groundedness' compares texts",
    "factuality": _GRADED,
    "answer-relevance": _GRADED,
    "context-recall": _GRADED,
    "context-relevance": _GRADED,
    "conversation-relevance": _GRADED,
    "select-best": "it compares prompts; 'judge: {form: pairwise}' compares the two models",
    "human": "a person grades it",
}

REMARKS = {
    "contains-json": "carried over more strictly: a fence may stand around it, prose may not",
    "is-valid-openai-tools-call": "carried over more strictly: the call has to be made",
    "is-valid-function-call": "carried over more strictly: the call has to be made",
}
"""Assertions whose check says a little more."""


def check_of(assertion: Json, tools: Sequence[str]) -> list[Check]:
    """Return the checks that mean what an assertion means; ``tools`` are the names on offer.

    Raises:
        NotCarriedError: there are none.
    """
    kind = assertion.get("type")
    if not isinstance(kind, str):
        raise NotCarriedError("it has no type")
    if kind == "assert-set":
        return _set(assertion, tools)
    if assertion.get("transform") or assertion.get("contextTransform"):
        raise NotCarriedError("it judges what a transform made of the output")
    if assertion.get("weight") == 0:
        raise NotCarriedError("its weight is 0: it only measures")
    make = _MAKERS.get(kind)
    if make is None:
        base = kind.removeprefix("not-")
        if base.startswith(("trajectory:", "trace-")):
            raise NotCarriedError(_TRACE)
        if base != kind and base in _MAKERS:
            raise NotCarriedError(f"no check is the opposite of {base!r}")
        raise NotCarriedError(_WHY.get(base, "no check means the same"))
    return [make(assertion.get("value"), assertion, tools)]


def _set(assertion: Json, tools: Sequence[str]) -> list[Check]:
    inner = assertion.get("assert")
    if not isinstance(inner, list) or assertion.get("threshold") not in (None, 1):
        raise NotCarriedError("a part of its assertions is enough; checks count one by one")
    if any(not isinstance(one, dict) or one.get("type") == "assert-set" for one in inner):
        raise NotCarriedError("its assertions are nested")
    return [check for one in inner for check in check_of(one, tools)]


# --- values -------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise NotCarriedError("its value is no text")
    return written("value", value)


def _texts(value: Any) -> list[str]:
    values = value.split(",") if isinstance(value, str) else value
    if not isinstance(values, list) or not values:
        raise NotCarriedError("its value is no list of texts")
    return [_text(item.strip() if isinstance(item, str) else item) for item in values]


def _pattern(value: Any) -> str:
    """Return a JavaScript pattern as Python writes it: names of groups differ."""
    pattern = re.sub(r"\(\?<(?![=!])", "(?P<", _text(value))
    pattern = re.sub(r"\\k<(\w+)>", r"(?P=\1)", pattern)
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise NotCarriedError(f"Python does not read its pattern: {error}") from None
    return pattern


# --- makers -------------------------------------------------------------------------------

Maker = Callable[[Any, Json, Sequence[str]], Check]


def _equals(value: Any, *_: Any) -> Json:
    if isinstance(value, dict | list):
        return {"json": {"equals": value}}
    return {"exact": _text(value)}


def _contains(fold: bool = False, absent: bool = False, several: bool = False) -> Maker:
    def make(value: Any, *_: Any) -> Json:
        texts = _texts(value) if several else [_text(value)]
        found: Json = {"texts": texts, **({"case_sensitive": False} if fold else {})}
        return {"not_contains" if absent else "contains": found}

    return make


def _contains_any(fold: bool) -> Maker:
    def make(value: Any, *_: Any) -> Json:
        choice = "|".join(map(re.escape, _texts(value)))
        return {"regex": f"(?i:{choice})" if fold else f"(?:{choice})"}

    return make


def _regex(value: Any, *_: Any) -> Json:
    return {"regex": _pattern(value)}


def _not_regex(value: Any, *_: Any) -> Json:
    return {"regex": rf"\A(?![\s\S]*(?:{_pattern(value)}))"}


def _starts_with(value: Any, *_: Any) -> Json:
    return {"regex": rf"\A{re.escape(_text(value))}"}


def _is_json(value: Any, *_: Any) -> Check:
    if value is None:
        return "json"
    if not isinstance(value, dict):
        raise NotCarriedError("its value is no JSON Schema")
    return {"json_schema": {"schema": value}}


def _contains_json(value: Any, *_: Any) -> Json:
    # promptfoo looks for objects: a bare number or list is no JSON to it
    if not isinstance(value, dict | None):
        raise NotCarriedError("its value is no JSON Schema")
    return {"json_schema": {"schema": value or {"type": "object"}, "fenced": True}}


def _is_xml(value: Any, *_: Any) -> Check:
    paths = value.get("requiredElements") if isinstance(value, dict) else None
    if paths is None:
        return "xml"
    return {"xml": {"required": [path.replace(".", "/") for path in _texts(paths)]}}


def _refusal(must: bool) -> Maker:
    return lambda *_: {"refusal": {"must": must}}


def _latency(_: Any, assertion: Json, __: Sequence[str]) -> Json:
    threshold = assertion.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or threshold <= 0:
        raise NotCarriedError("it has no threshold in milliseconds")
    return {"latency": {"max_s": threshold / 1000}}


def _finish_reason(value: Any, *_: Any) -> Json:
    return {"finish_reason": [_text(value)]}


def _word_count(value: Any, *_: Any) -> Json:
    if isinstance(value, dict):
        limits = {f"{k}_words": v for k, v in value.items() if k in ("min", "max")}
        if limits and all(type(v) is int for v in limits.values()):
            return {"length": limits}
    elif isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        return {"length": {"min_words": int(value), "max_words": int(value)}}
    raise NotCarriedError("its value is no number of words")


def _tool_call(_: Any, __: Json, tools: Sequence[str]) -> Json:
    if len(tools) == 1:
        return {"tool_call": tools[0]}
    raise NotCarriedError(
        "it takes any of several tools; say which one is right: tool_call: NAME"
        if tools
        else "no tools are defined in the provider's config"
    )


def _tool_f1(value: Any, assertion: Json, tools: Sequence[str]) -> Json:
    names = list(dict.fromkeys(_texts(value)))
    if assertion.get("threshold") not in (None, 1):
        raise NotCarriedError("a part of the calls is enough; checks of calls want all of them")
    if unknown := [name for name in names if name not in tools]:
        raise NotCarriedError(f"the tool {unknown[0]!r:.60} is defined nowhere in the config")
    if len(names) == 1:
        return {"tool_call": names[0]}
    return {"tool_sequence": {"calls": [{"name": name} for name in names], "in_order": False}}


def _rubric(value: Any, assertion: Json, _: Sequence[str]) -> Json:
    if assertion.get("threshold") not in (None, 1) and assertion.get("type") == "llm-rubric":
        raise NotCarriedError("its score has a threshold; write 'judge' with scale and least")
    criteria = value if isinstance(value, list) else [value]
    return {"judge": "\n".join(_text(one) for one in criteria)}


_MAKERS: dict[str, Maker] = {
    "equals": _equals,
    "contains": _contains(),
    "icontains": _contains(fold=True),
    "contains-all": _contains(several=True),
    "icontains-all": _contains(fold=True, several=True),
    "contains-any": _contains_any(fold=False),
    "icontains-any": _contains_any(fold=True),
    "not-contains": _contains(absent=True),
    "not-icontains": _contains(fold=True, absent=True),
    "not-contains-any": _contains(absent=True, several=True),
    "not-icontains-any": _contains(fold=True, absent=True, several=True),
    "regex": _regex,
    "not-regex": _not_regex,
    "starts-with": _starts_with,
    "is-json": _is_json,
    "contains-json": _contains_json,
    "is-xml": _is_xml,
    "is-refusal": _refusal(True),
    "not-is-refusal": _refusal(False),
    "is-valid-openai-tools-call": _tool_call,
    "is-valid-function-call": _tool_call,
    "tool-call-f1": _tool_f1,
    "finish-reason": _finish_reason,
    "word-count": _word_count,
    "latency": _latency,
    "llm-rubric": _rubric,
    "model-graded-closedqa": _rubric,
    "g-eval": _rubric,
}


# --- one case has each check once -----------------------------------------------------------


def grouped(checks: Sequence[Check]) -> list[list[Check]]:
    """Return checks in groups in which each stands once; texts to contain are put together."""
    merged: list[Check] = []
    for check in checks:
        if check not in merged and not any(_took(other, check) for other in merged):
            merged.append(check if isinstance(check, str) else copy.deepcopy(check))
    groups: list[dict[str, Check]] = []
    for check in merged:
        key = check if isinstance(check, str) else next(iter(check))
        home = next((group for group in groups if key not in group), None)
        if home is None:
            groups.append(home := {})
        home[key] = check
    return [list(group.values()) for group in groups]


def _took(known: Check, check: Check) -> bool:
    """Add the texts of ``check`` to one of the same kind and options; tell whether that went."""
    if isinstance(known, str) or isinstance(check, str):
        return False
    (key,), (other,) = known, check
    if key != other or key not in ("contains", "not_contains"):
        return False
    options = [{k: v for k, v in spec[key].items() if k != "texts"} for spec in (known, check)]
    if options[0] != options[1]:
        return False
    texts = known[key]["texts"]
    known[key]["texts"] = list(dict.fromkeys([*texts, *check[key]["texts"]]))
    return True
