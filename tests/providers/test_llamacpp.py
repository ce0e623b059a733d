"""The llama.cpp provider, on the real server with the embedded model."""

from __future__ import annotations

import builtins
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import Steady

from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.engine.complete import CompletionEngine, Job
from pytest_quantguard.errors import LaunchError, RefusedError
from pytest_quantguard.providers import llamacpp
from pytest_quantguard.providers.llamacpp import LlamaCppProvider, content_hash
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Variant
from scripted_server import Exchange, ScriptedServer, says

QUESTIONS = [
    "What is the total for 3 x 45 EUR?",
    "Where is my parcel 88213?",
    "When are you open?",
    "Please refund order 628657641, 876.03 EUR.",
]
TOOLS = tuple(json.loads((Path(__file__).parents[2] / "golden" / "tools.json").read_text("utf-8")))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def variant(models: Path, model: str = "embedded:q8_0", **options: Any) -> Variant:
    return Variant(
        name="tiny",
        provider="llamacpp",
        model=model,
        concurrency=2,
        options={"model_folder": str(models), "n_threads": 1, "ctx": 512, **options},
    )


@pytest.fixture(scope="module")
def served(models: Path) -> Iterator[LlamaCppProvider]:
    """Return a provider whose server runs."""
    provider = LlamaCppProvider(variant(models))
    provider.start()
    yield provider
    provider.stop()


def request(text: str, **params: Any) -> CompletionRequest:
    return CompletionRequest(
        messages=({"role": "user", "content": text},),
        params={"temperature": 0, "seed": 1, "max_tokens": 40, **params},
    )


def answers(provider: LlamaCppProvider) -> list[tuple[str, str | None, int | None]]:
    """Return what does not depend on time, for all questions."""
    connection = Steady(provider.connect())
    try:
        found = [connection.complete(request(text)) for text in QUESTIONS]
    finally:
        connection.close()
    return [(one.text, one.finish_reason, one.usage.completion_tokens) for one in found]


def test_real_answer(served: LlamaCppProvider) -> None:
    """Text, tokens, times and names come from the real server."""
    connection = Steady(served.connect())
    began = time.monotonic()
    found = connection.complete(request(QUESTIONS[0]))
    took_s = time.monotonic() - began
    connection.close()

    assert found.text.strip()
    assert found.finish_reason in ("stop", "length")
    assert found.usage.prompt_tokens
    assert found.usage.completion_tokens
    assert found.ttft_s is not None
    assert 0 < found.ttft_s <= found.latency_s <= took_s
    assert found.served_as == "tiny"


def test_answers_repeat(served: LlamaCppProvider, models: Path) -> None:
    """The same questions again, in the same server and in a new one, give the same answers."""
    first = answers(served)
    second = LlamaCppProvider(variant(models))
    second.start()
    again = answers(second)
    second.stop()

    assert answers(served) == first
    assert again == first


def test_tool_calls_are_read(served: LlamaCppProvider) -> None:
    """A call that the server itself parses and streams in pieces arrives whole."""
    asked = replace(request(QUESTIONS[3], max_tokens=200, tool_choice="required"), tools=TOOLS)
    connection = Steady(served.connect())
    found = connection.complete(asked)
    connection.close()

    assert [call.name for call in found.tool_calls] == ["refund_order"]
    assert found.tool_calls[0].arguments_text.startswith("{")
    assert found.finish_reason in ("tool_calls", "length", "stop")


def test_server_says_what_it_serves(served: LlamaCppProvider) -> None:
    """The format is read from the loaded file, not from our configuration."""
    found = served.served_as()

    assert (found.model, found.quantization) == ("tiny", "Q8_0")
    assert (found.context, found.models) == (512, ("tiny",))
    assert found.version
    assert found.memory_bytes
    assert 10**6 < found.memory_bytes < 10**8


@pytest.mark.parametrize("dialect", ["auto", "llamacpp"])
def test_any_client_is_told_the_same(served: LlamaCppProvider, dialect: str) -> None:
    """Whoever started the server: its kind is told, or found out."""
    there = OpenAIProvider(
        Variant(name="x", provider="openai", model="tiny", base_url=served.start(), dialect=dialect)
    )
    there.start()

    assert there.served_as() == served.served_as()


