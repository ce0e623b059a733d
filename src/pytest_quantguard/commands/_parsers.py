"""The parser of every command, taken from the command itself: nothing is written down twice."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module

from pytest_quantguard.cli import Parser
from pytest_quantguard.commands import COMMANDS


@dataclass(frozen=True, slots=True)
class Described:
    """One command, or one of its words, such as ``history import``."""

    words: tuple[str, ...]
    """What is typed after ``quantguard``."""
    parser: Parser
    about: str
    """What it does in half a line."""


def described(commands: Mapping[str, tuple[str, str]] = COMMANDS) -> Iterator[Described]:
    """Yield every command, and each of its words behind it.

    Raises:
        LookupError: a command shows no help of a `cli.Parser`.
    """
    for name, (place, about) in commands.items():
        yield from _all((name,), _parser(place, (name,)), about, place)


def _all(words: tuple[str, ...], parser: Parser, about: str, place: str) -> Iterator[Described]:
    yield Described(words, parser, about)
    for word in parser.words:
        found = _parser(place, (*words, word))
        first = " ".join((found.description or "").split()).partition(". ")[0]
        yield from _all((*words, word), found, first, place)
    for word, found in subparsers(parser).items():
        first = " ".join((found.description or "").split()).partition(". ")[0]
        yield from _all((*words, word), found, first, place)


def subparsers(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    """Return the parsers that argparse itself chooses by a word."""
    found: dict[str, Parser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update({k: v for k, v in action.choices.items() if isinstance(v, Parser)})
    return found


def _parser(place: str, words: tuple[str, ...]) -> Parser:
    """Ask a command for its help, and keep the parser that would show it."""
    module, _, function = place.partition(":")
    command = getattr(import_module(module), function)
    with _taking() as taken, suppress(SystemExit):
        command([*words[1:], "--help"])
    if not taken:
        raise LookupError(f"quantguard {' '.join(words)} --help shows no help of a cli.Parser")
    return taken[0]


@contextmanager
def _taking() -> Iterator[list[Parser]]:
    found: list[Parser] = []
    before, Parser.taken = Parser.taken, found.append
    try:
        yield found
    finally:
        Parser.taken = before
