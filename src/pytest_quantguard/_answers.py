"""Answers that a batch job gave (``--quant-answers``): judged as if servers had just given them.

An answer is found by the key of its question, the batch's ``custom_id``; then comes the cache. What
neither has is an error of that case: the models under test are never asked in this mode. Judge
models are: what they are asked depends on the answers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.contracts import Connection, Provider
from pytest_quantguard.errors import (
    ConfigError,
    InputError,
    ProviderError,
    RefusedError,
    TransportError,
)
from pytest_quantguard.importers._answer_index import AnswerIndex, body_of, failed, status_of
from pytest_quantguard.importers._records import Loss
from pytest_quantguard.types import Completion, Json
from pytest_quantguard.variants import ServedAs

if TYPE_CHECKING:
    from pytest_quantguard._questions import Question

_SHOWN = 3


class Answers:
    """The answers in some batch output files.

    ``secrets`` are API keys, which are taken out of everything that a file says.

    Raises:
        ConfigError: a file cannot be read, or holds no answer at all.
    """

    def __init__(self, files: Iterable[tuple[Path, str]], secrets: tuple[str, ...] = ()) -> None:
        self._files = tuple(files)
        self._secrets = secrets
        self._broken: list[Loss] = []
        self._wanted: Mapping[str, Question] = {}
        try:
            self._index = AnswerIndex(self._files, self._broken.append)
        except InputError as error:
            raise ConfigError([f"--quant-answers: {text}" for text in error.problems]) from None
        if not self._index:
            raise ConfigError(f"--quant-answers: {self.names}: no answers{self._first_broken()}")

    @classmethod
    def given(cls, names: Sequence[str], folder: Path, secrets: tuple[str, ...]) -> Self:
        """Return the answers of the option; file names are relative to ``folder``.

        Raises:
            ConfigError: a file cannot be read, is named twice, or holds no answer.
        """
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise ConfigError(f"--quant-answers: {twice[0]} is named twice")
        return cls([(folder / name, name) for name in names], secrets)

    def over(self, folder: Path | str) -> CompletionCache:
        """Return the cache in ``folder`` with these answers laid over it."""
        return AnsweredCache(folder, self)

    def unasked(self, providers: Mapping[str, Provider]) -> dict[str, Provider]:
        """Return the providers as far as they are needed to know whose answer is whose."""
        return {name: Unasked(provider) for name, provider in providers.items()}

    @property
    def names(self) -> str:
        """The files, for a sentence."""
        return one_line(", ".join(name for _, name in self._files), 200)

    def __contains__(self, key: str) -> bool:
        return self._index.answers(key)

    def find(self, key: str) -> Completion | None:
        """Return the answer to a question; None where there is none that can be used."""
        try:
            return self._read(key)
        except ProviderError:
            return None

    def why_not(self, key: str) -> ProviderError:
        """Return why a question has no answer."""
        try:
            if self._read(key) is not None:
                return ProviderError("its recorded answer was not looked up")  # pragma: no cover
        except ProviderError as error:
            return error
        if key not in self._wanted and self._wanted:
            return ProviderError(
                f"no model under test is asked with --quant-answers, {self.names} holds no answer "
                "and neither does the cache: what depends on earlier answers cannot be exported"
            )
        return ProviderError(
            f"no recorded answer in {self.names} (custom_id {key}); 'quantguard export' writes "
            "what is missing"
        )

    def _read(self, key: str) -> Completion | None:
        if key in self._index.conflicts:
            first, second = self._index.conflicts[key]
            raise ProviderError(f"{first} and {second} answer the same request differently")
        if key not in self._index:
            return None
        place = self._index.place(key)
        line = self._index.get(key)
        if line is None:
            raise ProviderError(f"{place}: the file was changed while it was used")
        if failed(line):
            raise self._failure(line, place)
        return self._completion(line, place)

    def _completion(self, line: Json, place: str) -> Completion:
        from pytest_quantguard.providers import _wire

        draft = _wire.Draft()
        try:
            draft.add(self._scrubbed(json.dumps(body_of(line))))
            # How long it took is not in the file: 0 is not known.
            return draft.completion(0.0, None)
        except (_wire.MalformedError, _wire.ReportedError, ValueError, RecursionError) as error:
            text = one_line(self._scrubbed(str(error)), 120)
            raise ProviderError(f"{place}: the recorded answer cannot be used: {text}") from None

    def _failure(self, line: Json, place: str) -> ProviderError:
        """Return the server's own sentence for a request of the batch that failed."""
        from pytest_quantguard.providers import _refusals

        said = [part for part in (line.get("error"), body_of(line)) if part]
        text = (
            _refusals.error_text(json.dumps(said).encode()) if said else "no answer and no reason"
        )
        text = one_line(self._scrubbed(text), 300)
        status = status_of(line)
        if status is not None and 400 <= status < 500 and status != 429:
            return RefusedError(
                f"{place}: the batch has no answer: HTTP {status}: {text}", status=status
            )
        how = "" if status is None or status < 400 else f"HTTP {status}: "
        return TransportError(f"{place}: the batch has no answer: {how}{text}")

    def _scrubbed(self, text: str) -> str:
        return scrub(text, self._secrets) if self._secrets else text

    # --- before the run -----------------------------------------------------------------

    def compare(
        self, wanted: Mapping[str, Mapping[str, Question]], cache: CompletionCache
    ) -> list[str]:
        """Compare the answers with the questions of each variant; return what stops the run.

        A few missing answers are errors of their cases. A variant without a single one is a
        mistake: another file, or golden cases that have changed since they were exported.
        """
        self._wanted = {key: q for asked in wanted.values() for key, q in asked.items()}
        found = []
        for variant, asked in wanted.items():
            needed = [key for key, question in asked.items() if not question.further]
            if needed and not any(key in self._index or key in cache for key in needed):
                found.append(
                    f"--quant-answers: {self.names}: none of the {len(needed)} requests of "
                    f"{variant!r} is answered there, such as that of {asked[needed[0]].source} "
                    f"({asked[needed[0]].case}): the golden cases, the request parameters or the "
                    "variant have changed since 'quantguard export', or a file is missing"
                )
        return found

    def remarks(self) -> list[str]:
        """Return what a reader of the verdict should know about the files."""
        found = [f"answers were read from {self._told_files()}; no server was asked for them"]
        unknown = [key for key in self._index if key not in self._wanted]
        if unknown and self._wanted:
            places = ", ".join(self._index.place(key) for key in unknown[:_SHOWN])
            lost = counted(len(unknown), "recorded answer is", "recorded answers are")
            found.append(
                f"{lost} to no request of this run ({places}): of "
                "another variant, or of cases that have changed or were not selected"
            )
        if self._index.conflicts:
            first, second = next(iter(self._index.conflicts.values()))
            found.append(
                f"{counted(len(self._index.conflicts), 'request')} with two different answers: "
                f"counted as unanswered (such as {first} and {second})"
            )
        if self._index.repeated:
            again = counted(self._index.repeated, "recorded answer")
            found.append(f"given twice, and counted once: {again}")
        if self._broken:
            lines = counted(len(self._broken), "line")
            found.append(f"{lines} cannot be used{self._first_broken()}")
        return found

    def _told_files(self) -> str:
        parts = []
        for number, (_, name) in enumerate(self._files):
            answers, failures = self._index.count(number)
            lost = f", {failures} failed" if failures else ""
            parts.append(f"{one_line(name)} ({counted(answers, 'answer')}{lost})")
        return ", ".join(parts)

    def _first_broken(self) -> str:
        if not self._broken:
            return ""
        first = self._broken[0]
        return f": {one_line(first.place)}: {one_line(first.why)}"


