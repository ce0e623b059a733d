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

    assert set(found) == {"model", "system_fingerprint", "served version", "tokenizer"}
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
