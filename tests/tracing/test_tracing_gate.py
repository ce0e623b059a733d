"""Whole runs that are traced: to a receiver on the loopback, or to the application."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gate_project import GateProject, quantized, speaks
from otlp_receiver import receiver, told
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.importers import recorded
from pytest_quantguard.tracing.export import Way
from scripted_server import ScriptedServer

CLOSED = "http://user:hidden-password@127.0.0.1:9"
"""Nobody listens there."""
PATIENT = """
import sys
def pytest_sessionstart():
    if export := sys.modules.get("pytest_quantguard.tracing.export"):
        export.Way.close.__defaults__ = (60.0,)
"""
"""A busy machine may take longer to send spans than a user wants to wait for."""


@pytest.fixture
def project(tmp_path):
    """Yield twelve cases, four of which regress, and the server behind them."""
    with ScriptedServer(default=speaks(quantized)) as server:
        found = GateProject(tmp_path, server)
        found.write("conftest.py", PATIENT)
        found.golden(12)
        found.config(server.url, policies={"underpowered": "allow"})
        yield found


def verdicts(run):
    """What was judged, without what differs between any two runs."""
    (candidate,) = run.report["candidates"]
    return run.code, [(row["verdict"], row["reason"]) for row in candidate["budgets"]]


def test_a_run_is_one_trace_at_the_receiver(project):
    """One span for the run, one for each request, one for each judged case, all under the first."""
    with receiver() as received:
        run = project.run("--quant-otel", OTEL_EXPORTER_OTLP_ENDPOINT=received.url)

    (root,) = received.named("quantguard run")
    requests, cases = received.named("chat "), received.named("evaluate ")
    assert (24, 12) == (len(requests), len(cases)), run.output
    assert {root.trace_id} == {span.trace_id for span in received.spans}
    assert {root.span_id} == {span.parent_span_id for span in (*requests, *cases)}
    assert {"baseline", "candidate"} == {told(span)["quantguard.role"] for span in requests}
    assert {f"faq-{n}" for n in range(12)} == {told(span)["quantguard.case"] for span in requests}
    assert run.report["candidates"][0]["verdict"] == told(root)["quantguard.verdict"]
    assert len(run.report["candidates"][0]["budgets"]) == len(root.events)
    assert run.has("OpenTelemetry: 37 spans, trace " + root.trace_id.hex())
    asked = {span.span_id for span in requests}
    assert all({link.span_id for link in span.links} <= asked for span in cases)
    assert {2} == {len(span.links) for span in cases}
    assert all(b"answer faq" not in body for body in received.raw)
    assert all("traceparent" not in headers for headers in project.server.headers)


def test_the_spans_are_traffic_that_a_canary_reads(project):
    """With the content, what was asked and answered comes back out of them, pair by pair."""
    with receiver() as received:
        project.run("--quant-otel-content", OTEL_EXPORTER_OTLP_ENDPOINT=received.url)
    log = project.folder / "spans.jsonl"
    log.write_text("".join(received.lines()))
    found = {(one.model, one.request.question): one.answer for one in recorded(log)}

    questions = {f"faq {n}" for n in range(12)}
    assert {(model, text) for model in ("base", "cand") for text in questions} == found.keys()
    assert {text: quantized("cand", text) for text in questions} == {
        text: found["cand", text].text for text in questions
    }
    assert all(answer.latency_s > 0 and answer.usage.prompt_tokens for answer in found.values())


def test_workers_send_their_spans_under_the_same_trace(project):
    """With -n the same spans arrive, and cases have links to requests of other processes."""
    with receiver() as received:
        run = project.run(
            "--quant-otel-traceparent", "-n2", OTEL_EXPORTER_OTLP_ENDPOINT=received.url
        )

    (root,) = received.named("quantguard run")
    assert 37 == len(received.spans), run.output
    assert {root.trace_id} == {span.trace_id for span in received.spans}
    assert {2} == {len(span.links) for span in received.named("evaluate ")}
    traces = {headers["traceparent"].split("-")[1] for headers in project.server.headers}
    assert {root.trace_id.hex()} == traces


def test_answers_from_the_cache_make_no_request_span(project):
    """A second run asks nobody: its cases and verdicts are told, and how much was cached.

    A third one, whose receiver is down, has the same verdict, a warning, and shows no password.
    """
    first = verdicts(project.run())
    with receiver() as received:
        second = project.run("--quant-otel", OTEL_EXPORTER_OTLP_ENDPOINT=received.url)

    (root,) = received.named("quantguard run")
    assert [] == received.named("chat ")
    assert 12 == len(received.named("evaluate ")) == told(root)["quantguard.requests.cand.cached"]
    assert all(told(event)["quantguard.cached"] for event in received.named("evaluate ")[0].events)
    assert first == verdicts(second)

    run = project.run(
        "--quant-otel", OTEL_EXPORTER_OTLP_ENDPOINT=CLOSED, OTEL_EXPORTER_OTLP_TIMEOUT="1"
    )

    assert first == verdicts(run)
    run.has("WARNING: OpenTelemetry: 13 of 13 spans could not be sent: http://127.0.0.1:9:")
    run.has("no verdict depends on it")
    assert "hidden-password" not in run.output


def test_the_configuration_can_ask_for_spans_with_content(project):
    """``otel: {content: true}`` is the same as the option."""
    project.config(project.server.url, policies={"underpowered": "allow"}, otel={"content": True})
    with receiver() as received:
        run = project.run(OTEL_EXPORTER_OTLP_ENDPOINT=received.url)

    span = next(s for s in received.named("chat cand") if told(s)["quantguard.case"] == "faq-3")
    (said,) = json.loads(told(span)["gen_ai.output.messages"])
    assert "I forgot" == said["parts"][0]["content"], run.output
    assert b"faq 3" in b"".join(received.raw)


def test_collecting_alone_sends_nothing(project):
    """``--collect-only`` asks nobody, and has no trace."""
    with receiver() as received:
        run = project.run(
            "--quant-otel", "--collect-only", "-q", OTEL_EXPORTER_OTLP_ENDPOINT=received.url
        )

    assert (0, []) == (run.code, received.raw), run.output


CONFTEST = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

def pytest_unconfigure():
    spans = memory.get_finished_spans()
    print("IN MEMORY", len(spans), sorted({span.name for span in spans}))
"""


