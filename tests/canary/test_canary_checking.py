"""A recorded pair becomes evidence: which checks apply by themselves, and what they find."""

from __future__ import annotations

import json

import pytest
from recorded_pairs import TOOL, asked, call, pair, said, span

from pytest_quantguard.canary.checking import SCHEMAS, Checker
from pytest_quantguard.canary.patience import Patience
from pytest_quantguard.checks import _limited
from pytest_quantguard.checks.refusal import Refusal
from pytest_quantguard.variants import Price

SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
BOTH = ("help-desk-bf16", "help-desk-awq")
SOURCES = "Answer from these.\n[doc-1] Delivery takes two days.\n[doc-2] Refunds take five."


@pytest.fixture
def steps(canary):
    """Return a function that reads lines and judges them."""

    def judge(*lines, **options):
        reader = canary.reader(canary.write("m.jsonl", *lines))
        checker = Checker(canary.config(), Refusal(must=True), prices={}, **options)
        found = [checker.step(one) for one in reader.pairs()]
        assert [] == reader.lost.sentences()
        judge.checker = checker
        return found

    return judge


def values(step):
    """Return both values of each check."""
    return {o.check: (o.baseline.value, o.candidate.value) for o in step.outcomes}


def test_an_ordinary_answer(steps):
    """Only how it ended can be told; a tool that nobody offers is not missed."""
    (step,) = steps(pair(candidate=said(finish_reason="length")))

    assert {"finish_reason": (1.0, 0.0)} == values(step)
    assert ("traffic", ()) == (step.cohort, step.mishaps)
    assert 1.0 == step.measurement.candidate.truncated


def test_json_where_it_was_asked_for(steps):
    """A schema of the request judges the answers, and any JSON where there is none."""
    asks = asked(response_format=FORMAT)
    plain = asked(response_format={"type": "json_object"})
    schema, free = steps(
        pair(1, request=asks, baseline=said('{"id": 1}'), candidate=said('{"id": "1"}')),
        pair(2, request=plain, baseline=said("[]"), candidate=said("so: []")),
    )

    assert (1.0, 0.0) == values(schema)["json_schema"]
    assert "$.id" in schema.outcomes[0].candidate.violations[0]
    assert (1.0, 0.0) == values(free)["json"]


def test_no_json_is_expected_beside_a_call(steps):
    """Whichever arm calls a tool: an answer by a call has no text."""
    asks = asked(response_format=FORMAT, tools=[TOOL])
    calls = said("", tool_calls=[call()])
    ours, theirs = steps(
        pair(1, request=asks, baseline=calls), pair(2, request=asks, candidate=calls)
    )

    assert "json_schema" not in {**values(ours), **values(theirs)}


def test_calls_of_tools(steps):
    """A call has to name an offered tool, with arguments that its schema allows."""
    asks = asked(tools=[TOOL])
    good = said("", tool_calls=[call()], finish_reason="tool_calls")

    def bad(*calls):
        return said("", tool_calls=list(calls), finish_reason="tool_calls")

    found = steps(
        pair(1, request=asks, baseline=good, candidate=bad(call("refund"))),
        pair(2, request=asks, baseline=good, candidate=bad(call(arguments="{}"))),
        pair(3, request=asks, baseline=good, candidate=bad(call(arguments="{'order_id'"))),
        pair(4, request=asks, baseline=good, candidate=said("I would call refund_order")),
        pair(5, request=asks),
        pair(6, baseline=said(), candidate=bad(call())),
    )

    assert [(1.0, 0.0)] * 3 == [values(step)["tool_calls"] for step in found[:3]]
    assert (1.0, 1.0) == values(found[3])["tool_calls"]
    assert (1.0, 0.0) == values(found[3])["tool_use"]
    assert {"tool_calls", "tool_use"}.isdisjoint(values(found[4]))
    assert (1.0, 0.0) == values(found[5])["tool_calls"]
    assert "tool_use" not in values(found[5])


@pytest.mark.parametrize("word", ["used", "offered"])
def test_a_log_that_does_not_tell_the_tools(canary, steps, word):
    """A span without definitions: whether a tool is called can be told, which were offered not."""
    canary.configure(cohorts=[{"cohort": "tools", "tools": word}])
    part = {"type": "tool_call", "id": "c", "name": "refund_order", "arguments": {}}
    told = json.dumps([{"role": "assistant", "parts": [part], "finish_reason": "tool_call"}])
    lines = [span(n, BOTH[0], **{"gen_ai.output.messages": told}) for n in (1, 2)]
    others = span(1, BOTH[1]), span(2, BOTH[1], **{"gen_ai.output.messages": told})
    lost, kept = steps(*lines, *others)

    assert ("tools", "tools") == (lost.cohort, kept.cohort)
    assert {"tool_use": (1.0, 0.0), "finish_reason": (1.0, 1.0)} == values(lost)
    assert {"tool_use": (1.0, 1.0), "finish_reason": (1.0, 1.0)} == values(kept)
    assert 2 == steps.checker.skipped["tool_calls: the log does not tell which tools were offered"]


