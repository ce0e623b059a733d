"""What a running server says about itself: a handful of pages, read with suspicion.

Whatever it is that comes back, the outcome is a `ServedAs` with the values that make sense; what
does not is as good as not told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx

from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.providers import _dialects, _events
from pytest_quantguard.providers._dialects import MODEL, Dialect, Page
from pytest_quantguard.providers._http import Deadline, Reach, at_root, below, body_of
from pytest_quantguard.types import Json
from pytest_quantguard.variants import ServedAs

ASK_S = 5.0
"""Longest time for all pages together, in seconds."""
MAX_PAGE = 8 * 2**20
"""Longest page that is read, in bytes."""
MAX_MODELS = 50
"""Most names of models that are kept."""

_MODELS = "models"
_UNTOLD = frozenset({"", "auto", "none", "null", "unknown"})
# torch.bfloat16 is what others call bf16.
_PRECISIONS = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32"}

Get = Callable[[str, Json | None], Json]
"""Ask for a page, with a body or without (None); an empty object where there is none."""


def served_as(reach: Reach, dialect: Dialect, model: str) -> ServedAs:
    """Ask a server's pages what it serves; never raises, what is not told is None.

    Where nobody said what kind of server it is, that is told from its list of models, or from the
    pages that it has.
    """
    with reach.client() as client:
        get = _getter(client, reach.url, Deadline(ASK_S))
        models = get(_MODELS, None).get("data")
        entry = _entry(models, model)
        if dialect.name == "auto":
            found = _dialects.by_owner(_value(entry, "owned_by"))
            dialect = found or _dialects.by_sign(get) or dialect
        told: dict[str, Any] = {}
        for page in dialect.pages:
            for name, value in _read(page, get, model, reach.secrets):
                told.setdefault(name, value)
    gib = told.pop("memory_gib", None)
    if gib is not None:
        told.setdefault("memory_bytes", round(gib * 2**30))
    return ServedAs(models=_listed(models, reach.secrets), **told)


def _getter(client: httpx.Client, url: httpx.URL, deadline: Deadline) -> Get:
    pages: dict[str, Json] = {}

    def get(path: str, body: Json | None) -> Json:
        if path not in pages:
            pages[path] = {}
            with suppress(httpx.InvalidURL):
                where = at_root(url, path) if path.startswith("/") else below(url, path)
                pages[path] = _ask(client, where, body, deadline)
        return pages[path]

    return get


def _ask(client: httpx.Client, url: httpx.URL, body: Json | None, deadline: Deadline) -> Json:
    """Return a JSON object; anything else, or too late, is an empty one."""
    method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
    with suppress(httpx.HTTPError, _events.MalformedError, ValueError, RecursionError):
        extensions = {"timeout": deadline, "trace": deadline.trace}
        with client.stream(method, url, content=content, extensions=extensions) as response:
            if response.is_success:
                value = json.loads(b"".join(body_of(response, deadline, MAX_PAGE)))
                return value if isinstance(value, dict) else {}
    return {}


# --- one page ---------------------------------------------------------------------------


def _read(page: Page, get: Get, model: str, secrets: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield what a page tells: names of fields, each once, with values that make sense."""
    body: Json | None = None
    if page.send is not None:
        body = {name: text.replace(MODEL, model) for name, text in page.send.items()}
    name = quote(model, safe="/:", errors="replace")
    pages = (get(path.replace(MODEL, name), body) for path in page.paths)
    found: Json = next((one for one in pages if one), {})
    for told, places in page.tells.items():
        check: Callable[[Any], Any] = _CHECKS.get(told, _text)
        values = (_shown(check(_at(found, place, model)), secrets) for place in places)
        value = next((value for value in values if value is not None), None)
        if value is not None:
            yield told, value


def _at(value: Any, place: str, model: str) -> Any:
    """Return what stands at a place of a page (see `_dialects.Page`), or None."""
    key, _, rest = place.partition(".")
    found: Any
    if key == "*":
        found = _entry(value, model)
    elif key == "=":
        entries = value if isinstance(value, list) else []
        said = [_at(entry, rest, model) for entry in entries]
        return said[0] if said and all(one == said[0] for one in said) else None
    elif key.isdigit():
        found = value[int(key)] if isinstance(value, list) and len(value) > int(key) else None
    else:
        found = _value(value, key)
    return _at(found, rest, model) if rest else found


def _value(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _entry(listed: Any, model: str) -> Json:
    """Return the entry of the model that is asked for, else the only one."""
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    names = (model, f"{model}:latest")  # Ollama's name for a model without a tag
    named = [one for one in found if any(one.get(key) in names for key in ("id", "name", "model"))]
    if named or len(found) == 1:
        return (named or found)[0]
    return {}


def _listed(models: Any, secrets: tuple[str, ...]) -> tuple[str, ...]:
    entries = models if isinstance(models, list) else []
    names = [_shown(_text(_value(entry, "id")), secrets) for entry in entries[:MAX_MODELS]]
    return tuple(str(name) for name in names if name is not None)


# --- one value --------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    short = value.removeprefix("torch.")
    return None if short.lower() in _UNTOLD else _PRECISIONS.get(short, short)


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 2**63 else None


def _gib(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and 0 < value < 2**20 else None


def _shown(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return a server's word for itself, without our key, should it echo that."""
    return one_line(scrub(value, secrets)) if isinstance(value, str) else value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "context": _whole,
    "memory_bytes": _whole,
    "memory_gib": _gib,
}
