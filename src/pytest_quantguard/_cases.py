"""Entries of a golden file become golden cases: defaults laid under, variables filled in."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pytest_quantguard._document import Document, Path_, misshapen
from pytest_quantguard._included import Included
from pytest_quantguard._matrix import Row
from pytest_quantguard._scope import Scope, Written
from pytest_quantguard._template import fill, names, written
from pytest_quantguard.contracts import Check, Fitted
from pytest_quantguard.errors import GoldenFileError, InputError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Json, Source

if TYPE_CHECKING:
    from pytest_quantguard._registry import Registry

SCHEMA = "golden.schema.json"
MAX_CASES = 100_000
"""Cases of one file, matrices multiplied out."""
MAX_FILLED = 256 * 1024 * 1024
"""Characters that the templates of one file may write."""
MAX_PROBLEMS = 1000
"""Mistakes after which a file is read no further."""

_LONGEST_ID = 80
_HINT = "a matrix that is a list of maps can give each of them an 'id'"
_ASKED = ("cohort", "system", "prompt", "messages", "reference", "tags")
"""Keys in whose texts variables are filled in, besides ``expect``."""


@dataclass(frozen=True, slots=True)
class _Spec:
    """One item under ``expect``."""

    owner: Written
    index: int
    open: bool
    """Whether variables have to be filled in first."""

    @property
    def value(self) -> Any:
        return self.owner.data["expect"][self.index]

    @property
    def where(self) -> str:
        return self.owner.where("expect", self.index)


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
        """Mistakes met, those included that were said before."""
        self._said: set[tuple[str, str]] = set()
        self._ids: dict[str, tuple[int, str]] = {}
        """Number of the entry that made an id, and where it stands."""
        self._used: set[str] = set()
        self._filled = 0
        self._kept: dict[tuple[bool, int], Check | None] = {}
        """Checks that are built once: those of the file, and of the entry at hand."""
        self._tools: list[Any] | None = None

    @property
    def full(self) -> bool:
        """Whether there are so many mistakes that reading on helps nobody."""
        return len(self.problems) >= MAX_PROBLEMS

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
        owners = (self.head, entry)
        templated = any(key in one.data for one in owners for key in ("vars", "matrix"))
        specs = [spec for one in owners for spec in self._specs(one, templated)]
        if self.sound:
            self._refuse_incomplete(entry, asked, specs)
        if templated:
            self._multiplied(entry, asked, specs)
        else:
            self._case(entry, asked, specs, _PLAIN, None)

    def misshaped(self, entry: Written, wrong: Sequence[Path_]) -> None:
        """Look at the checks of an entry whose form is wrong: more may be wrong with it."""
        self._begin()
        self._used |= names(entry.data)
        if isinstance(entry.data, dict) and not any(
            path[:1] in ((), ("expect",)) for path in wrong
        ):
            specs = [spec for spec in self._specs(entry, True) if not spec.open]
            self._checks(specs, None, "")

    def finish(self) -> tuple[GoldenCase, ...]:
        """Return the cases.

        Raises:
            GoldenFileError: with every mistake of the file.
        """
        if self.full:
            self.problems.append(f"{self.head.document.name}: not read to its end")
        else:
            for sentence in self.scope.unused(self._used):
                self.problem(*sentence)
        if self.problems:
            raise GoldenFileError(list(dict.fromkeys(self.problems)))
        return tuple(self.found)

    def _begin(self) -> None:
        self._entry += 1
        self._kept = {key: check for key, check in self._kept.items() if key[0]}

    def _asked(self, entry: Written) -> dict[str, Written]:
        """Return whose word counts for each key: the entry's, else the file's."""
        head = dict.fromkeys((key for key in _ASKED if key in self.head.data), self.head)
        if "prompt" in entry.data or "messages" in entry.data:
            head = {key: one for key, one in head.items() if key not in ("prompt", "messages")}
        return {**head, **dict.fromkeys((key for key in _ASKED if key in entry.data), entry)}

    def _specs(self, owner: Written, templated: bool) -> list[_Spec]:
        specs = owner.data.get("expect", ())
        return [
            _Spec(owner, index, templated and bool(names(spec))) for index, spec in enumerate(specs)
        ]

    def _refuse_incomplete(
        self, entry: Written, asked: Mapping[str, Written], specs: Sequence[_Spec]
    ) -> None:
        what = f"case {entry.data['id']!r}"
        if "cohort" not in asked:
            self.problem(entry.where(), f"{what} has no cohort; set it here or for the file")
        if ("prompt" in asked) == ("messages" in asked):
            self.problem(entry.where(), f"{what} needs either 'prompt' or 'messages'")
        if not specs:
            self.problem(entry.where(), f"{what} has no checks; add 'expect:'")

    def _multiplied(
        self, entry: Written, asked: Mapping[str, Written], specs: Sequence[_Spec]
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
        for sentence in scope.unused(used):
            self.problem(*sentence)
        variables = {**self.scope.vars, **scope.vars}
        for row in self.scope.rows(scope):
            self._case(entry, asked, specs, row, {**variables, **row.values})
            if self.full or self._filled > MAX_FILLED:
                break
        if self._filled > MAX_FILLED:
            most = MAX_FILLED // 2**20
            self.problem(entry.where(), f"the templates write more than {most} MB; split the file")

    # --- one case -----------------------------------------------------------------------

    def _case(
        self,
        entry: Written,
        asked: Mapping[str, Written],
        specs: Sequence[_Spec],
        row: Row,
        variables: Json | None,
    ) -> None:
        before = self._wrong
        identity = self._identity(entry, row)
        note = f" (case {identity!r})" if row.suffix else ""
        texts = self._texts(entry, asked, row, variables, note)
        checks = self._checks(specs, variables, note)
        tools = self._tools_of(entry)
        if self._wrong > before or not _complete(texts) or not checks:
            return
        data = entry.data
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
                    texts[key] = _as_text(fill(value, variables))
                except LookupError as error:
                    self.problem(asked.get(key, entry).where(key), str(error), note)
            self._filled += _length(texts)
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

    def _checks(
        self, specs: Sequence[_Spec], variables: Json | None, note: str
    ) -> list[tuple[_Spec, Check]]:
        found: list[tuple[_Spec, Check]] = []
        keys: set[str] = set()
        for spec in specs:
            key = (spec.owner is self.head, spec.index)
            if spec.open or key not in self._kept:
                self._kept[key] = self._check(spec, variables, note)
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

    def _check(self, spec: _Spec, variables: Json | None, note: str) -> Check | None:
        try:
            value = fill(spec.value, variables or {}) if spec.open else spec.value
            return self.registry.build_check(self.included.resolve(value))
        except (LookupError, ValueError, InputError) as error:
            text = str(error.args[0] if error.args else error)
            self.problem(spec.where, text, note if spec.open else "")
            return None

    def _tools_of(self, entry: Written) -> Sequence[Any]:
        if "tools" in entry.data:
            return self._resolved_tools(entry)
        if self._tools is None:
            self._tools = self._resolved_tools(self.head)
        return self._tools

    def _resolved_tools(self, owner: Written) -> list[Any]:
        try:
            tools = self.included.resolve(owner.data.get("tools", []))
        except InputError as error:
            self.problem(owner.where("tools"), error.problems[0])
            return []
        if isinstance(tools, list):
            return tools
        self.problem(owner.where("tools"), "tools must be a list of tool definitions")
        return []


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


def _as_text(value: Any) -> Any:
    """Write out the numbers that stand alone where a text belongs: a prompt, a tag, a message."""
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, dict) and not isinstance(value.get("content", []), list | str):
        return {**value, "content": _as_text(value["content"])}
    return written("it", value) if isinstance(value, bool | int | float) else value


def _length(value: Any) -> int:
    """Count the characters of all texts in a value."""
    if isinstance(value, str):
        return len(value)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_length, items))


def _misfit(check: Fitted, case: GoldenCase) -> str:
    try:
        return check.misfit(case)
    except Exception as error:  # a user's check, or a schema that could not be judged in time
        return f"whether it fits the case cannot be told: {type(error).__name__}: {error!s:.200}"


@functools.cache
def _fitted(check: type) -> bool:
    """Whether a check may refuse a case; asking the protocol each time is slow."""
    return hasattr(check, "misfit")