def test_citations_where_either_arm_cites(steps):
    """By the baseline's answer alone two runs of one model would differ, and only its losses count.

    So a pair counts too in which the candidate alone cites.
    """
    asks = {"messages": [{"role": "system", "content": SOURCES}, *asked("How long?")["messages"]]}
    right, wrong, none = said("Two days [doc-1]."), said("Two days [doc-9]."), said("Two days.")
    found = steps(
        pair(1, request=asks, baseline=right, candidate=wrong),
        pair(2, request=asks, baseline=right, candidate=none),
        pair(3, request=asks, baseline=none, candidate=right),
        pair(4, request=asks, baseline=none, candidate=none),
        pair(5, baseline=right, candidate=none),
    )

    told = [values(step).get("citations") for step in found]
    assert [(1.0, 0.0), (1.0, 0.0), (0.0, 1.0), None, None] == told


def test_exchanging_the_arms_exchanges_the_outcomes(steps):
    """No check applies to one arm's answer and not to the other's: the evidence is symmetric."""
    asks = asked(tools=[TOOL], response_format=FORMAT)
    sides = [
        said("", tool_calls=[call()], finish_reason="tool_calls"),
        said('{"id": 1}'),
        said("no"),
        said("see [1]", finish_reason=None),
        said("", tool_calls=[call("x")]),
    ]
    numbered = [(a, b) for a in sides for b in sides]
    lines = [pair(i, request=asks, baseline=a, candidate=b) for i, (a, b) in enumerate(numbered)]
    back = [
        pair(100 + i, request=asks, baseline=b, candidate=a) for i, (a, b) in enumerate(numbered)
    ]
    found = steps(*lines, *back)

    for one, other in zip(found[: len(lines)], found[len(lines) :], strict=True):
        turned = {check: pair_[::-1] for check, pair_ in values(other).items()}
        assert values(one) == turned


def test_checks_of_the_configuration(canary, steps):
    """For all traffic and for a cohort; one that does not fit a request is passed over and told."""
    canary.configure(
        expect=[{"contains": "order"}],
        checks=["json"],
        cohorts=[{"cohort": "refunds", "route": "/r", "expect": [{"tool_call": "refund_order"}]}],
    )
    answer = said("Your order is here.")
    here, there, unfit = steps(
        pair(1, route="/r", request=asked(tools=[TOOL]), baseline=answer),
        pair(2, baseline=answer),
        pair(3, route="/r", request=asked(tools=[{"function": {"name": "other"}}])),
    )

    assert {"contains": (1.0, 0.0), "tool_call": (0.0, 0.0)} == values(here)
    assert {"contains": (1.0, 0.0)} == values(there)
    assert {"contains": (0.0, 0.0)} == values(unfit)
    ((text, count),) = steps.checker.skipped.items()
    assert (1, True) == (count, "tool_call" in text)


def test_an_own_check_replaces_that_of_the_same_name(canary, steps):
    """`finish_reason` as the configuration has it, and not twice."""
    canary.configure(expect=[{"finish_reason": ["length"]}])
    (step,) = steps(pair(candidate=said(finish_reason="length")))

    assert {"finish_reason": (0.0, 1.0)} == values(step)


def test_an_arm_without_an_answer(steps):
    """The candidate's silence is a loss and a mishap; the baseline's leaves nothing to compare."""
    error = {"error": "503 busy"}
    asks = asked(tools=[TOOL])
    lost, unknown, bare = steps(
        pair(1, request=asks, baseline=said("", tool_calls=[call()]), candidate=error),
        pair(2, request=asks, baseline=error),
        pair(3, baseline=said(finish_reason=None), candidate=error),
    )

    assert {"tool_calls", "tool_use", "finish_reason"} == values(lost).keys()
    assert {(1.0, 0.0)} == {values(lost)[key] for key in ("tool_calls", "tool_use")}
    assert {("candidate", "TransportError", "503 busy")} == {
        (m.role, m.kind, m.message) for m in lost.mishaps
    }
    assert (False, True) == (
        lost.measurement.candidate.answered,
        lost.measurement.baseline.answered,
    )
    assert () == unknown.outcomes
    assert {"baseline"} == {m.role for m in unknown.mishaps}
    assert [("", "candidate")] == [(m.check, m.role) for m in bare.mishaps]


def test_other_prompt_tokens_are_not_comparable(steps):
    """Another template, tokenizer or hidden system prompt: no outcome, and no measurement."""
    (step,) = steps(pair(candidate=said(usage={"prompt_tokens": 11})))

    assert () == step.outcomes
    assert step.measurement is None
    assert ["NotComparable"] == [m.kind for m in step.mishaps]
    assert "10 tokens for the baseline and 11 for the candidate" in step.mishaps[0].message


