"""Spans of one process, made with the real SDK and read from memory."""

from __future__ import annotations

import json

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pytest_quantguard._carried import carried
from pytest_quantguard._evidence import Evidence
from pytest_quantguard.engine.tasks import Answer, Task
from pytest_quantguard.errors import RefusedError, TransportError
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.tracing._own import own_provider
from pytest_quantguard.tracing.attributes import TEXT_LIMIT
from pytest_quantguard.tracing.export import Way
from pytest_quantguard.tracing.marks import Marks
from pytest_quantguard.tracing.spans import Spans, Subject
from pytest_quantguard.types import (
    Completion,
    CompletionRequest,
    Outcome,
    Source,
    ToolCall,
    Usage,
)
from pytest_quantguard.variants import Quantization, Variant
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, Delta, GateReport, Verdict

KEY = "sk-very-secret-0123456789"
BASE = Variant(name="bf16", provider="openai", model="m", base_url="http://u:pw@host:8000/v1?k=1")
CAND = Variant(
    name="awq",
    provider="openai",
    dialect="vllm",
    model="m-awq",
    quantization=Quantization(method="awq", scheme="W4A16", weight_bits=4),
)
SOURCE = Source(file="golden/tools.quant.yaml", line=7)
NASTY = f"::error::x\x1b[31m\ud800\u202e {KEY} <img src=//evil> @team"


class Room:
    """Spans of a process, and what was exported."""

    def __init__(self, **changes):
        self.memory = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.memory))
        self.counted = 0
        subject = Subject(
            run="r1",
            baseline="bf16",
            variants={"bf16": BASE, "awq": CAND, "judge:j": BASE},
            secrets=lambda: (KEY,),
            **changes,
        )
        self.spans = Spans(provider.get_tracer("t"), subject, Marks(), self._count)
        self.spans.begin(["awq"])

    def _count(self):
        self.counted += 1

    def ask(self, variant="awq", request=None, completion=None, error=None, about=("c1", "tools")):
        asked = request or CompletionRequest(messages=({"role": "user", "content": "hi"},))
        task = Task(f"key-{variant}", asked, Answer(key="k"), about=about, repeat=2)
        ending = self.spans.sent(variant, task)
        self.headers = carried()
        ending(completion, error)

    @property
    def done(self):
        return list(self.memory.get_finished_spans())


def outcome(candidate=0.0, variant="awq", check="tool_call", violations=()):
    return PairedOutcome(
        variant=variant,
        case="c1",
        cohort="tools",
        check=check,
        source=SOURCE,
        baseline=Outcome(value=1.0),
        candidate=Outcome(value=candidate, violations=violations),
        keys=("key-bf16", f"key-{variant}"),
        tags=("long",),
    )


def test_a_request_is_a_client_span_with_the_names_of_the_conventions():
    """What was asked, of whom, what came back, and what the run knows about it."""
    room = Room()
    params = {"temperature": 0, "max_tokens": 64, "seed": 7, "top_p": 0.9, "stop": ["\n"]}
    params["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
    request = CompletionRequest(messages=({"role": "user", "content": "hi"},), params=params)
    completion = Completion(
        text="secretly long",
        finish_reason="stop",
        usage=Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=3, reasoning_tokens=1),
        ttft_s=0.25,
        served_as="m-awq-v2",
        fingerprint="fp",
    )

    room.ask(request=request, completion=completion)

    (span,) = room.done
    assert ("chat m-awq", SpanKind.CLIENT) == (span.name, span.kind)
    assert span.start_time <= span.end_time
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "m-awq",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.seed": 7,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.stop_sequences": ("\\n",),
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "m-awq-v2",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "quantguard.run": "r1",
        "quantguard.variant": "awq",
        "quantguard.role": "candidate",
        "quantguard.quantization": "awq W4A16 4 bit",
        "quantguard.cohort": "tools",
        "quantguard.case": "c1",
        "quantguard.repeat": 2,
        "quantguard.cached": False,
        "quantguard.fingerprint": "fp",
    } == dict(span.attributes)


