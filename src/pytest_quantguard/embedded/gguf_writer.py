"""Writes the embedded model as a GGUF file that llama.cpp serves as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np

from pytest_quantguard.embedded.chat import chat_template
from pytest_quantguard.embedded.quantize import (
    EMBEDDING,
    FILE_TYPES,
    Floats,
    StoredTensor,
    quantized,
)
from pytest_quantguard.embedded.tokenizer import CONTROL_TOKENS, USER_DEFINED_TOKENS, Tokenizer

WEIGHTS_FILE = Path(__file__).with_name("weights.npz")
SCALES_FILE = Path(__file__).with_name("awq_scales.npz")

# What the arrays' shapes do not say.
HEADS = 4
CONTEXT = 512
ROPE_BASE = 10_000.0
NORM_EPSILON = 1e-5


def load_arrays(file: Path) -> dict[str, Floats]:
    """Return the arrays of an .npz file as float32."""
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def write_scheme(file: Path, scheme: str) -> None:
    """Write the embedded model in `scheme`, one of `quantize.FILE_TYPES`, to `file`."""
    tensors = quantized(load_arrays(WEIGHTS_FILE), load_arrays(SCALES_FILE), scheme)
    write_gguf(file, tensors, name=f"norvik-desk-{scheme}", file_type=FILE_TYPES[scheme])


def write_gguf(
    file: Path,
    tensors: Mapping[str, StoredTensor],
    *,
    name: str,
    file_type: gguf.LlamaFileType,
    pre_tokenizer: str = "dbrx",
) -> None:
    """Write `tensors` with tokenizer and chat template; `name` is the model's own name."""
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name(name)
    writer.add_license("Apache-2.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    tokenizer = Tokenizer.load()
    _add_shape(writer, tensors, len(tokenizer.vocab))
    _add_tokenizer(writer, tokenizer, pre_tokenizer)
    writer.add_chat_template(chat_template())
    for tensor, stored in tensors.items():
        writer.add_tensor(tensor, np.ascontiguousarray(stored.data), raw_dtype=stored.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(
    writer: gguf.GGUFWriter, tensors: Mapping[str, StoredTensor], vocabulary: int
) -> None:
    width = int(tensors["output_norm.weight"].data.shape[0])
    if tensors[EMBEDDING].data.shape[0] != vocabulary:
        raise ValueError(f"{tensors[EMBEDDING].data.shape[0]} embeddings, {vocabulary} tokens")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(sum(name.endswith(".ffn_norm.weight") for name in tensors))
    writer.add_feed_forward_length(int(tensors["blk.0.ffn_up.weight"].data.shape[0]))
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(width // HEADS)
    writer.add_vocab_size(vocabulary)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, pre_tokenizer: str) -> None:
    kinds = gguf.TokenType
    special = len(CONTROL_TOKENS) + len(USER_DEFINED_TOKENS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer)
    writer.add_token_list(list(tokenizer.vocab))
    writer.add_token_types(
        [kinds.NORMAL] * (len(tokenizer.vocab) - special)
        + [kinds.CONTROL] * len(CONTROL_TOKENS)
        + [kinds.USER_DEFINED] * len(USER_DEFINED_TOKENS)
    )
    writer.add_token_merges([" ".join(pair) for pair in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.ids["<|endoftext|>"])
    writer.add_eos_token_id(tokenizer.ids["<|im_end|>"])
    writer.add_pad_token_id(tokenizer.ids["<|endoftext|>"])
    writer.add_add_bos_token(False)
