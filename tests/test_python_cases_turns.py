"""Tests that ask for themselves, for several turns: evidence like any other."""

from __future__ import annotations

import json

import pytest

from gate_project import GateProject
from scripted_server import USAGE, ScriptedServer, answers, event, piece, says

IMPORTS = """
import pytest
from pytest_quantguard import quant_case

def refund_order(order_id: str):
    "Refund an order."

"""

TURNS = (
    IMPORTS
    + """
@pytest.mark.parametrize("n", range(20))
@quant_case(cohort="py", tools=[refund_order], system="You are a help desk.", {more})
def test_refund(quant_model, n):
    chat = quant_model.chat(seed=1)
    call = chat.say(f"Refund order {{n}}-A").tool_call("refund_order")
    assert call.arguments["order_id"] == f"{{n}}-A"
    last = chat.tool_result(call, {{"status": "done"}})
    assert f"{{n}}-A" in last.text
"""
)


def calls(arguments):
    """Answer with one tool call."""
    call = {"index": 0, "id": "x", "function": {"name": "refund_order", "arguments": arguments}}
    events = [
        event(piece({"role": "assistant", "tool_calls": [call]})),
        event(piece({}, "tool_calls")),
        event({"model": "scripted", "choices": [], "usage": USAGE}),
        event("[DONE]"),
    ]
    return lambda exchange: exchange.stream("".join(events))


def desk(exchange):
    """Refund what is asked for; the candidate forgets in the last turn which order it was."""
    body = json.loads(exchange.body)
    order = body["messages"][1]["content"].split()[-1]
    last = body["messages"][-1]
    if last["role"] == "user":
        calls(json.dumps({"order_id": order}))(exchange)
    elif body["model"] == "cand" and int(order.split("-")[0]) % 2:
        says("Refunded.")(exchange)
    else:
        says(f"Refunded {order}.")(exchange)


@pytest.fixture
def project(tmp_path):
    """A project of Python cases alone."""
    with ScriptedServer(default=desk) as server:
        project = GateProject(tmp_path, server)
        (tmp_path / "golden" / "faq.quant.yaml").unlink()
        project.config(server.url, budgets=[{"max_drop": "20 pt"}])
        yield project


def outcomes(run):
    """Return the tests of the report that are cases, by name."""
    path = run._folder / "quant-report" / "report.json"
    tests = json.loads(path.read_text("utf-8"))["results"]["tests"]
    return {test["name"]: test for test in tests if "test_py" in test["name"]}


def sent(run):
    """Return how many completions were asked of each variant."""
    return {name: c["sent"] for name, c in run.report["provenance"]["requests"].items()}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_conversation_is_paired_evidence(project, workers):
    """Each model is asked turn by turn, once per turn; the loss is counted and shown."""
    project.write("tests/test_py.py", TURNS.format(more=""))
    run = project.run("--quant-underpowered=allow", *workers)

    assert 1 == run.code, run.output
    assert {"cand": "fail"} == run.verdicts
    assert run.has(
        "10 of 20 regressed",
        "assert '1-A' in 'Refunded.'; last.text is \"Refunded 1-A.\" in the baseline, "
        '"Refunded." in the candidate',
    )
    assert {"base": 40, "cand": 40} == sent(run)
    assert 80 == project.server.requests
    if not workers:
        assert run.has("20 cases, 1 cohort, 20 of several turns, whose requests come on top")


def test_what_the_server_is_sent(project):
    """System message, tools from the function, and the call with the id that its result names."""
    project.write("tests/test_py.py", TURNS.format(more=""))
    project.run("--quant-underpowered=allow", "-k", "refund and 0")

    body = next(b for b in project.server.bodies if len(b["messages"]) == 4)
    system, _, assistant, result = body["messages"]
    assert {"role": "system", "content": "You are a help desk."} == system
    assert "call_1" == assistant["tool_calls"][0]["id"] == result["tool_call_id"]
    assert "refund_order" == body["tools"][0]["function"]["name"]
    assert (0, 1) == (body["temperature"], body["seed"])


def test_a_second_run_asks_nothing(project):
    """Every turn is in the cache, under what was said before."""
    project.write("tests/test_py.py", TURNS.format(more=""))
    first = project.run("--quant-underpowered=allow").report
    again = project.run("--quant-underpowered=allow")

    assert 40 == first["provenance"]["requests"]["cand"]["sent"]
    assert {"base": 0, "cand": 0} == sent(again)
    assert first["candidates"][0]["budgets"] == again.report["candidates"][0]["budgets"]


