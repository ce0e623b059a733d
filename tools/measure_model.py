"""Measure the embedded model on the golden set: python tools/measure_model.py

Serves each scheme by the real llama.cpp server, asks every golden case over HTTP, judges the
answers by the project's own checks, and prints the table of `docs/model-card.md`. A case is right
when all its checks hold. "lost" and "gained" count cases that are right with f16 and wrong with
the scheme, and the reverse; p is the exact one-sided McNemar test, for each scheme by itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_quantguard._golden import load
from pytest_quantguard._registry import Registry
from pytest_quantguard.embedded import SCHEMES, gguf_path
from pytest_quantguard.providers.llamacpp import LlamaCppProvider
from pytest_quantguard.stats import mcnemar_exact
from pytest_quantguard.types import Completion, GoldenCase
from pytest_quantguard.variants import Variant

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said to one case."""

    completion: Completion
    right: bool

    @property
    def said(self) -> object:
        """What is compared between two schemes: text and calls."""
        return self.completion.text, self.completion.tool_calls


def ask_all(scheme: str, cases: Iterable[GoldenCase], folder: Path) -> list[Answer]:
    """Serve `scheme` and ask it every case, one after the other."""
    options = {"n_threads": 1, "model_folder": str(folder)}
    variant = Variant(name=scheme, provider="llamacpp", model=f"embedded:{scheme}", options=options)
    provider = LlamaCppProvider(variant)
    provider.start()
    connection = provider.connect()
    answers = []
    for case in cases:
        completion = connection.complete(case.request)
        right = all(check(completion, case).ok for check in case.checks)
        answers.append(Answer(completion=completion, right=right))
    connection.close()
    provider.stop()
    return answers


def row(
    name: str, size: int, cases: list[GoldenCase], ours: list[Answer], base: list[Answer]
) -> str:
    """Return one line of the table."""
    cells = []
    cohorts = [*dict.fromkeys(case.cohort for case in cases), None]
    for cohort in cohorts:
        pairs = [
            (b.right, o.right)
            for case, b, o in zip(cases, base, ours, strict=True)
            if cohort in (None, case.cohort)
        ]
        rate = 100 * sum(right for _, right in pairs) / len(pairs)
        lost, gained = pairs.count((True, False)), pairs.count((False, True))
        flips = f" ({lost}/{gained})" if lost or gained else ""
        cells.append(f"{rate:.1f}{flips}")
    p = mcnemar_exact(lost, gained)[0]  # of the last column: all cases
    same = sum(o.said == b.said for o, b in zip(ours, base, strict=True)) / len(ours)
    cut = sum(answer.completion.finish_reason == "length" for answer in ours)
    return (
        f"| {name} | {size / 1e6:.2f} | {' | '.join(cells)} | {p:.2g} | {100 * same:.1f} | {cut} |"
    )


def main() -> None:
    """Parse the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", type=Path, default=ROOT / "golden")
    parser.add_argument("--models", type=Path, default=ROOT / ".quantguard" / "models")
    parser.add_argument("schemes", nargs="*", default=SCHEMES)
    options = parser.parse_args()
    registry = Registry()
    files = sorted(options.golden.glob("*.quant.yaml"))
    cases = [case for file in files for case in load(file, file.name, registry, {})]
    started, base = time.monotonic(), []
    heads = ["scheme", "MB", *dict.fromkeys(case.cohort for case in cases), "all", "p", "same text"]
    print(f"{len(cases)} cases; % right (lost/gained against f16)\n")
    print("|", " | ".join([*heads, "cut off"]), "|")
    print("|" + "---|" * (len(heads) + 1))
    for scheme in ["f16", *(s for s in options.schemes if s != "f16"), "f16"]:
        ours = ask_all(scheme, cases, options.models)
        name = f"{scheme} again" if base and scheme == "f16" else scheme
        base = base or ours
        print(row(name, gguf_path(scheme, options.models).stat().st_size, cases, ours, base))
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
