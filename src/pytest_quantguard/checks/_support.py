"""Is a claim supported by a context? Deterministic: facts, polarity, attribution, words.

A claim is unsupported when it names a fact that stands nowhere; when it differs from a sentence of
the context in hardly more than a negation or an opposite; when its number stands only in sentences
about something else, while the sentence about its subject gives another number; or when too few of
its content words stand in the few sentences that fit it best.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from pytest_quantguard.checks._claims import Claim
from pytest_quantguard.checks._facts import Fact, unknown
from pytest_quantguard.checks._known import (
    Context,
    content_words,
    running_words,
    with_digits,
    without_numbers,
)
from pytest_quantguard.checks._lexicon import fold, words
from pytest_quantguard.checks._quantities import Quantity
from pytest_quantguard.checks._small_words import NEGATION_IDIOMS, NEGATIONS, OPPOSITES
from pytest_quantguard.checks._text import listed, quote

COVERED = 0.6
"""Share of the weight of a claim that has to be found; chosen on the samples of the tests."""

_ALIKE = 0.72
_UNITS = 3
_NUMBER_WEIGHT = 1.5
_LOOKED_AT = 25
_MANY = 200
_CLAUSE = re.compile(r"[,;:()]| but | aber | mais | pero | ma | mas | maar ")
_PARTS = re.compile(_CLAUSE.pattern + r"| and | und | et | y | e | en ")
_OPENS = re.compile(r"\W{0,4}\[[^\]\n]{1,60}\]")
_FILLERS = words(
    "a an the do does did der die das den dem ein eine einen le la les l un une el los las lo il i "
    "gli o os as um uma het een ne is are be est ist sein e es may must can shall should will "
    "would "
    "darf durfen muss mussen kann konnen soll sollen peut peuvent doit doivent puede pueden debe "
    "deben puo possono deve devono pode podem devem kan kunnen mag mogen moet moeten any all"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a claim is not supported."""

    kind: str
    """``facts``, ``polarity``, ``attribution`` or ``words``."""
    why: str


def doubt(claim: Claim, found: Sequence[Fact], known: Context, answer: str) -> Doubt | None:
    """Say why a claim is not supported by the context, or None when it is."""
    missing = [fact.text for fact in found if unknown(fact, known, answer)]
    if missing:
        verb = "stands" if len(missing) == 1 else "stand"
        return Doubt(kind="facts", why=f"{listed(missing)} {verb} nowhere in the context")
    numbers = [fact.number for fact in found if fact.number is not None]
    text = answer[claim.start : claim.start + len(claim.text)]
    words = content_words(without_numbers(text, numbers, claim.start))
    scores = known.scores(words)
    if opposite := _opposite(claim, known, scores):
        return Doubt(kind="polarity", why=f"the context says {quote(opposite, 100)}")
    if elsewhere := _elsewhere(claim, numbers, known, answer):
        return Doubt(kind="attribution", why=elsewhere)
    return None if claim.meta else _uncovered(words, numbers, known, scores)


# --- words ----------------------------------------------------------------------------------------


def _uncovered(
    words: Mapping[str, str],
    numbers: Sequence[Quantity],
    known: Context,
    scores: Mapping[int, float],
) -> Doubt | None:
    weight = _NUMBER_WEIGHT * len(numbers)
    covered = {stem for stem in words if known.common(stem)}
    best = nlargest(2 * _LOOKED_AT, scores, key=scores.__getitem__)
    for _ in range(_UNITS):
        new = [known.units[at].stems.intersection(words) - covered for at in best]
        covered |= max(new, key=len, default=set())
    if not words or len(covered) + weight >= COVERED * (len(words) + weight):
        return None
    lost = [word for stem, word in words.items() if stem not in covered]
    return Doubt(
        kind="words",
        why=f"of its {len(words)} content words {len(covered)} stand together in the context, but "
        f"not {listed(lost)}",
    )


# --- polarity -------------------------------------------------------------------------------------


def _opposite(claim: Claim, known: Context, scores: Mapping[int, float]) -> str:
    """Return the sentence of the context that a claim turns round, or nothing."""
    best = nlargest(_LOOKED_AT, scores, key=scores.__getitem__)
    texts = [known.units[at].text for at in best]
    there = [(clause, text) for text in texts for clause in _clauses(text)]
    for said in _clauses(with_digits(claim.bare)):
        likeness = [_likeness(said, clause) for clause, _ in there]
        nearest = max(likeness, default=0.0)
        if nearest < _ALIKE:
            continue
        alike = [pair for pair, share in zip(there, likeness, strict=True) if share == nearest]
        if all(_contradicts(said, clause, known) for clause, _ in alike):
            return alike[0][1]
    return ""


def _contradicts(said: _Clause, there: _Clause, known: Context) -> bool:
    """Tell whether two clauses of nearly the same words say different things."""
    if said.negated != there.negated:
        return True
    ours, theirs = said.words - there.words, there.words - said.words
    return any((one, other) in OPPOSITES for one in ours for other in theirs) or _replaced(
        ours, theirs, known
    )


