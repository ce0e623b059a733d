"""The ``quantguard`` command: finds the command that was meant and calls it.

Nothing but argparse is imported until a command is chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from textwrap import fill
from typing import Any, ClassVar, NoReturn

USAGE_ERROR = 4
"""As pytest's: the user's mistake, which nothing was asked for."""
NOTHING = 5
"""As pytest's: there is nothing to run, or nothing came out of it."""
WIDTH = 79
"""Columns of a usage; terminals have 80."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Texts as they are written; and ``--json[=FILE]``, since a FILE behind a blank is not its."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if action.option_strings == ["--json"]:
            return "--json[=FILE]"
        return super()._format_action_invocation(action)


class Parser(argparse.ArgumentParser):
    """argparse with pytest's exit code for usage errors, and no guessing at abbreviations.

    Args:
        words: first words that have arguments of their own, such as ``import`` of ``history``.
        pytest: True where everything that is not an option of this command goes to pytest; what is
            parsed then has `near`, for options that pytest does not know either.
        settings: those of argparse.
    """

    taken: ClassVar[Callable[[Parser], None] | None] = None
    """Takes every parser whose help is asked for, in place of printing it; see `_parsers.py`."""

    def __init__(self, *, words: Sequence[str] = (), pytest: bool = False, **settings: Any) -> None:
        settings.setdefault("formatter_class", _Formatter)
        settings["allow_abbrev"] = False
        if settings.get("usage"):
            settings["usage"] = _fitted(settings["usage"])
        super().__init__(**settings)
        self.words, self.pytest = tuple(words), pytest
        if pytest:
            self.set_defaults(near=self.near)

    def print_help(self, file: Any = None) -> None:
        """Print the help, or hand this parser to who looks at all of them."""
        if Parser.taken is None:
            super().print_help(file)
        else:
            Parser.taken(self)

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong with it."""
        from pytest_quantguard._sanitize import clean

        self.print_usage(sys.stderr)
        _, _, unknown = message.partition("unrecognized arguments: ")
        near = self.near(unknown.split())
        self.exit(USAGE_ERROR, f"{self.prog}: error: {clean(message)}{near and f'; {near}'}\n")

    def near(self, given: Iterable[str]) -> str:
        """Return the end of a message about options that nobody knows: the nearest own one."""
        from difflib import get_close_matches

        known = [name for name in self._option_string_actions if name.startswith("--")]
        wrong = [one.partition("=")[0] for one in given if one.startswith("--")]
        for one in wrong:
            if one not in known and (found := get_close_matches(one, known, n=1)):
                return f"did you mean {found[0]!r}?"
        return ""


def _fitted(usage: str) -> str:
    """Lay a usage out for 80 columns; where a line begins with ``quantguard``, it is another way.

    What stands in brackets stays in one piece.
    """
    ways: list[str] = []
    for line in map(str.strip, usage.splitlines()):
        if line.startswith("quantguard") or not ways:
            ways.append(line)
        else:
            ways[-1] += f" {line}"
    return "\n       ".join(map(_way, ways))


def _way(text: str) -> str:
    import re

    pieces = re.findall(r"(?:\[[^\]]*(?:\[[^\]]*\][^\]]*)*\]|\S)+", text)
    names = [piece for piece in pieces[:3] if re.fullmatch(r"[a-z-]+", piece)]
    indent = " " * (7 + len(" ".join(names)))
    lines = [" ".join(["usage:", *names])]
    for piece in pieces[len(names) :]:
        if len(lines[-1]) + 1 + len(piece) > WIDTH:
            lines.append(indent)
        lines[-1] += f" {piece}"
    return "\n".join(lines).removeprefix("usage: ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` name; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(_parser(), given)
    except KeyboardInterrupt:
        return 2
    except BrokenPipeError:  # such as `| head`: nobody reads on
        hush()
        return 1
    except Exception as error:
        from pytest_quantguard.errors import QuantGuardError

        if not isinstance(error, QuantGuardError):
            raise
        return refuse([f"quantguard: {error}"])  # such as a full disk under what is printed


def tell(text: str) -> None:
    """Print text; what the output's encoding cannot show is escaped.

    Raises:
        BrokenPipeError: when nobody reads it.
        QuantGuardError: it cannot be written, such as to a full disk.
    """
    if sys.stdout is None:  # closed before Python began
        raise BrokenPipeError
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        from pytest_quantguard.errors import QuantGuardError

        hush()
        why = error.strerror or type(error).__name__
        raise QuantGuardError(f"the standard output cannot be written: {why}") from None


def refuse(sentences: Iterable[str]) -> int:
    """Write each sentence once to stderr; return the exit code of a usage error."""
    from pytest_quantguard._sanitize import clean

    for sentence in dict.fromkeys(sentences):
        sys.stderr.write(f"{clean(sentence)}\n")
    return USAGE_ERROR


def _run(parser: Parser, given: Sequence[str]) -> int:
    if given and not given[0].startswith("-"):
        return int(_command(parser, given[0])(given[1:]))
    if parser.parse_args(given).version:
        from importlib.metadata import version

        tell(f"quantguard {version('pytest-quantguard')}")
        return 0
    parser.print_help(sys.stderr)
    return USAGE_ERROR


def _parser() -> Parser:
    from pytest_quantguard.commands import COMMANDS

    width = max(map(len, COMMANDS))
    indent = " " * (width + 4)
    lines = [
        fill(what, WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=indent)
        for name, (_, what) in COMMANDS.items()
    ]
    parser = Parser(
        prog="quantguard",
        usage="quantguard [-h] [--version] command ...",
        description="The small command line around the pytest gate for quantized models.",
        epilog="\n".join(
            [
                "commands:",
                *lines,
                "",
                "quantguard COMMAND --help tells more. The gate itself is pytest:",
                "  pytest --quant-candidate=NAME",
            ]
        ),
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    return parser


def _command(parser: Parser, name: str) -> Any:
    from importlib import import_module

    from pytest_quantguard.commands import COMMANDS

    if name not in COMMANDS:
        from pytest_quantguard.errors import did_you_mean

        parser.error(f"unknown command {name!r}; {did_you_mean(name, COMMANDS)}")
    module, _, function = COMMANDS[name][0].partition(":")
    return getattr(import_module(module), function)


def hush() -> None:
    """Keep Python from complaining once more, when it ends, about what could not be written."""
    import os
    from contextlib import suppress

    if sys.stdout is not None:
        with suppress(OSError, ValueError):  # one that is no file complains about nothing
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
