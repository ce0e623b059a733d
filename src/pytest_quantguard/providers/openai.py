"""Any server that speaks the OpenAI chat API or one like it: vLLM, SGLang, Ollama, hosted ones."""

from __future__ import annotations

from contextlib import suppress

import httpx

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import LaunchError, did_you_mean
from pytest_quantguard.providers import _access
from pytest_quantguard.providers._connection import OpenAIConnection
from pytest_quantguard.providers._dialects import dialect_of
from pytest_quantguard.providers._http import Reach
from pytest_quantguard.providers._pages import served_as
from pytest_quantguard.providers._reference import DIALECTS, References
from pytest_quantguard.types import CompletionRequest, Json
from pytest_quantguard.variants import ServedAs, Variant

_OPTIONS = ("extra_body", "reference")
_OURS = frozenset(("messages", "model", "stream", "stream_options", "tools"))


class OpenAIProvider:
    """The way to a running server; ``options.extra_body`` is merged into every request.

    ``dialect`` says what kind of server it is; left out, nothing is assumed. ``options.reference``
    says how the server is asked how likely it finds a reference answer: ``llamacpp``, ``vllm``, or
    ``auto``, which follows the dialect, or looks at the server.

    Raises:
        ValueError: an option or a dialect that is not known, or has no usable value.
    """

    def __init__(self, variant: Variant) -> None:
        check_options(variant, _OPTIONS)
        self._dialect = dialect_of(variant.dialect)
        _access.check(variant, self._dialect.key_header)
        self._variant = variant
        self._reach: Reach | None = None
        self._references = References(variant, self._dialect.reference)

    def start(self) -> str:
        """Check the address, read key and headers; returns the base URL.

        Raises:
            LaunchError: no usable base_url; a variable is not set; the key's command failed.
        """
        self._reach = Reach.of(self._variant, self._dialect)
        return str(self._reach.url)

    def identity(self) -> Json:
        """Return the variant's own identity; the address without user name and password."""
        identity = self._variant.identity()
        if self._variant.base_url:
            with suppress(httpx.InvalidURL):
                url = httpx.URL(self._variant.base_url)
                identity["base_url"] = str(url.copy_with(username=None, password=None))
        return identity

    def unfit(self, request: CompletionRequest) -> str:
        """Say which parameter this kind of server does not know; empty when it knows all."""
        return self._dialect.unfit(request, self._variant.options.get("extra_body", {}))

    def omitted(self, request: CompletionRequest) -> str:
        """Say which parameter is not sent, as it only makes answers repeat; empty when all are."""
        return self._dialect.omitted(request)

    def connect(self) -> Connection:
        """Return a new connection; nothing is sent yet."""
        if self._reach is None:
            raise LaunchError(f"variant {self._variant.name!r}: start() was not called")
        return OpenAIConnection(self._variant, self._reach, self._dialect, self._references)

    def served_as(self) -> ServedAs:
        """Ask the pages on which servers of this kind describe themselves; unknown is None."""
        if self._reach is None:
            return ServedAs()
        return served_as(self._reach, self._dialect, self._variant.model)

    def stop(self) -> None:
        """Forget the key; the server is not ours."""
        self._reach = None


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
