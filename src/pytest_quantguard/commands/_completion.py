"""Completion scripts for shells, made of the commands' own parsers; pure.

A script is plain text: nothing that a user's files hold is in it. Names of variants are asked for
when they are completed, and are compared there, never evaluated.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_quantguard.cli import Parser
from pytest_quantguard.commands._parsers import Described, subparsers

Kind = Literal["none", "words", "files", "variants"]
"""What stands behind an option, or at an argument's place."""
_FILES = {"FILE", "PATH", "DIR", "FOLDER", "MODEL"}
"""What options call files; a MODEL is a GGUF file."""
_NO_FILES = {"ENTRY"}
"""What arguments without a name call something else."""
_VARIANTS = {"candidate", "baseline", "variant", "quant_candidate", "quant_baseline"}
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""Choices and words that mean themselves in every shell."""


@dataclass(frozen=True, slots=True)
class Value:
    """What may be given."""

    kind: Kind
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command."""

    names: tuple[str, ...]
    value: Value | None
    """None = it takes none."""
    optional: bool
    """True when a value only counts behind ``=``."""
    about: str


@dataclass(frozen=True, slots=True)
class Completed:
    """One command as completion sees it."""

    words: tuple[str, ...]
    about: str
    further: tuple[str, ...]
    """Words that may follow at once, with arguments of their own, in place of `argument`."""
    options: tuple[Option, ...]
    argument: Value
    """What its arguments without a name are."""


def completed(one: Described) -> Completed:
    """Return what a command takes."""
    actions = one.parser._actions
    return Completed(
        words=one.words,
        about=one.about,
        further=(*one.parser.words, *subparsers(one.parser)),
        options=tuple(_option(action, one.parser) for action in actions if action.option_strings),
        argument=_argument(one.parser, actions),
    )


def _option(action: argparse.Action, parser: Parser) -> Option:
    about = parser._get_formatter()._expand_help(action) if action.help else ""
    json = action.option_strings == ["--json"]
    takes = action.nargs != 0
    return Option(
        names=tuple(action.option_strings),
        value=_value(action) if takes else None,
        optional=json or action.nargs == "?",
        about=" ".join(about.split()),
    )


def _argument(parser: Parser, actions: Iterable[argparse.Action]) -> Value:
    named = [
        action
        for action in actions
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
    ]
    if parser.pytest:
        return Value("files")
    found = [_value(action, file=True) for action in named]
    return found[0] if found else Value("none")


def _value(action: argparse.Action, *, file: bool = False) -> Value:
    if action.choices is not None:
        return Value("words", tuple(c for c in map(str, action.choices) if _PLAIN.fullmatch(c)))
    given = getattr(action, "complete", None)
    if given == "variant" or (given is None and action.dest in _VARIANTS):
        return Value("variants")
    named = action.type is Path or action.metavar in _FILES
    files = named or (file and action.metavar not in _NO_FILES)
    return Value("files" if files else "none")


def script(shell: str, commands: Iterable[Described]) -> str:
    """Return the script for ``bash``, ``zsh`` or ``fish``."""
    found = [completed(one) for one in commands]
    return "\n".join({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](found)) + "\n"


# --- bash ---------------------------------------------------------------------------------


_BASH_HEAD = """\
# Completion of the quantguard command for bash, made by 'quantguard completion bash'.
_quantguard() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local command="" option="" behind="" kind="" words="" word i
    COMPREPLY=()
    # bash makes words of their own of the '=' in --option=value.
    if [[ $cur == "=" ]]; then
        option=$prev behind="=" cur=""
    elif [[ $prev == "=" && COMP_CWORD -gt 2 ]]; then
        option=${COMP_WORDS[COMP_CWORD-2]} behind="="
    elif [[ $prev == -* ]]; then
        option=$prev
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$i:$command ${COMP_WORDS[i]}" in"""
_BASH_MIDDLE = """\
        esac
    done
    case "$command|$option$behind" in"""
