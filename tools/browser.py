"""Find the Chromium in which the HTML report is tested; get one where there is none.

    python tools/browser.py     # prints its path; `make test` does this once

Looked for in this order: the environment variable QUANTGUARD_BROWSER, the usual names on PATH, what
playwright has downloaded. Where none works, Debian's package is installed (as root), else
playwright downloads its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

VARIABLE = "QUANTGUARD_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = (
    "no Chromium is here, and the HTML report is tested in one. Install Chromium or Chrome so that "
    f"`chromium` or `google-chrome` is on PATH, or name one in the variable {VARIABLE}, or run "
    "`python -m playwright install --with-deps chromium`."
)


def works(program: str | Path) -> bool:
    """Tell whether a program says its version: some packages hold a stub that only complains."""
    with suppress(OSError, subprocess.TimeoutExpired):
        command = [program, "--version"]
        return not subprocess.run(command, capture_output=True, timeout=60, check=False).returncode
    return False


def find() -> str | None:
    """Return the path of a Chromium that starts, or None.

    Raises:
        LookupError: the variable names something that does not start.
    """
    if named := os.environ.get(VARIABLE):
        if path := shutil.which(named):
            return path
        raise LookupError(f"{VARIABLE} is {named!r}: no program can be started there")
    on_path = (path for name in NAMES if (path := shutil.which(name)))
    return next((path for path in (*on_path, _downloaded()) if path and works(path)), None)


def _downloaded() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _debian() -> None:
    if shutil.which("apt-get") and getattr(os, "geteuid", lambda: 1)() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-q", "update"], env=quiet, check=False)
        install = ["apt-get", "-q", "install", "--no-install-recommends", "-y", "chromium"]
        subprocess.run(install, env=quiet, check=False)


def _playwright() -> None:
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> None:
    """Print the path of a Chromium, installing one first where there is none."""
    ways: tuple[Callable[[], None], ...] = (lambda: None, _debian, _playwright)
    for way in ways:
        way()
        try:
            path = find()
        except LookupError as error:
            sys.exit(f"tools/browser.py: {error}")
        if path:
            print(path)
            return
    sys.exit(f"tools/browser.py: {MISSING}")


if __name__ == "__main__":
    main()
