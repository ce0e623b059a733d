"""Text that is not ours, in Markdown: the one home of its escaping.

Renderers act twice. The parser makes markup, tables, links and HTML; GitHub and GitLab then look
for mentions, issues, commits, emoji and formulas in what is left. Characters of markup become
numeric references, which a parser never takes for markup, neither in a paragraph, a table, nor
inside HTML. What is looked for afterwards is broken by a zero-width space, which nobody sees.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_quantguard.reporters._words import MESSAGE_LIMIT, label, sentence

_BREAK = "&#8203;"
"""A zero-width space; written as a reference, so that it is seen in the source."""
_HASH = 6
"""Hexadecimal digits in a row that nobody takes for a commit."""
_LIVE = re.compile(
    r"(?P<mark>[\\`*\[\]<>|^{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"  # markup
    # Mentions, and references to issues, merge requests, labels, milestones and epics.
    r"|(?P<reference>[@#!~%&])"
    r"|(?P<formula>\$)"
    r"|(?P<hash>\b[0-9a-fA-F]{7,}\b)"
    # Links (http://, //host, www.host, a.host), emoji (:name:), issues and advisories (GH-12).
    r"|(?P<link>/(?=/)|\bwww(?=\.)|\.(?=[^\W\d_])|:(?=[\w+-]+:)|\b(?:GH|GHSA|CVE)-(?=\w))",
    re.IGNORECASE,
)
_BARE = re.compile(r"[\w ./:,;#%+()='\"-]+", re.ASCII)
"""Names that a code span holds as they are."""
_FENCES = re.compile(r"`+|~+")


def prose(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return text as one line of at most ``limit`` characters that shows itself and does nothing.

    It may stand in paragraphs, table cells and HTML, but not at the beginning of a line, where
    some words are read as a list.
    """
    return _LIVE.sub(_harmless, sentence(text, limit))


def code(name: str) -> str:
    """Return a name in code type, for a paragraph or a table cell: cut to a label's length."""
    shown = label(name)
    return f"`{shown}`" if _BARE.fullmatch(shown) else html_code(name)


def html_code(name: str) -> str:
    """Return a name in code type where only HTML is read, as in ``<summary>``."""
    return f"<code>{_LIVE.sub(_harmless, label(name))}</code>"


def fence(lines: Sequence[str]) -> str:
    """Return lines in a fence that none of them can close; they are cleaned and prefixed before.

    A line of text needs a prefix, as `quoted_block` has it: some bots take a line that begins with
    a slash for a command, wherever it stands.
    """
    runs = (len(found[0]) for line in lines for found in _FENCES.finditer(line))
    marks = "`" * max(3, 1 + max(runs, default=0))
    return "\n".join((f"{marks}text", *lines, marks, ""))


def _harmless(found: re.Match[str]) -> str:
    text = found[0]
    if found["formula"]:
        return "<span>$</span>"  # what GitHub documents for a dollar that begins no formula
    if found["hash"]:
        return _BREAK.join(text[i : i + _HASH] for i in range(0, len(text), _HASH))
    if found["link"]:
        return f"{text}{_BREAK}"
    if found["mark"]:
        return f"&#{ord(text)};"
    shown = f"&#{ord(text)};" if text in "#&~@" else text
    follows = found.string[found.end() : found.end() + 1]
    return f"{shown}{_BREAK}" if follows.isalnum() or follows in ("_", '"') else shown
