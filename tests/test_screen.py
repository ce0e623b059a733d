"""What an output can show."""

from __future__ import annotations

import io

import pytest

from pytest_quantguard import _screen
from pytest_quantguard._screen import Screen


class Output(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "colours"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "0"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": ""}, False),
        (False, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (False, {"PY_COLORS": "1", "NO_COLOR": "1"}, True),
        (True, {"PY_COLORS": "0", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_follow_the_same_rules_as_pytests_own(monkeypatch, terminal, environ, colours):
    """Whoever prints it, the same run looks the same: compared with pytest's own decision."""
    terminalwriter = pytest.importorskip("_pytest._io.terminalwriter")
    for name in ("PY_COLORS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert _screen.colours(Output(terminal), environ) == colours
    assert terminalwriter.should_do_markup(Output(terminal)) == colours


def test_what_cannot_be_encoded_is_escaped():
    """Not only ASCII is known: what the encoding has stays as it is."""
    assert _screen.shown("caf\u00e9 \u4f60", "utf-8") == "caf\u00e9 \u4f60"
    assert _screen.shown("caf\u00e9 \u4f60", "latin-1") == "caf\u00e9 \\u4f60"
    assert _screen.shown("caf\u00e9 \u4f60", "ascii") == "caf\\xe9 \\u4f60"


def test_parts_are_set_apart_by_what_can_be_shown():
    """A middle dot where there is one, and no escape in its place."""
    text = "a 1/2 \u00b7 caf\u00e9"

    assert _screen.plain(text, "utf-8") == _screen.plain(text, "cp1252") == text
    assert _screen.plain(text, "ascii") == "a 1/2; caf\\xe9"


def test_a_screen_is_40_columns_at_least(monkeypatch):
    """An output that is no file with an encoding, or none at all, gets ASCII without colours."""
    monkeypatch.setenv("COLUMNS", "7")
    found = Screen.of(Output(terminal=False), {})

    assert found == Screen(width=40, colour=False, encoding="ascii")
    monkeypatch.setattr("sys.stdout", None)
    assert Screen.of(environ={}) == found
