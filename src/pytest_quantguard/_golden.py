"""Golden files, in YAML or JSON lines; every mistake of a file is found in one go."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from pytest_quantguard._cases import Cases
from pytest_quantguard._registry import Registry
from pytest_quantguard.documents.document import Document, Path_, misshapen, read
from pytest_quantguard.documents.included import Included
from pytest_quantguard.documents.labels import label_problem
from pytest_quantguard.documents.scope import SCHEMA, Written
from pytest_quantguard.documents.strict_json import Line, read_lines
from pytest_quantguard.errors import GoldenFileError, InputError
from pytest_quantguard.types import GoldenCase, Json

__all__ = ["DEFAULT_REQUEST", "SUFFIXES", "content_hash_parts", "label_problem", "load", "meant"]

LINES = ".quant.jsonl"
SUFFIXES = (".quant.yaml", LINES)
"""How golden files are called."""

_ALIKE = (*SUFFIXES, ".quant.yml", ".quant.json", ".quant.csv")

DEFAULT_REQUEST: Json = {"temperature": 0}
"""What is asked for where neither config nor file nor case says otherwise."""


def meant(name: str) -> bool:
    """Whether a file of this name is one, or is taken for one: passed over, it would be missed."""
    return name.lower().endswith(_ALIKE)


def load(path: Path, name: str, registry: Registry, request: Json) -> tuple[GoldenCase, ...]:
    """Read one golden file.

    ``name`` is the path that messages show; ``request`` holds the configured default parameters.

    Raises:
        GoldenFileError: with every problem of the file, each with file:line.
    """
    if not path.name.endswith(SUFFIXES):
        known = " or ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise GoldenFileError([f"{name}: a golden file is called {known}; rename it"])
    included = Included(path.parent)
    asked = {**DEFAULT_REQUEST, **request}
    read_file = _from_lines if path.name.endswith(LINES) else _from_yaml
    try:
        cases = read_file(path, name, included, registry, asked)
    except GoldenFileError:
        raise
    except InputError as error:
        raise GoldenFileError(error.problems) from None
    return cases.finish()


# --- YAML ---------------------------------------------------------------------------------


def _from_yaml(
    path: Path, name: str, included: Included, registry: Registry, request: Json
) -> Cases:
    document = read(path, name)
    if document.data is None:
        raise GoldenFileError(f"{name}:1: the file is empty; it needs 'cases:'")
    wrong = misshapen(document, SCHEMA)
    sentences = [f"{document.where(place)}: {text}" for place, text in wrong]
    entries = document.data.get("cases") if isinstance(document.data, dict) else None
    if not isinstance(entries, list) or not entries:
        raise GoldenFileError(list(dict.fromkeys(sentences)))
    broken: dict[str | int, list[Path_]] = {}
    for place, _ in wrong:
        broken.setdefault(place[1] if place[0] == "cases" else place[0], []).append(place[2:])
    head = {key: value for key, value in document.data.items() if key not in broken}
    sound = len(head) == len(document.data)
    cases = Cases(Written(head, document), included, registry, request, sound=sound)
    cases.problems += sentences
    for index, data in enumerate(entries):
        entry = Written(data, document, ("cases", index))
        if index in broken:
            cases.misshaped(entry, broken[index])
        else:
            cases.add(entry)
        if cases.full:
            break
    return cases


# --- JSON lines ---------------------------------------------------------------------------


def _from_lines(
    path: Path, name: str, included: Included, registry: Registry, request: Json
) -> Cases:
    lines = read_lines(path, name)
    first = next(lines, None)
    if first is None:
        raise GoldenFileError(f"{name}:1: the file is empty; write one case a line")
    defaults = _is_defaults(first)
    head = Document(name, first.value if defaults else {"defaults": {}}, {(): first.number})
    wrong = misshapen(head, SCHEMA, "#/$defs/first") if defaults else []
    broken = {key for place, _ in wrong for key in place[1:2]}
    shared = head.data["defaults"] if isinstance(head.data["defaults"], dict) else {}
    sound = {key: value for key, value in shared.items() if key not in broken}
    # A first line that cannot be read may be the one that says what every case lacks.
    whole = not wrong and not first.problem
    cases = Cases(Written(sound, head), included, registry, request, sound=whole)
    cases.problems += [f"{head.where(place)}: {text}" for place, text in wrong]
    for line in lines if defaults else itertools.chain([first], lines):
        _add_line(cases, line, name)
        if cases.full:
            break
    if not (cases.found or cases.problems):
        raise GoldenFileError(f"{name}:{first.number}: there are no cases; write one a line")
    return cases


def _is_defaults(line: Line) -> bool:
    return isinstance(line.value, dict) and "defaults" in line.value


def _add_line(cases: Cases, line: Line, name: str) -> None:
    entry = Written(line.value, Document(name, line.value, {(): line.number}))
    if line.problem:
        cases.problem(entry.where(), line.problem)
        return
    if _is_defaults(line):
        cases.problem(entry.where(), "'defaults' has to be the file's first line")
        return
    wrong = misshapen(entry.document, SCHEMA, "#/$defs/case")
    cases.problems += [f"{entry.where()}: {text}" for _, text in wrong]
    if wrong:
        cases.misshaped(entry, [place for place, _ in wrong])
    else:
        cases.add(entry)


def content_hash_parts(case: GoldenCase) -> str:
    """Return one line that changes whenever what is asked or checked in ``case`` changes."""
    checks = [repr(check) for check in case.checks]
    asked = case.request.canonical()
    counted = [case.weight, case.critical, *case.tags]
    parts = [case.id, case.cohort, asked, checks, case.samples, case.reference, counted]
    return json.dumps(parts)
