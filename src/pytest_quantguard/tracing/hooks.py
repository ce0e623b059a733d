"""Tracing, inside pytest: one span for the run, and those of each process under it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._tally import evidence_of
from pytest_quantguard.tracing.export import Way
from pytest_quantguard.tracing.marks import Marks
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import GateReport

if TYPE_CHECKING:
    from pytest_quantguard._session import GateSession

_CARRIER = "quantguard_trace"
_TOLD = "quantguard_tracing"


class Tracing:
    """The hooks of a traced run; it sees, and changes nothing.

    Raises:
        ConfigError: OpenTelemetry is not installed, or cannot be set up.
    """

    def __init__(self, session: GateSession, wanted: frozenset[str]) -> None:
        self._way = Way(content="content" in wanted)  # before anything of OpenTelemetry is imported
        from pytest_quantguard.tracing.spans import Spans, Subject

        settings, asking = session.settings, session.asking
        worker: Json = getattr(session.config, "workerinput", {})
        self._session, self._worker = session, bool(worker)
        self._told: list[Json] = []
        """What the processes of the run say about their spans."""
        self._done = False
        subject = Subject(
            run=session.run.id,
            baseline=settings.baseline.name,
            variants=settings.asked,
            secrets=lambda: asking.secrets,
            content="content" in wanted,
            carry="traceparent" in wanted,
        )
        own = f"{worker.get('workerid', '')}-{os.getpid()}" if worker else ""
        marks = Marks(session.run.part("spans"), own)
        self._spans = Spans(self._way.tracer, subject, marks, self._way.count)
        if self._worker:
            self._spans.join(worker.get(_CARRIER, {}))
        else:
            self._spans.begin([variant.name for variant in settings.candidates])
        self._trace = self._spans.trace
        asking.witness = self._spans.sent

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker which trace it belongs to."""
        node.workerinput[_CARRIER] = self._spans.carrier()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in how many spans a worker made and lost."""
        if (told := getattr(node, "workeroutput", {}).get(_TOLD)) is not None:
            self._told.append(told)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell what an item found, once for the run."""
        if self._worker or report.outcome == "rerun":  # type: ignore[comparison-overlap]
            return
        if (evidence := evidence_of(report)) is not None:
            stop = report.stop or time.time()
            start = report.start or stop - max(0.0, report.duration)
            self._spans.evaluated(evidence, start, stop)

    def pytest_quantguard_report(self, report: GateReport) -> None:
        """Tell the verdicts."""
        self._spans.judged(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._finish()
        if self._worker:
            self._session.config.workeroutput[_TOLD] = self._told[0]  # type: ignore[attr-defined]

    def _finish(self) -> None:
        if self._done:
            return
        self._done = True
        self._spans.end(due=self._session.cut is None)  # a shard has none: the merge judges
        self._told.append({**self._way.close()._asdict(), "failed": self._spans.failed})

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how many spans there were, and what went wrong with them."""
        if self._worker or self._session.config.option.collectonly:
            return
        for line in self.lines():
            terminalreporter.line(line)

    def lines(self) -> list[str]:
        """Return what is said about the run's spans; nothing of it changes a verdict."""
        spans, lost = (sum(told[key] for told in self._told) for key in ("spans", "lost"))
        found = [f"OpenTelemetry: {counted(spans, 'span')}, trace {self._trace}"]
        if whys := dict.fromkeys(told["why"] for told in self._told if told["why"]):
            what = f"{lost} of {counted(spans, 'span')} could not be sent: " if lost else ""
            text = f"WARNING: OpenTelemetry: {what}{'; '.join(whys)}; no verdict depends on it"
            found.append(text)
        for told in self._told:
            for what, times in told["failed"].items():
                text = f"{what} ({counted(times, 'span')})"
                found.append(f"WARNING: OpenTelemetry: could not be told: {text}")
        return [one_line(line, 600) for line in found]

    def pytest_unconfigure(self) -> None:
        """Leave nothing waiting, however the run ended."""
        self._finish()


def register(session: GateSession, wanted: frozenset[str]) -> None:
    """Trace a run: ``content`` and ``traceparent`` are what may be wanted beside spans.

    Raises:
        ConfigError: OpenTelemetry is not installed, or cannot be set up.
    """
    session.config.pluginmanager.register(Tracing(session, wanted), "quantguard-tracing")
