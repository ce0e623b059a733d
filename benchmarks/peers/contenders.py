"""Who does the job, how each is installed, and what each is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import job

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class CannotError(Exception):
    """A contender cannot be installed here; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One job to be done in one folder."""

    folder: Path
    url: str
    cases: int
    concurrency: int
    home: Path
    """Where the contender is installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to do the job."""

    name: str
    does: str
    packages: tuple[str, ...]
    """What is installed: of PyPI, or of npm where ``node`` is true."""
    shown: str
    """The package whose version is told."""
    write: Callable[[Setting], None]
    command: Callable[[Setting], list[str | Path]]
    env: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)
    """Exit codes of a job that was done: some call a wrong answer a failure."""
    node: bool = False
    cached: bool = True
    """Whether it keeps answers for the next run."""
    share: int = 1
    """It does one case of so many, and its figures are scaled: it would take minutes."""

    def install(self, work: Path) -> tuple[Path, str]:
        """Install into an environment of its own; return where, and the version.

        Raises:
            CannotError: with the last line of what went wrong.
        """
        home = work / self.name.replace(" ", "-")
        if self.node:
            if shutil.which("npm") is None:
                raise CannotError("there is no npm here")
            home.mkdir(parents=True, exist_ok=True)
            if not (home / "node_modules" / self.shown).is_dir():
                _tried(["npm", "install", "--no-audit", "--no-fund", *self.packages], home)
            told = json.loads((home / "node_modules" / self.shown / "package.json").read_text())
            return home, f"{self.shown} {told['version']}"
        python = _python(home)
        if not python.exists():
            _tried([sys.executable, "-m", "venv", str(home)], work)
        _tried([str(python), "-m", "pip", "install", "--quiet", *self.packages], work)
        ask = f"from importlib.metadata import version; print(version({self.shown!r}))"
        return home, f"{self.shown} {_tried([str(python), '-c', ask], work).strip()}"


def _tried(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason told"]
        said = next((line for line in lines if "rror" in line), lines[-1])
        raise CannotError(f"installing it failed: {said[:120]}")
    return done.stdout


def _python(home: Path) -> Path:
    return home / "bin" / "python"


# --- the contenders -------------------------------------------------------------------------


def _write_gate(setting: Setting) -> None:
    job.gate_project(setting.folder, setting.cases, setting.url, setting.concurrency)


def _gate(setting: Setting) -> list[str | Path]:
    return [_python(setting.home), "-m", "pytest", "-q", "--quant-candidate=cand"]


def _suite(name: str, *, pytest: bool = True) -> dict[str, Callable[[Setting], object]]:
    def write(setting: Setting) -> None:
        job.write(setting.folder, setting.cases)
        for file in ("asking.py", name):
            shutil.copy(HERE / "suites" / file, setting.folder / file)

    def command(setting: Setting) -> list[str | Path]:
        python = _python(setting.home)
        return [python, "-m", "pytest", "-q", name] if pytest else [python, name]

    return {"write": write, "command": command}


def _write_promptfoo(setting: Setting) -> None:
    setting.folder.mkdir(parents=True, exist_ok=True)
    job.promptfoo_config(setting.folder, setting.cases, setting.url)


def _promptfoo(setting: Setting) -> list[str | Path]:
    program = setting.home / "node_modules" / ".bin" / "promptfoo"
    options = ["--no-table", "--no-progress-bar", "--no-share", "-j", str(setting.concurrency)]
    return [program, "eval", "-c", "promptfooconfig.json", *options]


CONTENDERS = (
    Contender(
        name="gate", does="this package, as a user runs it", packages=(str(ROOT),),
        shown="pytest-quantguard", write=_write_gate, command=_gate,
    ),
    Contender(
        name="threads", does="pytest + httpx by hand, one client a thread",
        packages=("pytest", "httpx"), shown="httpx", cached=False, **_suite("test_threads.py"),
    ),
    Contender(
        name="sequential", does="pytest + httpx by hand, one question at a time",
        packages=("pytest", "httpx"), shown="httpx", cached=False, share=5,
        **_suite("test_sequential.py"),
    ),
    Contender(
        name="promptfoo", does="promptfoo eval, two providers", packages=("promptfoo",),
        shown="promptfoo", node=True, write=_write_promptfoo, command=_promptfoo, codes=(0, 100),
        env={
            "PROMPTFOO_CONFIG_DIR": "state", "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
            "PROMPTFOO_SELF_HOSTED": "1",
        },
    ),
    Contender(
        name="deepeval", does="deepeval's assert_test under pytest, answers fetched by threads",
        packages=("deepeval", "httpx"), shown="deepeval", cached=False, codes=(0, 1),
        env={
            "DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "ERROR_REPORTING": "NO",
            "DEEPEVAL_UPDATE_WARNING_OPT_IN": "NO",
        },
        **_suite("test_deepeval.py"),
    ),
    Contender(
        name="inspect", does="inspect_ai, one task, two models",
        packages=("inspect-ai", "openai", "httpx"), shown="inspect-ai",
        env={"BENCH_API_KEY": "none", "INSPECT_CACHE_DIR": "cache"},
        **_suite("inspect_task.py", pytest=False),
    ),
)  # fmt: skip


def environment(contender: Contender, setting: Setting) -> dict[str, str]:
    """Return what a contender finds in its environment; folders are inside its own."""
    inside = {
        name: str(setting.folder / value) if value in ("state", "cache") else value
        for name, value in contender.env.items()
    }
    return {
        **inside,
        "BENCH_URL": setting.url,
        "BENCH_BASE_URL": setting.url,
        "BENCH_CONCURRENCY": str(setting.concurrency),
        "PATH": f"{setting.home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
    }
