"""Cutting an answer into sentences, list items, headings and table rows.

Deterministic and linear: each full stop is looked at once, with a bounded neighbourhood. What
stands inside a code fence is no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from pytest_quantguard.checks._lexicon import words

MOST = 5_000
"""Sentences that are cut from one text; the rest of it is not looked at."""

Kind = Literal["prose", "item", "heading", "row"]

_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_HEADING = re.compile(r" {0,3}(?:#{1,6}(?:\s|$)|={3,}\s*$|-{3,}\s*$|\*{3,}\s*$|_{3,}\s*$)")
_ITEM = re.compile(r"\s{0,40}(?:[-*+\u2022\u2013]|\(?[0-9]{1,3}[.)]|\(?[a-zA-Z][)])\s{1,4}(?=\S)")
_BOLD_LINE = re.compile(r"\s{0,40}(\*\*|__)[^*_]{1,120}\1:?\s*$")
_ROW_RULE = re.compile(r"[\s|:+-]+$")

_SAYS = re.compile(r"[^\W_]")  # a letter or a digit
_STOP = re.compile(r"[.!?\u2026]+|[\u3002\uff01\uff1f\uff0e]+")
_CLOSING = re.compile(r"[\"'\u201d\u2019\u00bb\u201c)\]*_]{0,4}")
# A source after the full stop belongs to the sentence before it: "It rained. [2]", "It rained.¹".
_SOURCE = re.compile(
    r"(?:\s?\[[^\[\]\n]{0,60}[0-9][^\[\]\n]{0,20}\](?![(:])"
    r"|[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]{1,3}"
    r"|\s?\([^()\n]{2,80},? [12][0-9]{3}[a-z]?\)){1,8}(?=\s|$)"
)
_LABEL = re.compile(r"\s{0,8}\[[^\[\]\n]{0,60}[0-9][^\[\]\n]{0,20}\]\s")
_WORD_BEFORE = re.compile(r"([^\W_]+(?:[.'\u2019][^\W_]+)*)$")
_NEXT = re.compile(r"\s+[\"'\u201c\u201e\u00ab(\[*_\u00bf\u00a1]{0,4}")

# No sentence ends after these, whatever follows.
_TITLES = words(
    "mr mrs ms dr prof st fr hr herr frau mme mlle sra dott ing dipl rev gen col capt lt sgt hon "
    "pres gov sen rep dept univ vs cf e.g i.e eg ie ca approx z.b d.h u.a o.\u00e4 bzw bspw ggf "
    "evtl inkl exkl zzgl p.ex n.b av avda hrsg s.o s.u"
)
# Nor after these, when a number follows: "No. 5", "p. 12".
_NUMBERED = words(
    "no nos nr nrs fig figs eq vol pp p art abs sec tel n\u00ba n\u00b0 n\u00fam num p\u00e1g pag "
    "cap al bd vgl max min est ex jan feb mar apr jun jul aug sep sept oct okt nov dec dez"
)
# A sentence may end after these: it does when a word that opens sentences follows.
_MAYBE = words(
    "inc ltd co corp llc plc gmbh etc usw a.m p.m am pm u.s u.k e.u b.v s.a jr sr al min max avg "
    "est mio mrd tsd jan feb apr jun jul aug sep sept oct okt nov dec dez"
)
_OPENERS = words(
    "the a an it its he she they we you i this that these those there in on at for if when but and "
    "as our your his her their what how why who which after before however der die das es er sie "
    "wir ein eine im in am bei wenn dieser diese dieses le la les il elle un une ce cette el los "
    "las en de het"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence, list item, heading or table row."""

    text: str
    """Without blanks around it and without the list marker; with the sources that follow it."""
    start: int
    """Where it begins, in characters from 0."""
    kind: Kind


def sentences(text: str, most: int = MOST) -> list[Sentence]:
    """Cut a text into at most ``most`` sentences, in order.

    A line that goes on in the next one (a lower-case word follows, or it is long and has no full
    stop) is one text with it; any other end of a line ends a sentence. Abbreviations, initials,
    ordinals, decimals and dotted names end none.
    """
    return list(islice(_sentences(text), most))