def test_the_address_is_told_without_user_password_and_query():
    """Host and port are all that is told of a base URL."""
    room = Room()

    room.ask("bf16", completion=Completion(text="x"))

    (span,) = room.done
    assert "host" == span.attributes["server.address"]
    assert 8000 == span.attributes["server.port"]
    assert "pw" not in span.to_json()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RefusedError(f"no: {KEY}", status=403), "403"),
        (TransportError("late", timed_out=True), "timeout"),
        (TransportError("reset"), "TransportError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_failed_request_has_its_error_type_and_not_what_the_server_said(error, kind):
    """A server's error can quote the prompt, or a key: neither is told."""
    room = Room()

    room.ask(error=error)

    (span,) = room.done
    assert kind == span.attributes["error.type"] == span.status.description
    assert StatusCode.ERROR is span.status.status_code
    assert "no:" not in span.to_json()


def test_content_is_sent_only_where_it_is_asked_for():
    """Prompts, answers and the sentences of checks stay at home by default."""
    said = Completion(text="the answer", tool_calls=(ToolCall(name="f", arguments_text="{}"),))
    request = CompletionRequest(
        messages=(
            {"role": "user", "content": [{"type": "text", "text": "the prompt"}, {"type": "img"}]},
            {"role": "tool", "tool_call_id": "t1", "content": "told"},
        )
    )
    quiet, open_ = Room(), Room(content=True)
    for room in (quiet, open_):
        room.ask(request=request, completion=said)
        evidence = Evidence(outcomes=[outcome(violations=("got 'the answer'",))])
        room.spans.evaluated(evidence, 1.0, 2.0)

    everything = "".join(span.to_json() for span in quiet.done)
    assert "the prompt" not in everything
    assert "the answer" not in everything
    asked = open_.done[0].attributes
    assert [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "the prompt"},
                {"type": "img", "content": "[left out]"},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "response": "told"}]},
    ] == json.loads(asked["gen_ai.input.messages"])
    (answer,) = json.loads(asked["gen_ai.output.messages"])
    assert ["text", "tool_call"] == [part["type"] for part in answer["parts"]]
    explained = open_.done[1].events[1].attributes["gen_ai.evaluation.explanation"]
    assert "got 'the answer'" == explained


def test_hostile_text_and_keys_never_reach_a_span():
    """Of names, of what servers say and of content nothing is live, and no key is told."""
    room = Room(content=True)
    completion = Completion(
        text=NASTY * 400, served_as=NASTY, finish_reason=NASTY, fingerprint=NASTY, reasoning=NASTY
    )
    params = {"seed": 10**400, "max_tokens": True, "temperature": float("nan"), "stop": [NASTY]}
    request = CompletionRequest(messages=({"role": NASTY, "content": NASTY},), params=params)

    room.ask(request=request, completion=completion, about=(NASTY, NASTY))
    room.spans.evaluated(Evidence(outcomes=[outcome(check=NASTY, violations=(NASTY,))]), 1, 2)

    assert 2 == len(room.done)
    assert {} == room.spans.failed
    for span in room.done:
        texts = [span.name, *map(str, span.attributes.values())]
        texts += [str(value) for event in span.events for value in event.attributes.values()]
        for text in texts:
            assert KEY not in text
            assert not any(ch in text for ch in "\x1b\ud800\u202e")
            assert not text.lstrip().startswith("::")
            assert len(text) < 40_000
    assert {
        "gen_ai.request.seed",
        "gen_ai.request.max_tokens",
        "gen_ai.request.temperature",
    }.isdisjoint(room.done[0].attributes)


def test_numbers_that_the_wire_cannot_hold_are_left_out_and_the_rest_is_told():
    """A server counts 10**400 tokens: its answer has a span all the same."""
    room = Room()

    room.ask(completion=Completion(text="x", usage=Usage(prompt_tokens=10**400), ttft_s=10**400))

    (span,) = room.done
    assert {} == room.spans.failed
    assert not {"gen_ai.usage.input_tokens", "gen_ai.response.time_to_first_chunk"} & set(
        span.attributes
    )


