"""Files of mirrored traffic as a stream of pairs: one pass, bounded memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_quantguard.canary.batches import batch_pairs
from pytest_quantguard.canary.joining import Joiner
from pytest_quantguard.canary.lost import REMEMBERED, Lost, Recent, kind_of
from pytest_quantguard.canary.pair_lines import UnusableLineError, pair_of
from pytest_quantguard.canary.records import MirroredPair
from pytest_quantguard.canary.settings import CanaryConfig
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers import recorded_in
from pytest_quantguard.importers._detect import guess, sample_of
from pytest_quantguard.importers._lines import Line, NotJsonError, numbered_lines, parse
from pytest_quantguard.importers._records import Loss
from pytest_quantguard.importers._turns import in_turns
from pytest_quantguard.types import Role, Source

PAIRS = "pairs"
"""Name of our own format; the others are importers'."""
JOINED = ("litellm", "otel")
"""Formats in which each record has one answer."""
BATCH = "openai-batch"

_PLACE = re.compile(r"(.*):(\d+)(?:: \$.*)?\Z", re.DOTALL)
_DOCUMENT = re.compile(r"(.*): \$.*\Z", re.DOTALL)

_SHOWN = 3

Tell = Callable[[int], None]
"""Is told how many bytes of a file of pairs have been read, unpacked."""


class Reader:
    """Reads files of one format, once."""

    def __init__(
        self,
        files: Sequence[tuple[Path, str]],
        config: CanaryConfig,
    ) -> None:
        """``files`` are paths, and what messages call them.

        Raises:
            InputError: one cannot be read, or they are of different formats.
        """
        self.lost = Lost()
        self.records = 0
        """Exchanges or pairs that were usable, so far."""
        self.files = tuple(files)
        self.tell: Tell | None = None
        self._config = config
        self._seen = Recent(REMEMBERED)
        self.format = self._format()

    def _format(self) -> str:
        found = {name: format_of(path, name) for path, name in self.files}
        kinds = sorted(set(found.values()))
        if len(kinds) > 1:
            told = ", ".join(f"{name} is {kind}" for name, kind in list(found.items())[:4])
            raise InputError(f"--quant-pairs reads files of one format at a time: {told}")
        return kinds[0]

    @property
    def joins(self) -> bool:
        """Whether a record has one answer, so that pairs have to be found."""
        return self.format != PAIRS

    @property
    def seen(self) -> int:
        """How many records there were, usable or not."""
        alone = self.lost.counts["alone"] if self.format == BATCH else 0
        return self.records + self.lost.counts["record"] + alone

    @property
    def forgot(self) -> bool:
        """Whether there were more ids than are known again."""
        return self._seen.forgot

    @property
    def named(self) -> str:
        """The files, for sentences."""
        first = ", ".join(name for _, name in self.files[:_SHOWN])
        return first + (" and others" if len(self.files) > _SHOWN else "")

    @property
    def size(self) -> int:
        """Bytes of all files; 0 where some are packed, so that nobody knows."""
        if any(path.suffix == ".gz" for path, _ in self.files):
            return 0
        return sum(path.stat().st_size for path, _ in self.files)

    def pairs(self) -> Generator[MirroredPair]:
        """Yield the pairs, in the order in which they are complete; closed, it gives the disk back.

        Raises:
            InputError: a file cannot be read to its end.
        """
        if self.format == PAIRS:
            for path, name in self.files:
                yield from self._own(path, name)
        elif self.format == BATCH:
            for pair in batch_pairs(self.files, self._config, self.lost, self._note):
                self.records += 1
                yield pair
        else:
            yield from self._joined()

    # --- one pair a line ----------------------------------------------------------------

    def _own(self, path: Path, name: str) -> Iterator[MirroredPair]:
        for line in numbered_lines(path, name, self._note):
            if self.tell is not None:
                self.tell(line.start + len(line.data))
            pair = self._of_line(line, name)
            if pair is not None:
                self.records += 1
                if not self._alone(pair):
                    yield pair

    def _alone(self, pair: MirroredPair) -> bool:
        """Count a pair of which one arm is missing, unless each request was meant to have one."""
        traffic = self._config.traffic
        missing = pair.baseline is None or pair.candidate is None
        if not missing or traffic == "split":
            return False
        role: Role = "candidate" if pair.baseline is None else "baseline"
        self.lost.add(kind_of("alone", role, traffic), str(pair.source), role)
        return True

    def _of_line(self, line: Line, name: str) -> MirroredPair | None:
        source = Source(file=name, line=line.number)
        try:
            data = parse(line.data, self._constant(source))
            if not isinstance(data, dict):
                raise UnusableLineError("it holds no map")
            pair = pair_of(data, source, self._config.labels)
        except (NotJsonError, UnusableLineError) as error:
            cut = "" if line.data.endswith(b"\n") else "; it is the last line, and may be cut off"
            self.lost.add("record", str(source), f"{error}{cut}")
            return None
        given = data.get("id")
        # Without an id, one line of one time is one record: two requests have two times.
        known_by = line.data.strip() if given is None and "at" in data else given
        if known_by is not None and self._seen.seen(known_by):
            why = "it is the same line" if given is None else f"its id is {given!r:.60}"
            self.lost.add("twice", str(source), why)
            return None
        return pair

    def _constant(self, source: Source) -> Callable[[str], None]:
        return lambda word: self.lost.add("number", str(source), word)

    # --- one answer a record ------------------------------------------------------------

    def _joined(self) -> Iterator[MirroredPair]:
        """Join the exchanges of all files, which are read in turns: one may hold one arm each."""
        joiner = Joiner(self._config, self.lost, self._seen)
        try:
            yield from self._joined_by(joiner)
            joiner.rest()
        finally:
            joiner.close()

    def _joined_by(self, joiner: Joiner) -> Iterator[MirroredPair]:
        # Spans may have their messages in another file: that importer reads all files itself.
        groups = [self.files] if self.format == "otel" else [(file,) for file in self.files]
        streams = (recorded_in(group, self._note, self.format, failures=True) for group in groups)
        for found in in_turns(streams):
            before = self.lost.counts["record"]
            yield from joiner.add(found, source_of(found.place))
            self.records += before == self.lost.counts["record"]

    def _note(self, loss: Loss) -> None:
        """Count what an importer could not use; details of what it could are no loss here."""
        if loss.whole:
            self.lost.add("record", loss.place, loss.why)
        elif loss.alien:
            self.lost.alien(loss.why)


