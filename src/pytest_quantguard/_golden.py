"""Golden files become golden cases; every mistake of a file is found in one go."""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_quantguard._document import Document, Path_, problems, read
from pytest_quantguard._registry import Registry
from pytest_quantguard.contracts import Check, Fitted
from pytest_quantguard.errors import GoldenFileError, InputError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Json, Source

SUFFIX = ".quant.yaml"

DEFAULT_REQUEST: Json = {"temperature": 0}
"""What is asked for where neither config nor file nor case says otherwise."""


def load(path: Path, name: str, registry: Registry, request: Json) -> tuple[GoldenCase, ...]:
    """Read one golden file.

    ``name`` is the path that messages show; ``request`` holds the configured default parameters.

    Raises:
        GoldenFileError: with every problem of the file, each with file:line.
    """
    try:
        document = read(path, name)
    except InputError as error:
        raise GoldenFileError(error.problems) from None
    if document.data is None:
        raise GoldenFileError(f"{name}:1: the file is empty; it needs 'cases:'")
    found = problems(document, "golden.schema.json")
    if found:
        raise GoldenFileError(found)
    return _File(document, path.parent, registry, request).cases()


class _File:
    """One golden file while it is being turned into cases."""

    def __init__(self, document: Document, folder: Path, registry: Registry, request: Json) -> None:
        self.document = document
        self.data: Json = document.data
        self.folder = folder.resolve()
        self.registry = registry
        self.request = {**DEFAULT_REQUEST, **request, **self.data.get("request", {})}
        self.problems: list[str] = []

    def cases(self) -> tuple[GoldenCase, ...]:
        lines: dict[str, str] = {}
        cases = []
        for index, entry in enumerate(self.data["cases"]):
            where = self.document.where(("cases", index))
            if entry["id"] in lines:
                self.problem(
                    ("cases", index, "id"),
                    f"the id {entry['id']!r} is already at {lines[entry['id']]}; ids are unique",
                )
            lines.setdefault(entry["id"], where)
            cases.append(self.case(entry, ("cases", index)))
        if self.problems:
            raise GoldenFileError(list(dict.fromkeys(self.problems)))
        return tuple(case for case in cases if case is not None)

    def problem(self, path: Path_, text: str) -> None:
        self.problems.append(f"{self.document.where(path)}: {text}")

    def case(self, entry: Json, path: Path_) -> GoldenCase | None:
        before = len(self.problems)
        cohort = entry.get("cohort", self.data.get("cohort"))
        if cohort is None:
            self.problem(path, f"case {entry['id']!r} has no cohort; set it here or for the file")
        if ("prompt" in entry) == ("messages" in entry):
            self.problem(path, f"case {entry['id']!r} needs either 'prompt' or 'messages'")
        checks = self.checks(entry, path)
        if not checks and len(self.problems) == before:
            self.problem(path, f"case {entry['id']!r} has no checks; add 'expect:'")
        request = self.completion_request(entry, path)
        if len(self.problems) > before or request is None:
            return None
        case = GoldenCase(
            id=entry["id"],
            cohort=str(cohort),
            request=request,
            source=Source(file=self.document.name, line=self.document.line(path)),
            checks=tuple(checks.values()),
            critical=entry.get("critical", False),
            weight=float(entry.get("weight", 1.0)),
            samples=entry.get("samples", 1),
            tags=tuple(entry.get("tags", ())),
            reference=entry.get("reference"),
        )
        for where, check in checks.items():
            if isinstance(check, Fitted) and (misfit := check.misfit(case)):
                self.problem(where, f"{check.key}: {misfit}")
        return case

    def completion_request(self, entry: Json, path: Path_) -> CompletionRequest | None:
        messages = list(entry.get("messages", ()))
        system = entry.get("system", self.data.get("system"))
        if "prompt" in entry:
            messages = [{"role": "user", "content": entry["prompt"]}]
        if system is not None:
            messages.insert(0, {"role": "system", "content": system})
        tools = entry.get("tools", self.data.get("tools", ()))
        where = (*path, "tools") if "tools" in entry else ("tools",)
        tools = self.resolve(tools, where)
        if not isinstance(tools, list | tuple):
            self.problem(where, "tools must be a list of tool definitions")
            return None
        return CompletionRequest(
            messages=tuple(messages),
            tools=tuple(tools),
            params={**self.request, **entry.get("request", {})},
        )

    def checks(self, entry: Json, path: Path_) -> dict[Path_, Check]:
        """Return the checks of a case and of its file, by where each is written."""
        found: dict[Path_, Check] = {}
        specs: list[tuple[Path_, Any]] = [
            ((*base, "expect", index), spec)
            for base, owner in (((), self.data), (path, entry))
            for index, spec in enumerate(owner.get("expect", ()))
        ]
        for where, spec in specs:
            try:
                check = self.registry.build_check(self.resolve(spec, where))
            except (LookupError, ValueError) as error:
                self.problem(where, str(error.args[0] if error.args else error))
                continue
            if check.key in (other.key for other in found.values()):
                self.problem(
                    where, f"the check {check.key!r} stands twice; make a second case for it"
                )
            found[where] = check
        return found

    def resolve(self, value: Any, path: Path_) -> Any:
        """Replace ``{$file: name}`` by what the file holds, wherever it stands in ``value``."""
        if isinstance(value, Mapping):
            if value.keys() == {"$file"}:
                return self.included(str(value["$file"]), path)
            return {key: self.resolve(item, path) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, path) for item in value]
        return value

    def included(self, name: str, path: Path_) -> Any:
        target = (self.folder / name).resolve()
        if not target.is_relative_to(self.folder):
            self.problem(path, f"{{$file: {name}}} is outside the golden folder; move it inside")
            return None
        try:
            if target.suffix in (".yaml", ".yml", ".json"):
                return read(target, name).data
            return target.read_text(encoding="utf-8")
        except (InputError, OSError, UnicodeDecodeError) as error:
            self.problem(path, f"{{$file: {name}}} cannot be used: {error}")
            return None


def label_problem(what: str, name: Any) -> str:
    """Return a sentence when a name is no label, as the schema of golden files has it; else ''."""
    label = _label()
    if isinstance(name, str) and re.search(label["pattern"], name):
        return ""
    return f"{what} is {json.dumps(name, default=str)[:120]}; {label['description']}"


@functools.cache
def _label() -> Json:
    folder = importlib.resources.files("pytest_quantguard")
    schema = json.loads(folder.joinpath("golden.schema.json").read_text("utf-8"))
    return dict(schema["$defs"]["label"])


def content_hash_parts(case: GoldenCase) -> str:
    """Return one line that changes whenever what is asked or checked in ``case`` changes."""
    checks = [repr(check) for check in case.checks]
    asked = case.request.canonical()
    return json.dumps([case.id, case.cohort, asked, checks, case.samples, case.reference])
