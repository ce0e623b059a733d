"""Labels: what ids, cohorts, tags, and names of checks, metrics and variables may look like."""

from __future__ import annotations

import json
import re
from typing import Any

from pytest_quantguard.documents.document import packaged

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_KEY = re.compile(r"(?=.*[0-9])[A-Za-z0-9]{24,}")
"""What may be a variable's name and is most likely a key: long, with digits, without words."""


def label_problem(what: str, name: Any) -> str:
    """Return a sentence when a name is no label, as the schema of golden files has it; else ''."""
    label = packaged("golden.schema.json")["$defs"]["label"]
    if isinstance(name, str) and re.search(label["pattern"], name):
        return ""
    return f"{what} is {json.dumps(name, default=str)[:120]}; {label['description']}"


def variable_problem(what: str, name: str) -> str:
    """Return a sentence when ``name`` cannot be that of an environment variable; else ''.

    It is not quoted: it may be the key that should have been in the variable.
    """
    if _VARIABLE.fullmatch(name) and not _KEY.fullmatch(name):
        return ""
    return (
        f"{what} takes the name of an environment variable, such as QUANT_API_KEY, and never the "
        "key itself"
    )
