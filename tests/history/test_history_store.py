"""The file of the history: what is kept, and what happens where it cannot be."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import random
import sqlite3
import time
from dataclasses import replace

import pytest
from history_reports import DAY, FIRST, budget, row, run

from hostile_texts import hostile
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.errors import InputError
from pytest_quantguard.history import keeping, store
from pytest_quantguard.history.records import of_report
from pytest_quantguard.history.remember import remember
from pytest_quantguard.history.shown import text
from pytest_quantguard.history.store import HistoryError, opened
from pytest_quantguard.history.view import Wanted, views
from pytest_quantguard.verdicts import Group, Verdict

SECRET = "sk-0123456789abcdef"


@pytest.fixture
def path(tmp_path):
    """Where a history is, or will be."""
    return tmp_path / "deep" / "history.sqlite"


def everything(path):
    """All runs of a history."""
    with opened(path, write=False) as connection:
        return views(connection, Wanted(last=1000))


def test_what_was_judged_comes_back(path):
    """Each budget with its delta, in the order of the runs; the row on evidence is no budget."""
    told = budget("faq", max_drop=0.05), budget(None, metric="latency_p50", max_ratio=1.1)
    remember(run(1, *told, values=(0.031, 0.7)), path)
    remember(run(0, *told, values=(None, math.inf)), path)
    (view,) = everything(path)

    assert ["run-0", "run-1"] == [point.run.id for point in view.points]
    faq, latency = Group("faq"), Group(metric="latency_p50")
    assert [faq, latency] == list(view.spots)
    rows = [spot.row(faq) for spot in view.spots[faq]]
    assert [None, (0.031, 0.011, 0.051)] == [
        one.delta and (one.delta.value, one.delta.low, round(one.delta.high, 3)) for one in rows
    ]
    assert [Verdict.ERROR, Verdict.INCONCLUSIVE] == [one.verdict for one in rows]
    assert (0.05, 150, 0.01) == (rows[1].max_drop, rows[1].cases, rows[1].noise)
    assert [None, 0.7] == [spot.value for spot in view.spots[latency]]


def test_a_run_is_kept_once(path):
    """By its id, whatever it says the second time."""
    first, second = remember(run(0), path), remember(run(0, values=(0.9,)), path)
    (view,) = everything(path)

    assert ("", "") == (first[1], second[1])
    assert [0.01] == [spot.value for spot in view.spots[Group("faq")]]


def test_a_report_without_an_id_has_always_the_same(path):
    """Reports of older versions do not tell their run."""
    told = run(0)
    del told.provenance["run"]
    remember(told, path)
    remember(told, path)

    assert 1 == len(everything(path)[0].points)
    assert of_report(told).id != of_report(run(1, run=None)).id


def test_no_word_of_a_model_is_kept(path):
    """Nor of what it was asked, nor where it is, nor any key."""
    found = run(0, cases=("case-1",), baseline={"base_url": f"http://{SECRET}@host/v1"})
    (candidate,) = found.candidates
    said = [replace(candidate.budgets[1], reason=SECRET)]
    told = replace(candidate, budgets=tuple(said), notes=(SECRET,), quantization_note=SECRET)
    remember(replace(found, candidates=(told,)), path)

    assert SECRET.encode() not in path.read_bytes()
    assert b"case-1" not in path.read_bytes()
    assert b"awq-int4" in path.read_bytes()


def test_the_size_of_a_run_is_bounded_by_its_budgets(path):
    """About 110 bytes a budget, once what runs have in common is there."""
    told = [budget(f"cohort-{i}") for i in range(100)]
    remember(run(0, *told), path)
    before = path.stat().st_size
    for i in range(1, 11):
        remember(run(i, *told), path)

    assert path.stat().st_size - before <= 10 * 100 * 150


@pytest.mark.parametrize("seed", range(6))
def test_hostile_names_are_kept_as_text(path, seed):
    """Cohorts, models and commits of any kind: one clean line each, in the file and on screen."""
    draw = random.Random(seed)
    told = [budget(hostile(draw), check=hostile(draw), reason=hostile(draw)) for _ in range(4)]
    for number in range(2):
        ci = {"commit": hostile(draw), "ref": hostile(draw)}
        changed = {"model": hostile(draw), "revision": hostile(draw)}
        _, notice = remember(
            run(number, *told[number:], candidate=hostile(draw), baseline=changed, ci=ci), path
        )
        assert notice == ""

    lines = text(everything(path), Screen(), tables=True) + text(everything(path), Screen())
    for line in lines:
        assert one_line(line, 1000) == line
        assert len(line) <= 80
        assert not line.lstrip().startswith(("::", "##["))


def test_two_long_names_that_begin_alike_are_two(path):
    """What is cut for display stays apart."""
    told = [budget("x" * 150 + end) for end in "ab"]
    remember(run(0, *told, values=(0.01, 0.02)), path)

    assert 2 == len(everything(path)[0].spots)


def write_one(path, number):
    """Remember one run, in a process of its own."""
    assert remember(run(0, run=f"run-{number}"), path)[1] == ""


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_runs_that_end_at_once_are_all_kept(path, monkeypatch):
    """They wait for each other, from the first on, which makes the file."""
    monkeypatch.setattr(store, "WAIT_S", 120.0)  # of a slow disk that is busy, too
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    writers = [context.Process(target=write_one, args=(path, i)) for i in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(240)

    assert [0] * 6 == [writer.exitcode for writer in writers]
    assert {f"run-{i}" for i in range(6)} == {p.run.id for p in everything(path)[0].points}


def test_a_clock_that_went_back_is_said(path):
    """What was loosened stands before older runs, so nobody is told; runs may overlap, though."""
    assert remember(run(5), path)[1] == ""
    assert remember(run(5, run="beside", started=FIRST + 4.5 * DAY), path)[1] == ""
    report, notice = remember(run(3, budget(max_drop=0.3)), path)

    assert "the history has a run of 2026-11-23 11:06, after this one: is a clock wrong?" in notice
    assert report.candidates[0].notes == ()
    assert len(everything(path)[0].points) == 3


# --- what can be wrong --------------------------------------------------------------------


def foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE diary (page TEXT)")
    connection.close()


def newer(path):
    remember(run(7), path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()


def scrambled(path):
    remember(run(7), path)
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(255 - byte for byte in data[4096:])
    path.write_bytes(data)


def wrong_types(path):
    remember(run(7), path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE run SET at = 'yesterday'")
    connection.close()


def wrong_parts(path):
    remember(run(7), path)
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE part SET data = '{"budgets": ["x"], "policies": 3}'""")
    connection.close()


