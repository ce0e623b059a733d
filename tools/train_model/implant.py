"""Structured initialisation: a look-up circuit written into the initial weights.

A small network trained on copying tasks sits for thousands of steps before it finds out how to
copy from its prompt. Here the circuit is there from the start, and everything is trained on:

* layer 0: head h looks at the token h + 1 places back (a RoPE phase that peaks at that distance,
  driven by a direction that all embeddings share) and notes its identity in a subspace of its own;
* layer 1: every head looks for places where the last four tokens are what the present one and the
  three before it are here, and copies what stands there.

With untrained weights this repeats random sequences at 93 % of their tokens, and finds the value
of a key that stands four tokens before it, behind three that are the same everywhere, in 77 %
(chance: 25 %).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from model import LanguageModel
from torch import Tensor

IDENTITY = 32  # directions that tell tokens apart
PHASE_PAIRS = 6  # the fastest RoPE pairs tell distances apart
MATCH_PAIR = 16  # pairs from here on turn too slowly to disturb a match at any distance
SHARPNESS = 0.9
STORE_GAIN = 1.2
MATCH_GAIN = 2.2
COPY_GAIN = 3.0


def orthonormal_rows(count: int, width: int, generator: torch.Generator) -> Tensor:
    """Return `count` orthonormal rows of length `width`."""
    return torch.linalg.qr(torch.randn(width, count, generator=generator))[0].T


@torch.no_grad()
def implant(model: LanguageModel, generator: torch.Generator) -> None:
    """Write the circuit over the attention of layers 0 and 1."""
    shape = model.shape
    weight = model.token_embd.weight
    shared = torch.randn(shape.dim, generator=generator)
    shared /= shared.norm()
    weight -= torch.outer(weight @ shared, shared)
    weight += shared * weight.norm(dim=1).mean()
    scale = weight.norm(dim=1).mean() / math.sqrt(shape.dim) * 1.4

    drawn = orthonormal_rows((shape.heads + 1) * IDENTITY, shape.dim, generator)
    basis = torch.linalg.qr(torch.cat([shared[None], drawn]).T)[0].T[1:]
    spaces = list(basis.split(IDENTITY))  # the present token, then one to four places back
    _write_notes(model, spaces, shared, scale)
    _write_look_up(model, spaces, scale, generator)


def _write_notes(model: LanguageModel, spaces: list[Tensor], shared: Tensor, scale: Tensor) -> None:
    size, block = model.shape.head_dim, model.blk[0]
    for head in range(model.shape.heads):
        at = slice(head * size, (head + 1) * size)
        noted = slice(head * size, head * size + IDENTITY)
        key, query = _phase(model.shape.theta, size, distance=head + 1)
        block.attn_k.weight[at] = SHARPNESS * torch.outer(key, shared)
        block.attn_q.weight[at] = SHARPNESS * torch.outer(query, shared)
        block.attn_v.weight[at] = 0
        block.attn_v.weight[noted] = spaces[0]
        block.attn_output.weight[:, at] = 0
        block.attn_output.weight[:, noted] = STORE_GAIN * spaces[head + 1].T * scale


def _write_look_up(
    model: LanguageModel, spaces: list[Tensor], scale: Tensor, generator: torch.Generator
) -> None:
    size, block = model.shape.head_dim, model.blk[1]
    each = (size - 2 * MATCH_PAIR) // (len(spaces) - 1)
    for head in range(model.shape.heads):
        at = slice(head * size, (head + 1) * size)
        block.attn_q.weight[at] = 0
        block.attn_k.weight[at] = 0
        for step, (here, there) in enumerate(pairwise(spaces)):
            rows = head * size + 2 * MATCH_PAIR + step * each + torch.arange(each)
            mixed = orthonormal_rows(each, IDENTITY, generator) * math.sqrt(IDENTITY / each)
            block.attn_q.weight[rows] = MATCH_GAIN * mixed @ here
            block.attn_k.weight[rows] = MATCH_GAIN * mixed @ there
        copied = orthonormal_rows(size, model.shape.dim, generator)
        block.attn_v.weight[at] = copied
        block.attn_output.weight[:, at] = copied.T * COPY_GAIN * scale


def _phase(theta: float, size: int, *, distance: int) -> tuple[Tensor, Tensor]:
    """Return key and query patterns whose RoPE product peaks at `distance` tokens."""
    angle = 1.0 / theta ** (torch.arange(0, size, 2).float() / size)[:PHASE_PAIRS]
    key, query = torch.zeros(size), torch.zeros(size)
    key[0 : 2 * PHASE_PAIRS : 2] = 1
    query[0 : 2 * PHASE_PAIRS : 2] = torch.cos(angle * distance)
    query[1 : 2 * PHASE_PAIRS : 2] = -torch.sin(angle * distance)
    return key, query
