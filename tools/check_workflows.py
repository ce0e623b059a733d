"""Checks what CI systems read: schemas, what zizmor finds unsafe, and the shell in workflows.

Asks nothing of the network. Ends with 1 when anything is found.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from pytest_quantguard.commands._starter.files import WORKFLOW, Servers, files

ROOT = Path(__file__).parents[1]
WORKFLOWS = [
    *sorted((ROOT / ".github/workflows").glob("*.yml")),
    *sorted((ROOT / "examples/github").glob("*.yml")),
]
ACTIONS = [ROOT / "action.yml", ROOT / "comment/action.yml"]
GITLAB = sorted((ROOT / "examples/gitlab").glob("*.yml"))
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.github-actions": ACTIONS,
    "vendor.gitlab-ci": GITLAB,
}


def main() -> int:
    """Run every check; say what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        WORKFLOWS.extend(starters(Path(folder)))
        return max(checked(), checked_lines(Path(folder, "ten.yml")))


def starters(folder: Path) -> list[Path]:
    """Write the workflows of `quantguard init`: with the tiny models, and with a key."""
    servers = Servers(baseline=("http://h/v1", "m"), candidate=None, key="QUANT_API_KEY")
    found = []
    for number, given in enumerate((None, servers)):
        path = folder / str(number) / "quantguard.yml"
        path.parent.mkdir()
        path.write_text(files(given, folder, workflow=True)[WORKFLOW], encoding="utf-8")
        found.append(path)
    return found


def checked_lines(path: Path) -> int:
    """Check the ten lines of docs/ci.md; names and environments are left to the reader."""
    text = (ROOT / "docs/ci.md").read_text("utf-8")
    path.write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    tools = Path(sys.executable).parent
    schema = ("--quiet", "--builtin-schema", "vendor.github-workflows")
    failed = call(tools / "check-jsonschema", *schema, path)
    return min(failed + call(tools / "zizmor", "--offline", "--quiet", path), 1)


def checked() -> int:
    """Run every check on all files."""
    tools = Path(sys.executable).parent
    failed = 0
    for schema, paths in SCHEMAS.items():
        failed += call(tools / "check-jsonschema", "--quiet", "--builtin-schema", schema, *paths)
    # Files are named one by one: in a folder zizmor looks only where GitHub does.
    zizmor = ("--offline", "--quiet", "--persona", "auditor")
    failed += call(tools / "zizmor", *zizmor, *WORKFLOWS, *ACTIONS)
    for path in (*WORKFLOWS, *ACTIONS):
        for script in scripts(path):
            failed += call(tools / "shellcheck", "--shell=bash", "-", text=script, about=path)
    return min(failed, 1)


def scripts(path: Path) -> list[str]:
    """Return what bash runs in a workflow or an action."""
    data = yaml.safe_load(path.read_text("utf-8"))
    parts = [data["runs"]] if "runs" in data else list(data["jobs"].values())
    return [step["run"] for part in parts for step in part["steps"] if "run" in step]


def call(tool: Path, *arguments: object, text: str = "", about: Path | None = None) -> int:
    """Run a tool; print what it says where it is not content, and return 1."""
    done = subprocess.run(
        [tool, *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return 0
    where = ""
    if about is not None:
        where = f" ({about.relative_to(ROOT) if ROOT in about.parents else about.name})"
    print(f"{tool.name}{where}:\n{done.stdout}{done.stderr}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