def test_what_is_measured(canary):
    """Cost of the log wins over the price; tags are kept only where a budget names them."""
    side = said(model="help-desk-awq", cost=0.5, latency_s=2.0)
    name = canary.write("m.jsonl", pair(candidate=side, tags=["a", "b"]))
    (one,) = canary.reader(name).pairs()
    price = {"bf16": Price(input=1e6, output=0.0), "awq-int4": Price(input=1e6, output=0.0)}
    refusal, config = Refusal(must=True), canary.config()
    step = Checker(config, refusal, prices=price, tags=frozenset("b")).step(one)
    every = Checker(config, refusal, prices=price, tags=None).step(one)

    assert (10.0, 0.5) == (step.measurement.baseline.cost, step.measurement.candidate.cost)
    assert 2.0 == step.measurement.candidate.latency_s
    assert (("b",), ("a", "b")) == (step.measurement.tags, every.measurement.tags)


def test_schemas_are_kept_in_bounds(steps):
    """As many as are asked for are read once; of more, those that were used last are kept."""

    def asks(number):
        schema = {"type": "object", "title": str(number)}
        return asked(
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        )

    answer = said("{}")
    lines = [
        pair(i, request=asks(i), baseline=answer, candidate=answer) for i in range(SCHEMAS + 20)
    ]
    found = steps(*lines)

    assert SCHEMAS == len(steps.checker._schemas)
    assert all((1.0, 1.0) == values(step)["json_schema"] for step in found)


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "http://127.0.0.1:9/x"}, {"type": "nonsense"}, {"$schema": "urn:none"}],
)
def test_a_schema_that_cannot_be_used(steps, schema):
    """Nothing is fetched; any JSON will do, which is told."""
    asks = asked(
        tools=[{"type": "function", "function": {"name": "refund_order", "parameters": schema}}],
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    tool = said("", tool_calls=[call()])
    text, calls = steps(
        pair(1, request=asks, baseline=said("{}"), candidate=said("no")),
        pair(2, request=asks, baseline=tool, candidate=tool),
    )

    assert (1.0, 0.0) == values(text)["json"]
    assert (1.0, 1.0) == values(calls)["tool_calls"]
    assert "json_schema: a request's schema cannot be used" in str(dict(steps.checker.skipped))


def test_a_schema_that_takes_for_ever_is_given_up(steps, monkeypatch):
    """After three tries each further pair is a mishap at once: no verdict, and no endless run."""
    asked_of = []

    def slow(function, *arguments):
        asked_of.append(arguments)
        raise TimeoutError

    monkeypatch.setattr(_limited, "call", slow)
    schema = {"type": "string", "pattern": "(a+)+$"}
    asks = asked(
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    )
    answer = said(json.dumps("a" * 40 + "!"))
    found = steps(*(pair(i, request=asks, baseline=answer, candidate=answer) for i in range(20)))

    assert 3 == len(asked_of)
    assert [["CheckError"]] * 20 == [[m.kind for m in step.mishaps] for step in found]


def test_a_check_that_breaks_now_and_then_is_asked_again():
    """A hostile answer in a thousand cannot end the evidence of a check; each third would."""
    rare, often = Patience(), Patience()
    asked = [0, 0]
    for number in range(20_000):
        for at, (patience, every) in enumerate(((rare, 2000), (often, 3))):
            if not patience.over("regex", ""):
                asked[at] += 1
                if number % every == 0:
                    patience.broke("regex", "")

    assert 20_000 == asked[0]
    assert asked[1] < 100


def test_schemas_without_number_have_one_patience():
    """What breaks with a new schema each time is given up as a whole; memory is bounded."""
    patience = Patience()
    for number in range(5000):
        if not patience.over("json_schema", str(number)):
            patience.broke("json_schema", str(number))

    assert patience._broke["json_schema"] < 50
    assert len(patience._used) <= 1001


def test_a_check_stands_once(canary, steps):
    """Where a schema cannot be used, JSON of the configuration and JSON by itself are one check."""
    canary.configure(expect=["json"])
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    (step,) = steps(pair(request=asked(response_format=schema), baseline=said("{}")))

    assert ["finish_reason", "json"] == sorted(o.check for o in step.outcomes)


def test_known_keys_are_scrubbed(steps):
    """A key of the environment that an answer repeats does not reach the report."""
    secret = "abcdefgh-0123456789"
    (step,) = steps(
        pair(
            request=asked(response_format={"type": "json_object"}),
            baseline=said("{}"),
            candidate=said(f"the key is {secret}"),
        ),
        secrets=(secret,),
    )

    assert "[secret]" in str(step.outcomes)
    assert secret not in str(step)