def _replaced(said: frozenset[str], there: frozenset[str], known: Context) -> bool:
    """Tell whether one word took the place of another one, and is the context's for something else.

    A synonym usually stands nowhere in the context; the other party of a contract does.
    """
    one, other = (list(content_words(" ".join(words))) for words in (said, there))
    return len(one) == len(other) == 1 and one[0] in known.places and one[0] != other[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clause:
    words: frozenset[str]
    negated: bool


def _clauses(text: str) -> list[_Clause]:
    """Return a sentence and its clauses of four words and more."""
    parts = [text[:1_000], *_PARTS.split(text[:1_000])]
    return [clause for part in parts if len((clause := _clause(part)).words) >= 3]


def _clause(text: str) -> _Clause:
    folded = fold(text)
    for idiom in NEGATION_IDIOMS:
        folded = folded.replace(idiom, " ")
    denied = sum(word in NEGATIONS for word in re.findall(r"[^\W\d_]+(?:'t)?", folded))
    words = frozenset(running_words(folded)) - _FILLERS - NEGATIONS - {"cant", "dont", "isnt"}
    return _Clause(words=words, negated=denied % 2 == 1)


def _likeness(one: _Clause, other: _Clause) -> float:
    """Jaccard similarity of the words, negations and articles left out."""
    return len(one.words & other.words) / len(one.words | other.words)


# --- attribution ----------------------------------------------------------------------------------


def _elsewhere(claim: Claim, numbers: Sequence[Quantity], known: Context, answer: str) -> str:
    """Say that a number belongs to something else, or nothing."""
    said = {value for one in numbers for value in one.values}
    for one in numbers:
        if _is_year(one) or one.kind in ("identifier", "phone"):
            continue
        holders = sorted({at for value in one.values for at in known.holders.get(value, ())})
        if not holders or len(holders) > _MANY:
            continue
        rival = _rival(_subject(claim, one, numbers, known, answer), one, holders, said, known)
        first, last = _clause_around(claim, one, answer)
        if rival or _others_name(answer[first:last], holders, known):
            return (
                f"{quote(one.text)} stands in the context with something else: "
                f"{quote(known.units[holders[0]].text, 100)}{rival}"
            )
    return ""


def _rival(
    subject: Sequence[str], one: Quantity, holders: Sequence[int], said: set[str], known: Context
) -> str:
    """Name the other number of the sentence that fits the subject best, or nothing."""
    scores = known.scores(subject)
    top = max(scores.values(), default=0.0)
    if not top or max(scores.get(at, 0.0) for at in holders) >= top - 1e-9:
        return ""
    best = (known.units[at] for at, score in scores.items() if score >= top - 1e-9)
    for other in (other for unit in best for other in unit.numbers):
        if _rivals(one, other, said):
            return f"; for this it says {quote(other.text)}"
    return ""


def _others_name(clause: str, holders: Sequence[int], known: Context) -> bool:
    """Tell whether every sentence with the number is about somebody else than the clause is."""
    about = known.name_words.intersection(re.findall(r"[^\W\d_]+", fold(clause)))
    return bool(about) and all(
        known.units[at].names and about.isdisjoint(_named(at, known)) for at in holders
    )


def _named(at: int, known: Context) -> set[str]:
    """Return the names of a sentence, of a few before it in its document, and of its heading."""
    found: set[str] = set()
    for index in range(at, max(-1, at - 40), -1):
        unit = known.units[index]
        if unit.heading or at - index <= 3:
            found |= unit.names
        if unit.heading or _OPENS.match(unit.text):
            break
    return found


def _clause_around(claim: Claim, one: Quantity, answer: str) -> tuple[int, int]:
    start, end = claim.start, claim.start + len(claim.text)
    left = max((mark.end() for mark in _CLAUSE.finditer(answer, start, one.start)), default=start)
    right = next((mark.start() for mark in _CLAUSE.finditer(answer, one.end, end)), end)
    return left, right


def _subject(
    claim: Claim, one: Quantity, numbers: Sequence[Quantity], known: Context, answer: str
) -> list[str]:
    """Return the words of the clause around a number; of the sentence when they are few."""
    there: list[str] = []
    whole = claim.start, claim.start + len(claim.text)
    for first, last in (_clause_around(claim, one, answer), whole):
        inside = [other for other in numbers if first <= other.start < last]
        words = content_words(without_numbers(answer[first:last], inside, first))
        there = [word for word in words if word in known.places]
        if len(there) >= 2:
            break
    return there


def _rivals(one: Quantity, other: Quantity, said: set[str]) -> bool:
    """Tell whether a number could stand in the other's place: same kind of thing, other value."""
    if _is_year(other) or not said.isdisjoint(other.values):
        return False
    if one.units and other.units:
        return not one.units.isdisjoint(other.units)
    both = {one.kind, other.kind}
    return one.kind == other.kind or both <= {"number", "amount", "measure"}


def _is_year(one: Quantity) -> bool:
    value = min(one.values)
    return (
        one.kind == "number" and len(value) == 4 and value.isdecimal() and value[:2] in ("19", "20")
    )
