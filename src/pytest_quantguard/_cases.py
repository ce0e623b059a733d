"""Entries of a golden file become golden cases: defaults laid under, variables filled in."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pytest_quantguard.contracts import Check, Fitted
from pytest_quantguard.documents.document import Document, Path_, misshapen
from pytest_quantguard.documents.included import Included
from pytest_quantguard.documents.matrix import Row
from pytest_quantguard.documents.scope import SCHEMA, Scope, Sentence, Spec, Written, tools_of
from pytest_quantguard.documents.template import UnknownVariableError, as_text, fill, length, names
from pytest_quantguard.errors import GoldenFileError, InputError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Json, Source

if TYPE_CHECKING:
    from pytest_quantguard._registry import Registry

MAX_CASES = 100_000
"""Cases of one file, matrices multiplied out."""
MAX_FILLED = 256 * 1024 * 1024
"""Characters that the templates of one file may write."""
MAX_PROBLEMS = 1000
"""Mistakes after which a file is read no further."""

_LONGEST_ID = 80
_ALL = ": a case has 'vars' or a matrix, so that {{...}} is filled in throughout the file"
_HINT = "a matrix that is a list of maps can give each of them an 'id'"
_ASKED = ("cohort", "system", "prompt", "messages", "reference", "tags")
"""Keys in whose texts variables are filled in, besides ``expect``."""


class Cases:
    """The cases of one golden file while it is being read, and every mistake found on the way."""

    def __init__(
        self,
        head: Written,
        included: Included,
        registry: Registry,
        request: Json,
        *,
        sound: bool = True,
    ) -> None:
        self.head = head
        self.included = included
        self.registry = registry
        self.request = {**request, **head.data.get("request", {})}
        self.sound = sound
        """False where the file's own keys are wrong: what a case lacks may be meant by one."""
        self.problems: list[str] = []
        self.found: list[GoldenCase] = []
        self.scope = Scope.of(head, included)
        self.problems += [f"{where}: {text}" for where, text in self.scope.problems]
        self._entry = 0
        self._wrong = 0
        """Mistakes met, repeated ones too."""
        self._said: set[Sentence] = set()
        self._ids: dict[str, tuple[int, str]] = {}
        """Number of the entry that made an id, and where it stands."""
        self._used: set[str] = set()
        self._filled = 0
        self._templated = False
        """Whether anything read so far has variables."""
        self._braces: dict[Sentence, str] = {}
        """What is wrong with the cases read before that, should there be any."""
        self._kept: dict[tuple[bool, int], Check | None] = {}
        """Checks that are built once: those of the file, and of the entry at hand."""
        self._tools: tuple[list[Any], list[Sentence]] | None = None

    @property
    def full(self) -> bool:
        """Whether there is so much, of mistakes or of text, that reading on helps nobody."""
        return len(self.problems) >= MAX_PROBLEMS or self._filled > MAX_FILLED

    def problem(self, where: str, text: str, note: str = "") -> None:
        """Note a mistake; ``note`` says in which case of many it was met first."""
        self._wrong += 1
        if (where, text) not in self._said:
            self._said.add((where, text))
            self.problems.append(f"{where}: {text}{note}")

    # --- entries ------------------------------------------------------------------------

    def add(self, entry: Written) -> None:
        """Make the cases of an entry whose form is right."""
        self._begin()
        asked = self._asked(entry)
        templated = self._has_variables(entry)
        specs = [spec for one in (self.head, entry) for spec in self._specs(one, templated)]
        if self.sound:
            self._refuse_incomplete(entry, asked, specs)
        if templated:
            self._multiplied(entry, asked, specs)
        else:
            self._note_braces(entry, asked, specs)
            self._case(entry, asked, specs, _PLAIN, None)

    def misshaped(self, entry: Written, wrong: Sequence[Path_]) -> None:
        """Look at the checks of an entry whose form is wrong: more may be wrong with it."""
        self._begin()
        self._used |= names(entry.data)
        if not isinstance(entry.data, dict):
            return
        self._has_variables(entry)
        if not any(path[:1] in ((), ("expect",)) for path in wrong):
            specs = [spec for spec in self._specs(entry, True) if not spec.open]
            self._checks(specs, None, "")

    def finish(self) -> tuple[GoldenCase, ...]:
        """Return the cases.

        Raises:
            GoldenFileError: with every mistake of the file.
        """
        if self.full:
            self.problems.append(f"{self.head.document.name}: not read to its end")
        elif self.sound:
            for sentence in self.scope.unused(self._used):
                self.problem(*sentence)
        if self.problems:
            raise GoldenFileError(list(dict.fromkeys(self.problems)))
        return tuple(self.found)

    def _begin(self) -> None:
        self._entry += 1
        self._kept = {key: check for key, check in self._kept.items() if key[0]}

    def _has_variables(self, entry: Written) -> bool:
        """Whether an entry's texts are filled in: one case with variables is enough for all.

        Else a case that lacks its ``vars`` would ask with the braces in it.
        """
        own = any(key in one.data for one in (self.head, entry) for key in ("vars", "matrix"))
        if own and not self._templated:
            self._templated = True
            for sentence, note in self._braces.items() if self.sound else ():
                self.problem(*sentence, note)
        return own or (self._templated and self.sound)

    def _note_braces(
        self, entry: Written, asked: Mapping[str, Written], specs: Sequence[Spec]
    ) -> None:
        """Remember the placeholders of a case that are texts unless a later one has variables."""
        if len(self._braces) >= MAX_PROBLEMS:
            return
        places = [(owner.where(key), owner.data[key]) for key, owner in asked.items()]
        for where, value in [*places, *((spec.where, spec.value) for spec in specs)]:
            for name in sorted(names(value)):
                text = f"unknown variable {name!r:.80}{_ALL}"
                self._braces.setdefault((where, text), f" (case {entry.data['id']!r})")

    def _asked(self, entry: Written) -> dict[str, Written]:
        """Return whose word counts for each key: the entry's, else the file's."""
        head = dict.fromkeys((key for key in _ASKED if key in self.head.data), self.head)
        if "prompt" in entry.data or "messages" in entry.data:
            head = {key: one for key, one in head.items() if key not in ("prompt", "messages")}
        return {**head, **dict.fromkeys((key for key in _ASKED if key in entry.data), entry)}

    def _specs(self, owner: Written, templated: bool) -> list[Spec]:
        specs = owner.data.get("expect", ())
        return [
            Spec(owner, index, templated and bool(names(spec))) for index, spec in enumerate(specs)
        ]

    def _refuse_incomplete(
        self, entry: Written, asked: Mapping[str, Written], specs: Sequence[Spec]
    ) -> None:
        what = f"case {entry.data['id']!r}"
        if "cohort" not in asked:
            self.problem(entry.where(), f"{what} has no cohort; set it here or for the file")
        if ("prompt" in asked) == ("messages" in asked):
            self.problem(entry.where(), f"{what} needs either 'prompt' or 'messages'")
        if not specs:
            self.problem(entry.where(), f"{what} has no checks; add 'expect:'")

    def _multiplied(
        self, entry: Written, asked: Mapping[str, Written], specs: Sequence[Spec]
    ) -> None:
        """Make the cases of an entry that has variables: one for each row of its matrix."""
        before = self._wrong
        used = names([owner.data[key] for key, owner in asked.items()])
        used |= names([spec.value for spec in specs])
        self._used |= used
        scope = Scope.of(entry, self.included)
        for sentence in (*scope.problems, *self.scope.clashes(scope)):
            self.problem(*sentence)
        size = self.scope.matrix.size * scope.matrix.size
        if len(self.found) + size > MAX_CASES:
            self.problem(
                entry.where("matrix"),
                f"this makes {size} cases; a file may have {MAX_CASES} in all",
            )
        if self._wrong > before:
            return
        for sentence in scope.unused(used) if self.sound else ():
            self.problem(*sentence)
        variables = {**self.scope.vars, **scope.vars}
        for row in self.scope.rows(scope):
            self._case(entry, asked, specs, row, {**variables, **row.values})
            if self.full:
                break
        if self._filled > MAX_FILLED:
            most = MAX_FILLED // 2**20
            self.problem(entry.where(), f"the templates write more than {most} MB; split the file")

    # --- one case -----------------------------------------------------------------------

    def _case(
        self,
        entry: Written,
        asked: Mapping[str, Written],
        specs: Sequence[Spec],
        row: Row,
        variables: Json | None,
    ) -> None:
        before, data = self._wrong, entry.data
        identity = self._identity(entry, row)
        note = "" if variables is None else f" (case {identity!r})"
        texts = self._texts(entry, asked, row, variables, note)
        checks = self._checks(specs, variables, note)
        tools = self._tools_of(entry)
        if self._wrong > before or not _complete(texts) or not checks:
            return
        line = entry.line() if row.index is None else entry.line("matrix", row.index)
        case = GoldenCase(
            id=identity,
            cohort=texts["cohort"],
            request=CompletionRequest(
                messages=_messages(texts),
                tools=tuple(tools),
                params={**self.request, **data.get("request", {})},
            ),
            source=Source(file=entry.document.name, line=line),
            checks=tuple(check for _, check in checks),
            critical=data.get("critical", False),
            weight=float(data.get("weight", 1.0) if row.weight is None else row.weight),
            samples=data.get("samples", 1),
            tags=tuple(texts.get("tags", ())),
            reference=texts.get("reference"),
        )
        self.found.append(case)
        for spec, check in checks:
            if _fitted(type(check)) and (misfit := _misfit(cast(Fitted, check), case)):
                self.problem(spec.where, f"{check.key}: {misfit}", note)

    def _identity(self, entry: Written, row: Row) -> str:
        """Return the id of a case: the entry's, and what its row adds."""
        own, where = str(entry.data["id"]), entry.where("id")
        identity = f"{own}-{row.suffix}" if row.suffix else own
        if len(identity) > _LONGEST_ID:
            self.problem(
                where,
                f"the id {identity!r} has {len(identity)} characters, {_LONGEST_ID} are allowed; "
                f"{_HINT}",
            )
        number, first = self._ids.setdefault(identity, (0, where))
        if number == self._entry:
            self.problem(where, f"the matrix makes {identity!r} twice; {_HINT}")
        elif number:
            self.problem(where, f"the id {identity!r} is already at {first}; ids are unique")
        else:
            self._ids[identity] = (self._entry, where)
        return identity

    def _texts(
        self,
        entry: Written,
        asked: Mapping[str, Written],
        row: Row,
        variables: Json | None,
        note: str,
    ) -> Json:
        """Return what is asked, with its variables filled in."""
        texts = {key: owner.data[key] for key, owner in asked.items()}
        if row.tags:
            texts["tags"] = [*texts.get("tags", ()), *row.tags]
        if variables is not None:
            for key, value in texts.items():
                try:
                    texts[key] = as_text(fill(value, variables))
                except LookupError as error:
                    self._unfilled(error, variables, asked.get(key, entry).where(key), note)
            self._filled += length(texts)
            shape = Document(entry.document.name, {"id": entry.data["id"], **texts})
            for path, text in misshapen(shape, SCHEMA, "#/$defs/case"):
                place = ("matrix",) if path[:1] == ("tags",) and "tags" not in asked else path
                owner = asked.get(str(path[0]), entry) if path else entry
                self.problem(owner.where(*place), text, note)
        for key in ("cohort", "tags"):
            if "{" in (shown := json.dumps(texts.get(key, ""))[:100]):
                where = asked.get(key, entry).where(key)
                hint = "" if variables else "; {{...}} is filled in where there are 'vars'"
                self.problem(where, f"{key} is {shown}: no label{hint}", note)
        return texts

    def _unfilled(self, error: Exception, variables: Json, where: str, note: str) -> None:
        """Say what cannot be filled in, or be no check."""
        text = str(error.args[0] if error.args else error)
        if isinstance(error, UnknownVariableError):
            if not self.sound:  # a broken key of the file may be what sets it
                self._wrong += 1
                return
            text = text if variables else text.partition(";")[0] + _ALL
        self.problem(where, text, note)

    def _checks(
        self, specs: Sequence[Spec], variables: Json | None, note: str
    ) -> list[tuple[Spec, Check]]:
        found: list[tuple[Spec, Check]] = []
        keys: set[str] = set()
        for spec in specs:
            key = (spec.owner is self.head, spec.index)
            if spec.open:  # never kept: the next case fills in something else
                check = self._check(spec, variables or {}, note)
            else:
                if key not in self._kept:
                    self._kept[key] = self._check(spec, {}, "")
                check = self._kept[key]
            if check is None:
                continue
            if check.key in keys:
                self.problem(
                    spec.where, f"the check {check.key!r} stands twice; make a second case for it"
                )
            keys.add(check.key)
            found.append((spec, check))
        return found

    def _check(self, spec: Spec, variables: Json, note: str) -> Check | None:
        value = spec.value
        try:
            if spec.open:
                value = fill(value, variables)
                self._filled += length(value)
                if self._filled > MAX_FILLED:
                    return None
            return self.registry.build_check(self.included.resolve(value))
        except (LookupError, ValueError, InputError) as error:
            self._unfilled(error, variables, spec.where, note)
            return None

    def _tools_of(self, entry: Written) -> Sequence[Any]:
        """Return the tools of an entry; those of the file are looked at once."""
        if "tools" in entry.data:
            tools, wrong = tools_of(entry, self.included)
        else:
            tools, wrong = self._tools = self._tools or tools_of(self.head, self.included)
        for sentence in wrong:
            self.problem(*sentence)
        return tools


_PLAIN = Row(suffix="", values={})


def _complete(texts: Json) -> bool:
    return "cohort" in texts and ("prompt" in texts) != ("messages" in texts)


def _messages(texts: Json) -> tuple[Json, ...]:
    messages = list(texts.get("messages", ()))
    if "prompt" in texts:
        messages = [{"role": "user", "content": texts["prompt"]}]
    if "system" in texts:
        messages.insert(0, {"role": "system", "content": texts["system"]})
    return tuple(messages)


def _misfit(check: Fitted, case: GoldenCase) -> str:
    try:
        return check.misfit(case)
    except Exception as error:  # a user's check, or a schema that could not be judged in time
        return f"whether it fits the case cannot be told: {type(error).__name__}: {error!s:.200}"


@functools.cache
def _fitted(check: type) -> bool:
    """Whether a check may refuse a case; asking the protocol each time is slow."""
    return hasattr(check, "misfit")
