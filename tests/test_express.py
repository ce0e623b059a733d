"""Golden items that simply pass are reported directly; whoever looks on gets the whole ceremony."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from gate_project import GateProject, quantized, speaks
from scripted_server import ScriptedServer

LISTENER = """
import json, pathlib
SEEN, SETUPS = [], []
def pytest_runtest_logreport(report):
    SEEN.append([
        str(report.nodeid), list(report.location), report.when, report.outcome,
        sorted(report.keywords), bool(getattr(report, "start", 0)),
    ])
def pytest_unconfigure():
    seen = [one for one in SEEN if not one[0].startswith("quantguard::")]
    pathlib.Path("seen.json").write_text(json.dumps([seen, SETUPS]))
"""
WATCHER = "def pytest_runtest_setup(item): SETUPS.append(str(item.nodeid))\n"


@pytest.fixture
def seen(tmp_path):
    """Run a small project with a conftest.py; return the reports and the set-ups that it saw."""
    with ScriptedServer(default=speaks(quantized)) as server:
        project = GateProject(tmp_path, server)
        project.golden(3, critical=True)

        def run(conftest: str, *options: str) -> tuple[list[list[object]], list[str]]:
            project.write("conftest.py", conftest)
            project.run("--quant-underpowered=allow", *options)
            return json.loads((tmp_path / "seen.json").read_text())

        yield run


def direct(reports):
    """Return the items whose call was reported directly: pytest's own reports know their start."""
    return [str(one[0]).split("::")[1] for one in reports if one[2] == "call" and not one[5]]


def told(reports):
    """Return what others see of reports."""
    return [one[:5] for one in reports]


def test_items_that_pass_report_all_that_pytest_does(seen):
    """Same ids, places, phases, outcomes and keywords, in the same order, on both ways.

    faq-0 is critical and regresses, so that it fails: pytest itself tells of that, and the last
    item tears down what it left.
    """
    quick, _ = seen(LISTENER)
    long, setups = seen(LISTENER + WATCHER)

    assert ["faq-1"] == direct(quick)
    assert [] == direct(long)
    assert told(quick) == told(long)
    assert 9 == len(quick)
    assert ["faq-0", "faq-1", "faq-2"] == [one.split("::")[1] for one in setups]


def test_a_mark_of_others_is_honoured(seen):
    """A conftest.py that skips a golden item is heard."""
    skips = """
def pytest_collection_modifyitems(items):
    import pytest
    items[1].add_marker(pytest.mark.skip(reason="not today"))
"""
    reports, _ = seen(LISTENER + skips)

    assert "skipped" in {one[3] for one in reports if "faq-1" in one[0]}
    assert [] == direct(reports)  # and faq-2 is the last one, which tears down


def test_options_that_show_the_phases_get_them(seen):
    """--setup-show is about phases."""
    reports, _ = seen(LISTENER, "--setup-show")

    assert [] == direct(reports)


def test_checks_of_the_users_go_the_long_way(seen):
    """They may print or log, and pytest keeps that with the item."""
    own = """
from dataclasses import dataclass
from typing import ClassVar
from pytest_quantguard.checks.exact import Exact
@dataclass(frozen=True, slots=True, kw_only=True)
class Mine(Exact):
    pass
def pytest_quantguard_register(registry):
    registry.checks._things["exact"] = Mine
"""
    reports, _ = seen(LISTENER + own)

    assert [] == direct(reports)


NOTES = """
import gc, json, pathlib
def pytest_terminal_summary(terminalreporter):
    from pytest_quantguard.pairs import PairedOutcome
    silent = terminalreporter.stats.get("", ())
    phases = sorted({one.when for one in silent if "quantguard::" not in str(one.nodeid)})
    kinds = [type(one) for one in gc.get_objects()]
    pathlib.Path("seen.json").write_text(json.dumps([phases, kinds.count(PairedOutcome)]))
"""


def test_only_calls_are_reported_where_nobody_listens(seen):
    """Then evidence is kept out of the garbage collector's sight, too: it is all alive."""
    phases, visible = seen(NOTES, "-k", "not faq-0")

    assert [] == phases
    assert 0 == visible


def test_junit_and_durations_get_all_phases(seen, tmp_path):
    """pytest's JUnit file ends a test with its teardown, and --durations shows all phases."""
    phases, _ = seen(NOTES, "--junitxml=junit.xml")

    assert ["setup", "teardown"] == phases
    cases = ElementTree.parse(tmp_path / "junit.xml").iter("testcase")
    assert ["faq-0", "faq-1", "faq-2"] == [
        f"faq-{found[1]}" for one in cases if (found := re.search(r"faq-(\d)", str(one.attrib)))
    ]

    phases, _ = seen(NOTES, "--durations=3")

    assert ["setup", "teardown"] == phases


def test_garbage_of_other_tests_is_still_collected(seen, tmp_path):
    """Beside tests of the user's nothing that was made since the first item is hidden."""
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    _, visible = seen(NOTES)

    assert visible > 0


def test_what_a_failed_item_left_set_up_is_torn_down_before_another_folder(tmp_path):
    """A critical case that regresses is one failure; the tests of the next folder run as ever."""
    with ScriptedServer(default=speaks(quantized)) as server:
        project = GateProject(tmp_path, server)
        project.golden(4, critical=True)
        project.write("tests/test_plain.py", "def test_plain(tmp_path): assert True\n")
        run = project.run("--quant-underpowered=allow", "golden", "tests")

    assert run.has("critical case regressed", "tests/test_plain.py .")
    assert "previous item was not torn down properly" not in run.output
    assert "never reported" not in run.output
