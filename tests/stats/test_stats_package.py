"""The package of the statistics as a whole."""

from __future__ import annotations

import doctest
import subprocess
import sys

from pytest_quantguard import stats


def test_examples_in_the_docstrings_are_true() -> None:
    """Every example shown is executed."""
    outcomes = [
        doctest.testmod(sys.modules[name])
        for name in sorted(sys.modules)
        if name.startswith("pytest_quantguard.stats.")
    ]

    assert sum(outcome.attempted for outcome in outcomes) >= 6
    assert sum(outcome.failed for outcome in outcomes) == 0


def test_module_stands_alone_and_costs_little() -> None:
    """Importing it loads neither a sibling nor a heavy module; quantiles come when needed."""
    code = (
        "import sys, importlib.util as u\n"
        f"spec = u.spec_from_file_location('alone', {stats.__file__!r})\n"
        "module = sys.modules['alone'] = u.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "heavy = 'statistics decimal random numpy scipy pytest pytest_quantguard'.split()\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in heavy))\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert loaded == []
