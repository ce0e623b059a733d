"""Exact facts: what the server calls itself, and how many tokens it makes of the same prompts.

They are no matter of chance: a value that the pin never saw is a change. Where the pin itself saw
values come and go, new ones are to be expected, and are only told (I. Good, The population
frequencies of species and the estimation of population parameters, Biometrika 40 (1953): the chance
of something new is about the share of what was seen once).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.watch.distances import has_tops
from pytest_quantguard.watch.records import Finding, Kind, Look
from pytest_quantguard.watch.series import Series, content

LISTED = "log-probs"
GONE = "no counts"
_SHOWN = 3

Values = Callable[[Look], frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    kind: Kind
    quantity: str
    words: str
    values: Values
    asked: Callable[[Look], bool] = lambda look: bool(look.answers)
    """Whether the look could know: what could not be reached tells nothing."""


def facts(series: Series) -> tuple[Finding, ...]:
    """Return one finding for each exact fact that the pin knows; without a pin none."""
    if not series.pin:
        return ()
    known = [
        _Fact(kind="identity", quantity="model", words="model name", values=_names),
        _Fact(
            kind="identity",
            quantity="system_fingerprint",
            words="system_fingerprint",
            values=_fingerprints,
        ),
        *(_served(key) for key in _keys((*series.pin, series.now))),
        *(_of_file(key) for key in content(series.now.identity)),
    ]
    found = [_compared(fact, series) for fact in known]
    return (
        *(finding for finding in found if finding is not None),
        *_log_probs(series),
        *_tokenizer(series),
    )


def _names(look: Look) -> frozenset[str]:
    return frozenset(answer.served_as for answer in look.answers if answer.served_as)


def _fingerprints(look: Look) -> frozenset[str]:
    return frozenset(answer.fingerprint for answer in look.answers if answer.fingerprint)


def _keys(looks: Sequence[Look]) -> list[str]:
    return sorted({key for look in looks for key, value in look.served.items() if _simple(value)})


def _simple(value: object) -> bool:
    return isinstance(value, str | int) and value != ""


def _served(key: str) -> _Fact:
    def values(look: Look) -> frozenset[str]:
        value = look.served.get(key)
        return frozenset([str(value)]) if _simple(value) else frozenset()

    return _Fact(
        kind="identity",
        quantity=f"served {key}",
        words=f"served {key}",
        values=values,
        asked=lambda look: bool(look.served),
    )


def _of_file(key: str) -> _Fact:
    """What was found of a model file of one's own: its content's hash, its engine's version."""

    def values(look: Look) -> frozenset[str]:
        return frozenset([str(look.identity[key])] if key in look.identity else [])

    words = {"model": "content of the model file", "server": "version of the engine"}
    return _Fact(kind="identity", quantity=f"file {key}", words=words[key], values=values)


def _compared(fact: _Fact, series: Series) -> Finding | None:
    pinned = Counter(value for look in series.pin for value in fact.values(look))
    now = fact.values(series.now)
    if not pinned and not now:
        return None
    words = one_line(fact.words, 60)
    if not fact.asked(series.now):
        sentence = f"{words}: the server did not say"
        return Finding(kind=fact.kind, quantity=fact.quantity, able=False, sentence=sentence)
    new = sorted(now - set(pinned))
    gone = not now and all(fact.values(look) for look in series.pin)
    restless = len(pinned) > 1 and 1 in pinned.values()
    was = f"the pin's looks said {_listed(sorted(pinned))}"
    if gone:
        sentence = f"the server no longer tells its {words}; {was}"
    elif new:
        sentence = f"{words} is {_listed(new)}, never seen in the pin; {was}"
    else:
        sentence = f"{words} is {_listed(sorted(now))}, as in the pin" if now else f"{words}: {was}"
    if new and restless:
        sentence += "; it comes and goes, so a new one decides nothing"
    return Finding(
        kind=fact.kind,
        quantity=fact.quantity,
        changed=bool(new) or gone,
        decides=not (new and restless),
        sentence=sentence,
    )


def _listed(values: Sequence[str]) -> str:
    if not values:
        return "nothing"
    shown = ", ".join(f"'{one_line(value, 80)}'" for value in values[:_SHOWN])
    more = len(values) - _SHOWN
    return f"{shown} and {counted(more, 'other')}" if more > 0 else shown


def _log_probs(series: Series) -> tuple[Finding, ...]:
    """Whether there are any, and how many: in a shorter list less of a change can be seen."""
    if not (all(map(has_tops, series.pin)) and series.now.answers):
        return ()
    if has_tops(series.now):
        listed = _Fact(
            kind="identity", quantity=LISTED, words="log-probs in a list", values=_listed_tops
        )
        found = _compared(listed, series)
        return () if found is None else (found,)
    sentence = "the API no longer gives log-probs; in the pin it did"
    return (Finding(kind="identity", quantity=LISTED, changed=True, sentence=sentence),)


def _listed_tops(look: Look) -> frozenset[str]:
    """Length of the longest list of a look's first tokens."""
    return frozenset([str(max(len(answer.top) for answer in look.answers))])


def _tokenizer(series: Series) -> tuple[Finding, ...]:
    """Count of prompt tokens, probe by probe."""
    pinned = _counts(series.pin)
    now = _counts([series.now])
    shared = [probe for probe in pinned if probe in now]
    if not shared:
        always = all(_counts([look]) for look in series.pin)
        if not (pinned and always and series.now.answers):
            return ()
        sentence = "the server no longer counts prompt tokens; in the pin it did"
        return (Finding(kind="tokenizer", quantity=GONE, changed=True, sentence=sentence),)
    other = [probe for probe in shared if now[probe] - pinned[probe]]
    total = counted(len(shared), "probe")
    sentence = f"prompt-token counts of {total} are as in the pin"
    if other:
        probe = other[0]
        sentence = (
            f"prompt-token counts of {len(other)} of {total} are new: '{one_line(probe, 40)}' "
            f"takes {_numbers(now[probe])} tokens, in the pin {_numbers(pinned[probe])}"
        )
    return (Finding(kind="tokenizer", changed=bool(other), sentence=sentence),)


def _counts(looks: Sequence[Look]) -> Mapping[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for look in looks:
        for answer in look.answers:
            if answer.prompt_tokens is not None:
                found.setdefault(answer.probe, set()).add(answer.prompt_tokens)
    return {probe: frozenset(counts) for probe, counts in found.items()}


def _numbers(counts: frozenset[int]) -> str:
    return " or ".join(str(count) for count in sorted(counts)[:_SHOWN])
