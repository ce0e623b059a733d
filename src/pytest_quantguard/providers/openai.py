"""Any server that speaks the OpenAI chat API: vLLM, SGLang, llama.cpp, Ollama, hosted ones."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

import httpx

from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import LaunchError, did_you_mean
from pytest_quantguard.providers import _wire
from pytest_quantguard.providers._connection import OpenAIConnection
from pytest_quantguard.providers._http import (
    Deadline,
    at_root,
    below,
    body_of,
    new_client,
    secrets_of,
)
from pytest_quantguard.providers._reference import DIALECTS, References
from pytest_quantguard.types import Json
from pytest_quantguard.variants import ServedAs, Variant

_ASK_S = 5.0
_OPTIONS = ("extra_body", "reference")
_OURS = frozenset(("messages", "model", "stream", "stream_options", "tools"))


class OpenAIProvider:
    """The way to a running server; ``options.extra_body`` is merged into every request.

    ``options.reference`` says how the server is asked how likely it finds a reference answer:
    ``llamacpp``, ``vllm``, or ``auto``, which looks at the server.

    Raises:
        ValueError: an option that is not known, or has no usable value.
    """

    def __init__(self, variant: Variant) -> None:
        check_options(variant, _OPTIONS)
        self._variant = variant
        self._url: httpx.URL | None = None
        self._key = ""
        self._references = References(variant)

    def start(self) -> str:
        """Check the address and read the API key; returns the base URL.

        Raises:
            LaunchError: no usable base_url, or the key variable is not set.
        """
        variant = self._variant
        self._url = _parse_url(variant)
        if variant.api_key_env:
            self._key = _read_key(variant.api_key_env)
            if not self._key:
                raise LaunchError(
                    f"variant {variant.name!r}: the environment variable {variant.api_key_env} "
                    "is not set, is empty, or holds no usable key; put the API key there"
                )
        return str(self._url)

    def identity(self) -> Json:
        """Return the variant's own identity; the address without user name and password."""
        identity = self._variant.identity()
        if self._variant.base_url:
            with suppress(httpx.InvalidURL):
                url = httpx.URL(self._variant.base_url)
                identity["base_url"] = str(url.copy_with(username=None, password=None))
        return identity

    def connect(self) -> Connection:
        """Return a new connection; nothing is sent yet."""
        if self._url is None:
            raise LaunchError(f"variant {self._variant.name!r}: start() was not called")
        return OpenAIConnection(self._variant, self._url, self._key, self._references)

    def served_as(self) -> ServedAs:
        """Ask ``/models``, and llama.cpp's ``/props``; what neither tells is None."""
        if self._url is None:
            return ServedAs()
        url, deadline = self._url, Deadline(_ASK_S)
        with new_client(self._key) as client:
            models = _ask(client, below(url, "models"), deadline).get("data")
            props = _ask(client, at_root(url, "/props"), deadline)
        model = _pick_model(models, self._variant.model)
        meta = model.get("meta")
        ftype = meta.get("ftype") if isinstance(meta, dict) else None
        return ServedAs(
            model=self._told(model.get("id")),
            quantization=self._told(ftype) or self._told(props.get("model_ftype")),
            version=self._told(props.get("build_info")),
        )

    def _told(self, value: Any) -> str | None:
        """Return a server's word for itself, without our key, should it echo that."""
        if not isinstance(value, str) or not value:
            return None
        return one_line(scrub(value, secrets_of(self._key)))

    def stop(self) -> None:
        """Forget the key; the server is not ours."""
        self._url, self._key = None, ""


def check_options(variant: Variant, known: tuple[str, ...]) -> None:
    """Refuse options that nothing reads: a typo would change what is compared.

    Raises:
        ValueError: with the nearest known option.
    """
    for name in variant.options:
        if name not in known:
            raise ValueError(f"unknown option {name!r}; {did_you_mean(name, known)}")
    if not isinstance(variant.options.get("extra_body", {}), dict):
        raise ValueError("option 'extra_body' must be a map of request fields")
    dialect = variant.options.get("reference", "auto")
    if dialect not in DIALECTS:
        raise ValueError(
            f"option 'reference' cannot be {dialect!r:.40}; {did_you_mean(str(dialect), DIALECTS)}"
        )
    for name in _OURS.intersection(variant.options.get("extra_body", {})):
        raise ValueError(f"option 'extra_body' must not set {name!r}")


def _parse_url(variant: Variant) -> httpx.URL:
    try:
        url = httpx.URL(variant.base_url or "")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise LaunchError(
            f"variant {variant.name!r}: base_url must be an address such as "
            "http://127.0.0.1:8000/v1"
        )
    if url.userinfo:
        raise LaunchError(
            f"variant {variant.name!r}: base_url holds a user name or password; use api_key_env"
        )
    return url


def _read_key(name: str) -> str:
    key = os.environ.get(name, "").strip()  # a secret read from a file often ends with a newline
    return key if key.isascii() and key.isprintable() and " " not in key else ""


def _ask(client: httpx.Client, url: httpx.URL, deadline: Deadline) -> Json:
    """GET a JSON object; anything else, or too late, is an empty one."""
    with suppress(httpx.HTTPError, _wire.MalformedError, ValueError, RecursionError):
        extensions = {"timeout": deadline, "trace": deadline.trace}
        with client.stream("GET", url, extensions=extensions) as response:
            if response.is_success:
                value = json.loads(b"".join(body_of(response, deadline)))
                return value if isinstance(value, dict) else {}
    return {}


def _pick_model(models: Any, name: str) -> Json:
    """Return the entry of the model that is asked for, else the only one."""
    found = [m for m in models if isinstance(m, dict)] if isinstance(models, list) else []
    named = [model for model in found if model.get("id") == name]
    if named or len(found) == 1:
        return (named or found)[0]
    return {}
