"""The byte-level BPE tokenizer of the embedded model.

The same rules as llama.cpp's `gpt2` tokenizer with the `dbrx` pre-tokenizer, so that what the model
was trained on is what the server feeds it. A test compares both, sample by sample.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Self

TOKENIZER_FILE = Path(__file__).with_name("tokenizer.json")

#: Never shown to a user; recognised only when the caller asks for it.
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
#: Part of the visible text; recognised always.
USER_DEFINED_TOKENS = ("<tool_call>", "</tool_call>")

# The split of llama.cpp's `dbrx` and `llama-bpe` pre-tokenizers, applied to a text of the same
# length in which `_char_class` has put one ASCII stand-in for each character beyond ASCII.
_SPLIT = re.compile(
    r"'(?:[sStTmMdD]|[rRvV][eE]|[lL][lL])"
    r"|[^\r\nA-Za-z0-9]?[A-Za-z]+"
    r"|[0-9]{1,3}"
    r"| ?[^\t\n\v\f\r A-Za-z0-9]+[\r\n]*"
    r"|[\t\n\v\f\r ]*[\r\n]+"
    r"|[\t\n\v\f\r ]+(?![^\t\n\v\f\r ])"
    r"|[\t\n\v\f\r ]+"
)


def _char_class(char: str) -> str:
    """Return an ASCII character that the split treats as it would treat `char`."""
    if char.isascii():
        return char
    if char.isspace():
        return "\t"  # white space that is neither the plain blank nor a line end
    major = unicodedata.category(char)[0]
    return {"L": "a", "N": "1"}.get(major, "!")


def split(text: str) -> list[str]:
    """Cut `text` into pre-tokens; a merge never crosses from one to the next."""
    classes = text if text.isascii() else "".join(map(_char_class, text))
    return [text[match.start() : match.end()] for match in _SPLIT.finditer(classes)]


def byte_symbols() -> dict[int, str]:
    """Return GPT-2's printable stand-in for each of the 256 byte values."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    symbols = {value: chr(value) for value in printable}
    rest = (value for value in range(256) if value not in symbols)
    return symbols | {value: chr(256 + index) for index, value in enumerate(rest)}


_TO_SYMBOL = byte_symbols()
_TO_BYTE = {symbol: value for value, symbol in _TO_SYMBOL.items()}


def to_symbols(text: str) -> str:
    """Return the UTF-8 bytes of `text`, one stand-in character each."""
    return "".join(_TO_SYMBOL[byte] for byte in text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """A vocabulary and the ordered merges that lead to it.

    `vocab[i]` is the text of token `i` in stand-in characters: the 256 bytes, then one entry for
    each new result of a merge, then the control and the user-defined tokens in plain text.
    """

    vocab: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]
    _known: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, file: Path = TOKENIZER_FILE) -> Self:
        """Read the merges from `file` and build the vocabulary from them."""
        merges = [tuple(pair) for pair in json.loads(file.read_text("utf-8"))["merges"]]
        return cls.from_merges(merges)

    @classmethod
    def from_merges(cls, merges: Iterable[tuple[str, ...]]) -> Self:
        """Build the vocabulary that `merges`, in order of rank, lead to."""
        pairs = tuple((left, right) for left, right in merges)
        vocab = dict.fromkeys([*_TO_SYMBOL.values(), *(left + right for left, right in pairs)])
        return cls(vocab=(*vocab, *CONTROL_TOKENS, *USER_DEFINED_TOKENS), merges=pairs)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Token text to token number."""
        return {token: index for index, token in enumerate(self.vocab)}

    @cached_property
    def _ranks(self) -> dict[tuple[str, str], int]:
        return {pair: rank for rank, pair in enumerate(self.merges)}

    def encode(self, text: str, *, parse_special: bool = False) -> list[int]:
        """Return the token numbers of `text`.

        `parse_special` recognises the control tokens too, as the server does for a rendered chat.
        """
        special = USER_DEFINED_TOKENS + (CONTROL_TOKENS if parse_special else ())
        pattern = "|".join(map(re.escape, special))
        found: list[int] = []
        for piece in re.split(f"({pattern})", text):
            if piece in special:
                found.append(self.ids[piece])
            else:
                for word in split(piece):
                    found.extend(self._encode_word(word))
        return found

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of `numbers`; bytes that are not UTF-8 become U+FFFD."""
        raw = bytearray()
        plain = {*CONTROL_TOKENS, *USER_DEFINED_TOKENS}
        for number in numbers:
            token = self.vocab[number]
            if token in plain:
                raw += token.encode()
            else:
                raw += bytes(_TO_BYTE[symbol] for symbol in token)
        return raw.decode("utf-8", "replace")

    def _encode_word(self, word: str) -> tuple[int, ...]:
        known = self._known.get(word)
        if known is None:
            known = tuple(self.ids[symbol] for symbol in self._merge(list(to_symbols(word))))
            if len(self._known) < 100_000:  # enough for every word that is met twice
                self._known[word] = known
        return known

    def _merge(self, parts: list[str]) -> list[str]:
        """Join the pair of lowest rank, leftmost first, until no pair is left."""
        worst = len(self.merges)
        while len(parts) > 1:
            ranks = [self._ranks.get(pair, worst) for pair in pairwise(parts)]
            best = min(ranks)
            if best == worst:
                break
            at = ranks.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return parts
