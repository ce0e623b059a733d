"""Are both arms asked the same, and by two servers? What speaks against it, in sentences; pure.

A delta means something only where the arms differ in nothing but their precision.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pytest_quantguard.pairs import PairedMeasurement
from pytest_quantguard.types import Completion, CompletionRequest, Role, Source, Usage
from pytest_quantguard.variants import Quantization, ServedAs, Variant

Support = Literal["honoured", "ignored", "refused", "unknown"]
"""What an arm made of a parameter that shapes answers."""

ENOUGH = 20
"""Cases from which on it says something that all answers are the same."""
REASONED = 0.5
"""Share of cases with reasoning, of one arm, that cannot be compared with none at all."""
_ADAPTIVE = 0.1
"""A smaller difference of those shares is nothing to remark upon."""
FINGERPRINTS = 10
"""Most fingerprints of an arm in a report."""
_SHOWN = 3
_ROLES: tuple[Role, ...] = ("baseline", "candidate")

# Q8_0, Q4_K - Medium, IQ4_NL, F16, BF16, MXFP4, FP8, int4, W4A16: the first number is the bits.
_BITS = re.compile(r"(?:^|[^a-z0-9])(?:iq|tq|q|bf|f|mxfp|nvfp|fp|int|w)(\d{1,2})(?!\d)", re.I)

# A scheme of GGUF names the bits of the weights; that of others may name what they compute with.
_GGUF = re.compile(r"(?:iq|tq|q)(\d)_", re.I)

# vLLM's ends in a hash over its configuration, the quantization included; hosted services have one
# for each deployment. Ollama's is the same everywhere, and llama.cpp's is its build.
_TELLING = re.compile(r"vllm-.*-[0-9a-f]{8,}|fp_(?!ollama$)\w+", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Whether two arms can be compared."""

    reasons: tuple[str, ...] = ()
    """Sentences: why no delta between them means anything."""
    remarks: tuple[str, ...] = ()
    """Sentences: what differs and may matter, or was not to be found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was found out about the servers of a run, by the name of the variant."""

    served: Mapping[str, ServedAs] = field(default_factory=dict)
    probes: Mapping[str, Mapping[str, tuple[Support, str]]] = field(default_factory=dict)
    """What each made of each parameter that was probed, and in which words it declined."""


def likeness(
    baseline: Variant,
    candidate: Variant,
    measurements: Sequence[PairedMeasurement],
    told: Told,
    *,
    sources: Mapping[str, Source] | None = None,
    null: bool = False,
) -> Likeness:
    """Say whether two arms can be compared, from one measurement for each case.

    ``sources`` are places of cases, for the sentences. ``null``: the candidate is the baseline once
    more, so that nothing is wrong with answers that are all the same.
    """
    reasons: list[str] = []
    remarks: list[str] = []
    for variant in (baseline, candidate):
        if variant.name in told.served:
            declared, said = variant.quantization, told.served[variant.name]
            faults = (quantization_note(declared, said)[1], cache_fault(declared, said))
            reasons += [f"{variant.name}: {fault}" for fault in faults if fault]
    where = sources or {}
    for found in (
        _support(baseline, candidate, told.probes),
        _reasoning(baseline, candidate, measurements, where),
        _servers(baseline, candidate, told.served),
        Likeness() if null else _once_more(baseline, candidate, measurements),
        _changes(baseline, candidate, measurements),
        _signatures(baseline, candidate, measurements),
    ):
        reasons += found.reasons
        remarks += found.remarks
    return Likeness(reasons=tuple(reasons), remarks=tuple(remarks))


def quantization_note(declared: Quantization, served: ServedAs) -> tuple[str, str | None]:
    """Compare what the configuration declares with what the server reports.

    Returns a note for the report, and a sentence when the two contradict each other.
    """
    reported = served.quantization
    if not reported:
        return "not verifiable: the server does not say", None
    match, named = _BITS.search(reported), _GGUF.match(declared.scheme)
    bits = int(named[1]) if declared.weight_bits is None and named else declared.weight_bits
    if match is None or bits is None:
        return f"the server says {reported}", None
    if int(match[1]) == bits:
        return f"confirmed by the server: {reported}", None
    return (
        f"contradicted by the server: {reported}",
        f"declared as {bits} bit, but the server says {reported}",
    )


def cache_fault(declared: Quantization, served: ServedAs) -> str | None:
    """Say where the key-value cache is of another precision; ``auto`` is none."""
    ours, theirs = (_BITS.search(text or "") for text in (declared.kv_cache, served.kv_cache))
    if ours is None or theirs is None or ours[1] == theirs[1]:
        return None
    return f"its KV cache is declared as {declared.kv_cache}, but the server says {served.kv_cache}"


