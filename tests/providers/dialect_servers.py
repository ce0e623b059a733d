"""What each kind of server sends, byte by byte: the shapes that its own source or manual gives.

Only llama.cpp is run for real in these tests. The others are played by the scripted server, with
the shapes of: vLLM 0.33 (``chat_completion/serving.py``), SGLang 0.5.23 (``http_server.py``,
``protocol.py``), Ollama at fb30760 (``openai/openai.go``, ``api/types.go``), TGI 3.3 and before 3.0
(``router/src/chat.rs``, ``lib.rs``), OpenRouter and Anthropic (their manuals, 2026-11), OpenAI.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from scripted_server import event

MODEL = "my-model"
WEATHER = '{"city": "Zürich"}'


@dataclass(frozen=True)
class Shape:
    """What a kind of server sends, and what has to be read from it."""

    dialect: str
    stream: tuple[str, ...]
    """Thinks "hm, so", says "It is 7." and calls ``weather``, where the server can."""
    reasoning: str = "hm, so"
    usage: tuple[int | None, ...] = (9, 5, None, None)
    """Tokens of prompt and answer, cached ones, reasoning."""
    model: str = MODEL
    fingerprint: str | None = None
    late_error: str = ""
    """An event that ends a stream badly; the server calls itself "overloaded"."""
    late_status: int = 500
    pages: dict[str, Any] = field(default_factory=dict)
    served: dict[str, Any] = field(default_factory=dict)
    """Fields of `ServedAs` beside ``model`` and ``models``."""


def chunk(delta: Any = None, finish: str | None = None, **more: Any) -> str:
    """Return one event of a chat completion."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return event({**body, "choices": choices, **more})


def call(*, index: int | None = 0, arguments: Any, name: str | None = None, **more: Any) -> Any:
    """Return a piece of a tool call."""
    function = {"name": name, "arguments": arguments}
    return {**({} if index is None else {"index": index}), "function": function, **more}


def counts(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    """Return usage."""
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **more}


def listed(owner: str, **more: Any) -> dict[str, Any]:
    """Return a list of two models, the second of which is ours."""
    other = {"id": "other", "object": "model", "created": 1, "owned_by": owner}
    return {"object": "list", "data": [other, {**other, "id": MODEL, **more}]}


