"""The interpreter that runs inside, and what of this machine it has to see to start."""

from __future__ import annotations

import functools
import glob
import os
import sys
from dataclasses import asdict, dataclass
from importlib.resources import files

from pytest_quantguard.types import Json

TEMPORARY_MB = 64
"""Size of the only folder that a program can write to, in MiB."""

FLAGS = ("-S", "-s", "-P", "-B", "-X", "utf8")
"""No site-packages, no folder of the program's on the path, nothing written, UTF-8."""

UID = 1000
"""Number of the user inside; nobody has it there."""

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store")
_FILES = ("/etc/ld.so.cache", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_FOLDERS = ("/usr/share/zoneinfo",)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a program sees of this machine's files, all of it read-only."""

    folders: tuple[str, ...]
    files: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    """Symbolic links to make: path and target."""
    hidden: tuple[str, ...]
    """Folders in it that appear empty: other people's packages."""
    tmp_mb: int = TEMPORARY_MB

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return asdict(self)


@functools.cache
def executable() -> str:
    """Return the path of the interpreter itself, whatever virtual environment we are in."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return os.path.realpath(base)


def environment() -> dict[str, str]:
    """Return what the interpreter needs to start; the program finds an empty environment.

    The order of sets would else change from run to run, and the outcome of a careless answer.
    And each thread of glibc's would take 64 MiB of addresses for memory of its own: the limit on
    memory counts addresses, and 16 threads would be too many.
    """
    found = {"PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"}
    inside = tuple(f"{prefix}{os.sep}" for prefix in _prefixes())
    paths = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    ours = [path for path in paths if path.startswith(inside)]  # where its libpython may be
    return {**found, "LD_LIBRARY_PATH": os.pathsep.join(ours)} if ours else found


@functools.cache
def script(name: str) -> str:
    """Return the text of a module of this drawer that runs on the other side."""
    return files(__package__).joinpath(f"{name}.py").read_text(encoding="utf-8")


@functools.cache
def view() -> View:
    """Return the least that the interpreter and its standard library need."""
    wanted = list(_SYSTEM) + [
        os.path.join(prefix, name)
        for prefix in _prefixes()
        for name in dict.fromkeys(("lib", "lib64", sys.platlibdir))
    ]
    links = [(path, os.readlink(path)) for path in _SYSTEM if os.path.islink(path)]
    real = [os.path.realpath(path) for path in wanted if os.path.isdir(path)]
    real += [os.path.realpath(path) for path in _FOLDERS if os.path.isdir(path)]
    folders = _outermost(real)
    packages = (
        path
        for folder in real
        for pattern in ("site-packages", "dist-packages")
        for path in glob.glob(os.path.join(folder, "python3*", pattern))
    )
    single = [path for path in _FILES if os.path.exists(path)] + [executable()]
    return View(
        folders=tuple(folders),
        files=tuple(path for path in single if not _below(path, folders)),
        links=tuple(link for link in links if not _below(link[0], folders)),
        hidden=tuple(sorted(set(map(os.path.realpath, packages)))),
    )


def _prefixes() -> list[str]:
    prefixes = {os.path.realpath(path) for path in (sys.base_prefix, sys.base_exec_prefix)}
    return sorted(prefixes - {"/usr", "/usr/local"})  # those are in _SYSTEM


def _outermost(folders: list[str]) -> list[str]:
    found: list[str] = []
    for folder in sorted(set(folders)):
        if not _below(folder, found):
            found.append(folder)
    return found


def _below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)