def thinks(completion: Completion) -> bool:
    """Tell whether a model thought before it answered: apart, counted, or in the answer itself."""
    if completion.reasoning.strip() or completion.usage.reasoning_tokens:
        return True
    return thinks_aloud(completion) or completion.text.lstrip().startswith("<thinking>")


def thinks_aloud(completion: Completion) -> bool:
    """Tell whether thoughts stand in the answer: some chat templates open them by themselves."""
    return "</think>" in completion.text or completion.text.lstrip().startswith("<think>")


def counted_alike(request: CompletionRequest, ours: Usage, theirs: Usage) -> bool:
    """Tell whether two servers may have read the same prompt, as far as they count its tokens.

    Some leave out what they found in their own cache. Images and sound each counts in its way:
    with such a part anything goes.
    """
    counts = [(u.prompt_tokens, u.cached_tokens or 0) for u in (ours, theirs)]
    each = [{read, read + found} for read, found in counts if read is not None]
    if len(each) < 2 or not each[0].isdisjoint(each[1]):
        return True
    contents = [message.get("content") for message in request.messages]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(not isinstance(part, dict) or part.get("type") != "text" for part in parts)


def telling(fingerprint: str) -> bool:
    """Tell whether a server's fingerprint depends on the precision of its model."""
    return _TELLING.fullmatch(fingerprint) is not None


def fingerprints(measurements: Iterable[PairedMeasurement], role: Role) -> dict[str, int]:
    """Return an arm's fingerprints and with how many cases each came, the commonest first."""
    counts = Counter(f for m in measurements for f in getattr(m, role).fingerprints)
    return dict(counts.most_common(FINGERPRINTS))


def places(cases: Sequence[str], sources: Mapping[str, Source]) -> str:
    """Name the first few cases, with file and line where they are known."""
    named = [f"{case} ({sources[case]})" if case in sources else case for case in cases[:_SHOWN]]
    more = len(cases) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


# --- each way in which arms differ --------------------------------------------------------------


def _support(
    baseline: Variant,
    candidate: Variant,
    probes: Mapping[str, Mapping[str, tuple[Support, str]]],
) -> Likeness:
    names = (baseline.name, candidate.name)
    reasons, remarks = [], []
    for feature in probes.get(baseline.name, {}):
        unknown: tuple[Support, str] = ("unknown", "it was not asked")
        found = [probes.get(name, {}).get(feature, unknown) for name in names]
        kinds = [kind for kind, _ in found]
        if "unknown" in kinds:
            at = kinds.index("unknown")
            remarks.append(f"whether {names[at]} honours {feature} is not known: {found[at][1]}")
        elif kinds[0] == kinds[1]:
            if kinds[0] != "honoured":
                verb = {"ignored": "answer 200 and ignore", "refused": "refuse"}[kinds[0]]
                remarks.append(f"both {names[0]} and {names[1]} {verb} {feature}")
        else:
            at = kinds.index("refused") if "refused" in kinds else kinds.index("ignored")
            verb = "answers 200 and ignores" if kinds[at] == "ignored" else "refuses"
            other = "honours" if kinds[1 - at] == "honoured" else "ignores"
            why = f" ({found[at][1]})" if found[at][1] else ""
            reasons.append(f"{names[at]} {verb} {feature}{why}, which {names[1 - at]} {other}")
    return Likeness(reasons=tuple(reasons), remarks=tuple(remarks))


def _reasoning(
    baseline: Variant,
    candidate: Variant,
    measurements: Sequence[PairedMeasurement],
    sources: Mapping[str, Source],
) -> Likeness:
    pairs = [m for m in measurements if m.baseline.answered and m.candidate.answered]
    if not pairs:
        return Likeness()
    names = (baseline.name, candidate.name)
    shares = [sum(getattr(m, role).reasoned for m in pairs) / len(pairs) for role in _ROLES]
    if max(shares) >= REASONED and not min(shares):
        at = shares.index(max(shares))
        cases = [m.case for m in pairs if getattr(m, _ROLES[at]).reasoned]
        return Likeness(
            reasons=(
                f"{names[at]} reasons before it answers, in {len(cases)} of {len(pairs)} cases, "
                f"and {names[1 - at]} in none: {places(cases, sources)}",
            )
        )
    aloud = [sum(getattr(m, role).aloud for m in pairs) / len(pairs) for role in _ROLES]
    if max(aloud) >= REASONED and not min(aloud):
        at = aloud.index(max(aloud))
        return Likeness(
            reasons=(
                f"{names[at]} has its thoughts in its answers, and {names[1 - at]} apart from "
                "them: turn the reasoning parser of both servers on",
            )
        )
    if abs(shares[0] - shares[1]) < _ADAPTIVE:
        return Likeness()
    told = (f"{n} reasons in {100 * s:.0f} % of cases" for n, s in zip(names, shares, strict=True))
    return Likeness(remarks=(", ".join(told),))


