"""``quantguard completion``: the scripts, in the shells that they are for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from pytest_quantguard import cli
from pytest_quantguard.commands import COMMANDS
from pytest_quantguard.commands._completion import script
from pytest_quantguard.commands._parsers import described

OK, USAGE = 0, 4
HOSTILE = "$(touch owned)"
CONFIG = f"""
baseline: bf16
variants:
  bf16: {{provider: openai, model: m}}
  awq-int4: {{provider: openai, model: m}}
  "{HOSTILE}": {{provider: openai, model: m}}
  "a b; touch owned": {{provider: openai, model: m}}
budgets: auto
"""
EVERY = list(described())


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A configuration whose names a shell could read as more, and a file with a blank."""
    (tmp_path / "quantguard.yaml").write_text(CONFIG)
    (tmp_path / "report one.json").write_text("{}")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shimmed(project, monkeypatch):
    """A command `quantguard` on the path, as an installed one."""
    folder = project / "bin"
    folder.mkdir()
    shim = folder / "quantguard"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pytest_quantguard "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return project


def run(*command, text=None):
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, check=False
    )


BASH = """
source ./quantguard.bash
shown() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _quantguard
    printf '%s' "$*"
    printf '|%s' "${COMPREPLY[@]}"
    printf '\\n'
}
"""


def bash(folder, *lines):
    """Complete each line of words in a real bash; return what it offers for each."""
    (folder / "quantguard.bash").write_text(script("bash", EVERY))
    calls = "\n".join("shown " + " ".join(f"'{word}'" for word in line) for line in lines)
    done = run("bash", "--norc", text=BASH + calls)
    assert "" == done.stderr
    return [line.split("|")[1:] for line in done.stdout.splitlines()]


def test_bash_completes_commands_options_choices_files_and_variants(shimmed):
    """As a user types, with and without =, and words of a command."""
    first, options, choices, equal, file, words, inner, free, names, other = bash(
        shimmed,
        ("quantguard", ""),
        ("quantguard", "plan", "--c"),
        ("quantguard", "check-report", "--inconclusive", ""),
        ("quantguard", "check-report", "--inconclusive", "=", "w"),
        ("quantguard", "report", "rep"),
        ("quantguard", "history", ""),
        ("quantguard", "history", "import", "--f"),
        ("quantguard", "history", "--cohort", ""),
        ("quantguard", "plan", "--candidate", ""),
        ("quantguard", "plan", "--candidate", "=", "aw"),
    )

    assert [*COMMANDS, "--help", "--version"] == first
    assert {"--candidate", "--cost", "--check"} == set(options)
    assert (["fail", "warn"], ["warn"]) == (choices, equal)
    assert ["report one.json"] == file
    assert {"import", "note"} <= set(words)
    assert ["--file"] == inner
    assert [""] == free
    assert ["bf16", "awq-int4"] == names
    assert ["awq-int4"] == other
    assert not (shimmed / "owned").exists()


def test_a_bare_json_takes_no_value(project):
    """What follows it is the command's own argument; behind = it is a file."""
    bare, equal = bash(
        project,
        ("quantguard", "report", "--json", "rep"),
        ("quantguard", "plan", "--json", "=", "b"),
    )

    assert (["report one.json"], True) == (bare, "below" in equal)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_names_everything(shell):
    """Each command, each word, each option; and the shell itself can read it."""
    text = script(shell, EVERY)
    missing = [
        (one.words, name)
        for one in EVERY
        for action in one.parser._actions
        for name in action.option_strings
        if (f"-l {name[2:]}" if shell == "fish" and name.startswith("--") else name) not in text
        and not (shell == "fish" and not name.startswith("--"))
    ]

    assert [] == missing
    assert all(one.words[-1] in text for one in EVERY)
    if shutil.which(shell):
        done = run(shell, "-n", text=text)
        assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here to ask")
def test_fish_completes(shimmed):
    """Commands, variants, choices, words, files: asked of fish itself."""
    (shimmed / "quantguard.fish").write_text(script("fish", EVERY))
    lines = (
        "quantguard pla",
        "quantguard plan --candidate ",
        "quantguard check-report --inconclusive ",
        "quantguard history n",
        "quantguard history import --f",
    )
    asked = "; ".join(f"complete -C '{line}'; echo =====" for line in lines)
    done = run("fish", "--no-config", "-c", f"source quantguard.fish; {asked}")
    found = [
        [row.partition("\t")[0] for row in part.splitlines() if row]
        for part in done.stdout.split("=====\n")[:-1]
    ]

    assert "" == done.stderr
    plan, names, choices, words, inner = found
    assert ["plan"] == plan
    assert {"awq-int4", "bf16"} == set(names)
    assert {"fail", "warn"} == set(choices)
    assert ["note"] == words
    assert ["--file"] == inner
    assert not (shimmed / "owned").exists()


def test_variants_are_those_of_the_nearest_configuration(project, capsys, monkeypatch):
    """Also from a folder below; a name that a shell could obey is left out."""
    monkeypatch.chdir(project / "below")

    assert OK == cli.main(["completion", "--variants"])
    assert "bf16\nawq-int4\n" == capsys.readouterr().out


def test_variants_of_a_pyproject_file(tmp_path, capsys, monkeypatch):
    """Where [tool.quantguard] is the configuration."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.quantguard]\nbaseline = 'a'\n[tool.quantguard.variants.a]\nprovider = 'openai'\n"
    )
    monkeypatch.chdir(tmp_path)

    assert OK == cli.main(["completion", "--variants", "--json"])
    assert {"variants": ["a"]} == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("text", ["variants: [\n", "variants: 3\n", "- a\n", "baseline: x\n"])
def test_a_broken_configuration_has_no_names(tmp_path, capsys, monkeypatch, text):
    """No traceback in the middle of a line that somebody types."""
    (tmp_path / "quantguard.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)

    assert cli.main(["completion", "--variants"]) in (OK, USAGE)
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["tcsh"], ["bash", "--variants"]])
def test_a_wrong_call_is_a_usage_error(arguments, capsys):
    """One shell, or the variants."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["completion", *arguments])

    assert USAGE == stop.value.code
    assert "bash" in capsys.readouterr().err


def test_the_script_is_printed(capsys):
    """And as JSON."""
    assert OK == cli.main(["completion", "zsh"])
    said = capsys.readouterr().out
    assert said.startswith("#compdef quantguard\n")
    assert OK == cli.main(["completion", "zsh", "--json"])
    assert {"shell": "zsh", "script": said.rstrip("\n")} == json.loads(capsys.readouterr().out)
