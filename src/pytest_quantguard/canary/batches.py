"""An OpenAI batch that was given to both models: one file of requests, and the answers of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.canary.lost import Lost
from pytest_quantguard.canary.pair_lines import failure_of, identity
from pytest_quantguard.canary.records import MirroredPair, Side
from pytest_quantguard.canary.settings import CanaryConfig
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._answer_index import AnswerIndex, body_of, failed
from pytest_quantguard.importers._chat import UnusableError, completion_of
from pytest_quantguard.importers._lines import line_records
from pytest_quantguard.importers._records import Note, ignore
from pytest_quantguard.importers.openai_chat import exchange_of
from pytest_quantguard.types import CompletionRequest, Json, Role, Source

_File = tuple[Path, str]


def batch_pairs(
    files: Sequence[_File], config: CanaryConfig, lost: Lost, note: Note
) -> Iterator[MirroredPair]:
    """Yield the pairs of a batch; both models' answers are found by ``custom_id``.

    The answers stay on disk; about 0.3 KB of memory is taken for each.

    Raises:
        InputError: the requests, or one model's answers, are not among the files.
    """
    told: dict[Role, list[_File]] = {"baseline": [], "candidate": []}
    asked, unsigned = [], []
    for path, name in files:
        if not _is_output(path, name):
            asked.append((path, name))
        elif role := _role_of(path, name, config):
            told[role].append((path, name))
        else:
            unsigned.append((path, name))
    _refuse_incomplete(asked, told, config)
    _share_out(unsigned, told)
    indexes = {role: AnswerIndex(found, note) for role, found in told.items()}
    done: set[str] = set()
    for path, name in asked:
        again = bool(done)  # each model may have a file of requests of its own
        for place, line in line_records(path, name, note):
            custom_id = line.get("custom_id")
            if not isinstance(custom_id, str) or not custom_id:
                lost.add("record", place, "it has no 'custom_id'")
            elif custom_id in done:
                if not again:
                    lost.add("twice", place, f"its custom_id is {custom_id!r:.60}")
            else:
                done.add(custom_id)
                pair = _pair(line, custom_id, place, indexes, lost)
                if pair is not None:
                    yield pair


def _refuse_incomplete(
    asked: Sequence[_File], told: dict[Role, list[_File]], config: CanaryConfig
) -> None:
    missing = [] if asked else ["what was asked (the batch's input file)"]
    variants: dict[Role, str] = {"baseline": config.baseline, "candidate": config.candidate}
    for role, variant in variants.items():
        if not told[role]:
            missing.append(f"the answers of the {role} {variant}")
    if missing:
        raise InputError(
            f"--quant-pairs: the batch lacks {' and '.join(missing)}; give the file too, and say "
            "with 'canary: {names: ...}' what its answers call the model"
        )


def _pair(
    line: Json, custom_id: str, place: str, indexes: dict[Role, AnswerIndex], lost: Lost
) -> MirroredPair | None:
    sides: dict[Role, Side] = {}
    for role, index in indexes.items():
        if custom_id in index.conflicts:
            first, second = index.conflicts[custom_id]
            lost.add("record", place, f"two answers of the {role} differ: {first} and {second}")
            return None
        found = index.get(custom_id)
        if found is None:
            lost.add("alone", place, f"there is no answer of the {role}")
            return None
        sides[role] = _side(found)
    try:
        request = _request(line, place)
    except UnusableError as error:
        lost.add("record", place, str(error))
        return None
    file, _, number = place.rpartition(":")
    source = Source(file=file, line=int(number))
    return MirroredPair(
        id=identity(custom_id, source),
        request=request,
        baseline=sides["baseline"],
        candidate=sides["candidate"],
        source=source,
    )


def _request(line: Json, place: str) -> CompletionRequest:
    body = line.get("body")
    if not isinstance(body, dict):
        raise UnusableError("it has no 'body'")
    return exchange_of(body, place, ignore).request


def _side(line: Json) -> Side:
    completion = None if failed(line) else completion_of(body_of(line))
    if completion is not None:
        return Side(completion=completion)
    return Side(completion=None, failure=failure_of(_why(line)))


def _why(line: Json) -> str:
    body = body_of(line)
    for place in (line.get("error"), body.get("error") if isinstance(body, dict) else None):
        told: Any = place.get("message") if isinstance(place, dict) else place
        if isinstance(told, str) and told:
            return told
    return "the request failed"


def _is_output(path: Path, name: str) -> bool:
    first = next(line_records(path, name, ignore), ("", {}))[1]
    return "body" not in first and ("response" in first or "error" in first)


def _role_of(path: Path, name: str, config: CanaryConfig) -> Role | None:
    """Return whose answers a file holds: the first answer says which model gave it.

    None for a file of errors alone, as a batch writes it beside that of the answers.

    Raises:
        InputError: it is neither arm's.
    """
    for _, line in line_records(path, name, ignore):
        body = body_of(line)
        model = body.get("model") if isinstance(body, dict) else None
        if isinstance(model, str) and model:
            roles: tuple[Role, Role] = ("baseline", "candidate")
            for role in roles:
                if model in config.names[role]:
                    return role
            raise InputError(
                f"{name}: holds answers of {one_line(model, 80)}, which is neither the baseline "
                f"{config.baseline} nor the candidate {config.candidate}; say with 'canary: "
                "{names: ...}' what the log calls them"
            )
    return None


def _share_out(unsigned: Sequence[_File], told: dict[Role, list[_File]]) -> None:
    """Add each file of errors to those of the only arm that did not answer its requests.

    Where one arm failed is known, the other's errors may be, too: the clear ones come first. Two
    files with the same requests, which neither model answered, are one of each.

    Raises:
        InputError: a file may be both models', or neither's.
    """
    left = {file: frozenset(AnswerIndex([file], ignore)) for file in unsigned}
    known: dict[Role, set[str]] = {}
    for role, files in told.items() if left else ():
        index = AnswerIndex(files, ignore)
        known[role] = {one for failed_ in left.values() for one in failed_ if index.answers(one)}
    while left:
        lacking = {f: [r for r in known if not known[r] & ids] for f, ids in left.items()}
        sure = [file for file, roles in lacking.items() if len(roles) == 1]
        twins = len(left) == 2 and len(set(left.values())) == 1 and all(lacking.values())
        if not sure and not twins:
            file, roles = next(iter(lacking.items()))
            raise InputError(_unclear(file[1], roles))
        file = (sure or list(left))[0]
        told[lacking[file][0]].append(file)
        known[lacking[file][0]] |= left.pop(file)


def _unclear(name: str, lacking: Sequence[Role]) -> str:
    why = "both models' answers lack" if lacking else "neither model's answers lack all of"
    return (
        f"{name}: no answer in it says which model gave it, and {why} its requests; append it "
        "to the file of its model's answers"
    )
