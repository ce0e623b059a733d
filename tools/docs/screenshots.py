"""Writes docs/images/*.png: the HTML report of the example, as Chromium shows it.

    python tools/docs/screenshots.py                  # runs examples/helpdesk first, half a minute
    python tools/docs/screenshots.py --report FILE    # renders the report.json of such a run

Needs the development tools (`make test` installs them) and a Chromium (tools/browser.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
LIMIT = 150_000
"""Bytes of one picture: they are in the repository, and in its history for ever."""
WIDTH = 1280
CANDIDATE, COHORT = "awq-int4", "json-extraction"
"""Whose cases are shown: a failed budget whose losses one sees at a glance."""

sys.path.insert(0, str(ROOT / "tests" / "reporters" / "browser"))

from chromium import started, tab_of  # noqa: E402

from pytest_quantguard.reporters import html  # noqa: E402
from pytest_quantguard.reporters import json as report_json  # noqa: E402
from pytest_quantguard.reporters.html.cases import page_of  # noqa: E402


def run_example(folder: Path) -> Path:
    """Run the example in a folder of its own; return its report.json."""
    place = folder / "helpdesk"
    kept = shutil.ignore_patterns("quant-report", "__pycache__")
    shutil.copytree(ROOT / "examples" / "helpdesk", place, ignore=kept)
    subprocess.run([sys.executable, "demo.py"], cwd=place, check=True)
    return place / "quant-report" / "report.json"


def pictures(report: Path, folder: Path) -> dict[str, bytes]:
    """Render a report, and return the pictures by name."""
    document = json.loads(report.read_text(encoding="utf-8"))
    gate = report_json.from_json(document)
    index = folder / "pages" / "index.html"
    html.write(gate, index, report_json.texts_of(document))
    number = [candidate.variant.name for candidate in gate.candidates].index(CANDIDATE)
    case = index.parent / "html" / page_of(number, COHORT)
    with started() as browser, tab_of(browser) as tab:
        found = {}
        for name, path, height in (("report", index, 1000), ("case", case, 900)):
            page = tab.visit(path.as_uri(), width=WIDTH)
            page.set_viewport_size({"width": WIDTH, "height": height})
            found[name] = page.screenshot(animations="disabled", caret="hide")
    return found


def main() -> None:
    """Write the pictures, and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path, help="report.json of a run of the example")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = given.report or run_example(Path(scratch))
        found = pictures(report, Path(scratch))
    IMAGES.mkdir(exist_ok=True)
    for name, image in found.items():
        if len(image) > LIMIT:
            sys.exit(f"{name}.png has {len(image):,} bytes, and may have {LIMIT:,}")
        (IMAGES / f"{name}.png").write_bytes(image)
        print(f"docs/images/{name}.png: {len(image):,} bytes")


if __name__ == "__main__":
    main()
