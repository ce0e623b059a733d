"""Calls in the text: every way in which models write them, and what only looks like one."""

import pytest

from pytest_quantguard.checks._hidden import hidden

NAMES = ["refund_order", "track_parcel"]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('<tool_call>\n{"name": "refund_order", "argu', "a <tool_call> tag"),
        ('<|tool_call|>[{"name": "refund_order"}]', "a <|tool_call|> token"),
        ('<tools>{"name": "refund_order"}</tools>', "a <tools> tag"),
        ("<function=refund_order><parameter=order_id>", "a <function=...> tag"),
        ('<invoke name="refund_order">', "an <invoke> tag"),
        ('<|python_tag|>{"name": "refund_order"', "a <|python_tag|> token"),
        ('[TOOL_CALLS]refund_order{"order_id": 1}', "a [TOOL_CALLS] token"),
        ("<start_function_call>call:refund_order{", "a <start_function_call> token"),
        ("<\uff5ctool\u2581calls\u2581begin\uff5c>refund_order", "a <tool_calls_begin> token"),
        ("<|channel|>commentary to=functions.refund_order", "a to=functions... header"),
        ('```tool_code\nrefund_order("1")\n```', "a ```tool_code fence"),
        ('```json\n{"name": "refund_order", "arguments": {}}\n```', "JSON in a ``` fence"),
        ('{"name": "refund_order", "parameters": {"order_id": 1}}', "JSON"),
        ('{"tool": "refund_order", "args": {}}', "JSON"),
        ('I will use refund_order(order_id="88213-A").', "code"),
        ('functions.refund_order({"order_id": "1"})', "code"),
        ("[refund_order()]", "code"),
        ("Now:\n  refund_order()\n", "code"),
        ("call:refund_order{order_id:5}", "code"),
    ],
)
def test_forms(text, form):
    """Each family's way to write a call is found and named, with the tool."""
    found = hidden(f"Let me see. {text}" if form != "code" else text, NAMES)

    assert (found.name, found.form) == ("refund_order", form)
    assert hidden(text, ["refund_order"], known_only=True).name == "refund_order"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Your refund is on its way.",
        "The tool refund_order can do that.",
        "You can call refund_order() to get your money back.",
        "refund_order (see the manual)",
        "my_refund_order(1)",
        '{"name": "Bob", "input": "x"}',
        '{"name": "refund_order"}',
    ],
)
def test_what_only_looks_like_a_call(text):
    """Prose about a tool, and JSON without arguments, are no calls."""
    assert hidden(text, NAMES) is None


@pytest.mark.parametrize(
    "text", ['<tool_call>{"name": "x"}', '{"name": "x", "arguments": {}}', "<|python_tag|>x"]
)
def test_a_marked_call_of_an_unknown_tool(text):
    """What is marked as a call is one, whatever the tool; unless only known ones count."""
    assert hidden(text, NAMES).name is None
    assert hidden(text, NAMES, known_only=True) is None


def test_the_first_of_several():
    """The place in the text decides, and the excerpt begins there."""
    found = hidden('track_parcel(id=1) <tool_call>{"name": "refund_order"', NAMES)

    assert (found.name, found.at) == ("track_parcel", 0)
    assert str(found) == (
        'a call of "track_parcel" stands in the text instead, as code: '
        '"track_parcel(id=1) <tool_call>{"name": "refund_order""'
    )


@pytest.mark.parametrize(
    "text",
    [
        " " * 10_000_000,
        '"name": "' * 100_000,
        '{"name": "x" ' * 20_000 + '"arguments":',
        "refund_order(" * 20_000,
        "refund_order( " + " " * 200_000,
        "refund_order" * 20_000 + "(",
        "[" * 200_000 + "refund_order()",
        "\n" * 200_000 + "refund_order()x",
        "call:" * 50_000,
        "\ud800\x1b" * 100_000,
    ],
    ids=lambda text: f"{text[:14]!a}",
)
def test_hostile_texts_are_searched_in_bounded_time(bounded, text):
    """No text makes the search slow, with a hundred tools to look for."""
    with bounded():
        hidden(text, [*NAMES, *(f"tool_{i}" for i in range(100)), "(a+)+", "", "\ud800"])