def source_of(place: str) -> Source:
    """Return ``file:line`` as a source; of a JSON document the file, and line 1."""
    if match := _PLACE.match(place):
        return Source(file=match[1], line=int(match[2]))
    document = _DOCUMENT.match(place)
    return Source(file=document[1] if document else place, line=1)


def format_of(path: Path, name: str) -> str:
    """Return the format of a file, guessed from how it begins.

    Raises:
        InputError: it cannot be read, or holds no mirrored traffic.
    """
    sample = sample_of(path, name)
    first: Any = sample.first
    if isinstance(first, dict) and "request" in first and first.keys() & {"baseline", "candidate"}:
        if sample.whole:
            raise InputError(f"{name}: is one JSON document; write one pair a line (JSON lines)")
        return PAIRS
    try:
        found = guess(path, name)[0]
    except InputError:
        found = ""
    if found in (*JOINED, BATCH):
        return found
    keys = json.dumps(sorted(map(str, first or ()))[:6])[1:-1] or "nothing readable"
    raise InputError(
        f"{name}: is no mirrored traffic that is known: it begins with {keys}; write lines with "
        "'request', 'baseline' and 'candidate' (docs/canary.md), or give LiteLLM's logs, spans of "
        "OpenTelemetry, or an OpenAI batch with the answers of both models"
    )


def named(paths: Sequence[str], start: Path, root: Path) -> list[tuple[Path, str]]:
    """Return the files that were given on the command line, and what messages call them.

    Raises:
        InputError: one is not there, or is given twice.
    """
    found: dict[Path, str] = {}
    problems = []
    for given in paths:
        path = (start / given).resolve()
        if path in found:
            problems.append(f"{given}: is given twice: each pair counts once")
        elif not path.is_file():
            problems.append(f"{given}: {'is no file' if path.exists() else 'no such file'}")
        found[path] = str(path.relative_to(root)) if path.is_relative_to(root) else given
    if problems:
        raise InputError([f"--quant-pairs: {text}" for text in problems])
    return list(found.items())
