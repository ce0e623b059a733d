"""Where an answer leaves its language: stretches of words that are likelier in another one.

Each word gets a score for each other language: how much likelier it is there, as a natural
logarithm, between -6 and 6, or -3 and 3 where it is in no list and only its letters speak. A
stretch is the run of words with the largest sum of scores, when that is at least 12 (found in one
pass: Bentley 1984, "Programming pearls: algorithm design techniques") and five of its words are no
names. Letters of a script that does not belong score by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_quantguard.checks import _languages
from pytest_quantguard.checks._prose import Prose, Word, prose

LEAST = 12.0
"""Smallest sum of scores that makes a stretch."""

_MOST, _UNLISTED = 6.0, 3.0
_LEAST_WORDS = 5
# Relatives share so many words that a few odd ones prove little.
_LEAST_RELATED = 20.0
_RELATED = (
    {"Catalan", "French", "Italian", "Portuguese", "Spanish"},
    {"Danish", "Norwegian", "Swedish"},
    {"Croatian", "Czech", "Polish", "Slovak"},
    {"Bulgarian", "Russian", "Ukrainian"},
)
# What looks like a name says little about the language around it.
_NAME = 0.25
# Of a word in Latin letters among others: it may be a loan, and many of them are a stretch.
_LOAN, _LATIN = 1.0, 2.0
_LOANS = "words in Latin letters"
# How much likelier another language has to be for all that is left; the last one is for texts of
# which it knows every word, and the expected language none.
_NEAR, _NEAR_RELATED, _NEAR_UNKNOWN = 6.0, 10.0, 2.0
# And how many times that where there are few words and it knows none: letters alone prove little.
_BY_LETTERS, _FEW_WORDS = 2.0, 4
_SCRIPTS = {
    "Hebrew": "he", "Greek": "el", "Devanagari": "hi", "Thai": "th", "Hangul": "ko", "Han": "zh",
    "Georgian": "ka", "Armenian": "hy", "Tamil": "ta", "Telugu": "te", "Kannada": "kn",
    "Malayalam": "ml", "Gujarati": "gu", "Gurmukhi": "pa", "Sinhala": "si", "Bengali": "bn",
    "Khmer": "km", "Lao": "lo", "Burmese": "my",
}  # fmt: skip
# How much one letter of a script says where it does not belong; two Chinese ones are a word.
_PER_LETTER = {"Han": 6.0, "Kana": 6.0, "Hangul": 4.0}
_A_LETTER = 2.5
# Characters that hardly any Japanese sentence has, and most Chinese ones do.
_CHINESE = frozenset(
    "\u7684\u4e86\u662f\u6211\u4f60\u60a8\u4ed6\u5979\u5b83\u4eec\u5011\u8fd9\u9019\u90a3"
    "\u5417\u55ce\u5462\u5427\u6ca1\u6c92\u4e48\u9ebc\u5f88\u8fd8\u9084\u7ed9\u7d66\u8ba9"
    "\u8b93\u8bf4\u8aaa\u8c22\u8bf7\u5bf9\u4e3a\u65f6\u8fc7\u95ee\u4e1c\u8f66\u89c1\u542c"
)
# Of these, and of other common ones, those that Japan simplified in another way, or not at all.
_SIMPLIFIED = frozenset(
    "\u5904\u53d1\u8d27\u8ba2\u5355\u5e2e\u5173\u5f00\u95e8\u4e1a\u4ea7\u4e66\u4e70\u5356"
    "\u8d39\u8d44\u8d28\u8d2d\u8d26\u7535\u8bdd\u8bed\u8ba4\u8bc6\u8bbe\u8ba1\u8bc1\u8bcd"
    "\u8bd5\u8bc9\u8be5\u8c03\u8bfe\u8c01\u8c08\u8bfb\u8bb0\u8bae\u8bb8\u8bba\u8bbf\u8bc4"
    "\u8bef\u8f7b\u8f83\u8f93\u8fb9\u8fbe\u8fd0\u8fdb\u8fdc\u8fde\u9009\u9002\u9057\u90ae"
    "\u91ca\u94f6\u94b1\u94c1\u9519\u9501\u952e\u957f\u95f4\u95fb\u9605\u961f\u9633\u9634"
    "\u9645\u96be\u9875\u9879\u987a\u987b\u987e\u9884\u9886\u9898\u989c\u98ce\u98de\u996d"
    "\u996e\u9986\u9a6c\u9a8c\u9c7c\u9e1f\u9e21\u9f99\u4e30\u4e3e\u4e49\u4e50\u4e60\u4e61"
    "\u4e9a\u4eb2\u4ebf\u4ec5\u4ed3\u4f17\u4f18\u4f1f\u4f20\u5b9e\u73b0\u5e94\u52a1\u52a8"
    "\u534e\u534f\u538b\u53d8\u5458\u56ed\u56fe\u5706\u573a\u5757\u5907\u590d\u5934\u5956"
    "\u5bfc\u5e08\u5e26\u5f52\u5f55\u5f20\u603b\u6218\u6237\u6267\u62a5\u62e9\u6362\u663e"
    "\u672f\u6743\u6781\u6784\u6807\u6837\u68c0\u6c49\u6c47\u6d4e\u6d4b\u6ee1\u70ed\u73af"
    "\u786e\u79bb\u79cd\u79ef\u7c7b\u7ea7\u7ea6\u7eb8\u7ec3\u7ec4\u7ecf\u7ed3\u7ecd\u7edf"
    "\u7ee7\u7eed\u7ebf\u8054\u8111\u8282\u836f\u8425\u89c6\u89c4\u89c9\u89c2\u8be6\u8d1f"
    "\u8d25\u8d22\u8f6c\u8f6f\u8f7d\u8fdf\u8fdd\u949f\u4eec\u8fd9\u5417\u4e48\u8fd8\u7ed9"
    "\u8ba9\u8bf4\u8c22\u8bf7\u5bf9\u4e3a\u65f6\u8fc7\u95ee\u4e1c\u8f66\u89c1"
)
_A_CHINESE, _A_HAN, _A_KANA = 4.0, 0.2, -3.0
_WITHOUT_KANA = 4
_MOST_LOOKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of an answer in another language or script."""

    name: str
    """Of the language; for a script that does not belong, its likeliest one."""
    text: str
    line: int
    words: int
    letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer is written in."""

    stretches: tuple[Stretch, ...]
    """In the order of the text."""
    letters: int
    """Of all words that were read."""
    words: int
    """How many were read; 0 when one is of another script, or known in other languages only."""
    nearest: str
    """The other language that the rest is likelier to be in; empty when it is an expected one."""
    known: bool
    """Whether the rest looks like words at all."""


def scripts_of(codes: tuple[str, ...]) -> frozenset[str]:
    """Return the scripts in which languages are written."""
    found = {script for script, group in _languages.ALPHABETS.items() if set(group) & set(codes)}
    found |= {script for script, code in _SCRIPTS.items() if code in codes}
    return frozenset(found | ({"Han", "Kana"} if "ja" in codes else set()))


def read(text: str, codes: tuple[str, ...]) -> Reading:
    """Read a text that should be in one of these languages."""
    scripts = scripts_of(codes)
    found = prose(text, scripts)
    rivals = _rivals(found.words, codes, scripts)
    least = {name: _least(name, codes) for name in rivals}
    runs = {name: _best_run(scores) for name, scores in rivals.items()}
    taken: list[tuple[int, int, str]] = []
    for _ in range(_MOST_LOOKS):
        loud = {name: run for name, run in runs.items() if run[0] >= least[name]}
        if not loud:
            break
        name = max(loud, key=lambda key: loud[key])
        _, start, end = loud[name]
        enough = _enough(found.words[start:end], rivals[name][start:end], scripts)
        if enough:
            taken.append((start, end, name))
        for other in rivals if enough else [name]:
            rivals[other][start:end] = [-math.inf] * (end - start)
            if runs[other][1] < end and start < runs[other][2]:
                runs[other] = _best_run(rivals[other])
    elsewhere = {place for start, end, _ in taken for place in range(start, end)}
    rest = [word for place, word in enumerate(found.words) if place not in elsewhere]
    nearest, known = _verdict(rest, codes, scripts)
    return Reading(
        stretches=tuple(_stretch(found, *one) for one in sorted(taken)),
        letters=sum(len(word.text) for word in found.words),
        words=0 if _foreign(found.words, codes, scripts) else len(found.words),
        nearest=nearest,
        known=known,
    )


def _stretch(found: Prose, start: int, end: int, name: str) -> Stretch:
    words = found.words[start:end]
    first, last = words[0], words[-1]
    return Stretch(
        name=_likeliest_of("Latin", words) if name == _LOANS else name,
        text=found.text[first.start : last.start + len(last.text)],
        line=found.text.count("\n", 0, first.start) + 1,
        words=len(words),
        letters=sum(len(word.text) for word in words),
    )


def _least(name: str, codes: tuple[str, ...]) -> float:
    return _LEAST_RELATED if _related(name, codes) else LEAST


def _related(name: str, codes: tuple[str, ...]) -> bool:
    ours = {_languages.NAMES[code] for code in codes}
    return any(name in group and ours & group for group in _RELATED)


def _enough(words: tuple[Word, ...], scores: list[float], scripts: frozenset[str]) -> bool:
    """Tell whether a run is more than a title or a set phrase: "The Lord of the Rings"."""
    speaking = [word for word, score in zip(words, scores, strict=True) if score > 0]
    if any(word.script not in {*scripts, "Latin"} or word.script == "Han" for word in speaking):
        return True
    return sum(not word.name and len(word.text) > 1 for word in speaking) >= _LEAST_WORDS


def _best_run(scores: list[float]) -> tuple[float, int, int]:
    """Return the largest sum of a run, and where it begins and ends."""
    best, best_start, best_end = 0.0, 0, 0
    total, start = 0.0, 0
    for place, score in enumerate(scores):
        if total <= 0:
            total, start = 0.0, place
        total += score
        if total > best:
            best, best_start, best_end = total, start, place + 1
    return best, best_start, best_end


# --- scores -----------------------------------------------------------------------------


def _rivals(
    words: tuple[Word, ...], codes: tuple[str, ...], scripts: frozenset[str]
) -> dict[str, list[float]]:
    """Return a score of each word for each language or script that does not belong."""
    found: dict[str, list[float]] = {}
    present = {word.script for word in words}
    for script in sorted(present):
        group = _languages.ALPHABETS.get(script)
        if group and (script == "Latin" or set(group) & set(codes)):
            found |= _by_words(words, script, codes)
        if script not in scripts:
            found[_script_name(script, words)] = [_by_letters(word, script) for word in words]
    if "ja" in codes and "zh" not in codes:
        found["Chinese"] = [_by_kana(word) for word in words]
    return found


def _by_words(
    words: tuple[Word, ...], script: str, codes: tuple[str, ...]
) -> dict[str, list[float]]:
    model = _languages.alphabet(script)
    ours = [place for place, code in enumerate(model.codes) if code in codes]
    others = [place for place in range(len(model.codes)) if place not in ours]
    seen: dict[tuple[str, str, bool], tuple[float, ...]] = {}
    rows = []
    for word in words:
        key = (word.text, word.script, word.name)
        if key not in seen:
            seen[key] = _word_scores(word, model, ours, script)
        rows.append(seen[key])
    return {_languages.NAMES[model.codes[at]]: [row[at] for row in rows] for at in others}


def _word_scores(
    word: Word, model: _languages.Alphabet, ours: list[int], script: str
) -> tuple[float, ...]:
    if word.script != script:
        return (-_MOST,) * len(model.codes)
    folded = word.text.lower()
    chances = model.scores(folded)
    weight = _NAME if word.name else 1.0
    if ours:
        expected, loan = max(chances[place] for place in ours), 0.0
    else:
        expected, loan = _languages.noise(folded), _LOAN
    least = -_MOST if any(model.knows(folded, place) for place in ours) else -_UNLISTED
    found = []
    for place, chance in enumerate(chances):
        most = _MOST if model.knows(folded, place) else _UNLISTED
        found.append(weight * max(least, min(most, chance - expected)) - loan)
    return tuple(found)


def _by_letters(word: Word, script: str) -> float:
    if script == "Latin" and word.script == script:
        return _NAME if word.name or len(word.text) < 3 else _LATIN
    return _PER_LETTER.get(script, _A_LETTER) * len(word.text) if word.script == script else -_MOST


def _by_kana(word: Word) -> float:
    if word.script == "Kana":
        return _A_KANA * len(word.text)
    if word.script != "Han":
        return -_MOST
    return sum(
        _A_CHINESE if char in _CHINESE or char in _SIMPLIFIED else _A_HAN for char in word.text
    )


def _script_name(script: str, words: tuple[Word, ...]) -> str:
    """Name a script by its language, or by the likeliest of its languages."""
    if script == "Latin":
        return _LOANS
    if script in _languages.ALPHABETS:
        return _likeliest_of(script, words)
    return _languages.NAMES[_SCRIPTS.get(script, "ja")]


def _likeliest_of(script: str, words: tuple[Word, ...]) -> str:
    model = _languages.alphabet(script)
    rows = [model.scores(word.text.lower()) for word in words if word.script == script]
    totals = [sum(column) for column in zip(*rows, strict=True)]
    return _languages.NAMES[model.codes[totals.index(max(totals))]]


def _foreign(words: tuple[Word, ...], codes: tuple[str, ...], scripts: frozenset[str]) -> bool:
    """Tell whether a word belongs to other languages only; names belong to none."""
    for word in words:
        if word.script not in scripts:
            return True
        if word.script in _languages.ALPHABETS:
            model, folded = _languages.alphabet(word.script), word.text.lower()
            known = {code for place, code in enumerate(model.codes) if model.knows(folded, place)}
            if known and not known & set(codes):
                return True
    return False


# --- the rest -----------------------------------------------------------------------------


def _verdict(
    words: list[Word], codes: tuple[str, ...], scripts: frozenset[str]
) -> tuple[str, bool]:
    """Return the nearest other language, if the words are likelier there, and if they are words."""
    ours = [word for word in words if word.script in scripts]
    if "ja" in codes and "zh" not in codes:
        han = "".join(word.text for word in ours if word.script == "Han")
        if not any(word.script == "Kana" for word in ours) and _is_chinese(han):
            return "Chinese", True
    if any(word.script not in _languages.ALPHABETS for word in ours):
        return "", True
    for script in sorted({word.script for word in ours}):
        nearest, known = _likeliest([word for word in ours if word.script == script], script, codes)
        if nearest or known:
            return nearest, known
    return "", False


def _is_chinese(han: str) -> bool:
    """Tell Chinese from Japanese names and addresses, which have no kana either."""
    if len(han) < _WITHOUT_KANA:
        return False
    return any(char in _SIMPLIFIED for char in han) or sum(char in _CHINESE for char in han) > 1


def _likeliest(words: list[Word], script: str, codes: tuple[str, ...]) -> tuple[str, bool]:
    model = _languages.alphabet(script)
    ours = [place for place, code in enumerate(model.codes) if code in codes]
    totals, raw = [0.0] * len(model.codes), [0.0] * len(model.codes)
    listed = False
    for word in words:
        folded = word.text.lower()
        unlisted = not any(model.knows(folded, place) for place in range(len(model.codes)))
        # "Ana" and "Berlin" begin a line as often as "Milk" does.
        weight = _NAME if word.name or (unlisted and word.text[0].isupper()) else 1.0
        chances, noise = model.scores(folded), _languages.noise(folded)
        floor = max(chances) - _MOST
        for place, chance in enumerate(chances):
            totals[place] += weight * max(floor, chance)
            # The letters of a name say that it is a word, never that it is none.
            raw[place] += weight * max(chance - noise, 0.0 if weight < 1 else -math.inf)
        listed = listed or any(model.knows(folded, place) for place in ours)
    if script == "Latin" and max(raw) <= 0:  # letters at random
        return "", False
    best = max(range(len(totals)), key=totals.__getitem__)
    behind = totals[best] - max(totals[place] for place in ours)
    # "Yes." is too short to tell by its letters, but is no word of German.
    theirs = all(model.knows(word.text.lower(), best) for word in words)
    name = _languages.NAMES[model.codes[best]]
    enough = _NEAR_RELATED if _related(name, codes) else _NEAR
    theirs_too = any(model.knows(word.text.lower(), best) and not word.name for word in words)
    if len(words) <= _FEW_WORDS and not theirs_too:
        enough *= _BY_LETTERS
    nearest = name if behind > (_NEAR_UNKNOWN if theirs and not listed else enough) else ""
    return nearest, script != "Latin" or max(raw[place] for place in ours) > 0
