"""The blocks of code in the pages of the documentation, and what a reader would type of them."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
OTHERS = [ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("examples/*/README.md"))]
"""Pages about this repository's own folders: their commands are read, and not run here."""

FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (exits|not run|output of|yaml|file): (.+?) -->")
OURS = ("quantguard", "pytest")
PROGRAMS = {
    "export": "a variable of the reader's",
    "cd": "the commands after it are run there",
    "make": "the targets are looked up in the Makefile",
    "pip": "nothing is installed by a test; the extras are looked up in pyproject.toml",
    "python": "a line of Python is run; a file has to be there",
    "vllm": "needs a GPU",
    "litellm": "the router that tests/test_example_routing.py writes a file for",
    "jq": "not on every machine",
    "check-jsonschema": "tested with the reports, on real files",
}
"""What the pages show beside our own commands, and why it is not run, or what is done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line that a reader would type."""

    words: tuple[str, ...]
    place: str
    code: int
    """The exit code that it has to end with."""
    shown: str | None
    """What the page shows that it prints; None where nothing is compared."""
    runs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    language: str
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it begins."""
        return f"{self.page}:{self.line}"

    def commands(self) -> list[Command]:
        """Return the lines to type; none where the block shows something else."""
        lines = _logical(self.text)
        prompts = [line for line in lines if line.startswith("$ ")]
        typed = [line.removeprefix("$ ") for line in prompts or lines]
        if self.language not in ("", "sh", "console") or not _program(next(iter(typed), "")):
            return []
        typed = [line for line in typed if shlex.split(line, comments=True)]
        outputs = _outputs(lines) if prompts else [None] * len(typed)
        codes = [int(code) for code in self.marks.get("exits", "0").split()]
        codes += [codes[-1]] * (len(typed) - len(codes))
        return [
            Command(
                words=tuple(shlex.split(line, comments=True)),
                place=f"{self.place}: {line}",
                code=code,
                shown=None if "output of" in self.marks else output,
                runs="not run" not in self.marks,
            )
            for line, code, output in zip(typed, codes, outputs, strict=True)
        ]


def blocks(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, with the marks in comments right before them."""
    text = path.read_text("utf-8")
    page = path.relative_to(ROOT).as_posix()
    for match in FENCE.finditer(text):
        before = text[: match.start()].splitlines()
        marks = {}
        while before and (found := MARK.fullmatch(before[-1].strip())):
            marks[found[1]] = found[2]
            before.pop()
        yield Block(
            page=page,
            line=text[: match.start()].count("\n") + 1,
            language=match[2],
            text=textwrap.dedent(match[3]) if match[1] else match[3],
            marks=marks,
        )


def spoken(path: Path) -> Iterator[Command]:
    """Yield our commands that stand in sentences: `quantguard report FILE --github`."""
    text = FENCE.sub("", path.read_text("utf-8"))
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text):
        line = " ".join(code.split())
        if re.match(r"(quantguard [a-z]|pytest .*--quant)", line):
            place = f"{path.relative_to(ROOT).as_posix()}: {line}"
            words = tuple(line.replace("'", "").replace('"', "").split())
            yield Command(words=words, place=place, code=0, shown=None, runs=False)


def _logical(text: str) -> list[str]:
    """Return the lines, those that go on after a backslash in one."""
    return re.sub(r" *\\\n *", " ", text).splitlines()


def _program(line: str) -> str | None:
    name = line.partition(" ")[0]
    return name if name in (*OURS, *PROGRAMS) else None


def _outputs(lines: list[str]) -> list[str | None]:
    """Return what stands after each line with a prompt, None where nothing does."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("$ "):
            found.append([])
        elif found:
            found[-1].append(line)
    return ["\n".join(output).strip("\n") or None for output in found]


def same(shown: str, printed: str) -> bool:
    """Compare what a page shows: a line ``...`` is any lines, and ``...`` in a line any text.

    Lines between two such lines stand together, and are looked for from the top: no more is needed,
    since each lot has a number of lines that is known.
    """
    lots: list[list[str]] = [[]]
    for line in shown.strip("\n").splitlines():
        if line.strip() == "...":
            lots.append([])
        else:
            lots[-1].append(re.escape(line.rstrip()).replace(r"\.\.\.", ".*"))
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    if len(lots) == 1:
        return len(lines) == len(lots[0]) and _stands(lots[0], lines, 0)
    first, *middle, last = lots
    at, end = len(first), len(lines) - len(last)
    if at > end or not _stands(first, lines, 0) or not _stands(last, lines, end):
        return False
    for lot in middle:
        places = range(at, end - len(lot) + 1)
        found = next((place for place in places if _stands(lot, lines, place)), None)
        if found is None:
            return False
        at = found + len(lot)
    return True


def _stands(lot: list[str], lines: list[str], at: int) -> bool:
    return all(
        re.fullmatch(pattern, line)
        for pattern, line in zip(lot, lines[at : at + len(lot)], strict=True)
    )
