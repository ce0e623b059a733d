"""Get the shells whose completion is tested, where they are missing and can be had.

    python tools/shells.py     # `make test` does this once

On Debian, as root, their packages are installed. Elsewhere what is missing is named: the tests that
ask that shell say so, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess

SHELLS = ("bash", "zsh", "fish")


def missing() -> list[str]:
    """Return the shells that are not on PATH."""
    return [name for name in SHELLS if shutil.which(name) is None]


def install(names: list[str]) -> None:
    """Install Debian's packages of these shells, where that is possible."""
    if shutil.which("apt-get") and getattr(os, "geteuid", lambda: 1)() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-q", "update"], env=quiet, check=False)
        command = ["apt-get", "-q", "install", "--no-install-recommends", "-y", *names]
        subprocess.run(command, env=quiet, check=False)


def main() -> None:
    """Install what is missing, and say what still is."""
    if names := missing():
        install(names)
    for name in missing():
        print(f"tools/shells.py: there is no {name} here: its completion is not tested")


if __name__ == "__main__":
    main()
