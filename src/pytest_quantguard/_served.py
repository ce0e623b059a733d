"""What servers said about themselves, kept beside the completions they gave.

A run whose answers all come from the cache asks no server. It must not forget that the one which
gave those answers contradicted its declaration.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_quantguard.contracts import Provider
from pytest_quantguard.types import Json
from pytest_quantguard.variants import ServedAs


def gather(
    counts: Mapping[str, Mapping[str, int]],
    providers: Mapping[str, Provider],
    folder: Path,
    *,
    recall: bool = True,
) -> Json:
    """Ask each server that answered what it serves; ``recall`` it for cached answers.

    Answers from a file may be anybody's: what a server once said of itself is no word on them.
    """
    found: Json = {}
    for name, numbers in counts.items():
        provider, served = providers[name], None
        if numbers["answered"]:
            served = provider.served_as()
            save(folder, provider.identity(), served)
        elif numbers["cached"] and recall:
            served = load(folder, provider.identity())
        if served is not None:
            found[name] = asdict(served)
    return found


def save(folder: Path, identity: Mapping[str, Any], served: ServedAs) -> None:
    """Keep what the server of a variant said; the last word counts."""
    path = _path(folder, identity)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(asdict(served)), encoding="ascii")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)  # a read-only cache: this run has it in memory


def load(folder: Path, identity: Mapping[str, Any]) -> ServedAs | None:
    """Return what was kept, or None; a damaged file is as good as none."""
    try:
        data = json.loads(_path(folder, identity).read_text(encoding="ascii"))
        texts = {key: data[key] for key in ("model", "quantization", "version")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not all(text is None or isinstance(text, str) for text in texts.values()):
        return None
    return ServedAs(**texts)


def _path(folder: Path, identity: Mapping[str, Any]) -> Path:
    text = json.dumps(identity, sort_keys=True)
    return folder / "served" / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
