"""How servers differ, as records: one per kind of server, none of them an ``if`` in the exchange.

The first one, ``auto``, is what is spoken to a server that nobody has told us anything about: it
costs no request to find out, and reads whatever shape comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard.errors import did_you_mean
from pytest_quantguard.providers import _anthropic
from pytest_quantguard.providers._wire import REASONING, Decode, Draft
from pytest_quantguard.types import CompletionRequest, Json

_NOTHING_ASKED: Mapping[str, Any] = {
    "frequency_penalty": 0,
    "logprobs": False,
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "tool_choice": "auto",
    "top_logprobs": 0,
}
"""Values that say what holds anyway: a server that does not know the parameter loses nothing."""
_LIMITS = ("max_tokens", "max_completion_tokens")
MODEL = "{model}"
"""Stands for the model's name in pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page on which a server describes itself.

    ``tells`` maps fields of `ServedAs` to the places where their value may stand; the first that
    holds something counts. A place is keys and list indexes, joined by dots; ``*`` is the entry of
    a list that is about our model, ``=`` what all entries of a list agree on. ``memory_gib`` is
    ``memory_bytes`` in GiB.
    """

    paths: tuple[str, ...]
    """Below base_url or, with a slash, below the server's root; the first that answers. `MODEL` in
    it is the model's name."""
    tells: Mapping[str, tuple[str, ...]]
    send: Mapping[str, str] | None = None
    """A body that is posted; None: the page is got."""


