"""One endpoint, asked a dozen questions: every fault gets a sentence and something to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_quantguard.doctor.questions import MOST, needs, of_judge, questions
from pytest_quantguard.doctor.reading import findings
from pytest_quantguard.doctor.records import Finding, Needs, Seen
from pytest_quantguard.doctor.visit import visit
from pytest_quantguard.errors import LaunchError, TransportError
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source
from pytest_quantguard.variants import Access, Quantization, Variant
from scripted_server import (
    Exchange,
    ScriptedServer,
    answers,
    event,
    piece,
    says,
    stays_silent,
    streams,
)

KEY = "sk-very-secret-4711-abcdef"
PLACE = Source(file="golden/a.quant.yaml", line=7)


def a_case(**params: Any) -> GoldenCase:
    """One golden case that is asked with these parameters."""
    messages = ({"role": "user", "content": "Where is my parcel?"},)
    request = CompletionRequest(
        messages=messages, params={"temperature": 0, "max_tokens": 40, **params}
    )
    return GoldenCase(id="parcel", cohort="faq", request=request, source=PLACE)


def visited(
    server: ScriptedServer,
    *cases: GoldenCase,
    most: int = MOST,
    judge: bool = False,
    **given: Any,
) -> tuple[Seen, dict[str, Finding]]:
    """Ask a server, and return what was seen and the last finding of each topic."""
    fields = {"base_url": server.url, "model": "scripted", "timeout_s": 60.0, **given}
    variant = Variant(name="arm", provider="openai", **fields)
    wanted = needs(cases)
    asked = of_judge({}) if judge else questions(wanted, {})
    seen = visit(variant, OpenAIProvider(variant), asked, most, judge=judge)
    return seen, {one.topic: one for one in findings(seen, wanted)}


REFUSED = "http://127.0.0.1:9/v1"  # the port that nothing may listen on
FAULTS = {
    "html": (answers(200, "<html>", "text/html"), {}, "content type 'text/html'", "/v1"),
    "json": (answers(200, '{"a":'), {}, "cannot be used", "base_url"),
    "cut": (streams(event(piece({"content": "a"}))), {}, "before the answer was complete", "log"),
    "reset": (lambda exchange: exchange.reset(), {}, "broke off", "log"),
    "slow": (stays_silent(), {"timeout_s": 0.2}, "within 0.2 s", "timeout_s: 0.8"),
    "busy": (answers(429, "{}", retry_after="30"), {}, "asks to wait 30 s", "concurrency: 1"),
    "trouble": (answers(503, "{}"), {}, "HTTP 503", "in trouble"),
    "broke": (answers(402, "{}"), {}, "HTTP 402", "credit"),
    "parameter": (answers(400, '{"error": "no seed"}'), {}, "no seed", "what the server names"),
    "redirect": (answers(307, "", location="https://x.invalid/v1"), {}, "x.invalid", "final"),
    "refused": (says("x"), {"base_url": REFUSED}, "no connection", "start the server"),
    "tls": (says("x"), {"tls": True}, "no connection", "http:// in place of https://"),
    "silent": (says(""), {}, "the answer to a plain question is empty", "template"),
}


@pytest.mark.parametrize(("reply", "given", "saw", "fix"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_sentence_and_something_to_do(reply, given, saw, fix):
    """Which names the address, and what to do about it; no fault is passed over."""
    with ScriptedServer(default=reply) as server:
        if given.get("tls"):
            given = {"base_url": server.url.replace("http:", "https:")}
        _, found = visited(server, **given)

    assert "wrong" == found["reach"].level
    assert saw in found["reach"].saw
    assert fix in found["reach"].fix


def test_a_host_that_nobody_knows_is_told_apart(monkeypatch):
    """From a server that is down: the name is misspelt, or a network is missing."""

    def unknown(*_: object, **__: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.create_connection", unknown)
    with ScriptedServer() as server:
        _, found = visited(server, base_url="http://models.invalid/v1")

    assert "not known" in found["reach"].saw
    assert "the host in base_url" in found["reach"].fix


def test_a_refused_key_is_told_by_its_variable_and_never_shown(monkeypatch):
    """Not even where the server repeats it; nothing more is asked with it."""
    monkeypatch.setenv("QUANT_API_KEY", KEY)
    with ScriptedServer(default=answers(401, json.dumps({"error": f"bad {KEY}"}))) as server:
        seen, found = visited(server, api_key_env="QUANT_API_KEY")

    assert 1 == seen.requests == server.requests
    assert "QUANT_API_KEY" in found["reach"].fix
    assert server.url in found["reach"].saw
    assert KEY not in str(found)


def test_a_key_that_is_missing_costs_no_request(monkeypatch):
    """The variable is named, with the command that sets it."""
    monkeypatch.delenv("QUANT_API_KEY", raising=False)
    with ScriptedServer() as server:
        seen, found = visited(server, api_key_env="QUANT_API_KEY")

    assert 0 == seen.requests == server.requests
    assert found["reach"].fix.startswith("export QUANT_API_KEY=")


def test_a_key_command_that_fails_is_named():
    """It is the user's own, to be tried by hand."""
    with ScriptedServer() as server:
        _, found = visited(server, access=Access(api_key_command=("false",)))

    assert "api_key_command" in found["reach"].saw
    assert "run 'false' by hand" in found["reach"].fix


