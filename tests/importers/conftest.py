"""Reading small files of other tools, and what is said about what they lose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard import cli
from pytest_quantguard.importers._detect import named
from pytest_quantguard.importers._records import Draft, Loss, Recorded, Source


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


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    """Return what writes a text, or JSON lines, to a file and reads it as a format."""

    def reader(format: str, content: Any, suffix: str = ".jsonl", **options: Any) -> Read:
        path = tmp_path / f"source{suffix}"
        if isinstance(content, list):
            content = "".join(json.dumps(line) + "\n" for line in content)
        path.write_text(content, encoding="utf-8")
        return Read(format, path, **options)

    return reader


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


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Imported]:
    """Return what runs `quantguard import` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def runner(*arguments: str) -> Imported:
        try:
            code = cli.main(["import", *arguments])
        except SystemExit as stop:
            code = int(str(stop.code))
        return Imported(code, *capsys.readouterr(), tmp_path)

    return runner
