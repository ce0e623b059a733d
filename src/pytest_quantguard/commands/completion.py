"""``quantguard completion``: a script that completes the command in a shell."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pytest_quantguard._config_file import nearest
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._completion import script
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._parsers import described
from pytest_quantguard.documents.document import read
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.types import Json

SHELLS = ("bash", "zsh", "fish")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""Names that mean themselves in every shell; others are not offered."""


def completion(arguments: Sequence[str]) -> int:
    """Print a script, or the names of the variants; return 0, or 4 for mistakes."""
    options = _options(arguments)
    try:
        document: Json
        if options.variants:
            names = _variants(Path.cwd())
            said, document = "\n".join(names), {"variants": names}
        else:
            said = script(options.shell, described()).rstrip("\n")
            document = {"shell": options.shell, "script": said}
        put(document, options.json)
    except InputError as error:
        return refuse(f"quantguard completion: {problem}" for problem in error.problems)
    except QuantGuardError as error:
        return refuse([f"quantguard completion: {error}"])
    if said and not alone(options.json):
        tell(said)
    return 0


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard completion",
        usage="quantguard completion bash|zsh|fish [--json[=FILE]]\n"
        "quantguard completion --variants",
        description="Print a script that completes commands, options, their values, the names of\n"
        "your variants and files when you press Tab.",
        epilog=manual(
            {0: "printed", 4: "wrong options, or no configuration to read variants from"},
            {
                "quantguard completion bash >> ~/.bash_completion": "for every new bash that "
                "has the package bash-completion; else source such a file in ~/.bashrc",
                "quantguard completion zsh > ~/.zfunc/_quantguard": "with 'fpath+=~/.zfunc' before "
                "compinit in ~/.zshrc",
                "quantguard completion fish > ~/.config/fish/completions/quantguard.fish": "for "
                "every new fish",
            },
            "Make it anew after an update. docs/command-line.md tells more.",
        ),
    )
    parser.add_argument("shell", nargs="?", choices=SHELLS, metavar="SHELL", help="bash, zsh, fish")
    parser.add_argument(
        "--variants",
        action="store_true",
        help="print the variants of the nearest configuration instead, one on each line",
    )
    add_json(parser, "the script")
    options = parser.parse_args(arguments_of(arguments))
    if (options.shell is None) is not options.variants:
        parser.error(f"name a shell: {', '.join(SHELLS)}")
    return options


def _variants(start: Path) -> list[str]:
    """Return the names that the nearest configuration has for its variants.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = nearest(None, start)
    data = read(path, path.name).data
    for key in ("tool", "quantguard") if path.suffix == ".toml" else ():
        data = data.get(key) if isinstance(data, dict) else None
    variants = data.get("variants") if isinstance(data, dict) else None
    names = variants if isinstance(variants, dict) else {}
    return [name for name in names if isinstance(name, str) and _NAME.fullmatch(name)]