def test_repeats_are_runs_of_their_own(project):
    """Own seeds and draws; the values are averaged per case."""
    project.write("tests/test_py.py", TURNS.format(more="samples=3"))
    run = project.run("--quant-underpowered=allow")

    assert {"base": 120, "cand": 120} == sent(run)
    assert {1, 2, 3} == {body["seed"] for body in project.server.bodies}
    (row,) = [row for row in run.report["candidates"][0]["budgets"] if row["max_drop"]]
    assert 20 == row["cases"]


def test_a_critical_conversation_is_run_again_before_it_fails(project):
    """Twice more on both models; the sentence shows both answers."""
    project.write("tests/test_py.py", TURNS.format(more="critical=True"))
    run = project.run("--quant-underpowered=allow", "-k", "refund and (0 or 1) and not 1-")

    assert 1 == run.code, run.output
    assert run.has("critical case regressed on cand", '"Refunded 1-A." in the baseline')
    repeats = {body["seed"] for body in project.server.bodies if "1-A" in str(body["messages"][1])}
    assert {1, 2, 3} == repeats


FAILS = (
    IMPORTS
    + """
@pytest.mark.parametrize("n", range(10))
@quant_case(cohort="py")
def test_it(quant_model, n):
    chat = quant_model.chat()
    {first}
    assert chat.say(f"second {{n}}").text
"""
)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    "first",
    [
        "chat.say('first')",
        "\n    try: chat.say(f'refuse {n}')\n    except Exception: pass\n",
    ],
    ids=["raised", "swallowed"],
)
def test_an_answer_that_cannot_be_had_is_no_lost_case(tmp_path, first, workers):
    """A request that the server refuses is a mishap of that arm, in whatever turn it happens."""

    def refuses(exchange):
        body = json.loads(exchange.body)
        text = body["messages"][-1]["content"]
        if body["model"] == "cand" and text.startswith(("refuse", "second")):
            answers(400, '{"error": {"message": "too long"}}')(exchange)
        else:
            says("fine")(exchange)

    with ScriptedServer(default=refuses) as server:
        project = GateProject(tmp_path, server)
        (tmp_path / "golden" / "faq.quant.yaml").unlink()
        project.write("tests/test_py.py", FAILS.format(first=first))
        run = project.run("--quant-underpowered=allow", *workers)

    assert 1 == run.code, run.output
    assert {"cand": "error"} == run.verdicts
    assert run.has("10 of 10 checks had no answer to judge (10 RefusedError", "too long")


def test_an_empty_answer_never_holds(tmp_path):
    """Whatever the test makes of it."""
    with ScriptedServer(default=says("")) as server:
        project = GateProject(tmp_path, server)
        (tmp_path / "golden" / "faq.quant.yaml").unlink()
        project.write(
            "tests/test_py.py",
            FAILS.format(
                first="\n    with pytest.raises(AssertionError): chat.say('x')\n    return\n"
            ),
        )
        run = project.run("--quant-underpowered=allow")

    assert {"cand": "error"} == run.verdicts
    assert run.has("every answer of the baseline is empty")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("assert quant_model", "the test takes 'quant_model' and asked it nothing"),
        ("assert quant_model.complete('x').oops", "AttributeError"),
        (
            "quant_model.complete('x', max_token=1)",
            "unknown request parameter 'max_token'; did you",
        ),
        ("pytest.skip(quant_model.complete('x').text)", "the test raised Skipped"),
        (
            "while quant_model.complete(str(len(SEEN))): SEEN.append(1)",
            "asked 200 times in one run",
        ),
        ("KEPT.append(quant_model.chat()); KEPT[0].say('x')", "a run of the test that is over"),
    ],
)
def test_a_mistake_of_the_test_is_an_error_not_a_regression(project, body, message):
    """With its line; nothing is said about the model."""
    project.write(
        "tests/test_py.py",
        f"{IMPORTS}SEEN, KEPT = [], []\n\n@quant_case(cohort='py')\n"
        f"def test_it(quant_model):\n    {body}\n",
    )
    project.server.default = says("fine")
    run = project.run("--quant-underpowered=allow")

    assert 1 == run.code, run.output
    assert {"cand": "error"} == run.verdicts
    assert run.has(message)
    assert "Traceback" not in run.output


