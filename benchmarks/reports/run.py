"""What the reports of 10,000 cases cost: bytes, processor time, and how long Chromium loads a page.

    python benchmarks/reports/run.py [--cases 10000] [--checks 3] [--rounds 3] [--out FILE]

Writes results.md beside this file. Each reporter writes the same two reports, in a process of its
own: one in which a tenth of the cases is in doubt, and the worst, in which all are. Answers are
some 2 KB long. Without a Chromium the load times are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests"
sys.path[:0] = [str(HERE.parent), str(TESTS), str(TESTS / "reporters" / "browser")]

import measured  # noqa: E402

import many_cases  # noqa: E402
from pytest_quantguard._publish import FILES  # noqa: E402
from pytest_quantguard._registry import Registry  # noqa: E402

SHARES = {"a tenth in doubt": 0.1, "all in doubt": 1.0}


def write_one(name: str, path: Path, size: many_cases.Size) -> None:
    """Write one report, and print the processor time that this took."""
    report, texts = many_cases.report(size), many_cases.texts(size)
    writer = Registry().reporters.get(name)
    start = time.process_time()
    writer(report, path, texts)
    print(json.dumps(time.process_time() - start))


def written(folder: Path, size: many_cases.Size, rounds: int) -> dict[str, tuple[float, float]]:
    """Write every report several times; return the median of CPU seconds, and the peak of MB."""
    found = {}
    for name, file in {**FILES, "junit": "junit.xml"}.items():
        runs = []
        for _ in range(rounds):
            command = [sys.executable, __file__, "--one", name, "--file", folder / file]
            command += [f"--cases={size.cases}", f"--checks={size.checks}"]
            runs.append(measured.run([*command, f"--doubtful={size.doubtful}"], folder))
            if runs[-1].code:
                sys.exit(runs[-1].text[-3000:])
        seconds = median(float(run.text) for run in runs)
        found[name] = (seconds, max(run.rss_mb for run in runs))
    return found


def loads(folder: Path, pages: dict[str, Path], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the seconds until each page is loaded, and laid out; empty without a browser."""
    try:
        from chromium import started, tab_of
    except ImportError as error:
        print(f"no load times: {error}", file=sys.stderr)
        return {}
    found = {}
    with started() as browser:
        for name, path in pages.items():
            times = []
            for _ in range(rounds):
                with tab_of(browser) as tab:
                    start = time.perf_counter()
                    page = tab.visit(path.as_uri())
                    loaded = time.perf_counter()
                    page.evaluate("document.documentElement.getBoundingClientRect().height")
                    times.append((loaded - start, time.perf_counter() - start))
            found[name] = tuple(median(column) for column in zip(*times, strict=True))
    return found


def measure(folder: Path, name: str, size: many_cases.Size, rounds: int) -> list[str]:
    """Return the tables of one report as Markdown."""
    cost = written(folder, size, rounds)
    cases = sorted((folder / "html").glob("*.html"), key=lambda page: page.stat().st_size)
    pages = {"index.html": folder / "index.html", "the largest case page": cases[-1]}
    loading = loads(folder, pages, rounds)
    lines = [
        f"## {name}",
        "",
        "| | CPU s | CPU ms per case | peak MB | MB |",
        "|---|---|---|---|---|",
    ]
    for reporter, (seconds, peak) in cost.items():
        path = folder / {**FILES, "junit": "junit.xml"}[reporter]
        whole = path.stat().st_size
        if reporter == "html":
            whole += sum(each.stat().st_size for each in (folder / "html").iterdir())
        lines.append(
            f"| {reporter} | {seconds:.2f} | {1e3 * seconds / size.cases:.2f} | {peak:.0f} "
            f"| {whole / 1e6:.2f} |"
        )
    lines += ["", "| page | KB | loaded, s | and laid out, s |", "|---|---|---|---|"]
    for title, path in pages.items():
        took = " | ".join(f"{each:.2f}" for each in loading.get(title, ())) or "- | -"
        lines.append(f"| {title} | {path.stat().st_size / 1e3:.0f} | {took} |")
    return [
        *lines,
        "",
        f"{len(cases)} case pages, {median(p.stat().st_size for p in cases) / 1e3:.0f} KB in the "
        "median.",
        "",
    ]


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--checks", type=int, default=3, choices=(1, 2, 3))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--doubtful", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    sizes = {
        name: many_cases.Size(cases=given.cases, checks=given.checks, doubtful=share)
        for name, share in SHARES.items()
    }
    if given.one:
        size = many_cases.Size(cases=given.cases, checks=given.checks, doubtful=given.doubtful)
        write_one(given.one, given.file, size)
        return
    lines = [
        "# Reports of many cases",
        "",
        f"{given.cases:,} cases of {given.checks} checks, one candidate, answers of some 2 KB; "
        f"medians of {given.rounds} runs, on {measured.machine()}. Made by "
        "`python benchmarks/reports/run.py`.",
        "",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for name, size in sizes.items():
            folder = Path(scratch, name.replace(" ", "-"))
            folder.mkdir()
            lines += measure(folder, name, size, given.rounds)
    text = "\n".join(lines)
    given.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
