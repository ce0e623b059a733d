"""The decorator that makes a test function a golden case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Never

import pytest

NO_PARENTHESES = "write @quant_case(cohort=..., prompt=...), with parentheses"


def quant_case(
    *bare: Never,
    cohort: str | None = None,
    prompt: str | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    system: str | None = None,
    tools: Sequence[Any] | None = None,
    request: Mapping[str, Any] | None = None,
    expect: Sequence[Any] | None = None,
    vars: Mapping[str, Any] | None = None,
    check: str | None = None,
    critical: bool | None = None,
    weight: float | None = None,
    samples: int | None = None,
    tags: Sequence[str] | None = None,
    reference: str | None = None,
    **unknown: Never,
) -> pytest.MarkDecorator:
    """Make a test function a golden case whose body is the property.

    The body runs once on the baseline's completion and once on each candidate's, which it
    receives through the ``completion`` fixture. An AssertionError means that the property does
    not hold for that arm; any other exception is an error of the test, never the model's.

        @quant_case(cohort="tool-calling", prompt="Refund order 88213-A", tools=[refund_order])
        def test_refund(completion):
            assert completion.tool_call("refund_order").arguments["order_id"] == "88213-A"

    A test that takes ``quant_model`` instead asks for itself, for several turns; then ``system``,
    ``tools`` and ``request`` are what its conversations begin with.

    What is left out is taken from the class or the module (``pytestmark = quant_case(...)``), and
    a parameter set may bring its own (``pytest.param(..., marks=quant_case(critical=True))``).
    Lists of ``expect`` and ``tags`` are joined, ``request`` and ``vars`` laid over each other; of
    everything else the innermost counts.

    Args:
        cohort: the label under which the case is budgeted.
        prompt: the user message; or give ``messages``.
        messages: a whole conversation in the words of the OpenAI chat API.
        system: a system message put first.
        tools: OpenAI tool definitions, pydantic models, dataclasses, TypedDicts or functions with
            type annotations; see `tool`.
        request: parameters for this case, over the configured ones.
        expect: checks beside the body, as in a golden file: ``"json"``, ``{"length":
            {"max_chars": 200}}``, or check objects. With them the body may be empty.
        vars: what ``{{name}}`` stands for in prompt, messages, system, expect, reference, tags and
            cohort; the arguments of ``parametrize`` can be named there too.
        check: the name under which reports and budgets know the body's property, a label as a
            cohort is; "python" unless given. Cases of a cohort that share it are judged together;
            one case alone can never decide a budget.
        critical: one regression fails this test, whatever the budgets say.
        weight: how much the case counts, above 0; 1 unless given.
        samples: repeats asked of each arm, 1 to 100; 1 unless given.
        tags: free labels.
        reference: a right answer, word for word, that no model wrote, without white space around
            it; each arm is asked how likely it finds it.
    """
    given = {
        "cohort": cohort,
        "prompt": prompt,
        "messages": messages,
        "system": system,
        "tools": tools,
        "request": request,
        "expect": expect,
        "vars": vars,
        "check": check,
        "critical": critical,
        "weight": weight,
        "samples": samples,
        "tags": tags,
        "reference": reference,
    }
    # Only what was given, so that an inner marker leaves alone what it does not speak of.
    said = {name: value for name, value in given.items() if value is not None}
    if bare and callable(bare[0]):  # without parentheses: said at collection, with file and line
        marked: pytest.MarkDecorator = pytest.mark.quant_case(NO_PARENTHESES)(bare[0])
        return marked
    return pytest.mark.quant_case(*bare, **said, **unknown)


def markers_of(item: pytest.Item) -> list[pytest.Mark]:
    """Return an item's ``quant_case`` markers, outermost first: module, classes, decorators, sets.

    A subclass comes after its bases, a decorator after those above it.
    """
    found: list[pytest.Mark] = []
    for node in item.listchain():
        own = [mark for mark in node.own_markers if mark.name == "quant_case"]
        if isinstance(node, pytest.Class):
            bases = [_own(base) for base in reversed(node.obj.__mro__)]
            ranks = {id(mark): rank for rank, marks in enumerate(bases) for mark in marks}
            own.reverse()
            own.sort(key=lambda mark: ranks.get(id(mark), len(ranks)))
        elif node is item:
            sets = {id(mark) for mark in getattr(getattr(item, "callspec", None), "marks", ())}
            own.reverse()
            own.sort(key=lambda mark: id(mark) in sets)
        found += own
    return found


def _own(cls: type) -> list[pytest.Mark]:
    marks: Any = vars(cls).get("pytestmark", [])
    marks = marks if isinstance(marks, list) else [marks]
    return [getattr(mark, "mark", mark) for mark in marks]
