"""How the documentation is built: ``make docs``.

The folder that Sphinx reads is the repository, not docs/: so links such as ``../SECURITY.md`` and
``../examples/github/quantguard-pr.yml`` are the same on a code host and in the built pages.
"""

from __future__ import annotations

import re
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from sphinx.errors import ExtensionError
from sphinx.ext.napoleon import Config, GoogleDocstring

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "pytest-quantguard"
author = "The authors of pytest-quantguard"
project_copyright = f"{author}. Apache-2.0"
version = release = installed("pytest-quantguard")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "docs/index"
include_patterns = [
    *("*.md", "docs/*.md", "docs/**/*.md"),
    *("examples/*/README.md", "benchmarks/*.md", "benchmarks/*/*.md"),
]
# Whole folders, so that nothing walks through them.
exclude_patterns = [
    *(".*", "**/.*", "**/__pycache__", "**/quant-report", "golden", "examples/*/golden"),
    *("build", "dist", "src", "tests", "refusals", "comment", "ci", "tools"),
]

# Anchors are those that code hosts make of headings.
myst_heading_anchors = 4
myst_enable_extensions = ["strikethrough"]

# The docstrings are plain text with `code` in backticks, indented examples, and Google's headings.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autoclass_content = "class"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
# Names of other projects, whose pages are not read here, and records of ours that are not public.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|typing|types|pathlib|pytest|_pytest|dataclasses|datetime|re)\..*"),
    (r"py:.*", r"pytest_quantguard\.\w+\..*"),
    (r"py:.*", r"(Sequence|Mapping|Iterable|Callable|Any|Never|Path|Literal|ClassVar|Json|Self)"),
    (r"py:.*", r"tuple\[\w+|CompletionRequest|Source|ConfigError|ProviderError"),
]

highlight_language = "text"  # of blocks that name none: commands, and what they print

html_theme = "furo"
html_title = "pytest-quantguard"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_additional_pages = {"index": "start.html"}
templates_path = ["_templates"]
# The theme's icons alone: nothing is loaded from elsewhere, and no code host is linked.
html_theme_options: dict[str, Any] = {"top_of_page_buttons": []}

man_pages = [("docs/command-line", "quantguard", "gate quantized models", author, 1)]


def _read_docstring(  # noqa: PLR0917 - Sphinx says what it is called with
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Make code of what is set in after an empty line, and fields of Args and Raises."""
    out: list[str] = []
    before = ""  # the last line that stood at the margin
    for number, line in enumerate(lines):
        begins = line.startswith("    ") and number > 0 and not lines[number - 1].strip()
        if begins and before and not re.match(r"(Args|Raises|Returns|Yields):$", before):
            out += [".. code-block:: python", ""]
            before = ""
        elif line.strip() and not line.startswith(" "):
            before = line
        out.append(line)
    if what != "attribute":  # which has no such headings, and whose colons are colons
        kind = "method" if what == "property" else what
        out = GoogleDocstring(out, Config(), app, kind, name, obj).lines()
    lines[:] = out


_FOREIGN = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^\s"'>]*"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon))[^>]*//[^\s"'>]*"""
    r"""|(?:@import|url\()\s*["']?(?:https?:)?//[^\s"')]*"""
)
"""What a browser would load from elsewhere by itself; links that a reader may follow are none."""


def foreign(text: str) -> list[str]:
    """Return the parts of a page or style sheet that load something from another host."""
    return _FOREIGN.findall(text)


def _works_offline(app: Sphinx, error: Exception | None) -> None:
    """End the build where a page would load something from elsewhere."""
    pages = [path for end in ("html", "css") for path in app.outdir.glob(f"**/*.{end}")]
    found = [f"{path}: {part}" for path in pages for part in foreign(path.read_text("utf-8"))]
    if found and error is None:
        raise ExtensionError("\n".join(["pages load from elsewhere:", *found]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx: docstrings pass through us before anybody else reads them, pages last."""
    app.connect("autodoc-process-docstring", _read_docstring)
    app.connect("build-finished", _works_offline)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
