"""Which endpoint is watched: a variant of the configuration, or an address that was typed."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pytest_quantguard._config_file import FILE, REPORT_FOLDER, document_of, nearest
from pytest_quantguard._variant_reader import VariantReader
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.errors import ConfigError, did_you_mean
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.watch.store import FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint, and where its past is kept."""

    variant: Variant
    config: Path
    """The configuration in which it stands; of a typed address a temporary one."""
    place: str
    """Where it is written, as ``file:line``."""
    folder: Path
    """The folder of all endpoints' looks."""
    reports: Path
    """The folder for what the golden set's gate writes."""
    limits: Limits

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.variant.name


def is_address(given: str) -> bool:
    """Tell an address from a variant's name."""
    return given.lower().startswith(("http://", "https://"))


def configured(name: str, config: str | None, here: Path) -> Endpoint:
    """Return a variant of the configuration: the named file, or the nearest here or further up.

    Raises:
        ConfigError: there is no such file or variant, or it is wrong; with file:line.
    """
    path = nearest(config, here, ", or give an address with --model")
    document = document_of(path, here)
    known: Json = document.data["variants"]
    if name not in known:
        place = document.where(("variants",))
        raise ConfigError(
            f"{place}: there is no variant {name!r:.80}; {did_you_mean(name[:80], known)}"
        )
    problems: list[str] = []
    variant = VariantReader(document, path.parent, problems).read(name, known[name])
    if problems:
        raise ConfigError(problems)
    return Endpoint(
        variant=variant,
        config=path,
        place=document.where(("variants", name)),
        folder=path.parent / FOLDER,
        reports=path.parent / document.data.get("report", REPORT_FOLDER),
        limits=Limits(**document.data.get("limits", {})),
    )


def typed(
    url: str,
    model: str | None,
    key: str | None,
    here: Path,
    scratch: tempfile.TemporaryDirectory[str],
) -> Endpoint:
    """Return an address that was typed; ``key`` names the variable that holds the API key.

    A configuration for it is written into ``scratch``: what is wrong with the address is found as
    everywhere, and budgets choose themselves.

    Raises:
        ConfigError: the model is not given, or the address is wrong.
    """
    if not model:
        raise ConfigError(f"{_shown(url)} needs --model: what the server calls the model")
    name = _name(url, model)
    variant = {"provider": "openai", "base_url": url, "model": model}
    variant |= {"api_key_env": key} if key else {}
    data = {"baseline": name, "variants": {name: variant}, "budgets": "auto"}
    path = Path(scratch.name) / FILE
    path.write_text(json.dumps(data), encoding="ascii")
    try:
        found = configured(name, str(path), here)
    except ConfigError as error:
        told = [text.replace(f"{path}:1: ", "") for text in error.problems]
        raise ConfigError([f"{_shown(url)}: {text}" for text in told]) from None
    return Endpoint(
        variant=found.variant,
        config=path,
        place="the command line",
        folder=here / FOLDER,
        reports=here / REPORT_FOLDER,
        limits=found.limits,
    )


def _shown(url: str) -> str:
    """Return an address without the password that somebody may have typed into it."""
    return re.sub(r"//[^/@]*@", "//", url)[:200]


def _name(url: str, model: str) -> str:
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or 'endpoint'}{f'-{parts.port}' if parts.port else ''}"
    except ValueError:
        host = "endpoint"
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{host}-{model}").strip("-._")
    return text[:80] or "endpoint"
