"""Golden files become pytest items.

A golden file is a tree of nodes, ``file::case::check``, so that every way of selecting tests works
on cases and on single checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard._examiner import Examiner
from pytest_quantguard._golden import load
from pytest_quantguard._items import CASE, Critical, examine
from pytest_quantguard._judging import Reusable, reads_timing
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.contracts import Check
from pytest_quantguard.errors import CheckError, GoldenFileError
from pytest_quantguard.types import GoldenCase, Json, Source

if TYPE_CHECKING:
    from pytest_quantguard._services import GateServices


class QuantFile(pytest.File):
    """A ``*.quant.yaml`` file."""

    load: Callable[[Path, str], tuple[GoldenCase, ...]]
    examiner: Callable[[], Examiner]
    services: GateServices

    def collect(self) -> Iterator[QuantCase]:
        """Yield the cases; every mistake of the file is one collection error."""
        root = self.config.rootpath
        inside = self.path.is_relative_to(root)
        name = self.path.relative_to(root).as_posix() if inside else str(self.path)
        for case in self.load(self.path, name):
            node = QuantCase.from_parent(self, name=case.id)
            node.case = case
            node.examiner = self.examiner
            node.services = self.services
            node.add_marker(pytest.mark.quant_case(cohort=case.cohort, critical=case.critical))
            yield node

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what is wrong with the file, without a traceback."""
        if isinstance(excinfo.value, GoldenFileError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class QuantCase(pytest.Collector):
    """One golden case; its children are its checks."""

    case: GoldenCase
    examiner: Callable[[], Examiner]
    services: GateServices

    def collect(self) -> Iterator[QuantItem]:
        """Yield one item per check."""
        for check in self.case.checks:
            item = QuantItem.from_parent(self, name=check.key)
            item.check = check
            item.examiner = self.examiner
            item.services = self.services
            item.stash[CASE] = self.case
            item.extra_keyword_matches.update(self.case.tags)
            yield item


class QuantItem(pytest.Item):
    """One check of one golden case, judged on all arms."""

    check: Check
    examiner: Callable[[], Examiner]
    services: GateServices

    def runtest(self) -> None:
        """Collect the evidence; it is judged when all is in."""
        check = self.services.ready(self.check)
        judge = check if reads_timing(check) else Reusable(check)
        examine(self, self.examiner(), self.stash[CASE], {self.check.key: judge})

    def reportinfo(self) -> tuple[Path, int, str]:
        """Point at the case in its file (counting lines from 0, as pytest does)."""
        case = self.stash[CASE]
        return self.path, case.source.line - 1, f"{case.id}::{self.check.key}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say in one sentence what happened; a traceback through our own code helps nobody."""
        if isinstance(excinfo.value, Critical | CheckError):
            return f"{excinfo.value}\n{self.stash[CASE].source}"
        what = one_line(f"{excinfo.typename}: {excinfo.value}", 400)
        return f"the check could not be run: {what}\n{self.stash[CASE].source}"


def golden_loader(
    registry: Any, request: Json, taken: dict[str, Source]
) -> Callable[[Path, str], tuple[GoldenCase, ...]]:
    """Return a loader that also refuses an id which another file has used (see ``taken``)."""

    def load_file(path: Path, name: str) -> tuple[GoldenCase, ...]:
        cases = load(path, name, registry, request)
        twice = [
            f"{case.source}: the id {case.id!r} is already at {taken[case.id]}; ids are unique"
            for case in cases
            if taken.get(case.id, case.source) != case.source
        ]
        if twice:
            raise GoldenFileError(twice)
        taken.update({case.id: case.source for case in cases})
        return cases

    return load_file
