"""``quantguard completion``: the scripts, in the shells that they are for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from pytest_quantguard import cli
from pytest_quantguard.commands import COMMANDS
from pytest_quantguard.commands._completion import _shorter, completed, script
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
    shim(project, f'exec "{sys.executable}" -m pytest_quantguard "$@"', monkeypatch)
    return project


def shim(project, does, monkeypatch):
    folder = project / "bin"
    folder.mkdir()
    (folder / "quantguard").write_text(f"#!/bin/sh\n{does}\n")
    (folder / "quantguard").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def run(*command, text=None, within=60, **settings):
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
        **settings,
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
    first, options, choices, equal, file, words, late, inner, entry, gguf, free, names, other = (
        bash(
            shimmed,
            ("quantguard", ""),
            ("quantguard", "plan", "--c"),
            ("quantguard", "check-report", "--inconclusive", ""),
            ("quantguard", "check-report", "--inconclusive", "=", "w"),
            ("quantguard", "report", "rep"),
            ("quantguard", "history", ""),
            ("quantguard", "history", "--cohort", "x", ""),
            ("quantguard", "history", "import", "--f"),
            ("quantguard", "history", "note", ""),
            ("quantguard", "audit", "--gguf", "rep"),
            ("quantguard", "history", "--cohort", ""),
            ("quantguard", "plan", "--candidate", ""),
            ("quantguard", "plan", "--candidate", "=", "aw"),
        )
    )

    assert [*COMMANDS, "--help", "--version"] == first
    assert {"--candidate", "--cost", "--check"} == set(options)
    assert (["fail", "warn"], ["warn"]) == (choices, equal)
    assert ["report one.json"] == file
    assert (["import", "note"], [""]) == (words, late)
    assert (["--file"], [""], ["report one.json"]) == (inner, entry, gguf)
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
        "quantguard history import rep",
        "quantguard history --cohort note ",
        "quantguard history --cohort note --la",
        "quantguard history note ",
        "quantguard audit --gguf rep",
    )
    asked = "; ".join(f"complete -C '{line}'; echo =====" for line in lines)
    done = run("fish", "--no-config", "-c", f"source quantguard.fish; {asked}")
    found = [
        [row.partition("\t")[0] for row in part.splitlines() if row]
        for part in done.stdout.split("=====\n")[:-1]
    ]

    assert "" == done.stderr
    plan, names, choices, words, inner, file, late, option, entry, gguf = found
    assert ["plan"] == plan
    assert {"awq-int4", "bf16"} == set(names)
    assert {"fail", "warn"} == set(choices)
    assert ["note"] == words
    assert ["--file"] == inner
    assert (["report one.json"], [], ["--last"]) == (file, late, option)
    assert ([], ["report one.json"]) == (entry, gguf)
    assert not (shimmed / "owned").exists()


ZSH = """\
# An interactive zsh. Tab completes as ever, but what is offered is written down; ^G ends a line.
zmodload zsh/complete
PS1= PS2=
unsetopt beep auto_list
autoload -Uz compinit
compinit -D -u
zstyle ':completion:*' list-grouped false
zstyle ':completion:*:descriptions' format '%d'
compadd() {
    local -i _end=${@[(i)(-|--)]} _at=${@[(i)-*d]} _head=${@[(i)-X]}
    local -a _words _about
    local _over
    if [[ -z ${(M)@[1,_end-1]:#-[OAD]*} ]]; then  # those only ask, and offer nothing
        (( _at < _end )) && _about=("${(@P)@[_at+1]}")
        (( _head < _end )) && _over=$@[_head+1]
        builtin compadd -O _words -D _about "$@"
        for ((_at = 1; _at <= $#_words; _at++)); do
            print -r -- "word"$'\\t'"$_words[_at]"$'\\t'"$_about[_at]"$'\\t'"$_over" >> answers
        done
    fi
    builtin compadd "$@"
}
ended() {
    print -r -- "line"$'\\t'"$BUFFER" >> answers
    BUFFER=
    print -n "<answered>"
}
zle-line-init() { print -n "<ready>" }
zle -N ended
zle -N zle-line-init
bindkey -e
bindkey '^G' ended
"""
ZPTY = """\
# Type into it what stdin has, line by line; go on when a line has been answered, however late.
zmodload zsh/zpty || exit 3
zpty asked 'stty columns 500 rows 100; exec zsh -f -i'
zpty -w asked 'source ./ask.zsh'
zpty -r asked said '*<ready>*' || { print -ru2 -- "no zsh: $said"; exit 3 }
while IFS= read -r line; do
    zpty -n -w asked "$line"$'\\a'
    zpty -r asked said '*<answered>*' || { print -ru2 -- "$line: $said"; exit 3 }
done
zpty -d asked
"""


@dataclass
class Asked:
    """What a line became, and what was offered for it: words with their texts, and headings."""

    line: str = ""
    words: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)


def zsh(folder, *lines, source=False):
    """Type each line into a real zsh, Tabs as such; return what came of each.

    The script is found by compinit in a folder of functions, or sourced behind it.
    """
    functions, home = folder / "functions", folder / "home"
    functions.mkdir()
    home.mkdir()
    (functions / "_quantguard").write_text(script("zsh", EVERY))
    before, behind = "fpath=($PWD/functions $fpath)\n", ""
    if source:
        before, behind = "", "source functions/_quantguard\n"
    (folder / "ask.zsh").write_text(before + ZSH + behind)
    around = {**os.environ, "HOME": str(home), "TERM": "dumb"}
    around.pop("ZDOTDIR", None)
    typed = "".join(f"{line}\n" for line in lines)
    done = run("zsh", "-f", "-c", ZPTY, text=typed, within=300, env=around, cwd=folder)

    assert (0, "") == (done.returncode, done.stderr)
    assert [] == list(home.iterdir())
    found = [Asked()]
    for row in (folder / "answers").read_text().splitlines():
        kind, *rest = row.split("\t")
        if kind == "line":
            found[-1].line = rest[0]
            found.append(Asked())
        else:
            found[-1].words[rest[0]] = rest[1].partition(" -- ")[2]
            found[-1].over |= {rest[2]} - {""}
    return found[:-1]


has_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here to ask")


@has_zsh
def test_zsh_completes_lines_as_they_are_typed(shimmed):
    """Commands, options, choices, variants, words, and files with a blank, each by a Tab."""
    typed = {
        "quantguard pla\t": "quantguard plan ",
        "quantguard pla\t--cos\t--che\t": "quantguard plan --cost --check ",
        "quantguard plan --can\taw\t--no\t": "quantguard plan --candidate=awq-int4 --noise=",
        "quantguard plan --candidate b\t": "quantguard plan --candidate bf16 ",
        "quantguard doctor bf16 a\t": "quantguard doctor bf16 awq-int4 ",
        "quantguard check-report --inc\tw\t": "quantguard check-report --inconclusive=warn ",
        "quantguard check-report --inconclusive f\t": (
            "quantguard check-report --inconclusive fail "
        ),
        "quantguard import --from=openai-b\t": "quantguard import --from=openai-batch ",
        "quantguard report rep\t--jso\t ": r"quantguard report report\ one.json --json ",
        "quantguard report --json rep\t": r"quantguard report --json report\ one.json ",
        "quantguard report --json=rep\t": r"quantguard report --json=report\ one.json ",
        "quantguard report 'rep\t": "quantguard report 'report one.json' ",
        "quantguard audit --gguf rep\t": r"quantguard audit --gguf report\ one.json ",
        "quantguard plan bel\t": "quantguard plan below/",
        "quantguard history n\t": "quantguard history note ",
        "quantguard history imp\t--f\trep\t": (
            r"quantguard history import --file=report\ one.json "
        ),
        "quantguard history import rep\t": r"quantguard history import report\ one.json ",
        "quantguard history import\t": "quantguard history import ",
        "quantguard watch -k x --ble\t": "quantguard watch -k x --bless=",
        "quantguard completion z\t": "quantguard completion zsh ",
        "quantguard completion --json b\t": "quantguard completion --json bash ",
        "FOO=1 quantguard compa\t; quantguard mer\t": "FOO=1 quantguard compare; quantguard merge ",
    }

    found = zsh(shimmed, *typed)

    assert list(typed.values()) == [one.line for one in found]
    assert not (shimmed / "owned").exists()


@has_zsh
def test_zsh_offers_everything_with_its_text(shimmed):
    """Every command and option with its text, all choices and variants; nothing where none fits."""
    every = [completed(one) for one in EVERY]
    first, dashes, choices, names, words, *others = zsh(
        shimmed,
        "quantguard \t",
        "quantguard --\t",
        "quantguard import --from \t",
        "quantguard plan --candidate=\t",
        "quantguard history \t",
        "quantguard history --cohort x \t",
        "quantguard history --cohort \t",
        "quantguard history note \t",
        "quantguard report -- --j\t",
        "quantguard nothing \t",
        *(f"quantguard {' '.join(one.words)} -\t" for one in every),
    )
    nothing, options = others[:5], others[5:]

    ends = {"--help": "show the commands", "--version": "print the version"}
    shown = {name: _shorter(about) for name, (_, about) in COMMANDS.items()}
    assert {**shown, **ends} == first.words
    assert ends == dashes.words
    (formats,) = [o for one in every for o in one.options if "--from" in o.names]
    assert formats.value.words == tuple(choices.words)
    assert (["bf16", "awq-int4"], {"value"}) == (list(names.words), names.over)
    assert ["import", "note"] == list(words.words)
    assert [{}] * 5 == [one.words for one in nothing]
    for one, asked in zip(every, options, strict=True):
        texts = {name: _shorter(o.about) for o in one.options for name in o.names}
        assert texts == asked.words, one.words
    assert not (shimmed / "owned").exists()


@has_zsh
def test_zsh_obeys_no_name(project, monkeypatch):
    """A file or a variant is one word, whatever it is called; here the script is sourced."""
    hostile = {
        r"\$": HOSTILE,
        "a": "a b; touch owned",
        r"\`": "`touch owned`",
        r"\'": "'*",
        r"\~": "~",
        r"\=": "=ls",
        r"\*": "*",
        "c": "c\\",
        "d": "d!!",
        r"\>": ">owned",
    }
    names = "\n".join(hostile.values())
    does = f"""case $1 in
        completion) cat <<'END'\n{names}\nEND\n;;
        *) printf '%s\\n' "$3" ;;
    esac"""
    shim(project, does, monkeypatch)
    (project / "f$(touch owned) >owned.json").write_text("{}")
    typed = [f"quantguard plan --candidate {start}\t" for start in hostile]

    found = [one.line for one in zsh(project, *typed, "quantguard report -v f\t\t", source=True)]
    obeyed = run("zsh", "-f", text="\n".join(found))

    assert (0, "") == (obeyed.returncode, obeyed.stderr)
    assert [*hostile.values(), "f$(touch owned) >owned.json"] == obeyed.stdout.splitlines()
    assert not (project / "owned").exists()


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
