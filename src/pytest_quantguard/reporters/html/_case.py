"""One case on a page: what was wrong, what both arms said, what was asked, the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._views import Finding, is_silent, unconfirmed
from pytest_quantguard.reporters._words import (
    digits,
    label,
    levels,
    mishap_sentence,
    percent,
    sentence,
    three_runs,
    where_it_holds,
)
from pytest_quantguard.reporters.html._asked import asked
from pytest_quantguard.reporters.html._columns import arm_head
from pytest_quantguard.reporters.html._compare import alone, compared, thoughts
from pytest_quantguard.reporters.html._entries import WORDS, Entry
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import folded, listed
from pytest_quantguard.types import Completion, Outcome, Source

SENTENCES = 20
"""Sentences of one check that are shown."""
_SENTENCE = 1_000
_ARMS = ("baseline", "candidate")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_NUMBERS = tag(
    "thead",
    tag(
        "tr",
        tag("th", "mean of the answers", scope="col"),
        [tag("th", a, scope="col") for a in _ARMS],
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the entries of one cohort have in common."""

    names: tuple[str, str]
    """Of the baseline and the candidate."""
    texts: Texts
    findings: Mapping[tuple[str, str], Finding]
    """By case and check."""
    measured: Mapping[str, PairedMeasurement]
    """By case."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """Check -> the class that the filter knows it by."""


def anchor_of(case: str) -> str:
    """Return the id of a case on its page; a name that fits the rules stays readable."""
    if _PLAIN.fullmatch(case):
        return f"case-{case}"
    return f"other-{sha256(case.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"


def classes_of(entry: Entry, context: Context) -> str:
    """Return by which classes the filters know a case: its status and its checks."""
    checks = {found.check for found in entry.found}
    known = sorted(context.classes[check] for check in checks if check in context.classes)
    return " ".join(("case", f"s-{entry.status}", *known))


def article(entry: Entry, context: Context) -> Markup:
    """Return one case in full."""
    anchor = anchor_of(entry.case)
    title = tag(
        "h3",
        tag("a", label(entry.case), href=f"#{anchor}"),
        tag("span", WORDS[entry.status], class_="status"),
        tag("span", "critical", class_="critical") if entry.critical else None,
    )
    return tag(
        "article",
        tag("div", title, _place(entry), class_="head"),
        listed(_checks(entry, context), class_="checks"),
        *_said(entry, context),
        _numbers(context.measured.get(entry.case)),
        id=anchor,
        class_=classes_of(entry, context),
    )


def line(entry: Entry, context: Context) -> Markup:
    """Return a case that holds in both arms, in a list of its like."""
    anchor = anchor_of(entry.case)
    mark = tag("span", "critical", class_="critical") if entry.critical else None
    where = tag("span", sentence(str(_source(entry)), 200), class_="where")
    name = tag("span", label(entry.case), class_="name")
    return tag("li", name, " ", where, mark, id=anchor, class_=classes_of(entry, context))


def _source(entry: Entry) -> Source:
    return entry.found[0].source


def _place(entry: Entry) -> Markup:
    """Where it is written, and what it counts."""
    facts: list[Child] = [tag("code", sentence(str(_source(entry)), 300))]
    tags = dict.fromkeys(name for outcome in entry.outcomes for name in outcome.tags)
    facts += [tag("span", f"#{label(name)}", class_="tag") for name in tags]
    weights = {outcome.weight for outcome in entry.outcomes} - {1.0}
    facts += [f"weight {digits(weight)}" for weight in sorted(weights)]
    parts = [part for fact in facts for part in (" ", fact)]
    return tag("p", *parts[1:], class_="where")


# --- checks -----------------------------------------------------------------------------------


def _checks(entry: Entry, context: Context) -> Iterator[Child]:
    """Yield each check with its sentences: lost ones first, those that hold last."""
    ranked = sorted(entry.judged, key=lambda o: (-o.difference, o.both_hold))
    lost = [outcome for outcome in ranked if outcome.regressed]
    rest = [outcome for outcome in ranked if not outcome.regressed]
    for outcome in lost:
        yield _check(outcome, context)
    for mishap in entry.mishaps:
        yield _mishap(mishap, entry)
    for outcome in rest:
        yield _check(outcome, context)


def _check(outcome: PairedOutcome, context: Context) -> list[Child]:
    finding = context.findings.get((outcome.case, outcome.check), "pass")
    kind = "lost" if outcome.regressed else "won" if outcome.improved else "wrong-in-both"
    kind = "held" if outcome.both_hold else kind
    facts = [where_it_holds(outcome, context.names[0])]
    if finding == "tolerated":
        facts.append("no budget failed by it")
    return [
        tag("span", tag("strong", label(outcome.check)), ": ", "; ".join(facts), class_=kind),
        *_sentences(outcome),
        listed(_more_of(outcome), class_="more"),
    ]


def _sentences(outcome: PairedOutcome) -> Iterator[Markup]:
    """Yield what is wrong with the candidate; of the baseline only what is not the same."""
    found = (("candidate", outcome.candidate), ("baseline", outcome.baseline))
    seen: set[str] = set()
    for arm, one in found:
        new = [text for text in dict.fromkeys(one.violations) if text not in seen]
        seen.update(new)
        both = arm == "candidate" and outcome.baseline.violations == outcome.candidate.violations
        who = "both" if both else arm
        shown = [tag("q", _sentence(text)) for text in new[:SENTENCES]]
        more = len(new) - len(shown)
        if more > 0:
            shown.append(tag("span", f"and {more:,} more sentences in report.json"))
        if shown:
            told = [part for text in shown for part in (text, " ")]
            yield tag("div", tag("span", who, class_="role"), " ", *told, class_="wrong")


def _sentence(text: str) -> str:
    return sentence(text, _SENTENCE) or "(no sentence)"


def _more_of(outcome: PairedOutcome) -> Iterator[Child]:
    """Yield what further runs, repeats, parts and judges said."""
    if told := three_runs(outcome):
        once = "failed once, but not in two of three runs; " if unconfirmed(outcome) else ""
        yield f"{once}{told}"
    arms = (outcome.baseline, outcome.candidate)
    if any(arm.repeats for arm in arms):
        lists = (", ".join(f"{v:g}" for v in arm.repeats) or "one" for arm in arms)
        told = "; ".join(f"{name} {text}" for name, text in zip(_ARMS, lists, strict=True))
        yield f"repeats: {told} (the texts below are the first)"
    if layers := _layers(*arms):
        yield f"parts: {layers}"
    if (swaps := outcome.candidate.swaps) is not None and swaps.compared:
        yield (
            f"judged by {label(swaps.by)}: {swaps.compared} compared in both orders, "
            f"{swaps.contradicted} contradicted"
        )


def _layers(one: Outcome, other: Outcome) -> str:
    """Return the parts of a check, and where they changed."""
    told = []
    for name in dict.fromkeys((*one.layers, *other.layers)):
        values = (one.layers.get(name, 0.0), other.layers.get(name, 0.0))
        both = " -> ".join(percent(value) for value in values)
        told.append(f"{label(name)} {percent(values[0]) if values[0] == values[1] else both}")
    return ", ".join(told)


def _mishap(mishap: Mishap, entry: Entry) -> list[Child]:
    told = f": no evidence, {mishap_sentence(mishap)}"
    if is_silent(mishap) and any(one.check == mishap.check for one in entry.outcomes):
        told += "; counted as wrong"
    return [tag("span", tag("strong", label(mishap.check)), told, class_="lost")]


# --- what was said ----------------------------------------------------------------------------


def _said(entry: Entry, context: Context) -> Iterator[Markup]:
    """Yield the question and both texts; they are kept where a check does not hold in both."""
    doubtful = next((outcome for outcome in entry.outcomes if not outcome.both_hold), None)
    if doubtful is None:
        if entry.outcomes:
            yield tag("p", "Its texts are not kept: no check that was judged fails.", class_="note")
        return
    completions = [context.texts.completion(key) for key in doubtful.keys]
    request = context.texts.request(doubtful.keys[0])
    yield asked(request)
    measured = context.measured.get(entry.case)
    baseline, candidate = completions
    if baseline is not None and candidate is not None:
        yield compared(baseline, candidate, _heads(baseline, candidate, measured, context))
        if (found := thoughts(baseline, candidate)) is not None:
            yield found
    else:
        yield from _incomplete(completions, entry, context)


def _incomplete(
    completions: Sequence[Completion | None], entry: Entry, context: Context
) -> Iterator[Markup]:
    silent = {mishap.role for mishap in entry.mishaps if mishap.unanswered}
    for role, name, completion in zip(_ARMS, context.names, completions, strict=True):
        yield tag("p", *arm_head(role, name, ()), class_="arm")
        if completion is None:
            gone = "This text is not here: not in the cache any more, or left out of report.json."
            told = "There was no answer." if role in silent else gone
            yield tag("p", told, class_="note")
        else:
            yield alone(completion)


def _heads(
    baseline: Completion,
    candidate: Completion,
    measured: PairedMeasurement | None,
    context: Context,
) -> list[Child]:
    """Return the heads of both columns: times, length and why it ended."""
    known: list[list[str]] = [[], []]
    if measured is not None:
        arms = (measured.baseline, measured.candidate)
        facts = zip(arms, _seconds("latency_p50", arms), _seconds("ttft_p50", arms), strict=True)
        known = [_facts(*each) for each in facts]
    ends = [
        [f"ended by {label(one.finish_reason)}"] if one.finish_reason else []
        for one in (baseline, candidate)
    ]
    found = zip(_ARMS, context.names, known, ends, strict=True)
    return [arm_head(role, name, [*told, *end]) for role, name, told, end in found]


def _facts(arm: Measurement, latency: str, first: str) -> list[str]:
    tokens = "" if arm.completion_tokens is None else f"{digits(arm.completion_tokens)} tokens"
    return list(filter(None, (latency, first and f"first token after {first}", tokens)))


def _seconds(metric: str, arms: Sequence[Measurement]) -> tuple[str, str]:
    field_ = "latency_s" if metric == "latency_p50" else "ttft_s"
    return levels(metric, "ratio", getattr(arms[0], field_), getattr(arms[1], field_))


# --- numbers ----------------------------------------------------------------------------------


def _numbers(measured: PairedMeasurement | None) -> Markup | None:
    """Return what was measured, folded; nothing where nothing was."""
    if measured is None:
        return None
    arms = (measured.baseline, measured.candidate)
    lines = [
        tag("tr", tag("th", name, scope="row"), [tag("td", value) for value in values])
        for name, values in _measures(arms)
        if any(values)
    ]
    told = None
    if (found := measured.divergence) is not None:
        told = tag(
            "p",
            f"Over {found.tokens:,} tokens both models find the same likeliest one in "
            f"{percent(found.same_top)}; KL divergence {digits(found.kl)} nats.",
            class_="note",
        )
    return folded("Numbers", tag("table", _NUMBERS, tag("tbody", lines)), told, class_="numbers")


def _measures(arms: Sequence[Measurement]) -> Iterator[tuple[str, tuple[str, str]]]:
    yield "latency", _seconds("latency_p50", arms)
    yield "first token", _seconds("ttft_p50", arms)
    for name, key in (
        ("prompt tokens", "prompt_tokens"),
        ("prompt tokens cached by the server", "cached_tokens"),
        ("completion tokens", "completion_tokens"),
        ("characters", "characters"),
        ("cost", "cost"),
        ("probability of the reference", "reference_p"),
    ):
        values = [getattr(arm, key) for arm in arms]
        yield name, _pair("" if value is None else digits(value) for value in values)
    for name, key in (("ran into the token limit", "truncated"), ("declined", "refused")):
        values = [getattr(arm, key) for arm in arms]
        yield name, _pair(percent(value) if any(values) else "" for value in values)
    yield (
        "answered",
        _pair(
            "timed out" if arm.timed_out else "" if arm.answered else "no answer" for arm in arms
        ),
    )
    yield "asked in this run", _pair("yes" if arm.live else "no" for arm in arms)
    yield "signed by the server", _pair(one_line(", ".join(arm.signed)) for arm in arms)
    yield "reference", _pair(sentence(arm.reference_error) for arm in arms)


def _pair(values: Iterable[str]) -> tuple[str, str]:
    one, other = values
    return one, other
