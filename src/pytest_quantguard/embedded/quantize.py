"""Quantizers of the embedded model's weights: what a GGUF file of each scheme stores.

Each takes the weights as float32 arrays of shape (rows, columns); blocks and groups run along the
columns, which are the inputs of a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import LlamaFileType, quants
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Weights = Mapping[str, Floats]

EMBEDDING = "token_embd.weight"
AWQ_GROUP = 128
RTN_GROUP = 32
_Q4_1_BLOCK = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """The bytes of one tensor as a GGUF file holds them, and their ggml type."""

    data: NDArray[np.float32] | NDArray[np.float16] | Bytes
    kind: Kind


def int4_groups(matrix: Floats, group: int = AWQ_GROUP) -> tuple[Bytes, Floats, Floats]:
    """Round to 4 bits with one scale and one zero point for each `group` columns.

    Returns the integers 0..15 of shape (rows, columns), and step and offset of shape
    (rows, columns / group); a weight is `integer * step + offset`. Step and offset are values that
    fp16 holds exactly, and the integers are chosen for those, so that storing them loses nothing.
    """
    rows, columns = matrix.shape
    grouped = matrix.reshape(rows, columns // group, group)
    # Zero lies in every range, else an integer zero point could not place the range.
    low, high = np.minimum(grouped.min(-1), 0), np.maximum(grouped.max(-1), 0)
    step = _through_f16((high - low) / 15)
    step[step == 0] = 1  # nothing but zeros
    zero = np.clip(np.rint(-low / step), 0, 15)
    offset = _through_f16(-zero * step)
    levels = np.rint((grouped - offset[..., None]) / step[..., None])
    return np.clip(levels, 0, 15).astype(np.uint8).reshape(rows, columns), step, offset


def int4_rounded(matrix: Floats, group: int = AWQ_GROUP) -> Floats:
    """Return the float32 values that `int4_groups` stands for."""
    levels, step, offset = int4_groups(matrix, group)
    grouped = levels.reshape(*step.shape, group)
    rounded = grouped * step[..., None] + offset[..., None]
    return rounded.reshape(matrix.shape).astype(np.float32)


def q4_1_bytes(matrix: Floats, group: int = AWQ_GROUP) -> Bytes:
    """Return `int4_groups` as Q4_1 blocks: those of one group share step and offset.

    A block of 32 columns is step (fp16), offset (fp16) and 16 bytes; byte i holds column i in its
    low and column i + 16 in its high half.
    """
    levels, step, offset = int4_groups(matrix, group)
    rows, columns = matrix.shape
    blocks = levels.reshape(rows, columns // _Q4_1_BLOCK, 2, _Q4_1_BLOCK // 2)
    packed = blocks[:, :, 0] | (blocks[:, :, 1] << 4)
    pair = np.stack([step, offset], axis=-1).astype("<f2")
    head = np.repeat(pair, group // _Q4_1_BLOCK, axis=1).view(np.uint8)
    return np.concatenate([head, packed], axis=-1).reshape(rows, -1)


def rtn_rounded(matrix: Floats, bits: int = 3, group: int = RTN_GROUP) -> Floats:
    """Round to nearest with one symmetric scale for each `group` columns; nothing else."""
    top = 2 ** (bits - 1) - 1
    grouped = matrix.reshape(-1, group)
    step = np.abs(grouped).max(-1, keepdims=True) / top
    step[step == 0] = 1
    rounded: Floats = np.clip(np.rint(grouped / step), -top - 1, top) * step
    return rounded.reshape(matrix.shape)


def fold_scales(weights: Weights, scales: Weights) -> dict[str, Floats]:
    """Multiply the inputs of each matrix by AWQ's scales and divide what produces them.

    The network computes the same function. `scales` has, for each block N, `blk.N.qkv`,
    `blk.N.attn_output`, `blk.N.gate_up` and `blk.N.ffn_down`, each one number per input channel.
    """
    folded = dict(weights)
    for name, scale in scales.items():
        block, group = name.rsplit(".", 1)
        producer, consumers = FOLDS[group]
        source = f"{block}.{producer}.weight"
        by = scale if folded[source].ndim == 1 else scale[:, None]
        folded[source] = folded[source] / by
        for consumer in consumers:
            target = f"{block}.{consumer}.weight"
            folded[target] = folded[target] * scale[None, :]
    return folded


#: Scale group -> the tensor whose outputs are divided, the matrices whose inputs are multiplied.
FOLDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "qkv": ("attn_norm", ("attn_q", "attn_k", "attn_v")),
    "attn_output": ("attn_v", ("attn_output",)),
    "gate_up": ("ffn_norm", ("ffn_gate", "ffn_up")),
    "ffn_down": ("ffn_up", ("ffn_down",)),
}

#: The file type that a server reports for each scheme.
FILE_TYPES: dict[str, LlamaFileType] = {
    "f16": LlamaFileType.MOSTLY_F16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "q4_0": LlamaFileType.MOSTLY_Q4_0,
    "awq-int4": LlamaFileType.MOSTLY_Q4_1,
    "awq-int4-embf16": LlamaFileType.MOSTLY_Q4_1,
    "rtn3": LlamaFileType.MOSTLY_F16,
}


def quantized(weights: Weights, scales: Weights, scheme: str) -> dict[str, StoredTensor]:
    """Return every tensor of `scheme` by its GGUF name; vectors (the norms) stay float32."""
    source = fold_scales(weights, scales) if scheme.startswith("awq") else weights
    stored: dict[str, StoredTensor] = {}
    for name, values in source.items():
        if values.ndim == 1:
            stored[name] = StoredTensor(data=values.astype(np.float32), kind=Kind.F32)
        elif scheme == "awq-int4-embf16" and name == EMBEDDING:
            stored[name] = _stored_matrix(values, "f16")
        else:
            stored[name] = _stored_matrix(values, scheme)
    return stored


def _stored_matrix(matrix: Floats, scheme: str) -> StoredTensor:
    if scheme == "f16":
        return StoredTensor(data=matrix.astype(np.float16), kind=Kind.F16)
    if scheme == "rtn3":
        return StoredTensor(data=rtn_rounded(matrix).astype(np.float16), kind=Kind.F16)
    if scheme.startswith("awq-int4"):
        return StoredTensor(data=q4_1_bytes(matrix), kind=Kind.Q4_1)
    kind = Kind[scheme.upper()]
    return StoredTensor(data=quants.quantize(matrix, kind), kind=kind)


def _through_f16(values: Floats) -> Floats:
    return values.astype(np.float16).astype(np.float32)