@pytest.mark.parametrize(
    ("question", "params", "called"),
    [
        (QUESTIONS[2], {}, []),
        (QUESTIONS[3], {"tool_choice": "required", "max_tokens": 200}, ["refund_order"]),
    ],
)
def test_two_languages_one_answer(
    served: LlamaCppProvider, question: str, params: dict[str, Any], called: list[str]
) -> None:
    """llama.cpp speaks the Anthropic messages API too: asked by it, the model says the same, calls
    the same and counts the same."""
    found = []
    for dialect in ("llamacpp", "anthropic"):
        there = OpenAIProvider(
            Variant(
                name="x",
                provider="openai",
                model="tiny",
                base_url=served.start(),
                dialect=dialect,
                options={"extra_body": {"cache_prompt": False}},
            )
        )
        there.start()
        line = there.connect()
        system = {"role": "system", "content": "You work for a help desk."}
        asked, tools = request(question, **params), TOOLS if called else ()
        one = line.complete(replace(asked, messages=(system, *asked.messages), tools=tools))
        line.close()
        calls = [(call.name, json.loads(call.arguments_text)) for call in one.tool_calls]
        counts = (one.usage.prompt_tokens, one.usage.completion_tokens)
        found.append((one.text, calls, counts, one.finish_reason, one.served_as))
        assert one.ttft_s is not None

    assert found[0] == found[1]
    assert called == [name for name, _ in found[0][1]]


def test_too_long_a_prompt_is_refused(served: LlamaCppProvider) -> None:
    """That case's error, in the server's words; the server goes on."""
    connection = Steady(served.connect())
    with pytest.raises(RefusedError, match=r"HTTP 400: .*context") as caught:
        connection.complete(request("word " * 3000))
    assert not caught.value.final
    assert connection.complete(request(QUESTIONS[0])).text
    connection.close()


