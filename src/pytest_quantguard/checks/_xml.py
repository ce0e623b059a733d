"""Reading model text as XML: well-formed, in bounded time, and without ever expanding an entity.

A document type declaration is refused as soon as expat reports it, before any entity of it could be
used; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from pytest_quantguard.checks._text import quote
from pytest_quantguard.types import Completion

MAX_CHARS = 200_000
"""Longest text that is judged as XML, in characters."""
MAX_DEPTH = 64
"""Deepest nesting that is judged, in levels."""

_SPACE = " \t\r\n"
_TOP = "quantguard-fragment"
_FENCED = ("", "xml", "html", "svg")
_UNFINISHED = frozenset(
    {
        expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
        expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    }
)
_TAG_MISMATCH = expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH]
_JUNK = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]


class NotXml(Exception):  # noqa: N818 - not an error of ours: the message is the violation
    """The text is not the XML that was asked for; the message says why."""


@dataclass(slots=True)
class Node:
    """All elements with one path of names: what stands in them."""

    children: dict[str, Node] = field(default_factory=dict)
    """By name, as it is written."""
    attributes: set[str] = field(default_factory=set)


def parse(text: str, *, fenced: bool = False, fragment: bool = False) -> Node:
    """Read a whole text as XML and return the node above its outermost elements.

    ``fenced`` allows one Markdown fence around it, ``fragment`` several elements and text side by
    side.

    Raises:
        NotXml: when it is not well-formed, has a document type declaration, or is beyond the limits
            of this module.
    """
    inner = _inside_fence(text)
    if inner is not None and not fenced:
        raise NotXml("the answer has a ``` fence around the XML, which `fenced` would allow")
    return document(text if inner is None else inner, fragment=fragment)


def document(text: str, *, subject: str = "the answer", fragment: bool = False) -> Node:
    """Read a text as XML; see `parse`."""
    if len(text) > MAX_CHARS:
        raise NotXml(f"{subject} has {len(text)} characters; at most {MAX_CHARS} are read as XML")
    body = text.strip(_SPACE)
    if not body:
        raise NotXml(f"{subject} should be XML and is empty")
    if not (body.startswith("<") or fragment):
        at = body.find("<")
        if at < 0:
            raise NotXml(f"{subject} is no XML: {quote(body)}")
        raise NotXml(f"{subject} has prose before the XML: {quote(body[:at])}")
    return _Reader(body, subject, fragment=fragment).read()


def sentence(error: NotXml, completion: Completion) -> str:
    """Return the violation; says so when the answer had no room to end."""
    cut = " (finish_reason is length)" if completion.finish_reason == "length" else ""
    return f"{error}{cut}"


def _inside_fence(text: str) -> str | None:
    body = text.strip(_SPACE)
    if not (body.startswith("```") and body.endswith("```") and len(body) > 6):
        return None
    label, newline, inner = body[3:-3].partition("\n")
    return inner if newline and label.strip().lower() in _FENCED else None


class _Reader:
    """One text on its way through expat."""

    def __init__(self, body: str, subject: str, *, fragment: bool) -> None:
        self.body, self.subject, self.fragment = body, subject, fragment
        self.top = Node()
        self.open: list[tuple[str, Node]] = []
        self.parser = expat.ParserCreate("utf-8", "\x1f")  # whatever encoding the text declares
        self.parser.namespace_prefixes = True
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def read(self) -> Node:
        shown = f"<{_TOP}>{self.body}</{_TOP}>" if self.fragment else self.body
        try:
            self.parser.Parse(shown.encode("utf-8"), True)
        except UnicodeEncodeError as error:
            at = error.start - (len(_TOP) + 2 if self.fragment else 0)
            line, column = self.body.count("\n", 0, at) + 1, at - self.body.rfind("\n", 0, at)
            raise NotXml(
                f"{self.subject} is no XML: half of a surrogate pair in line {line}, "
                f"column {column}"
            ) from None
        except expat.ExpatError as error:
            raise NotXml(f"{self.subject} {self.why(error)}") from None
        if not self.top.children:
            raise NotXml(f"{self.subject} has no XML element: {quote(self.body)}")
        return self.top

    def why(self, error: expat.ExpatError) -> str:
        line, column = self.place(error.lineno, error.offset)
        inside = len(self.open) > self.fragment
        unclosed = f"; <{quote(self.open[-1][0], 40)[1:-1]}> is still open" if inside else ""
        ended = error.code == _TAG_MISMATCH and self.beyond(line, column)
        if error.code in _UNFINISHED or ended:
            return f"is XML that ends in the middle{unclosed}: {quote('…' + self.body[-40:])}"
        near = self.near(line, column)
        if error.code == _JUNK or (self.top.children and not self.open):
            return f"goes on after the XML has ended, in line {line}, column {column}: {near}"
        message = expat.errors.messages[error.code]
        hint = unclosed if error.code == _TAG_MISMATCH else ""
        return f"is no XML: {message} in line {line}, column {column}{hint}, near {near}"

    def place(self, line: int, offset: int) -> tuple[int, int]:
        """Count line and column from 1, in the answer itself."""
        wrapped = len(_TOP) + 2 if self.fragment and line == 1 else 0
        return line, max(1, offset + 1 - wrapped)

    def beyond(self, line: int, column: int) -> bool:
        """Tell whether a place is in the tag that closes a fragment."""
        last = len(self.body) - self.body.rfind("\n") - 1
        return self.fragment and line == self.body.count("\n") + 1 and column > last

    def near(self, line: int, column: int) -> str:
        start = 0
        for _ in range(line - 1):
            start = self.body.find("\n", start) + 1
        at = start + column - 1
        return quote(self.body[max(start, at - 15) : at + 25])

    def doctype(self, *_: object) -> None:
        raise NotXml(
            f"{self.subject} has a document type declaration (<!DOCTYPE>); entities are never "
            "expanded and nothing is fetched"
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.fragment and not self.open:
            self.open.append((_TOP, self.top))
            return
        if len(self.open) >= MAX_DEPTH + self.fragment:
            raise NotXml(f"{self.subject} is XML nested more than {MAX_DEPTH} levels deep")
        parent = self.open[-1][1] if self.open else self.top
        written = _written(name)
        node = parent.children.setdefault(written, Node())
        node.attributes.update(map(_written, attributes))
        self.open.append((written, node))

    def end(self, name: str) -> None:
        self.open.pop()


def _written(name: str) -> str:
    """Return a name as it was written, with its prefix: expat gives URI, name and prefix."""
    parts = name.split("\x1f")
    return f"{parts[2]}:{parts[1]}" if len(parts) == 3 else parts[-1]


# --- paths ------------------------------------------------------------------------------


def missing(top: Node, path: str) -> str:
    """Say that a path leads nowhere and what stands where it ends; empty when it leads somewhere.

    A path is names of elements from the outermost one, separated by slashes, ``*`` for any, and
    perhaps ``@name`` at its end for an attribute. A name without a prefix fits any prefix.
    """
    steps = path.strip("/").split("/")
    row, taken = [top], ""
    for step in steps:
        if step.startswith("@"):
            names = {name for node in row for name in node.attributes}
            if any(_fits(step[1:], name) for name in names):
                return ""
            return f"{quote(path)} is missing; {_has(taken, 'attributes', names)}"
        following = [
            child for node in row for name, child in node.children.items() if _fits(step, name)
        ]
        if not following:
            return f"{quote(path)} is missing; {_has(taken, 'elements', _names(row))}"
        row, taken = following, f"{taken}/{step}" if taken else step
    return ""


def _names(row: list[Node]) -> Iterator[str]:
    return (name for node in row for name in node.children)


def _has(taken: str, what: str, names: Iterator[str] | set[str]) -> str:
    known = sorted(set(names))
    where = f"in {quote(taken)}" if taken else "outermost"
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    shown = ", ".join(quote(name, 30) for name in known[:5]) + more
    return f"{what} {where}: {shown or 'none'}"


def _fits(step: str, name: str) -> bool:
    return step in ("*", name) or (":" not in step and step == name.rpartition(":")[2])
