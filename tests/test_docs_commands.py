"""Whoever types what the documentation shows sees what it says."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from functools import cache
from pathlib import Path

import pytest

from docs_blocks import OTHERS, OURS, PAGES, PROGRAMS, ROOT, Block, Command, blocks, same, spoken
from docs_project import COMMIT, PREPARED, make_project, run, scripted
from pytest_quantguard.commands import COMMANDS

SHOWN = {path: list(blocks(path)) for path in [*PAGES, *OTHERS]}
NAMES = {path: path.relative_to(ROOT).as_posix() for path in SHOWN}


GUIDES = [f"docs/guides/{name}.md" for name in ("ci-gate", "reading-reports", "golden-cases")]
"""Each goes on where the one before it ended."""
GENERATED = "docs/command-line.md"
"""Shows usages and examples of every command, with tests of its own (test_every_command.py)."""


def commands(path: Path) -> list[Command]:
    """Return what a reader of the page would type, in its order."""
    return [command for block in SHOWN[path] for command in block.commands()]


def typed(path: Path) -> list[Command]:
    """Return those of our commands that can be run here."""
    return [command for command in commands(path) if command.runs and command.words[0] in OURS]


# --- they run -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project with a finished run, and the address of its server."""
    folder = tmp_path_factory.mktemp("documented") / "project"
    folder.mkdir()
    with scripted() as server:
        make_project(folder, server.url)
        yield folder, server.url


@pytest.mark.parametrize(
    "path", [path for path in PAGES if typed(path) and NAMES[path] not in GUIDES], ids=NAMES.get
)
def test_commands_do_what_the_page_says(path, prepared, tmp_path):
    """In the order of the page, in one folder: exit codes, and what is shown to be printed."""
    made, url = prepared
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    if NAMES[path] in PREPARED:
        PREPARED[NAMES[path]](folder, url)

    assert not (wrong := walked(path, folder)), "\n\n".join(wrong)


def test_guides_lead_from_nothing_to_what_they_promise(tmp_path, monkeypatch):
    """One after the other in a folder that is empty at first, on the real llama.cpp server."""
    monkeypatch.setenv("QUANTGUARD_MODEL_DIR", str(tmp_path / "models"))
    folder = tmp_path / "project"
    folder.mkdir()
    for name in GUIDES:
        wrong = walked(ROOT / name, folder)

        assert not wrong, "\n\n".join(wrong)


def walked(path: Path, folder: Path) -> list[str]:
    """Do what a page says, write its files and type its commands; return what went otherwise."""
    wrong = []
    for block in SHOWN[path]:
        if "file" in block.marks:
            (folder / block.marks["file"]).write_text(block.text, encoding="utf-8")
        for command in block.commands():
            if command.runs and command.words[0] == "cd":
                folder /= command.words[1]
            elif command.runs and command.words[0] in OURS:
                wrong += _done(command, folder)
    return wrong


def _done(command: Command, folder: Path) -> list[str]:
    code, output = run(folder, *_expanded(command.words, folder))
    if code != command.code:
        return [f"{command.place}\nexit code {code}, not {command.code}:\n{output}"]
    if command.shown is not None and not same(command.shown, output):
        return [f"{command.place}\nshown:\n{command.shown}\nprinted:\n{output}"]
    return []


def _expanded(words: tuple[str, ...], folder: Path) -> list[str]:
    """Do what a shell does: variables, and names with stars."""
    found = []
    for word in words:
        named = word.replace("$GITHUB_SHA", COMMIT)
        paths = sorted(folder.glob(named)) if "*" in named else []
        found += [str(path.relative_to(folder)) for path in paths] or [named]
    return found


# --- what is not run ----------------------------------------------------------------------


