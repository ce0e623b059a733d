"""The text around a label: one spelling of what models write, and the line it stands in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from pytest_quantguard.checks._lexicon import normalized

# Of ASCII only what is never part of a label: "C#", "A+" and "$5" are labels.
_OPENING = " \t\r\n*_`~\"'()[]{}<>|"
_CLOSING = _OPENING + ".,:;!?"
_FIRST_SYMBOL = "\u2190"  # arrows, ticks, emoji: not the degree sign
_VARIATION = "\ufe0f"
_WRAPPED = re.compile(r"\\(?:boxed|fbox|text|textbf|textit|mathrm|mathbf)[ \t]?\{([^{}]*+)\}")
_FORMULA = re.compile(r"\$\$?([^$\n]{1,200})\$\$?|\\[()\[\]]")
_NEST = 3
# Lines that only wrap an answer: "```text", "</answer>".
_WRAPPER = re.compile(r"\s*(?:(?:`{3,}|~{3,})[\w+-]*|</?\w[\w-]{0,40}>)\s*")
_SCALE = re.compile(
    r"(?<![\d/.,])(\d{1,4})\s{0,3}(?:/|(?:out of|of|von|van|sur|su|de|av)\s)\s{0,3}"
    r"\d{1,4}(?![\d/]|[.,]\d)",
    re.IGNORECASE,
)
_POINT_ZERO = re.compile(r"(?<![\d.,/])(\d{1,4})\.0{1,3}(?![\d/]|[.,]\d)")


def one_spelling(text: str) -> str:
    """Return a text in NFKC, without invisible characters and the LaTeX around a label."""
    if not text.isascii():
        text = normalized("NFC", normalized("NFKD", text))
        unseen = [char for char in set(text) if unicodedata.category(char) == "Cf"]
        text = text.translate(dict.fromkeys(map(ord, unseen)))
    for _ in range(_NEST if "\\" in text else 0):
        text = _WRAPPED.sub(r"\1", text)
    return _FORMULA.sub(lambda match: match[1] or " ", text)


def opening(text: str, symbols: bool) -> str:
    """Return the characters of a text that may stand before a label."""
    return _OPENING + _decoration(text, symbols)


def closing(text: str, symbols: bool) -> str:
    """Return the characters of a text that may stand behind a label."""
    return _CLOSING + _decoration(text, symbols)


def core(label: str) -> str:
    """Return a label without what may stand around it: "(A)" is A; never empty."""
    return label.strip(opening(label, False)).rstrip(closing(label, False)) or label


def symbolic(char: str) -> bool:
    """Tell whether a character is a tick, an arrow or an emoji."""
    return char == _VARIATION or (
        char >= _FIRST_SYMBOL and unicodedata.category(char) in ("So", "Sk")
    )


def _decoration(text: str, symbols: bool) -> str:
    return "".join(
        char
        for char in set(text)
        if char > "\x7f" and (unicodedata.category(char)[0] in "PZ" or (symbols and symbolic(char)))
    )


def saying(lines: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return the lines that say something: no fences, rules, lonely brackets and tags."""
    said = [line for line in lines if re.search(r"\w", line) and not _WRAPPER.fullmatch(line)]
    return said or [line for line in lines if any(label in line for label in labels)]


def marker(after: str) -> re.Pattern[str]:
    """Return a pattern for a text such as "Answer:", whatever emphasis and blanks are in it."""
    pieces = re.findall(r"\w+|\s+|[^\w\s]", one_spelling(after).strip())
    plain = not re.search(r"[*_]", after)  # runs of these next to each other would backtrack
    found = ""
    for piece in pieces:
        if piece.isspace():
            found += r"[\s*_]+" if plain else r"\s+"
        elif plain and found and not found.endswith("+") and not piece[0].isalnum():
            found += r"[ \t*_]*" + re.escape(piece)
        else:
            found += re.escape(piece)
    return re.compile(found, re.IGNORECASE)


def without_scale(text: str, labels: Sequence[str]) -> str:
    """Write "4/5", "4 out of 5" and "4.0" as 4, unless labels are written like that."""
    if not any("/" in label or "of" in label.split() for label in labels):
        text = _SCALE.sub(r"\1", text)
    return text if any("." in label for label in labels) else _POINT_ZERO.sub(r"\1", text)
