"""The same job done by the gate and by others, in one run on one machine: one command.

    python benchmarks/peers/run.py [--cases 1000] [--only gate,threads] [--rounds 1] [--work DIR]

Installs each contender into an environment of its own (once; kept in --work, by default a folder
that git ignores), then lets each ask both models of server.py about N cases, 32 at a time, twice:
cold, and again with what it has kept. Writes results.md beside this file. ``--here`` takes the
running Python in place of an environment for the gate: nothing is installed then.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import measured  # noqa: E402
from contenders import (  # noqa: E402
    CONTENDERS,
    ROOT,
    CannotError,
    Contender,
    Setting,
    environment,
)

_WARM_UP = 20
"""Cases of a run before the first that counts: Python writes its bytecode then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One contender's job, done once."""

    spent: measured.Spent
    requests: int
    """As the server counted them."""
    repeated: int
    """Requests that were made more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a contender took, at its best; or why it did not run."""

    contender: Contender
    version: str = ""
    cold: Run | None = None
    warm: Run | None = None
    trouble: str = ""


def counts(url: str) -> dict[str, Any]:
    """Return what the server was asked so far."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/counts", timeout=10) as page:
        found: dict[str, Any] = json.load(page)
    return found


def once(contender: Contender, setting: Setting, expected: int | None) -> Run:
    """Let a contender do the job, and see that it was done.

    Raises:
        CannotError: it ended otherwise than it should, or asked for less than the job takes.
    """
    before = counts(setting.url)
    spent = measured.run(
        contender.command(setting), setting.folder, env=environment(contender, setting)
    )
    after = counts(setting.url)
    sent = after["requests"] - before["requests"]
    if spent.code not in contender.codes or (expected is not None and sent < expected):
        (setting.folder / "failed.txt").write_text(spent.text, encoding="utf-8")
        last = (spent.text.strip().splitlines() or ["nothing was printed"])[-1]
        raise CannotError(f"exit code {spent.code} after {sent} requests: {last[:120]}")
    return Run(spent=spent, requests=sent, repeated=sent - (after["distinct"] - before["distinct"]))


def both(contender: Contender, setting: Setting) -> tuple[Run, Run | None]:
    """Return a cold and a warm run, in a folder that is new."""
    shutil.rmtree(setting.folder, ignore_errors=True)
    setting.folder.mkdir(parents=True)
    contender.write(setting)
    cold = once(contender, setting, 2 * setting.cases)
    return cold, once(contender, setting, None) if contender.cached else None


def compete(contender: Contender, home: Path, given: argparse.Namespace, folder: Path) -> Result:
    """Measure one contender, each round with a server of its own; the best round counts."""
    server = [sys.executable, HERE / "server.py", "--latency", str(given.latency)]
    cases = max(1, given.cases // contender.share)
    setting = Setting(folder=folder, url="", cases=cases, concurrency=given.concurrency, home=home)
    rounds: list[tuple[Run, Run | None]] = []
    for number in range(given.rounds + given.warm_up):
        with measured.serving(server) as url:
            size = cases if number >= given.warm_up else min(cases, _WARM_UP)
            found = both(contender, replace(setting, url=url, cases=size))
            rounds += [found] if number >= given.warm_up else []
    cold = min((run for run, _ in rounds), key=lambda run: run.spent.wall_s)
    warm = min((run for _, run in rounds if run), key=lambda run: run.spent.wall_s, default=None)
    return Result(contender=contender, cold=cold, warm=warm)


def main() -> int:
    """Install, measure, write and print; 1 when the gate itself did not do the job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.05, help="of the server, in seconds")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--warm-up", type=int, default=1, help="small runs that do not count")
    parser.add_argument("--here", action="store_true", help="run the gate in this Python")
    parser.add_argument("--work", type=Path, default=ROOT / ".bench")
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    given = parser.parse_args()
    only = {name for name in given.only.split(",") if name}
    if unknown := only - {contender.name for contender in CONTENDERS}:
        parser.error(f"there is no contender {', '.join(sorted(unknown))}")
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for contender in CONTENDERS:
            if only and contender.name not in only:
                continue
            results.append(_result(contender, given, Path(scratch) / contender.name))
            print(_said(results[-1]), file=sys.stderr, flush=True)
    text = report(results, given)
    given.out.write_text(text, encoding="utf-8")
    print(text)
    return int(any(r.trouble for r in results if r.contender.name == "gate"))


