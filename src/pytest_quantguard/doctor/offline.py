"""What can be said about an endpoint without asking it: what a run needs before it could."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from pytest_quantguard.contracts import Provider
from pytest_quantguard.doctor.records import Finding, Level
from pytest_quantguard.doctor.remedies import remedy
from pytest_quantguard.errors import ProviderError
from pytest_quantguard.variants import Variant


def look(variant: Variant, provider: Provider, unusable: Callable[[str], str]) -> Iterator[Finding]:
    """Look at keys, model files and commands of a variant; ``unusable`` knows of commands."""
    before = list(_faults(variant, provider, unusable))
    yield from before
    if not before:
        saw = "not asked (--offline); what it takes to be asked is there"
        yield _found(variant, "ok", "reach", saw)


def _faults(
    variant: Variant, provider: Provider, unusable: Callable[[str], str]
) -> Iterator[Finding]:
    key = variant.api_key_env
    if key and not os.environ.get(key, "").strip():
        saw = f"the environment variable {key}, which holds its API key, is not set, or empty"
        yield _found(variant, "wrong", "key", saw, f"export {key}=...")
    try:
        provider.identity()
    except ProviderError as error:
        yield _found(variant, "wrong", "model", str(error), remedy(error, variant))
    if why := unusable(variant.name):
        fix = "mend 'launch' in the variant, or install the program"
        yield _found(variant, "wrong", "launch", why, fix)
    if variant.provider == "llamacpp" and not variant.base_url and not find_spec("xllamacpp"):
        fix = 'pip install "pytest-quantguard[llamacpp]"'
        yield _found(variant, "wrong", "launch", "the llama.cpp server is not installed", fix)


def _found(variant: Variant, level: Level, topic: str, saw: str, fix: str = "") -> Finding:
    return Finding(level=level, about=variant.name, topic=topic, saw=saw, fix=fix)
