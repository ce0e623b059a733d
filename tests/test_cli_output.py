"""The quantguard command where nobody reads, or not everything can be shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def redirected(folder, words, redirection, **env):
    """Run a quantguard command under a shell that redirects its outputs."""
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m pytest_quantguard {words} {redirection}', sys.executable],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "80", **env},
    )
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


def test_a_name_that_the_terminal_cannot_show_is_escaped(project):
    """A plan is never lost to an encoding; nothing is left out of it."""
    name = "q-\u00fc\U0001f600.yaml"
    (project.folder / "quantguard.yaml").rename(project.folder / name)
    code, output, errors = redirected(
        project.folder, f"plan --quant-config={name}", "", PYTHONIOENCODING="ascii"
    )

    assert (0, "") == (code, errors)
    assert "(q-\\xfc\\U0001f600.yaml)" in output
    assert "budgets:" in output


@pytest.mark.parametrize("words", ["plan", "plan --json", "--version"])
def test_a_closed_standard_output_is_nobody_reading(project, words):
    """As with `| head`: exit code 1 and no traceback."""
    assert (1, "", "") == redirected(project.folder, words, ">&-")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("words", ["plan --json", "--version"])
def test_a_full_disk_under_the_standard_output_is_said(project, words):
    """What is wrong in one line, and no traceback."""
    code, _, errors = redirected(project.folder, words, ">/dev/full")

    assert code == 4
    said = "the standard output cannot be written: No space left on device"
    assert [line for line in errors.splitlines() if line][-1].endswith(said)
