"""The spans of one process: of the run, of each request that is sent, of each case that is judged.

Nothing here may raise: what cannot be traced is counted, and the run goes on as without.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pytest_quantguard._carried import HEADERS
from pytest_quantguard._evidence import Evidence
from pytest_quantguard._sanitize import one_line, scrub_cut
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.tracing import attributes
from pytest_quantguard.tracing.attributes import Attributes, Scrub
from pytest_quantguard.tracing.marks import Marks
from pytest_quantguard.types import Completion, Role
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import WORST_FIRST, GateReport, Verdict

if TYPE_CHECKING:
    from pytest_quantguard.engine.tasks import Ending, Task

_NANO = 1_000_000_000
_BAD = {Verdict.FAIL, Verdict.ERROR, Verdict.NOT_COMPARABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the spans are about."""

    run: str
    baseline: str
    variants: Mapping[str, Variant]
    """Everything that may be asked, judges too."""
    secrets: Callable[[], tuple[str, ...]]
    """What may be told to nobody; asked anew for each span, as some keys come late."""
    content: bool = False
    """Whether prompts and answers go along."""
    carry: bool = False
    """Whether servers are told the trace, by a header ``traceparent``."""

    @property
    def scrub(self) -> Scrub:
        """What takes the secrets that are known now out of a text."""
        secrets = self.secrets()
        return lambda text: scrub_cut(text, secrets)

    def role(self, variant: str) -> str:
        """Return what a variant is in this run."""
        if variant == self.baseline:
            return "baseline"
        return "judge" if variant.startswith("judge:") else "candidate"


def _nothing(completion: Completion | None, error: BaseException | None) -> None:
    """End no span."""


