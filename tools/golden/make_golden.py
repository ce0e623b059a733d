"""Write the golden set of the embedded model: python tools/golden/make_golden.py

300 cases of the cohorts that vary most and 150 of the others, from the generator's held-out split,
with seeds that the training never uses. The reference of a case is the answer that the training
would have taught, word for word.
Before anything is written the whole training stream is generated again, and a prompt found in both
is an error. Two runs write the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "train_model"), str(ROOT / "src")]

from generate import COHORTS, INVOICE_SCHEMA, TOOLS, Sample  # noqa: E402
from stream import PHASES, batches  # noqa: E402

from pytest_quantguard.embedded.tokenizer import Tokenizer  # noqa: E402

CASES = 300
# Arithmetic has 152 products, faq and refusals have few wordings: more would be the same again.
FEWER = {"arithmetic": 150, "faq": 150, "refusals": 150}
SMOKE = 20
GOLDEN_SEED = 9_000
PLAIN = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*")


def cases(cohort: str, seed: int) -> list[Sample]:
    """Return the samples of `cohort`: no prompt twice, and no arithmetic or catalogue fact."""
    rng = random.Random(seed)
    found: dict[str, Sample] = {}
    prompts: set[str] = set()
    while len(found) < FEWER.get(cohort, CASES):
        sample = COHORTS[cohort](rng, "held-out")
        if sample.prompt not in prompts:
            prompts.add(sample.prompt)
            found.setdefault(sample.key or sample.prompt, sample)
    return list(found.values())


def flow(value: Any) -> str:
    """Return `value` as one line of YAML: JSON with bare keys, texts always in quotes."""
    if isinstance(value, dict):
        pairs = (f"{_key(key)}: {flow(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[a-z_]+\.(schema\.)?json", value):
        return value  # the name of an included file
    return json.dumps(value, ensure_ascii=False)


def _key(text: str) -> str:
    # y, n, yes, no, on and off would be truth values for a YAML 1.1 reader
    plain = PLAIN.fullmatch(text) and text.lower() not in {"y", "n", "yes", "no", "on", "off"}
    return text if plain else json.dumps(text)


def golden_file(cohort: str, samples: list[Sample]) -> str:
    """Return the text of one golden file."""
    lines = [
        "# yaml-language-server: $schema=../src/pytest_quantguard/golden.schema.json",
        "# Written by tools/golden/make_golden.py: change that, not this.",
        f"cohort: {cohort}",
        "request: {temperature: 0, seed: 7, max_tokens: 96}",
    ]
    if samples[0].tools:
        lines.append("tools: {$file: tools.json}")
    lines.append("cases:")
    for number, sample in enumerate(samples, start=1):
        lines.append(f"  - id: {cohort}-{number:04d}")
        lines.append(f"    prompt: {json.dumps(sample.prompt, ensure_ascii=False)}")
        if number <= SMOKE:
            lines.append("    tags: [smoke]")
        lines.append(f"    reference: {json.dumps(sample.answer, ensure_ascii=False)}")
        lines.append("    expect:")
        for check in sample.expect:
            ((name, wanted),) = check.items()
            lines.append(f"      - {name}: {flow(wanted)}")
    return "\n".join(lines) + "\n"


def training_prompts() -> set[str]:
    """Return every prompt of all phases of the training."""
    tokenizer = Tokenizer.load()
    rows = (row for plan in PHASES for step in batches(plan, tokenizer) for row in step)
    return {doc.prompt for row in rows for doc in row if doc.prompt}


def main() -> None:
    """Check and write all files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "golden")
    options = parser.parse_args()
    drawn = {
        cohort: cases(cohort, GOLDEN_SEED + number) for number, cohort in enumerate(sorted(COHORTS))
    }
    seen = training_prompts()
    both = seen & {sample.prompt for samples in drawn.values() for sample in samples}
    if both:
        raise SystemExit(f"{len(both)} golden prompts occur in the training, e.g. {min(both)!r}")
    options.out.mkdir(parents=True, exist_ok=True)
    for cohort, samples in drawn.items():
        file = options.out / f"{cohort}.quant.yaml"
        file.write_text(golden_file(cohort, samples), "utf-8", newline="\n")
    for name, content in (("tools.json", TOOLS), ("invoice.schema.json", INVOICE_SCHEMA)):
        text = json.dumps(content, indent=2) + "\n"
        (options.out / name).write_text(text, "utf-8", newline="\n")
    count = sum(map(len, drawn.values()))
    print(f"{count} cases; none of them among the {len(seen):,} training prompts")


if __name__ == "__main__":
    main()
