"""How much of a reference stands in a text: measures between 0 (nothing) and 1 (the same)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

_ORDERS = 6
_BETA = 2
# Scripts without blanks between words count letter by letter.
TOKEN = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|"
    "(?:(?![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff])\\w)+"
)


def chrf(text: str, reference: str) -> float:
    """Return the character n-gram F-score, chrF2.

    Precision and recall of the n-grams of 1 to 6 characters, blanks left out, are averaged over
    the lengths that both texts have, and joined with recall counting twice: (1 + 4) P R / (4 P + R)
    (Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation", section 2; beta and
    the averaging as in sacreBLEU, which writes it times 100).
    """
    said, wanted = "".join(text.split()), "".join(reference.split())
    orders = range(1, min(_ORDERS, len(said), len(wanted)) + 1)
    if not orders:
        return 0.0
    precision = recall = 0.0
    for order in orders:
        ours, theirs = _grams(said, order), _grams(wanted, order)
        shared = (ours & theirs).total()
        precision += shared / ours.total() / len(orders)
        recall += shared / theirs.total() / len(orders)
    if precision == 0:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)


def rouge_l(text: str, reference: str) -> float:
    """Return the F-score (beta = 1) of the longest common subsequence of words.

    P is its length over the number of words of the text, R over that of the reference (Lin 2004,
    "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.1). Words are folded as in
    `token_f1`.
    """
    ours, theirs = tokens(text), tokens(reference)
    return _f1(_common_subsequence(ours, theirs), len(ours), len(theirs))


def token_f1(text: str, reference: str) -> float:
    """Return the F-score (beta = 1) of the words two texts share, whatever their order.

    As in SQuAD (Rajpurkar et al. 2016, section 5, "F1 score"), without case and punctuation, but
    with articles, because there are other languages than English.
    """
    ours, theirs = tokens(text), tokens(reference)
    return _f1((Counter(ours) & Counter(theirs)).total(), len(ours), len(theirs))


MEASURES: dict[str, tuple[str, Callable[[str, str], float]]] = {
    "chrf": ("chrF", chrf),
    "rouge_l": ("ROUGE-L", rouge_l),
    "token_f1": ("token F1", token_f1),
}
"""By parameter: the name in sentences, and the function of text and reference."""


def _grams(text: str, order: int) -> Counter[str]:
    return Counter(text[at : at + order] for at in range(len(text) - order + 1))


def tokens(text: str) -> list[str]:
    """Return the words of a text in small letters; Chinese, Japanese and Thai letter by letter."""
    return TOKEN.findall(text.casefold())


def _f1(shared: int, ours: int, theirs: int) -> float:
    return 2 * shared / (ours + theirs) if shared else 0.0


def _common_subsequence(ours: list[str], theirs: list[str]) -> int:
    """Return its length; one big-integer step for each word.

    A bit of ``row`` is 0 where the length grows (Hyyrö 2004, "Bit-parallel LCS-length computation
    revisited", section 2).
    """
    places: dict[str, int] = {}
    for at, word in enumerate(theirs):
        places[word] = places.get(word, 0) | 1 << at
    full = (1 << len(theirs)) - 1
    row = full
    for word in ours:
        hit = row & places.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(theirs) - row.bit_count()
