"""Finding citations in text, in the styles that models use, and the documents that they lead to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pytest_quantguard.checks import _regex
from pytest_quantguard.checks._entities import trimmed
from pytest_quantguard.checks._lexicon import fold
from pytest_quantguard.checks._sentences import sentences

MOST = 20_000
"""Citations that are found in one text; what comes behind them is not looked at."""

_LABEL = r"(?:[A-Za-z]{1,32}[-_ .]?)?[0-9]{1,8}"
BRACKETS = rf"\[({_LABEL}(?:\s{{0,3}}[,;]\s{{0,3}}{_LABEL})*)\]"
"""``[doc-1]``, ``[1]``, ``[doc-1, doc-2]``."""

_BRACKETS = re.compile(BRACKETS)
_FOOTNOTE = re.compile(r"\[\^([\w-]{1,32})\](?!:)")
_DEFINITION = re.compile(
    r"^[ >]{0,6}(?:\[\^([\w-]{1,32})\]:|([\u00b9\u00b2\u00b3\u2070\u2074-\u2079]{1,3}))"
    r"[ \t]*([^\n]{1,2000})",
    re.MULTILINE,
)
_RAISED = re.compile(r"[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]{1,3}")
_DIGITS = str.maketrans(
    "\u00b9\u00b2\u00b3\u2070\u2074\u2075\u2076\u2077\u2078\u2079", "1230456789"
)
# m², 10³ and x² raise a unit, a number or a variable to a power.
_POWER = re.compile(r"(?:\b(?:[a-zA-Z]|[kcmdn]m|inch|ft)|[0-9)])$")
_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}\]]{3,2000}", re.IGNORECASE)
_AUTHOR = r"[A-Z\u00c0-\u00de][\w'\u2019-]{1,40}"
_AUTHOR_YEAR = re.compile(
    rf"\(({_AUTHOR})(?:(?: et al\.?| (?:&|and|und|y|et|e) {_AUTHOR}),?|,) ([12][0-9]{{3}})[a-z]?\)"
    rf"|({_AUTHOR})(?: et al\.?| (?:&|and|und|y|et|e) {_AUTHOR})? \(([12][0-9]{{3}})[a-z]?\)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One label at one place."""

    label: str
    start: int
    end: int


def found(text: str, styles: Sequence[str], pattern: str | None = None) -> list[Citation]:
    """Return the citations of a text in their order, in these styles or by an own pattern.

    Raises:
        CheckError: when the pattern took longer than the limit.
    """
    if pattern is not None:
        hits = _regex.hits(pattern, text) if text else []
        return [one for start, end, label in hits for one in _split(label, start, end)]
    every = (one for style in styles for one in islice(_FINDERS[style](text), MOST))
    return sorted(every, key=lambda one: one.start)


def _split(label: str, start: int, end: int) -> Iterator[Citation]:
    for part in re.split("[,;]", label):
        if bare := part.strip():
            yield Citation(label=bare, start=start, end=end)


def _brackets(text: str) -> Iterator[Citation]:
    for match in _BRACKETS.finditer(text):
        yield from _split(match[1], match.start(), match.end())


def _footnotes(text: str) -> Iterator[Citation]:
    for match in _FOOTNOTE.finditer(text):
        yield Citation(label=match[1], start=match.start(), end=match.end())
    for match in _RAISED.finditer(text):
        line = text[max(0, match.start() - 8) : match.start()]
        if line.rpartition("\n")[2].strip() and not _POWER.search(line):
            label = match[0].translate(_DIGITS)
            yield Citation(label=label, start=match.start(), end=match.end())


def _urls(text: str) -> Iterator[Citation]:
    for match in _URL.finditer(text):
        url = trimmed(match[0])
        yield Citation(label=plain_url(url), start=match.start(), end=match.start() + len(url))


def _author_year(text: str) -> Iterator[Citation]:
    for match in _AUTHOR_YEAR.finditer(text):
        author, year = match[1] or match[3], match[2] or match[4]
        yield Citation(label=f"{author} {year}", start=match.start(), end=match.end())


_FINDERS = {
    "brackets": _brackets,
    "footnotes": _footnotes,
    "urls": _urls,
    "author-year": _author_year,
}
STYLES = tuple(_FINDERS)
"""What `style` may name."""


def plain_url(url: str) -> str:
    """Make spellings of an address alike: fragment, final slash, case of the host, default port."""
    scheme, _, rest = url.partition("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    host = host.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")
    return f"{scheme.lower()}://{host}{slash}{path}".rstrip("/")


# --- what is real ---------------------------------------------------------------------------------


def definitions(text: str) -> dict[str, str]:
    """Return the footnotes that an answer defines: ``[^1]: text`` or ``¹ text`` on a line."""
    return {
        match[1] or match[2].translate(_DIGITS): match[3].strip()
        for match in islice(_DEFINITION.finditer(text), MOST)
    }