def _sentences(text: str) -> Iterator[Sentence]:
    for start, end, kind in _blocks(text):
        if kind in ("heading", "row"):
            yield from _trimmed(text, start, end, kind)
            continue
        begin = start
        for stop in _ends(text, start, end):
            yield from _trimmed(text, begin, stop, kind)
            begin = stop
        yield from _trimmed(text, begin, end, kind)


def _trimmed(text: str, start: int, end: int, kind: Kind) -> Iterator[Sentence]:
    piece = text[start:end]
    bare = piece.strip()
    if _SAYS.search(bare):
        yield Sentence(text=bare, start=start + len(piece) - len(piece.lstrip()), kind=kind)


def _blocks(text: str) -> Iterator[tuple[int, int, Kind]]:
    """Yield start, end and kind of each heading, row, item and run of lines."""
    fenced = False
    block: tuple[int, int, Kind] | None = None
    for start, end in _lines(text):
        line = text[start : min(end, start + 400)]  # kinds are told by how a line begins
        if _FENCE.match(line):
            fenced = not fenced
        kind = None if fenced or not line.strip() or _FENCE.match(line) else _kind(line)
        if block and kind == "prose" and _goes_on(text, block, line):
            block = (block[0], end, block[2])
            continue
        if block:
            yield block
        block = (start + _marker(line), end, kind) if kind else None
    if block:
        yield block


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def _kind(line: str) -> Kind | None:
    if _HEADING.match(line) or (len(line) < 200 and _BOLD_LINE.match(line)):
        return "heading"
    if line.lstrip().startswith("|"):
        return None if _ROW_RULE.match(line) else "row"
    return "item" if _ITEM.match(line) else "prose"


def _marker(line: str) -> int:
    """Length of a list marker or of quotation marks at the start of a line."""
    quoted = len(line) - len(line.lstrip("> \t"))
    item = _ITEM.match(line)
    return item.end() if item else quoted


def _goes_on(text: str, block: tuple[int, int, Kind], line: str) -> bool:
    if block[2] in ("heading", "row"):
        return False
    quoted = text[max(0, block[0] - 2) : block[0]].strip().endswith(">")
    if quoted != line.lstrip().startswith(">"):
        return False
    before = text[max(block[0], block[1] - 80) : block[1]].rstrip()
    if not before or before[-1] in ".!?:;\u2026\u3002\uff01\uff1f])":
        return False
    return line.lstrip("> \t")[:1].islower() or len(before) > 60


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    # "[1] One. [2] Two.": where sources stand in front, one behind a full stop is the next one's.
    behind = not _LABEL.match(text, start, end)
    for stop in _STOP.finditer(text, start, end):
        closed = _CLOSING.match(text, stop.end(), end)
        after = closed.end() if closed else stop.end()
        source = _SOURCE.match(text, after, end) or _SOURCE.match(text, stop.end(), end)
        if source and (behind or not source[0][0].isspace()):
            after = source.end()
        if stop[0][0] in "\u3002\uff01\uff1f\uff0e" or (
            after < end and text[after].isspace() and _opens(text, stop, after, end)
        ):
            yield after


def _opens(text: str, stop: re.Match[str], after: int, end: int) -> bool:
    """Tell whether a new sentence begins behind this full stop."""
    gap = _NEXT.match(text, after, min(end, after + 200))
    follows = text[gap.end() : gap.end() + 40] if gap else ""
    if not follows or follows[0].islower():
        return False
    if stop[0] != ".":
        return True
    word = _WORD_BEFORE.search(text, max(0, stop.start() - 24), stop.start())
    if word is None:
        return True
    bare = word[1].casefold()
    if bare in _TITLES or (len(bare) == 1 and bare.isalpha() and bare != "i"):
        return False
    if bare in _NUMBERED and follows[0].isdigit():
        return False
    if bare in _MAYBE:
        return follows.split(None, 1)[0].casefold().rstrip(",") in _OPENERS
    # "am 1. M\u00e4rz", "Friedrich II. von": an ordinal, unless the word before it is no article.
    return not (bare.isdecimal() and len(bare) <= 2 and _ordinal(follows))


def _ordinal(follows: str) -> bool:
    return follows.split(None, 1)[0].strip(".,").casefold() in _AFTER_ORDINAL


_AFTER_ORDINAL = words(
    "januar februar m\u00e4rz april mai juni juli august september oktober november dezember "
    "jahrhundert quartal stock etage platz woche tag kapitel auflage"
)
