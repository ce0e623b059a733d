"""Writes docs/checks.md and docs/checks/*.md from the checks' own docstrings.

Run it from the repository's root after changing a check; a test compares the pages with what this
would write.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import textwrap
from pathlib import Path

import yaml

from pytest_quantguard._registry import Registry
from pytest_quantguard.contracts import Bound, Pairwise, Repeated

ROOT = Path(__file__).parents[2]
INDEX = """\
# Checks

A check is one property of an answer, named under `expect` in a [golden file](golden-files.md) or in
[Python](python-cases.md). It is judged on both models; what counts is where the two differ. A check
that breaks is an error of the check, never the model's failure. An empty answer satisfies no check.

Which checks for which cohort: the [cookbook](cookbook.md). A check of your own is three lines in a
`conftest.py`: see [writing a check](#a-check-of-your-own).

*This page, and the page of each check, is written by `tools/docs/make_check_pages.py` from the
docstrings in `src/pytest_quantguard/checks/`.*

"""
OWN = '''
## A check of your own

A frozen dataclass whose fields are the parameters, with a name and a call:

```python
# conftest.py
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard import Outcome


@dataclass(frozen=True, kw_only=True)
class Polite:
    """The answer says please or thank you."""

    key: ClassVar[str] = "polite"
    shorthand: ClassVar[str | None] = None

    def __call__(self, completion, case):
        polite = any(word in completion.text.casefold() for word in ("please", "thank"))
        return Outcome.of([] if polite else ["neither please nor thanks"])


def pytest_quantguard_register(registry):
    registry.checks.add("polite", Polite)
```

What else a check may have (a look at its case while files are read, all repeats at once, both arms
at once, layers, a judge model or a sandbox) is in `pytest_quantguard/contracts.py`.
'''


def pages() -> dict[str, str]:
    """Return every page by its path below docs/."""
    checks = Registry().checks
    found = {f"checks/{key}.md": page(key, checks.get(key)) for key in sorted(checks)}
    rows = [
        f"| [`{key}`](checks/{key}.md) | {_plain(_paragraphs(checks.get(key))[0])} |"
        for key in sorted(checks)
    ]
    table = "\n".join(["| check | holds when |", "|---|---|", *rows])
    return {"checks.md": f"{INDEX}{table}\n{OWN}", **found}


def page(key: str, check: type) -> str:
    """Return one check's page: what holds, its parameters, the rules, examples, how it breaks."""
    first, *others = _paragraphs(check)
    parameters = next((p for p in others if re.match("Parameters[:,]", p)), "")
    example = next(p for p in others if p.startswith("Example:"))
    typical = [p for p in others if p.startswith("Quantized models")]
    rules = [p for p in others if p not in (parameters, example, *typical)]
    lines = [f"# {key}", "", _plain(first), "", *_needs(check)]
    lines += _parameters(check, parameters)
    lines += [line for rule in rules for line in (*_rule(rule), "")]
    body = textwrap.dedent(example.partition("\n")[2]).splitlines()
    lines += ["## In YAML", ""]
    for number, one in enumerate(_examples(body)):
        lines += [*(["or", ""] if number else []), "```yaml", *one, "```", ""]
    lines += ["## In Python", "", "```python", *_python(key, body), "```", ""]
    lines += ["## How quantization breaks it", "", *(f"{_plain(p)}\n" for p in typical)]
    return "\n".join(lines).rstrip() + "\n\n[All checks](../checks.md)\n"


def _paragraphs(check: type) -> list[str]:
    return (inspect.getdoc(check) or "").split("\n\n")


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def _rule(text: str) -> list[str]:
    """A paragraph; what is set in below its first line is a block."""
    first, *rest = text.replace("``", "`").splitlines()
    if not rest or not rest[0].startswith(" "):
        return [first, *rest]
    return [first, "", "```text", *textwrap.dedent("\n".join(rest)).splitlines(), "```"]


def _needs(check: type) -> list[str]:
    """Say what is special about a check."""
    told = []
    if issubclass(check, Bound):
        told.append("It needs something of the configuration: see the rules below.")
    if issubclass(check, Repeated):
        told.append("It judges all repeats of a case together.")
    if issubclass(check, Pairwise):
        told.append("It can see both arms at once.")
    layers = getattr(check, "layers", ())
    if isinstance(layers, tuple) and layers:
        names = ", ".join(f"`{key_of(check)}.{layer}`" for layer in layers)
        told.append(f"It reports these layers, which a budget may name as its `check`: {names}.")
    if getattr(check, "reads_timing", False):
        told.append("It is judged only where both arms were asked in the same run.")
    return [line for sentence in told for line in (sentence, "")]


def key_of(check: type) -> str:
    """Return a check's name in YAML."""
    return str(check.key)  # type: ignore[attr-defined]


def _parameters(check: type, paragraph: str) -> list[str]:
    """A table of the parameters: name, default, meaning."""
    fields = {field.name: field for field in dataclasses.fields(check) if field.init}
    if not fields:
        return []
    told = _told(paragraph)
    short = check.shorthand  # type: ignore[attr-defined]
    rows = []
    for name, field in fields.items():
        default = _default(field)
        mark = " (may stand alone)" if name == short else ""
        rows.append(f"| `{name}`{mark} | {default} | {told[name]} |")
    return ["## Parameters", "", "| name | default | meaning |", "|---|---|---|", *rows, ""]


def _told(paragraph: str) -> dict[str, str]:
    """Split ``name: text`` lines, of which some go on on the next line."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in textwrap.dedent(paragraph.partition("\n")[2]).splitlines():
        match = re.match(r"(`{0,2}\w+`{0,2}(?:, `{0,2}\w+`{0,2})*): (.*)", line)
        if match and not line.startswith(" "):
            names = [name.strip("` ") for name in match[1].split(",")]
            found |= dict.fromkeys(names, match[2])
        else:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return {key: text.replace("``", "`").replace("|", "\\|") for key, text in found.items()}


def _default(field: dataclasses.Field[object]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "required"
    if value is None or value in ((), {}, []):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = str(value) if isinstance(value, str | int | float) else ""
    return f"`{text}`" if 0 < len(text) <= 24 else "see below"


def _examples(body: list[str]) -> list[list[str]]:
    """Split a list of checks: a case may have each check once, so each is an example of its own."""
    head, found = body[0], []
    for line in body[1:]:
        if line.startswith("  - "):
            found.append([head])
        found[-1].append(line)
    return found


def _python(key: str, body: list[str]) -> list[str]:
    """The first example as a test function."""
    spec = yaml.safe_load("\n".join(body))["expect"][0]
    return [
        "from pytest_quantguard import quant_case",
        "",
        "",
        "@quant_case(",
        '    cohort="my-cohort",',
        '    prompt="...",',
        f"    expect={_literal([spec], 4)},",
        ")",
        f"def test_{key}(completion):",
        '    """The check judges; assertions of your own may follow."""',
    ]


def _literal(value: object, indent: int) -> str:
    """Write a JSON value as a formatter would write it in Python."""
    flat = _flat(value)
    if len(flat) + indent < 80 or not isinstance(value, list | dict):
        return flat
    deeper = " " * (indent + 4)
    if isinstance(value, list):
        lines = [f"{deeper}{_literal(item, indent + 4)},\n" for item in value]
        return f"[\n{''.join(lines)}{' ' * indent}]"
    lines = [
        f"{deeper}{_flat(key)}: {_literal(item, indent + 4)},\n" for key, item in value.items()
    ]
    return f"{{\n{''.join(lines)}{' ' * indent}}}"


def _flat(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_flat(k)}: {_flat(v)}' for k, v in value.items())}}}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def write(folder: Path) -> None:
    """Write every page, and remove those of checks that are no more."""
    found = pages()
    (folder / "checks").mkdir(exist_ok=True)
    for old in (folder / "checks").glob("*.md"):
        if f"checks/{old.name}" not in found:
            old.unlink()
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(ROOT / "docs")
