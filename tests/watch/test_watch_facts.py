"""Exact facts: names, versions, counts of prompt tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_quantguard.watch.facts import facts
from pytest_quantguard.watch.records import Finding, Look
from pytest_quantguard.watch.series import series
from watched_looks import Change, changed, look, pinned


def compared(now: Look, looks: list[Look] | None = None) -> dict[str, Finding]:
    """Return the facts of a look against the pin, by quantity or kind."""
    pin_looks, pin = pinned()
    known = series(looks or pin_looks, now, pin)
    return {finding.quantity or finding.kind: finding for finding in facts(known)}


def test_everything_as_in_the_pin() -> None:
    """No change, and no p: there is no chance in it."""
    found = compared(look(30))

    names = {"model", "system_fingerprint", "served version", "log-probs", "tokenizer"}
    assert set(found) == names
    assert not any(one.changed for one in found.values())
    assert all(one.p is None for one in found.values())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda answer: replace(answer, served_as="assistant-turbo"), "model"),
        (lambda answer: replace(answer, fingerprint="fp_2"), "system_fingerprint"),
        (lambda answer: replace(answer, prompt_tokens=answer.prompt_tokens + 4), "tokenizer"),
        (lambda answer: replace(answer, fingerprint=None), "system_fingerprint"),
    ],
)
def test_a_value_that_the_pin_never_saw_is_a_change(change: Change, name: str) -> None:
    """Another model name, another fingerprint, none any more, another count of tokens."""
    found = compared(changed(look(30), change))

    assert [key for key, one in found.items() if one.changed] == [name]
    assert found[name].decides


def test_one_of_several_backends_is_no_change() -> None:
    """The pin saw both fingerprints, each more than once."""
    looks, _ = pinned()
    both = [
        changed(one, lambda a, k=k: replace(a, fingerprint=f"fp_{k % 2 + 1}"))
        for k, one in enumerate(looks)
    ]
    found = compared(changed(look(30), lambda a: replace(a, fingerprint="fp_2")), both)

    assert not found["system_fingerprint"].changed


def test_fingerprints_that_come_and_go_decide_nothing() -> None:
    """Each of the pin's looks had one of its own: the next one is new as well."""
    looks, _ = pinned()
    own = [
        changed(one, lambda a, k=k: replace(a, fingerprint=f"fp_{k}"))
        for k, one in enumerate(looks)
    ]
    found = compared(changed(look(30), lambda a: replace(a, fingerprint="fp_99")), own)

    assert found["system_fingerprint"].changed
    assert not found["system_fingerprint"].decides


def test_a_server_that_did_not_say_is_not_one_that_changed() -> None:
    """Its page of properties could not be read tonight."""
    found = compared(replace(look(30), served={}))

    assert (found["served version"].able, found["served version"].changed) == (False, False)


def test_another_version_is_named() -> None:
    """Old and new, so that the reader can look it up."""
    found = compared(replace(look(30), served={"version": "1.3"}))["served version"]

    assert found.changed
    assert "'1.3'" in found.sentence
    assert "'1.2'" in found.sentence


@pytest.mark.parametrize(
    "name", ["\x1b[31mred\n::error::no", "\ud800 half", "x" * 100_000, "##[group]a"]
)
def test_hostile_names_are_shown_on_one_short_line(name: str) -> None:
    """No escape, no workflow command, no page of text."""
    found = compared(changed(look(30), lambda a: replace(a, served_as=name, fingerprint=name)))

    for one in found.values():
        assert len(one.sentence) < 600
        assert one.sentence.isprintable()
        assert not one.sentence.startswith(("::", "##"))


@pytest.mark.parametrize("length", [1, 5, 19])
def test_a_shorter_list_of_log_probs_is_a_change(length: int) -> None:
    """In less of them less is seen: a quiet distance says nothing then."""
    found = compared(changed(look(30), lambda a: replace(a, top=a.top[:length])))

    assert [key for key, one in found.items() if one.changed and one.decides] == ["log-probs"]


def test_prompt_tokens_that_are_no_longer_counted_are_a_change() -> None:
    """In all of the pin they were; where they never were there is nothing to say."""
    silent = changed(look(30), lambda a: replace(a, prompt_tokens=None))
    looks, _ = pinned()
    never = [changed(one, lambda a: replace(a, prompt_tokens=None)) for one in looks]

    assert compared(silent)["no counts"].changed
    assert not {"tokenizer", "no counts"} & set(compared(silent, never))


def test_another_file_behind_the_same_path_is_a_change() -> None:
    """A model file of one's own: its hash is what was found, and no other configuration."""
    looks, _ = pinned()

    def of(one: Look, model: str, **configured: object) -> Look:
        identity = {"provider": "llamacpp", "model": model, "server": "1", **configured}
        return replace(one, identity=identity)

    before = [of(one, "sha256-a") for one in looks]
    found = compared(of(look(30), "sha256-b"), before)
    other = series(before, of(look(30), "sha256-b", options={"ctx": 1}), pinned()[1])

    assert [key for key, one in found.items() if one.changed and one.decides] == ["file model"]
    assert "content of the model file is 'sha256-b', never seen" in found["file model"].sentence
    assert other.pin == ()
