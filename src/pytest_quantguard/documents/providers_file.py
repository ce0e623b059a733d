"""``providers.yaml``: endpoints that claim to be one model, read as a configuration of the gate.

It is one, but for two words (``reference``, ``providers``) and for what goes without saying.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_quantguard.documents.document import Document

NAMES = {"reference": "baseline", "providers": "variants"}
"""Word of the file -> word of a configuration."""
OWN = "golden"
"""What the command reads itself: which golden cases are asked."""
DEFAULTS: dict[str, Any] = {"budgets": "auto", "history": False, "report": "quant-audit"}


def is_providers_file(data: Any) -> bool:
    """Tell whether a document lists providers."""
    return isinstance(data, dict) and "providers" in data and "variants" not in data


def gate_document(document: Document) -> Document:
    """Return a list of providers as the configuration that it stands for; all else as it is.

    Lines stay, and words: what is wrong is said where it is written, as it is written.
    """
    data = document.data
    if not is_providers_file(data):
        return document
    renamed = {NAMES.get(key, key): value for key, value in data.items() if key != OWN}
    lines = {
        (NAMES.get(path[0], path[0]), *path[1:]) if path and isinstance(path[0], str) else path: n
        for path, n in document.lines.items()
    }
    words = {other: word for word, other in NAMES.items()}
    return replace(document, data={**DEFAULTS, **renamed}, lines=lines, words=words)
