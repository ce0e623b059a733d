"""The golden files shown in the documentation load as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_quantguard._golden import load
from pytest_quantguard._registry import Registry

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ["cookbook.md", "golden-files.md"]
INCLUDED = {
    "tools.json": '[{"type": "function", "function": {"name": "refund_order"}}]',
    "report.txt": "Nothing unusual was reported.",
    "contract.txt": "The parties agree.",
    "vertrag.txt": "Die Parteien vereinbaren.",
}


def blocks():
    for page in PAGES:
        text = (DOCS / page).read_text("utf-8")
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL), 1):
            if "cases:" in block:
                yield pytest.param(block, id=f"{page}-{number}")


@pytest.mark.parametrize("block", list(blocks()))
def test_a_golden_file_of_the_documentation_loads(block, tmp_path):
    """Structure, checks, templates and included files: everything that a user would copy."""
    for name, text in INCLUDED.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    path = tmp_path / "shown.quant.yaml"
    path.write_text(block, encoding="utf-8")

    cases = load(path, path.name, Registry(), {})

    assert cases
    assert all(case.checks for case in cases)


def test_every_check_is_in_the_cookbook_or_built_on_one_that_is():
    """Whoever looks for what to check finds every check from there."""
    text = (DOCS / "cookbook.md").read_text("utf-8")
    missing = [name for name in Registry().checks if f"`{name}`" not in text]

    assert [] == missing
