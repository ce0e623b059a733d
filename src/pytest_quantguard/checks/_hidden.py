"""Calls that a model wrote into its text, where no client finds them.

The typical end of a chat template that does not fit, or of a special token that a quantized model
no longer gets quite right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_quantguard.checks._text import quote

LOOKED_AT = 200_000
"""Characters of a text that are searched."""

# What models write before a call, by family; each is a special token or a tag of its template.
_MARKS = (
    ("<tool_call", "a <tool_call> tag"),  # Hermes, Qwen, GLM
    ("<|tool_call", "a <|tool_call|> token"),  # Granite, Phi, Kimi, LFM
    ("<tools>", "a <tools> tag"),  # Qwen Coder
    ("<function_call", "a <function_call> tag"),
    ("<function=", "a <function=...> tag"),  # Llama 3, Qwen Coder
    ("<invoke name=", "an <invoke> tag"),  # MiniMax, DeepSeek
    ("<|python_tag|>", "a <|python_tag|> token"),  # Llama 3
    ("[TOOL_CALLS]", "a [TOOL_CALLS] token"),  # Mistral
    ("[TOOL_REQUEST]", "a [TOOL_REQUEST] token"),
    ("<start_function_call>", "a <start_function_call> token"),  # Gemma
    ("<\uff5ctool\u2581call", "a <tool_calls_begin> token"),  # DeepSeek
    ("<|tool\u2581call", "a <tool_calls_begin> token"),
    ("<|action_start|>", "an <|action_start|> token"),  # InternLM
    ("to=functions.", "a to=functions... header"),  # gpt-oss
    ("```tool_c", "a ```tool_code fence"),  # Gemma
)
_ENTRY = re.compile(
    r'"(?:name|function|function_name|tool|tool_name)"\s{0,9}:\s{0,9}"([^"\\\n]{1,100})"'
)
_ARGUMENTS = re.compile(r'"(?:arguments|parameters|args|input)"\s{0,9}:')
_CERTAIN = re.compile(r'"arguments"\s{0,9}:')
_MOST_ENTRIES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A call that stands in a text."""

    name: str | None
    """The tool, where it is one of those looked for."""
    form: str
    """How it is written, such as ``a <tool_call> tag``."""
    at: int
    excerpt: str
    """Model text from there on."""

    def __str__(self) -> str:
        called = "a call" if self.name is None else f"a call of {quote(self.name)}"
        return f"{called} stands in the text instead, as {self.form}: {quote(self.excerpt, 100)}"


def hidden(text: str, names: Iterable[str], *, known_only: bool = False) -> Hidden | None:
    """Return the first call in a text: one that is marked as such, or of one of these tools.

    With ``known_only`` a marked call of another tool does not count.
    """
    text, names = text[:LOOKED_AT], [name for name in dict.fromkeys(names) if name]
    found = [_marked(text, names), _as_json(text, names, known_only), _as_code(text, names)]
    return min(
        (one for one in found if one is not None and not (known_only and one.name is None)),
        key=lambda one: (one.at, one.name is None),
        default=None,
    )


def _marked(text: str, names: list[str]) -> Hidden | None:
    places = [(at, form) for mark, form in _MARKS if (at := text.find(mark)) >= 0]
    if not places:
        return None
    at, form = min(places)
    after = [(place, name) for name in names if (place := text.find(name, at)) >= 0]
    return _hidden(text, min(after)[1] if after else None, form, at)


def _as_json(text: str, names: list[str], known_only: bool) -> Hidden | None:
    """Look for {"name": ..., "arguments": ...}; a name alone is any object's."""
    if not _ARGUMENTS.search(text):
        return None
    any_name = not known_only and _CERTAIN.search(text)
    for count, match in enumerate(_ENTRY.finditer(text)):
        name = match[1] if match[1] in names else None
        if name is not None or (any_name and _CERTAIN.search(text, match.end(), match.end() + 200)):
            fenced = text.count("```", 0, match.start()) % 2
            at = max(text.rfind("{", 0, match.start()), 0)
            return _hidden(text, name, "JSON in a ``` fence" if fenced else "JSON", at)
        if count > _MOST_ENTRIES:
            break
    return None


def _as_code(text: str, names: list[str]) -> Hidden | None:
    """Look for name(key=...), name("..."), call:name{...}, or name() on a line of its own."""
    places = [(at, name) for name in names if (at := _code_of(text, name)) is not None]
    if not places:
        return None
    at, name = min(places)
    return _hidden(text, name, "code", at)


def _code_of(text: str, name: str) -> int | None:
    if name not in text:
        return None
    name = re.escape(name)
    given = r"(?:[A-Za-z_]\w{0,60}\s{0,3}[=:]|[\"'{\[]|-?[0-9])"
    pattern = (
        rf"call:{name}\s{{0,3}}[({{{{]|(?<!\w){name}\s{{0,3}}\(\s{{0,9}}{given}"
        rf"|^[ \t>`\[]{{0,9}}{name}\(\)[ \t`;\]]{{0,9}}$"
    )
    match = re.search(pattern, text, re.MULTILINE)
    return match and match.start()


def _hidden(text: str, name: str | None, form: str, at: int) -> Hidden:
    return Hidden(name=name, form=form, at=at, excerpt=text[at : at + 400].lstrip())
