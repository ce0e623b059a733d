"""What reading a source, or `quantguard import`, came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_quantguard.importers._detect import named
from pytest_quantguard.importers._records import Draft, Loss, Recorded, Source

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ASKED = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Weather?"}]
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
COMPLETE = {"length": {"complete": True}}


def body(message: Any, finish: str = "stop", **more: Any) -> dict[str, Any]:
    """Return a chat completion as an API gives it."""
    return {
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        **more,
    }


class Read:
    """The drafts of a source, and its losses."""

    def __init__(self, format: str, *paths: Path, **options: Any) -> None:
        self.losses: list[Loss] = []
        source = Source(paths=paths, names=tuple(path.name for path in paths), **options)
        found = named(format)
        self.drafts: list[Draft] = list(found.drafts(source, self.losses.append))
        self.recorded: list[Recorded] = []
        if found.requests is not None:
            self.recorded = list(found.requests(source, lambda loss: None))

    @property
    def cases(self) -> list[Any]:
        """The cases, without what has to be settled yet."""
        return [draft.case for draft in self.drafts]

    def lost(self, what: str) -> list[str]:
        """Why a thing was lost, once for each time."""
        return [loss.why for loss in self.losses if loss.what == what]


class Imported:
    """What `quantguard import` did."""

    def __init__(self, code: int, out: str, err: str, folder: Path) -> None:
        self.code, self.out, self.err, self.folder = code, out, err, folder

    @property
    def told(self) -> Any:
        """What --json printed."""
        return json.loads(self.out)

    def kinds(self) -> dict[str, Any]:
        """What was lost, by what it is."""
        return {kind["what"]: kind for kind in self.told["not_carried"]}