def stands(label: str, prompt: str) -> bool:
    """Tell whether a label that is no bare number stands in the prompt as a word of its own."""
    if label.isdecimal() or label not in prompt:
        return False
    return bool(re.search(rf"(?<![\w-]){re.escape(label)}(?![\w-])", prompt))


def written_by(label: str, prompt: str) -> bool:
    """Tell whether author and year stand near each other in the prompt."""
    author, _, year = label.rpartition(" ")
    for match in islice(re.finditer(rf"(?<!\w){re.escape(author)}(?!\w)", prompt), 100):
        if year in prompt[max(0, match.start() - 100) : match.end() + 100]:
            return True
    return False


def leads_to(definition: str, prompt: str, folded: str) -> bool:
    """Tell whether a footnote leads to something in the prompt: a URL, a label, or a title."""
    urls = [one.label for one in _urls(definition)]
    if urls:
        known = {one.label for one in _urls(prompt)}
        return any(url in known for url in urls)
    labels = [one.label for one in _brackets(definition)]
    if any(f"[{label}]" in prompt or stands(label, prompt) for label in labels):
        return True
    title = " ".join(fold(definition).split()).strip(" .,;:*_\"'()")
    return len(title) > 2 and (title in folded or stands(definition.strip(" ."), prompt))


# --- documents ------------------------------------------------------------------------------------


class Documents:
    """The documents of a prompt: the text that belongs to each label.

    In this order: a label at the start of a line opens a document that ends at the next such label;
    an XML element with an attribute of its name; a line that begins with it, up to an empty one;
    the sentence that it stands in. With ``paragraphs`` it stands for all between two empty lines.
    """

    def __init__(self, prompt: str, cited: Iterable[Citation], *, paragraphs: bool = False) -> None:
        places = list(islice(cited, MOST))
        self._prompt = prompt
        self._opened: dict[str, list[str]] = {}
        self._around: dict[str, list[str]] = {}
        if paragraphs:
            for one in places:
                start, end = prompt.rfind("\n\n", 0, one.start) + 1, prompt.find("\n\n", one.end)
                text = prompt[start : end if end >= 0 else None]
                self._opened.setdefault(one.label, []).append(text)
            return
        opening = [one for one in places if _opens_line(prompt, one)]
        for one, following in zip(opening, [*opening[1:], None], strict=bool(opening)):
            end = following.start if following else len(prompt)
            self._opened.setdefault(one.label, []).append(prompt[one.end : end])
        for one, sentence in _inside(prompt, places):
            self._around.setdefault(one.label, []).append(sentence)

    def __bool__(self) -> bool:
        return bool(self._opened or self._around or _ELEMENT.search(self._prompt))

    @property
    def labels(self) -> list[str]:
        """The labels that stand in the prompt."""
        return list(dict.fromkeys((*self._opened, *self._around)))

    def text(self, label: str) -> str:
        """Return the text that belongs to a label; empty when it cannot be told apart."""
        opened, around = self._opened.get(label), self._around.get(label, ())
        return "\n".join(opened or ()) or _named(label, self._prompt) or "\n".join(around)


_ELEMENT = re.compile(r"<(\w{1,32})\s[^<>]{0,200}[\"'][\w.-]{1,40}[\"'][^<>]{0,200}>")


def _opens_line(prompt: str, one: Citation) -> bool:
    start = prompt.rfind("\n", 0, one.start) + 1
    return one.start - start < 12 and not prompt[start : one.start].strip(" \t#*>-")


def _inside(prompt: str, cited: Sequence[Citation]) -> Iterator[tuple[Citation, str]]:
    pieces = iter(sentences(prompt))
    piece = next(pieces, None)
    for one in cited:
        while piece and piece.start + len(piece.text) < one.end:
            piece = next(pieces, None)
        if piece and piece.start <= one.start:
            yield one, piece.text


def _named(label: str, prompt: str) -> str:
    """Return the XML element, or the line and what follows it, that bears a label; or nothing."""
    name = re.escape(label)
    element = re.search(rf"<(\w{{1,32}})\s[^<>]{{0,200}}[\"']{name}[\"'][^<>]{{0,200}}>", prompt)
    if element:
        end = prompt.find(f"</{element[1]}>", element.end())
        return prompt[element.end() : end if end >= 0 else len(prompt)]
    line = re.search(rf"(?m)^[^\w\n]{{0,4}}(?:\w{{1,20}} )?{name}(?=[:.)\n])", prompt)
    if line:
        end = prompt.find("\n\n", line.end())
        return prompt[line.end() : end if end >= 0 else len(prompt)]
    return ""
