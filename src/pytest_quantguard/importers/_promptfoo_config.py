"""A promptfoo config, read: prompts, tests and what all of them share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_quantguard.documents.document import Document, Path_, read
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._chat import params_of, tools_of
from pytest_quantguard.importers._lines import NotJsonError, kind, suffix_of
from pytest_quantguard.importers._lines import parse as parse_json
from pytest_quantguard.importers._nunjucks import TemplateError, render_all
from pytest_quantguard.importers._promptfoo_files import Files, ForeignError
from pytest_quantguard.importers._records import Loss, Note, Source, rest
from pytest_quantguard.types import Json

_TOP = (
    "prompts",
    "tests",
    "defaultTest",
    "scenarios",
    "providers",
    "targets",
    "description",
    "evaluateOptions",
    "assertionTemplates",
    "$schema",
)
_OF_TEST = ("description", "vars", "assert", "options", "metadata", "prompts")
_OF_OPTIONS = ("prefix", "suffix", "disableVarExpansion")
_NOTHING = "golden files have nothing like it"
_DEEPEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt: a text, or messages; templates are not filled in yet."""

    label: str
    content: str | list[Any]
    params: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test, with what ``defaultTest`` adds."""

    __test__ = False  # pytest would take the name for its own

    place: str
    description: str
    variables: Json
    assertions: Sequence[tuple[str, Json]]
    """Each with its place."""
    options: Json
    metadata: Json
    prompts: Sequence[str]
    """Labels of the prompts that it is for; all where there are none."""

    def wants(self, prompt: Prompt) -> bool:
        """Tell whether the test is for a prompt."""
        return not self.prompts or prompt.label in self.prompts


class Config:
    """One config file.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(self, path: Path, name: str, source: Source, note: Note) -> None:
        self._files = Files(path.parent)
        self._source = source
        self._note = note
        if suffix_of(path) in (".csv", ".jsonl"):
            try:
                self._document = self._files.document(path)
            except ForeignError as error:
                raise InputError(str(error)) from None
        else:
            self._document = read(path, name)
        data = self._document.data
        if isinstance(data, list):  # a file of tests by itself
            data = {"tests": data}
            self._base: Path_ = ()
        elif isinstance(data, dict):
            self._base = ("tests",)
        else:
            raise InputError(f"{name}:1: is no promptfoo config: it holds {kind(data)}")
        self._data: Json = _merged(data)
        rest(self._data, _TOP, f"{name}:1", note, _NOTHING)
        self.tools: tuple[Json, ...] = source.tools
        self.params: Json = {}
        self._read_providers()
        options = self._data.get("evaluateOptions")
        repeat = options.get("repeat") if isinstance(options, dict) else None
        self.samples: Json = {}
        if type(repeat) is int and 1 < repeat <= 100:
            self.samples = {"samples": repeat}
        self._default = self._default_test()

    def _lose(self, path: Path_, what: str, why: str, document: Document | None = None) -> None:
        place = (document or self._document).where(path)
        self._note(Loss(place=place, what=what, why=why))

    # --- what all cases share -------------------------------------------------------------

    def _read_providers(self) -> None:
        """Take over the parameters and tools on which all providers agree."""
        key = "providers" if "providers" in self._data else "targets"
        given = self._data.get(key) or []
        providers = given if isinstance(given, list) else [given]
        if providers:
            self._lose((key,), key, "which models are asked is written in quantguard.yaml")
        configs = [_config_of(one) for one in providers]
        if not configs or not all(configs):
            return
        place = self._document.where((key,))
        common = {
            name: value
            for name, value in configs[0].items()
            if all(other.get(name) == value for other in configs)
        }
        for name in dict.fromkeys(n for config in configs for n in config if n not in common):
            self._lose((key,), f"config {name}", "providers differ in it")
        tools = common.pop("tools", None)
        try:
            self.tools = self.tools or tools_of(self.loaded(tools), place, self._note)
        except ForeignError as error:
            self._lose((key,), "tools", str(error))
        self.params = params_of(common, place, self._note)

    def _default_test(self) -> Json:
        value = self._data.get("defaultTest")
        try:
            value = self.loaded(value)
        except ForeignError as error:
            self._lose(("defaultTest",), "defaultTest", str(error))
            return {}
        return _merged(value) if isinstance(value, dict) else {}

    def loaded(self, value: Any) -> Any:
        """Return what ``file://...`` refers to, parsed where it is data; other values as they are.

        Raises:
            ForeignError: it cannot be read.
        """
        if not isinstance(value, str) or not value.startswith("file://"):
            return value
        path = self._files.find(value)[0]
        if path.suffix.lower() in (".json", ".yaml", ".yml", ".jsonl", ".csv"):
            return self._files.document(path).data
        return self._files.text(path)

    # --- prompts --------------------------------------------------------------------------

    def prompts(self) -> list[Prompt]:
        """Return the prompts that can be read; others are a loss."""
        if self._source.prompt is not None:
            return [Prompt(label="prompt", content=self._source.prompt)]
        given = self._data.get("prompts") or []
        entries = list(given.items()) if isinstance(given, dict) else None
        if entries is None:
            entries = list(enumerate(given if isinstance(given, list) else [given]))
        found: list[Prompt] = []
        for index, (key, entry) in enumerate(entries):
            try:
                named = {"raw": key, "label": entry} if isinstance(given, dict) else entry
                made = self._prompt(named, f"prompt {index + 1}")
            except ForeignError as error:
                self._lose(("prompts", key), "prompt", str(error))
                continue
            for prompt in made:
                if why := _unfit(prompt):
                    self._lose(("prompts", key), "prompt", f"{prompt.label!r:.60}: {why}")
                else:
                    found.append(prompt)
        return found

    def _prompt(self, entry: Any, label: str) -> list[Prompt]:
        config: Json = {}
        if isinstance(entry, dict):
            label = str(entry.get("label") or entry.get("id") or label)
            config = entry["config"] if isinstance(entry.get("config"), dict) else {}
            entry = entry.get("raw") or entry.get("id")
        if not isinstance(entry, str) or not entry.strip():
            raise ForeignError(f"it is {kind(entry)}, no text")
        place = self._document.where(("prompts",))
        params = params_of(config, place, self._note)
        if not entry.startswith("file://") and not _is_file(entry):
            return [Prompt(label=label, content=_content(entry), params=params)]
        found: list[Prompt] = []
        for path in self._files.find(entry):
            try:
                contents = self._contents(path)
            except ForeignError as error:
                self._lose(("prompts",), "prompt", str(error))
                continue
            for number, content in enumerate(contents, 1):
                name = path.stem if len(contents) == 1 else f"{path.stem} {number}"
                found.append(Prompt(label=name, content=content, params=params))
        return found

    def _contents(self, path: Path) -> list[str | list[Any]]:
        """Return the prompts of one file: messages, or texts parted by lines of three dashes."""
        if path.suffix.lower() in (".json", ".yaml", ".yml"):
            value = self._files.document(path).data
            return [value if isinstance(value, list) else _content(self._files.text(path))]
        parts = _parted(self._files.text(path))
        return [_content(part.strip()) for part in parts if part.strip()]

    # --- tests ----------------------------------------------------------------------------

    def tests(self) -> Iterator[Test]:
        """Yield the tests, those of files and scenarios too."""
        yield from self._entries(self._data.get("tests"), self._document, self._base)
        scenarios = self._data.get("scenarios")
        for i, scenario in enumerate(scenarios if isinstance(scenarios, list) else ()):
            path: Path_ = ("scenarios", i)
            if not isinstance(scenario, dict):
                self._lose(path, "scenario", "it is no map")
                continue
            for config in _list(scenario.get("config")):
                for test in _list(scenario.get("tests")) or [{}]:
                    if isinstance(config, dict) and isinstance(test, dict):
                        yield self._test(_together(config, test), self._document, path)

    def _entries(self, given: Any, document: Document, base: Path_) -> Iterator[Test]:
        entries = given if isinstance(given, list) else [given] if given else []
        for i, item in enumerate(entries):
            path = (*base, i) if isinstance(given, list) else base
            entry = item.get("path") or item if isinstance(item, dict) else item
            if isinstance(entry, str):
                yield from self._file(entry, document, path)
            elif isinstance(entry, dict):
                yield self._test(_merged(entry), document, path)
            else:
                self._lose(path, "test", f"it is {kind(entry)}, no map", document)

    def _file(self, reference: str, document: Document, path: Path_) -> Iterator[Test]:
        try:
            for found in self._files.find(reference):
                inner = self._files.document(found)
                yield from self._entries(_list(inner.data), inner, ())
        except ForeignError as error:
            self._lose(path, "tests", str(error), document)

    def _test(self, test: Json, document: Document, path: Path_) -> Test:
        place = document.where(path)
        whole = _together(self._default, test)
        rest(whole, _OF_TEST, place, self._note, _NOTHING, kind="test key ")
        options = whole.get("options") if isinstance(whole.get("options"), dict) else {}
        rest(options or {}, _OF_OPTIONS, place, self._note, _NOTHING, kind="option ")
        variables = whole.get("vars") if isinstance(whole.get("vars"), dict) else {}
        return Test(
            place=place,
            description=str(whole.get("description") or ""),
            variables=self._variables(variables or {}, place),
            assertions=self._assertions(whole, document, path),
            options=options or {},
            metadata=whole["metadata"] if isinstance(whole.get("metadata"), dict) else {},
            prompts=[str(label) for label in _list(whole.get("prompts"))],
        )

    def _assertions(self, whole: Json, document: Document, path: Path_) -> list[tuple[str, Json]]:
        """Return assertions with their places: first come those of ``defaultTest``."""
        shared = len(_list(self._default.get("assert")))
        found = []
        for number, one in enumerate(_list(whole.get("assert"))):
            where, at = document, (*path, "assert", number - shared)
            if number < shared:
                where, at = self._document, ("defaultTest", "assert", number)
            if isinstance(one, dict):
                found.append((where.where(at), self._templated(one)))
        return found

    def _variables(self, variables: Json, place: str) -> Json:
        found: Json = {}
        for name, value in variables.items():
            try:
                found[str(name)] = self.loaded(value)
            except ForeignError as error:
                self._note(Loss(place=place, what=f"variable {str(name)[:40]}", why=str(error)))
        return found

    def _templated(self, assertion: Json, depth: int = 0) -> Json:
        """Follow ``$ref: '#/assertionTemplates/name'``."""
        reference = assertion.get("$ref")
        if not isinstance(reference, str) or depth > _DEEPEST:
            return {key: value for key, value in assertion.items() if key != "$ref"}
        target: Any = self._data
        for step in reference.removeprefix("#/").split("/"):
            target = target.get(step) if isinstance(target, dict) else None
        own = {key: value for key, value in assertion.items() if key != "$ref"}
        inner = self._templated(target, depth + 1) if isinstance(target, dict) else {}
        return {**inner, **own} or {"type": f"$ref {reference}"[:60]}