DAMAGE = {
    "foreign": (foreign, "no history of quantguard; it is left as it is"),
    "newer": (newer, "written in version 2 of the format"),
    "scrambled": (scrambled, "the file is damaged"),
    "wrong types": (wrong_types, "the file is damaged"),
    "wrong parts": (wrong_parts, "the file is damaged"),
    "text": (lambda path: path.write_text("my notes"), "no SQLite file; it is left as it is"),
    "short": (lambda path: path.write_bytes(b"SQLite format 3\x00"), "damaged"),
    "folder": (lambda path: path.mkdir(), "no ordinary file"),
    "pipe": (os.mkfifo, "no ordinary file"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_that_is_no_history_costs_no_verdict(path, name):
    """The report comes back as it was, with a sentence; the file is left as it was."""
    damage, said = DAMAGE[name]
    path.parent.mkdir()
    damage(path)
    before = path.read_bytes() if path.is_file() else None
    report = run(8)

    told, notice = remember(report, path)

    assert told is report
    assert notice.startswith("this run is not in the history: history ")
    assert said in notice
    assert before == (path.read_bytes() if path.is_file() else None)
    with pytest.raises(HistoryError, match="history "):
        everything(path)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE note RENAME TO x; CREATE VIEW note AS WITH RECURSIVE r(n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS entry, n AS at, n AS text FROM r",
        "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM note; END",
    ],
)
def test_a_file_that_does_something_is_refused(path, statement):
    """A view can go on for ever, and a trigger change what is kept; we make neither."""
    remember(run(0), path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)

    assert "the file is damaged" in remember(run(1), path)[1]
    with pytest.raises(HistoryError, match="the file is damaged"), opened(path, write=False):
        pass


def test_a_line_that_holds_no_numbers_is_damage(path):
    """SQLite keeps any text in any column."""
    remember(run(0), path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE line SET value = '<b>'")
    connection.close()

    with pytest.raises(HistoryError, match="damaged"):
        everything(path)


def test_a_history_that_is_read_only_costs_no_verdict(path, monkeypatch):
    """It is said, and nothing else happens; root may write anywhere, so SQLite plays the part."""
    remember(run(0), path)
    connect = store._connect
    monkeypatch.setattr(store, "_connect", lambda path, *, write: connect(path, write=False))
    report = run(1)
    told, notice = remember(report, path)

    assert told is report
    assert "it cannot be written or opened here (read-only?)" in notice


def test_a_folder_that_is_a_file_costs_no_verdict(tmp_path):
    """As where .quantguard is a file of somebody else."""
    (tmp_path / "deep").write_text("")
    _, notice = remember(run(0), tmp_path / "deep" / "history.sqlite")

    assert "not in the history" in notice


def test_a_full_disk_costs_no_verdict(path, monkeypatch):
    """What was there before is still there, and whole."""
    remember(run(0), path)
    connect = store._connect

    def full(*args, **more):
        connection = connect(*args, **more)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(store, "_connect", full)
    report = run(1, *(budget(f"cohort-{i}") for i in range(500)))
    told, notice = remember(report, path)

    assert told is report
    assert "the disk is full" in notice
    assert ["run-0"] == [point.run.id for point in everything(path)[0].points]


def test_a_writer_that_never_ends_costs_no_verdict(path, monkeypatch):
    """Nobody waits for ever."""
    remember(run(0), path)
    monkeypatch.setattr(store, "WAIT_S", 0.05)
    with opened(path, write=True):
        _, notice = remember(run(1), path)

    assert "another process has been writing" in notice


@pytest.mark.parametrize("started", [None, "soon", math.nan, -5.0, 1e15, True])
def test_a_report_without_a_time_is_refused(path, started):
    """It has no place among the others."""
    report = run(0, started=started)

    with pytest.raises(InputError, match="when its run began"):
        of_report(report)
    assert "when its run began" in remember(report, path)[1]


@pytest.mark.parametrize(
    "told",
    [
        {"budgets": 7, "policies": [], "ci": "main", "served_as": {"bf16": 3}},
        {"budgets": [{"cohort": 3}, "x", {"max_drop": "much"}], "policies": {"a": None, "b": []}},
        {"fingerprints": {"bf16": {"a": "many"}}, "golden_hash": 3, "checks": 10**400, "run": 5},
        {"fingerprints": {"bf16": {str(i): 1 for i in range(1000)}}, "whole": "yes"},
    ],
)
def test_provenance_of_any_shape_is_kept_as_far_as_it_goes(path, told):
    """Reports come from other machines."""
    _, notice = remember(run(0, **told), path)

    assert notice == ""
    assert 1 == len(everything(path)[0].points)


def test_an_entry_is_found_in_the_time_of_its_run(path):
    """A note replaces an earlier one; nothing is kept of a command that fails."""
    remember(run(0), path)
    with opened(path, write=True) as connection:
        keeping.add_note(connection, "e", "one", time.time())
        keeping.add_note(connection, "e", "two\x1b[31m", time.time())
    with pytest.raises(RuntimeError), opened(path, write=True) as connection:  # noqa: PT012
        keeping.add_note(connection, "e", "three", time.time())
        raise RuntimeError
    with opened(path, write=False) as connection:
        assert {"e": "two\\x1b[31m"} == keeping.notes(connection)


def test_a_delta_that_is_no_number_is_none(path):
    """NaN shows nothing; an interval without an upper end is one all the same."""
    told = budget()
    broken, open_ = row(told, math.nan), row(told, 0.01, math.inf)
    report = run(0, told)
    (candidate,) = report.candidates
    for i, one in enumerate((broken, replace(open_, delta=replace(open_.delta, low=-0.1)))):
        found = replace(report, candidates=(replace(candidate, budgets=(one,)),))
        found.provenance["run"] = f"r{i}"
        remember(found, path)
    (view,) = everything(path)

    assert [None, 0.01] == [spot.value for spot in view.spots[Group("faq")]]
    assert math.inf == view.spots[Group("faq")][1].high