def test_a_long_text_is_cut_and_a_key_where_it_is_cut_is_not_told():
    """Neither the beginning of a key that the limit cuts, nor one that a server's own limit cut."""
    room = Room(content=True)
    long = "x" * (TEXT_LIMIT - 12) + KEY + "y" * 10**6
    half = f"no: ...{KEY[5:]}, {KEY[:-5]}..."

    room.ask(completion=Completion(text=long, refusal=half))

    (said,) = json.loads(room.done[0].attributes["gen_ai.output.messages"])
    texts = [part["content"] for part in said["parts"]]
    assert texts[0].endswith(f"... [{len(long) - TEXT_LIMIT} more characters]")
    assert len(texts[0]) < TEXT_LIMIT + 50
    assert "sk-very" not in "".join(texts)
    assert "0123456789" not in texts[1]


def test_what_waits_is_sent_in_parts_that_a_collector_accepts():
    """Spans with content are large: so many at once, and no more."""
    sizes = []

    class Exporter(SpanExporter):
        def export(self, spans):
            sizes.append(len(spans))
            return SpanExportResult.SUCCESS

    provider = own_provider(Exporter(), queue=64, batch=5, events=9, name="x")
    for _ in range(12):
        provider.get_tracer("t").start_span("s").end()
    provider.shutdown()

    assert 12 == sum(sizes)
    assert 5 == max(sizes)


def test_the_trace_goes_to_a_server_only_where_that_is_asked_for():
    """The header is there while the request is sent, and not afterwards."""
    quiet, told = Room(), Room(carry=True)
    for room in (quiet, told):
        room.ask(completion=Completion(text="x"))

    context = told.done[0].get_span_context()
    assert {} == quiet.headers
    assert told.headers["traceparent"].split("-")[1:3] == [
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
    ]
    assert {} == carried()


def test_a_case_that_is_judged_has_links_to_its_requests_and_one_event_per_check_and_arm():
    """The baseline's event comes once, however many candidates there are."""
    room = Room()
    room.ask("bf16", completion=Completion(text="x"))
    room.ask("awq", completion=Completion(text="y"))
    measured = PairedMeasurement(
        variant="awq",
        case="c1",
        cohort="tools",
        baseline=Measurement(live=False),
        candidate=Measurement(live=True),
    )
    evidence = Evidence(
        outcomes=[outcome(), outcome(1.0, "gptq"), outcome(1.0, check="length")],
        measurements=[measured],
    )

    room.spans.evaluated(evidence, 100.0, 101.5)

    asked, span = room.done[:2], room.done[2]
    assert (100_000_000_000, 101_500_000_000) == (span.start_time, span.end_time)
    assert {one.get_span_context().span_id for one in asked} == {
        link.context.span_id for link in span.links
    }
    assert "golden/tools.quant.yaml" == span.attributes["code.file.path"]
    assert ("long",) == span.attributes["quantguard.tags"]
    events = [
        (
            event.attributes["gen_ai.evaluation.name"],
            event.attributes["quantguard.variant"],
            event.attributes["gen_ai.evaluation.score.value"],
            event.attributes["gen_ai.evaluation.score.label"],
            event.attributes.get("quantguard.finding"),
            event.attributes["quantguard.cached"],
        )
        for event in span.events
    ]
    assert [
        ("tool_call", "bf16", 1.0, "holds", None, True),
        ("tool_call", "awq", 0.0, "does not hold", "regressed", False),
        ("tool_call", "gptq", 1.0, "holds", "concordant", True),
        ("length", "bf16", 1.0, "holds", None, True),
        ("length", "awq", 1.0, "holds", "concordant", False),
    ] == events


def test_what_is_reported_again_is_told_once():
    """A test that is run again has no second say in a trace either."""
    room = Room()

    for _ in range(2):
        room.spans.evaluated(Evidence(outcomes=[outcome()]), 1, 2)

    assert 1 == len(room.done) == room.counted


