"""The network: a small `llama` (RMSNorm, RoPE on interleaved pairs, SwiGLU, tied embedding)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of the network; the exporter checks them against the run-time side."""

    vocab: int = 1792
    dim: int = 256
    layers: int = 3
    heads: int = 4
    hidden: int = 512
    context: int = 512
    theta: float = 10_000.0
    eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.dim // self.heads


def rope_tables(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, each of shape (length, head_dim / 2)."""
    steps = torch.arange(0, shape.head_dim, 2).float() / shape.head_dim
    angles = torch.outer(torch.arange(length).float(), 1.0 / shape.theta**steps)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate interleaved pairs (x[0::2], x[1::2]): ggml's order for `llama`, no permutation."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Block(nn.Module):
    """One decoder layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attn_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        self.ffn_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (
            nn.Linear(shape.dim, shape.dim, bias=False) for _ in range(4)
        )
        self.ffn_gate = nn.Linear(shape.dim, shape.hidden, bias=False)
        self.ffn_up = nn.Linear(shape.dim, shape.hidden, bias=False)
        self.ffn_down = nn.Linear(shape.hidden, shape.dim, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """Map (batch, length, dim) to the same shape; `mask` is true where a token may look."""
        batch, length, dim = x.shape
        heads = (batch, length, self.shape.heads, self.shape.head_dim)
        h = self.attn_norm(x)
        q = rotate(self.attn_q(h).view(heads).transpose(1, 2), cos, sin)
        k = rotate(self.attn_k(h).view(heads).transpose(1, 2), cos, sin)
        v = self.attn_v(h).view(heads).transpose(1, 2)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + self.attn_output(a.transpose(1, 2).reshape(batch, length, dim))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class LanguageModel(nn.Module):
    """Token numbers to hidden states; `logits` applies the tied embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.dim)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.dim, eps=shape.eps)
        cos, sin = rope_tables(shape, shape.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.reset()

    def reset(self) -> None:
        """Start quiet: both branches of each block add nothing before the first step."""
        nn.init.normal_(self.token_embd.weight, std=0.06)  # .02 cannot give a confident logit
        for name, weight in self.blk.named_parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.zeros_(weight)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (batch, length) token numbers to (batch, length, dim) normed hidden states."""
        length = tokens.shape[1]
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, self.cos[:length], self.sin[:length], mask)
        return self.output_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Map (..., dim) hidden states to (..., vocab) logits."""
        return F.linear(hidden, self.token_embd.weight)
