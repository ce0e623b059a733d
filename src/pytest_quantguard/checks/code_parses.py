"""The code in the answer can be parsed."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _code, _json, _limited, _params, _xml
from pytest_quantguard.checks._text import capped, listed, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_MAX_CHARS = 200_000
_MARKS = {
    "python": {"python", "py", "python3", "py3"},
    "json": {"json"},
    "xml": {"xml", "svg"},
}
_NAMES = {"python": "Python", "json": "JSON", "xml": "XML"}
_WHICH = ("all", "first", "one")
_TOO_DEEP = "nested too deeply to be parsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeParses:
    """The code blocks of the answer are syntactically right; nothing is run.

    Judged are the fenced blocks marked with the language or, where no block is, those without any
    mark. An answer without a fence is code as a whole. A block that is never closed was cut off.

    Python is compiled by the version of Python that runs the tests, so that a ``return`` outside of
    a function is found too; ``await`` may stand anywhere, as in a notebook. Without a fence a
    single word such as "OK" is no code. JSON and XML are read as strictly
    as in the checks of these names. More than 200,000 characters of code violate the check, as does
    code that takes more than 2 seconds of processor time to parse.

    Parameters:
        language: ``python``, ``json`` or ``xml``.
        blocks: ``all`` (every block has to parse), ``first`` (the others are not looked at) or
            ``one`` (there has to be exactly one, and it has to parse).
        fenced: true demands a fence.

    Example:
        expect:
          - code_parses: python
          - code_parses: {language: json, blocks: one, fenced: true}

    Quantized models typically lose a bracket or an indentation in long functions, or never come to
    the end: ``code block 1 is no Python: '(' was never closed in line 7: "total = sum((a, b"``.
    """

    key: ClassVar[str] = "code_parses"
    shorthand: ClassVar[str | None] = "language"

    language: str
    blocks: str = "all"
    fenced: bool = False

    def __post_init__(self) -> None:
        _params.one_of("language", self.language, _MARKS)
        _params.one_of("blocks", self.blocks, _WHICH)
        _params.flag("fenced", self.fenced)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the code blocks of the text."""
        found = _code.blocks(completion.text)
        if not found:
            if self.fenced:
                return Outcome.of([f"no fenced code block in {quote(completion.text)}"])
            if self.language == "python" and completion.text.strip().isidentifier():
                return Outcome.of(
                    [f"there is no code, only the word {quote(completion.text.strip())}"]
                )
            whole = _code.Block(language="", text=completion.text, closed=True)
            return Outcome.of(capped(self._problems([("the answer", whole)], completion)))
        ours = [block for block in found if block.language in _MARKS[self.language]]
        ours = ours or [block for block in found if not block.language]
        name = _NAMES[self.language]
        if not ours:
            marks = listed(dict.fromkeys(block.language for block in found), 20)
            return Outcome.of([f"no code block is {name}; they are marked {marks}"])
        if self.blocks == "one" and len(ours) > 1:
            return Outcome.of([f"{len(ours)} code blocks are {name}, exactly one is asked for"])
        ours = ours[:1] if self.blocks == "first" else ours
        named = [(f"code block {number}", block) for number, block in enumerate(ours, 1)]
        return Outcome.of(capped(self._problems(named, completion)))

    def _problems(
        self, blocks: list[tuple[str, _code.Block]], completion: Completion
    ) -> Iterator[str]:
        size = sum(len(block.text) for _, block in blocks)
        if size > _MAX_CHARS:
            yield f"there are {size} characters of code; at most {_MAX_CHARS} are parsed"
            return
        problems = self._parsed([(name, block.text) for name, block in blocks])
        for (name, block), problem in zip(blocks, problems, strict=True):
            if not block.closed:
                cut = " (finish_reason is length)" if completion.finish_reason == "length" else ""
                end = quote("…" + block.text.rstrip()[-40:])
                yield f"{name} is never closed: the answer ends in the middle{cut}: {end}"
            elif problem:
                yield problem

    def _parsed(self, texts: list[tuple[str, str]]) -> list[str]:
        if self.language == "python":
            return _python(texts)
        return [_data(self.language, name, text) for name, text in texts]


def _data(language: str, name: str, text: str) -> str:
    try:
        if language == "json":
            _json.parse(text, subject=name)
        else:
            _xml.document(text, subject=name)
    except (_json.NotJson, _xml.NotXml) as error:
        return str(error)
    return ""


def _python(texts: list[tuple[str, str]]) -> list[str]:
    try:
        problems = _limited.call(_syntax, [text for _, text in texts])
    except TimeoutError:
        limit = f"the code cannot be parsed within {_limited.LIMIT_S:g} s"
        return [limit, *([""] * (len(texts) - 1))]
    return [
        _sentence(name, text, *problem) if problem else ""
        for (name, text), problem in zip(texts, problems, strict=True)
    ]


def _sentence(name: str, text: str, message: str, line: int | None) -> str:
    said = f"{name} is no Python: {quote(message, 100)[1:-1]}"
    lines = text.split("\n")
    if line is None or not 1 <= line <= len(lines):
        return said
    return f"{said} in line {line}: {quote(lines[line - 1].strip())}"


# --- in the helper process --------------------------------------------------------------


def _syntax(texts: list[str]) -> list[tuple[str, int | None] | None]:
    return [_problem(text) for text in texts]


def _problem(text: str) -> tuple[str, int | None] | None:
    try:
        tree = ast.parse(text)
        if not tree.body:
            return "there is no statement", None
        # What only the compiler refuses: "return" outside of a function, the same argument twice.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<answer>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return error.msg, error.lineno
    except (RecursionError, MemoryError):  # what a parser that runs out of stack raises
        return _TOO_DEEP, None
    except UnicodeEncodeError as error:
        return "half of a surrogate pair", text.count("\n", 0, error.start) + 1
    except ValueError as error:  # a null byte, in Python before 3.11.4
        return str(error), None
    return None
