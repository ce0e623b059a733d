"""Runs pytest in processes of their own that need not import everything again.

Most tests here run the gate as a user does, in a project of its own. Half of what such a run
costs is importing pytest and its plugins. This program imports them once, and forks for each run:
as isolated as a new process, at half of its price.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

_PRELOADED = (
    *("anyio.pytest_plugin", "diskcache", "httpx", "jsonschema", "junit_xml"),
    *("pytest_asyncio.plugin", "xdist.plugin", "yaml"),
)


_LEFT_OUT = (".embedded", "._inside", "__main__", "llamacpp")
"""Programs, and what needs packages that are large or not there."""


class ForkServer:
    """A process that forks; started by the first `run`, ended with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], timeout_s: float
    ) -> tuple[int, str]:
        """Run ``python -m pytest`` with these arguments; return exit code, stdout and stderr.

        ``quantguard`` as the first of them runs that command with the others.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            atexit.register(self.close)
        pipe = self._process
        assert pipe.stdin
        assert pipe.stdout
        with tempfile.TemporaryDirectory() as output:
            job = {
                "arguments": list(arguments),
                "folder": str(folder),
                "env": dict(env),
                "output": output,
                "timeout_s": timeout_s,
            }
            pipe.stdin.write(json.dumps(job) + "\n")
            pipe.stdin.flush()
            code = int(pipe.stdout.readline())
            said = [(Path(output) / name).read_bytes().decode() for name in ("1", "2")]
        assert code != _LATE, f"the run took more than {timeout_s} s:\n{''.join(said)}"
        return code, "".join(said)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None and process.stdin and process.stdout:
            process.stdin.close()
            process.wait(10)
            process.stdout.close()


_LATE = -1000


def _serve() -> None:
    from importlib import import_module
    from pkgutil import walk_packages

    from _pytest.config import default_plugins

    import pytest_quantguard

    ours = (m.name for m in walk_packages(pytest_quantguard.__path__, "pytest_quantguard."))
    theirs = (f"_pytest.{plugin}" for plugin in default_plugins)
    for name in (*theirs, *_PRELOADED, *ours):
        if not any(part in name for part in _LEFT_OUT):
            import_module(name)
    gc.collect()
    gc.freeze()  # each pytest that ends looks for garbage, and none of all this is
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(job)
        sys.stdout.write(f"{_wait(pid, job['timeout_s'])}\n")
        sys.stdout.flush()


def _wait(pid: int, timeout_s: float) -> int:
    import signal
    import time

    end = time.monotonic() + timeout_s
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return _LATE
        time.sleep(0.005)


def _become(job: dict[str, Any]) -> NoReturn:
    """Be the run: with its own folder, environment and files, then end as a process does."""
    code = 70
    try:
        for number in (1, 2):
            path = Path(job["output"]) / str(number)
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["env"])
        sys.path[0] = job["folder"]  # as `python -m` does
        import pytest
        from _pytest.assertion.rewrite import AssertionRewritingHook

        # Asserts of plugins are not shown here; that they are imported already is on purpose.
        AssertionRewritingHook._warn_already_imported = lambda *_: None  # type: ignore[method-assign]
        command, *rest = job["arguments"] or [""]
        if command == "quantguard":
            from pytest_quantguard.cli import main

            code = main(rest)
        else:
            code = int(pytest.main(job["arguments"]))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        import threading

        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
