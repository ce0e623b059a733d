"""Making a report known: the files, the lines of the terminal, the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_quantguard import _tally
from pytest_quantguard._auto import yaml_lines
from pytest_quantguard._config_file import REPORT_FOLDER
from pytest_quantguard._registry import Names
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.documents.labels import label_problem
from pytest_quantguard.errors import ConfigError, QuantGuardError
from pytest_quantguard.reporters import REPORTERS
from pytest_quantguard.reporters._files import special
from pytest_quantguard.verdicts import GateReport, Verdict

if TYPE_CHECKING:
    import pytest

    from pytest_quantguard.reporters._texts import Texts

FILES = {
    "json": "report.json",
    "html": "index.html",
    "summary": "summary.md",
    "comment": "comment.md",
    "routes": "route.json",
}
"""What stands in the report folder after each run: the reporter, and the name of its file."""


def folder_of(config: pytest.Config, folder: Path) -> Path:
    """Return where a run writes its reports: as its options say, else ``folder``."""
    given = config.option.quant_report
    return config.invocation_params.dir / given if given else folder


def targets_of(config: pytest.Config, folder: Path, reporters: Names) -> dict[str, Path]:
    """Return `targets` as a run's options have them.

    Raises:
        pytest.UsageError: a project's reporter cannot be used; names it.
    """
    import pytest  # not above: a command that shows a report does without

    option = config.option
    junit = config.invocation_params.dir / option.quant_junit if option.quant_junit else None
    try:
        return targets(
            folder_of(config, folder), junit, reporters, strict=option.quant_junit_strict
        )
    except QuantGuardError as error:
        raise pytest.UsageError(f"quantguard: {error}") from None


def targets(
    folder: Path, junit: Path | None, reporters: Names, *, strict: bool = False
) -> dict[str, Path]:
    """Return which reporter writes which file; ``strict``: JUnit as Jenkins' schema has it.

    What a project registered itself comes last: ``<folder>/<its attribute "file", or its name>``.

    Raises:
        ConfigError: a project's reporter cannot be used; names it.
    """
    found = {name: folder / file for name, file in FILES.items()}
    if junit:
        found["junit-strict" if strict else "junit"] = junit
    for name in reporters:
        if name not in REPORTERS:
            file = _own_file(name, reporters)
            taken = {path.name.lower() for path in found.values() if path.parent == folder}
            if file.lower() in taken:
                raise ConfigError(
                    f"the reporter {name!r} wants to write {file!r}, as another reporter does; "
                    "give it another attribute 'file'"
                )
            found[name] = folder / file
    return found


def _own_file(name: str, reporters: Names) -> str:
    """Return the name of the file that a project's reporter writes."""
    try:
        thing = reporters.get(name)
    except LookupError as error:
        raise ConfigError(str(error)) from None
    if not callable(thing):
        raise ConfigError(
            f"the reporter {name!r} is {thing!r:.80}; a reporter is called as "
            "reporter(report, path, texts)"
        )
    file = getattr(thing, "file", name)
    if problem := label_problem(f"the attribute 'file' of the reporter {name!r}", file):
        raise ConfigError(problem)
    return str(file)


def clear(files: Mapping[str, Path]) -> None:
    """Remove the last run's reports: a run without a verdict must not leave an older one."""
    for path in files.values():
        with suppress(OSError):  # what cannot be removed cannot be written: said then
            if not special(path):
                path.unlink(missing_ok=True)
    if "html" in files:
        from pytest_quantguard.reporters.html import clear_pages

        clear_pages(files["html"])


def clear_refused(config: pytest.Config) -> None:
    """Remove the last run's reports where this one was refused before its configuration was read.

    They are looked for where they stand without one.
    """
    option, start = config.option, config.invocation_params.dir
    folder = start / option.quant_report if option.quant_report else config.rootpath / REPORT_FOLDER
    if not (option.collectonly or hasattr(config, "workerinput")):
        clear({name: folder / file for name, file in FILES.items()})


