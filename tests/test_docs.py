"""What the documentation says is what the program does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")])


def test_the_pages_of_the_checks_are_up_to_date():
    """They are what the docstrings say, and there is none of a check that is no more."""
    pages = runpy.run_path(str(ROOT / "tools/docs/make_check_pages.py"))["pages"]()
    written = [ROOT / "docs/checks.md", *ROOT.glob("docs/checks/*.md")]

    assert pages == {
        path.relative_to(ROOT / "docs").as_posix(): path.read_text("utf-8") for path in written
    }


def test_the_picture_of_the_verdicts_is_drawn_with_our_numbers():
    """The drawing, and the table beside it, are what the gate says of these four candidates."""
    tool = runpy.run_path(str(ROOT / "tools/docs/make_pictures.py"))
    page = (ROOT / "docs/concepts/verdicts.md").read_text("utf-8")

    assert tool["picture"]() == tool["PICTURE"].read_text("utf-8")
    for row in tool["table"]():
        assert row in page


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    """Every relative link of a page exists."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text("utf-8"))

    for link in links:
        assert (path.parent / link).exists(), link


def test_every_option_is_documented(pytester):
    """--quant-* options in pytest --help are those of docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(--quant-[a-z]+)", text, re.MULTILINE))
    known = set(
        re.findall(
            r"(--quant-[a-z]+)", pytester.runpytest("-p", "no:asyncio", "--help").stdout.str()
        )
    )

    assert known == told


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ('<script src="https://cdn.example/x.js"></script>', True),
        ('<link rel="stylesheet" href="//fonts.example/css">', True),
        ('<link href="https://fonts.example" rel="preconnect">', True),
        ("<img alt='' src=//pictures.example/a.png>", True),
        ("@import url(https://fonts.example/css)", True),
        ('<a href="https://ctrf.io">CTRF</a>', False),
        ('<link rel="canonical" href="https://docs.example/">', False),
        ('<img src="../_images/report.png"><script src="x.js"></script>', False),
    ],
)
def test_what_a_browser_would_load_from_elsewhere_is_found(text, loads):
    """The build of the documentation ends where a page does; links for readers are no matter."""
    conf = runpy.run_path(str(ROOT / "docs/conf.py"))

    assert loads == bool(conf["foreign"](text))
