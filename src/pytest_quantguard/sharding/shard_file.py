"""What one shard of a run leaves for ``quantguard merge``: its file, written and read.

``shard.schema.json`` describes it. The file is pure ASCII; it comes from another machine, so that
nothing in it is taken on trust.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_quantguard._ci import ci
from pytest_quantguard._evidence import Evidence
from pytest_quantguard._plural import counted
from pytest_quantguard._tally import Tally
from pytest_quantguard.documents.document import Document, problems
from pytest_quantguard.documents.strict_json import NotStrict, loads
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._measured import measurement_from, measurement_to
from pytest_quantguard.reporters._texts import kept_texts
from pytest_quantguard.sharding.shards import Shard
from pytest_quantguard.types import Json

if TYPE_CHECKING:
    from pytest_quantguard._run import Run
    from pytest_quantguard.reporters._texts import Texts

FORMAT, VERSION = "quantguard-shard", 1
MAX_BYTES = 1024 * 1024 * 1024
"""Of one file that is read."""
SHOWN = 5
"""Problems of one file that are named."""
_LARGEST = 1e15
"""No number that was measured is larger."""
_ARMS = ("baseline", "candidate")
_WHOLE = ("cases", "checks", "cohorts", "driven", "budgets", "unselected", "left_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFile:
    """One shard, as it was read."""

    name: str
    """Of the file, for messages."""
    data: Json
    """As shard.schema.json describes it."""

    @property
    def shard(self) -> Shard:
        """Which one it is."""
        return Shard(self.data["of"], self.data["shard"])

    @property
    def planned(self) -> set[tuple[str, str]]:
        """The pairs of case and check that it was to judge."""
        return {(case, check) for case, check in self.data["planned"]}

    def evidence(self) -> Iterator[Evidence]:
        """Yield what it found out, for one candidate after the other."""
        candidates = self.data["terms"]["candidates"]
        for variant, found in zip(candidates, self.data["evidence"], strict=True):
            yield Evidence(
                [PairedOutcome.from_dict(one) for one in found["outcomes"]],
                [Mishap.from_dict(one) for one in found["mishaps"]],
                [measurement_from(one, variant["name"]) for one in found["measurements"]],
            )


# --- writing ----------------------------------------------------------------------------------


def document(
    shard: Shard,
    tally: Tally,
    plan: Json,
    *,
    run: Run,
    terms: Json,
    config: Json,
    unsound: Iterable[str],
    failed_tests: int,
    texts: Texts,
) -> Json:
    """Return a shard as plain JSON types.

    ``plan`` is that of the whole run, with ``shard`` as `ShardCut.plan` returns it; ``terms`` is
    `Terms.to_dict` and what the merge does with the report; ``config`` is what `config_digests`
    returns.
    """
    names = [variant["name"] for variant in terms["candidates"]]
    mine = plan["shard"]
    aside = {*_WHOLE, "golden_hash", "shard", "problems"}
    return {
        "format": FORMAT,
        "version": VERSION,
        "tool": version("pytest-quantguard"),
        "shard": shard.number,
        "of": shard.of,
        "run": run.id,
        "commit": ci(os.environ).get("commit", ""),
        "started": run.started,
        "seconds": run.seconds,
        "unsound": list(unsound),
        "failed_tests": failed_tests,
        "config": config,
        "golden_hash": plan["golden_hash"],
        "selection": mine["selection"],
        "planned": mine["planned"],
        "whole": {key: plan[key] for key in _WHOLE},
        "terms": terms,
        "asked": {key: value for key, value in plan.items() if key not in aside},
        "evidence": [_found(tally, name) for name in names],
        **kept_texts((o for name in names for o in tally.outcomes(name)), texts),
    }


def _found(tally: Tally, name: str) -> Json:
    return {
        "outcomes": [outcome.to_dict() for outcome in tally.outcomes(name)],
        "mishaps": [mishap.to_dict() for mishap in tally.mishaps(name)],
        "measurements": [measurement_to(found, name) for found in tally.measurements(name)],
    }


def write(data: Json, path: Path) -> None:
    """Write a shard, whole or not at all.

    Raises:
        QuantGuardError: it cannot be written, or holds what JSON cannot say; names the path.
    """
    try:
        text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise QuantGuardError(f"{path}: this shard is no JSON: {error}") from error
    write_whole(path, text.encode("ascii") + b"\n")


# --- reading ----------------------------------------------------------------------------------


def read(path: Path, name: str) -> ShardFile:
    """Read a shard; ``name`` is for messages.

    Raises:
        InputError: it cannot be read, or is no shard: what is wrong, each sentence with ``name``.
    """
    text = _text(path, name)
    try:
        data = loads(text, halves=True)  # model text may hold anything
    except NotStrict as error:
        raise InputError(f"{name}: not valid JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{name}: no shard of a run; pass the files that --quant-shard wrote")
    if data.get("version") != VERSION:
        raise InputError(
            f"{name}: written in version {data.get('version')!r:.20} of the format, and this "
            f"pytest-quantguard reads version {VERSION}; use the one that wrote it"
        )
    found = problems(Document(name, data), "shard.schema.json")
    if not found:
        found = [f"{name}: {problem}" for problem in _misfits(data)]
    if found:
        more = len(found) - SHOWN
        raise InputError([*found[:SHOWN], *([f"{name}: and {more} more"] if more > 0 else [])])
    return ShardFile(name=name, data=data)


def _text(path: Path, name: str) -> str:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{name}: no ordinary file")
        if about.st_size > MAX_BYTES:
            raise InputError(f"{name}: larger than {MAX_BYTES // 2**20} MB")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: not UTF-8 text; is it packed?") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read: {why}") from None


def _misfits(data: Json) -> Iterator[str]:
    """Yield what no schema can say."""
    if data["shard"] > data["of"]:
        yield f"it says that it is shard {data['shard']} of {data['of']}"
    planned = {(case, check) for case, check in data["planned"]}
    if len(planned) < len(data["planned"]):
        yield "it plans a check twice"
    candidates = data["terms"]["candidates"]
    if len({variant["name"] for variant in candidates}) < len(candidates):
        yield "it names a candidate twice"
    if len(data["evidence"]) != len(candidates):
        asked = counted(len(candidates), "candidate")
        yield f"it has evidence for {len(data['evidence'])} of {asked}"
        return
    if not _measured(data):
        yield f"it holds a number above {_LARGEST:g}, which nothing that is measured can be"
        return
    for variant, found in zip(candidates, data["evidence"], strict=True):
        yield from _unlikely(variant["name"], found, planned, sound=not data["unsound"])


def _unlikely(
    name: str, found: Json, planned: set[tuple[str, str]], *, sound: bool
) -> Iterator[str]:
    """Yield why the evidence about one candidate is not what the shard planned."""
    told = [*found["outcomes"], *found["mishaps"]]
    seen = {(one["case"], one["check"]) for one in told}
    cases = {case for case, _ in planned}
    places = [(o["case"], o["check"]) for o in found["outcomes"]]
    measured = [m["case"] for m in found["measurements"]]
    if any(one["variant"] != name for one in told):
        yield f"there is evidence about another candidate where {name!r} is meant"
    if len(set(places)) < len(places) or len(set(measured)) < len(measured):
        yield f"it judges a check of {name!r} twice"
    if more := seen - planned:
        yield f"it judges {counted(len(more), 'check')} that it did not plan, such as {min(more)}"
    if more := set(measured) - cases:
        cases_more = counted(len(more), "case")
        yield f"it measures {cases_more} that it did not plan, such as {min(more)!r}"
    if sound and (less := planned - seen):
        lacking = counted(len(less), "check")
        yield f"it lacks evidence on {lacking} that it planned, such as {min(less)}"
    if not all(0 <= o[arm]["value"] <= 1 for o in found["outcomes"] for arm in _ARMS):
        yield f"an outcome of {name!r} is no number from 0 to 1"
    if not all(one.get("weight", 1) > 0 for one in (*found["outcomes"], *found["measurements"])):
        yield f"a case of {name!r} has no weight above 0"


def _measured(value: Any) -> bool:
    """Whether all numbers are such as can be measured; texts are not looked into."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
        elif isinstance(node, int | float) and not -_LARGEST <= node <= _LARGEST:
            return False
    return True
