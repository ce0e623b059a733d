"""What importers give: drafts of golden cases, recorded exchanges, and what was left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_quantguard.types import Completion, CompletionRequest, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something of a source that could not be carried over."""

    place: str
    """``file:line``, or ``file: $.path`` inside a JSON document."""
    what: str
    """The thing, in the source's own word: ``assert javascript``, ``metadata`` ..."""
    why: str
    """Why it cannot be carried over, and what to do instead, where there is something."""
    whole: bool = False
    """True where nothing of a record could be used, and it may have been an exchange."""
    alien: bool = False
    """True where a record is no exchange with a chat model at all."""


Note = Callable[[Loss], None]
"""Is told of every loss; nothing is dropped in silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The files to read."""

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    """What messages call them."""
    prompt: str | None = None
    """How a data set's fields become a prompt, such as ``{{context}} {{input}}``."""
    tools: tuple[Json, ...] = ()
    """Tool definitions for sources that name tools and do not define them."""
    references: bool = False
    """Whether answers that a model gave may become references."""
    failures: bool = False
    """Whether exchanges are wanted too in which a model gave no answer."""

    @property
    def files(self) -> Iterator[tuple[Path, str]]:
        """The paths, each with its name."""
        return zip(self.paths, self.names, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A golden case in the making: its id and cohort are still to be settled."""

    place: str
    name: str = ""
    """What the id is made of: a description, a title, an id of the source; any text."""
    case: Json
    """The case in the words of golden files, without ``id`` and ``cohort``."""
    cohort: str = ""
    """What the source itself groups by, any text; empty where it does not."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What else the source says about it: a cohort may be made of one of them."""
    bare: bool = False
    """True when nothing is known that must hold of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One exchange with a model, as a log has it."""

    place: str
    messages: tuple[Json, ...]
    """In the words of the OpenAI chat API, without the answer."""
    tools: tuple[Json, ...] = ()
    tells_tools: bool = True
    """False where a log may leave out which tools were offered: none in it does not mean none."""
    params: Json = field(default_factory=dict)
    """Sampling and format parameters that golden files know."""
    answer: Completion | None = None
    model: str = ""
    """Who answered, as the log calls it."""
    curated: bool = False
    """True when the answer was chosen as a right one, not just given by a model."""
    name: str = ""
    """An id of the source's own."""
    route: str = ""
    """What the source itself groups by: a tag, a prompt's name, a service."""
    labels: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""
    """Why there is no answer, raw; only of a source that is read with ``failures``."""
    timed_out: bool = False
    cost: float | None = None
    """In the currency of the log; None = not known."""
    trace: str = ""
    """What the source calls the user's request: exchanges of one trace belong together."""
    key: str = ""
    """What tells this exchange from all others of its source; empty where nothing does."""
    tags: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Further attributes that are texts, numbers, true or false."""

    @property
    def request(self) -> CompletionRequest:
        """What was asked."""
        return CompletionRequest(messages=self.messages, tools=self.tools, params=self.params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The beginning of a source, from which its format is guessed."""

    suffix: str
    """``.yaml``, ``.jsonl``, ``.csv`` ..., in lower case."""
    first: Any
    """The first record: a map, or for CSV its columns as keys; None where none can be read."""
    whole: bool
    """True when the file is one document and not one record per line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format: how to know it, and how to read it."""

    sign: Callable[[Sample], str]
    """Says what a sample was recognised by; empty when it is of another format."""
    drafts: Callable[[Source, Note], Iterator[Draft]]
    """Reads golden cases, one after the other."""
    requests: Callable[[Source, Note], Iterator[Recorded]] | None = None
    """Reads recorded exchanges, for formats that have them; memory does not grow with the file."""


def ignore(loss: Loss) -> None:
    """Be told of a loss, and do nothing."""


def rest(
    data: Mapping[str, Any],
    known: Sequence[str],
    place: str,
    note: Note,
    why: str,
    *,
    kind: str = "",
) -> None:
    """Note every key with a value that nobody reads."""
    for key, value in data.items():
        if key not in known and value not in (None, "", [], {}):
            note(Loss(place=place, what=f"{kind}{key}", why=why))
