"""Texts that say nearly the same: word shingles and their Jaccard similarity.

The search is exact: every pair above the threshold is found. Sets are compared only when they share
one of their rarest shingles (prefix filtering: Bayardo, Ma, Srikant, "Scaling up all pairs
similarity search", WWW 2007), which keeps ten thousand prompts within seconds.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

SIZE = 3
"""Words of a shingle."""
_MOST = 20_000
"""Words of one text that are looked at."""
_READ = 400_000
"""Characters of one text that are looked at."""
# Identifiers, amounts and dates stay whole: they are what a quantized model gets wrong.
_WORD = re.compile(r"\w+(?:[-.,:/@]\w+)*")


def words(text: str) -> list[str]:
    """Return the words of a text, folded: case and the width of characters do not matter."""
    plain = unicodedata.normalize("NFKC", text[:_READ]).casefold()
    return _WORD.findall(plain)[:_MOST]


def shingles(text: str, size: int = SIZE) -> frozenset[str]:
    """Return every run of ``size`` words; a shorter text is one shingle, an empty one has none."""
    found = words(text)
    if len(found) <= size:
        return frozenset([" ".join(found)] if found else [])
    return frozenset(" ".join(found[i : i + size]) for i in range(len(found) - size + 1))


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
    leader = list(range(len(sets)))
    for one, other in _pairs(sets, least):
        leader[_root(leader, other)] = _root(leader, one)
    groups: dict[int, list[str]] = {}
    for index, found in enumerate(sets):
        groups.setdefault(_root(leader, index), []).extend(by_set[found])
    order = {key: place for place, key in enumerate(texts)}
    ordered = (sorted(keys, key=order.__getitem__) for keys in groups.values() if len(keys) > 1)
    return sorted(ordered, key=lambda keys: order[keys[0]])


def _pairs(sets: Sequence[frozenset[str]], least: float) -> Iterator[tuple[int, int]]:
    """Yield the indexes of every two sets whose similarity is at least ``least``."""
    counts = Counter(shingle for found in sets for shingle in found)
    index: dict[str, list[int]] = {}
    for here in sorted(range(len(sets)), key=lambda i: len(sets[i])):
        mine = sets[here]
        ranked = sorted(mine, key=lambda shingle: (counts[shingle], shingle))
        prefix = ranked[: len(mine) - math.ceil(least * len(mine)) + 1]
        near = {there for shingle in prefix for there in index.get(shingle, ())}
        for there in sorted(near):
            if len(sets[there]) >= least * len(mine) and jaccard(sets[there], mine) >= least:
                yield there, here
        for shingle in prefix:
            index.setdefault(shingle, []).append(here)


def _root(leader: list[int], index: int) -> int:
    while leader[index] != index:
        leader[index] = leader[leader[index]]
        index = leader[index]
    return index
