"""Search AWQ's scales on dialogues of the training distribution: python calibrate_awq.py

For each group of matrices that share an input x, the scale of a channel is mean|x| ** alpha, with
the alpha of a grid that changes the group's outputs least when its weights are rounded to int4.
Clipping, the second half of the AWQ paper, is left out.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from generate import draw
from model import LanguageModel, Shape
from numpy.typing import NDArray
from stream import PHASES, document
from torch import nn

from pytest_quantguard.embedded.gguf_writer import SCALES_FILE, WEIGHTS_FILE, load_arrays
from pytest_quantguard.embedded.quantize import FOLDS, int4_rounded
from pytest_quantguard.embedded.tokenizer import Tokenizer

Floats = NDArray[np.float32]
SEED = 5
ALPHAS = [step / 20 for step in range(21)]


def load_model(weights: dict[str, Floats]) -> LanguageModel:
    """Return the network with the exported weights."""
    model = LanguageModel(Shape(vocab=weights["token_embd.weight"].shape[0]))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval()


@torch.no_grad()
def inputs_of_groups(model: LanguageModel, dialogues: int) -> dict[str, Floats]:
    """Return, for each scale group, its input on all calibration tokens: (tokens, channels)."""
    tokenizer, rng = Tokenizer.load(), random.Random(SEED)
    seen: dict[str, list[Floats]] = {}

    def recorder(group: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...], object], None]:
        def record(_: nn.Module, inputs: tuple[torch.Tensor, ...], __: object) -> None:
            seen.setdefault(group, []).append(inputs[0][0].numpy())

        return record

    for number, block in enumerate(model.blk):
        for group, (_, consumers) in FOLDS.items():
            getattr(block, consumers[0]).register_forward_hook(recorder(f"blk.{number}.{group}"))
    for _ in range(dialogues):
        model(torch.tensor([document(tokenizer, draw(rng, "train", PHASES[-1].shares)).tokens]))
    return {group: np.concatenate(parts) for group, parts in seen.items()}


def scale_of(x: Floats, alpha: float) -> Floats:
    """Return one scale per channel, balanced so that the largest and the smallest are inverse."""
    scale = np.maximum(np.abs(x).mean(0), 1e-4) ** alpha
    return np.asarray(scale / np.sqrt(scale.max() * scale.min()), np.float32)


def search(x: Floats, matrix: Floats) -> tuple[float, Floats, list[float]]:
    """Return the best alpha, its scales, and the mean squared output error of every alpha."""
    wanted = x @ matrix.T
    errors = []
    for alpha in ALPHAS:
        scale = scale_of(x, alpha)
        rounded = int4_rounded(matrix * scale) / scale
        errors.append(float(np.square(x @ rounded.T - wanted).mean()))
    best = ALPHAS[int(np.argmin(errors))]
    return best, scale_of(x, best), errors


def main() -> None:
    """Search every group and write `awq_scales.npz`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FILE)
    parser.add_argument("--out", type=Path, default=SCALES_FILE)
    parser.add_argument("--dialogues", type=int, default=64)
    options = parser.parse_args()
    weights = load_arrays(options.weights)
    scales: dict[str, Floats] = {}
    for group, x in inputs_of_groups(load_model(weights), options.dialogues).items():
        block, kind = group.rsplit(".", 1)
        matrix = np.concatenate([weights[f"{block}.{name}.weight"] for name in FOLDS[kind][1]])
        alpha, scales[group], errors = search(x, matrix)
        print(f"{group}\talpha {alpha:.2f}\terror {min(errors) / errors[0]:.3f} of plain int4")
    np.savez_compressed(options.out, allow_pickle=False, **scales)


if __name__ == "__main__":
    main()
