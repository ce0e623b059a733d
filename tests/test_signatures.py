"""Tool definitions from functions and classes."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict

import pytest

from pytest_quantguard import tool
from pytest_quantguard.functions.signatures import tools_of


class Reason(enum.Enum):
    BROKEN = "broken"
    LATE = "late"


OrderId = NewType("OrderId", str)


@dataclasses.dataclass
class Address:
    """Where it goes."""

    street: str
    zip: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)


class Line(TypedDict):
    sku: str
    n: NotRequired[int]


def parameters(function):
    return tool(function)["function"]["parameters"]


def of(hint: Any) -> Any:
    """The schema of one type."""

    def function(x):
        """Do it."""

    function.__annotations__ = {"x": hint}
    return parameters(function)["properties"]["x"]


def test_a_function_becomes_a_tool():
    """Name, first paragraph, arguments in their order, defaults, and what is required."""

    def refund_order(order_id: str, amount: float = 1.5, *, reason: Reason = Reason.LATE) -> str:
        """Refund an order,
        or a part of it.

        Only for managers.
        """

    assert {
        "type": "function",
        "function": {
            "name": "refund_order",
            "description": "Refund an order, or a part of it.",
            "parameters": {
                "type": "object",
                "properties": {
                    "order_id": {"type": "string"},
                    "amount": {"type": "number", "default": 1.5},
                    "reason": {"enum": ["broken", "late"], "type": "string", "default": "late"},
                },
                "required": ["order_id"],
                "additionalProperties": False,
            },
        },
    } == tool(refund_order)
    assert ["order_id", "amount", "reason"] == list(parameters(refund_order)["properties"])


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (dict, {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, Any], {"type": "object", "additionalProperties": {}}),
        (Literal["a", "b"], {"enum": ["a", "b"], "type": "string"}),
        (Literal[1, "b", None], {"enum": [1, "b", None]}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Reason, {"enum": ["broken", "late"], "type": "string"}),
        (OrderId, {"type": "string"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (Annotated[str, "such as 88213-A"], {"type": "string", "description": "such as 88213-A"}),
        (
            Line,
            {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}},
                "required": ["sku"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_types_have_their_schemas(hint, schema):
    """Python's own types need no library."""
    assert schema == of(hint)


def test_dataclasses_are_tools_and_arguments():
    """A docstring that dataclasses make up is none."""

    @dataclasses.dataclass
    class Bare:
        x: int

    assert "Where it goes." == tool(Address)["function"]["description"]
    assert "description" not in tool(Bare)["function"]
    assert ["street"] == parameters(Address)["required"]
    assert [] == parameters(Address)["properties"]["tags"]["default"]
    assert "Where it goes." == of(Address)["description"]


def test_a_definition_stays_as_it_is():
    """Key order and all: a production tool is asked as production asks it."""
    given = {"type": "function", "function": {"parameters": {"b": 1, "a": 2}, "name": "x"}}

    assert json.dumps(given) == json.dumps(tool(given))
    assert ("y", "z") == (
        tool(given, name="y")["function"]["name"],
        tool(given, description="z")["function"]["description"],
    )


def test_name_and_description_can_be_given():
    """Where the function's own are not what the model knows."""

    def f(x: int):
        """Old."""

    found = tool(f, name="refund", description="New.")["function"]

    assert ("refund", "New.") == (found["name"], found["description"])


def test_the_same_declaration_gives_the_same_text():
    """The cache key depends on it: keywords are sorted, arguments stay in their order."""

    def f(b: dict[str, int], a: str = "x"):
        """Do it."""

    text = json.dumps(tool(f))

    assert text == json.dumps(tool(f))
    assert (
        '{"type": "function", "function": {"description": "Do it.", "name": "f", "parameters": '
        '{"additionalProperties": false, "properties": {"b": {"additionalProperties": {"type": '
        '"integer"}, "type": "object"}, "a": {"default": "x", "type": "string"}}, "required": '
        '["b"], "type": "object"}}}'
    ) == text


class Odd:
    pass


@dataclasses.dataclass
class Nested:
    inner: Nested | None = None


def untyped(x, y: int):
    pass


def many(*x: int):
    pass


def odd(x: Odd):
    pass


def keys(x: dict[int, str]):
    pass


def nowhere(x: Nowhere):  # noqa: F821
    pass


