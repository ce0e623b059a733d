"""What endpoints show side by side: would a delta between them mean anything?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_quantguard._comparability import Told, counted_alike, likeness, telling, thinks
from pytest_quantguard.doctor.questions import AGAIN, FIRST, LONGEST, TOOLS
from pytest_quantguard.doctor.reading import support
from pytest_quantguard.doctor.records import COMPARISON, Finding, Level, Question, Seen
from pytest_quantguard.types import Json

_TEMPLATE = (
    "give both the same tokenizer and --chat-template; a gateway may add a system prompt of its own"
)


def across(
    baseline: Seen,
    candidates: Sequence[Seen],
    questions: Sequence[Question],
    identities: Mapping[str, Json],
) -> list[Finding]:
    """Compare each candidate with the baseline; what cannot be compared is said already."""
    found: list[Finding] = []
    for candidate in candidates:
        pair = list(_pair(baseline, candidate, questions, identities))
        both = f"{candidate.variant.name} and {baseline.variant.name}"
        if not pair and baseline.answers and candidate.answers:
            saw = f"{both} are asked the same, as far as a few requests can tell"
            pair = [_found("ok", "comparability", saw)]
        found += pair
    return found


def _found(level: Level, topic: str, saw: str, fix: str = "") -> Finding:
    return Finding(level=level, about=COMPARISON, topic=topic, saw=saw, fix=fix)


def _pair(
    baseline: Seen, candidate: Seen, questions: Sequence[Question], identities: Mapping[str, Json]
) -> Iterator[Finding]:
    names = (baseline.variant.name, candidate.variant.name)
    same = [json.dumps(identities.get(name), sort_keys=True) for name in names]
    if None not in map(identities.get, names) and same[0] == same[1]:
        saw = f"{names[1]} is the same model at the same address as {names[0]}"
        fix = "put the candidate's own base_url and model there; noise is measured by --quant-null"
        yield _found("wrong", "one server twice", saw, fix)
        return
    yield from _prompts(baseline, candidate, questions)
    yield from _likeness(baseline, candidate)
    yield from _reasoning(baseline, candidate)
    yield from _one_server(baseline, candidate)


def _prompts(baseline: Seen, candidate: Seen, questions: Sequence[Question]) -> Iterator[Finding]:
    """Compare how many tokens both find in one prompt: the first difference says it all."""
    requests = {question.name: question.request for question in questions}
    for name in (FIRST, TOOLS, LONGEST):
        ours, theirs = baseline.answers.get(name), candidate.answers.get(name)
        if ours is None or theirs is None or name not in requests:
            continue
        if not counted_alike(requests[name], ours.usage, theirs.usage):
            what = {FIRST: "a plain question", TOOLS: "a question with tools"}.get(
                name, "the longest golden case"
            )
            saw = (
                f"{what} has {ours.usage.prompt_tokens} tokens for {baseline.variant.name} and "
                f"{theirs.usage.prompt_tokens} for {candidate.variant.name}: another chat "
                "template, tokenizer or hidden system prompt"
            )
            yield _found("wrong", "prompt tokens", saw, _TEMPLATE)
            return


def _likeness(baseline: Seen, candidate: Seen) -> Iterator[Finding]:
    """Ask what the gate itself would say of two servers like these."""
    told = Told(
        # What each declares and serves is compared by itself.
        served={
            seen.variant.name: replace(seen.served, quantization=None, kv_cache=None)
            for seen in (baseline, candidate)
        },
        probes={seen.variant.name: support(seen) for seen in (baseline, candidate)},
    )
    asked = support(baseline).keys() & support(candidate).keys()
    told = replace(
        told,
        probes={
            name: {feature: said for feature, said in found.items() if feature in asked}
            for name, found in told.probes.items()
        },
    )
    found = likeness(baseline.variant, candidate.variant, (), told)
    for reason in found.reasons:
        fix = "the gate says NOT COMPARABLE: same kind, version and settings of server for both"
        yield _found("wrong", "comparability", reason, fix)
    for remark in found.remarks:
        if not remark.startswith(("both ", "whether ")):  # said of each by itself
            yield _found("warn", "comparability", remark, "the same server and settings for both")


def _reasoning(baseline: Seen, candidate: Seen) -> Iterator[Finding]:
    answers = [seen.answers.get(FIRST) for seen in (baseline, candidate)]
    shown = [thinks(answer) for answer in answers if answer is not None]
    if len(set(shown)) == 2:
        name = (baseline if shown[0] else candidate).variant.name
        saw = f"{name} reasons before it answers, and the other does not"
        fix = "'reasoning_effort' or 'chat_template_kwargs: {enable_thinking: false}' for both"
        yield _found("wrong", "reasoning", saw, fix)


def _one_server(baseline: Seen, candidate: Seen) -> Iterator[Finding]:
    ours, theirs = (
        {(a.text, a.fingerprint) for n, a in seen.answers.items() if n in (FIRST, AGAIN)}
        for seen in (baseline, candidate)
    )
    prints = {fingerprint for _, fingerprint in ours | theirs}
    declared = baseline.variant.quantization != candidate.variant.quantization
    if not ours or ours != theirs or len(prints) != 1 or not declared:
        return
    (fingerprint,) = prints
    if fingerprint and telling(fingerprint):
        saw = (
            f"{baseline.variant.name} and {candidate.variant.name} give the same answers with the "
            f"same fingerprint, {fingerprint}: probably one server, asked twice"
        )
        yield _found("wrong", "one server twice", saw, "look at both base_url, and what is behind")