@dataclass(slots=True)
class Spans:
    """Makes the spans of one process; ``count`` is told of each that has to be sent."""

    tracer: Tracer
    subject: Subject
    marks: Marks
    count: Callable[[], None]
    failed: dict[str, int] = field(default_factory=dict)
    """What could not be traced, by what was raised."""
    _root: Span | None = None
    _parent: Any = None
    _seen: set[tuple[str, str, str]] = field(default_factory=set)
    _told: bool = False

    # --- the run --------------------------------------------------------------------------

    def begin(self, candidates: list[str]) -> None:
        """Begin the span of the run, below the application's where one is open."""
        names = [attributes.name(one, self.subject.scrub) for one in candidates]
        found = attributes.present(
            {
                "quantguard.run": self.subject.run,
                "quantguard.baseline": attributes.name(self.subject.baseline, self.subject.scrub),
                "quantguard.candidates": names,
            }
        )
        self._root = self.tracer.start_span("quantguard run", attributes=found)
        self._parent = set_span_in_context(self._root)

    def join(self, carrier: Mapping[str, str]) -> None:
        """Go on with the run's span, which another process began."""
        self._parent = TraceContextTextMapPropagator().extract(carrier)

    def carrier(self) -> dict[str, str]:
        """Return what a process needs to `join`."""
        found: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(found, context=self._parent)
        return found

    @property
    def trace(self) -> str:
        """The id of the run's trace, as tracing tools show it."""
        return "" if self._root is None else f"{self._root.get_span_context().trace_id:032x}"

    def judged(self, report: GateReport) -> None:
        """Tell the verdicts: one event for each budget, the worst last.

        Where a span may have only so many events, the first ones are dropped.
        """
        try:
            self._judge(report)
        except Exception as error:
            self._broke(error)

    def _judge(self, report: GateReport) -> None:
        root, clear = self._root, self.subject.scrub
        if root is None:
            return
        root.set_attributes(attributes.of_report(report, clear))
        rows = [(c, row) for c in report.candidates for row in c.budgets]
        for candidate, row in sorted(rows, key=lambda one: -WORST_FIRST.index(one[1].verdict)):
            root.add_event(attributes.EVALUATION, attributes.of_budget(candidate, row, clear))
        if report.verdict in _BAD:
            root.set_status(Status(StatusCode.ERROR, report.verdict.word))
        self._told = True

    def end(self, *, due: bool = True) -> None:
        """End the span of the run; without a verdict that was ``due`` it says so.

        Safe to call twice.
        """
        root, self._root = self._root, None
        if root is not None:
            if due and not self._told:
                root.set_status(Status(StatusCode.ERROR, "no verdict"))
            self._over(root)

    def _over(self, span: Span, at: int | None = None) -> None:
        if span.get_span_context().trace_flags.sampled:
            self.count()
        span.end(at)

    def _broke(self, error: Exception) -> None:
        what = one_line(f"{type(error).__name__}: {self.subject.scrub(str(error))}")
        self.failed[what] = self.failed.get(what, 0) + 1

    # --- requests -------------------------------------------------------------------------

    def sent(self, variant: str, task: Task) -> Ending:
        """Begin the span of a request (`engine.tasks.Witness`); returns what ends it."""
        try:
            span = self._begun(variant, task)
            token = HEADERS.set(_headers(span)) if self.subject.carry else None
        except Exception as error:
            self._broke(error)
            return _nothing

        def ended(completion: Completion | None, error: BaseException | None) -> None:
            at = time.time_ns()
            try:
                _put_back(token)
                self._finish(span, task, completion, error, at)
            except Exception as fault:
                self._broke(fault)

        return ended

    def _begun(self, variant: str, task: Task) -> Span:
        subject = self.subject
        clear, asked = subject.scrub, subject.variants[variant]
        case, cohort = task.about
        found: Attributes = {
            **attributes.of_request(asked, task.request, clear),
            **attributes.present(
                {
                    "quantguard.run": subject.run,
                    "quantguard.variant": attributes.name(variant, clear),
                    "quantguard.role": subject.role(variant),
                    "quantguard.quantization": attributes.name(str(asked.quantization), clear),
                    "quantguard.cohort": attributes.name(cohort, clear),
                    "quantguard.case": attributes.name(case, clear),
                    "quantguard.repeat": task.repeat,
                    "quantguard.cached": False,
                }
            ),
        }
        if subject.content:
            found["gen_ai.input.messages"] = attributes.input_messages(task.request, clear)
        return self.tracer.start_span(
            f"chat {attributes.name(asked.model, clear)}",
            context=self._parent,
            kind=SpanKind.CLIENT,
            attributes=found,
        )

    def _finish(
        self,
        span: Span,
        task: Task,
        completion: Completion | None,
        error: BaseException | None,
        at: int,
    ) -> None:
        """End the span of a request, whatever can be said of its answer."""
        content, clear = self.subject.content, self.subject.scrub
        try:
            if completion is not None:
                span.set_attributes(attributes.of_completion(completion, clear))
                if content:
                    said = attributes.output_messages(completion, clear)
                    span.set_attribute("gen_ai.output.messages", said)
                context = span.get_span_context()
                self.marks.put(task.key, (context.trace_id, context.span_id))
            if error is not None:
                kind = attributes.error_type(error)
                span.set_attribute("error.type", kind)
                why = attributes.text(str(error), clear) if content else kind
                span.set_status(Status(StatusCode.ERROR, why))
        finally:
            self._over(span, at)

    # --- cases ----------------------------------------------------------------------------

    def evaluated(self, evidence: Evidence, start_s: float, stop_s: float) -> None:
        """Tell what an item found: one span, one event for each check and arm.

        The requests' spans have ended by then, so this one has links to them. Times are in seconds
        since the epoch.
        """
        try:
            self._evaluate(evidence, start_s, stop_s)
        except Exception as error:
            self._broke(error)

    def _evaluate(self, evidence: Evidence, start_s: float, stop_s: float) -> None:
        outcomes = [one for one in evidence.outcomes if self._new(one)]
        mishaps = [one for one in evidence.mishaps if self._new(one)]
        if not (outcomes or mishaps):
            return
        subject, clear = self.subject, self.subject.scrub
        keys = dict.fromkeys(key for one in outcomes for key in one.keys)
        span = self.tracer.start_span(
            f"evaluate {attributes.name((outcomes or mishaps)[0].check, clear)}",
            context=self._parent,
            attributes={
                "quantguard.run": subject.run,
                **attributes.of_case([*outcomes, *mishaps], clear),
            },
            links=[_link(mark) for mark in map(self.marks.get, keys) if mark is not None],
            start_time=int(start_s * _NANO),
        )
        at = int(stop_s * _NANO)
        live = _live(evidence, subject.baseline)
        told: set[tuple[str, str]] = set()
        arms: tuple[Role, Role] = ("baseline", "candidate")
        for outcome, role in ((one, role) for one in outcomes for role in arms):
            variant = subject.baseline if role == "baseline" else outcome.variant
            if (outcome.check, variant) not in told:  # the baseline once, not for each candidate
                told.add((outcome.check, variant))
                found = attributes.of_outcome(outcome, role, clear, content=subject.content)
                found["quantguard.variant"] = attributes.name(variant, clear)
                found["quantguard.cached"] = not live.get(variant, False)
                span.add_event(attributes.EVALUATION, found, timestamp=at)
        for mishap in mishaps:
            found = attributes.of_mishap(mishap, clear, content=subject.content)
            span.add_event(attributes.EVALUATION, found, timestamp=at)
        self._over(span, at)

    def _new(self, one: PairedOutcome | Mishap) -> bool:
        """Tell whether this has not been told: a test that is run again tells it twice."""
        place = (one.variant, one.case, one.check)
        new = place not in self._seen
        self._seen.add(place)
        return new


def _live(evidence: Evidence, baseline: str) -> dict[str, bool]:
    """Return by variant whether its answers were asked for in this run."""
    measured = evidence.measurements
    found = {one.variant: one.candidate.live for one in measured}
    if measured:
        found[baseline] = measured[0].baseline.live
    return found


def _link(mark: tuple[int, int]) -> Link:
    return Link(
        SpanContext(
            trace_id=mark[0],
            span_id=mark[1],
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
    )


def _headers(span: Span) -> dict[str, str]:
    """Return the headers by which a server can go on with the trace."""
    found: dict[str, str] = {}
    # Not the application's propagators: its baggage is no business of a model's server.
    TraceContextTextMapPropagator().inject(found, context=set_span_in_context(span))
    return found


def _put_back(token: Token[Mapping[str, str] | None] | None) -> None:
    if token is not None:
        HEADERS.reset(token)
