"""The architecture, enforced: imports at module level point to a lower floor."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "pytest_quantguard"

FLOORS = {
    0: {"types", "variants", "contracts", "errors", "pairs", "verdicts"},
    1: {"cache", "documents", "stats", "_carried", "_ci", "_evidence", "_sanitize"}
    | {"_comparability", "_drive", "_noise", "_plural", "_prior", "_probe", "_run", "_screen"}
    | {"_served", "_whole"},
    2: {"checks", "metrics", "providers", "reporters", "importers", "embedded", "sandboxes"}
    | {"launching", "_config_file", "_decide", "_grounds", "_items", "_judging", "hookspecs"},
    3: {"engine", "history", "_registry", "_quant_case", "_cases", "_arm", "_variant_reader"}
    | {"_budgets", "_costs", "_layers", "_looks", "_measurement", "_measures", "_noticed"}
    | {"_rates"},
    4: {"_config", "_golden", "_judge", "_examiner", "_auto", "_answers", "_judge_model"},
    5: {"_collect", "_rows", "_tally", "_plan", "_services", "_judges", "_questions"}
    | {"comparing", "_spending", "_unfit"},
    6: {"functions", "_asking", "_express", "_judgement", "_preview", "_publish", "_sequential"}
    | {"_github", "_hooked", "_survey", "_watching", "tracing"},
    7: {"auditing", "sharding", "_session", "cli", "doctor", "lint", "watch", "canary"},
    8: {"_activation", "_controller", "__main__", "commands"},
    9: {"plugin", "__init__"},
}
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names}
THIRD_PARTY_HOMES = {
    "yaml": {"documents"},
    "diskcache": {"cache"},
    "httpx": {"providers"},
    "jsonschema": {"checks", "documents"},
    "junit_xml": {"reporters"},
    "xllamacpp": {"providers"},
    "gguf": {"embedded"},
    "numpy": {"embedded"},
    "opentelemetry": {"tracing"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """Name of the module, or of the drawer it is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, top_level: bool) -> set[str]:
    """Names of imported modules; those under TYPE_CHECKING are for readers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "pytest_quantguard":
            found |= {f"pytest_quantguard.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_every_module_has_a_floor():
    """A new module is given its place on purpose."""
    assert {room(path) for path in MODULES} == set(FLOOR_OF)


def test_every_module_is_described_where_the_architecture_is():
    """The table of ARCHITECTURE.md has each once, on its floor."""
    page = (PACKAGE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| (.*?) \|", page, re.MULTILINE)
    named = [(name, int(floor)) for floor, names in rows for name in re.findall(r"`(\w+)", names)]

    assert sorted(FLOOR_OF.items()) == sorted(named)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path):
    """A module may import what is below it, or its neighbours in the same drawer or floor 0-1."""
    here = room(path)
    ours = {name for name in imports(path, top_level=True) if name.startswith("pytest_quantguard.")}

    for name in ours:
        there = name.split(".")[1]
        same = there == here or FLOOR_OF[there] == FLOOR_OF[here] <= 1
        assert same or FLOOR_OF[there] < FLOOR_OF[here], f"{here} imports {there}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_each_third_party_has_one_home(path):
    """A library can be replaced by changing one room."""
    roots = {name.split(".")[0] for name in imports(path, top_level=False)}

    for library, homes in THIRD_PARTY_HOMES.items():
        assert library not in roots or room(path) in homes, f"{room(path)} imports {library}"


@pytest.mark.parametrize("drawer", ["checks", "commands", "metrics", "providers", "reporters"])
def test_a_drawers_table_imports_nothing(drawer):
    """Listing what there is must cost nothing."""
    assert set() == imports(PACKAGE / drawer / "__init__.py", top_level=True) - {"__future__"}