_BASH_TAIL = """\
    case $kind in
        words)
            for word in $words; do
                [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
            done ;;
        variants)
            while IFS= read -r word; do
                [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
            done < <(quantguard completion --variants 2>/dev/null) ;;
        files)
            compopt -o filenames 2>/dev/null
            while IFS= read -r word; do
                COMPREPLY+=("$word")
            done < <(compgen -f -- "$cur") ;;
    esac
    return 0
}
complete -F _quantguard quantguard"""


def _bash(commands: Sequence[Completed]) -> Iterator[str]:
    yield _BASH_HEAD
    for one in commands:
        *before, last = one.words
        place = f"{len(one.words)}:{' '.join(before)} {last}"
        yield f'            "{place}") command="{" ".join(one.words)}" ;;'
    yield _BASH_MIDDLE
    for one in commands:
        for option in one.options:
            if option.value is not None:
                yield _bash_value(one, option)
    yield "    esac"
    yield '    if [[ -z $kind && -z $behind ]]; then\n        case "$command" in'
    yield f'            "") words="{_spaced(_first(commands))}" kind="words" ;;'
    for one in commands:
        options = _spaced(name for option in one.options for name in option.names)
        name = " ".join(one.words)
        yield f'            "{name}")'
        yield f'                if [[ $cur == -* ]]; then\n                    words="{options}"'
        yield '                    kind="words"\n                else'
        yield from _bash_argument(one)
        yield "                fi ;;"
    yield "        esac\n    fi"
    yield _BASH_TAIL


def _bash_value(one: Completed, option: Option) -> str:
    value = option.value or Value("none")
    name = " ".join(one.words)
    places = [f'"{name}|{each}="' for each in option.names]
    if not option.optional:
        places += [f'"{name}|{each}"' for each in option.names]
    words = f' words="{_spaced(value.words)}"' if value.kind == "words" else ""
    return f'        {" | ".join(places)}) kind="{value.kind}"{words} ;;'


def _bash_argument(one: Completed) -> Iterator[str]:
    if one.further:
        yield f"                    (( COMP_CWORD == {len(one.words) + 1} )) &&"
        yield f'                        words="{_spaced(one.further)}" kind="words"'
    else:
        words = _spaced(one.argument.words)
        yield f'                    words="{words}" kind="{one.argument.kind}"'


def _first(commands: Sequence[Completed]) -> list[str]:
    return [*(one.words[0] for one in commands if len(one.words) == 1), "--help", "--version"]


def _spaced(words: Iterable[str]) -> str:
    return " ".join(words)


# --- zsh ----------------------------------------------------------------------------------


_ZSH_HEAD = """\
#compdef quantguard
# Completion of the quantguard command for zsh, made by 'quantguard completion zsh'.
_quantguard_variants() {
    local -a found
    found=(${(f)"$(quantguard completion --variants 2>/dev/null)"})
    compadd "$@" -a found
}
_quantguard() {
    local -a commands
    if (( CURRENT == 2 )); then
        commands=("""
_ZSH_MIDDLE = """\
            '--help:show the commands'
            '--version:print the version'
        )
        _describe -t commands 'quantguard command' commands
        return
    fi
    case "${words[2]} ${words[3]}" in"""
_ZSH_TAIL = """\
    esac
}
if [[ ${funcstack[1]} == _quantguard ]]; then
    _quantguard "$@"
else
    compdef _quantguard quantguard
fi"""


