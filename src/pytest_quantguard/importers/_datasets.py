"""What data sets of questions and right answers have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_quantguard.documents.template import fill
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._lines import NotJsonError, parse
from pytest_quantguard.importers._records import Loss, Note
from pytest_quantguard.types import Json

_LABEL = 200


def prompt_of(template: str, fields: Mapping[str, str]) -> str:
    """Fill a data set's fields into a prompt.

    Raises:
        InputError: the template names a field that there is not.
    """
    try:
        return str(fill(template, fields))
    except LookupError as error:
        raise InputError(f"--prompt: {error.args[0]}") from None


def labels_of(metadata: Any, prefix: str = "metadata") -> dict[str, str]:
    """Return what metadata says in short: texts, numbers and booleans, by their keys."""
    if not isinstance(metadata, dict):
        return {}
    return {
        f"{prefix}.{key}": text
        for key, value in metadata.items()
        if isinstance(value, str | int | float)
        and 0 < len(text := value if isinstance(value, str) else json.dumps(value)) <= _LABEL
    }


def note_metadata(metadata: Any, place: str, note: Note) -> None:
    """Say that metadata stays behind, and what it could be used for."""
    if isinstance(metadata, dict) and metadata:
        why = "golden cases have none; --cohort-by metadata.KEY makes cohorts of one"
        note(Loss(place=place, what="metadata", why=why))


def any_of(texts: Sequence[str]) -> Json:
    """Return a check that holds when one of several texts occurs, in any case.

    >>> any_of(["4", "four"])
    {'regex': '(?i:4|four)'}
    """
    return {"regex": f"(?i:{'|'.join(map(re.escape, texts))})"}


def structured(value: Any) -> Any:
    """Return what a cell of a CSV file holds: JSON where it looks like it, else the text."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return parse(value.encode("utf-8", "surrogatepass"))
        except NotJsonError:
            return value
    return value
