"""Labels: what ids, cohorts, tags, and the names of checks and metrics may look like."""

from __future__ import annotations

import json
import re
from typing import Any

from pytest_quantguard.documents.document import packaged


def label_problem(what: str, name: Any) -> str:
    """Return a sentence when a name is no label, as the schema of golden files has it; else ''."""
    label = packaged("golden.schema.json")["$defs"]["label"]
    if isinstance(name, str) and re.search(label["pattern"], name):
        return ""
    return f"{what} is {json.dumps(name, default=str)[:120]}; {label['description']}"
