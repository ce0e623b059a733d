"""The ``quantguard`` command: finds the command that was meant and calls it.

Nothing but argparse is imported until a command is chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

USAGE_ERROR = 4
"""As pytest's: the user's mistake, which nothing was asked for."""


class Parser(argparse.ArgumentParser):
    """argparse with pytest's exit code for usage errors, and no guessing at abbreviations."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong with it."""
        self.print_usage(sys.stderr)
        self.exit(USAGE_ERROR, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` name; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(_parser(), given)
    except KeyboardInterrupt:
        return 2
    except BrokenPipeError:  # such as `| head`: nobody reads on
        _hush()
        return 1


def tell(text: str) -> None:
    """Print text; what the output's encoding cannot show is escaped.

    Raises:
        BrokenPipeError: when nobody reads it.
    """
    if sys.stdout is None:  # closed before Python began
        raise BrokenPipeError
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


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
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items()]
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


def _hush() -> None:
    """Keep Python from complaining about the closed pipe once more when it ends."""
    import os

    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
