"""The embedded model: tokenizer and template against the real server, quantizers, first use."""

from __future__ import annotations

import builtins
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import httpx
import numpy as np
import pytest
import xllamacpp
import yaml

from pytest_quantguard.embedded import SCHEMES, gguf_path, quantize
from pytest_quantguard.embedded.chat import render_chat
from pytest_quantguard.embedded.gguf_writer import (
    SCALES_FILE,
    WEIGHTS_FILE,
    load_arrays,
    write_gguf,
)
from pytest_quantguard.embedded.tokenizer import Tokenizer, split

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "golden"

ODD_TEXTS = [
    "a",
    " ",
    "  two  blanks ",
    "\ttab\n\n\nlines\r\n  \r\n x",
    "0 12 123 1234 12345 123456 1234567 00000000",
    "7" * 50,
    "88213467120-A/4.50;1,000.00",
    "don't DON'T we'll I'M they've 'sixteen' ''s",
    "naïve café Ünïcödé Straße ŁÓDŹ",
    "日本語のテキスト 漢字123かな",
    "Привет, мир! 42 рубля",
    "שלום עולם مرحبا ٣٤٥ हिन्दी १२",
    "½ ² Ⅷ ① x² 10€ 5£",
    "🙂🙃 👩‍👩‍👧 e\u0301 \u200b\u00a0\u2003\u3000z",
    "\u2028line\u2029par\x85nel",
    "<|im_start|>user<|im_end|> <|endoftext|> <|im_start",
    '<tool_call>\n{"name": "x"}\n</tool_call> <tool_call',
    "{{ messages }} {% raw %} \\n \\u0041 \" ' ` $",
    "!!!??? ... --- === ###\n###\n",
    "\x01\x02\x1b[0m \x7f",
    "tab\vvertical\fform",
]


class Server:
    """One llama.cpp server in this process, with what the tests ask of it."""

    def __init__(self, file: Path) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx, params.n_parallel, params.port = 512, 1, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.warmup = params.fit_params = False
        params.verbosity = 0
        self._server = xllamacpp.Server(params)
        self._client = httpx.Client(base_url=self._server.listening_address, timeout=300)

    def post(self, path: str, **body: Any) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def tokens(self, text: str, *, parse_special: bool) -> list[int]:
        body = {"content": text, "add_special": False, "parse_special": parse_special}
        return list(self.post("/tokenize", **body)["tokens"])

    def message(self, prompt: str, **body: Any) -> dict[str, Any]:
        body = {"temperature": 0, "seed": 7, "max_tokens": 96, "cache_prompt": False} | body
        messages = [{"role": "user", "content": prompt}]
        completion = self.post("/v1/chat/completions", messages=messages, **body)
        return dict(completion["choices"][0]["message"])

    def close(self) -> None:
        self._client.close()
        del self._server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    running = Server(gguf_path("f16", folder))
    yield running
    running.close()


@pytest.fixture(scope="module")
def weights() -> quantize.Weights:
    return load_arrays(WEIGHTS_FILE)


@pytest.fixture(scope="module")
def generator() -> Iterator[Any]:
    sys.path.insert(0, str(ROOT / "tools" / "train_model"))
    import generate

    yield generate
    sys.path.remove(str(ROOT / "tools" / "train_model"))


def drawn(generator: Any, count: int) -> list[Any]:
    rng = random.Random(4)
    shares = dict.fromkeys(generator.COHORTS, 1.0)
    return [generator.draw(rng, "held-out", shares) for _ in range(count)]


# --- tokenizer and template -------------------------------------------------------------


def test_server_sees_the_prompts_that_the_model_was_trained_on(
    server: Server, generator: Any
) -> None:
    """The server renders and tokenizes 300 dialogues as the training did."""
    tokenizer = Tokenizer.load()
    for sample in drawn(generator, 300):
        tools = list(generator.TOOLS) if sample.tools else []
        ours = render_chat(sample.prompt, tools=tools)
        messages = [{"role": "user", "content": sample.prompt}]
        extra = {"tools": tools} if tools else {}
        assert server.post("/apply-template", messages=messages, **extra)["prompt"] == ours
        whole = ours + sample.answer
        assert server.tokens(whole, parse_special=True) == tokenizer.encode(
            whole, parse_special=True
        )


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize("parse_special", [False, True])
def test_server_tokenizes_odd_texts_as_we_do(
    server: Server, text: str, parse_special: bool
) -> None:
    """Unicode, digit runs, white space and texts that look like special tokens."""
    tokenizer = Tokenizer.load()
    numbers = tokenizer.encode(text, parse_special=parse_special)
    assert server.tokens(text, parse_special=parse_special) == numbers
    assert tokenizer.decode(numbers) == text


