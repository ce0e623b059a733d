"""The drawer of importers: one file per format that golden cases, or recorded traffic, come from.

Nothing is imported until a file of the format is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_quantguard.importers._records import Note, Recorded

IMPORTERS: dict[str, str] = {
    "promptfoo": "pytest_quantguard.importers.promptfoo:FORMAT",
    "deepeval": "pytest_quantguard.importers.deepeval:FORMAT",
    "inspect": "pytest_quantguard.importers.inspect:FORMAT",
    "otel": "pytest_quantguard.importers.otel:FORMAT",
    "litellm": "pytest_quantguard.importers.litellm:FORMAT",
    "openai-batch": "pytest_quantguard.importers.openai_batch:FORMAT",
    "openai-chat": "pytest_quantguard.importers.openai_chat:FORMAT",
}
"""Name -> where its `Format` is; a format is guessed in this order, the most particular first."""


def recorded(
    path: Path,
    name: str = "",
    note: Note | None = None,
    *,
    format: str = "",
    failures: bool = False,
) -> Iterator[Recorded]:
    """Yield the exchanges of a traffic log, one after the other, however long it is.

    ``name`` is what messages call the file; ``note`` is told of what cannot be read; the format
    is guessed where ``format`` does not name it. ``failures``: exchanges without an answer too.

    Raises:
        InputError: the file cannot be read, or holds no recorded traffic.
    """
    from pytest_quantguard.importers._detect import guess
    from pytest_quantguard.importers._records import ignore

    name = name or path.name
    found = format or guess(path, name)[0]
    return recorded_in([(path, name)], note or ignore, found, failures=failures)


def recorded_in(
    files: Sequence[tuple[Path, str]], note: Note, format: str, *, failures: bool = False
) -> Iterator[Recorded]:
    """Yield the exchanges of files of one format that may belong together.

    ``files`` are paths, and what messages call them; the rest is as in `recorded`.

    Raises:
        InputError: a file cannot be read, or the format holds no traffic.
    """
    from pytest_quantguard.errors import InputError
    from pytest_quantguard.importers._detect import named
    from pytest_quantguard.importers._records import Source

    read = named(format).requests
    paths, names = zip(*files, strict=True)
    if read is None:
        raise InputError(f"{names[0]}: {format} holds questions, and no recorded traffic")
    return read(Source(paths=paths, names=names, failures=failures), note)
