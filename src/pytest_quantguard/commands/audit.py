"""``quantguard audit``: endpoints that claim to be one model, on the same golden cases, ranked."""

from __future__ import annotations

import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_quantguard._hooked import FAULT
from pytest_quantguard._preview import OFF, run_apart, told
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.auditing.ranking import Ranking, ranking
from pytest_quantguard.auditing.shown import markdown, text, to_dict
from pytest_quantguard.auditing.sources import Source, of_file, of_gguf
from pytest_quantguard.cli import NOTHING, USAGE_ERROR, Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.errors import InputError, ProviderError, QuantGuardError
from pytest_quantguard.reporters._files import write_whole

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard.variants import Variant
    from pytest_quantguard.verdicts import GateReport, Metric

FOLDER = "quant-audit"
"""Where reports are written, unless the file says otherwise."""


_OWN = (
    *("--quant-candidate", "--quant-baseline", "--quant-config", "--quant-pairs"),
    *("--quant-shard", "--collect-only", "--co"),
)
"""Options of pytest that would make it another run."""
_SHOWN = 3
"""Failures beside the verdicts that are told one by one."""


def audit(arguments: Sequence[str]) -> int:
    """Audit; return 0 when all hold, 1 when one does not, 10 where it is open, 4 for mistakes."""
    options, rest = _options(arguments)
    try:
        source = _source(options)
        with tempfile.TemporaryDirectory(prefix="quantguard-audit-") as folder:
            ran = _run(source, options, rest, Path(folder) if options.fresh else None)
        if ran.report is None:
            refuse(ran.said)
            return ran.code
        found = ranking(ran.report, ran.sizes)
        if options.markdown:
            write_whole(Path(options.markdown), markdown(found).encode("utf-8"))
        beside = [one_line(line, 400) for line in ran.beside]
        ended = {"exit_code": ran.code, "report": ran.folder, "beside": beside}
        put({**to_dict(found), **ended}, options.json)
    except InputError as error:
        return refuse(f"quantguard audit: {problem}" for problem in error.problems)
    except QuantGuardError as error:
        return refuse([f"quantguard audit: {error}"])
    if not alone(options.json):
        _tell(found, ran)
    return ran.code


def _parser() -> Parser:
    return Parser(
        prog="quantguard audit",
        pytest=True,
        usage="quantguard audit FILE [--reference NAME] [--fresh] [--markdown PATH]\n"
        "                        [--json[=FILE]] [-v] [pytest arguments ...]\n"
        "       quantguard audit --gguf REFERENCE MODEL ... [--golden PATH] [...]",
        description="Ask several endpoints that claim to be the same model the same golden cases,\n"
        "and rank them: cases that hold, answers given, speed, first token, cost. Each\n"
        "gets the gate's verdict against the reference. Or rank your own GGUF files.",
        epilog=manual(
            {
                0: "every endpoint holds its budgets against the reference",
                1: "one does not, or could not be judged (unreachable, not comparable)",
                4: "wrong options or files; nothing was asked",
                10: "none fails, and the golden cases cannot tell of one",
            },
            {
                "quantguard audit providers.yaml": "ask all providers of the file",
                "quantguard audit providers.yaml -k tools --markdown table.md": "a part of the "
                "cases; the table as Markdown",
                "quantguard audit --gguf f16.gguf q8_0.gguf q4_0.gguf": "three precision levels "
                "of one model, the first is the reference",
            },
            "Other arguments go to pytest: -k, -m, --quant-max-cost ...\ndocs/audit.md tells more.",
        ),
    )


def _options(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    parser = _parser()
    parser.set_defaults(file=None)
    if not any(one.startswith("--gguf") for one in arguments):  # else it would take what -k is for
        parser.add_argument("file", nargs="?", metavar="FILE", help="such as providers.yaml")
    parser.add_argument(
        "--gguf",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="GGUF files, the reference first; embedded:f16 is the model that comes along",
    )
    parser.add_argument(
        "--golden", metavar="PATH", help="golden cases for --gguf; default: golden, here"
    )
    parser.add_argument("--reference", metavar="NAME", help="provider to compare with")
    parser.add_argument(
        "--fresh", action="store_true", help="ask everything anew, whatever is in the cache"
    )
    parser.add_argument("--markdown", metavar="PATH", help="write the ranking as Markdown, too")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show the run itself, on stderr"
    )
    add_json(parser, "the ranking")
    options, rest = parser.parse_known_args(arguments_of(arguments))
    if bool(options.file) == bool(options.gguf):
        parser.error("give a file of providers, or --gguf with GGUF files")
    if options.golden and not options.gguf:
        parser.error("--golden goes with --gguf; a file of providers has 'golden:'")
    if options.gguf and options.reference:
        parser.error("with --gguf the first file is the reference")
    if taken := [one for one in rest if one.startswith(_OWN)]:
        parser.error(f"{one_line(taken[0])}: who is asked, and what, the audit itself decides")
    return options, rest


