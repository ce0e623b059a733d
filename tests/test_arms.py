"""Models that a test drives itself: what is sent, what is remembered, what is refused."""

from __future__ import annotations

import asyncio
import json

import pytest

from pytest_quantguard._drive import MOST_TURNS, Drive
from pytest_quantguard.engine.complete import Answer
from pytest_quantguard.errors import TransportError
from pytest_quantguard.functions.arms import ArmClient, QuantModel
from pytest_quantguard.types import EMPTY, Completion, ToolCall


class Server:
    """Answers in turn, then "fine"; remembers what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.jobs = []

    def __call__(self, job):
        self.jobs.append(job)
        answer = self.answers.pop(0) if self.answers else Completion(text="fine")
        if isinstance(answer, Exception):
            return Answer(key="k", error=answer)
        return Answer(key="k", completion=answer)

    @property
    def sent(self):
        return self.jobs[-1].request.body()


def calls(*pairs):
    """An answer that calls tools: (name, arguments as text)."""
    return Completion(
        text="", tool_calls=tuple(ToolCall(name=n, arguments_text=a) for n, a in pairs)
    )


def model(server, *, repeat=0, evidence=False, **options):
    drive = Drive("awq-int4", server, repeat=repeat, evidence=evidence)
    client = QuantModel(None, {"temperature": 0}, **options)
    client.turn_to(drive)
    return client


# --- conversations ------------------------------------------------------------------------


def test_everything_that_was_said_is_sent_again():
    """System message first, then turn by turn; parameters hold for all turns."""
    server = Server(Completion(text="Hi."), Completion(text="Bye."))
    chat = model(server).chat(system="Be brief.", max_tokens=9)
    chat.say("Hello?")
    answer = chat.say("And now?")

    assert "Bye." == answer.text
    assert {"temperature": 0, "max_tokens": 9} == server.jobs[0].request.params
    assert ["Be brief.", "Hello?", "Hi.", "And now?"] == [
        m["content"] for m in server.sent["messages"]
    ]
    assert ["system", "user", "assistant", "user", "assistant"] == [
        m["role"] for m in chat.messages
    ]


def test_a_tool_call_is_replayed_with_an_id_that_its_result_names():
    """Ids are counted, so that the same conversation is the same request in every run."""
    server = Server(calls(("refund", '{"id": 1}')), calls(("mail", "{}")), Completion(text="Done."))
    chat = model(server).chat()
    first = chat.say("Refund it")
    second = chat.tool_result(first.tool_call("refund"), {"status": "ok", "ä": [1, 2]})
    chat.tool_result(second.tool_call(), "sent")

    assistant, result, _, last = server.sent["messages"][1:]
    assert {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "refund", "arguments": '{"id": 1}'},
            }
        ],
    } == assistant
    assert {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": '{"status": "ok", "ä": [1, 2]}',
    } == (result)
    assert ("call_2", "sent") == (last["tool_call_id"], last["content"])


def test_parallel_calls_are_answered_together():
    """Servers want a result for each; two calls that look alike are two calls."""
    server = Server(calls(("look", '{"n": 1}'), ("look", '{"n": 1}')))
    chat = model(server).chat()
    one, other = chat.say("Look twice").tool_calls
    chat.tool_results((other, "second"), (one, "first"))

    assert [("call_2", "second"), ("call_1", "first")] == [
        (m["tool_call_id"], m["content"]) for m in server.sent["messages"] if m["role"] == "tool"
    ]


def test_a_call_that_nobody_answers_is_the_models_failure():
    """The test expected one call, or words: that is a property of the model."""
    server = Server(calls(("refund", "{}"), ("mail", "{}")), calls(("mail", "{}")))
    chat = model(server).chat()
    first = chat.say("Refund it")
    with pytest.raises(AssertionError, match="the model also called 'mail'"):
        chat.tool_result(first.tool_calls[0], "ok")

    chat = model(server).chat()
    chat.say("Refund it")
    with pytest.raises(AssertionError, match="the model called 'mail' and waits for the result"):
        chat.say("And now?")


@pytest.mark.parametrize("arguments", ['{"id": ', "[1]", "nonsense", "[" * 100_000])
def test_a_call_whose_arguments_are_no_json_is_the_models_failure(arguments):
    """Sent back as it is, a server would refuse it: then nobody could tell whose fault it was."""
    chat = model(Server(calls(("refund", arguments)))).chat()
    call = chat.say("Refund it").tool_calls[0]

    with pytest.raises(AssertionError, match="are no JSON object"):
        chat.tool_result(call, "ok")


def test_a_call_without_arguments_is_sent_as_an_empty_object():
    """Some servers leave the text empty where a tool takes nothing."""
    server = Server(calls(("ping", "")))
    chat = model(server).chat()
    chat.tool_result(chat.say("Ping").tool_call(), "pong")

    assert "{}" == server.sent["messages"][1]["tool_calls"][0]["function"]["arguments"]


def test_a_result_for_another_call_is_the_tests_mistake():
    """As is a second result for the same call, and a value that is no JSON."""
    chat = model(Server(calls(("refund", "{}")))).chat()
    call = chat.say("Refund it").tool_call()
    with pytest.raises(ValueError, match="is no call of the last answer"):
        chat.tool_result(ToolCall(name="other", arguments_text="{}"), "ok")
    with pytest.raises(ValueError, match="the result of 'refund' cannot be sent"):
        chat.tool_result(call, {"x": object()})
    chat.tool_result(call, "ok")
    with pytest.raises(ValueError, match="is no call of the last answer"):
        chat.tool_result(call, "ok")


def test_messages_are_a_copy():
    """Nobody rewrites history by accident."""
    server = Server()
    chat = model(server).chat(messages=[{"role": "user", "content": "a"}])
    chat.messages.append({"role": "user", "content": "b"})
    chat.messages[0]["content"] = "c"

    assert [{"role": "user", "content": "a"}] == chat.messages


# --- one question -------------------------------------------------------------------------


def test_a_model_begins_with_what_its_case_says():
    """System message and tools of the decorator, unless the test says otherwise."""
    tool = {"type": "function", "function": {"name": "refund"}}
    server = Server()
    client = model(server, system="From the case.", tools=[tool])
    client.complete("Hello?")
    from_case = server.sent
    client.complete("Hello?", system="Mine.", tools=[])

    assert ["From the case.", [tool]] == [from_case["messages"][0]["content"], from_case["tools"]]
    assert "Mine." == server.sent["messages"][0]["content"]
    assert "tools" not in server.sent


def test_functions_can_be_tools():
    """Their signature becomes the schema."""

    def refund(order_id: str):
        """Refund an order."""

    server = Server()
    model(server).complete("Hello?", tools=[refund])

    assert "refund" == server.sent["tools"][0]["function"]["name"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there is nothing to ask: give a prompt or messages"),
        ({"system": "x"}, "there is nothing to ask"),
        ({"prompt": ""}, "needs a text that is not empty"),
        ({"prompt": "x", "max_token": 3}, "unknown request parameter 'max_token'; did you mean"),
        ({"prompt": "x", "stop": {1}}, "cannot be written as JSON"),
        ({"prompt": "x", "temperature": float("nan")}, "cannot be written as JSON"),
        ({"prompt": "x", "tools": [3]}, "3 is no tool"),
    ],
)
def test_a_mistake_of_the_test_asks_nothing(given, message):
    """A ValueError with a sentence."""
    server = Server()
    with pytest.raises(ValueError, match=message):
        model(server).complete(**given)

    assert [] == server.jobs


def test_what_asyncio_awaits_is_the_same():
    """Questions asked side by side; the conversation's methods too."""
    server = Server(*[Completion(text="fine")] * 2, calls(("a", "{}")))
    client = model(server)

    async def ask():
        both = await asyncio.gather(client.acomplete("a"), client.acomplete("b"))
        chat = client.chat()
        call = (await chat.asay("c")).tool_call()
        return [*both, await chat.atool_result(call, "d")]

    assert ["fine"] * 3 == [completion.text for completion in asyncio.run(ask())]


