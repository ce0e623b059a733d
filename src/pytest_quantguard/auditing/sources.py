"""Which endpoints are audited, and on what: a file of providers, or GGUF files of the user."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.documents.document import Document, packaged, read
from pytest_quantguard.documents.providers_file import NAMES, is_providers_file
from pytest_quantguard.errors import InputError, did_you_mean
from pytest_quantguard.reporters._files import write_whole

FILE = "providers.yaml"
_GOLDEN = "golden"
_NO_LABEL = re.compile(r"[^A-Za-z0-9._-]+")
_EMBEDDED = "embedded:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an audit is about."""

    config: Path
    """A file of providers, which the gate reads as its configuration."""
    reference: str
    others: tuple[str, ...]
    golden: tuple[str, ...]
    """Paths for pytest."""


def of_file(path: Path, shown: str, reference: str | None = None) -> Source:
    """Read which providers a file lists; what stands in them is read by the gate.

    Raises:
        InputError: no file of providers, or too few; with file:line.
    """
    document = read(path, shown)
    data = document.data
    if isinstance(data, dict) and "providers" in data:
        _check_words(document)
    if not is_providers_file(data) or not isinstance(data["providers"], dict):
        given = isinstance(data, dict) and "providers" in data
        raise InputError(
            f"{document.where(('providers',) if given else ())}: no map of providers: write "
            "'reference: NAME' and 'providers:' with a provider, base_url and model for each name; "
            "docs/audit.md has an example"
        )
    names = [str(name) for name in data["providers"]]
    wanted = reference or data.get("reference") or ""
    if not isinstance(wanted, str):
        raise InputError(
            f"{document.where(('reference',))}: 'reference' is the name of a provider, not "
            f"{one_line(json.dumps(wanted, default=str), 80)}"
        )
    if wanted not in names:
        place = document.where(("reference",) if "reference" in data else ())
        what = "no reference: name one with 'reference:' or --reference"
        if wanted:
            what = f"unknown reference {one_line(wanted, 80)!r}; {did_you_mean(wanted, names)}"
        raise InputError(f"{place}: {what}")
    if len(names) < 2:
        place = document.where(("providers",))
        raise InputError(f"{place}: one provider alone cannot be compared with anything")
    others = tuple(name for name in names if name != wanted)
    golden = _golden(document, data.get(_GOLDEN), path.parent)
    return Source(config=path.resolve(), reference=wanted, others=others, golden=golden)


def _check_words(document: Document) -> None:
    """Refuse what is no word of such a file; the gate, which reads the rest, has other ones.

    Raises:
        InputError: with file:line of each.
    """
    of_gate = packaged("config.schema.json")["properties"].keys() - NAMES.values()
    known = [*NAMES, _GOLDEN, *sorted(of_gate)]
    problems = []
    for key in map(str, document.data):
        place = document.where((key,))
        if key in NAMES.values():
            own = next(word for word, other in NAMES.items() if other == key)
            problems.append(f"{place}: in a file of providers it is '{own}:'")
        elif key not in known:
            hint = did_you_mean(key[:80], known)
            problems.append(f"{place}: unknown key {one_line(key, 80)!r}; {hint}")
    if problems:
        raise InputError(problems)


def _golden(document: Document, given: Any, folder: Path) -> tuple[str, ...]:
    """Return where the golden cases are: as given, else the folder ``golden`` beside the file."""
    if given is None:
        beside = folder / _GOLDEN
        return (str(beside.resolve() if beside.is_dir() else folder.resolve()),)
    paths = given if isinstance(given, list) else [given]
    found = []
    for index, one in enumerate(paths):
        place = document.where((_GOLDEN, index) if isinstance(given, list) else (_GOLDEN,))
        if not isinstance(one, str) or not one:
            raise InputError(f"{place}: 'golden' is a path, or a list of paths")
        if not (folder / one.partition("::")[0]).exists():
            raise InputError(
                f"{place}: {one_line(one)!r} does not exist; it is looked for beside the file"
            )
        found.append(str((folder / one).resolve()))
    return tuple(found)


def of_gguf(models: Sequence[str], folder: Path, golden: Path) -> Source:
    """Write a file of providers for GGUF files, the first of them the reference.

    ``embedded:<scheme>`` is the model that comes along. The file stays in ``folder``: it can be
    edited, and audited again.

    Raises:
        InputError: a file that is not there, too few of them, or a folder that cannot be written.
    """
    if len(models) < 2:
        raise InputError("--gguf takes two files or more, the reference first")
    problems = [
        f"--gguf: {one_line(model)}: no such file"
        for model in models
        if not model.startswith(_EMBEDDED) and not Path(model).is_file()
    ]
    if not golden.exists():
        problems.append(f"{one_line(str(golden))}: no golden cases there; name them with --golden")
    if problems:
        raise InputError(problems)
    names = _names(models)
    if len(set(models)) < len(models):
        raise InputError("--gguf: one file is given twice: it would be compared with itself")
    lines = [
        "# Written by 'quantguard audit --gguf'. Edit it, and give it in place of the files.",
        f"reference: {json.dumps(names[0])}",
        f"golden: {json.dumps(str(golden.resolve()))}",
        "report: .",
        "providers:",
    ]
    for name, model in zip(names, models, strict=True):
        place = model if model.startswith(_EMBEDDED) else str(Path(model).resolve())
        lines.append(f"  {json.dumps(name)}: {{provider: llamacpp, model: {json.dumps(place)}}}")
    path = folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, ("\n".join(lines) + "\n").encode("utf-8"))
    return of_file(path, str(path))


def _names(models: Sequence[str]) -> list[str]:
    """Return a name for each file: its own without the ending, made unique."""
    found: list[str] = []
    for model in models:
        stem = model.removeprefix(_EMBEDDED) if model.startswith(_EMBEDDED) else Path(model).stem
        name = _NO_LABEL.sub("-", stem).strip("-._")[:70] or "model"
        number = 2
        while name in found:
            name, number = f"{name.rsplit('~')[0]}-{number}", number + 1
        found.append(name)
    return found
