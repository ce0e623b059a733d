"""The inputs of ``action.yml``, read and checked before anything is done with them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_FREE = ("candidates", "require-cohorts", "pytest-args", "install", "credentials")
"""Inputs that may have several lines."""


class InputError(Exception):
    """An input that cannot be meant; the message says which, what is given, what is allowed."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of the action, checked; paths are relative, as the action describes them."""

    texts: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Inputs:
        """Read and check all inputs; raises `InputError`."""
        given = json.loads(environment["QUANTGUARD_INPUTS"])
        texts = {name: str(text).strip() for name, text in given.items()}
        inputs = cls(texts)
        for name, text in texts.items():
            allowed = "\n\r\t" if name in _FREE else ""
            if any((sign < " " and sign not in allowed) or sign == "\x7f" for sign in text):
                raise InputError(f"{name}: {text!r:.80} has a line break or a control character")
        inputs.check()
        return inputs

    def check(self) -> None:
        """Raise `InputError` where an input is not one of its values."""
        if not self.candidates:
            raise InputError("candidates: none is given; name the variants to judge")
        for name, allowed in {
            "cache": ("true", "restore", "false"),
            "upload": ("true", "false"),
            "inconclusive": ("", "fail", "warn"),
        }.items():
            if self[name] not in allowed:
                words = ", ".join(word or "(empty)" for word in allowed)
                raise InputError(f"{name}: {self[name]!r:.80} is given; allowed are {words}")
        if self["shard"] and not re.fullmatch(r"[1-9]\d{0,3}/[1-9]\d{0,3}", self["shard"]):
            raise InputError(f"shard: {self['shard']!r:.80} is given; write K/N, such as 2/5")
        if self["shard"] and self["merge"]:
            raise InputError("shard and merge: a step asks a part, or judges all parts; keep one")
        for name in ("merge", "history-path"):
            if self[name]:
                self._check_folder(name)
        for name in ("report-folder", "cache-path", "working-directory"):
            self._check_folder(name)
        for name in self.credentials:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise InputError(f"credentials: {name!r:.80} is no name of an environment variable")

    def _check_folder(self, name: str) -> None:
        path = PurePosixPath(self[name].replace("\\", "/"))
        if not self[name] or path.is_absolute() or ".." in path.parts:
            raise InputError(
                f"{name}: {self[name]!r:.80} is given; write a path below the workspace"
            )
        if name == "working-directory" and not Path(self[name]).is_dir():
            raise InputError(
                f"{name}: there is no folder {self[name]!r:.80}; does actions/checkout come before?"
            )
        if name == "report-folder" and any(part.startswith(".") for part in path.parts or (".",)):
            raise InputError(f"{name}: {self[name]!r:.80} is hidden, and would not be uploaded")

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    @property
    def candidates(self) -> list[str]:
        """The variants to judge."""
        return self._names("candidates")

    @property
    def cohorts(self) -> list[str]:
        """Cohorts of which cases must have been compared."""
        return self._names("require-cohorts")

    @property
    def credentials(self) -> list[str]:
        """Names of environment variables that must not be empty."""
        return self._names("credentials")

    def _names(self, name: str) -> list[str]:
        return [text for text in re.split(r"[\s,]+", self[name]) if text]

    def words(self, name: str) -> list[str]:
        """Split a text as a shell does, without expanding anything."""
        try:
            return shlex.split(self[name])
        except ValueError as error:
            raise InputError(f"{name}: {self[name]!r:.80} cannot be read: {error}") from None

    @property
    def reports(self) -> Path:
        """Folder of the reports, relative to the workspace."""
        return Path(self["working-directory"]) / self["report-folder"]

    @property
    def report(self) -> Path:
        """What the step leaves there: the report, or the file of a shard."""
        number, _, count = self["shard"].partition("/")
        return self.reports / (f"shard-{number}-of-{count}.json" if count else "report.json")
