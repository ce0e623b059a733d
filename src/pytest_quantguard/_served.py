"""What servers said about themselves, kept beside the completions they gave.

A run whose answers all come from the cache asks no server. It must not forget that the one which
gave those answers contradicted its declaration.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard._whole import write_whole
from pytest_quantguard.contracts import Provider
from pytest_quantguard.types import Json
from pytest_quantguard.variants import ServedAs

_MODELS = 50


def gather(
    counts: Mapping[str, Mapping[str, int]],
    providers: Mapping[str, Provider],
    folder: Path,
    *,
    recall: bool = True,
) -> Json:
    """Ask each server that answered what it serves; ``recall`` it for cached answers and silence.

    Answers from a file may be anybody's: what a server once said of itself is no word on them.
    """
    found: Json = {}
    for name, numbers in counts.items():
        provider, served = providers[name], None
        if numbers["answered"]:
            served = provider.served_as()
            save(folder, provider.identity(), served)
        if recall and served in (None, ServedAs()) and (numbers["answered"] or numbers["cached"]):
            served = load(folder, provider.identity()) or served
        if served is not None:
            found[name] = asdict(served)
    return found


def save(folder: Path, identity: Mapping[str, Any], served: ServedAs) -> None:
    """Keep what the server of a variant said; the last word counts, and silence is none."""
    if served == ServedAs():
        return
    with suppress(OSError):  # a read-only cache, a full disk: this run has it in memory
        write_whole(_path(folder, identity), json.dumps(asdict(served)).encode("ascii"))


def load(folder: Path, identity: Mapping[str, Any]) -> ServedAs | None:
    """Return what was kept, or None; a damaged file is as good as none."""
    try:
        data = json.loads(_path(folder, identity).read_text(encoding="ascii"))
        return ServedAs(
            model=_text(data.get("model")),
            quantization=_text(data.get("quantization")),
            version=_text(data.get("version")),
            kv_cache=_text(data.get("kv_cache")),
            context=_count(data.get("context")),
            memory_bytes=_count(data.get("memory_bytes")),
            models=tuple(filter(None, map(_text, data.get("models", ())[:_MODELS]))),
        )
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _text(value: Any) -> str | None:
    if value is not None and type(value) is not str:
        raise TypeError("no text")
    return value and one_line(value)


def _count(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise TypeError("no count")
    return value


def _path(folder: Path, identity: Mapping[str, Any]) -> Path:
    text = json.dumps(identity, sort_keys=True)
    return folder / "served" / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
