"""Names of cases, cohorts and tags out of any text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

_FOREIGN = re.compile(r"[^A-Za-z0-9._-]+")
_EDGES = "-._"
_LOOKED_AT = 400
MAX_LABEL = 60
"""Longest label that is made; golden files allow 80, and a number may follow."""


def label(text: str) -> str:
    """Return a text as a label of golden files; empty where nothing of it can be kept.

    >>> label("Rückgabe: Bestellung #88213")
    'Ruckgabe-Bestellung-88213'
    """
    folded = unicodedata.normalize("NFKD", text[:_LOOKED_AT]).encode("ascii", "ignore").decode()
    # Accents are gone; what remains foreign separates words.
    words = _FOREIGN.sub("-", folded).strip(_EDGES)
    return words[:MAX_LABEL].rstrip(_EDGES)


def unique(wanted: str, taken: Container[str]) -> str:
    """Return ``wanted``, or the first of ``wanted-2``, ``wanted-3`` ... that is free."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"
