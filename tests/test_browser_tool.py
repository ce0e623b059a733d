"""tools/browser.py finds a browser that starts, and says what to do where there is none."""

from __future__ import annotations

import runpy
import stat
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "browser.py"


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """The tool's functions, on a PATH that has nothing and without playwright's own browser."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("QUANTGUARD_BROWSER", raising=False)
    found = runpy.run_path(str(TOOL))
    # They look names up in their own module: replaced there.
    names = found["find"].__globals__
    names["_downloaded"] = lambda: None
    names["_debian"] = names["_playwright"] = lambda: None
    return names


def program(folder, name, code):
    """A program that ends with this exit code."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nraise SystemExit({code})\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_variable_comes_first_then_the_names_on_path(tool, tmp_path, monkeypatch):
    """A stub that does not start is passed over."""
    program(tmp_path, "chromium", 1)
    chrome = program(tmp_path, "google-chrome", 0)
    mine = program(tmp_path, "mine", 0)

    assert chrome == tool["find"]()
    monkeypatch.setenv("QUANTGUARD_BROWSER", mine)
    assert mine == tool["find"]()


def test_a_variable_that_names_no_program_is_a_mistake(tool, monkeypatch):
    """Nothing else is tried in its place."""
    monkeypatch.setenv("QUANTGUARD_BROWSER", "/no/such/chrome")

    with pytest.raises(LookupError, match="QUANTGUARD_BROWSER is '/no/such/chrome'"):
        tool["find"]()
    with pytest.raises(SystemExit, match="/no/such/chrome"):
        tool["main"]()


def test_what_is_installed_is_found_afterwards(tool, tmp_path, capsys):
    """Ways to get one are tried in turn until one works."""
    tool["_debian"] = lambda: program(tmp_path, "chromium", 0)
    tool["main"]()

    assert str(tmp_path / "chromium") == capsys.readouterr().out.strip()


def test_without_any_browser_it_says_what_to_do(tool):
    """Tests that need one fail with the same words."""
    with pytest.raises(SystemExit, match=r"no Chromium is here.*QUANTGUARD_BROWSER"):
        tool["main"]()