OPENAI = Shape(
    dialect="openai",
    stream=(
        chunk({"role": "assistant", "content": "", "refusal": None}, system_fingerprint="fp_44"),
        chunk({"content": "It is 7."}),
        chunk({"tool_calls": [call(name="weather", arguments="", id="call_1", type="function")]}),
        chunk({"tool_calls": [call(arguments='{"city": ')]}),
        chunk({"tool_calls": [call(arguments='"Zürich"}')]}),
        chunk({}, "tool_calls", usage=None),
        chunk(
            usage=counts(
                9,
                5,
                prompt_tokens_details={"cached_tokens": 4, "audio_tokens": 0},
                completion_tokens_details={"reasoning_tokens": 2},
            )
        ),
        event("[DONE]"),
    ),
    reasoning="",
    usage=(9, 5, 4, 2),
    fingerprint="fp_44",
    late_error=event({"error": {"message": "overloaded", "type": "server_error", "code": None}}),
    pages={"/v1/models": listed("system")},
)
VLLM = Shape(
    dialect="vllm",
    stream=(
        # Usage in every piece: stream_options.continuous_usage_stats.
        chunk({"role": "assistant", "content": "", "reasoning": None}, usage=counts(9, 0)),
        chunk({"reasoning": "hm,"}, usage=counts(9, 1)),
        chunk({"reasoning": " so"}, usage=counts(9, 2)),
        chunk({"content": "It is 7."}, usage=counts(9, 3)),
        chunk(
            {"tool_calls": [call(name="weather", arguments=None, id="c1", type="function")]},
            usage=counts(9, 4),
        ),
        chunk({"tool_calls": [call(arguments=WEATHER)]}, usage=counts(9, 5)),
        chunk({"content": ""}, "tool_calls", usage=counts(9, 5), system_fingerprint="vllm-0.33-ab"),
        chunk(usage=counts(9, 5, prompt_tokens_details={"cached_tokens": 8})),
        event("[DONE]"),
    ),
    usage=(9, 5, 8, None),
    fingerprint="vllm-0.33-ab",
    late_error=event({"error": {"message": "overloaded", "type": "BadRequest", "code": 503}}),
    late_status=503,
    pages={
        "/v1/models": listed("vllm", root="/models/awq", parent=None, max_model_len=8192),
        "/version": {"version": "0.33.0"},
        "/server_info?config_format=json": {
            "vllm_config": {
                "model_config": {"dtype": "torch.float16", "quantization": "awq_marlin"},
                "cache_config": {"cache_dtype": "fp8"},
            },
            "vllm_env": {},
        },
    },
    served={
        "quantization": "awq_marlin",
        "version": "0.33.0",
        "kv_cache": "fp8",
        "context": 8192,
    },
)
SGLANG = Shape(
    dialect="sglang",
    stream=(
        chunk({"role": "assistant", "content": "", "reasoning_content": None, "tool_calls": None}),
        chunk({"role": None, "content": None, "reasoning_content": "hm, so"}),
        chunk({"role": None, "content": "It is 7.", "reasoning_content": None}),
        chunk({"tool_calls": [call(name="weather", arguments="", id="c1", type="function")]}),
        chunk({"tool_calls": [call(arguments=WEATHER, id=None, type="function")]}),
        chunk({"content": None}, "tool_calls", usage=None),
        chunk(usage=counts(9, 5, prompt_tokens_details={"cached_tokens": 3}, reasoning_tokens=2)),
        event("[DONE]"),
    ),
    usage=(9, 5, 3, 2),
    late_error=event(
        {"error": {"object": "error", "message": "overloaded", "type": "x", "code": 503}}
    ),
    late_status=503,
    pages={
        "/v1/models": listed("sglang", root=MODEL, max_model_len=32768),
        "/get_server_info": {
            "model_path": "/models/fp8",
            "quantization": None,
            "dtype": "bfloat16",
            "kv_cache_dtype": "auto",
            "context_length": None,
            "internal_states": [{"memory_usage": {"weight": 1.5, "kvcache": 40.0}}],
            "version": "0.5.23",
        },
    },
    served={
        "quantization": "bf16",
        "version": "0.5.23",
        "context": 32768,
        "memory_bytes": 3 * 2**29,
    },
)
LLAMACPP = Shape(
    dialect="llamacpp",
    stream=(
        chunk({"role": "assistant", "content": None}, system_fingerprint="b6000-abc"),
        chunk({"reasoning_content": "hm, so"}),
        chunk({"content": "It is 7."}),
        chunk({"tool_calls": [call(name="weather", arguments="", id="c1", type="function")]}),
        chunk({"tool_calls": [call(arguments=WEATHER)]}),
        chunk({}, "tool_calls"),
        chunk(usage=counts(9, 5, prompt_tokens_details={"cached_tokens": 0}), timings={}),
        event("[DONE]"),
    ),
    usage=(9, 5, 0, None),
    fingerprint="b6000-abc",
    late_error='error: {"code":503,"message":"overloaded","type":"unavailable_error"}\n\n',
    late_status=503,
    pages={
        "/v1/models": {
            "object": "list",
            "data": [
                {
                    "id": MODEL,
                    "owned_by": "llamacpp",
                    "meta": {"n_params": 8, "size": 4_000_000, "ftype": "Q4_K - Medium"},
                }
            ],
        },
        "/props": {
            "default_generation_settings": {"n_ctx": 4096},
            "build_info": "b6000-abc",
            "model_ftype": "Q4_K - Medium",
        },
    },
    served={
        "quantization": "Q4_K - Medium",
        "version": "b6000-abc",
        "context": 4096,
        "memory_bytes": 4_000_000,
    },
)
OLLAMA = Shape(
    dialect="ollama",
    stream=(
        chunk({"role": "assistant", "content": "", "reasoning": "hm, so"}),
        chunk({"role": "assistant", "content": "It is 7."}, system_fingerprint="fp_ollama"),
        chunk(
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [call(name="weather", arguments=WEATHER, id="c1", type="function")],
            }
        ),
        chunk({"role": "assistant", "content": ""}, "tool_calls", system_fingerprint="fp_ollama"),
        chunk(usage=counts(9, 5), system_fingerprint="fp_ollama"),
        event("[DONE]"),
    ),
    late_error=event({"error": {"message": "overloaded", "type": "api_error", "code": None}}),
    pages={
        "/v1/models": listed("library"),
        "/api/ps": {
            "models": [
                {
                    "name": f"{MODEL}:latest",
                    "model": f"{MODEL}:latest",
                    "size": 6_000_000,
                    "size_vram": 5_000_000,
                    "context_length": 4096,
                },
                {"name": "other:latest", "size": 1, "size_vram": 1, "context_length": 1},
            ]
        },
        "/api/show": {"details": {"format": "gguf", "quantization_level": "Q4_K_M"}},
        "/api/version": {"version": "0.13.1"},
    },
    served={
        "quantization": "Q4_K_M",
        "version": "0.13.1",
        "context": 4096,
        "memory_bytes": 5_000_000,
    },
)
TGI = Shape(
    dialect="tgi",
    stream=(
        chunk({"role": "assistant", "content": "It is 7."}, system_fingerprint="3.3.4-sha-ab"),
        # Before 3.0 the one call stands there bare, not in a list.
        chunk({"tool_calls": call(name="weather", arguments=WEATHER, id="0", type="function")}),
        chunk({"role": "assistant", "content": ""}, "tool_calls"),
        chunk(usage=counts(9, 5)),
        event("[DONE]"),
    ),
    reasoning="",
    fingerprint="3.3.4-sha-ab",
    late_error=event({"error": {"message": "overloaded", "http_status_code": 424}}),
    late_status=424,
    pages={
        "/v1/models": {"object": "list", "data": [{"id": MODEL, "owned_by": MODEL}]},
        "/info": {"model_id": "org/model", "max_total_tokens": 2048, "version": "3.3.4"},
    },
    served={"version": "3.3.4", "context": 2048},
)
OPENROUTER = Shape(
    dialect="openrouter",
    stream=(
        ": OPENROUTER PROCESSING\n\n",
        chunk(
            {
                "role": "assistant",
                "content": "",
                # The same twice, in two forms.
                "reasoning": "hm, so",
                "reasoning_details": [{"type": "reasoning.text", "text": "hm, so"}],
            },
            provider="Some",
        ),
        chunk({"content": "It is 7."}),
        chunk({"tool_calls": [call(name="weather", arguments=WEATHER, id="c1", type="function")]}),
        chunk({"content": ""}, "tool_calls", native_finish_reason="tool_use"),
        chunk(
            {"role": "assistant", "content": ""},
            usage=counts(9, 5, completion_tokens_details={"reasoning_tokens": 2}, cost=0.1),
        ),
        event("[DONE]"),
    ),
    usage=(9, 5, None, 2),
    late_error=event(
        {
            "error": {"code": 502, "message": "overloaded"},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        }
    ),
    late_status=502,
    pages={
        "/v1/models": {"data": [{"id": MODEL, "context_length": 131072}]},
        f"/v1/models/{MODEL}/endpoints": {
            "data": {"endpoints": [{"quantization": "fp8"}, {"quantization": "fp8"}]}
        },
    },
    served={"quantization": "fp8", "context": 131072},
)
GROQ = Shape(
    dialect="auto",
    stream=(
        chunk({"role": "assistant", "content": ""}, x_groq={"id": "r"}),
        chunk({"reasoning": "hm, so"}),
        chunk({"content": "It is 7."}),
        chunk({"tool_calls": [call(name="weather", arguments=WEATHER, id="c1", type="function")]}),
        chunk({}, "tool_calls", x_groq={"id": "r", "usage": counts(9, 5)}),
        event("[DONE]"),
    ),
    late_error=event({"error": {"message": "overloaded", "code": "rate_limit_exceeded"}}),
    late_status=429,
    pages={"/v1/models": listed("Meta", context_window=131072)},
)


