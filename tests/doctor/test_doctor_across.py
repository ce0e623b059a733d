"""Endpoints side by side, and this machine: what would make a verdict worthless."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard.doctor import machine
from pytest_quantguard.doctor.across import across
from pytest_quantguard.doctor.questions import AGAIN, FIRST, LONGEST, questions
from pytest_quantguard.doctor.records import Finding, Needs, Seen
from pytest_quantguard.history.store import opened
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source, Usage
from pytest_quantguard.variants import Quantization, ServedAs, Variant

REQUEST = CompletionRequest(messages=({"role": "user", "content": "?"},))
PLACE = Source(file="golden/a.quant.yaml", line=7)
CASE = GoldenCase(id="a", cohort="faq", request=REQUEST, source=PLACE)
ASKED = questions(Needs(cases=(CASE,), longest=CASE), {})


def seen(name: str, tokens: int = 9, **given: Any) -> Seen:
    """What one endpoint showed, with as many tokens in each prompt."""
    answer = Completion(text="sea", usage=Usage(prompt_tokens=tokens))
    url = f"http://{name}.example/v1"
    variant = Variant(name=name, provider="openai", model=name, base_url=url)
    answers = dict.fromkeys((FIRST, AGAIN, LONGEST), answer)
    return Seen(**{"variant": variant, "answers": answers, **given})


def compared(one: Seen, other: Seen, *, same: bool = False) -> dict[str, Finding]:
    """Compare two endpoints; ``same``: they are one model at one address."""
    ids: dict[str, Any] = {"b": {"model": "b"}, "c": {"model": "b" if same else "c"}}
    return {found.topic: found for found in across(one, [other], ASKED, ids)}


def test_two_servers_that_are_asked_the_same_are_ok():
    """One line says so."""
    (found,) = compared(seen("b"), seen("c")).values()

    assert ("ok", "comparability") == (found.level, found.topic)
    assert "c and b are asked the same" in found.saw


def test_other_prompt_tokens_are_another_chat_template():
    """Both numbers are told; the first difference is enough."""
    found = compared(seen("b"), seen("c", tokens=30))["prompt tokens"]

    assert "wrong" == found.level
    assert "9 tokens for b and 30 for c" in found.saw
    assert "--chat-template" in found.fix


def test_a_longest_case_of_other_length_is_seen_where_plain_questions_agree():
    """A template may differ in what it does with a system message alone."""
    one, other = seen("b"), seen("c")
    long = Completion(text="", usage=Usage(prompt_tokens=50))
    found = compared(one, replace(other, answers={**other.answers, LONGEST: long}))

    assert "the longest golden case has 9 tokens" in found["prompt tokens"].saw


def test_the_candidate_that_is_the_baseline_is_wrong():
    """One model at one address, under two names."""
    (found,) = compared(seen("b"), seen("c"), same=True).values()

    assert ("wrong", "one server twice") == (found.level, found.topic)


def test_a_shared_fingerprint_that_tells_is_one_server():
    """Where the declared quantizations differ, and the answers do not."""
    answer = Completion(text="sea", fingerprint="fp_0a1b2c", usage=Usage(prompt_tokens=9))
    answers = dict.fromkeys((FIRST, AGAIN), answer)
    other = seen("c", answers=answers)
    awq = replace(other.variant, quantization=Quantization(method="awq", weight_bits=4))
    found = compared(seen("b", answers=answers), replace(other, variant=awq))

    assert "probably one server" in found["one server twice"].saw
    assert "one server twice" not in compared(seen("b", answers=answers), other)


def test_reasoning_in_one_arm_alone_is_wrong():
    """The gate would call them NOT COMPARABLE."""
    aloud = Completion(text="sea", reasoning="hm", usage=Usage(prompt_tokens=9))
    found = compared(seen("b", answers={FIRST: aloud}), seen("c"))

    assert "b reasons before it answers, and the other does not" == found["reasoning"].saw


def test_what_the_gate_says_of_two_servers_is_said_here():
    """Another version or context is a warning; a name that is ignored is wrong."""
    one = seen("b", served=ServedAs(version="1", context=512, models=("b",)))
    other = seen("c", served=ServedAs(version="2", context=512, models=("b",)))
    found = list(across(one, [other], ASKED, {}))
    near = replace(other, variant=replace(other.variant, base_url=one.variant.base_url))
    same = list(across(one, [near], ASKED, {}))

    assert ["warn"] == [finding.level for finding in found]
    assert "version differs: 1 in b, 2 in c" in found[0].saw
    assert "the server ignores the model's name" in same[0].saw


def test_an_endpoint_that_was_not_reached_is_not_compared():
    """That it is down is said already."""
    assert [] == across(seen("b"), [seen("c", answers={})], ASKED, {})


# --- this machine -------------------------------------------------------------------------


def looked(folder: Path, **places: Path) -> dict[str, Finding]:
    """Look at a folder's cache, reports and history."""
    cache, report = folder / ".quantguard/cache", folder / "quant-report"
    where = {"cache": cache, "report": report, "history": folder / "h.sqlite", **places}
    return {found.topic: found for found in machine.look(**where)}


def test_a_fine_machine_is_ok_and_nothing_is_left_behind(tmp_path):
    """Folders are tried by writing, and are as they were."""
    found = looked(tmp_path)

    assert "wrong" not in {one.level for one in found.values()}
    assert "which a run will make" in found["cache"].saw
    assert "none yet" in found["history"].saw
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_wrong(tmp_path):
    """It is named, and so is the key that names another one."""
    tmp_path.joinpath("file").write_text("")
    found = looked(tmp_path, cache=tmp_path / "file")

    assert "wrong" == found["cache"].level
    assert "'cache: FOLDER'" in found["cache"].fix


def test_a_history_is_counted_and_a_damaged_one_is_wrong(tmp_path):
    """In the words in which a run would complain."""
    path = tmp_path / "h.sqlite"
    with opened(path, write=True):
        pass
    assert "remembers 0 runs" in looked(tmp_path)["history"].saw
    path.write_bytes(b"no database" * 100)

    assert "wrong" == looked(tmp_path)["history"].level


@pytest.mark.parametrize(("free", "level"), [(2**34, "ok"), (2**29, "warn"), (2**20, "wrong")])
def test_a_full_disk_is_told_before_a_run_finds_out(tmp_path, monkeypatch, free, level):
    """A run that cannot keep its answers pays for them again."""
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    assert level == looked(tmp_path)["disk"].level


def test_a_clock_that_went_back_is_warned_of(tmp_path):
    """Files of the cache are from the future then."""
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.joinpath("entry").write_text("")
    later = time.time() + 86400
    os.utime(cache / "entry", (later, later))

    assert "warn" == looked(tmp_path, cache=cache)["clock"].level


def test_plugins_that_keep_requests_from_going_out_are_named(tmp_path, monkeypatch):
    """Each with what it does and what to do; others are passed over."""
    names = ("socket", "deepeval", "pytest_cov", "anyio")
    points = [type("Point", (), {"name": name}) for name in names]
    monkeypatch.setattr(machine, "entry_points", lambda group: points)
    found = [one for one in machine.look(None, None, None) if one.topic == "plugins"]

    assert ["ok", "warn", "warn"] == [one.level for one in found]
    assert "pytest -p no:deepeval" == found[1].fix
    assert "--allow-hosts" in found[2].fix


def test_plugins_that_are_not_loaded_are_warned_of(monkeypatch):
    """Then the gate is not loaded either."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    found = [one for one in machine.look(None, None, None) if one.topic == "plugins"]

    assert "-p quantguard" in found[0].fix
