"""Checks that can never fail: they hold for answers that have nothing to do with the question."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_quantguard.contracts import Bound, Check, Pairwise, Repeated
from pytest_quantguard.lint import Finding, Outset
from pytest_quantguard.lint._parameters import texts_of
from pytest_quantguard.types import Completion, GoldenCase, ToolCall, Usage

RULE = "blind-check"
_LONG = "the same words come round again and again " * 2_500
_TEXTS = (
    "zxqv",
    "I'm sorry, but I can't help with that.",
    '{"unexpected": [1, 2, 3]}',
    "<answer><unexpected/></answer>",
    "Das hat leider gar nichts mit der Frage zu tun; es geht um etwas ganz anderes.",
    "See [doc-987654] and [98765]: Zyx Quibble paid 98,765.43 EUR on 31 February 1897.",
    "4929 0000 1111 2222, 4929000011112222, DE02 1203 0000 0000 2020 51, someone@example.org",
    "\u8fd9\u4e0e\u95ee\u9898\u6beb\u65e0\u5173\u7cfb\u3002",  # Chinese
    "\u042d\u0442\u043e \u043d\u0435 \u043f\u0440\u043e \u044d\u0442\u043e.",  # Russian
    _LONG,
)
"""Answers that are wrong whatever the question; together they break every sensible check."""


_FEW = Usage(completion_tokens=5)


def find(outset: Outset) -> Iterator[Finding]:
    """Yield a finding for each check that no wrong answer breaks, and for each that crashes."""
    known: dict[tuple[str, str], str] = {}
    for case in outset.cases:
        if case.id in outset.scripted:
            continue
        for check in case.checks:
            # The same check on the same question finds the same; thousands of cases share a few.
            key = (repr(check), case.request.question if _reads_prompt(check) else "")
            if key not in known:
                known[key] = _verdict(check, case)
                if known[key]:
                    yield Finding(
                        rule=RULE,
                        severity="warning",
                        place=str(case.source),
                        case=case.id,
                        text=f"{check.key} of {case.id} {known[key]}",
                    )


def _reads_prompt(check: Check) -> bool:
    """Every check but the simplest may look at its case."""
    return check.key not in ("json", "json_schema", "contains", "exact", "regex", "length")


def _verdict(check: Check, case: GoldenCase) -> str:
    """Return what is wrong with a check; empty where a wrong answer breaks it."""
    if isinstance(check, Bound | Pairwise) or getattr(check, "reads_timing", False):
        return ""
    count = 0
    for count, answer in enumerate(_wrong_answers(check, case), 1):  # noqa: B007
        try:
            held = _holds(check, answer, case)
        except Exception as error:
            return f"crashes on an ordinary wrong answer: {type(error).__name__}: {error}"[:300]
        if not held:
            return ""
    return (
        f"holds for all of {count} answers that have nothing to do with the question: it looks as "
        "if it could never fail; tighten it, or take it away"
    )


def _holds(check: Check, answer: Completion, case: GoldenCase) -> bool:
    if isinstance(check, Repeated):
        others = [Completion(text=text) for text in _TEXTS[:4]]
        return check.over([answer, *others], case).ok
    return check(answer, case).ok


def _wrong_answers(check: Check, case: GoldenCase) -> Iterator[Completion]:
    for text in _TEXTS[:3]:
        yield _said(text)
    offered = [str((tool.get("function") or {}).get("name")) for tool in case.request.tools]
    for name in ("no_such_tool", *offered):
        call = ToolCall(name=name, arguments_text='{"unexpected": true}')
        yield Completion(text="", tool_calls=(call,), finish_reason="tool_calls", usage=_FEW)
    for text in _TEXTS[3:]:
        yield _said(text)
    # What a check forbids stands among its own parameters; what it guards stands in the prompt.
    yield _said("\n".join(texts_of(check)) or "zxqv")
    yield _said(_garbled(case.request.prompt))
    for name in {*offered, *texts_of(check)}:
        if name.isidentifier():
            yield _said(f'<tool_call>{{"name": "{name}", "arguments": {{}}}}</tool_call>')
    yield Completion(text="cut", finish_reason="length", usage=_FEW)


def _said(text: str) -> Completion:
    tokens = Usage(completion_tokens=max(1, len(text) // 4))
    return Completion(text=text, finish_reason="stop", usage=tokens)


def _garbled(prompt: str) -> str:
    """Return the prompt with every digit changed and a letter of each longer word doubled."""
    other = prompt[:4_000].translate(str.maketrans("0123456789", "1234567890"))
    return re.sub(r"([^\W\d_]{2})([^\W\d_])(?=[^\W\d_]{2})", r"\1\2\2", other)
