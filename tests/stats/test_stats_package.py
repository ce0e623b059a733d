"""The package of the statistics as a whole."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

from pytest_quantguard import stats

MODULES = sorted(info.name for info in pkgutil.iter_modules(stats.__path__))

# What the package itself may load besides: small modules that start no other large ones.
ALONE = """
import __future__, bisect, collections.abc, dataclasses, functools, itertools, math, operator
import typing
import sys, importlib.util
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("alone", {path!r})
module = sys.modules["alone"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_docstrings_are_true(name: str) -> None:
    """Every example shown is executed; each public module shows one at least."""
    outcome = doctest.testmod(importlib.import_module(f"pytest_quantguard.stats.{name}"))

    assert outcome.failed == 0
    assert outcome.attempted > 0 or name.startswith("_")


def test_package_stands_alone_and_costs_little() -> None:
    """Importing it loads its own modules and nothing else: neither a sibling nor anything heavy."""
    code = ALONE.format(path=stats.__file__)
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert ["alone", *(f"alone.{name}" for name in MODULES)] == loaded


def test_all_public_names_are_listed() -> None:
    """What the modules define without an underscore is exported."""
    defined = {
        name
        for module in MODULES
        for name, value in vars(importlib.import_module(f"{stats.__name__}.{module}")).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == f"{stats.__name__}.{module}"
        and not module.startswith("_")
        and not name.startswith("_")
    }
    inner = {"score_variance", "edges_exclude"}  # between modules of the package

    assert defined - inner <= set(stats.__all__)
    assert sorted(stats.__all__) == stats.__all__


@pytest.mark.parametrize(
    "name", [n for n in stats.__all__ if inspect.isfunction(getattr(stats, n))]
)
def test_each_function_says_what_it_refuses(name: str) -> None:
    """A docstring names the domain of the arguments, or the function whose domain it shares."""
    doc = inspect.getdoc(getattr(stats, name)) or ""

    assert "ValueError" in doc or "`" in doc, name