class AnsweredCache(CompletionCache):
    """A cache on which recorded answers are laid; what neither has is never asked for."""

    def __init__(self, folder: Path | str, answers: Answers) -> None:
        super().__init__(folder)
        self._answers = answers

    def get(self, key: str) -> Completion | None:
        """Return the recorded answer, else the cached one, else None."""
        found = self._answers.find(key)
        return super().get(key) if found is None else found

    def __contains__(self, key: str) -> bool:
        return key in self._answers or super().get(key) is not None

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Let whoever looks find what is here, and refuse the right to ask a server.

        Raises:
            ProviderError: there is no answer, and why.
        """
        if self.get(key) is None:
            raise self._answers.why_not(key)
        yield True


class Unasked:
    """A provider that is known by its identity only: nothing is started, nobody is asked."""

    launches: ClassVar[bool] = False

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    def start(self) -> str | None:
        """Do nothing."""
        return None

    def identity(self) -> Json:
        """Return what tells this variant's answers from all others."""
        return self._inner.identity()

    def connect(self) -> Connection:
        """Refuse to connect.

        Raises:
            ProviderError: always.
        """
        raise ProviderError("no model under test is asked with --quant-answers")

    def served_as(self) -> ServedAs:
        """Return that nothing is known."""
        return ServedAs()

    def stop(self) -> None:
        """Do nothing: nothing was started."""