def _source(options: Namespace) -> Source:
    if options.gguf:
        return of_gguf(options.gguf, Path(FOLDER), Path(options.golden or "golden"))
    return of_file(Path(options.file), one_line(options.file, 500), options.reference)


# --- running ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Ran:
    """What became of the run."""

    code: int
    report: GateReport | None = None
    said: list[str] = field(default_factory=list)
    """Why there is no report."""
    sizes: dict[str, int] = field(default_factory=dict)
    folder: str = ""
    beside: list[str] = field(default_factory=list)
    """What else has failed, so that the exit code is no verdict's."""


def _run(source: Source, options: Namespace, rest: Sequence[str], fresh: Path | None) -> _Ran:
    """Have pytest ask and judge, in this process."""
    plugin = _Plugin(source, fresh)
    given = ["-p", "no:cacheprovider", *([] if options.verbose else ["-qq"]), *rest, *source.golden]
    if find_spec("xdist") and "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ:
        given.append("-n0")  # whatever addopts say: the plugin is in this process alone
    apart = run_apart(given, plugin, aloud=options.verbose)
    code = apart.code
    if apart.broke:
        plugin.beside.append(f"pytest broke: {apart.broke}")
    if apart.broke or plugin.report is None:  # else it is what other plugins warn of
        sys.stderr.write(apart.beside)
    asked = plugin.report.provenance.get("cases", 0) if plugin.report is not None else 0
    if plugin.report is not None and asked:
        ran = _Ran(code, plugin.report, sizes=plugin.sizes(), folder=plugin.folder())
        ran.beside = plugin.beside
        return ran
    if plugin.failed:
        return _Ran(USAGE_ERROR, said=plugin.failed)
    if code == NOTHING or plugin.report is not None:
        where = ", ".join(one_line(path, 300) for path in source.golden)
        return _Ran(USAGE_ERROR, said=[f"quantguard audit: no golden case was selected in {where}"])
    # pytest has said on stderr what a usage error is about
    said = [] if code == USAGE_ERROR else [apart.output[-2000:] or f"pytest ended with {code}"]
    return _Ran(code or 1, said=said)


class _Plugin:
    """A pytest plugin: the gate's options come from the file, the report is kept."""

    def __init__(self, source: Source, fresh: Path | None) -> None:
        self.report: GateReport | None = None
        self.failed: list[str] = []
        self.beside: list[str] = []
        """Tests that failed and are no golden cases, and faults of hooks."""
        self._source = source
        self._fresh = fresh
        self._settings: GateConfig | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Turn the gate on for what is audited."""
        option, source = config.option, self._source
        if not hasattr(option, "quant_candidate"):
            raise pytest.UsageError(OFF)
        option.quant_candidate = list(source.others)
        option.quant_baseline = source.reference
        option.quant_config = str(source.config)
        option.quant_pairs = []  # of addopts
        option.quant_underpowered = option.quant_underpowered or "allow"
        option.quant_adapt = self._adapted
        if own := config.args[: -len(source.golden)]:
            config.args = own  # paths that were given select, as in pytest
        else:  # what the file names is the whole golden set
            config.args_source = pytest.Config.ArgsSource.TESTPATHS

    def _adapted(self, settings: GateConfig, metrics: Mapping[str, Metric]) -> GateConfig:
        """Keep the configuration; a fresh run has a cache of its own."""
        if self._fresh is not None:
            settings = replace(settings, cache_folder=self._fresh)
        self._settings = settings
        return settings

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what is wrong with a file."""
        if report.failed:
            self.failed.append(told(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what fails beside the verdicts."""
        if report.failed and not hasattr(report, "quantguard_verdict"):
            self.beside.append(f"{report.nodeid} failed")
        elif report.failed and report.nodeid == FAULT:
            self.beside.append(report.longreprtext)

    @pytest.hookimpl(optionalhook=True)
    def pytest_quantguard_report(self, report: GateReport) -> None:
        """Keep the report."""
        self.report = report

    def folder(self) -> str:
        """Return where the reports are."""
        return "" if self._settings is None else str(self._settings.report_folder)

    def sizes(self) -> dict[str, int]:
        """Return how large the models' files are, in bytes, where they are on this machine."""
        found = {}
        for name, variant in self._settings.variants.items() if self._settings else ():
            if (size := _size(variant)) is not None:
                found[name] = size
        return found


def _size(variant: Variant) -> int | None:
    if variant.provider != "llamacpp" or variant.base_url:
        return None
    from pytest_quantguard.providers.llamacpp import _gguf

    try:
        return _gguf(variant).stat().st_size
    except (OSError, ProviderError):
        return None


def _tell(found: Ranking, ran: _Ran) -> None:
    tell("\n".join(text(found, Screen.of())))
    for line in ran.beside[:_SHOWN]:
        tell(f"Beside the verdicts: {one_line(line, 400)}")
    if (more := len(ran.beside) - _SHOWN) > 0:
        tell(f"Beside the verdicts: {more} more; -v shows the run itself")
    tell(f"Case by case: {one_line(os.path.relpath(ran.folder), 500)}/index.html")
