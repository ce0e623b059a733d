"""What was asked: folded, with its question in the fold's own line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_quantguard._sanitize import clean, one_line
from pytest_quantguard.reporters._words import label
from pytest_quantguard.reporters.html._markup import Markup, tag
from pytest_quantguard.reporters.html._pieces import counted, folded
from pytest_quantguard.types import Json

QUESTION = 240
"""Characters of the question that are seen while the rest is folded: its beginning and its end."""
LONG = 1_500
"""Characters of a message that is folded by itself."""
SHOWN = 20_000
"""Characters shown of a message or of the tools."""


def asked(request: Json | None) -> Markup:
    """Return the messages with their roles, tools and parameters; ``None``: it says so."""
    if request is None:
        return tag("p", "What was asked is not kept in this report.", class_="note")
    messages = request.get("messages")
    known = messages if isinstance(messages, list) else []
    rest = {key: value for key, value in request.items() if key not in ("messages", "tools")}
    return folded(
        [tag("span", "Asked", class_="role"), " ", _question(known)],
        [part for message in known for part in _message(message)],
        *_tools(request.get("tools")),
        tag("p", tag("span", "parameters", class_="role"), " ", _json(rest), class_="parameters")
        if rest
        else None,
        class_="asked",
    )


def _question(messages: list[Any]) -> str:
    """Return the last thing the user said, in one line."""
    last = next((m for m in reversed(messages) if _role(m) == "user"), None)
    text = " ".join(_content(last).split()) if last is not None else ""
    half = QUESTION // 2 - 3
    short = text if len(text) <= QUESTION else f"{text[:half]} ... {text[-half:]}"
    more = f" ({counted(len(messages), 'message')})" if len(messages) > 1 else ""
    return f"{one_line(short, QUESTION) or '(no question)'}{more}"


def _role(message: Any) -> str:
    return str(message.get("role", "")) if isinstance(message, Mapping) else ""


def _content(message: Any) -> str:
    """Return a message's text; what is no text, such as an image, as JSON."""
    content = message.get("content") if isinstance(message, Mapping) else message
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [] if content is None else [content]
    return "\n".join(_part(part) for part in parts)


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else json.dumps(part, ensure_ascii=False)


def _message(message: Any) -> Iterator[Markup]:
    """Yield one message; a long one is folded by itself."""
    role = label(_role(message) or "message")
    text = _content(message)
    known = ("role", "content")
    more = {k: v for k, v in message.items() if k not in known} if isinstance(message, dict) else {}
    body = [tag("pre", _cut(text), dir="auto")] if text or not more else []
    body += [tag("pre", _cut(_json(more)))] if more else []
    if len(text) > LONG:
        yield folded([tag("span", role, class_="role"), f" {len(text):,} characters"], body)
    else:
        yield tag("div", tag("span", role, class_="role"), body, class_="message")


def _tools(tools: Any) -> Iterator[Markup]:
    if not tools:
        return
    names = [_name(tool) for tool in tools] if isinstance(tools, list) else []
    told = ", ".join(label(name) for name in names[:10])
    more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    summary = [tag("span", "tools", class_="role"), f" {told}{more}"]
    yield folded(summary, tag("pre", _cut(json.dumps(tools, indent=2, ensure_ascii=False))))


def _name(tool: Any) -> str:
    inner = tool.get("function", tool) if isinstance(tool, Mapping) else tool
    return str(inner.get("name", "")) if isinstance(inner, Mapping) else str(inner)


def _json(value: Any) -> str:
    return clean(json.dumps(value, ensure_ascii=False), SHOWN)


def _cut(text: str) -> str:
    more = len(text) - SHOWN
    shown = clean(text[:SHOWN])
    return f"{shown}\n[{more:,} more characters are not shown; report.json]" if more > 0 else shown
