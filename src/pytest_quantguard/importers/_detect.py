"""Which format is a file of? Guessed from how it begins."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from pytest_quantguard.documents.document import read
from pytest_quantguard.errors import InputError, did_you_mean
from pytest_quantguard.importers import IMPORTERS
from pytest_quantguard.importers._lines import records, suffix_of
from pytest_quantguard.importers._records import Format, Sample, ignore

_YAML = (".yaml", ".yml")
_CODE = (".py", ".js", ".ts", ".mjs", ".cjs")


def named(name: str) -> Format:
    """Return a format by its name.

    Raises:
        InputError: there is none, with the nearest.
    """
    if name not in IMPORTERS:
        raise InputError(f"unknown format {name!r:.40}; {did_you_mean(name, IMPORTERS)}")
    module, _, attribute = IMPORTERS[name].partition(":")
    found: Format = getattr(importlib.import_module(module), attribute)
    return found


def guess(path: Path, name: str) -> tuple[str, str]:
    """Return the name of a file's format, and what it was known by.

    Raises:
        InputError: the file cannot be read, or is of no known format.
    """
    sample = sample_of(path, name)
    for candidate in IMPORTERS:
        if sign := named(candidate).sign(sample):
            return candidate, sign
    keys = ", ".join(map(repr, sorted(map(str, sample.first or ()))[:6])) or "nothing readable"
    raise InputError(
        f"{name}: cannot tell its format: it begins with {keys}; say which one with --from: "
        f"{', '.join(IMPORTERS)}"
    )


def sample_of(path: Path, name: str) -> Sample:
    """Return the beginning of a file.

    Raises:
        InputError: it cannot be read.
    """
    suffix = suffix_of(path)
    if suffix in _CODE:
        raise InputError(f"{name}: is a program; import what it writes: YAML, JSON, JSONL or CSV")
    if suffix in _YAML:
        first: Any = read(path, name).data
        first = first[0] if isinstance(first, list) and first else first
        return Sample(suffix=suffix, first=first if isinstance(first, dict) else None, whole=True)
    found = next(records(path, name, ignore), None)
    return Sample(
        suffix=suffix,
        first=None if found is None else found[1],
        whole=found is not None and ": $" in found[0],
    )
