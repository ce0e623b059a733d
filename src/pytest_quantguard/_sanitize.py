"""The border between model text and everything that prints, stores or parses it.

Checks see model text raw. Whatever leaves towards a terminal, a log, a report or another
process goes through here first.
"""

from __future__ import annotations

import json
import re
from html import escape as _html_escape

# Everything XML 1.0 forbids, plus the C1 controls, which terminals obey: one rule for all reports.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
    # Invisible or reordering: soft hyphen, zero width, line and paragraph ends, overrides, tags.
    "|[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
# What CI systems read as a command: GitHub (`::name::`, `##[`), Azure (`##vso[`), TeamCity.
_COMMAND = re.compile(r"^(\s*)(::|##)", re.MULTILINE)
_BRACKET = re.compile(r"##(?=\w*\[)")
_NOT_BARE = re.compile(r"""[^\w !#$%()*+,./:;=?@\[\\\]^`{|}~\n\t-]""", re.ASCII)
"""What most names and numbers do not have: without it, a text is the same in HTML."""
# What looks like a key wherever it stands, in the words of error messages and headers.
_KEY = re.compile(
    r"""\b(?:sk|pk|rk|key|hf|gsk|xai)[-_][\w-]{8,}|\beyJ[\w-]{10,}\.[\w.-]+"""
    r"""|\bbearer\s+[\w.~+/=-]{6,}|\bbasic\s+[\w+/=]{16,}"""
    r"""|(?<=key=)[\w.-]{6,}|(?<=key:\s)[\w*.-]{6,}|(?<=token=)[\w.-]{6,}""",
    re.IGNORECASE,
)
_MARK = "[secret]"
_FLOOR = 8  # characters of a secret: fewer may be a word


def clean(text: str, limit: int | None = None) -> str:
    """Make text safe to store and to send: unsafe characters become visible escapes.

    Control characters, lone surrogates, bidirectional overrides and invisible characters are
    written as ``\\xNN``, ``\\uNNNN`` or ``\\UNNNNNNNN``; newlines and tabs stay. With ``limit`` the
    text is cut to that many characters *before* escaping, and says how much is missing.
    """
    cut = len(text) - limit if limit is not None else 0
    if cut > 0:
        text = text[:limit]
    text = _UNSAFE.sub(_escape, text.replace("\r\n", "\n").replace("\r", "\\r"))
    return f"{text}... [{cut} more characters]" if cut > 0 else text


def one_line(text: str, limit: int = 200) -> str:
    """Clean, and fold newlines and tabs, so that it fits into a sentence."""
    return neutral(clean(text, limit).replace("\n", "\\n").replace("\t", "\\t"))


def html(text: str) -> str:
    """Clean, and escape what HTML reads as markup, in texts and in quoted attributes."""
    return _html_escape(clean(text)) if _NOT_BARE.search(text) else text


def quoted_block(text: str, prefix: str = "| ", limit: int = 2000) -> str:
    """Clean, and put ``prefix`` before each line, so that no line of a log can be a command."""
    lines = clean(text, limit).split("\n")
    return "\n".join(prefix + _BRACKET.sub("# #", line) for line in lines)


def neutral(text: str) -> str:
    """Break workflow commands (``::error::``, ``##[group]``) in text that is printed bare."""
    text = _COMMAND.sub(lambda m: m[1] + " ".join(m[2]), text)
    return _BRACKET.sub("# #", text)


def scrub(text: str, secrets: tuple[str, ...]) -> str:
    """Replace every secret (longest first) by ``[secret]``; scrub first, cut after.

    One of 8 characters and more is found in capitals, as JSON or Python writes it, and by its first
    8 at the end of a text, which may be cut there. A shorter one, such as ``EMPTY``, as it stands.
    """
    bare = {secret.strip() for secret in secrets}  # one read from a file ends with a newline
    forms = {form for one in bare for form in (one, json.dumps(one)[1:-1], repr(one)[1:-1])}
    for form in sorted(filter(None, forms), key=len, reverse=True):
        if len(form) < _FLOOR:
            text = text.replace(form, _MARK)
            continue
        if form.lower() in text.lower():
            text = re.sub(re.escape(form), _MARK, text, flags=re.IGNORECASE)
        text = _without_beginning(text, form.lower())
    return text


def without_keys(text: str) -> str:
    """Replace what looks like an API key or a token by ``[secret]``: in texts of other people's
    logs, whose keys nobody here knows."""
    return _KEY.sub(_MARK, text)


def scrub_cut(text: str, secrets: tuple[str, ...]) -> str:
    """Scrub a text that others have cut already, as pytest does with long values (``...``).

    Of a secret of 8 characters and more, its first 8 or its last 8 and all that belongs to them
    are enough.
    """
    text = scrub(text, secrets)
    for secret in {secret.strip().lower() for secret in secrets}:
        if len(secret) >= _FLOOR:
            text = _without_pieces(text, secret)
    return text


def _without_pieces(text: str, secret: str) -> str:
    """Replace beginnings and ends of a secret, wherever they stand."""
    places = []
    for found in re.finditer(re.escape(secret[:_FLOOR]), text, re.IGNORECASE):
        after = text[found.start() : found.start() + len(secret)].lower()
        places.append((found.start(), found.start() + _shared(after, secret)))
    for found in re.finditer(re.escape(secret[-_FLOOR:]), text, re.IGNORECASE):
        before = text[max(0, found.end() - len(secret)) : found.end()].lower()
        places.append((found.end() - _shared(before[::-1], secret[::-1]), found.end()))
    done, kept = 0, []
    for start, end in sorted(places):
        if start >= done:
            kept += [text[done:start], _MARK]
        done = max(done, end)
    return "".join((*kept, text[done:]))


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginnings."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _without_beginning(text: str, secret: str) -> str:
    """Replace the beginning of a secret that is the end of a text."""
    tail = text[-len(secret) :].lower()
    if secret[:_FLOOR] in tail:
        for size in range(len(tail), _FLOOR - 1, -1):
            if tail.endswith(secret[:size]):
                return text[:-size] + _MARK
    return text


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
