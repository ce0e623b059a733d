"""The text of every file of a new set-up, from the templates beside this module."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files as resources
from importlib.resources.abc import Traversable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

WORKFLOW = ".github/workflows/quantguard.yml"
IGNORED = (".quantguard/", "quant-report/")
"""Lines of .gitignore."""
_SCHEMAS = ("config.schema.json", "golden.editor.schema.json")
_INI = {"pytest.ini": "", ".pytest.ini": "", "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]"}
"""Where pytest may be configured, and the line by which that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The user's own servers; each is an address and the name of a model, both checked."""

    baseline: tuple[str, str]
    candidate: tuple[str, str] | None
    """None = there is none yet."""
    key: str | None
    """Name of the environment variable with their API key."""

    @property
    def option(self) -> str:
        """Return the option of pytest with which a run works at once."""
        return "--quant-null" if self.candidate is None else "--quant-candidate=candidate"

    @property
    def judged(self) -> str:
        """Return the candidate that the report of such a run tells of."""
        return "baseline-again" if self.candidate is None else "candidate"

    @property
    def near(self) -> bool:
        """Tell whether a server is one of this machine, which no other machine reaches."""
        return any(_loopback(one[0]) for one in (self.baseline, self.candidate) if one)


def schemas() -> dict[str, str]:
    """Return the schemas that editors read, by where they are written."""
    return {
        f".quantguard/schemas/{name}": (resources("pytest_quantguard") / name).read_text("utf-8")
        for name in _SCHEMAS
    }


def files(servers: Servers | None, folder: Path, *, workflow: bool) -> dict[str, str]:
    """Return every file of a set-up, by its path below ``folder``; None = embedded models.

    Where the folder configures pytest already, that is left to its owner.
    """
    base = resources(__package__)
    found = {"quantguard.yaml": _configuration(base, servers)}
    for one in sorted((base / "golden").iterdir(), key=lambda one: one.name):
        found[f"golden/{one.name}"] = one.read_text("utf-8")
    test = "tests/test_quant_cases.py"
    found[test] = _template(base, test)
    if not _configures_pytest(folder):
        found["pytest.ini"] = _template(base, "pytest.ini")
    if workflow:
        found[WORKFLOW] = _workflow(base, servers)
    return found


def _template(base: Traversable, name: str, values: Mapping[str, str] | None = None) -> str:
    """Return a template with each ``@NAME@`` replaced, in one pass: values are not looked into."""
    text = base.joinpath(*f"{name}.template".split("/")).read_text("utf-8")
    pieces = text.split("@") if values else [text]
    known = values or {}
    out, after = pieces[0], False  # after: the last piece was a value
    for piece in pieces[1:]:
        if piece in known and not after:
            out, after = out + known[piece], True
        else:
            out, after = out + ("" if after else "@") + piece, False
    return out


# --- configuration ------------------------------------------------------------------------


def _configuration(base: Traversable, servers: Servers | None) -> str:
    if servers is None:
        values = {"BASELINE": "f16", "VARIANTS": _template(base, "variants-embedded").rstrip()}
        return _template(base, "quantguard.yaml", values)
    variants = _variant("baseline", servers.baseline, servers.key)
    if servers.candidate is None:
        variants += "\n" + _template(base, "variant-candidate")
    else:
        variants += _variant("candidate", servers.candidate, servers.key) + "\n"
    values = {"BASELINE": "baseline", "VARIANTS": variants.rstrip()}
    return _template(base, "quantguard.yaml", values)


def _variant(name: str, server: tuple[str, str], key: str | None) -> str:
    """Return one variant; JSON's texts are YAML's, whatever stands in them."""
    lines = [f"  {name}:", "    provider: openai"]
    lines += [f"    base_url: {json.dumps(server[0])}", f"    model: {json.dumps(server[1])}"]
    lines += [f"    api_key_env: {key}"] if key else []
    if name == "candidate":
        lines += ["    # quantization: {method: awq, scheme: W4A16, weight_bits: 4}      # EDIT"]
    return "".join(f"{line}\n" for line in lines)


# --- workflow and pytest ------------------------------------------------------------------


def _workflow(base: Traversable, servers: Servers | None) -> str:
    key = servers.key if servers is not None else None
    values = {
        "ENVIRONMENT": "\n    environment: quantguard # holds the key, for this job" if key else "",
        "EXTRA": "[llamacpp]" if servers is None else "",
        "OPTION": "--quant-candidate=q8_0" if servers is None else servers.option,
        "CANDIDATE": "q8_0" if servers is None else servers.judged,
        "KEY": f"\n        env:\n          {key}: ${{{{ secrets.{key} }}}}" if key else "",
    }
    return _template(base, "workflows/quantguard.yml", values)


def _configures_pytest(folder: Path) -> bool:
    for name, sign in _INI.items():
        with suppress(OSError, UnicodeDecodeError):
            if sign in (folder / name).read_text("utf-8"):
                return name != "pytest.ini"  # this one is ours to write, or a conflict
    return "pytest" in _tool(folder)


def _tool(folder: Path) -> Mapping[str, object]:
    """Return what pyproject.toml has under ``tool``; one that cannot be read has nothing."""
    with suppress(OSError, ValueError):
        found = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("tool")
        return found if isinstance(found, dict) else {}
    return {}


def configures_gate(folder: Path) -> bool:
    """Tell whether pyproject.toml has a configuration of the gate already."""
    return "quantguard" in _tool(folder)


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
