"""What a golden file, or one of its cases, sets: ``vars`` and ``matrix``, and ``tools``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard.documents.document import Document, Path_, misshapen
from pytest_quantguard.documents.included import Included
from pytest_quantguard.documents.matrix import NONE, Matrix, Row, crossed
from pytest_quantguard.errors import InputError
from pytest_quantguard.types import Json

SCHEMA = "golden.schema.json"

Sentence = tuple[str, str]
"""Where something is wrong, as ``file:line``, and what."""


@dataclass(frozen=True, slots=True)
class Written:
    """A map in a golden file, and where it stands."""

    data: Json
    document: Document
    path: Path_ = ()

    def where(self, *steps: str | int) -> str:
        """Return ``file:line`` of something inside."""
        return self.document.where((*self.path, *steps))

    def line(self, *steps: str | int) -> int:
        """Return the line of something inside, counting from 1."""
        return self.document.line((*self.path, *steps))


@dataclass(frozen=True, slots=True)
class Spec:
    """One item under ``expect``."""

    owner: Written
    index: int
    open: bool
    """Whether variables have to be filled in first."""

    @property
    def value(self) -> Any:
        """The item as it is written."""
        return self.owner.data["expect"][self.index]

    @property
    def where(self) -> str:
        """Its ``file:line``."""
        return self.owner.where("expect", self.index)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one map sets, and each mistake in it: ``file:line`` and a sentence."""

    owner: Written
    vars: Json = field(default_factory=dict)
    matrix: Matrix = NONE
    problems: tuple[Sentence, ...] = ()

    @classmethod
    def of(cls, owner: Written, included: Included) -> Scope:
        """Read ``vars`` and ``matrix``, files that they refer to included."""
        wrong: list[Sentence] = []
        found: Any = {}
        matrix = NONE
        try:
            found = included.resolve(owner.data.get("vars", {}))
            if not isinstance(found, dict):
                raise InputError("vars has to be a map of names to values")
        except InputError as error:
            wrong.append((owner.where("vars"), error.problems[0]))
            found = {}
        try:
            if "matrix" in owner.data:
                matrix = Matrix.of(included.resolve(owner.data["matrix"]))
        except (InputError, ValueError) as error:
            wrong.append((owner.where("matrix"), str(error)))
        wrong += [
            (
                owner.where("vars", name),
                f"the variable {name!r:.80} is in 'vars' and in 'matrix'; remove one of the two",
            )
            for name in found
            if name in matrix.names
        ]
        return cls(owner, found, matrix, tuple(wrong))

    def unused(self, used: set[str]) -> Iterator[Sentence]:
        """Yield a sentence for each variable that no text uses: most likely a typo."""
        for name in [*self.vars, *self.matrix.names]:
            if name not in used:
                where = self.owner.where("vars" if name in self.vars else "matrix", name)
                yield (
                    where,
                    f"the variable {name!r:.80} is used nowhere; write {{{{{name:.80}}}}} where it "
                    "belongs, or remove it",
                )

    def clashes(self, inner: Scope) -> Iterator[Sentence]:
        """Yield a sentence for each variable of this file's matrix that one of its cases sets."""
        for name in self.matrix.names:
            if name in inner.vars or name in inner.matrix.names:
                where = inner.owner.where("vars" if name in inner.vars else "matrix", name)
                yield (
                    where,
                    f"the variable {name!r:.80} is in the file's matrix already; give one of them "
                    "another name",
                )

    def rows(self, inner: Scope) -> Iterator[Row]:
        """Yield every combination of the file's rows and a case's."""
        for mine in self.matrix.rows():
            for its in inner.matrix.rows():
                yield crossed(mine, its)


def tools_of(owner: Written, included: Included) -> tuple[list[Any], list[Sentence]]:
    """Return the tools that a map sets, files that it refers to included, and each mistake."""
    try:
        tools = included.resolve(owner.data.get("tools", []))
    except InputError as error:
        return [], [(owner.where("tools"), error.problems[0])]
    if not isinstance(tools, list):
        return [], [(owner.where("tools"), "tools must be a list of tool definitions")]
    shape = Document(owner.document.name, {"tools": tools})
    wrong = [
        (owner.where(*path), f"tools[{path[1]}]{text.removeprefix('tools')}")
        for path, text in misshapen(shape, SCHEMA, "#/$defs/offered")
    ]
    return ([], wrong) if wrong else (tools, list(_called_alike(owner, tools)))


def _called_alike(owner: Written, tools: list[Any]) -> Iterator[Sentence]:
    first: dict[str, int] = {}
    for index, tool in enumerate(tools):
        name = tool["function"]["name"]
        if first.setdefault(name, index) != index:
            yield (
                owner.where("tools", index),
                f"tools[{index}] is called {name!r:.80}, as is tools[{first[name]}]; "
                "a call could mean either",
            )
