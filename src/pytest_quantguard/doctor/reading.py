"""What one endpoint's answers show: pure functions of what was seen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pytest_quantguard import _probe
from pytest_quantguard._comparability import (
    Support,
    cache_fault,
    named_alike,
    quantization_note,
    thinks,
    thinks_aloud,
)
from pytest_quantguard._plural import counted
from pytest_quantguard.doctor.questions import AGAIN, FIRST, LOGPROBS, LONGEST, SEEDS, TOOLS
from pytest_quantguard.doctor.records import Finding, Level, Needs, Seen
from pytest_quantguard.doctor.remedies import remedy
from pytest_quantguard.errors import ProviderError, RefusedError
from pytest_quantguard.types import Completion
from pytest_quantguard.variants import Quantization, ServedAs

_LATE_S = 30.0
"""A clock that is off by more is worth a word, in seconds."""
_LENGTH = re.compile(r"context|too (?:long|large)|exceed|maximum|n_ctx|HTTP 413", re.IGNORECASE)
_LONGER = "raise the context length (vLLM: --max-model-len, llama.cpp: options.ctx)"
_NULL = "pytest --quant-null   measures how often two runs differ"


def findings(seen: Seen, needs: Needs) -> list[Finding]:
    """Return what an endpoint showed, the most important first."""
    if seen.fault is not None:
        fix = remedy(seen.fault, seen.variant)
        saw = str(seen.fault).removesuffix(f"; run {fix}")
        return [_found(seen, "wrong", "reach", saw, fix)]
    error = seen.errors.get(FIRST)
    if error is not None:
        fix = remedy(error, seen.variant, seen.served)
        said = [] if seen.served == ServedAs() else _served(seen)
        return [*said, _found(seen, "wrong", "reach", str(error), fix)]
    return [
        *_unfit(seen),
        *_first(seen),
        *_served(seen),
        *_same(seen),
        *_context(seen, needs),
        *_shaping(seen, needs),
        *_tools(seen, needs),
        *_logprobs(seen, needs),
        *_seed(seen, needs),
        *_unasked(seen),
        *_clock(seen),
    ]


def support(seen: Seen) -> dict[str, tuple[Support, str]]:
    """Return what an endpoint made of each parameter that was probed, and in which words."""
    found: dict[str, tuple[Support, str]] = {}
    for feature in _probe.FEATURES:
        if feature in seen.answers:
            found[feature] = _probe.read(feature, seen.answers[feature])
        elif isinstance(error := seen.errors.get(feature), RefusedError):
            found[feature] = ("refused", _short(error))
        elif feature in seen.unfit:
            found[feature] = ("refused", seen.unfit[feature])
    return found


def _short(error: ProviderError) -> str:
    """Return what a server said; who and where is in the heading."""
    _, found, said = str(error).partition(": HTTP ")
    return f"HTTP {said}" if found else str(error)


def _found(seen: Seen, level: Level, topic: str, saw: str, fix: str = "") -> Finding:
    return Finding(level=level, about=seen.variant.name, topic=topic, saw=saw, fix=fix)


# --- the plainest question ----------------------------------------------------------------


def _unfit(seen: Seen) -> Iterator[Finding]:
    if FIRST in seen.unfit:
        fix = "take it out of 'request' in the configuration, or name another 'dialect'"
        yield _found(seen, "wrong", "reach", seen.unfit[FIRST], fix)


def _first(seen: Seen) -> Iterator[Finding]:
    answer = seen.answers.get(FIRST)
    if answer is None:
        return
    best = min((a for n, a in seen.answers.items() if n in (FIRST, AGAIN)), key=_latency)
    first = "" if best.ttft_s is None else f", first token after {best.ttft_s:.2g} s"
    much = best.usage.completion_tokens
    tokens = "" if much is None else f" for {counted(much, 'token')}"
    slow = best.latency_s > seen.variant.timeout_s / 4
    fix = f"'timeout_s: {seen.variant.timeout_s * 4:g}' in the variant: real cases take longer"
    saw = f"answers in {best.latency_s:.2g} s{tokens}{first}"
    yield _found(seen, "warn" if slow else "ok", "latency", saw, fix if slow else "")
    if thinks(answer):
        saw = "reasons before it answers"
        fix = "'max_tokens' of the golden cases has to have room for the thoughts"
        if thinks_aloud(answer):
            saw += ", and its thoughts stand in the answer"
            fix = "turn on the server's reasoning parser (vLLM: --reasoning-parser)"
        yield _found(seen, "warn", "reasoning", saw, fix)
    elif answer.empty:
        fix = "look at the chat template, and at the server's log"
        yield _found(seen, "wrong", "reach", "the answer to a plain question is empty", fix)
    if answer.usage.prompt_tokens is None:
        saw = "counts no tokens: whether both arms have one chat template cannot be told, nor costs"
        fix = "let it honour stream_options.include_usage (an update, a setting of the gateway)"
        yield _found(seen, "warn", "usage", saw, fix)
    else:
        yield _found(seen, "ok", "usage", "counts tokens, in streams too")
    signed = answer.served_as
    if (
        signed
        and seen.variant.provider != "llamacpp"
        and not named_alike(signed, seen.variant.model)
    ):
        saw = f"was asked for {seen.variant.model}, and signs as {signed}"
        yield _found(seen, "warn", "model", saw, "is it that model? A router may choose for itself")


def _latency(answer: Completion) -> float:
    return answer.latency_s


def _same(seen: Seen) -> Iterator[Finding]:
    pair = [seen.answers[name] for name in (FIRST, AGAIN) if name in seen.answers]
    if len(pair) < 2:
        return
    if _content(pair[0]) == _content(pair[1]):
        yield _found(seen, "ok", "determinism", "one question, asked twice: the same answer")
        return
    saw = "one question, asked twice: two answers, so that a part of every delta is noise"
    yield _found(seen, "warn", "determinism", saw, _NULL)


def _content(answer: Completion) -> tuple[str, tuple[object, ...]]:
    return answer.text, answer.tool_calls


# --- what is served -----------------------------------------------------------------------


def _served(seen: Seen) -> Iterator[Finding]:
    served, declared = seen.served, seen.variant.quantization
    if seen.judge:
        return
    note, contradicted = quantization_note(declared, served)
    if contradicted:
        fix = f"serve what is declared, or declare: {_declaration(served.quantization)}"
        yield _found(seen, "wrong", "quantization", contradicted, fix)
    elif served.quantization is None:
        yield _found(seen, "warn", "quantization", note, _tell_me(seen))
    elif declared == Quantization():
        saw, fix = f"{note}, and the configuration nothing", _declaration(served.quantization)
        yield _found(seen, "warn", "quantization", saw, fix)
    else:
        yield _found(seen, "ok", "quantization", note)
    if fault := cache_fault(declared, served):
        fix = "'kv_cache' under 'quantization' in the variant, or the server's own option"
        yield _found(seen, "wrong", "kv cache", fault, fix)
    told = [f"version {served.version}"] if served.version else []
    told += [f"context of {counted(served.context, 'token')}"] if served.context else []
    if told:
        yield _found(seen, "ok", "server", ", ".join(told))


def _declaration(said: str | None) -> str:
    return f"quantization: {{scheme: {json.dumps(said)}, weight_bits: ...}}"


def _tell_me(seen: Seen) -> str:
    if seen.variant.dialect in ("auto", "vllm"):
        return (
            "vLLM tells with VLLM_SERVER_DEV_MODE=1 in its environment (not on a public address); "
            "llama.cpp, SGLang and Ollama always do; hosted services never"
        )
    return "servers of this kind do not tell: ask who runs it"


def _context(seen: Seen, needs: Needs) -> Iterator[Finding]:
    case = needs.longest
    if case is None or (LONGEST not in seen.answers and LONGEST not in seen.errors):
        return
    who = f"the longest golden case, {case.id} ({case.source})"
    if (error := seen.errors.get(LONGEST)) is not None:
        fix = f"{_LONGER}, or shorten the case"
        if not (isinstance(error, RefusedError) and _LENGTH.search(str(error))):
            fix = remedy(error, seen.variant, seen.served)
        yield _found(seen, "wrong", "context", f"{who}: {_short(error)}", fix)
        return
    tokens = seen.answers[LONGEST].usage.prompt_tokens
    params = case.request.params
    limit = params.get("max_completion_tokens") or params.get("max_tokens") or 0
    size = "" if tokens is None else f" of {counted(tokens, 'token')}"
    whole = (tokens or 0) + limit
    if seen.served.context is not None and whole > seen.served.context:
        saw = (
            f"{who}{size}, with {limit} for the answer, is more than its context of "
            f"{seen.served.context}: answers are cut off"
        )
        yield _found(seen, "wrong", "context", saw, _LONGER)
        return
    yield _found(seen, "ok", "context", f"{who}{size}, fits")


# --- parameters ---------------------------------------------------------------------------


def _shaping(seen: Seen, needs: Needs) -> Iterator[Finding]:
    for feature, (kind, why) in support(seen).items():
        cases = needs.features.get(feature, 0)
        use = f"{counted(cases, 'golden case asks', 'golden cases ask')} for it" if cases else ""
        if kind == "honoured":
            yield _found(seen, "ok", feature, "honoured")
        elif not cases:
            yield _found(seen, "ok", feature, f"{_verb(kind, why)}; no golden case asks for it")
        elif kind == "refused":
            fix = "take it out of the golden cases, or ask a server that has it"
            yield _found(seen, "wrong", feature, f"{_verb(kind, why)}; {use}", fix)
        else:
            fix = "update the server; else its model is asked for a form that nothing holds it to"
            yield _found(seen, "warn", feature, f"{_verb(kind, why)}; {use}", fix)


def _said(seen: Seen, name: str) -> str:
    """Return why a question has no answer; empty when it has one, or was not asked."""
    error = seen.errors.get(name)
    return seen.unfit.get(name, "") if error is None else _short(error)


def _verb(kind: Support, why: str) -> str:
    if kind == "ignored":
        return "answers 200 and ignores it"
    return f"refused: {why}" if kind == "refused" else f"not known: {why}"


def _tools(seen: Seen, needs: Needs) -> Iterator[Finding]:
    cases = needs.features.get("tools", 0)
    plain = seen.answers[FIRST].usage.prompt_tokens if FIRST in seen.answers else None
    if (answer := seen.answers.get(TOOLS)) is not None:
        with_tools = answer.usage.prompt_tokens
        if plain is None or with_tools is None:
            return
        if with_tools > plain:
            yield _found(seen, "ok", "tools", "the model is shown the tools that are offered")
            return
        saw, fix = (
            "the prompt is as long with tools as without: the model is not shown them",
            "a chat template with tools (llama.cpp: --jinja; vLLM: --enable-auto-tool-choice and "
            "--tool-call-parser)",
        )
    elif TOOLS in seen.errors or TOOLS in seen.unfit:
        saw = _said(seen, TOOLS)
        fix = "vLLM: --enable-auto-tool-choice and --tool-call-parser; llama.cpp: --jinja"
    else:
        return
    if cases:
        use = counted(cases, "golden case offers", "golden cases offer")
        yield _found(seen, "wrong", "tools", f"{saw}; {use} tools", fix)
    else:
        yield _found(seen, "ok", "tools", f"{saw}; no golden case offers any")


def _logprobs(seen: Seen, needs: Needs) -> Iterator[Finding]:
    cases = needs.features.get("log-probs", 0)
    answer = seen.answers.get(LOGPROBS)
    if answer is not None and answer.tokens:
        yield _found(seen, "ok", "log-probs", "given, so that divergence can be measured")
        return
    if answer is None and LOGPROBS not in seen.errors and LOGPROBS not in seen.unfit:
        return
    why = _said(seen, LOGPROBS) or "asked for, and not given"
    if cases:
        fix = "take 'logprobs' and the metric 'reference' out, or turn them on at the server"
        yield _found(seen, "wrong", "log-probs", f"{why}; golden cases need them", fix)
    else:
        yield _found(seen, "ok", "log-probs", f"{why}; nothing here needs them")


def _seed(seen: Seen, needs: Needs) -> Iterator[Finding]:
    draws = [_content(seen.answers[name]) for name in SEEDS if name in seen.answers]
    if len(draws) < 2:
        refused = next((name for name in SEEDS if name in seen.errors or name in seen.unfit), None)
        if refused is not None:
            yield _found(seen, "ok", "seed", f"not looked at: {_said(seen, refused)}")
        return
    if draws[0] != draws[1]:
        used = any(case.samples > 1 for case in needs.cases)
        saw = "two draws at temperature 1 with one seed differ: it is not honoured"
        yield _found(seen, "warn" if used else "ok", "seed", saw, _NULL if used else "")
    elif len(set(draws)) == 1:
        saw = "draws at temperature 1 are all the same: whether it is honoured cannot be told"
        yield _found(seen, "ok", "seed", saw)
    else:
        yield _found(seen, "ok", "seed", "honoured: one seed, one draw")


def _unasked(seen: Seen) -> Iterator[Finding]:
    if not seen.unasked:
        return
    names = ", ".join(seen.unasked)
    if seen.errors:
        last = list(seen.errors.values())[-1]
        fix = remedy(last, seen.variant, seen.served)
        saw = f"the endpoint was left alone after: {last}; not looked at: {names}"
        yield _found(seen, "wrong", "reach", saw, fix)
    else:
        saw = f"no request was left (--max-requests) for: {names}"
        yield _found(seen, "warn", "requests", saw, "allow more with --max-requests")


def _clock(seen: Seen) -> Iterator[Finding]:
    if seen.clock_s is not None and abs(seen.clock_s) > _LATE_S:
        ahead = "ahead of" if seen.clock_s > 0 else "behind"
        saw = f"its clock is {abs(seen.clock_s):.0f} s {ahead} this machine's"
        yield _found(seen, "warn", "clock", saw, "set the clock that is wrong: timedatectl status")
