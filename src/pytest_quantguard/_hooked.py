"""The hooks ``request`` and ``completion``: what a project changes before asking, and looks on at.

A request is changed once, before its key is made and before anything is asked: alike for every
variant. An observer that fails loses no evidence and changes no verdict; its failure is a failed
row of its own, so that the run is not green.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard import _rows
from pytest_quantguard._items import CASE
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase

if TYPE_CHECKING:
    from pytest_quantguard.variants import Variant

_REQUEST = "pytest_quantguard_request"
_COMPLETION = "pytest_quantguard_completion"
FAULT = f"{_rows.PREFIX}hooks::{_COMPLETION}"
"""Name of the row that a failed observer gets."""
_SHOWN = 3
"""Failures of observers that are told in full."""


def change_requests(config: pytest.Config, items: Sequence[pytest.Item]) -> list[str]:
    """Let a project change the request of each case; return what is wrong with what it gave."""
    if not getattr(config.hook, _REQUEST).get_hookimpls():
        return []
    problems: list[str] = []
    done: dict[int, GoldenCase] = {}
    kept = [item.stash[CASE] for item in items]  # alive, so that no id is given twice
    for item, case in zip(items, kept, strict=True):
        if id(case) not in done:
            done[id(case)], problem = _changed(item, case)
            problems += problem
        item.stash[CASE] = done[id(case)]
    return problems


def _changed(item: pytest.Item, case: GoldenCase) -> tuple[GoldenCase, list[str]]:
    shown = _copied(case)
    try:
        found = getattr(item.ihook, _REQUEST)(request=shown.request, case=shown)
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except BaseException as error:  # pytest.skip() would leave the case out of the evidence
        return case, [_problem(case, f"raised {type(error).__name__}: {error}")]
    if found is None:
        return case, []
    if why := _unusable(case, found):
        return case, [_problem(case, why)]
    return replace(case, request=copy.deepcopy(found)), []


def _problem(case: GoldenCase, why: str) -> str:
    return f"{case.source}: case {case.id!r}: the hook {_REQUEST} {one_line(why, 400)}"


def _unusable(case: GoldenCase, found: object) -> str:
    """Say why what the hook gave is no request for this case."""
    if not isinstance(found, CompletionRequest):
        return f"returned {found!r:.80}; return a CompletionRequest, such as replace(request, ...)"
    if bool(found.messages) != bool(case.request.messages):
        has = "a test that asks for itself brings its own" if case.driven else "there have to be"
        return f"returned a request with {len(found.messages)} messages: {has} messages"
    if found.reference is not None:
        return "returned a request with a reference: that belongs to the case"
    try:
        found.canonical()
    except (TypeError, ValueError, RecursionError) as error:
        return f"returned a request that is no JSON: {error}"
    return ""


def _copied(case: GoldenCase) -> GoldenCase:
    """Return a case of which nothing is shared with the one that is asked and judged."""
    try:
        return copy.deepcopy(case)
    except Exception:  # a check of the user's that cannot be copied
        return replace(case, request=copy.deepcopy(case.request), checks=())


class Observers:
    """Shows completions to a project's observers, and makes it known when one fails."""

    def __init__(self, config: pytest.Config, variants: Mapping[str, Variant]) -> None:
        self._hook: Any = getattr(config.hook, _COMPLETION)
        self._variants = variants
        self._seen: set[tuple[str, str]] = set()
        self._failed = 0
        self._said: dict[str, None] = {}

    def see(self, case: GoldenCase, variant: str, completions: Sequence[Completion]) -> None:
        """Show one arm's answers to a case, once in this process."""
        if (case.id, variant) in self._seen or not self._hook.get_hookimpls():
            return
        self._seen.add((case.id, variant))
        shown = _copied(case)
        for completion in completions:
            try:
                seen = copy.deepcopy(completion)
                self._hook(case=shown, variant=self._variants[variant], completion=seen)
            except (KeyboardInterrupt, pytest.exit.Exception):
                raise
            except BaseException as error:  # pytest.skip() would take the evidence away
                self._failed += 1
                what = one_line(f"{type(error).__name__}: {error}")
                self._said[f"{what} (case {case.id}, {variant})"] = None

    def faults(self) -> list[str]:
        """Return what failed, in sentences; empty when nothing did."""
        if not self._failed:
            return []
        shown = "; ".join(list(self._said)[:_SHOWN])
        return [
            f"the hook {_COMPLETION} failed for {self._failed} of the completions it was shown: "
            f"{shown}"
        ]


class FaultRow:
    """Hooks of the process that judges: reports failed observers as a test of their own."""

    def __init__(self, observers: Observers) -> None:
        self._observers = observers
        self._told: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in what failed in a worker."""
        plan = getattr(node, "workeroutput", {}).get("quantguard") or {}
        self._told += plan.get("observers", ())

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Fail the run where an observer failed; the verdicts stand as they are."""
        result = yield
        if found := list(dict.fromkeys([*self._told, *self._observers.faults()])):
            session.testscollected += 1
            text = "; ".join(found) + "; the evidence is whole, and the verdicts stand"
            _rows.emit_fault(session, "hooks", _COMPLETION, text)
        return result