def _unfit(prompt: Prompt) -> str:
    """Say what of Nunjucks a prompt needs beyond variables; empty when nothing."""
    try:
        render_all(prompt.content, {}, lambda name: None)
    except TemplateError as error:
        return str(error)
    return ""


def _config_of(provider: Any) -> Json:
    """Return a provider's config, in each of the ways in which it can be written."""
    if isinstance(provider, dict):
        inner = provider.get("config")
        if inner is None and len(provider) == 1:
            (value,) = provider.values()
            inner = value.get("config") if isinstance(value, dict) else None
        return inner if isinstance(inner, dict) else {}
    return {}


def _together(first: Json, second: Json) -> Json:
    """Add one test to another: maps are merged, assertions are all kept, the second wins."""
    found = {**first, **second}
    for key in ("vars", "options", "metadata"):
        if isinstance(first.get(key), dict) and isinstance(second.get(key), dict):
            found[key] = {**first[key], **second[key]}
    asserts = [*_list(first.get("assert")), *_list(second.get("assert"))]
    return {**found, "assert": asserts} if asserts else found


def _merged(value: Any, depth: int = 0) -> Any:
    """Resolve YAML's merge key, which our reader takes for a key like any other."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return [_merged(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    under: Json = {}
    for base in reversed(_list(value.get("<<")) or [value.get("<<")]):
        under.update(_merged(base, depth + 1) if isinstance(base, dict) else {})
    own = {key: _merged(item, depth + 1) for key, item in value.items() if key != "<<"}
    return {**under, **own}


def _content(text: str) -> str | list[Any]:
    """Return a prompt's messages where it is a chat written as JSON, else the text."""
    if text.lstrip().startswith("["):
        try:
            value = parse_json(text.encode("utf-8", "surrogatepass"))
        except NotJsonError:
            return text
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return value
    return text


def _parted(text: str) -> list[str]:
    """Part a file of several prompts at its lines of three dashes."""
    parts: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip() == "---":
            parts.append([])
        else:
            parts[-1].append(line)
    return ["\n".join(part) for part in parts]


def _is_file(text: str) -> bool:
    """Tell the old way to name a prompt's file, without ``file://``."""
    one_word = len(text) < 200 and not any(char.isspace() for char in text)
    return one_word and suffix_of(Path(text)) in (".txt", ".json", ".yaml", ".yml", ".md", ".j2")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
