"""Finding the code in an answer: fenced blocks of Markdown, prose around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_quantguard.checks._text import quote

MOST_BLOCKS = 1_000
"""Blocks of one answer that are looked at."""

PYTHON = frozenset({"python", "py", "python3", "py3"})
"""What models write behind a fence when they mean Python."""

_FENCE = re.compile(r"^([ \t]*+)(`{3,}+|~{3,}+)([^\n]*+)$", re.MULTILINE)
_VERSION = re.compile(r"py(?:thon)?[0-9]+(?:\.[0-9]+)*")
# Every character is part of one of these, so that looking at a block costs what the block costs.
_TOKEN = re.compile(
    r'''(?P<long>"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\Z)|'''
    r"""'''(?:[^'\\]++|\\.|'(?!''))*+(?:'''|\Z))"""
    r"""|"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?|\#[^\n]*+|[`~]++|[^\#"'`~]++""",
    re.DOTALL,
)
_WORD = re.compile(r"[^\s{},:;=]+")
_LONGEST_INFO = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block of an answer."""

    language: str
    """First word behind the fence, in small letters; empty when there is none."""
    text: str
    """What stands between the fences, without the fence's own indentation."""
    closed: bool
    """False when the answer ends inside the block."""


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of an answer in their order, at most `MOST_BLOCKS`.

    A fence is three or more backticks or tildes at the start of a line, and is closed by at
    least as many of the same (CommonMark 0.31, section 4.5). Unlike there it may be indented by
    any width, as models indent what stands in a list.
    """
    found, unclosed = _blocks(text, strings=True)
    return _blocks(text, strings=False)[0] if unclosed else found


def _blocks(text: str, *, strings: bool) -> tuple[list[Block], bool]:
    """Return the blocks, and whether the end of one was never found as it was in a string."""
    found: list[Block] = []
    opening: re.Match[str] | None = None
    inside: Callable[[int], bool] = _nowhere
    skipped = False
    for fence in _FENCE.finditer(text):
        if opening is None:
            if not _opens(fence):
                continue
            if len(found) == MOST_BLOCKS:
                return found, False
            opening, skipped = fence, False
            python = strings and _language(fence) in {*PYTHON, ""}
            inside = _strings(text, fence.end()) if python else _nowhere
        elif _closes(fence, opening):
            if inside(fence.start()):  # a fence in a docstring, which is no end of the code
                skipped = True
                continue
            found.append(_block(text, opening, fence.start(), closed=True))
            opening = None
    if opening is not None:
        found.append(_block(text, opening, len(text), closed=False))
    return found, opening is not None and skipped


def _nowhere(_: int) -> bool:
    return False


def _strings(text: str, start: int) -> Callable[[int], bool]:
    """Return what tells whether a place is in a text of three quotes; ask for rising places."""
    tokens = _TOKEN.finditer(text, start)
    current = next(tokens, None)

    def inside(place: int) -> bool:
        nonlocal current
        while current is not None and current.end() <= place:
            current = next(tokens, None)
        return current is not None and current.start() < place and current.lastgroup == "long"

    return inside


class NoCode(ValueError):  # noqa: N818 - not an error of ours
    """There is no code in an answer; the message is a violation."""


def python(text: str, which: str = "first", names: Sequence[str] = ()) -> str:
    """Return the Python code of an answer.

    ``which`` is "first" (the first block that is marked as Python, else the first block that is
    not marked at all; a later one, if it is the first that defines one of ``names``), "all" (all
    of them, in their order) or "whole" (the text as it is). A text without any fence is code as a
    whole.

    Raises:
        NoCode: nothing in the text is marked as Python.
    """
    if which == "whole":
        return text
    found = blocks(text)
    if not found:
        return text
    ours = [block for block in found if block.language in PYTHON]
    ours = ours or [block for block in found if not block.language]
    if not ours:
        shown = quote(found[0].language, 20)
        raise NoCode(f"no code block is Python; the first one is marked {shown}")
    if which == "all":
        return "\n".join(block.text for block in ours)
    return next((block.text for block in ours if _defines(block.text, names)), ours[0].text)


def _defines(code: str, names: Sequence[str]) -> bool:
    """Tell whether code looks as if it defined one of some names; it need not be Python."""
    if not names:
        return True
    one_of = "|".join(map(re.escape, names))
    made = rf"^(?:(?:async[ ]+)?def|class)[ ]+(?:{one_of})\b|^(?:{one_of})[ ]*(?::[^=\n]*+)?=[^=]"
    return re.search(made, code, re.MULTILINE) is not None


def _opens(fence: re.Match[str]) -> bool:
    return fence[2][0] == "~" or "`" not in fence[3]  # ```x``` on one line is inline code


def _closes(fence: re.Match[str], opening: re.Match[str]) -> bool:
    long_enough = fence[2][0] == opening[2][0] and len(fence[2]) >= len(opening[2])
    return long_enough and not fence[3].strip()


def _block(text: str, opening: re.Match[str], end: int, *, closed: bool) -> Block:
    inner = text[min(opening.end() + 1, end) : end].replace("\r\n", "\n")
    width = len(opening[1])
    if width:
        inner = re.sub(rf"^[ \t]{{1,{min(width, 1_000)}}}", "", inner, flags=re.MULTILINE)
    return Block(language=_language(opening), text=inner, closed=closed)


def _language(opening: re.Match[str]) -> str:
    word = _WORD.search(opening[3][:_LONGEST_INFO])
    language = word[0].lower().lstrip(".") if word else ""
    return "python3" if language not in PYTHON and _VERSION.fullmatch(language) else language
