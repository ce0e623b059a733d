"""A run that stops as soon as its verdict is decided (``--quant-sequential``).

Where tests run, `LookRunner` holds items back until their look is open. On the controller,
`LookKeeper` has the evidence judged when a look is complete, and opens the next one or stops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard._items import CASE, checks_of
from pytest_quantguard._looks import LOOKS, Looks, look_of_cases
from pytest_quantguard.engine.jobs import jobs_of
from pytest_quantguard.types import GoldenCase, Json
from pytest_quantguard.verdicts import CandidateReport, Verdict

if TYPE_CHECKING:
    from pytest_quantguard.engine.complete import CompletionEngine


def refuse_other_orders(config: pytest.Config) -> str | None:
    """Return why looks cannot be kept apart here: some ways of distributing mix the order up."""
    dist = getattr(config.option, "dist", "no")
    if dist in ("no", "load"):
        return None
    return f"--quant-sequential needs --dist=load, not --dist={dist}: cases are asked in order"


class LookRunner:
    """Runs items look by look, and asks for a look's completions when it is open."""

    def __init__(
        self,
        looks: Looks,
        engine: Callable[[], CompletionEngine],
        variants: Sequence[str],
        foresee: Callable[[Iterable[GoldenCase]], None] = lambda cases: None,
    ) -> None:
        self.looks = looks
        self._engine = engine
        self._variants = tuple(variants)
        self._foresee = foresee
        self._references = False
        self._look_of: dict[str, int] = {}
        self._cases: dict[str, GoldenCase] = {}
        self._reached = 0

    def arrange(
        self, items: list[pytest.Item], plan: Json, *, references: bool
    ) -> list[GoldenCase]:
        """Put items into the order of their looks, tell everybody, return the first look's cases.

        Tests that are no golden cases go first. ``plan`` is what the whole run is about to judge.
        """
        self._references = references
        golden = [item for item in items if CASE in item.stash]
        self._cases = {item.stash[CASE].id: item.stash[CASE] for item in golden}
        # No PASS, however early, without the cases of which one loss is one too many.
        critical = {case.id for case in self._cases.values() if case.critical}
        cohorts = {case.id: case.cohort for case in self._cases.values()}
        self._look_of = look_of_cases(cohorts, first=critical)
        items.sort(key=self.look_of)
        numbers: list[Json] = [{"cases": 0, "checks": 0, "requests": 0} for _ in range(LOOKS)]
        for case in self._cases.values():
            number = numbers[self._look_of[case.id]]
            number["cases"] += 1
            number["requests"] += len(self._jobs([case]))
        for item in golden:
            numbers[self.look_of(item)]["checks"] += len(checks_of(item))
        look_of_item = {item.nodeid: self.look_of(item) for item in golden}
        self.looks.publish({**plan, "items": look_of_item, "looks": numbers})
        return self._of(0)

    def look_of(self, item: pytest.Item) -> int:
        """Return an item's look; -1 for what is no golden case."""
        case = item.stash.get(CASE, None)
        return -1 if case is None else self._look_of[case.id]

    def _of(self, look: int) -> list[GoldenCase]:
        return [case for case in self._cases.values() if self._look_of[case.id] == look]

    def _jobs(self, cases: Iterable[GoldenCase]) -> list[object]:
        return [
            job
            for case in cases
            for job in jobs_of(case, self._variants, references=self._references)
        ]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Hold an item back until its look is open; pass it over when the run has stopped."""
        look = self.look_of(item)
        if look <= 0:
            return None
        if not self.looks.wait(look):
            return True
        if look > self._reached:
            self._reached = look
            engine = self._engine()
            engine.plan(self._jobs(self._of(look)))  # type: ignore[arg-type]
            engine.start()
            self._foresee(self._of(look))
        return None


class LookKeeper:
    """Judges each look when it is complete, and opens the next one or stops the run."""

    def __init__(
        self, looks: Looks, judge: Callable[[Json], Sequence[CandidateReport]], maxfail: int = 0
    ) -> None:
        self.looks = looks
        self.reached = 0
        """The last look that was judged or is being gathered, from 0."""
        self.stopped_early = False
        self._judge = judge
        self._plan: Json = {}
        self._look_of: dict[str, int] = {}
        self._numbers: list[Json] = []
        self._open: Counter[int] = Counter()
        self._done: set[str] = set()
        self._maxfail = maxfail
        self._failures = 0

    @pytest.hookimpl(trylast=True)  # after the controller has taken in the evidence
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count finished items; a complete look is judged at once."""
        self._failures += report.failed
        if 0 < self._maxfail <= self._failures:
            self.looks.stop()  # pytest ends the run, and would wait for those who wait for a look
        if report.when != "teardown" or self.looks.stopped:
            return
        if not self._numbers:
            self._read()
        nodeid = str(report.nodeid)
        if nodeid not in self._look_of or nodeid in self._done:
            return
        self._done.add(nodeid)
        self._open[self._look_of[nodeid]] -= 1
        while not self.looks.stopped and self._complete(self.reached):
            if self.reached + 1 >= LOOKS:
                return
            self._look()

    def _read(self) -> None:
        self._plan = self.looks.plan()
        self._look_of, self._numbers = self._plan["items"], self._plan["looks"]
        self._open = Counter(self._look_of.values())

    def _complete(self, look: int) -> bool:
        return not self._open[look]

    def _look(self) -> None:
        """Judge what there is; early only where every candidate's verdict is decided."""
        reports = self._judge(self.so_far(self._plan))
        decided = (Verdict.PASS, Verdict.FAIL, Verdict.NOT_COMPARABLE)
        if all(report.verdict in decided for report in reports):
            self.stopped_early = self.waiting()
            self.looks.stop()
        else:
            self.reached += 1
            self.looks.open(self.reached)

    def waiting(self) -> bool:
        """Tell whether there are cases that have not been asked."""
        return any(number["cases"] for number in self._numbers[self.reached + 1 :])

    def so_far(self, plan: Json) -> Json:
        """Return a plan with no more checks than the looks so far have."""
        if not self._numbers:
            return plan
        checks = sum(number["checks"] for number in self._numbers[: self.reached + 1])
        return {**plan, "checks": checks}

    def needed(self, nodeid: str) -> bool:
        """Tell whether an item belongs to the looks so far, or to none."""
        return self._look_of.get(nodeid, -1) <= self.reached

    def numbers(self) -> Json:
        """Return what the report says about the looks; plain JSON types."""
        if not self._numbers:
            return {}
        asked, all_of_it = self._numbers[: self.reached + 1], self._numbers
        total = {key: sum(n[key] for n in all_of_it) for key in ("cases", "requests")}
        spent = {key: sum(n[key] for n in asked) for key in ("cases", "requests")}
        return {
            "look": self.reached + 1,
            "looks": LOOKS,
            "stopped_early": self.stopped_early,
            "cases": spent["cases"],
            "cases_planned": total["cases"],
            "requests_saved": total["requests"] - spent["requests"],
            "requests_planned": total["requests"],
        }

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Stop when a worker is gone before its time: what it leaves undone completes no look."""
        output = getattr(node, "workeroutput", {})
        if error or output.get("shouldfail") or output.get("shouldstop"):
            self.looks.stop()

    def pytest_unconfigure(self) -> None:
        """Let nobody wait for what will not come, and leave nothing behind."""
        self.looks.remove()
