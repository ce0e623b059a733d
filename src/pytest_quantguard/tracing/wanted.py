"""Whether a run is traced, and what goes along with its spans."""

from __future__ import annotations

from typing import Any

from pytest_quantguard.types import Json

_OPTIONS = {"content": "quant_otel_content", "traceparent": "quant_otel_traceparent"}


def wanted(option: Any, configured: Json | bool) -> frozenset[str] | None:
    """Return what goes along beside spans: ``content``, ``traceparent``; None = no span is made.

    ``configured`` is ``otel:`` of the configuration. An option that only adds to spans turns them
    on as well: whoever gives it means a traced run.
    """
    given = configured if isinstance(configured, dict) else {}
    extra = {name for name in _OPTIONS if given.get(name)}
    extra |= {name for name, attribute in _OPTIONS.items() if getattr(option, attribute)}
    on = bool(extra) or option.quant_otel or isinstance(configured, dict) or configured is True
    return frozenset(extra) if on and not option.collectonly else None