def named(data: dict[str, Any]) -> str:
    """Return an event with its name, as Anthropic sends them."""
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> tuple[str, ...]:
    """Return the events of one block of content."""
    return (
        named({"type": "content_block_start", "index": index, "content_block": start}),
        *(named({"type": "content_block_delta", "index": index, "delta": d}) for d in deltas),
        named({"type": "content_block_stop", "index": index}),
    )


def begun(**usage: int) -> str:
    """Return the first event of Anthropic's stream."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    return named({"type": "message_start", "message": {**message, "usage": usage}})


def stopped(reason: str, **usage: int) -> tuple[str, str]:
    """Return the last two events of Anthropic's stream."""
    delta = {"stop_reason": reason, "stop_sequence": None}
    return (
        named({"type": "message_delta", "delta": delta, "usage": usage}),
        named({"type": "message_stop"}),
    )


ANTHROPIC = Shape(
    dialect="anthropic",
    stream=(
        begun(
            input_tokens=2,
            cache_creation_input_tokens=3,
            cache_read_input_tokens=4,
            output_tokens=1,
        ),
        named({"type": "ping"}),
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm,"},
            {"type": "thinking_delta", "thinking": " so"},
            {"type": "signature_delta", "signature": "Eq"},
        ),
        *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "It is 7."}),
        *block(
            2,
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"city": '},
            {"type": "input_json_delta", "partial_json": '"Zürich"}'},
        ),
        *stopped("tool_use", output_tokens=5),
    ),
    usage=(9, 5, 4, None),
    late_error=named(
        {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}}
    ),
    late_status=529,
    pages={
        "/v1/models": {
            "data": [{"type": "model", "id": MODEL, "max_input_tokens": 200_000}],
            "has_more": False,
        }
    },
    served={"context": 200_000},
)

SHAPES = {
    "openai": OPENAI,
    "vllm": VLLM,
    "sglang": SGLANG,
    "llamacpp": LLAMACPP,
    "ollama": OLLAMA,
    "tgi": TGI,
    "openrouter": OPENROUTER,
    "groq": GROQ,
    "anthropic": ANTHROPIC,
}
"""By name of the server."""
