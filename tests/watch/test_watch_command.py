"""``quantguard watch``: what it answers, what it keeps, and that it never fails open."""

from __future__ import annotations

import json
import shutil
import time
from xml.etree import ElementTree

import pytest
from watched_endpoint import KEY

from pytest_quantguard.cli import main
from pytest_quantguard.documents.document import Document, problems
from pytest_quantguard.watch.store import Store
from scripted_server import answers, resets


def answer(watched, capsys, *options):
    """Look once; return the exit code and the JSON."""
    capsys.readouterr()
    code = watched.watch("--json", *options)
    return code, json.loads(capsys.readouterr().out)


def test_a_quiet_night_is_0_and_asks_the_pin_for_nothing(watched, capsys):
    """Blessed, then looked at: unchanged; golden cases are asked once, and the pin's never."""
    watched.bless()
    said = capsys.readouterr().out
    before = watched.server.requests

    code, found = answer(watched, capsys)

    assert "Asking api: 705 probes, 40 golden cases (40 requests): at most 745 requests" in said
    assert "Pinned: 8 looks at api, with 40 golden cases" in said
    assert (code, found["answer"]) == (0, "unchanged")
    assert watched.server.requests - before == 16 + 40 == found["look"]["requests"]
    assert found["gate"]["cases"] == 40
    assert problems(Document("watch.json", found), "watch.schema.json") == []


def test_quality_that_went_down_overnight_is_1(watched, capsys):
    """A third of the answers is wrong, and the fingerprint moved: worse, with the cases to read."""
    watched.bless()
    watched.endpoint.wrong, watched.endpoint.shift = 3, 1.0

    code, found = answer(watched, capsys)

    assert (code, found["answer"], found["gate"]["verdict"]) == (1, "worse", "fail")
    assert (watched.folder / "quant-report/watch/api/report.json").is_file()


@pytest.mark.parametrize(
    ("what", "value", "kind"),
    [
        ("shift", 1.0, "logprobs"),
        ("fingerprint", "fp_two", "identity"),
        ("model", "my-model-mini", "identity"),
        ("prompt_tokens", 25, "tokenizer"),
        ("words", 3, "lengths"),
    ],
)
def test_a_change_that_is_not_shown_to_be_worse_is_11(watched, capsys, what, value, kind):
    """Log-probs, fingerprint, name, prompt tokens or lengths: named, and golden cases judged."""
    watched.bless()
    setattr(watched.endpoint, what, value)

    code, found = answer(watched, capsys)

    changed = {one["kind"] for one in found["findings"] if one["changed"] and one["decides"]}
    assert (code, found["answer"]) == (11, "changed")
    assert kind in changed
    assert found["gate"]["verdict"] in ("pass", "inconclusive")