def choices(x: Literal[b"a"]):
    pass


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (untyped, "parameter 'x' of untyped has no type; write one, such as x: str"),
        (many, "parameter 'x' of many cannot be given by name"),
        (odd, "the type of parameter 'x' of odd, Odd, has no JSON Schema"),
        (keys, "parameter 'x' of keys is a map whose keys are no texts"),
        (nowhere, "the types of nowhere cannot be read: name 'Nowhere' is not defined"),
        (choices, "parameter 'x' of choices has a choice that is no text, number, boolean or null"),
        (Nested, "contains itself, or is too deep"),
        (Odd, "Odd is no tool: a class has to be a pydantic model, a dataclass or a TypedDict"),
        (3, "3 is no tool"),
        ("refund", "'refund' is no tool"),
        (lambda x: 1, "cannot be a tool: its name has to be letters, digits"),
    ],
)
def test_what_has_no_schema_is_refused_by_name(thing, message):
    """The parameter and its type are named."""
    with pytest.raises(ValueError, match=re.escape(message)):
        tool(thing)


def test_tools_have_different_names():
    """A call could not be told apart."""

    def f(x: int):
        pass

    with pytest.raises(ValueError, match="two tools are called 'f'"):
        tools_of([f, {"type": "function", "function": {"name": "f"}}])
    with pytest.raises(ValueError, match="tools are a list of tools"):
        tools_of({"f": f})


# --- pydantic -----------------------------------------------------------------------------


class Likeness:
    """Has what a pydantic model has, where pydantic is not installed."""

    @classmethod
    def model_json_schema(cls):
        return {
            "title": "Likeness",
            "description": "Has what a pydantic model has.",
            "type": "object",
            "properties": {"b": {"$ref": "#/$defs/Item"}, "a": {"type": "string"}},
            "required": ["b"],
            "$defs": {"Item": {"type": "object"}, "Ape": {"type": "object"}},
        }


def test_a_model_is_known_by_its_method():
    """No import of ours; definitions move to the tool, names and text to where tools have them."""
    found = tool(Likeness)["function"]

    assert "Has what a pydantic model has, where pydantic is not installed." == found["description"]
    assert {"properties", "required", "type", "$defs"} == set(found["parameters"])
    assert ["Ape", "Item"] == list(found["parameters"]["$defs"])
    assert ["b", "a"] == list(found["parameters"]["properties"])


def test_a_model_as_an_argument_is_a_reference():
    """Its definitions count from the tool's root."""

    def f(x: Likeness, y: Likeness):
        pass

    found = parameters(f)

    assert {"$ref": "#/$defs/Likeness"} == found["properties"]["x"] == found["properties"]["y"]
    assert ["Ape", "Item", "Likeness"] == list(found["$defs"])


def test_without_pydantic_an_unknown_type_says_what_would_help(monkeypatch):
    """Nothing is needed for Python's own types."""
    monkeypatch.setitem(sys.modules, "pydantic", None)

    with pytest.raises(ValueError, match="pydantic is not installed, which may know it"):
        tool(odd)


def test_real_pydantic_models():
    """Constraints, nested models, models that contain themselves, and types that pydantic knows."""
    pydantic = pytest.importorskip("pydantic")

    class Item(pydantic.BaseModel):
        sku: str = pydantic.Field(pattern="^[0-9]+$")

    class Refund(pydantic.BaseModel):
        """Refund an order."""

        items: list[Item]
        amount: float = pydantic.Field(default=1.0, ge=0)

    tree = pydantic.create_model("Tree", kids=(list["Tree"], ...))  # noqa: F821
    tree.model_rebuild(_types_namespace={"Tree": tree})

    def f(x: Annotated[int, pydantic.Field(ge=1, description="how many")], y: Item, z: bytes = b""):
        pass

    f.__annotations__ = {
        "x": Annotated[int, pydantic.Field(ge=1, description="how many")],
        "y": Item,
        "z": bytes,
    }

    assert "Refund an order." == tool(Refund)["function"]["description"]
    assert "^[0-9]+$" == parameters(Refund)["$defs"]["Item"]["properties"]["sku"]["pattern"]
    assert "object" == parameters(tree)["type"]
    assert {"type": "integer", "minimum": 1, "description": "how many"} == parameters(f)[
        "properties"
    ]["x"]
    assert {"$ref": "#/$defs/Item"} == parameters(f)["properties"]["y"]
    assert "binary" == parameters(f)["properties"]["z"]["format"]
