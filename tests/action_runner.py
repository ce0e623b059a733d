"""A small stand-in for GitHub's runner: it runs the steps of a composite action, one by one.

``run:`` steps are really run by bash, with the files and variables that the runner provides.
``uses:`` steps are only written down, with what they were given. Expressions are the few forms
that action.yml has; any other is an error.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
BASH = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]
"""What the runner calls for ``shell: bash``."""


def program(name: str) -> Any:
    """Return a program of the folder ci/ as a module."""
    if (folder := str(ROOT / "ci")) not in sys.path:
        sys.path.append(folder)  # where python looks first when it runs the program
    spec = spec_from_file_location(f"quantguard_ci_{name}", ROOT / "ci" / f"{name}.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Outcome:
    """What came of the action."""

    failed: bool = False
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Actions of others that were called, without their version, and what they were given."""

    def given(self, action: str, number: int = 0) -> dict[str, str]:
        """Return what an action was given, when it was called for the first time, or a later."""
        return [values for name, values in self.used if name == action][number]

    @property
    def called(self) -> list[str]:
        """Names of the actions that were called."""
        return [name for name, _ in self.used]


class Runner:
    """Runs action.yml in a workspace, as a job with this event would."""

    def __init__(self, workspace: Path, scratch: Path, **environment: str) -> None:
        self.workspace = workspace
        self._scratch = scratch
        self._action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        self.strategy: dict[str, Any] = {"job-index": 0, "job-total": 1}
        self.event: dict[str, Any] = {"repository": {"default_branch": "main"}}
        self.environment = {
            "PATH": f"{self._tools()}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(scratch),
            "PYTHONPATH": str(scratch / "modules"),
            "PYTEST_ADDOPTS": "-p no:asyncio -p no:anyio -p no:xdist",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(scratch / "event.json"),
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_SHA": "a" * 40,
            "GITHUB_JOB": "gate",
            "GITHUB_RUN_ID": "123",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_STEP_SUMMARY": str(scratch / "summary.md"),
            "RUNNER_OS": "Linux",
            **environment,
        }

    @property
    def installed(self) -> list[str]:
        """What pip was called with; it is not really called."""
        return json.loads((self._scratch / "pip.json").read_text("utf-8"))

    def run(self, **inputs: str) -> Outcome:
        """Run all steps; underlines in the names of inputs are dashes."""
        given = {name.replace("_", "-"): text for name, text in inputs.items()}
        declared = self._action["inputs"]
        assert set(given) <= set(declared)
        texts = {n: given.get(n, d.get("default", "")) for n, d in declared.items()}
        self._values = {"inputs": texts, "strategy": self.strategy, "steps": {}}
        (self._scratch / "event.json").write_text(json.dumps(self.event))
        summary = self._scratch / "summary.md"
        summary.write_text("")
        outcome = Outcome()
        for step in self._action["runs"]["steps"]:
            self._step(step, outcome)
        outcome.summary = summary.read_text("utf-8")
        outcome.outputs = {
            name: self._text(output["value"]) for name, output in self._action["outputs"].items()
        }
        return outcome

    def _step(self, step: dict[str, Any], outcome: Outcome) -> None:
        condition = step.get("if", "success()")
        if outcome.failed and "always()" not in condition:
            return
        if not _true(self._value(condition)):
            return
        if "uses" in step:
            values = {k: self._text(str(v)) for k, v in step.get("with", {}).items()}
            outcome.used.append((step["uses"].partition("@")[0], values))
            return
        written = self._scratch / "output"
        written.write_text("")
        env = {name: self._text(text) for name, text in step.get("env", {}).items()}
        assert "${{" not in step["run"]
        done = subprocess.run(
            [*BASH, "-c", step["run"]],
            cwd=self.workspace,
            env={**self.environment, **env, "GITHUB_OUTPUT": str(written)},
            capture_output=True,
            timeout=120,
            check=False,
        )
        outcome.log += (done.stdout + done.stderr).decode("utf-8", "replace")
        outcome.failed |= done.returncode != 0
        if "id" in step:
            self._values["steps"][step["id"]] = told(written.read_text("utf-8"))

    # --- expressions --------------------------------------------------------------------

    def _text(self, template: str) -> str:
        return EXPRESSION.sub(lambda found: self._value(found[1]), template)

    def _value(self, expression: str) -> str:
        """Evaluate an expression: ``||``, ``&&``, ``==``, ``!=``, and names."""
        text = expression.strip()
        if "||" in text:
            values = [self._value(part) for part in text.split("||")]
            return next((value for value in values if _true(value)), values[-1])
        if "&&" in text:
            return str(all(_true(self._value(part)) for part in text.split("&&"))).lower()
        if found := re.fullmatch(r"(\S+) (==|!=) (\S+)", text):
            same = self._value(found[1]) == self._value(found[3])
            return str(same == (found[2] == "==")).lower()
        return self._name(text)

    def _name(self, text: str) -> str:
        if found := re.fullmatch(r"'([^']*)'", text):
            return found[1]
        if text in ("always()", "success()"):
            return "true"
        if found := re.fullmatch(r"toJSON\((inputs|strategy)\)", text):
            return json.dumps(self._values[found[1]], indent=2)
        if found := re.fullmatch(r"inputs\.([a-z-]+)", text):
            return self._values["inputs"][found[1]]
        found = re.fullmatch(r"steps\.([a-z-]+)\.outputs\.([a-z-]+)", text)
        assert found, f"no expression of a kind that is known: {text}"
        return self._values["steps"].get(found[1], {}).get(found[2], "")

    def _tools(self) -> Path:
        """Return a folder with `python`; its pip writes down what it should install."""
        pip = self._scratch / "modules" / "pip" / "__main__.py"
        pip.parent.mkdir(parents=True)
        target = str(self._scratch / "pip.json")
        pip.write_text(f"import json, sys\njson.dump(sys.argv[1:], open({target!r}, 'w'))\n")
        pip.with_name("__init__.py").write_text("")  # a package wins over the real one
        python = self._scratch / "tools" / "python"
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        return python.parent


def _true(value: str) -> bool:
    return value not in ("", "false")


def told(text: str) -> dict[str, str]:
    """Read a file of outputs, as the runner does: ``name<<mark``, lines, ``mark``."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, mark = line.partition("<<")
        assert sign, f"no output: {line!r}"
        value = []
        for more in lines:
            if more == mark:
                break
            value.append(more)
        else:
            raise AssertionError(f"the output {name} has no end")
        assert name not in found, f"the output {name} is told twice"
        found[name] = "\n".join(value)
    return found
