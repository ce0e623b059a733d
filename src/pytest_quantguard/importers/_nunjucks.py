"""The part of Nunjucks that most prompts use: ``{{ name }}``, ``{{ name.key }}``, ``{{ a[0] }}``.

Whatever is more than that is refused: a prompt that is rendered in another way is another prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MAX_TEXT = 2**20
"""Longest text that a template may grow to, in characters."""
_DEEPEST = 5
_PATH = re.compile(
    r"[A-Za-z_$][\w$-]*(?:\.[\w$-]+|\[\d{1,6}\]|\[(?:'[^']{1,80}'|\"[^\"]{1,80}\")\])*"
)
_STEP = re.compile(r"[\w$-]+")
_SAFE = re.compile(r"\s*\|\s*safe\Z")


class TemplateError(Exception):
    """A template does more than filling in variables; the text says what."""


def render(text: str, variables: Mapping[str, Any], missing: Callable[[str], None]) -> str:
    """Fill variables into a text; one without a value becomes nothing, and ``missing`` is told.

    A variable's value may hold placeholders too, up to five levels deep.

    Raises:
        TemplateError: the text needs all of Nunjucks, or grows beyond a million characters.
    """
    for _ in range(_DEEPEST):
        filled = _once(text, variables, missing)
        if filled == text or "{{" not in filled:
            return filled
        text = filled
    raise TemplateError("variables refer to each other without end")


def render_all(value: Any, variables: Mapping[str, Any], missing: Callable[[str], None]) -> Any:
    """Fill variables into every text of a value; keys stay."""
    if isinstance(value, str):
        return render(value, variables, missing)
    if isinstance(value, list):
        return [render_all(item, variables, missing) for item in value]
    if isinstance(value, dict):
        return {key: render_all(item, variables, missing) for key, item in value.items()}
    return value


def _once(text: str, variables: Mapping[str, Any], missing: Callable[[str], None]) -> str:
    for mark in ("{%", "{#"):
        if mark in text:
            raise TemplateError(f"it uses {mark} ... {mark[::-1].replace('{', '}')} of Nunjucks")
    pieces, at, size = [], 0, 0
    while (start := text.find("{{", at)) >= 0:
        end = text.find("}}", start)
        if end < 0:
            break
        value = _value(text[start + 2 : end], variables, missing)
        pieces += [text[at:start], value]
        size += start - at + len(value)
        if size > MAX_TEXT:
            raise TemplateError("it grows beyond a million characters")
        at = end + 2
    return "".join([*pieces, text[at:]])


def _value(inside: str, variables: Mapping[str, Any], missing: Callable[[str], None]) -> str:
    path = _SAFE.sub("", inside.strip())
    if not _PATH.fullmatch(path):
        raise TemplateError(f"it uses {{{{ {inside.strip()[:60]} }}}}, more than a variable's name")
    found: Any = variables
    for step in _STEP.findall(path):
        if isinstance(found, Mapping) and step in found:
            found = found[step]
        elif isinstance(found, list | str) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            missing(path)
            return ""
    return written(path, found)


def written(name: str, value: Any) -> str:
    """Return what a value looks like inside a text, as JavaScript would write it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    raise TemplateError(f"it puts {name!r:.60} into a text, which is a list or a map")