_MODELS = Page(
    paths=("models",),
    tells={
        "model": ("data.*.id",),
        "quantization": ("data.*.meta.ftype",),
        "context": ("data.*.max_model_len", "data.*.context_length", "data.*.max_input_tokens"),
        "memory_bytes": ("data.*.meta.size",),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What is particular about one kind of server."""

    name: str
    path: str = "chat/completions"
    """Where completions are asked for, below base_url."""
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers that every request needs."""
    length_limit: str = ""
    """What it calls the longest answer; empty = as the request has it."""
    usage_in_streams: bool = True
    """Whether usage has to be asked for with ``stream_options``."""
    logprobs_beside_tools: bool = True
    """Whether log-probs are streamed where tools are given."""
    reasoning: tuple[str, ...] = REASONING
    """Fields that hold what the model thought before it answered."""
    no_arguments: str = ""
    """What stands for the arguments of a tool call that nothing was written of."""
    encode: Callable[[Json], Json] | None = None
    """Turns the body of a chat completion into what this server takes."""
    decode: Decode | None = None
    """Turns what comes back into pieces of a chat completion."""

    knows: frozenset[str] | None = None
    """The only parameters there are; None = nobody can tell."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Parameters that it ignores without a word, and what to do instead."""
    left_out: frozenset[str] = frozenset()
    """Parameters that it lacks and that only make answers repeat: they are not sent."""
    needs_limit: bool = False
    """Whether every request has to say how long the answer may be."""
    misfit: Callable[[CompletionRequest], str] | None = None
    """Says what of the messages it cannot be given."""

    reference: str = ""
    """How it is asked how likely it finds an answer: ``llamacpp``, ``vllm``, ``auto``; or not."""
    owned_by: frozenset[str] = frozenset()
    """What stands as ``owned_by`` in its list of models: by this it is told apart."""
    sign: tuple[str, ...] = ()
    """A page that only this kind of server has, then the keys of which it has one."""
    pages: tuple[Page, ...] = (_MODELS,)

    def body(self, model: str, request: CompletionRequest, extra: Mapping[str, Any]) -> Json:
        """Return what is sent; ``extra`` wins over the request and is sent as it stands."""
        body: Json = {"model": model, **request.body()}
        if self.encode is None:
            body.update(extra)
        for name in self.left_out:
            body.pop(name, None)
        if self.length_limit:
            given = [body.pop(name) for name in _LIMITS if name in body]
            if given:
                body[self.length_limit] = given[0]
        if self.encode is not None:
            body = {**self.encode(body), **extra}
        if self.logprobs_beside_tools or not (body.get("logprobs") and body.get("tools")):
            body["stream"] = True
            if self.usage_in_streams:
                body["stream_options"] = {"include_usage": True}
        return body

    def draft(self) -> Draft:
        """Return what puts an answer of this server together."""
        return Draft(self.decode, self.reasoning, self.no_arguments)

    def unfit(self, request: CompletionRequest, extra: Mapping[str, Any]) -> str:
        """Say in one sentence what of a request this server would not do; empty when it does all.

        ``extra`` are the fields that are added to it.
        """
        if self.lacks:
            for name, remedy in self.lacks.items():
                asked = request.params.get(name, extra.get(name))
                if asked is not None and asked != _NOTHING_ASKED.get(name):
                    return f"{self.name} ignores {name!r} without a word; {remedy}"
        if self.knows is not None:
            for name in sorted(request.params.keys() - self.knows - self.left_out):
                if request.params[name] not in (None, _NOTHING_ASKED.get(name)):
                    return (
                        f"{self.name} does not know {name!r}; leave it out of the request, "
                        "so that both arms are asked the same"
                    )
        if self.needs_limit and not any(request.params.get(n) or extra.get(n) for n in _LIMITS):
            return f"{self.name} has to be told how long an answer may be; give 'max_tokens'"
        if self.misfit is not None and (why := self.misfit(request)):
            return f"{self.name} {why}"
        return ""

    def omitted(self, request: CompletionRequest) -> str:
        """Say in one sentence what of a request is not sent; empty when all is."""
        names = sorted(self.left_out & request.params.keys()) if self.left_out else ()
        if not names:
            return ""
        return (
            f"{self.name} has no {' and no '.join(map(repr, names))}, which is left out: its "
            "answers may differ from one run to the next"
        )


_USE_FORMAT = "use response_format, which vLLM, SGLang and llama.cpp know"
_GUIDED = (
    *("guided_choice", "guided_decoding_backend", "guided_grammar", "guided_json"),
    *("guided_regex", "guided_whitespace_pattern"),
)
_TAKE_OUT = "leave it out, or ask a server that knows it"

_RECORDS = (
    Dialect(name="auto", logprobs_beside_tools=False, reference="auto"),
    Dialect(
        name="openai",
        length_limit="max_completion_tokens",
        owned_by=frozenset({"openai", "openai-internal", "system"}),
    ),
    Dialect(
        name="azure",
        key_header="api-key",
        key_prefix="",
        length_limit="max_completion_tokens",
    ),
    Dialect(
        name="openrouter",
        reasoning=("reasoning", "reasoning_content"),
        pages=(
            _MODELS,
            Page(
                paths=(f"models/{MODEL}/endpoints",),
                tells={"quantization": ("data.endpoints.=.quantization",)},
            ),
        ),
    ),
    Dialect(
        name="vllm",
        reasoning=("reasoning", "reasoning_content"),
        lacks=dict.fromkeys(_GUIDED, f"since 0.12 {_USE_FORMAT}"),
        reference="vllm",
        owned_by=frozenset({"vllm"}),
        pages=(
            _MODELS,
            Page(paths=("/version",), tells={"version": ("version",)}),
            Page(
                paths=("/server_info?config_format=json",),
                tells={
                    "quantization": (
                        "vllm_config.model_config.quantization",
                        "vllm_config.model_config.dtype",
                    ),
                    "kv_cache": ("vllm_config.cache_config.cache_dtype",),
                },
            ),
        ),
    ),
    Dialect(
        name="sglang",
        owned_by=frozenset({"sglang"}),
        pages=(
            _MODELS,
            Page(
                paths=("/server_info", "/get_server_info"),
                tells={
                    "quantization": ("quantization", "dtype"),
                    "kv_cache": ("kv_cache_dtype",),
                    "version": ("version",),
                    "context": ("context_length",),
                    "memory_gib": ("internal_states.0.memory_usage.weight",),
                },
            ),
        ),
    ),
    Dialect(
        name="llamacpp",
        logprobs_beside_tools=False,
        reference="llamacpp",
        owned_by=frozenset({"llamacpp"}),
        sign=("/props", "default_generation_settings", "build_info"),
        pages=(
            _MODELS,
            Page(
                paths=("/props",),
                tells={
                    "quantization": ("model_ftype",),
                    "version": ("build_info",),
                    "context": ("default_generation_settings.n_ctx",),
                },
            ),
        ),
    ),
    Dialect(
        name="ollama",
        length_limit="max_tokens",
        reasoning=("reasoning", "reasoning_content"),
        lacks=dict.fromkeys(("logit_bias", "n", "parallel_tool_calls", "tool_choice"), _TAKE_OUT),
        owned_by=frozenset({"library"}),
        sign=("/api/version", "version"),
        pages=(
            _MODELS,
            Page(
                paths=("/api/show",),
                send={"model": MODEL},
                tells={"quantization": ("details.quantization_level",)},
            ),
            Page(
                paths=("/api/ps",),
                tells={
                    "context": ("models.*.context_length",),
                    "memory_bytes": ("models.*.size_vram", "models.*.size"),
                },
            ),
            Page(paths=("/api/version",), tells={"version": ("version",)}),
        ),
    ),
    Dialect(
        name="tgi",
        length_limit="max_tokens",
        lacks=dict.fromkeys(("parallel_tool_calls", "reasoning_effort"), _TAKE_OUT),
        sign=("/info", "max_total_tokens", "max_input_tokens"),
        pages=(
            _MODELS,
            Page(
                paths=("/info",),
                tells={
                    "model": ("model_id",),
                    "version": ("version",),
                    "context": ("max_total_tokens",),
                },
            ),
        ),
    ),
    Dialect(
        name="anthropic",
        path="messages",
        key_header="x-api-key",
        key_prefix="",
        headers={"anthropic-version": "2023-06-01"},
        length_limit="max_tokens",
        usage_in_streams=False,
        no_arguments="{}",
        encode=_anthropic.encode,
        decode=_anthropic.decode,
        knows=_anthropic.KNOWN,
        left_out=frozenset({"seed"}),
        needs_limit=True,
        misfit=_anthropic.misfit,
    ),
)
DIALECTS: Mapping[str, Dialect] = {record.name: record for record in _RECORDS}
"""Every kind of server, by name."""


def dialect_of(name: str) -> Dialect:
    """Return the record of this name.

    Raises:
        ValueError: there is none; with the nearest name.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        raise ValueError(
            f"dialect cannot be {name!r:.40}; {did_you_mean(name, DIALECTS)}"
        ) from None


def by_owner(owner: Any) -> Dialect | None:
    """Return the kind of server that writes this ``owned_by`` into its list of models."""
    found = (one for one in _RECORDS if isinstance(owner, str) and owner in one.owned_by)
    return next(found, None)


def by_sign(get: Callable[[str, Json | None], Json]) -> Dialect | None:
    """Return the kind of server that has one of the pages by which it is known.

    ``get`` asks for a page (without a body: None) and returns an empty object where there is none.
    """
    for dialect in _RECORDS:
        if dialect.sign and not get(dialect.sign[0], None).keys().isdisjoint(dialect.sign[1:]):
            return dialect
    return None