def begin(files: Mapping[str, Path]) -> None:
    """Remove the last run's reports, and find out now what could not be written in the end.

    Raises:
        pytest.UsageError: a report cannot be written; says which, and why.
    """
    import pytest

    clear(files)
    problems = [
        f"{path} is a folder: name a file for the report"
        for path in files.values()
        if path.is_dir()
    ]
    problems += [
        f"{path} is a device or a pipe: name a file for the report"
        for path in files.values()
        if special(path)
    ]
    for folder in dict.fromkeys(path.parent for path in files.values()):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            problems.append(f"{folder} is no folder, or stands in none: no report can be written")
        except OSError as error:
            problems.append(f"{folder} cannot be made: {error.strerror}")
    if problems:
        raise pytest.UsageError("quantguard: " + "\n".join(problems))


def write(
    report: GateReport,
    files: Mapping[str, Path],
    reporters: Names,
    texts: Texts,
    start: Path,
) -> dict[str, str]:
    """Write the reports; return the path of each, relative to ``start`` where it is below.

    All are given the texts that report.json keeps, and no others: so a report that is rendered
    again from it is the same.

    Raises:
        QuantGuardError: a report cannot be written; names the path, or the project's reporter.
    """
    from pytest_quantguard.reporters._texts import Texts, kept_texts

    kept = Texts.kept(kept_texts((o for c in report.candidates for o in c.outcomes), texts))
    for name, path in files.items():
        if name in REPORTERS:
            reporters.get(name)(report, path, kept)
        else:
            _call(name, reporters.get(name), report, path, kept)
    return {name: relative(path, start) for name, path in files.items()}


def _call(name: str, reporter: Any, report: GateReport, path: Path, texts: Texts) -> None:
    """Call a project's reporter; one that fails, or writes nothing, fails the run by its name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        reporter(report, path, texts)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # pytest.skip() and sys.exit() would end the run green
        what = one_line(f"{type(error).__name__}: {error}", 400)
        raise QuantGuardError(f"the reporter {name!r} failed: {what}") from error
    if not path.is_file():
        raise QuantGuardError(f"the reporter {name!r} has not written {path}")


def relative(path: Path, folder: Path) -> str:
    """Return a path for people: from a folder on, where it is in it."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def terminal_lines(
    report: GateReport,
    texts: Texts,
    screen: Screen,
    *,
    verbosity: int,
    auto: bool = False,
    notices: Sequence[str] = (),
    written: Mapping[str, str] | None = None,
) -> list[str]:
    """Return what the terminal shows of a report; ``auto``: its budgets chose themselves.

    ``notices`` come after it, and last where to read on, in the files that `write` has ``written``;
    with a ``verbosity`` below 0 the first line of that alone.
    """
    from pytest_quantguard.reporters import terminal
    from pytest_quantguard.reporters._words import folded

    lines = terminal.render(report, screen, verbosity=verbosity, texts=texts)
    remarks = [f"Note: {one_line(r, 500)}" for r in report.provenance.get("remarks", ())]
    told = [line for one in (*remarks, *notices) for line in folded(one, screen.width, "", "  ")]
    last = terminal.reading_lines(report, written or {}, screen)
    last = last[:1] if verbosity < 0 else last
    return [*(auto_lines(report, screen.width) if auto else []), *lines, *told, *last]


def remember(report: GateReport, history: Path | None) -> tuple[GateReport, list[str]]:
    """Add a run to the history; return the report with notes on what changed, and notices.

    Without a history, or where it cannot be added to, the report is as it was.
    """
    if history is None:
        return report, []
    from pytest_quantguard.history.remember import remember as kept

    report, notice = kept(report, history)
    return report, [f"Note: {notice}"] if notice else []


def auto_lines(report: GateReport, width: int) -> list[str]:
    """Return the budgets that were found automatically, to paste and to keep."""
    from pytest_quantguard.reporters._words import folded

    small = (f"left out: {text}" for text in report.provenance["left_out"])
    left_out = [line for text in small for line in folded(text, width, "  # ", "  # ")]
    found = map(_tally.budget_from, report.provenance["budgets"])
    return ["budgets: auto, which for these cases is", *yaml_lines(found), *left_out, ""]


def exit_code(report: GateReport, inconclusive: Literal["fail", "warn"]) -> int:
    """Return 0 for all passed, 10 when nothing but proof is missing, 1 for everything else."""
    rows = {row.verdict for candidate in report.candidates for row in candidate.budgets}
    found = rows | {report.verdict}
    if found <= {Verdict.PASS}:
        return 0
    if found <= {Verdict.PASS, Verdict.INCONCLUSIVE}:
        return 10 if inconclusive == "fail" else 0
    return 1