def _servers(baseline: Variant, candidate: Variant, served: Mapping[str, ServedAs]) -> Likeness:
    if baseline.name not in served or candidate.name not in served:
        return Likeness()
    ours, theirs = served[baseline.name], served[candidate.name]
    address = baseline.address
    reasons = []
    if address is not None and address == candidate.address and baseline.model != candidate.model:
        listed = set(ours.models) | set(theirs.models)
        if len(listed) == 1:
            reasons.append(
                f"the server ignores the model's name: it is asked for {baseline.model} and for "
                f"{candidate.model}, and has one model, {listed.pop()}"
            )
    remarks = [
        f"the {what} differs: {one} in {baseline.name}, {other} in {candidate.name}"
        for what, one, other in (
            ("context length", ours.context, theirs.context),
            ("server's version", ours.version, theirs.version),
        )
        if one is not None and other is not None and one != other
    ]
    return Likeness(reasons=tuple(reasons), remarks=tuple(remarks))


def _once_more(
    baseline: Variant, candidate: Variant, measurements: Sequence[PairedMeasurement]
) -> Likeness:
    """Find out whether both arms are probably one server."""
    pairs = [m for m in measurements if m.baseline.answered and m.candidate.answered]
    if len(pairs) < ENOUGH or not all(m.same for m in pairs):
        return Likeness()
    text = f"all {len(pairs)} answers of {baseline.name} and {candidate.name} are the same"
    prints = [fingerprints(pairs, role) for role in _ROLES]
    alike = prints[0].keys() == prints[1].keys()
    if alike and prints[0] and all(map(telling, prints[0])):
        if baseline.quantization != candidate.quantization:
            return Likeness(
                reasons=(
                    f"{text}, and so is the server's fingerprint, {min(prints[0])}: probably one "
                    "server was asked twice, although their declared quantizations differ",
                )
            )
        return Likeness(remarks=(f"{text}, and so is the server's fingerprint, {min(prints[0])}",))
    return Likeness(remarks=(f"{text}, word for word",))


def _changes(
    baseline: Variant, candidate: Variant, measurements: Sequence[PairedMeasurement]
) -> Likeness:
    remarks = []
    for variant, role in zip((baseline, candidate), _ROLES, strict=True):
        found = fingerprints(measurements, role)
        if len(found) > 1:
            told = ", ".join(f"{value} in {n}" for value, n in list(found.items())[:_SHOWN])
            more = ", ..." if len(found) > _SHOWN else ""
            remarks.append(
                f"the server of {variant.name} changed while it was asked: its answers have "
                f"{len(found)} fingerprints ({told}{more} cases)"
            )
    return Likeness(remarks=tuple(remarks))


def _signatures(
    baseline: Variant, candidate: Variant, measurements: Sequence[PairedMeasurement]
) -> Likeness:
    """Remark on answers that bear another model's name: a router may have chosen for itself."""
    remarks = []
    for variant, role in zip((baseline, candidate), _ROLES, strict=True):
        counts = Counter(name for m in measurements for name in getattr(m, role).signed)
        others = [
            (name, n) for name, n in counts.most_common() if not named_alike(name, variant.model)
        ]
        if others and variant.provider != "llamacpp":  # that one is loaded from the named file
            told = ", ".join(f"{name} in {n}" for name, n in others[:_SHOWN])
            more = ", ..." if len(others) > _SHOWN else ""
            remarks.append(
                f"{variant.name} was asked for {variant.model}, but its answers are signed by "
                f"another name ({told}{more} cases): is it that model?"
            )
    return Likeness(remarks=tuple(remarks))


def named_alike(signed: str, model: str) -> bool:
    """Tell whether a server's name for a model can mean it: gpt-4o is gpt-4o-2024-08-06, too."""
    ours, theirs = (text.casefold().rstrip("/").rpartition("/")[2] for text in (model, signed))
    return ours in theirs or theirs in ours
