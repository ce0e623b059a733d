"""What every command of quantguard has: help as a manual page, --json, exit codes, near misses."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from pytest_quantguard import cli
from pytest_quantguard.commands import COMMANDS
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._parsers import described

TOOL = Path(__file__).parents[1] / "tools" / "command_line.py"
USAGE = 4
EVERY = list(described())
NAMES = [" ".join(one.words) for one in EVERY]


@pytest.fixture(params=EVERY, ids=NAMES)
def command(request, monkeypatch):
    """Each command and each word of one, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return request.param


def test_every_command_of_the_table_is_looked_at():
    """The tests below are about all of them."""
    assert list(COMMANDS) == [name for name in NAMES if " " not in name]
    assert {"history import", "history note"} <= set(NAMES)


def test_help_is_a_manual_page(command):
    """What it does, its arguments, exit codes and examples, in 80 columns."""
    text = command.parser.format_help()
    name = " ".join(command.words)
    missing = []
    if not text.startswith(f"usage: quantguard {name}"):
        missing.append(f"prog='quantguard {name}'")
    if not command.parser.description:
        missing.append("description='What it does ...'")
    missing += [
        f"'{part}' in the epilog: use commands/_manual.py, manual(...)"
        for part in ("exit codes:", "examples:")
        if f"\n{part}\n" not in text
    ]
    codes = set(re.findall(r"^  (\d+) ", text.partition("exit codes:")[2], re.MULTILINE))
    if not {"0", "4"} <= codes:
        missing.append("the exit codes 0 and 4 with what they mean")
    if f"\n  quantguard {name}" not in text.partition("examples:")[2]:
        missing.append(f"an example that begins with 'quantguard {name}'")
    wide = [line for line in text.splitlines() if len(line) > 80]

    assert [] == missing, f"the help of 'quantguard {name}' lacks: {missing}"
    assert [] == wide, f"the help of 'quantguard {name}' has lines of more than 80 columns"


def test_every_argument_is_explained(command):
    """No option and no argument without a word about it."""
    silent = [action.dest for action in command.parser._actions if not action.help]

    assert [] == silent, f"'quantguard {' '.join(command.words)}': no help=... for {silent}"


def test_json_is_everywhere_and_alike(command):
    """Bare it prints JSON alone, with =FILE it writes it: commands/_as_json.py does both."""
    options = command.parser._option_string_actions

    assert "--json" in options, (
        f"'quantguard {' '.join(command.words)}' has no --json: use commands/_as_json.py"
    )
    assert "FILE" == options["--json"].metavar


def test_a_wrong_option_is_a_usage_error_with_the_nearest_one(command, capsys):
    """Exit 4 and no traceback; where others go to pytest, pytest refuses them."""
    if command.parser.pytest:
        assert "'--json'" in command.parser.near(["--jsn"])
        return
    with pytest.raises(SystemExit) as stop:
        command.parser.parse_args(["--jsn", *["x"] * _least(command.parser)])
    said = capsys.readouterr().err

    assert USAGE == stop.value.code
    assert "unrecognized arguments: --jsn; did you mean '--json'?" in said


def _least(parser):
    """Return how many arguments the parser needs at least."""
    positional = [action for action in parser._actions if not action.option_strings]
    return sum(action.nargs not in ("?", "*") for action in positional)


def test_help_of_nothing_is_printed_while_parsers_are_taken(capsys):
    """Looking at all parsers leaves the help of each as it was."""
    assert "" == capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["report", "--help"])
    assert "usage: quantguard report FILE" in capsys.readouterr().out


def test_a_command_without_a_parser_is_named():
    """Whoever adds one is told what is missing."""
    with pytest.raises(LookupError, match="quantguard odd --help"):
        list(described({"odd": ("builtins:list", "odd")}))


def test_the_page_of_all_commands_is_up_to_date():
    """Made of the same parsers; `python tools/command_line.py` writes it."""
    spec = importlib.util.spec_from_file_location("command_line", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = tool.PAGE.read_text("utf-8")
    missing = [name for name in NAMES if f"# quantguard {name}\n" not in text]

    assert [] == missing, "run: python tools/command_line.py"
    assert tool.page(text) == text, "run: python tools/command_line.py"


def test_a_usage_is_laid_out_for_80_columns():
    """What stands in brackets stays in one piece; each way begins a line."""
    usage = (
        "quantguard odd [--one NAME ...] [--two FILE] [--json[=FILE]]\n"
        " [--three 2%%|auto] [-v | -q] FILE\nquantguard odd list"
    )
    lines = cli.Parser(prog="quantguard odd", usage=usage).format_usage().splitlines()

    assert [
        "usage: quantguard odd [--one NAME ...] [--two FILE] [--json[=FILE]]",
        "                      [--three 2%|auto] [-v | -q] FILE",
        "       quantguard odd list",
    ] == lines


def test_a_manual_is_wrapped():
    """Long sentences go on under themselves."""
    text = manual({0: "all " * 40}, {"quantguard x": "why " * 40}, "First.\nSecond.")

    assert text.startswith("First.\nSecond.\n\nexit codes:\n  0   all all")
    assert max(map(len, text.splitlines())) <= 78
