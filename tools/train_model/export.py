"""Checkpoint to `weights.npz` (f16): python export.py FOLDER/final.pt"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from pytest_quantguard.embedded import gguf_writer


def export(checkpoint: Path, out: Path) -> None:
    """Write the weights under their GGUF names; the norms stay float32."""
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    shape = stored["shape"]
    ours = {"heads": gguf_writer.HEADS, "context": gguf_writer.CONTEXT}
    ours |= {"theta": gguf_writer.ROPE_BASE, "eps": gguf_writer.NORM_EPSILON}
    for key, value in ours.items():
        if shape[key] != value:
            raise SystemExit(f"{key} is {shape[key]} in the checkpoint, {value} in gguf_writer.py")
    arrays = {
        name: weight.numpy().astype(np.float16 if weight.dim() == 2 else np.float32)
        for name, weight in stored["weights"].items()
    }
    np.savez_compressed(out, allow_pickle=False, **arrays)
    count = sum(array.size for array in arrays.values())
    print(f"{out.name}: {count:,} parameters, {out.stat().st_size:,} bytes")


def main() -> None:
    """Parse the options and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=gguf_writer.WEIGHTS_FILE)
    options = parser.parse_args()
    export(options.checkpoint, options.out)


if __name__ == "__main__":
    main()
