"""Learn the merges from generated text: python train_tokenizer.py"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from itertools import pairwise, product
from pathlib import Path

from generate import TOOLS, draw
from stream import PHASES

from pytest_quantguard.embedded.chat import render_chat
from pytest_quantguard.embedded.tokenizer import TOKENIZER_FILE, Tokenizer, split, to_symbols

VOCABULARY = 1792
SEED = 11


def digit_merges() -> list[tuple[str, str]]:
    """Return merges that join any two and any three digits, by either split of the three.

    With one split only, llama.cpp's `llama-bpe` (which takes a known pre-token whole) and `dbrx`
    (which follows the merges) would cut the same number differently, and nobody would be told.
    """
    digits = "0123456789"
    two = list(product(digits, repeat=2))
    three = [
        ("".join(abc[:k]), "".join(abc[k:])) for abc in product(digits, repeat=3) for k in (1, 2)
    ]
    return two + three


def word_counts(samples: int) -> Counter[tuple[str, ...]]:
    """Count the pre-tokens without digits in rendered training dialogues."""
    rng = random.Random(SEED)
    counts: Counter[tuple[str, ...]] = Counter()
    for _ in range(samples):
        sample = draw(rng, "train", PHASES[0].shares)
        text = render_chat(sample.prompt, tools=TOOLS if sample.tools else ()) + sample.answer
        for special in ("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"):
            text = text.replace(special, "\n")
        counts.update(tuple(to_symbols(word)) for word in split(text) if not word.isdigit())
    return counts


def learn(counts: Counter[tuple[str, ...]], wanted: int) -> list[tuple[str, str]]:
    """Return `wanted` merges, each the most frequent pair at its turn (ties: the smaller text)."""
    words = dict(counts)
    merges: list[tuple[str, str]] = []
    while len(merges) < wanted:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {_join(word, best): count for word, count in words.items()}
    return merges


def _join(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    joined: list[str] = []
    for symbol in word:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return tuple(joined)


def check(tokenizer: Tokenizer) -> None:
    """Fail if a pre-token that is in the vocabulary is not one token by the merges."""
    for number, token in enumerate(tokenizer.vocab[:-5]):
        text = tokenizer.decode([number])
        if "\ufffd" in text or len(split(text)) != 1:
            continue
        if tokenizer.encode(text) != [number]:
            raise SystemExit(f"token {token!r} is not reached by its own merges")


def main() -> None:
    """Write `tokenizer.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=TOKENIZER_FILE)
    options = parser.parse_args()
    digits = digit_merges()
    wanted = VOCABULARY - len(Tokenizer.from_merges(digits).vocab)
    merges = digits + learn(word_counts(options.samples), wanted)
    tokenizer = Tokenizer.from_merges(merges)
    if len(tokenizer.vocab) != VOCABULARY:
        raise SystemExit(f"{len(tokenizer.vocab)} tokens, {VOCABULARY} wanted")
    check(tokenizer)
    lines = ",\n".join(json.dumps(pair) for pair in merges)
    options.out.write_text(f'{{"merges": [\n{lines}\n]}}\n', "utf-8")


if __name__ == "__main__":
    main()