def test_a_fixture_cannot_ask(project):
    """It runs once; the body runs once per arm. A helper that asks later is fine."""
    project.server.default = says("fine")
    text = IMPORTS + (
        "@pytest.fixture\ndef desk(quant_model):\n    {0}\n"
        "    return lambda text: quant_model.complete(text).text\n\n"
        "@quant_case(cohort='py')\n"
        "def test_it(quant_model, desk):\n    assert desk('x') == 'fine'\n"
    )
    project.write("tests/test_py.py", text.format("quant_model.chat()"))
    wrong = project.run("--quant-underpowered=allow")
    project.write("tests/test_py.py", text.format("pass"))
    right = project.run("--quant-underpowered=allow")

    assert wrong.has("'quant_model' can only be asked in the body of a quant_case test")
    assert wrong.code not in (0, 10)
    assert right.has("1 of 1 planned checks were compared")


def test_a_model_outside_of_a_case_is_an_error(project):
    """Nobody would know what to do with the outcome."""
    project.write("tests/test_py.py", "def test_it(quant_model):\n    assert quant_model\n")
    run = project.run()

    assert run.has("takes 'quant_model' but is no quant_case; decorate it with @quant_case(cohort=")
    assert run.code not in (0, 10)


def test_with_the_gate_off_it_is_skipped(project):
    """An ordinary pytest run stays green, and asks nothing."""
    project.write("tests/test_py.py", TURNS.format(more=""))
    run = project.run("-rs", candidate=None)

    assert 0 == run.code, run.output
    assert run.has("20 skipped", "the gate is off")
    assert 0 == project.server.requests


def test_what_a_conversation_costs(project):
    """A case costs what all its turns cost; latency and length are those of a turn."""
    both = {"provider": "openai", "base_url": project.server.url, "timeout_s": 10}
    price = {"price": {"input": 1_000_000, "output": 0}}
    project.config(
        project.server.url,
        variants={name: {**both, **price, "model": name} for name in ("base", "cand")},
    )
    project.write("tests/test_py.py", TURNS.format(more="samples=2"))
    run = project.run("--quant-underpowered=allow")

    measured = run.report["candidates"][0]["measurements"][0]
    assert 2 * USAGE["prompt_tokens"] == measured["baseline"]["cost"]
    assert USAGE["prompt_tokens"] == measured["baseline"]["prompt_tokens"]
    assert measured["baseline"]["live"]


def test_another_prompt_length_is_not_comparable(project):
    """The first turn is the same question for both models."""

    def reply(exchange):
        prompt = 9 if b'"cand"' in exchange.body else 5
        usage = {"prompt_tokens": prompt, "completion_tokens": 1}
        choice = {"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
        exchange.answer(200, json.dumps({"choices": [choice], "usage": usage}))

    project.server.default = reply
    project.write(
        "tests/test_py.py",
        IMPORTS
        + "@quant_case(cohort='py')\n"
        + "def test_it(quant_model):\n    assert quant_model.complete('x')\n",
    )
    run = project.run("--quant-underpowered=allow")

    assert {"cand": "not comparable"} == run.verdicts
    assert run.has("in 1 of 1 case", "the same prompt is 5 tokens for the baseline and 9 for")


def test_several_candidates_and_the_baseline_against_itself(project):
    """The baseline's body runs once for all of them."""
    both = {"provider": "openai", "base_url": project.server.url, "timeout_s": 10}
    names = ("base", "cand", "good")
    project.config(
        project.server.url,
        variants={n: {**both, "model": n, "revision": n} for n in names},
    )
    project.write("tests/test_py.py", TURNS.format(more=""))
    run = project.run("--quant-underpowered=allow", "--quant-candidate=good", "--quant-null")

    assert "fail" == run.verdicts["cand"]
    assert {"pass", "inconclusive"} >= {run.verdicts["good"]}
    assert {40} == set(sent(run).values())


def test_a_sequential_run_holds_conversations_back(project):
    """Nothing is asked of a look that is not needed any more."""
    project.config(project.server.url, budgets=[{"max_drop": "20 pt"}])
    text = TURNS.format(more="").replace("range(20)", "range(60)").replace('f"{n}-A" in', '"-A" in')
    project.write("tests/test_py.py", text)
    project.server.default = lambda exchange: (
        says("Refunded.")(exchange)
        if b'"cand"' in exchange.body and b'"role":"tool"' in exchange.body
        else desk(exchange)
    )
    run = project.run("--quant-sequential", "--quant-underpowered=allow", "-n", "2")

    assert 1 == run.code, run.output
    assert {"cand": "fail"} == run.verdicts
    look = run.report["provenance"]["sequential"]["look"]
    assert look < 5
    assert project.server.requests == look * 12 * 4
