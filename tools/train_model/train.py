"""Train the embedded model from scratch on a CPU: python train.py --out FOLDER

Two phases with fixed seeds; the learning rate follows the step number, so that the run is the same
on a slow and on a fast machine. `FOLDER/progress-N.tsv` has one line every 20 steps.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import asdict
from pathlib import Path

import torch
from generate import COHORTS, Split, draw
from implant import implant
from model import LanguageModel, Shape
from stream import IGNORED, PHASES, Document, Plan, batches, document
from torch import Tensor
from torch.nn import functional as F

from pytest_quantguard.embedded.tokenizer import Tokenizer

SEED = 1  # of the initial weights; the stream of each phase has its own


@torch.no_grad()
def orthogonalised(update: Tensor) -> Tensor:
    """Return the nearest matrix with equal singular values (five Newton-Schulz steps)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (update / (update.norm() + 1e-7)).bfloat16()  # exactness does not matter here, time does
    wide = x if x.shape[0] <= x.shape[1] else x.T
    for _ in range(5):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return (wide if x.shape[0] <= x.shape[1] else wide.T).float()


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised; for the matrices inside the blocks."""

    def __init__(self, parameters: list[Tensor], *, lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Apply one update."""
        for group in self.param_groups:
            for weight in group["params"]:
                buffer = self.state[weight].setdefault("buffer", torch.zeros_like(weight))
                buffer.lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonalised(weight.grad.lerp(buffer, group["momentum"]))
                stretch = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
                weight.add_(update, alpha=-group["lr"] * stretch)


def tensors(rows: list[list[Document]], length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return (tokens, targets, document numbers), each (rows, length)."""
    tokens = torch.zeros(len(rows), length, dtype=torch.long)
    targets = torch.full((len(rows), length), IGNORED)
    owner = torch.zeros(len(rows), length, dtype=torch.long)
    for number, row in enumerate(rows):
        at = 0
        for count, doc in enumerate(row, start=1):
            end = at + len(doc.tokens)
            tokens[number, at:end] = torch.tensor(doc.tokens)
            targets[number, at:end] = torch.tensor(doc.targets)
            owner[number, at:end] = count
            at = end
    return tokens, targets, owner


def loss_of(model: LanguageModel, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return the mean cross entropy over the answers' tokens."""
    tokens, targets, owner = batch
    length = tokens.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    mask = (owner[:, None, :, None] == owner[:, None, None, :]) & causal
    hidden = model(tokens, mask)
    wanted = targets != IGNORED
    return F.cross_entropy(model.logits(hidden[wanted]), targets[wanted])


@torch.no_grad()
def exact_match(
    model: LanguageModel, tokenizer: Tokenizer, *, seed: int, split: Split, count: int
) -> dict[str, float]:
    """Return per cohort the share of samples whose every answer token is the most likely one."""
    rng = random.Random(seed)
    right: dict[str, list[bool]] = {}
    for _ in range(count):
        sample = draw(rng, split, dict.fromkeys(COHORTS, 1.0))
        doc = document(tokenizer, sample)
        tokens, targets = torch.tensor([doc.tokens]), torch.tensor([doc.targets])
        wanted = targets != IGNORED
        best = model.logits(model(tokens)[wanted]).argmax(-1)
        right.setdefault(sample.cohort, []).append(bool((best == targets[wanted]).all()))
    return {cohort: sum(hits) / len(hits) for cohort, hits in sorted(right.items())}


def train(model: LanguageModel, plan: Plan, progress_file: Path) -> None:
    """Run one phase; a line in `progress_file` every 20 steps."""
    tokenizer = Tokenizer.load()
    matrices = [weight for weight in model.blk.parameters() if weight.dim() == 2]
    rest = [w for name, w in model.named_parameters() if not name.startswith("blk") or w.dim() < 2]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=plan.muon_rate),
        torch.optim.AdamW(rest, lr=plan.adam_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    full = [plan.muon_rate, plan.adam_rate]
    started, recent = time.monotonic(), []
    with progress_file.open("w") as progress:
        for step, rows in enumerate(batches(plan, tokenizer)):
            for optimizer, rate in zip(optimizers, full, strict=True):
                optimizer.param_groups[0]["lr"] = rate * plan.rate(step)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of(model, tensors(rows, plan.length))
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            recent.append(loss.item())
            if (step + 1) % 20 == 0:
                line = [step + 1, sum(recent) / len(recent), time.monotonic() - started]
                print(*(f"{v:.4g}" for v in [*line, time.process_time()]), sep="\t", file=progress)
                progress.flush()
                recent = []


def report(model: LanguageModel) -> None:
    """Print the teacher-forced shares of right answers on the held-out split."""
    tokenizer = Tokenizer.load()
    right = exact_match(model, tokenizer, seed=99, split="held-out", count=700)
    for cohort, share in right.items():
        print(f"{cohort}\t{share:.3f}", flush=True)


def save(model: LanguageModel, file: Path) -> None:
    """Write shape and weights."""
    torch.save({"shape": asdict(model.shape), "weights": model.state_dict()}, file)


def main() -> None:
    """Run the phases one after the other; writes `phase-N.pt`, of which the last is the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", type=Path, help="go on from the file of an earlier phase")
    parser.add_argument("--after", type=int, default=0, help="number of that phase")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    model = LanguageModel(Shape(vocab=len(Tokenizer.load().vocab)))
    implant(model, torch.Generator().manual_seed(SEED))
    if options.start:
        model.load_state_dict(torch.load(options.start, weights_only=True)["weights"])
    for number, plan in enumerate(PHASES, start=1):
        if number <= options.after:
            continue
        train(model, plan, options.out / f"progress-{number}.tsv")
        save(model, options.out / f"phase-{number}.pt")
        report(model)


if __name__ == "__main__":
    main()
