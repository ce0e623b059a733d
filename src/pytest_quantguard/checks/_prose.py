"""The words of an answer that are its own: without code, addresses, quotations and formulas."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LOOKED_AT = 10_000
"""Characters at either end of a text that are read."""

_RANGES = {
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-\u1eff",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f",
    "Armenian": "\u0531-\u0587",
    "Hebrew": "\u0591-\u05f4",
    "Arabic": "\u0610-\u061a\u0620-\u065f\u066e-\u06d3\u06d5-\u06ef\u06fa-\u077f\ufb50-\ufefc",
    "Devanagari": "\u0900-\u0963\u0971-\u097f",
    "Bengali": "\u0980-\u09e3",
    "Gurmukhi": "\u0a01-\u0a65",
    "Gujarati": "\u0a81-\u0ae3",
    "Tamil": "\u0b82-\u0be3",
    "Telugu": "\u0c00-\u0c63",
    "Kannada": "\u0c80-\u0ce3",
    "Malayalam": "\u0d00-\u0d63",
    "Sinhala": "\u0d82-\u0df3",
    "Thai": "\u0e01-\u0e4e",
    "Lao": "\u0e81-\u0ece",
    "Burmese": "\u1000-\u103f",
    "Georgian": "\u10a0-\u10ff",
    "Hangul": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "Khmer": "\u1780-\u17d3",
    "Kana": "\u3041-\u30fa\u30fc-\u30ff",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f",
}
_WORD = re.compile("|".join(f"(?P<{script}>[{chars}]+)" for script, chars in _RANGES.items()))

_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*$.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_NO_PROSE = re.compile(
    r"`[^`\n]{1,200}`"  # code
    r"|\b(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,63}"  # addresses
    r"|</?[A-Za-z][^<>\n]{0,200}>"  # tags
    r"|\$[^$\n]{1,200}\$|\\[A-Za-z]{1,30}"  # formulas
    r"|\b(?=[A-Za-z_]*[0-9_])\w{1,80}|[@#]\w{1,40}"  # identifiers, mentions
    r"|(?<![*\w])\*[^*\s][^*\n]{0,38}\*(?![*\w])|(?<!\w)_[^_\s][^_\n]{0,38}_(?!\w)"  # emphasis
)
_QUOTED = re.compile(
    '"[^"\n]{1,160}"'
    "|[\u201c\u201e\u201f][^\u201c\u201d\u201e\n]{1,160}[\u201c\u201d]"
    "|\u00ab[^\u00ab\u00bb\n]{1,160}\u00bb|\u00bb[^\u00ab\u00bb\n]{1,160}\u00ab"
    "|\u300c[^\u300c\u300d\n]{1,160}\u300d|\u300e[^\u300e\u300f\n]{1,160}\u300f"
    "|\u300a[^\u300a\u300b\n]{1,160}\u300b"
)
_BRACKETS = re.compile("(\\w{0,20}\\s?)[(\uff08]([^()\uff08\uff09\n]{1,60})[)\uff09]")
_DECOMPOSED = re.compile("[A-Za-z][\u0300-\u036f]{1,3}")
_SENTENCE_START = re.compile(r"(?:^|[.!?:\u2026\n])[^\w\n]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A run of letters of one script."""

    text: str
    script: str
    start: int
    """Where it stands in `Prose.text`."""
    name: bool
    """Whether it looks like a name or an abbreviation: a capital where no sentence begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """What was read of an answer."""

    text: str
    words: tuple[Word, ...]


def prose(text: str, scripts: frozenset[str]) -> Prose:
    """Return the words of a text that tell its language; ``scripts`` are those it should have.

    Of a text of more than 20,000 characters the first and the last 10,000 are read; line numbers
    then count in these. Left out are code, addresses, tags, formulas, identifiers, mentions,
    *emphasis* of up to 40 characters, "quotations" of up to 160 (unless nearly everything is
    quoted), and brackets that explain a word in another script.
    """
    if len(text) > 2 * LOOKED_AT:
        text = f"{text[:LOOKED_AT]}\n{text[-LOOKED_AT:]}"
    text = _DECOMPOSED.sub(lambda match: unicodedata.normalize("NFC", match[0]), text)
    bare = _NO_PROSE.sub(_blank, _FENCE.sub(_blank, text))
    bare = _BRACKETS.sub(lambda match: _explained(match, scripts), bare)
    unquoted = _QUOTED.sub(_blank, bare)
    if _letters(unquoted) * 4 >= _letters(bare):
        bare = unquoted
    return Prose(text=text, words=tuple(_words(bare)))


def _words(text: str) -> list[Word]:
    shouted = sum(map(str.isupper, text)) > sum(map(str.islower, text))
    found = []
    for match in _WORD.finditer(text):
        word, start = match[0], match.start()
        name = not shouted and _is_name(word, text, start)
        found.append(Word(text=word, script=match.lastgroup or "", start=start, name=name))
    return found


def _is_name(word: str, text: str, start: int) -> bool:
    if not word[0].isupper():
        return False
    if len(word) > 1 and not word[1:].islower():
        return True  # ACME, PostgreSQL
    return not _SENTENCE_START.search(text, max(0, start - 12), start)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _explained(match: re.Match[str], scripts: frozenset[str]) -> str:
    """Leave out what stands beside its explanation: "Tokyo (\u6771\u4eac)", or the reverse."""
    before, inside = ({word.lastgroup for word in _WORD.finditer(part)} for part in match.groups())
    if inside and not inside & scripts:
        return match[1] + " " * (len(match[0]) - len(match[1]))
    if before and inside & scripts and not before & scripts:
        return " " * len(match[1]) + match[0][len(match[1]) :]
    return match[0]


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))
