"""Finding names, addresses and identifiers in text, and what became of them in another one.

A name is told by its capitals. That is enough in most languages written in Latin letters, with two
exceptions: the first word of a sentence proves nothing, and in German every noun is capitalised,
so that there only names of several words, with a title, or with unusual capitals are found.
Missing a name is the cheaper mistake: what is found here can fail an answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import islice

from pytest_quantguard.checks._lexicon import GERMAN, NO_NAMES, ORDERS, TITLES, fold
from pytest_quantguard.checks._quantities import quantities
from pytest_quantguard.checks._sentences import sentences
from pytest_quantguard.checks._text import digit_note, quote

MOST = 5_000
"""Names, and addresses, that are found in one text."""

_COMPARED = 2_000

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'`|\\^{}\]]{3,2000}", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
# What French and Italian elide is no part of a name: L'Italie, d'Ingrid.
_ELIDED = r"(?:[LlDdJjNnSsCcMmTt]|[Qq]u)['\u2019]"
_WORD = re.compile(
    rf"(?:(?<![\w@])|(?<=\b[LlDdJjNnSsCcMmTt]['\u2019])|(?<=\b[Qq]u['\u2019]))(?!{_ELIDED}[^\W\d_])"
    r"[^\W\d_]++(?:['\u2019&-][^\W\d_]++)*+['\u2019]?(?![\w@]|-[0-9])"
)
_GAP = re.compile(
    r"\.?[ \u00a0](?:[0-9]{1,4} )?(?:(?:&|von|van|de|der|den|del|di|da|la|le|zu|bin|of|ter) ){0,2}"
)
_NUMERAL = re.compile(r" ([0-9]{1,4}|[IVX]{1,5})(?![\w.,][0-9])(?!\w)")
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """Capitalised words that belong together."""

    text: str
    words: tuple[str, ...]
    """Its words without possessive endings; a number behind them is none of them."""
    start: int
    """Where it begins, in characters from 0."""


def addresses(text: str) -> list[str]:
    """Return the URLs and mail addresses of a text, each once, without the punctuation behind."""
    found = (trimmed(match[0]) for match in (*_URL.finditer(text), *_EMAIL.finditer(text)))
    return list(islice(dict.fromkeys(found), MOST))


def trimmed(url: str) -> str:
    """Cut off the full stop, bracket or asterisks that follow an address in a sentence."""
    url = url.rstrip(".,;:!?*_\u2026\u201d\u2019\u00bb")
    while url.endswith(")") and url.count("(") < url.count(")"):
        url = url[:-1].rstrip(".,;:!?*_")
    return url


def identifiers(text: str) -> list[str]:
    """Return the tokens of letters and digits, each once; version numbers are none."""
    found = (one.text for one in quantities(text) if one.kind == "identifier")
    return list(dict.fromkeys(text for text in found if not _VERSION.fullmatch(text)))


# --- names ----------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def names(text: str) -> tuple[Name, ...]:
    """Return the names of a text in their order, at most `MOST`."""
    return tuple(islice(_names(text), MOST))


def _names(text: str) -> Iterator[Name]:
    small = frozenset(word for word in re.findall(r"[^\W\d_]+", _blanked(text)) if word.islower())
    german = is_german(text)
    for sentence in sentences(text):
        if sentence.kind == "heading" or _shouted(sentence.text):
            continue
        bare = _blanked(sentence.text)
        for run in _runs(bare):
            titled = fold(run[0][0]) in TITLES
            kept = _kept(bare, run, small)
            if not kept:
                continue
            if german and len(kept) == 1 and not titled and not _odd(kept[0][0]):
                continue
            start, end = kept[0].start(), kept[-1].end()
            numeral = _NUMERAL.match(bare, end)
            yield Name(
                text=_whose(bare[start : numeral.end() if numeral else end]),
                words=tuple(_whose(word[0]) for word in kept),
                start=sentence.start + start,
            )


def is_german(text: str) -> bool:
    """Tell by its function words whether a text is German: there all nouns are capitalised."""
    few = re.findall(r"[^\W\d_]+", fold(text[:20_000]))
    return sum(word in GERMAN for word in few) * 6 > len(few) > 2


def _shouted(sentence: str) -> bool:
    letters = [char for char in sentence[:400] if char.isalpha()]
    return len(letters) > 8 and sum(char.isupper() for char in letters) * 2 > len(letters)


def _blanked(text: str) -> str:
    """Blank out addresses and code, so that their capitals name nobody."""
    text = re.sub(r"`[^`\n]{1,200}`", lambda found: "\0" * len(found[0]), text)
    return re.sub(r"\S+", _without_address, text)


def _without_address(found: re.Match[str]) -> str:
    word = found[0]
    return "\0" * len(word) if "@" in word or "_" in word or "://" in word else word


Token = re.Match[str]


def _runs(text: str) -> Iterator[list[Token]]:
    """Yield capitalised words that stand next to each other."""
    run: list[Token] = []
    for word in _WORD.finditer(text):
        capital = any(char.isupper() for char in word[0])
        gap = _GAP.match(text, run[-1].end()) if run and capital else None
        if gap and gap.end() == word.start():
            run.append(word)
            continue
        if run:
            yield run
        run = [word] if capital else []
    if run:
        yield run


def _kept(text: str, run: list[Token], small: frozenset[str]) -> list[Token]:
    """Return the words of a run that name something."""
    before = text[max(0, run[0].start() - 40) : run[0].start()].rstrip(
        " \t\n\0\"'\u201c\u201e\u00ab([*_#>-"
    )
    opening = not before or before[-1] in ":|;\u2013\u2014\u2022.!?\u2026"
    titled = fold(run[0][0]) in TITLES
    first, last = 0, len(run)
    while first < last and _no_name(run[first][0], opening):
        first, opening = first + 1, False
    while first < last and _no_name(run[last - 1][0], False):
        last -= 1
    run = run[first:last]
    if run and opening and run[0][0].casefold() in small:
        run, opening = run[1:], False
    if len(run) == 1 and not titled and not _odd(run[0][0]):
        return [] if opening or run[0][0].casefold() in small else run
    return run


def _no_name(word: str, opening: bool) -> bool:
    word, folded = word.strip("'\u2019"), fold(word)
    return (
        folded in NO_NAMES
        or len(word) < 2
        or (folded in ORDERS and (opening or (word.isupper() and len(word) > 1)))
    )


def _odd(word: str) -> bool:
    """Tell whether its capitals make a word a name by themselves: iPhone, McCoy, NATO."""
    if word.isupper():
        return 2 <= len(word) <= 6
    return any(char.isupper() for char in re.split("[-'\u2019]", word)[0][1:])


def _whose(word: str) -> str:
    return re.sub("['\u2019]s?$", "", word)


# --- what became of a word ------------------------------------------------------------------------


def altered(originals: Iterable[str], suspects: Iterable[tuple[str, bool]]) -> dict[str, str]:
    """Find words that are almost, but not quite, one of the originals.

    Args:
        originals: words as they ought to be.
        suspects: other words, and whether each stands where any word is capitalised.

    Returns:
        The originals by suspect. Another accent is enough; one letter is from five letters on, two
        are from nine on. Endings (plural, genitive, German -> Germans) alter nothing.
    """
    index: dict[str, list[str]] = {}
    for word in islice(dict.fromkeys(originals), _COMPARED):
        for form in _shortened(word):
            index.setdefault(form, []).append(word)
    found: dict[str, str] = {}
    for suspect, anywhere in islice(dict.fromkeys(suspects), _COMPARED):
        near = (word for form in _shortened(suspect) for word in index.get(form, ()))
        for word in islice(near, 200):
            if suspect not in found and is_altered(word, suspect, anywhere=anywhere):
                found[suspect] = word
    return found


def is_altered(word: str, suspect: str, *, anywhere: bool = False) -> bool:
    """Tell whether a word is a slip of another one; ``anywhere`` demands more of it."""
    if word.casefold() == suspect.casefold():
        return False
    if fold(word) == fold(suspect) or _spelled_out(word) == _spelled_out(suspect):
        return True
    if _inflected(word, suspect):
        return False
    shorter = min(len(word), len(suspect))
    if shorter < (7 if anywhere else 5):
        return False
    steps = distance(word.casefold(), suspect.casefold())
    if steps == 1:
        return word[:1].casefold() == suspect[:1].casefold() or shorter >= 6
    return steps == 2 and shorter >= 9 and word[:1].casefold() == suspect[:1].casefold()


def _shortened(word: str) -> set[str]:
    """Return what is left of a word without any one letter (two of a long one).

    Two words within that distance have one of these in common (symmetric delete spelling
    correction, W. Garbe).
    """
    word = fold(word)[:40]
    forms = {word, _spelled_out(word)} | {word[:i] + word[i + 1 :] for i in range(len(word))}
    if len(word) >= 8:
        forms |= {form[:i] + form[i + 1 :] for form in tuple(forms) for i in range(len(form))}
    return forms


def _spelled_out(word: str) -> str:
    """``M\u00fcller`` and ``Mueller`` are one word in two spellings."""
    return fold(re.sub("[\u00e4\u00f6\u00fc\u00c4\u00d6\u00dc]", _without_dots, word))


def _without_dots(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFD", found[0])[0] + "e"


_ENDINGS = frozenset(
    (
        "s",
        "es",
        "n",
        "en",
        "ns",
        "e",
        "er",
        "r",
        "in",
        "an",
        "ian",
        "ic",
        "ish",
        "y",
        "ed",
        "d",
        "m",
    )
)


def _inflected(word: str, other: str) -> bool:
    """Tell whether two words differ in an ending only: Germany, German, Germans."""
    shorter, longer = sorted((fold(word), fold(other)), key=len)
    same = len(shorter) - (len(longer) == len(shorter))
    while same and shorter[:same] != longer[:same]:
        same -= 1
    rest = shorter[same:], longer[same:]
    return same >= 3 and (rest[0] in _ENDINGS or not rest[0]) and rest[1] in _ENDINGS


def distance(one: str, other: str, most: int = 2) -> int:
    """Count the letters to change, add, drop or swap with a neighbour; at most ``most`` + 1.

    The optimal string alignment distance (Damerau 1964; Levenshtein 1966), on texts of up to 64
    characters; longer ones are cut.
    """
    one, other = one[:64], other[:64]
    if abs(len(one) - len(other)) > most:
        return most + 1
    far = most + 1
    earlier: list[int] = []
    before = [min(j, far) for j in range(len(other) + 1)]
    for i, a in enumerate(one, start=1):
        row = [min(i, far)] + [far] * len(other)
        for j in range(max(1, i - most), min(len(other), i + most) + 1):  # further off costs more
            b = other[j - 1]
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b), far)
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            return far
        earlier, before = before, row
    return before[-1]


def letter_note(expected: str, got: str) -> str:
    """Say which letter of a word changed, in brackets, or nothing.

    >>> letter_note("Kowalski", "Kowalsky")
    ' (letter 8: "i" became "y")'
    """
    expected, got = expected[:80], got[:80]
    if sum(char.isdigit() for char in expected) >= 4 and (note := digit_note(expected, got)):
        return note
    if len(expected) == len(got):
        wrong = [i for i, pair in enumerate(zip(expected, got, strict=True)) if pair[0] != pair[1]]
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1
        if swapped and expected[wrong[0]] == got[wrong[1]] and expected[wrong[1]] == got[wrong[0]]:
            return f" (letters {wrong[0] + 1} and {wrong[1] + 1} changed places)"
    changes = SequenceMatcher(None, expected, got, autojunk=False).get_opcodes()
    kind, start, end, other, other_end = next(
        (change for change in changes if change[0] != "equal"), ("equal", 0, 0, 0, 0)
    )
    if kind == "equal":
        return ""
    if kind == "insert":
        return f" (added after letter {start}: {quote(got[other:other_end])})"
    if kind == "delete":
        return f" (letter {start + 1} is missing: {quote(expected[start:end])})"
    return (
        f" (letter {start + 1}: {quote(expected[start:end])} became {quote(got[other:other_end])})"
    )
