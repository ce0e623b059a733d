"""Golden prompts among calibration data; a file that cannot be read is no all-clear."""

import json
import os

import pytest

from pytest_quantguard.errors import ConfigError
from pytest_quantguard.lint._overlap import overlaps

PROMPT = "Please refund order 88213-A because the blue lamp arrived with a broken switch"
PROMPTS = {"refund": PROMPT, "other": "What are the opening hours of your shop on Sunday mornings?"}


def found_in(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return [(one.key, one.place) for one in overlaps(PROMPTS, [path])]


def test_in_json_lines(tmp_path):
    """Every text of a record counts, however deep."""
    record = {"messages": [{"role": "user", "content": PROMPT}]}
    lines = [json.dumps({"text": "something else entirely"}), json.dumps(record)]

    assert [("refund", "c.jsonl:2")] == found_in(tmp_path, "c.jsonl", "\n".join(lines))


def test_in_a_json_list(tmp_path):
    """As evaluation libraries write it."""
    assert [("refund", "c.json:1")] == found_in(tmp_path, "c.json", json.dumps([{"p": PROMPT}]))


def test_in_running_text_across_lines(tmp_path):
    """A corpus knows no records: the prompt may stand anywhere, folded."""
    text = "x\n" * 100 + PROMPT.upper().replace(" ", "\n") + "\ny" * 100

    assert ["refund"] == [key for key, _ in found_in(tmp_path, "c.txt", text)]


def test_a_prompt_that_shares_only_its_template_is_not_found(tmp_path):
    """Another order and another reason: the candidate was not tuned on this question."""
    text = "Please refund order 11111-B because the red chair arrived with a missing leg"

    assert [] == found_in(tmp_path, "c.txt", text)


def test_the_best_place_is_named(tmp_path):
    """A near match is not reported where the very text stands."""
    near = PROMPT.replace("switch", "plug")

    assert [("refund", "c.jsonl:2")] == found_in(
        tmp_path, "c.jsonl", json.dumps(near) + "\n" + json.dumps(PROMPT)
    )


def test_lines_that_are_no_json_are_text(tmp_path):
    """A broken line must not hide what it says."""
    assert [("refund", "c.jsonl:1")] == found_in(tmp_path, "c.jsonl", "{" + PROMPT)


def test_deep_nesting_ends(tmp_path):
    """A hostile file costs neither the stack nor the run."""
    assert [] == found_in(tmp_path, "c.jsonl", "[" * 100_000 + "]" * 100_000)


def test_a_very_short_prompt_has_to_be_a_line_of_its_own(tmp_path):
    """Two words are everywhere; as a whole line they are a prompt."""
    path = tmp_path / "c.txt"
    path.write_text("we say good morning to all\nGood morning\n", encoding="utf-8")

    assert ["c.txt:1"] == [one.place for one in overlaps({"hi": "Good morning!"}, [path])]
    path.write_text("we say good morning to all\n", encoding="utf-8")
    assert [] == overlaps({"hi": "Good morning!"}, [path])


@pytest.mark.parametrize("name", ["c.jsonl", "c.txt", "c.ndjson", "c.JSONL"])
def test_a_prompt_at_the_end_of_a_very_long_record(tmp_path, name):
    """Nothing is cut off: fifty thousand words before it do not hide it."""
    text = "filler words of no meaning " * 10_000 + PROMPT
    line = text if name == "c.txt" else json.dumps({"text": text})

    assert ["refund"] == [key for key, _ in found_in(tmp_path, name, line)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"data": [{"text": "else"}, {"text": PROMPT}]}),
        json.dumps({"text": "else"}) + "\n" + json.dumps({"text": PROMPT}),
    ],
)
def test_json_in_any_shape(tmp_path, text):
    """A list in a map, and JSON lines under the name .json."""
    assert ["refund"] == [key for key, _ in found_in(tmp_path, "c.json", text)]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("c.json", b"[" * 1000, "neither JSON nor JSON lines"),
        ("missing.txt", None, "cannot be read"),
        ("c.parquet", b"PAR1\xff\xfe\x00", "not UTF-8 text"),
    ],
)
def test_what_cannot_be_read_is_an_error(tmp_path, name, content, why):
    """Declared and not looked at would be a false all-clear."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=why):
        overlaps(PROMPTS, [path])


def test_a_pipe_is_not_waited_for(tmp_path):
    """Only files can be read to their end."""
    os.mkfifo(tmp_path / "c.txt")

    with pytest.raises(ConfigError, match="cannot be read"):
        overlaps(PROMPTS, [tmp_path / "c.txt"])
