"""What GitHub Actions is told of a run: the summary of the step, and annotations on files."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.verdicts import GateReport

if TYPE_CHECKING:
    from pytest_quantguard._controller import GateController
    from pytest_quantguard.canary.session import CanarySession
    from pytest_quantguard.reporters._annotations import Annotation
    from pytest_quantguard.reporters._texts import Texts

STEP_LIMIT = 1024 * 1024
"""Bytes of a step's summary, all that is in the file; of a larger one GitHub shows nothing."""
_SAYS_IT_TOO = "pytest_github_actions_annotate_failures"
"""A plugin that annotates every failed test, and so every failed budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The step of a workflow in which this process runs."""

    root: Path
    """What the paths of golden cases and budgets are relative to."""
    summary: Path | None = None
    """The file that GitHub shows as the step's summary."""
    workspace: Path | None = None
    """What GitHub takes paths to be relative to."""
    annotates: bool = True

    @classmethod
    def of(cls, environment: Mapping[str, str], root: Path, *, annotates: bool = True) -> Self:
        """Read the environment of the step."""
        summary, workspace = (
            Path(found) if (found := environment.get(name)) else None
            for name in ("GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE")
        )
        return cls(root=root, summary=summary, workspace=workspace, annotates=annotates)

    @classmethod
    def listening(cls, choice: str, environment: Mapping[str, str], root: Path) -> Self:
        """As `of`, or one that is told and says nothing where no job listens, or none shall."""
        if wanted(choice, environment):
            return cls.of(environment, root)
        return cls(root=root, annotates=False)

    def tell(self, report: GateReport, texts: Texts) -> list[str]:
        """Append to the summary; return the lines to print, each at the beginning of a line.

        A summary that cannot be written is such a line: it costs nobody the verdict.
        """
        from pytest_quantguard.reporters._annotations import annotate

        said = self._sum_up(report, texts) if self.summary else []
        return [*said, *self._lines(annotate(report))]

    def _sum_up(self, report: GateReport, texts: Texts) -> list[str]:
        from pytest_quantguard.reporters.markdown import SMALLEST, SUMMARY_LIMIT, summary_text

        room = min(SUMMARY_LIMIT, self._room())
        if room < SMALLEST:
            return ["quantguard: the step's summary is full: GitHub shows 1 MiB of all together"]
        return self._append(summary_text(report, texts, room))

    def tell_no_verdict(self, problems: Sequence[str]) -> list[str]:
        """As `tell`, of a run without a verdict; ``problems`` say why, as ``file:line: ...``."""
        from pytest_quantguard.reporters._annotations import refused
        from pytest_quantguard.reporters.markdown import no_verdict_text

        said = self._append(no_verdict_text(problems)) if self.summary else []
        return [*said, *self._lines(refused(problems))]

    def place(self, file: str) -> str:
        """Return a path as GitHub wants it: relative to the workspace, where it is in it."""
        if self.workspace is None:
            return file
        roots = ((self.root, self.workspace), (self.root.resolve(), self.workspace.resolve()))
        for root, workspace in roots:  # the runner's path may lead through a link
            path = Path(os.path.normpath(root / file))
            if path.is_relative_to(workspace):
                return path.relative_to(workspace).as_posix()
        return file

    def _lines(self, found: Sequence[Annotation]) -> list[str]:
        from pytest_quantguard.reporters._annotations import command

        return [command(one, self.place) for one in found] if self.annotates else []

    def _room(self) -> int:
        """Return how many bytes the summary can still take."""
        try:
            size = self.summary.stat().st_size if self.summary else 0
        except OSError:
            size = 0  # it is made, or said to be impossible, on writing
        return STEP_LIMIT - size - 2

    def _append(self, text: str) -> list[str]:
        if self.summary is None:
            return []
        try:
            with self.summary.open("ab") as file:
                file.write(f"\n{text}\n".encode() if file.tell() else f"{text}\n".encode())
        except OSError as error:
            why = error.strerror or type(error).__name__
            return [f"quantguard: the step's summary cannot be written: {one_line(why)}"]
        return []


def wanted(choice: str, environment: Mapping[str, str]) -> bool:
    """Tell whether GitHub is listening, and may be told: ``choice`` is ``auto`` or ``off``."""
    return choice != "off" and environment.get("GITHUB_ACTIONS") == "true"


def show(lines: Sequence[str]) -> None:
    """Print lines so that the runner sees them, whatever pytest captures or leaves out."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for line in lines:
        shown = line.encode(encoding, "backslashreplace").decode(encoding)
        sys.stdout.write(f"{shown}\n")
    sys.stdout.flush()


def watch(config: pytest.Config, controller: GateController | CanarySession) -> None:
    """Tell GitHub at the end of the run, where this is one of its jobs."""
    if (job := _job(config)) is not None:
        config.pluginmanager.register(_Watcher(job, controller), "quantguard-github")


def tell_refused(config: pytest.Config, problems: Sequence[str]) -> None:
    """Tell GitHub that a run was refused before it began."""
    if (job := _job(config)) is not None and not config.option.collectonly:
        show(job.tell_no_verdict(problems))


def _job(config: pytest.Config) -> Job | None:
    if not wanted(config.option.quant_github, os.environ) or hasattr(config, "workerinput"):
        return None
    annotates = not config.pluginmanager.has_plugin(_SAYS_IT_TOO)
    return Job.of(os.environ, config.rootpath, annotates=annotates)


class _Watcher:
    """Waits for the end of a run; says nothing of a shard, which has no verdict of its own."""

    def __init__(self, job: Job, controller: GateController | CanarySession) -> None:
        self.job = job
        self.controller = controller
        self.problems: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what is wrong with golden files."""
        if report.failed and getattr(report, "quantguard_usage", False):
            self.problems += str(report.longrepr).split("\n")

    # Outermost: after the last line of pytest's own summary, and also when nothing is summed up.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Tell GitHub the verdict, or why there is none."""
        ended_by = sys.exception()  # of a usage error, which pytest prints later
        try:
            return (yield)
        finally:
            self._tell(ended_by)

    def _tell(self, ended_by: BaseException | None) -> None:
        found = self.controller
        if found.config.option.collectonly or found.shard_end is not None:
            return
        if found.report is not None and found.told:
            show(self.job.tell(found.report, found.texts))
            return
        if isinstance(ended_by, pytest.UsageError):
            self.problems += str(ended_by).removeprefix("quantguard: ").split("\n")
        why = found.no_verdict or "the run ended before its verdict was known; its log says why"
        show(self.job.tell_no_verdict([text for text in self.problems if text] or [why]))