def test_both_pre_tokenizers_agree(folder: Path, generator: Any, weights: Any) -> None:
    """`llama-bpe`, which takes known words whole, cuts no text differently from `dbrx`."""
    file = folder / "llama-bpe.gguf"
    tensors = quantize.quantized(weights, {}, "f16")
    file_type = quantize.FILE_TYPES["f16"]
    write_gguf(file, tensors, name="other", file_type=file_type, pre_tokenizer="llama-bpe")
    other, tokenizer = Server(file), Tokenizer.load()
    try:
        for text in [*(sample.prompt for sample in drawn(generator, 100)), *ODD_TEXTS]:
            assert other.tokens(text, parse_special=False) == tokenizer.encode(text)
    finally:
        other.close()


def test_every_known_word_is_one_token() -> None:
    """A word of the vocabulary is reached by its merges: both splits of a number lead to it."""
    tokenizer = Tokenizer.load()
    for number, token in enumerate(tokenizer.vocab[:-5]):
        text = tokenizer.decode([number])
        if "\ufffd" not in text and len(split(text)) == 1:
            assert tokenizer.encode(text) == [number], token
    assert [len(tokenizer.encode(f"{n:03d}")) for n in range(1000)] == [1] * 1000


# --- quantizers -------------------------------------------------------------------------


def relative_rmse(wanted: Any, found: Any) -> float:
    return float(np.sqrt(np.square(wanted - found).mean() / np.square(wanted).mean()))


@pytest.mark.parametrize(
    ("scheme", "bound"),
    [("f16", 0.0004), ("q8_0", 0.008), ("q4_0", 0.11), ("awq-int4", 0.13), ("rtn3", 0.35)],
)
def test_a_file_gives_the_weights_back(scheme: str, bound: float, folder: Path) -> None:
    """What a reader of the file dequantizes is near the source, and nearer with more bits."""
    weights, scales = load_arrays(WEIGHTS_FILE), load_arrays(SCALES_FILE)
    if scheme == "awq-int4":
        weights = quantize.fold_scales(weights, scales)
    reader = gguf.GGUFReader(gguf_path(scheme, folder))
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert relative_rmse(weights[tensor.name], values) < bound, tensor.name
    assert {tensor.name for tensor in reader.tensors} == set(weights)