def _result(contender: Contender, given: argparse.Namespace, folder: Path) -> Result:
    home, version = Path(sys.prefix), "this Python"
    try:
        if not (given.here and contender.name == "gate"):
            work = given.work.absolute()
            work.mkdir(parents=True, exist_ok=True)
            home, version = contender.install(work)
        return replace(compete(contender, home, given, folder), version=version)
    except CannotError as error:
        return Result(contender=contender, version=version, trouble=str(error))


def _said(result: Result) -> str:
    if result.cold is None:
        return f"{result.contender.name}: {result.trouble}"
    spent = result.cold.spent
    return f"{result.contender.name}: {spent.wall_s:.1f} s, {spent.cpu_s:.1f} CPU s"


# --- the table ------------------------------------------------------------------------------


def report(results: list[Result], given: argparse.Namespace) -> str:
    """Return the tables as Markdown."""
    ideal = math.ceil(2 * given.cases / given.concurrency) * given.latency
    gate = next((r.cold for r in results if r.contender.name == "gate"), None)
    lines = [
        "# The same job, done by others",
        "",
        f"{given.cases:,} cases, two models that take {1000 * given.latency:.0f} ms to answer, at "
        f"most {given.concurrency} requests at once: ideally {ideal:.2f} s. Best of "
        f"{given.rounds}, all in one run, on {measured.machine()}. Processor time is the "
        "contender's with its children, not the server's; memory is its largest process's peak. "
        "Made by `python benchmarks/peers/run.py`; how to read it: [README](../README.md).",
        "",
        "| | wall s | x ideal | CPU s | CPU x gate | CPU ms per case | peak MB | requests | "
        "repeated |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(result, result.cold, ideal, gate, given.cases) for result in results]
    lines += ["", "## Once more, with what was kept", ""]
    lines += ["| | wall s | CPU s | peak MB | requests |", "|---|---|---|---|---|"]
    for result in results:
        if result.warm is not None:
            spent = result.warm.spent
            lines.append(
                f"| {result.contender.name} | {spent.wall_s:.1f} | {spent.cpu_s:.1f} | "
                f"{spent.rss_mb:.0f} | {result.warm.requests} |"
            )
    lines += ["", "## Who took part", "", "| | version | what it does |", "|---|---|---|"]
    for result in results:
        one = result.contender
        scaled = f"; one case of {one.share}, scaled up" if one.share > 1 else ""
        kept = "" if one.cached else "; keeps no answers"
        lines.append(f"| {one.name} | {result.version} | {one.does}{scaled}{kept} |")
    return "\n".join([*lines, ""])


def _row(result: Result, run: Run | None, ideal: float, gate: Run | None, cases: int) -> str:
    name, share = result.contender.name, result.contender.share
    if run is None:
        return f"| {name} | did not run: {result.trouble} | | | | | | | |"
    wall, cpu = run.spent.wall_s * share, run.spent.cpu_s * share
    beside = f"{cpu / gate.spent.cpu_s:.1f}" if gate else ""
    return (
        f"| {name} | {wall:.1f} | {wall / ideal:.1f} | {cpu:.1f} | {beside} | "
        f"{1000 * cpu / cases:.1f} | {run.spent.rss_mb:.0f} | {run.requests * share} | "
        f"{run.repeated * share} |"
    )


if __name__ == "__main__":
    sys.exit(main())