def _zsh(commands: Sequence[Completed]) -> Iterator[str]:
    yield _ZSH_HEAD
    for one in commands:
        if len(one.words) == 1:
            yield f"            {_quoted(f'{one.words[0]}:{_shorter(one.about)}')}"
    yield _ZSH_MIDDLE
    for one in sorted(commands, key=lambda c: -len(c.words)):  # the longer ones come first
        pattern = f'"{" ".join(one.words)}"' if len(one.words) > 1 else f"{one.words[0]}\\ *"
        depth = len(one.words)
        yield f"        {pattern})"
        if depth > 1:
            yield f"            if (( CURRENT > {depth + 1} )); then"
        yield f"            shift {depth} words; (( CURRENT -= {depth} ))"
        yield "            _arguments -s -S \\"
        for option in one.options:
            for name in option.names:
                yield f"                {_zsh_option(name, option)} \\"
        yield f"                {_zsh_argument(one)}"
        if depth > 1:
            yield f"            else\n                compadd -- {one.words[-1]}\n            fi"
        yield "            ;;"
    yield _ZSH_TAIL


def _zsh_option(name: str, option: Option) -> str:
    about = re.sub(r"([\[\]:\\])", r"\\\1", _shorter(option.about))
    if option.value is None:
        return _quoted(f"*{name}[{about}]")
    marks = "=-" if option.optional and name.startswith("--") else "="
    marks = marks if name.startswith("--") else ""
    missing = "::" if option.optional else ":"
    return _quoted(f"*{name}{marks}[{about}]{missing}value:{_zsh_value(option.value)}")


def _zsh_argument(one: Completed) -> str:
    if one.further:
        offered = f'compadd "$expl[@]" -- {_spaced(one.further)}'
        return _quoted(f"*:word:{{(( CURRENT == 2 )) && {offered}}}")
    return _quoted(f"*:argument:{_zsh_value(one.argument)}")


def _zsh_value(value: Value) -> str:
    if value.kind == "words":
        return f"({_spaced(value.words)})"
    return {"files": "_files", "variants": "_quantguard_variants"}.get(value.kind, " ")


def _quoted(text: str) -> str:
    """Quote for zsh and for bash."""
    return "'" + text.replace("'", "'\\''") + "'"


def _shorter(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:67]}..."


# --- fish ---------------------------------------------------------------------------------


_FISH_HEAD = """\
# Completion of the quantguard command for fish, made by 'quantguard completion fish'.
function __quantguard_is
    set -l given (commandline -opc)
    set -l most (math 1 + (count $argv))
    test (count $given) -ge $most; and test "$given[2..$most]" = "$argv"
end
function __quantguard_ends
    __quantguard_is $argv; and test (count (commandline -opc)) -eq (math 1 + (count $argv))
end
complete -c quantguard -f
complete -c quantguard -n __fish_use_subcommand -l help -s h -d 'show the commands'
complete -c quantguard -n __fish_use_subcommand -l version -d 'print the version'"""


def _fish(commands: Sequence[Completed]) -> Iterator[str]:
    yield _FISH_HEAD
    for one in commands:
        *before, last = one.words
        when = f"__quantguard_ends {_spaced(before)}" if before else "__fish_use_subcommand"
        about = _fish_quoted(_shorter(one.about))
        yield f"complete -c quantguard -n {_fish_quoted(when)} -a {last} -d {about}"
    for one in commands:
        yield from _fish_command(one)


def _fish_command(one: Completed) -> Iterator[str]:
    when = f"__quantguard_is {_spaced(one.words)}"
    for word in one.further:
        when += f"; and not __quantguard_is {_spaced((*one.words, word))}"
    head = f"complete -c quantguard -n {_fish_quoted(when)}"
    for option in one.options:
        names = _spaced(
            f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
        )
        about = _fish_quoted(_shorter(option.about))
        value = "" if option.value is None or option.optional else _fish_value(option.value)
        yield f"{head} {names}{value} -d {about}"
    if one.argument.kind != "none":
        yield f"{head}{_fish_value(one.argument, option=False)}"


def _fish_value(value: Value, *, option: bool = True) -> str:
    needed = " -r" if option else ""
    if value.kind == "files":
        return f"{needed} -F"
    words = {
        "words": _spaced(value.words),
        "variants": "(quantguard completion --variants 2>/dev/null)",
    }.get(value.kind)
    return f"{' -x' if option else ''}{f' -a {_fish_quoted(words)}' if words else ''}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
