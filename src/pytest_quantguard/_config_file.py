"""Where the configuration stands, and its form: ``quantguard.yaml``, or pyproject.toml's table."""

from __future__ import annotations

from pathlib import Path

from pytest_quantguard.documents.document import Document, problems, read
from pytest_quantguard.documents.providers_file import gate_document
from pytest_quantguard.errors import ConfigError, InputError

FILE = "quantguard.yaml"
REPORT_FOLDER = "quant-report"
"""Where reports are written, beside the configuration."""
HISTORY = ".quantguard/history.sqlite"
"""Where verdicts are remembered, beside the configuration."""


def find(root: Path, given: str | None, start: Path | None = None) -> Path:
    """Return the configuration file: ``given``, else the one in pytest's root directory.

    ``given`` is relative to ``start``, where pytest was called, or else to ``root``.

    Raises:
        ConfigError: when there is none.
    """
    if given:
        places = dict.fromkeys((start or root, root))
        for path in (place / given for place in places):
            if path.is_file():
                return path.resolve()
        looked = " and ".join(map(str, places))
        raise ConfigError(f"{given}: no such configuration file (looked in {looked})")
    for path in (root / FILE, root / "pyproject.toml"):
        if path.is_file() and (path.name == FILE or "[tool.quantguard" in path.read_text("utf-8")):
            return path
    raise ConfigError(
        f"{root} has neither {FILE} nor [tool.quantguard] in pyproject.toml; one of them names "
        "the variants, and the loss you allow; 'quantguard init' writes a working one, "
        "--quant-config=PATH names another"
    )


def nearest(given: str | None, here: Path, otherwise: str = "") -> Path:
    """Return the configuration that a command means: ``given``, else the nearest from ``here`` up.

    ``otherwise`` ends the sentence that is said where there is none: what else the user may do.

    Raises:
        ConfigError: when there is none.
    """
    if given:
        return find(here, given)
    for folder in (here, *here.parents):
        try:
            return find(folder, None)
        except ConfigError:
            continue
    raise ConfigError(
        f"{here} has no {FILE}, nor has a folder above; 'quantguard init' writes one, "
        f"--quant-config=PATH names another{otherwise}"
    )


def document_of(path: Path, root: Path) -> Document:
    """Return the configuration as it is written, once its form is right; else a ConfigError."""
    name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
    try:
        document = gate_document(read(path, name))
    except InputError as error:
        raise ConfigError(error.problems) from None
    if path.suffix == ".toml":
        tool = document.data.get("tool")
        document = Document(name, tool.get("quantguard") if isinstance(tool, dict) else None)
    if document.data is None:
        raise ConfigError(f"{name}:1: the file is empty; it needs 'variants:' and 'budgets:'")
    if found := problems(document, "config.schema.json"):
        raise ConfigError(found)
    return document
