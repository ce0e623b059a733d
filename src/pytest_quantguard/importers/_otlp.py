"""OTLP JSON: from the encoding of OpenTelemetry's protocol to plain values.

Format: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. The collector's file
exporter writes one such document per line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A span, or a log record."""

    place: str
    name: str
    """The span's name, or the event's."""
    attributes: Json
    resource: Json
    """Attributes of what sent it, such as ``service.name``."""
    span: str = ""
    """Trace and span id; empty where it does not have both."""
    body: Any = None
    """What a log record says, beside its attributes."""
    events: tuple[tuple[str, Json], ...] = ()
    """Names and attributes of a span's events."""
    seconds: tuple[float, float] = (0.0, 0.0)
    """When a span began and ended, since the epoch; 0 = not known."""
    log: bool = field(default=False)
    failed: bool = False
    """True for a span whose status is an error."""


def signals(document: Json, place: str) -> Iterator[Signal]:
    """Yield the spans and log records of one OTLP document; what has another shape is passed over.

    ``place`` is where the document stands, as ``file:line`` or ``file: $``.
    """
    at = place if place.endswith("$") else f"{place}: $"
    for outer, inner, item, log in (
        ("resourceSpans", "scopeSpans", "spans", False),
        ("resourceLogs", "scopeLogs", "logRecords", True),
    ):
        for i, resource in _maps(document.get(outer)):
            about = attributes(_map(resource.get("resource")).get("attributes"))
            for j, scope in _maps(resource.get(inner)):
                for k, found in _maps(scope.get(item)):
                    where = f"{at}.{outer}[{i}].{inner}[{j}].{item}[{k}]"
                    yield _signal(found, where, about, log)


def _signal(found: Json, place: str, resource: Json, log: bool) -> Signal:
    about = attributes(found.get("attributes"))
    name = found.get("eventName") or about.get("event.name") if log else found.get("name")
    trace, span = _id(found.get("traceId")), _id(found.get("spanId"))
    return Signal(
        place=place,
        name=name if isinstance(name, str) else "",
        attributes=about,
        resource=resource,
        span=f"{trace} {span}" if trace and span else "",
        body=value_of(found.get("body")) if log else None,
        events=tuple(
            (str(event.get("name")), attributes(event.get("attributes")))
            for _, event in _maps(found.get("events"))
        ),
        seconds=(_seconds(found.get("startTimeUnixNano")), _seconds(found.get("endTimeUnixNano"))),
        log=log,
        failed=_map(found.get("status")).get("code") in (2, "STATUS_CODE_ERROR"),
    )


def attributes(pairs: Any) -> Json:
    """Return a list of ``{key, value}`` as a map; later ones win."""
    return {
        pair["key"]: value_of(pair.get("value"))
        for _, pair in _maps(pairs)
        if isinstance(pair.get("key"), str)
    }


def value_of(value: Any) -> Any:
    """Return what an AnyValue holds; None for what is none."""
    if not isinstance(value, dict):
        return None
    for key in ("stringValue", "boolValue", "bytesValue"):
        if key in value:
            return value[key]
    if "doubleValue" in value:  # 1e999 is JSON, and no number to count with
        found = value["doubleValue"]
        return None if isinstance(found, float) and not math.isfinite(found) else found
    if "intValue" in value:  # a text, since JSON's numbers lose the last digits of 64 bits
        return _whole(value["intValue"])
    if "arrayValue" in value:
        return [value_of(item) for item in _list(_map(value["arrayValue"]).get("values"))]
    if "kvlistValue" in value:
        pairs = _maps(_map(value["kvlistValue"]).get("values"))
        return {str(pair.get("key")): value_of(pair.get("value")) for _, pair in pairs}
    return None


def _whole(value: Any) -> int | None:
    """Return a whole number of 64 bits; None for what is none."""
    text = value.strip() if isinstance(value, str) else ""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 20:
        value = int(text)
    return value if type(value) is int and abs(value) < 2**64 else None


def _id(value: Any) -> str:
    """Return the id of a trace or span; empty for none, which some write as zeros."""
    return value if isinstance(value, str) and value.strip("0 ") else ""


def _seconds(nanos: Any) -> float:
    return (_whole(nanos) or 0) / 1e9


def _maps(value: Any) -> Iterator[tuple[int, Json]]:
    return ((i, item) for i, item in enumerate(_list(value)) if isinstance(item, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _map(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
