"""DeepEval goldens: JSON, JSON lines and CSV, as ``EvaluationDataset.save_as`` writes them.

Format (https://deepeval.com/docs/evaluation-datasets): input, expected_output, context,
retrieval_context, expected_tools, tools_called, additional_metadata, name. A golden holds no
metric: what must hold of an answer is in the code that evaluates it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_quantguard.importers._datasets import labels_of, note_metadata, prompt_of, structured
from pytest_quantguard.importers._drafts import (
    COMPLETE,
    call_spec,
    calls_check,
    reference_of,
)
from pytest_quantguard.importers._lines import kind, records
from pytest_quantguard.importers._records import (
    Draft,
    Format,
    Loss,
    Note,
    Sample,
    Source,
    rest,
)
from pytest_quantguard.types import Json

_READ = (
    "input",
    "expected_output",
    "context",
    "retrieval_context",
    "expected_tools",
    "additional_metadata",
    "name",
    "actual_output",
    "tools_called",
    "source_file",
)
_OTHER = "golden cases have nothing like it"
_MODEL_WROTE = "a model gave it; the gate asks the models itself"
_DELIMITERS = {"context": "|", "retrieval_context": "|"}


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield a case for each golden; goldens of conversations are a loss."""
    for path, name in source.files:
        for place, record in records(path, name, note):
            goldens = record.get("goldens")
            if not isinstance(goldens, list):
                yield from _draft(record, place, source, note)
                continue
            for i, golden in enumerate(goldens):
                if isinstance(golden, dict):
                    yield from _draft(golden, f"{place}.goldens[{i}]", source, note)


def _draft(golden: Json, place: str, source: Source, note: Note) -> Iterator[Draft]:
    asked = golden.get("input")
    if not isinstance(asked, str) or not asked.strip():
        why = f"its 'input' is {kind(asked)}" if asked else "it has no 'input'"
        if "scenario" in golden:
            why = "a conversation is played by a simulated user; write it as a test function"
        note(Loss(place=place, what="the golden", why=why))
        return
    rest(golden, _READ, place, note, _OTHER)
    for key in ("actual_output", "tools_called"):
        if golden.get(key):
            note(Loss(place=place, what=key, why=_MODEL_WROTE))
    metadata = structured(golden.get("additional_metadata"))
    note_metadata(metadata, place, note)
    context = _texts(golden, "retrieval_context") or _texts(golden, "context")
    template = source.prompt or ("{{context}}\n\n{{input}}" if context else "{{input}}")
    prompt = prompt_of(template, {"input": asked, "context": "\n\n".join(context)})
    expect = _expected_calls(golden, place, source, note)
    grounded = bool(context) and "{{context}}" in template.replace(" ", "")
    if grounded:
        expect.append("groundedness")
    elif context:
        why = "the prompt does not hold it: --prompt leaves it out"
        note(Loss(place=place, what="context", why=why))
    right = golden.get("expected_output")
    name = golden.get("name")
    tools = {"tools": list(source.tools)} if source.tools else {}
    yield Draft(
        place=place,
        name=name if isinstance(name, str) and name.strip() else asked,
        case={
            "prompt": prompt,
            **tools,
            "expect": expect or [COMPLETE],
            **(reference_of(right) if isinstance(right, str) else {}),
        },
        labels={**labels_of(metadata), **_label("source_file", golden.get("source_file"))},
        bare=not expect,
    )


def _label(name: str, value: Any) -> dict[str, str]:
    return {name: value} if isinstance(value, str) and value else {}


def _texts(golden: Json, key: str) -> list[str]:
    """Return the texts of a context; CSV and JSON lines join them with ``|``."""
    value = structured(golden.get(key))
    if isinstance(value, str):
        value = value.split(_DELIMITERS[key])
    texts = value if isinstance(value, list) else []
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()]


def _expected_calls(golden: Json, place: str, source: Source, note: Note) -> list[Json | str]:
    wanted = structured(golden.get("expected_tools"))
    calls = [call for call in wanted if isinstance(call, dict)] if isinstance(wanted, list) else []
    offered = {tool["function"]["name"] for tool in source.tools}
    found = []
    for call in calls:
        name = call.get("name")
        if not isinstance(name, str) or name not in offered:
            why = "goldens do not define their tools; give the definitions with --tools FILE"
            if offered:
                why = f"--tools does not define {str(name)[:60]!r}"
            note(Loss(place=place, what="expected_tools", why=why))
            return []
        arguments = call.get("inputParameters", call.get("input_parameters"))
        found.append(call_spec(name, arguments if isinstance(arguments, dict) else None))
    return [calls_check(found)] if found else []


def _sign(sample: Sample) -> str:
    first = sample.first
    if not isinstance(first, dict):
        return ""
    if isinstance(first.get("goldens"), list):
        return "it has 'goldens'"
    ours = {"expected_output", "retrieval_context", "expected_tools", "additional_metadata"}
    if "input" in first and ours & first.keys():
        return "its records have 'input' and " + repr(min(ours & first.keys()))
    if {"scenario", "expected_outcome"} <= first.keys():
        return "its records are conversational goldens"
    return ""


FORMAT = Format(sign=_sign, drafts=drafts)
