"""The first thing that runs inside a sandbox: sets the limits, then becomes the program.

Handed to the interpreter as text (``-c``), so it uses nothing but what starts with it. Two pipes
come along by number: the program is read from one, and a byte on the other one tells that the
sandbox is up; what happens from there on is the program's doing.
"""

import builtins
import os
import resource
import sys

MIB = 1 << 20
FILE_MB = 16
"""Largest file, in MiB."""
OPEN_FILES = 64


def limits(memory_mb: int, cpu_s: int, threads: int) -> dict[int, int]:
    """Return the limits of the process; 0 threads = as many as the memory holds."""
    found = {
        resource.RLIMIT_AS: memory_mb * MIB,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: FILE_MB * MIB,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if threads and hasattr(resource, "RLIMIT_NPROC"):
        found[resource.RLIMIT_NPROC] = threads
    return found


def leave(code: object = None) -> None:
    """End the program, as ``exit`` and ``quit`` do, which come with site-packages otherwise."""
    raise SystemExit(code)


def become(program_fd: int, status_fd: int, memory_mb: int, cpu_s: int, threads: int) -> None:
    """Run the program as ``__main__``; a traceback of it names ``<program>``."""
    with open(program_fd, "rb") as file:
        source = file.read().decode("utf-8", "surrogatepass")
    os.environ.clear()  # it held what the interpreter needs to start
    for which, limit in limits(memory_mb, cpu_s, threads).items():
        most = resource.getrlimit(which)[1]  # a machine may allow less, and nobody may raise that
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)  # noqa: PLW2901
        resource.setrlimit(which, (limit, limit))
    os.write(status_fd, b"+")
    os.close(status_fd)
    try:
        code = compile(source, "<program>", "exec")
    except SyntaxError as error:  # without a traceback: none of the program has run
        sys.stderr.write(
            f'File "<program>", line {error.lineno}\n{type(error).__name__}: {error.msg}'
        )
        sys.exit(1)
    builtins.exit = builtins.quit = leave  # type: ignore[assignment]
    module = sys.modules["__main__"] = type(sys)("__main__")
    sys.argv = [""]
    exec(code, module.__dict__)  # noqa: S102 - what all is for


if __name__ == "__main__":
    become(*map(int, sys.argv[1:]))