def test_an_unknown_model_is_named_from_the_servers_list():
    """404, and the server lists what it has: did you mean."""
    with ScriptedServer(default=answers(404, "{}")) as server:
        server.pages["/v1/models"] = {"data": [{"id": "my-model"}]}
        _, found = visited(server, model="my-modle")

    assert "did you mean 'my-model'?" in found["reach"].fix


def test_no_more_is_asked_than_agreed():
    """The first questions are asked, the others named; a dozen without a limit."""
    with ScriptedServer() as server:
        seen, found = visited(server, a_case(), most=3)
        assert 3 == seen.requests == server.requests
        assert "warn" == found["requests"].level
        assert "log-probs" in found["requests"].saw
        whole, _ = visited(server, a_case())

    assert MOST - 1 == whole.requests  # one is for a connection that had grown old
    assert server.requests == 3 + MOST - 1
    assert all(body["max_tokens"] <= 64 for body in server.bodies)


def test_an_endpoint_that_breaks_is_left_alone():
    """After a time-out, or two exchanges that broke: each could cost a minute."""
    good, bad = says("fine"), lambda exchange: exchange.reset()
    with ScriptedServer(good, good, *[bad] * 4, default=good) as server:
        seen, found = visited(server, a_case())

    class Slow(OpenAIProvider):
        """Every answer but the first takes too long, whatever else this machine does."""

        def connect(self) -> Any:
            line, asked = super().connect(), iter(range(MOST))
            complete = line.complete

            def late(request: CompletionRequest) -> Any:
                if next(asked):
                    raise TransportError("timed out", timed_out=True)
                return complete(request)

            line.complete = late
            return line

    with ScriptedServer() as slow:
        variant = Variant(name="arm", provider="openai", base_url=slow.url, model="scripted")
        late = visit(variant, Slow(variant), questions(needs([a_case()]), {}), MOST)

    assert seen.requests <= 6  # a connection that may have grown old is tried once more
    assert "left alone" in found["reach"].saw
    assert (2, 1) == (late.requests, len(late.answers))


def test_a_judge_is_asked_twice():
    """Whether it is there, and says the same again: no more is needed of it."""
    with ScriptedServer() as server:
        seen, found = visited(server, judge=True)

    assert 2 == seen.requests
    assert "ok" == found["determinism"].level
    assert "quantization" not in found


