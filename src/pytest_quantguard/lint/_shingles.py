"""Texts that say nearly the same: word shingles and their Jaccard similarity.

Sets are compared only when they share one of their rarest shingles (prefix filtering: Bayardo, Ma,
Srikant, "Scaling up all pairs similarity search", WWW 2007), which finds every pair above the
threshold. Of a large group sixteen members stand for the others, so that a thousand questions about
one document take seconds; a text that is only like the others joins another group.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

SIZE = 3
"""Words of a shingle."""
_MOST = 20_000
"""Words of one text that are looked at."""
_PIECE = 4_096
"""Characters that are folded at once."""
_STAND_INS = 16
"""Members of a group that later texts are compared with."""
# Identifiers, amounts and dates stay whole: they are what a quantized model gets wrong.
_WORD = re.compile(r"\w+(?:[-.,:/@]\w+)*")


def words(text: str, most: int = _MOST) -> list[str]:
    """Return the first words of a text, folded: case and the width of characters do not matter."""
    return list(islice(_folded(text[: 20 * most]), most))


def _folded(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE):  # a long run of combining marks folds slowly
        plain = unicodedata.normalize("NFKC", text[start : start + _PIECE])
        yield from (match[0].casefold() for match in _WORD.finditer(plain))


def shingles(text: str) -> frozenset[str]:
    """Return every run of `SIZE` words; a shorter text is one shingle, an empty one has none."""
    return frozenset(_runs(words(text)))


def every_shingle(text: str) -> Iterator[str]:
    """Yield the runs of a text of any length, one after the other, in constant memory."""
    return _runs(_folded(text))


def _runs(found: Iterable[str]) -> Iterator[str]:
    last: deque[str] = deque(maxlen=SIZE)
    whole = False
    for word in found:
        last.append(word)
        if len(last) == SIZE:
            whole = True
            yield " ".join(last)
    if last and not whole:
        yield " ".join(last)


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of all shingles that both have, in [0, 1]; 0 for two empty sets."""
    together = len(one | other)
    return len(one & other) / together if together else 0.0


def twins(texts: Mapping[str, str], least: float = 0.9) -> list[list[str]]:
    """Return groups of keys whose texts are alike, directly or through others of the group.

    ``least`` is the smallest Jaccard similarity of two neighbours, in (0, 1]. Groups, and the keys
    in them, keep the order of ``texts``; empty texts are like nothing.
    """
    by_set: dict[frozenset[str], list[str]] = {}
    for key, text in texts.items():
        if found := shingles(text):
            by_set.setdefault(found, []).append(key)
    sets = list(by_set)
    leader = _leaders(sets, least)
    groups: dict[int, list[str]] = {}
    for index, found in enumerate(sets):
        groups.setdefault(_root(leader, index), []).extend(by_set[found])
    order = {key: place for place, key in enumerate(texts)}
    ordered = (sorted(keys, key=order.__getitem__) for keys in groups.values() if len(keys) > 1)
    return sorted(ordered, key=lambda keys: order[keys[0]])


def _leaders(sets: Sequence[frozenset[str]], least: float) -> list[int]:
    """Return, for each set, another one of its group; a leader is its own (union-find)."""
    counts = Counter(shingle for found in sets for shingle in found)
    leader = list(range(len(sets)))
    index: dict[str, list[int]] = {}
    for here in sorted(range(len(sets)), key=lambda i: len(sets[i])):
        ranked = sorted(sets[here], key=lambda shingle: (counts[shingle], shingle))
        size = len(ranked)
        for there in _candidates(ranked[: size - math.ceil(least * size) + 1], index):
            if _root(leader, there) == _root(leader, here):
                continue
            if jaccard(sets[there], sets[here]) >= least:
                leader[_root(leader, here)] = _root(leader, there)
        # What comes later is no smaller, so that these suffice to meet it.
        prefix = ranked[: size - math.ceil(2 * least / (1 + least) * size) + 1]
        _enter(prefix, index, leader, here)
    return leader


def _candidates(prefix: Sequence[str], index: Mapping[str, list[int]]) -> list[int]:
    """Return the sets that share a rare shingle; those entered last first."""
    found = (there for shingle in prefix for there in reversed(index.get(shingle, ())))
    return list(dict.fromkeys(found))


def _enter(
    prefix: Sequence[str], index: dict[str, list[int]], leader: list[int], here: int
) -> None:
    """Make a set known by its rarest shingles; of one group a few members stand for the others."""
    mine = _root(leader, here)
    for shingle in prefix:
        entries = index.setdefault(shingle, [])
        if sum(_root(leader, there) == mine for there in entries) < _STAND_INS:
            entries.append(here)


def _root(leader: list[int], index: int) -> int:
    while leader[index] != index:
        leader[index] = leader[leader[index]]
        index = leader[index]
    return index
