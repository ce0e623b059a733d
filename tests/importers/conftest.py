"""Reading small files of other tools, and what is said about what they lose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from import_files import Imported, Read
from pytest_quantguard import cli


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