def test_a_check_without_evidence_is_an_event_with_an_error_type():
    """Silence is no pass in a trace either."""
    room = Room()
    mishap = Mishap(
        variant="awq",
        case="c1",
        cohort="tools",
        check="tool_call",
        source=SOURCE,
        role="candidate",
        kind="TransportError",
        message="the server said: the prompt",
    )

    room.spans.evaluated(Evidence(mishaps=[mishap]), 1, 2)

    (event,) = room.done[0].events
    assert "TransportError" == event.attributes["error.type"]
    assert "no evidence" == event.attributes["gen_ai.evaluation.score.label"]
    assert "the prompt" not in room.done[0].to_json()


def row(cohort, verdict, delta=None):
    return BudgetVerdict(
        cohort=cohort, check="json", max_drop=0.02, verdict=verdict, reason="31 of 160", delta=delta
    )


def report(*rows, verdict=Verdict.FAIL):
    found = CandidateReport(
        variant=CAND, verdict=verdict, budgets=rows, outcomes=(), mishaps=(), log_evidence=0.0
    )
    counts = {"bf16": {"planned": 9, "cached": 9, "sent": 0, "answered": 0, "failed": 0}}
    return GateReport(
        baseline=BASE, candidates=(found,), provenance={"requests": counts, "cases": 9}
    )


def test_the_runs_span_tells_each_budget_the_worst_last():
    """A span that may hold few events drops the first: those that passed."""
    room = Room()
    delta = Delta(value=0.19, low=0.1, high=float("inf"), n=160)
    failed, passed = row("tools", Verdict.FAIL, delta), row("faq", Verdict.PASS)

    room.spans.judged(report(failed, passed))
    room.spans.end()

    (span,) = room.done
    assert ["faq/json", "tools/json"] == [
        event.attributes["gen_ai.evaluation.name"] for event in span.events
    ]
    last = span.events[-1].attributes
    assert ("fail", 0.19, "31 of 160") == tuple(
        last[f"gen_ai.evaluation.{key}"] for key in ("score.label", "score.value", "explanation")
    )
    assert "quantguard.delta.high" not in last  # infinity is no number on the wire
    assert ("fail", 9) == (
        span.attributes["quantguard.verdict.awq"],
        span.attributes["quantguard.requests.bf16.cached"],
    )
    assert StatusCode.ERROR is span.status.status_code


def test_a_run_without_a_verdict_says_so():
    """A run that was cut short is not green in a trace."""
    room = Room()

    room.spans.end()
    room.spans.end()

    (span,) = room.done
    assert (StatusCode.ERROR, "no verdict") == (span.status.status_code, span.status.description)


def test_a_shard_has_no_verdict_and_that_is_no_error():
    """All shards are judged together, by the merge."""
    room = Room()

    room.spans.end(due=False)

    assert StatusCode.UNSET is room.done[0].status.status_code


class Broken:
    def start_span(self, *args, **kwargs):
        raise RuntimeError(f"broken {KEY}")


def test_nothing_of_tracing_can_reach_the_run():
    """A tracer that raises costs a count, and a sentence at the end without a key."""
    room = Room()
    room.spans.tracer = Broken()

    room.ask(completion=Completion(text="x"))
    room.spans.evaluated(Evidence(outcomes=[outcome()]), 1, 2)

    assert {"RuntimeError: broken [secret]": 2} == room.spans.failed


def test_processes_tell_each_other_which_span_asked(tmp_path):
    """A worker appends; the controller reads what is whole, also what comes later."""
    worker, controller = Marks(tmp_path, "gw0"), Marks(tmp_path)
    worker.put("k1", (1, 2))
    assert (1, 2) == controller.get("k1")
    assert controller.get("k2") is None

    worker.put("k2", (3, 4))
    with (tmp_path / "gw0.txt").open("a") as file:
        file.write("k3 0000")  # still being written

    assert (3, 4) == controller.get("k2")
    assert controller.get("k3") is None


def test_a_receiver_that_is_down_is_named_as_the_reason(monkeypatch):
    """Between two attempts the exporter would wait on: it is ended, so that it says why."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    way = Way()
    way.tracer.start_span("quantguard run").end()
    way.count()

    sent = way.close(5.0)

    assert (1, 1) == (sent.spans, sent.lost)
    assert "http://127.0.0.1:9: the receiver is not reachable, or refused them" == sent.why
