"""OpenAI batch JSONL: requests, and, where the output file is given too, their answers.

Formats (https://platform.openai.com/docs/guides/batch, and vLLM's ``run-batch``):
``{custom_id, method, url, body}`` in, ``{custom_id, response: {status_code, body}, error}`` out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._answer_index import AnswerIndex, body_of, failed
from pytest_quantguard.importers._chat import UnusableError, completion_of
from pytest_quantguard.importers._drafts import drafts_of
from pytest_quantguard.importers._lines import line_records
from pytest_quantguard.importers._records import (
    Draft,
    Format,
    Loss,
    Note,
    Recorded,
    Sample,
    Source,
    ignore,
    rest,
)
from pytest_quantguard.importers.openai_chat import exchange_of
from pytest_quantguard.types import Completion, Json

_IN = ("custom_id", "method", "url", "body")
_URL = "/chat/completions"


def requests(source: Source, note: Note) -> Iterator[Recorded]:
    """Yield the requests of batch input files, with their answers from batch output files.

    Raises:
        InputError: there are only answers, and nothing that was asked.
    """
    told = [file for file in source.files if _is_output(*file)]
    asked = [file for file in source.files if file not in told]
    if not asked:
        raise InputError(
            f"{source.names[0]}: holds the answers of a batch, but not what was asked; give the "
            "file of requests too"
        )
    answers = AnswerIndex(told, note)
    for path, name in asked:
        for place, line in line_records(path, name, note):
            try:
                yield _exchange(line, place, note, answers)
            except UnusableError as error:
                note(Loss(place=place, what="the line", why=str(error)))


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield golden cases; an answer of the batch shows what must hold."""
    return drafts_of(requests(source, note), source, note)


def _exchange(line: Json, place: str, note: Note, answers: AnswerIndex) -> Recorded:
    url, body = line.get("url"), line.get("body")
    if not isinstance(url, str) or not url.endswith(_URL):
        raise UnusableError(f"it asks {url!r:.60}; golden cases ask {_URL}")
    if not isinstance(body, dict):
        raise UnusableError("it has no 'body'")
    rest(line, _IN, place, note, "a batch has no such key")
    custom_id = line.get("custom_id")
    name = custom_id if isinstance(custom_id, str) else ""
    return exchange_of(body, place, note, answer=_answer(name, place, note, answers), name=name)


def _answer(custom_id: str, place: str, note: Note, answers: AnswerIndex) -> Completion | None:
    if custom_id in answers.conflicts:
        first, second = answers.conflicts[custom_id]
        why = f"there are two that differ: {first} and {second}"
        note(Loss(place=place, what="the answer", why=why))
        return None
    line = answers.get(custom_id)
    if line is None:
        return None
    found = None if failed(line) else completion_of(body_of(line))
    if found is None:
        note(Loss(place=answers.place(custom_id), what="the answer", why="the request failed"))
    return found


def _is_output(path: Path, name: str) -> bool:
    first = next(line_records(path, name, ignore), ("", {}))[1]
    return "body" not in first and ("response" in first or "error" in first)


def _sign(sample: Sample) -> str:
    first = sample.first
    if not isinstance(first, dict) or "custom_id" not in first:
        return ""
    return "its lines have a 'custom_id'"


FORMAT = Format(sign=_sign, drafts=drafts, requests=requests)