def test_a_provider_that_breaks_its_promise_is_a_finding():
    """A project's own provider may raise anything: there is no traceback."""

    class Odd(OpenAIProvider):
        def connect(self) -> Any:
            raise TypeError("odd\x1b[31m")

    variant = Variant(name="arm", provider="odd", model="m", base_url=REFUSED)
    seen = visit(variant, Odd(variant), questions(Needs(), {}), MOST)
    (found,) = findings(seen, Needs())

    assert "its provider broke: TypeError: odd" in found.saw


# --- what good answers show ---------------------------------------------------------------


def model(**told: Any) -> Any:
    """A model that does what servers do; ``told`` changes what."""

    def reply(exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        if body.get("response_format") and told.get("refuses"):
            exchange.answer(400, json.dumps({"error": "response_format is not supported"}))
            return
        if told.get("context") and len(str(body["messages"])) > told["context"]:
            exchange.answer(400, json.dumps({"error": "maximum context length is 20 tokens"}))
            return
        text = str(body.get("seed")) if body["temperature"] else "The sea is wide."
        text += told["tail"](exchange) if "tail" in told else ""
        if body.get("response_format") and told.get("honours"):
            text = json.dumps({"code": "heron-7041"})
        usage = {"prompt_tokens": 9 + 30 * bool(body.get("tools")), "completion_tokens": 4}
        pieces = [piece({"content": text}), piece({}, "stop")]
        if body.get("logprobs") and told.get("logprobs"):
            shown = {"content": [{"token": text, "logprob": -0.5, "top_logprobs": []}]}
            pieces[0]["choices"][0]["logprobs"] = shown
        if told.get("usage", True):
            pieces.append({"model": "scripted", "choices": [], "usage": usage})
        exchange.stream("".join([*map(event, pieces), event("[DONE]")]))

    return reply


def test_a_good_server_is_ok_in_everything():
    """Tokens, seeds, tools, log-probs, JSON: each is seen, and nothing is warned of."""
    with ScriptedServer(default=model(honours=True, logprobs=True)) as server:
        server.pages["/v1/models"] = {
            "data": [{"id": "scripted", "meta": {"ftype": "Q8_0"}, "max_model_len": 4096}]
        }
        declared = Quantization(method="gguf", weight_bits=8)
        _, found = visited(server, a_case(), quantization=declared)

    assert {"ok"} == {one.level for one in found.values()}
    assert "honoured" in found["seed"].saw
    assert "honoured" == found["response_format: json_schema"].saw
    assert "confirmed by the server: Q8_0" == found["quantization"].saw
    assert "shown the tools" in found["tools"].saw
    assert "given" in found["log-probs"].saw


def test_what_no_golden_case_needs_is_no_reason_to_worry():
    """The same server is ok, or warned of, or wrong, by what the golden cases ask for."""
    shape = {"response_format": {"type": "json_object"}}
    topic = "response_format: json_object"
    with ScriptedServer(default=model()) as ignores:
        _, needless = visited(ignores, a_case())
        _, needed = visited(ignores, a_case(**shape))
    with ScriptedServer(default=model(refuses=True)) as refuses:
        _, refused = visited(refuses, a_case(**shape))

    assert "ok" == needless[topic].level
    assert "warn" == needed[topic].level
    assert "answers 200 and ignores it; 1 golden case asks for it" == needed[topic].saw
    assert "wrong" == refused[topic].level
    assert "response_format is not supported" in refused[topic].saw


def test_log_probs_are_wrong_where_they_are_needed():
    """A metric without what it is made of measures nothing."""
    with ScriptedServer(default=model()) as server:
        _, found = visited(server, a_case(logprobs=True))

    assert "wrong" == found["log-probs"].level


@pytest.mark.parametrize("listed", [{}, {"max_model_len": 45}], ids=["refused", "listed"])
def test_the_longest_golden_case_has_to_fit(listed):
    """With the room for its answer; it is named with file and line."""
    told = {} if listed else {"context": 200}
    long = a_case(max_tokens=40)
    with ScriptedServer(default=model(**told)) as server:
        server.pages["/v1/models"] = {"data": [{"id": "scripted", **listed}]}
        if told:
            messages = ({"role": "user", "content": "x" * 400},)
            request = CompletionRequest(
                messages=messages, params={"temperature": 0, "max_tokens": 40}
            )
            long = GoldenCase(id="parcel", cohort="a", request=request, source=PLACE)
        _, found = visited(server, long)

    assert "wrong" == found["context"].level
    assert "parcel (golden/a.quant.yaml:7)" in found["context"].saw
    assert "--max-model-len" in found["context"].fix


def test_two_answers_to_one_question_are_noise():
    """Which is to be measured, not argued away."""
    with ScriptedServer(default=model(tail=lambda e: str(len(e.server.script.bodies)))) as server:
        _, found = visited(server)

    assert "warn" == found["determinism"].level
    assert "--quant-null" in found["determinism"].fix


def test_a_contradicted_quantization_is_wrong_and_a_silent_server_is_not():
    """It is what the gate calls NOT COMPARABLE; the line to write is given."""
    declared = Quantization(method="awq", weight_bits=4)
    with ScriptedServer(default=model(usage=False)) as server:
        _, silent = visited(server, quantization=declared)
        server.pages["/v1/models"] = {"data": [{"id": "scripted", "meta": {"ftype": "Q8_0"}}]}
        _, found = visited(server, quantization=declared)
        _, undeclared = visited(server)

    assert "warn" == silent["quantization"].level
    assert "counts no tokens" in silent["usage"].saw
    assert "declared as 4 bit, but the server says Q8_0" == found["quantization"].saw
    assert 'scheme: "Q8_0"' in found["quantization"].fix
    assert "warn" == undeclared["quantization"].level


def test_another_models_name_on_the_answers_is_remarked_on():
    """A router may have chosen for itself."""
    with ScriptedServer(default=says("fine")) as server:
        _, found = visited(server, model="my-model")

    assert "was asked for my-model, and signs as scripted" == found["model"].saw


@pytest.mark.parametrize("text", ["<think>hm</think>The sea.", "<think>hm"])
def test_thoughts_in_the_answer_are_seen(text):
    """They need a parser at the server, and room in max_tokens."""
    with ScriptedServer(default=says(text)) as server:
        _, found = visited(server)

    assert "its thoughts stand in the answer" in found["reasoning"].saw
    assert "reasoning parser" in found["reasoning"].fix


def test_a_server_of_a_kind_that_lacks_a_parameter_is_not_asked_with_it():
    """What the dialect refuses is said without a request."""
    with ScriptedServer(default=model()) as server:
        seen, found = visited(server, a_case(), dialect="ollama")

    assert "tool_choice: required" in seen.unfit
    assert "ollama ignores 'tool_choice'" in found["tool_choice: required"].saw
    assert not any("tool_choice" in body for body in server.bodies)


def test_a_clock_that_is_off_is_told():
    """By the Date of the server's own pages."""
    with ScriptedServer(default=model()) as server:
        seen, found = visited(server)
    assert seen.clock_s is not None
    assert abs(seen.clock_s) < 30
    assert "clock" not in found
    late = Seen(variant=seen.variant, answers=seen.answers, clock_s=-3600.0)

    (clock,) = [one for one in findings(late, Needs()) if one.topic == "clock"]

    assert "3600 s behind" in clock.saw


def test_what_to_install_is_said_once():
    """The run's own sentence ends with the command, which here has a line of its own."""
    install = 'pip install "pytest-quantguard[llamacpp]"'
    variant = Variant(name="arm", provider="llamacpp", model="embedded:f16")
    fault = LaunchError(f"variant 'arm': it needs the package xllamacpp; run {install}")

    (found,) = findings(Seen(variant=variant, fault=fault), Needs())

    assert ("variant 'arm': it needs the package xllamacpp", install) == (found.saw, found.fix)
