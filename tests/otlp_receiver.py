"""A receiver of OTLP over HTTP on the loopback, which decodes what arrives."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Received:
    """What has arrived."""

    url: str
    requests: list[Any] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[Any]:
        """Every span, as the wire has it."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def lines(self) -> Iterator[str]:
        """All that arrived as OTLP JSON, as a collector's file exporter writes it: ids are hex."""
        for request in self.requests:
            document = MessageToDict(request)
            for resource in document["resourceSpans"]:
                for span in (one for scope in resource["scopeSpans"] for one in scope["spans"]):
                    for name in ("traceId", "spanId", "parentSpanId"):
                        span[name] = base64.b64decode(span.get(name, "")).hex()
            yield json.dumps(document) + "\n"

    def named(self, beginning: str) -> list[Any]:
        """The spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(beginning)]


def told(thing: Any) -> dict[str, Any]:
    """The attributes of a span or an event, as Python has them."""
    return {pair.key: _value(pair.value) for pair in thing.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [_value(one) for one in found.values] if kind == "array_value" else found


@contextmanager
def receiver(code: int = 200) -> Iterator[Received]:
    """Receive until the block ends; answer with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.raw.append(body)
            if self.path == "/v1/traces":
                received.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