# --- runs ---------------------------------------------------------------------------------


def test_each_repeat_has_its_own_seed_and_draw():
    """As the repeats of a golden case have."""
    server = Server()
    model(server, repeat=2).complete("x", seed=7)

    assert (9, 2) == (server.jobs[0].request.params["seed"], server.jobs[0].repeat)


def test_an_empty_answer_ends_a_run_that_is_evidence():
    """Silence satisfies nothing; a test by hand may look at it."""
    with pytest.raises(AssertionError, match=EMPTY):
        model(Server(Completion(text=" ")), evidence=True).complete("x")

    assert model(Server(Completion(text=" ")), evidence=False).complete("x").empty


def test_an_answer_that_could_not_be_had_is_raised_and_remembered():
    """Even if the test passes over it."""
    drive = Drive("awq-int4", Server(TransportError("reset")))
    client = ArmClient("candidate", drive, {})
    with pytest.raises(TransportError, match="reset"):
        client.complete("x")

    assert "reset" in str(drive.error)


def test_a_model_is_only_asked_in_the_body_of_its_test():
    """Not in fixtures, which run once for both arms; nor by a conversation of another run."""
    with pytest.raises(RuntimeError, match="can only be asked in the body of a quant_case test"):
        QuantModel(None, {}).complete("x")
    client = model(Server())
    chat = client.chat()
    client._drive.over = True
    with pytest.raises(RuntimeError, match="belongs to a run of the test that is over"):
        chat.say("x")


def test_a_loop_without_an_end_is_stopped():
    """It would cost money for ever."""
    client = model(Server())
    for i in range(MOST_TURNS):
        client.complete(str(i))
    with pytest.raises(RuntimeError, match=f"asked {MOST_TURNS} times in one run"):
        client.complete("x")


def test_a_replay_gives_the_same_answers_and_asks_nobody():
    """What was not asked before is not asked then either."""
    server = Server(Completion(text="one"))
    drive = Drive("v", server, repeat=3)
    client = ArmClient("baseline", drive, {"seed": 1})
    client.complete("a")
    again = ArmClient("baseline", drive.replay(), {"seed": 1})

    assert "one" == again.complete("a").text
    with pytest.raises(LookupError):
        again.complete("b")
    assert 1 == len(server.jobs)


def test_names_that_failure_texts_show():
    """Short; and a body that judges both arms is not told which one it is."""
    assert "<quant_candidate awq-int4>" == repr(
        ArmClient("candidate", Drive("awq-int4", Server()), {})
    )
    assert "<quant_model>" == repr(model(Server()))
    assert "<conversation of 1 messages>" == repr(model(Server()).chat(system="x"))


def test_hostile_answers_are_remembered_as_they_are():
    """A lone surrogate, control characters, huge names: what is sent stays valid JSON."""
    server = Server(
        Completion(
            text="\ud800\x00\x1b[31m", tool_calls=(ToolCall(name="\x1b" * 9, arguments_text="{}"),)
        )
    )
    chat = model(server).chat()
    call = chat.say("x").tool_calls[0]
    chat.tool_result(call, "\ud800")

    assert server.jobs[1].request.canonical().isascii()
    assert json.loads(server.jobs[1].request.canonical())
