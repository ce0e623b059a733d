"""Markup that cannot be broken out of: whatever is not built here is text.

Every page is made of `tag` and nothing else. Children that are plain strings are text, which is
cleaned and escaped; so a name or an answer can never become an element, an attribute or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TypeAlias

from pytest_quantguard._sanitize import html

Attribute = str | int | float | bool | None
Child: TypeAlias = "str | Iterable[Child] | None"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9:-]*")
_LOCAL = re.compile(r"(?!/)[A-Za-z0-9._/-]*(?:#[A-Za-z0-9._-]*)?")
_VOID = frozenset(("meta", "link", "br", "hr", "input", "wbr"))
_ADDRESSES = frozenset(("href", "src"))
_FORBIDDEN = re.compile(
    "on.*|style|src(doc|set)|(form)?action|poster|ping|background|xlink:.*|manifest", re.IGNORECASE
)


class Markup(str):
    """Markup that was built here, as opposed to text."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Build an element.

    Children are text, markup, None (nothing), or iterables of these. An attribute's name is written
    with ``_`` for ``-``, and with a last ``_`` where Python keeps the word (``class_``, ``for_``).
    True is an attribute without a value; None and False are left out.

    Raises:
        ValueError: a name that is none, an attribute that runs something, or an address that does
            not lead to a file of the report: mistakes of ours, whatever the text says.
    """
    head = "".join([_attribute(*pair) for pair in attributes.items()]) if attributes else ""
    if not _is_name(name) or (name in ("script", "style") and children):
        raise ValueError(f"no element of a report: <{name}>")
    if name in _VOID:
        return Markup(f"<{name}{head}>")
    return Markup(f"<{name}{head}>{_text(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Put pieces one after the other; what is text is escaped."""
    return Markup(_text(children))


def _text(children: Iterable[Child]) -> str:
    return "".join([c if type(c) is Markup else _piece(c) for c in children])


def _piece(child: Child) -> str:
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return html(child)
    return "" if child is None else _text(child)


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = _attribute_name(key)
    if value is True:
        return f" {name}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if name in _ADDRESSES and not _LOCAL.fullmatch(text):
        raise ValueError(f"no address inside a report: {text!r}")
    return f' {name}="{html(text)}"'


@cache
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


@cache  # names are written in our own code alone: a few dozen
def _attribute_name(key: str) -> str:
    name = key.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name) or _FORBIDDEN.fullmatch(name):
        raise ValueError(f"no attribute of a report: {name!r}")
    return name