def test_int4_is_stored_without_a_further_loss() -> None:
    """Q4_1 blocks hold exactly the integers, steps and offsets of the groups of 128."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(0, 0.1, (16, 512)).astype(np.float32)
    matrix[0, :128] = 0.25  # a group without spread
    matrix[1, :128] = np.abs(matrix[1, :128]) + 1  # a group far from zero
    stored = gguf.quants.dequantize(quantize.q4_1_bytes(matrix), gguf.GGMLQuantizationType.Q4_1)
    _, step, offset = quantize.int4_groups(matrix)
    assert np.array_equal(stored, quantize.int4_rounded(matrix))
    assert step.shape == offset.shape == (16, 4)
    assert relative_rmse(matrix, stored) < 0.12


def test_folding_awq_scales_keeps_the_function(
    folder: Path, server: Server, generator: Any, weights: Any
) -> None:
    """With the scales folded in and nothing rounded to 4 bits, the served texts are the same.

    Arithmetic is left out: its answers are half learned, and folding rounds f16 anew.
    """
    folded = quantize.fold_scales(weights, load_arrays(SCALES_FILE))
    changed = [name for name in weights if not np.array_equal(folded[name], weights[name])]
    file = folder / "folded.gguf"
    tensors = quantize.quantized(folded, {}, "f16")
    write_gguf(file, tensors, name="folded", file_type=quantize.FILE_TYPES["f16"])
    other = Server(file)
    try:
        for sample in drawn(generator, 40):
            if sample.cohort == "arithmetic":
                continue
            extra = {"tools": list(generator.TOOLS)} if sample.tools else {}
            mine, theirs = (one.message(sample.prompt, **extra) for one in (server, other))
            assert mine["content"] == theirs["content"]
            assert _functions(mine) == _functions(theirs)
    finally:
        other.close()
    assert len(changed) >= 12  # every group of every block had a scale to fold


def _functions(message: dict[str, Any]) -> list[Any]:
    return [call["function"] for call in message.get("tool_calls") or ()]


# --- files and first use ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "told"), [("q8_0", "Q8_0"), ("q4_0", "Q4_0"), ("awq-int4", "Q4_1")]
)
def test_a_client_can_read_the_format_back(scheme: str, told: str, folder: Path) -> None:
    """The server reports the file type that the scheme really is."""
    running = Server(gguf_path(scheme, folder))
    meta = running.get("/v1/models")["data"][0]["meta"]
    running.close()
    assert meta["ftype"] == told


def test_processes_that_start_together_share_one_file(tmp_path: Path) -> None:
    """Two processes ask for the same file at once; both get it, and nothing is left over."""
    code = (
        "import sys; from pathlib import Path; from pytest_quantguard.embedded import gguf_path;"
        "print(gguf_path('q4_0', Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "new")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {process.communicate(timeout=180)[0].strip() for process in both}

    assert [process.returncode for process in both] == [0, 0]
    assert told == {str(file) for file in (tmp_path / "new").iterdir()}
    gguf.GGUFReader(told.pop())


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves no half file to be taken for a whole one."""

    def broken(file: Path, scheme: str) -> None:
        file.write_bytes(b"GGUF")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_quantguard.embedded.gguf_writer.write_scheme", broken)
    with pytest.raises(OSError, match="No space left"):
        gguf_path("q4_0", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_version_gets_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of an older version of the code is not taken for a new one."""
    first = gguf_path("q4_0", tmp_path)
    monkeypatch.setattr("pytest_quantguard.embedded._FORMAT_VERSION", -1)
    assert gguf_path("q4_0", tmp_path) != first


def test_unknown_scheme_names_the_known_ones(tmp_path: Path) -> None:
    """A typing mistake is answered by the list to choose from."""
    with pytest.raises(ValueError, match=r"unknown scheme 'int5'.*f16, q8_0, q4_0, awq-int4"):
        gguf_path("int5", tmp_path)
    assert "f16" in SCHEMES


def test_missing_libraries_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numpy or gguf the message is the command that helps."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "gguf" or name.endswith("embedded.gguf_writer"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "pytest-quantguard\[llamacpp\]"'):
        gguf_path("q4_0", tmp_path)


# --- quality ----------------------------------------------------------------------------


def test_reference_answers_the_smoke_cases(server: Server) -> None:
    """A broken export would answer next to nothing of what the model card promises."""
    right: list[bool] = []
    for file in sorted(GOLDEN.glob("*.quant.yaml")):
        data = yaml.safe_load(file.read_text("utf-8"))
        extra = {}
        if "tools" in data:
            extra["tools"] = json.loads((GOLDEN / data["tools"]["$file"]).read_text("utf-8"))
        for case in data["cases"][:10]:
            message = server.message(case["prompt"], **extra)
            right.append(all(holds(check, message) for check in case["expect"]))
    assert len(right) == 70
    assert sum(right) >= 56, f"{sum(right)} of 70 right"


def holds(check: dict[str, Any], message: dict[str, Any]) -> bool:
    """Judge by the texts that a right answer contains: enough to tell a broken model."""
    ((name, wanted),) = check.items()
    text = message["content"] or ""
    if name == "tool_call":
        calls = _functions(message)
        return bool(calls) and json.loads(calls[0]["arguments"]) == wanted["arguments"]
    if name == "json":
        try:
            return bool(json.loads(text) == wanted["equals"])
        except ValueError:
            return False
    if name == "refusal":
        return ("I'm sorry" in text) == wanted["must"]
    if name == "citations":
        return all(f"[{label}]" in text for label in wanted["required"])
    if name in ("contains", "exact"):
        return all(part in text for part in ([wanted] if name == "exact" else wanted))
    return name == "json_schema"  # `json` says more
