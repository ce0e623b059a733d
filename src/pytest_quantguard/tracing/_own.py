"""A tracer provider of the run's own, for where the application has none: OTLP over HTTP.

Imported only where it is needed: it takes the SDK.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

_LOGGER = "opentelemetry.exporter.otlp.proto.http"


class Counting(SpanExporter):
    """The OTLP exporter, and how many spans it has sent."""

    def __init__(self) -> None:
        self.sent = 0
        self.why = ""
        """Why the last batch that was lost could not be sent."""
        self._exporter = OTLPSpanExporter()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; never raises."""
        try:
            done = self._exporter.export(spans)
            why = "the receiver is not reachable, or refused them"
        except Exception as error:
            done, why = SpanExportResult.FAILURE, type(error).__name__
        if done is SpanExportResult.SUCCESS:
            self.sent += len(spans)  # batches are sent one after the other
        else:
            self.why = why
        return done

    def shutdown(self) -> None:
        """End it, and its waiting between attempts; safe to call twice."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


def own_provider(
    exporter: SpanExporter, *, queue: int, batch: int, events: int, name: str
) -> TracerProvider:
    """Return a provider that is no global one; what the environment says goes before.

    ``queue`` is how many spans may wait, ``batch`` how many are sent at once, ``events`` how many
    one span may have, ``name`` that of the service.
    """
    # What could not be sent is said once, at the end of the run, and not beside a test.
    logging.getLogger(_LOGGER).addHandler(logging.NullHandler())
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: name}
    limits = None
    if not os.environ.get("OTEL_SPAN_EVENT_COUNT_LIMIT"):
        limits = SpanLimits(max_events=events, max_span_attributes=1024)
    provider = TracerProvider(
        resource=Resource.create(named), span_limits=limits, shutdown_on_exit=False
    )
    waiting = None if os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") else queue
    given = waiting is None or os.environ.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
    at_once = None if given else batch
    processor = BatchSpanProcessor(exporter, max_queue_size=waiting, max_export_batch_size=at_once)
    provider.add_span_processor(processor)
    return provider