@cache
def options(name: str) -> frozenset[str]:
    """Return the options that the help of a command knows; pytest's are those of any."""
    words = ("pytest", "--help") if name == "pytest" else ("quantguard", name, "--help")
    code, text = run(ROOT / "docs", *words)
    assert 0 == code, text
    return frozenset(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", text))


@pytest.mark.parametrize("path", list(SHOWN), ids=NAMES.get)
def test_options_on_the_page_exist(path):
    """In blocks that are run, in those that are not, and in sentences."""
    unknown = []
    for command in [*commands(path), *spoken(path)]:
        if command.words[0] not in OURS:
            continue
        name = "pytest" if command.words[0] == "pytest" else command.words[1]
        given = [word.partition("=")[0] for word in command.words if re.match(r"--?[a-zA-Z]", word)]
        known = options(name) | options("pytest")
        unknown += [f"{command.place}: {option}" for option in given if option not in known]

    assert not unknown


@pytest.mark.parametrize("path", list(SHOWN), ids=NAMES.get)
def test_each_line_of_a_command_block_is_known(path):
    """Ours, or of a program that is listed with the reason why it is not run."""
    lines = [command for command in commands(path) if command.words[0] not in OURS]

    assert [] == [command.place for command in lines if command.words[0] not in PROGRAMS]


def test_no_command_hides_in_a_block_of_another_kind():
    """A line that begins like a command stands in a block that is read as commands."""
    hidden = [
        f"{block.place}: {line}"
        for found in SHOWN.values()
        for block in found
        if block.language in ("", "text", "shell", "bash", "sh", "console")
        if block.page != GENERATED and not block.commands()
        for line in block.text.splitlines()
        if re.match(rf"(\$ )?(pytest -|quantguard ({'|'.join(COMMANDS)})\b)", line)
    ]

    assert [] == hidden


def test_the_page_of_all_commands_names_options_that_exist():
    """Its usages and examples are generated from what parsers are told; all options are known."""
    text = "\n".join(block.text for block in SHOWN[ROOT / GENERATED])
    lines = re.findall(r"^quantguard ([a-z-]+)((?:.|\n +)*)", text, re.MULTILINE)
    unknown = [
        f"{name} {option}"
        for name, rest in lines
        for option in re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", rest.partition("#")[0])
        if option not in options(name) | options("pytest")
    ]

    assert COMMANDS.keys() == {name for name, _ in lines}
    assert [] == unknown


def test_other_programs_are_given_what_there_is():
    """Targets of make, extras of pip, files and lines of Python."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    targets = (ROOT / "Makefile").read_text("utf-8")
    for path in SHOWN:
        for command in commands(path):
            program, *rest = command.words
            if program == "make":
                assert f"\n{rest[0]}:" in targets, command.place
            elif program == "pip":
                known = extras["project"]["optional-dependencies"]
                for extra in re.findall(r"\[(.+?)\]", shlex.join(rest)):
                    assert set(extra.split(",")) <= known.keys(), command.place
            elif program == "python" and rest[0] == "-c":
                exec(compile(rest[1], command.place, "exec"), {})
            elif program == "python":
                places = [folder / rest[0] for folder in (ROOT, path.parent)]
                assert any(place.is_file() for place in places), command.place


# --- the reader of the pages itself ---------------------------------------------------------


def block(text, **marks):
    """A block as it stands on a page."""
    names = {name.replace("_", " "): value for name, value in marks.items()}
    return Block(page="p.md", line=1, language="", text=text, marks=names)


def test_commands_are_read_as_a_shell_reads_them():
    """Comments, lines that go on, quotes; what a prompt precedes has an output."""
    (first, second) = block('pytest -k "a b" \\\n  --lf   # again\nquantguard plan\n').commands()
    (shown,) = block("$ quantguard plan\na table\n\nand more\n").commands()

    assert ("pytest", "-k", "a b", "--lf") == first.words
    assert ("quantguard", "plan") == second.words
    assert "a table\n\nand more" == shown.shown
    assert [] == block("quantguard: 3 of 5\n").commands()


def test_marks_change_what_is_expected():
    """Another exit code, nothing run, nothing compared."""
    codes = block("quantguard plan\nquantguard lint\npytest\n", exits="0 1").commands()
    (kept,) = block("$ quantguard plan\nx\n", output_of="a GPU", not_run="a day").commands()

    assert [0, 1, 1] == [command.code for command in codes]
    assert (None, False) == (kept.shown, kept.runs)


def test_dots_stand_for_what_changes():
    """A line of them for lines, some in a line for text; all else has to be there."""
    assert same("a\n...\nlast ... word", "a\nb\nc\nlast 3 word\n")
    assert same("...\nb\nc\n...", "b\nb\nc\n")
    assert same("a\n...\nb", "a\nb\n")
    assert not same("a\n...\nlast", "a\nb\n")
    assert not same("...\nc\n...\nb\n...", "b\nc\n")
    assert not same("a\n...\na", "a\n")
    assert not same("1.5", "1x5")