def test_an_applications_own_provider_is_used_as_it_is(project):
    """Where the tests have set one up, spans go there, and nothing is sent anywhere else."""
    project.write("conftest.py", CONFTEST)
    with receiver() as received:
        run = project.run("--quant-otel", "-s", OTEL_EXPORTER_OTLP_ENDPOINT=received.url)

    run.has("IN MEMORY 37 ['chat base', 'chat cand', 'evaluate exact', 'quantguard run']")
    assert [] == received.raw


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.tracing import hooks
try:
    hooks.Tracing(None, frozenset())
except ConfigError as error:
    print(error)
"""


def test_without_opentelemetry_it_is_said_what_to_install():
    """A usage error, as any other of the configuration: no run goes on untraced."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=True
    )

    assert "pip install 'pytest-quantguard[otel]'" in done.stdout


def test_a_wrong_environment_is_a_usage_error(project):
    """What the SDK cannot read is said with the name of what it is about; nothing is asked."""
    run = project.run("--quant-otel", OTEL_BSP_MAX_QUEUE_SIZE="-1")

    assert (4, 0) == (run.code, project.server.requests)
    run.has("otel: OpenTelemetry cannot be set up with the OTEL_ environment variables")


def test_an_address_that_is_none_is_a_usage_error(monkeypatch):
    """The variable is named, and its value, which may hold a password, is not shown."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:hidden-password@4318")

    with pytest.raises(ConfigError) as caught:
        Way()

    assert "OTEL_EXPORTER_OTLP_ENDPOINT is no address" in str(caught.value)
    assert "hidden" not in str(caught.value)