@pytest.mark.parametrize("slots", [1, 2])
def test_no_more_requests_than_slots(models: Path, slots: int) -> None:
    """Waits in the server's queue would count as latency, and shared batches change answers."""
    together = threading.Barrier(slots)

    def reply(exchange: Exchange) -> None:
        together.wait(60)  # as many as there are slots do come, however busy the machine is
        says("fine", 0.05)(exchange)

    with ScriptedServer(default=reply) as server:
        asked = replace(variant(models, n_parallel=slots), base_url=server.url)
        provider = LlamaCppProvider(asked)
        provider.start()
        lines = [provider.connect() for _ in range(4)]
        found: list[Completion] = []
        threads = [
            threading.Thread(target=lambda line=line: found.append(line.complete(request("x"))))
            for line in lines
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for line in lines:
            line.close()

    assert server.peak == slots
    assert len(found) == 4
    assert [body["cache_prompt"] for body in server.bodies] == [False] * 4


def test_engine_on_the_real_server(models: Path, tmp_path: Path) -> None:
    """Two formats side by side; a second run asks nothing, starts nothing, and is the same."""
    runs = []
    for _ in range(2):
        known = {name: variant(models, f"embedded:{name}") for name in ("f16", "q4_0")}
        known = {name: replace(one, name=name) for name, one in known.items()}
        providers = {name: LlamaCppProvider(one) for name, one in known.items()}
        engine = CompletionEngine(CompletionCache(tmp_path / "cache"), providers, known)
        jobs = [Job(variant=name, request=request(q)) for q in QUESTIONS for name in known]
        engine.plan(jobs)
        engine.start()
        runs.append([engine.get(job).completion for job in jobs])
        started = [provider._server is not None for provider in providers.values()]
        engine.close()
        assert [one._server for one in providers.values()] == [None, None]

    assert started == [False, False]
    assert None not in runs[0]
    assert runs[0] == runs[1]


# --- identity ---------------------------------------------------------------------------


def test_identity_is_the_content(models: Path, tmp_path: Path) -> None:
    """Another format is another identity; another place, name or address is the same one."""
    q8 = LlamaCppProvider(variant(models)).identity()
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(next(models.glob("*q8_0*")).read_bytes())
    same = variant(tmp_path / "elsewhere", str(copy))

    assert LlamaCppProvider(same).identity() == q8
    assert LlamaCppProvider(replace(same, base_url="http://127.0.0.1:1/v1")).identity() == q8
    assert LlamaCppProvider(variant(models, "embedded:f16")).identity() != q8
    assert LlamaCppProvider(variant(models, cache_type_k="q4_0")).identity() != q8
    assert str(models) not in repr(q8)


def test_content_hash_of_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files are sampled, ends included; a changed file is hashed again."""
    path = tmp_path / "big"
    path.write_bytes(bytes(10_000))
    whole = content_hash(path)
    monkeypatch.setattr(llamacpp, "_WHOLE_FILE", 1_000)
    monkeypatch.setattr(llamacpp, "_SAMPLE", 10)
    llamacpp._content_hash.cache_clear()
    found = {whole, content_hash(path)}
    for place, size in ((0, 10_000), (9_999, 10_000), (5, 10_001)):
        changed_ns = path.stat().st_mtime_ns + 1_000_000_000  # some clocks of files are coarse
        data = bytearray(size)
        data[place] = 1
        path.write_bytes(data)
        os.utime(path, ns=(changed_ns, changed_ns))
        found.add(content_hash(path))

    assert len(found) == 5
    assert content_hash(path) == content_hash(path)


def test_running_server_is_used(served: LlamaCppProvider, models: Path) -> None:
    """With an address nothing is launched; the controller's server serves all workers."""
    worker = LlamaCppProvider(replace(variant(models), base_url=served.start()))

    assert worker.start() == served.start()
    assert worker._server is None
    assert answers(worker) == answers(served)
    worker.stop()
    assert answers(served)


# --- what does not start ----------------------------------------------------------------


@pytest.mark.parametrize("how", ["missing", "folder", "foreign", "cut", "scheme"])
def test_files_that_cannot_be_served(
    models: Path, tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The reason, the path and a way out; llama.cpp prints nothing."""
    path = tmp_path / "model.gguf"
    if how == "folder":
        path.mkdir()
    elif how == "foreign":
        path.write_bytes(b"no model")
    elif how == "cut":
        LlamaCppProvider(variant(models)).identity()
        path.write_bytes(next(models.glob("*q8_0*")).read_bytes()[:1_000_000])
    provider = LlamaCppProvider(variant(models, "embedded:q9" if how == "scheme" else str(path)))
    words = {
        "missing": f"cannot read the model {path}: No such file or directory; 'model' must be",
        "folder": f"cannot read the model {path}: Is a directory",
        "foreign": f"{path} is no GGUF file; download or convert it again",
        "cut": f"could not load {path}: the file is cut off",
        "scheme": "unknown scheme 'q9' of the embedded model; allowed: f16",
    }
    with pytest.raises(LaunchError) as caught:
        provider.start()
    provider.stop()
    gc.collect()

    assert str(caught.value).startswith("variant 'tiny': ")
    assert words[how] in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_missing_package(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message holds the command that installs it."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "xllamacpp":
            raise ImportError("No module named 'xllamacpp'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LaunchError, match=r'run pip install "pytest-quantguard\[llamacpp\]"'):
        LlamaCppProvider(variant(models)).start()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_thread": 2}, "unknown option 'n_thread'; did you mean 'n_threads'"),
        ({"ctx": 0}, "option 'ctx': 0 is no whole number above 0"),
        ({"n_threads": "2"}, "option 'n_threads': '2' is no whole number"),
    ],
)
def test_wrong_options(models: Path, options: dict[str, Any], words: str) -> None:
    """Mistakes are found when the provider is made, before anything starts."""
    with pytest.raises(ValueError, match=words):
        LlamaCppProvider(variant(models, **options))


def test_slots_need_a_context() -> None:
    """llama.cpp shares one context among slots: answers would be cut short unseen."""
    with pytest.raises(ValueError, match="'n_parallel' needs 'ctx'"):
        LlamaCppProvider(
            Variant(name="x", provider="llamacpp", model="x", options={"n_parallel": 4})
        )


def test_kv_cache_format(models: Path) -> None:
    """A quantized KV cache is a candidate of its own; an unknown format is refused."""
    provider = LlamaCppProvider(variant(models, cache_type_k="q4_0", cache_type_v="q4_0"))
    provider.start()
    assert len(answers(provider)) == len(QUESTIONS)
    provider.stop()
    with pytest.raises(LaunchError, match=r"cache_type_k cannot be 'q4'; did you mean 'q4_"):
        LlamaCppProvider(variant(models, cache_type_k="q4")).start()


def test_model_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Option, then environment, then the user's cache folder."""

    def folder(**options: Any) -> Path:
        return llamacpp._model_folder(replace(variant(tmp_path), options=options))

    monkeypatch.setenv("QUANTGUARD_MODEL_DIR", str(tmp_path / "env"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert folder(model_folder=str(tmp_path / "option")) == tmp_path / "option"
    assert folder() == tmp_path / "env"
    monkeypatch.delenv("QUANTGUARD_MODEL_DIR")
    assert folder() == tmp_path / "xdg" / "pytest-quantguard" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert folder() == Path.home() / ".cache" / "pytest-quantguard" / "models"


def test_a_server_that_is_stopped_at_once_ends(models):
    """It listens before it works on its queue; told to end in between, it would never hear it."""
    program = (
        "import sys\n"
        "from pytest_quantguard.providers.llamacpp import LlamaCppProvider as Provider\n"
        "from pytest_quantguard.variants import Variant\n"
        "variant = Variant(name='tiny', provider='llamacpp', model='embedded:q8_0',\n"
        "                  options={'model_folder': sys.argv[1]})\n"
        "for _ in range(15):\n"
        "    provider = Provider(variant)\n"
        "    provider.start()\n"
        "    provider.stop()\n"
    )
    command = [sys.executable, "-c", program, str(models)]

    assert 0 == subprocess.run(command, timeout=300, check=False).returncode
