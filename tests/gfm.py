"""What GitHub and GitLab would make of a Markdown file, by a real parser and by their own rules."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
OURS = frozenset(("details", "summary", "code", "span", "br", "sub", "sup", "strong", "em"))
MARKER = re.compile(r" ?quantguard[\w:., -]* ?")
"""The comment by which a workflow finds its own comment again."""
LOOKED_FOR = re.compile(
    # After parsing, in what is shown and no code: mentions, references, commits, emoji, formulas.
    r"(?<![\w`/])@\w|@[0-9a-f]{7}|#\d|\bGH-\d|(?<![\w])[!~%&]\d|\b[0-9a-f]{7,40}\b|:tada:|\$[^$\s][^$]*\$"
    r"|\b(?:https?|ftp)://\w|\bwww\.\w|\w@\w+\.\w",
    re.IGNORECASE,
)


class _Html(HTMLParser):
    """Raw HTML of a Markdown file: its elements, and its text that is no code."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.bad = []
        self.texts = []
        self.code = 0

    def handle_starttag(self, tag, attrs):
        if tag not in OURS or [name for name, _ in attrs if name != "open"]:
            self.bad.append(f"HTML: {self.get_starttag_text()}")
        self.code += tag == "code"

    def handle_endtag(self, tag):
        self.code -= tag == "code"
        if tag not in OURS:
            self.bad.append(f"HTML: </{tag}>")

    def handle_data(self, data):
        if self.code <= 0:
            self.texts.append(data)

    def handle_comment(self, data):
        if not MARKER.fullmatch(data):
            self.bad.append(f"HTML: a comment {data[:80]!r}")

    def unknown_decl(self, data):
        self.bad.append(f"HTML: a declaration {data[:80]!r}")

    handle_decl = handle_pi = unknown_decl


def dangers(text: str) -> list[str]:
    """Return every link, image, mention, reference, formula and foreign HTML in a Markdown file."""
    found, lines = [], text.split("\n")
    html = _Html()
    for token in PARSER.parse(text):
        if token.type in ("fence", "code_block") and token.map:
            lines[token.map[0] : token.map[1]] = [""] * (token.map[1] - token.map[0])
        if token.type == "code_block":
            found.append(f"indented code: {token.content[:80]!r}")
        if token.type == "html_block":
            html.feed(token.content)
        for inner in token.children or ():
            found += _inline(inner, html)
    html.close()
    found += html.bad
    shown = "\n".join(html.texts)
    found += [f"{each[0]!r} in {shown[max(0, each.start() - 40) : each.end() + 20]!r}"
              for each in LOOKED_FOR.finditer(shown)]  # fmt: skip
    source = "\n".join(lines)
    found += [f"{mark!r} in the source" for mark in ("[^1]", "- [ ]") if mark in source]
    return found


def _inline(token, html: _Html) -> list[str]:
    if token.type in ("link_open", "image"):
        return [f"{token.type}: {token.attrs}"]
    if token.type == "html_inline":
        html.feed(token.content)
    elif token.type == "text":
        html.handle_data(token.content)
    elif token.type in ("softbreak", "hardbreak"):
        html.handle_data("\n")
    return []
