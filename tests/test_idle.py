"""What the plugin costs a project that has it installed and does not use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

ALLOWED = {"pytest_quantguard", "pytest_quantguard.plugin", "pytest_quantguard.hookspecs"}
HEAVY = {"httpx", "yaml", "jsonschema", "diskcache", "junit_xml", "numpy", "gguf", "xllamacpp"}

PROBE = """
import sys
def pytest_unconfigure():
    print("MODULES", *sorted(sys.modules))
"""


@pytest.fixture
def modules_of_a_run(pytester):
    """Return the modules loaded at the end of an ordinary pytest run."""
    pytester.makeconftest(PROBE)
    pytester.makepyfile("def test_nothing(): pass")
    # A golden file and a configuration lie about: without a candidate they are not even read.
    pytester.path.joinpath("x.quant.yaml").write_text("this: [is not a golden file")
    pytester.path.joinpath("quantguard.yaml").write_text("nor: [is this a configuration")

    def run(*options):
        command = [sys.executable, "-m", "pytest", "-p", "no:anyio", "-s", *options]
        done = subprocess.run(
            command, cwd=pytester.path, capture_output=True, text=True, timeout=60, check=False
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        (line,) = [x for x in done.stdout.splitlines() if "MODULES" in x]
        return set(line.split()), done.stdout

    return run


def test_an_idle_plugin_loads_three_small_modules(modules_of_a_run):
    """Exactly the shell: the package, the plugin, the hook specifications."""
    modules, output = modules_of_a_run()

    assert {name for name in modules if name.startswith("pytest_quantguard")} == ALLOWED
    assert set() == modules & HEAVY
    assert "quantguard:" not in output


def test_an_idle_plugin_loads_nothing_that_pytest_did_not(modules_of_a_run):
    """Against the same run with the plugin blocked, only our three modules are new."""
    with_us, _ = modules_of_a_run()
    without_us, _ = modules_of_a_run("-p", "no:quantguard")

    assert with_us - without_us <= ALLOWED


SMALL = (
    "check_report",
    "compare",
    "export",
    "history",
    "import_",
    "init",
    "judge_check",
    "lint",
    "plan",
)
"""Modules of commands that need no pytest, or only once they know what was meant."""


def test_commands_that_read_files_load_no_pytest_and_no_client():
    """Completion in a shell and `--help` are waited for: what only a run needs is left out."""
    heavy = sorted(HEAVY - {"yaml"} | {"pytest", "asyncio", "statistics", "email"})
    code = "import sys\n"
    code += "".join(f"import pytest_quantguard.commands.{name}\n" for name in SMALL)
    code += f"print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert ("", "") == (done.stdout.strip(), done.stderr)
