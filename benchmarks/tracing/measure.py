"""What traces cost a run: the same cases with and without `--quant-otel`, side by side.

    python benchmarks/tracing/measure.py [--cases 1000] [--repeats 5]

Runs alternate, and each asks a fresh cache. Server, receiver and run are processes of their own,
and the CPU time of the run alone counts. Prints medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_RECEIVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
"""


def project(folder: Path, url: str, cases: int) -> None:
    """Write a configuration and golden cases that both models answer."""
    both = f"{{provider: openai, base_url: '{url}', model: NAME, timeout_s: 20}}"
    (folder / "quantguard.yaml").write_text(
        "baseline: base\nhistory: false\nvariants:\n"
        f"  base: {both.replace('NAME', 'base')}\n  cand: {both.replace('NAME', 'cand')}\n"
        "budgets: [{max_drop: 5 pt}]\n"
    )
    lines = ["cohort: faq", "cases:"]
    lines += [
        f"  - {{id: c{i}, prompt: 'case {i}', expect: [{{contains: fine}}]}}" for i in range(cases)
    ]
    (folder / "golden.quant.yaml").write_text("\n".join(lines) + "\n")


def run(folder: Path, environ: dict[str, str], *options: str) -> tuple[float, float]:
    """Run the gate on a fresh cache; return CPU seconds and seconds."""
    subprocess.run(["rm", "-rf", str(folder / ".quantguard")], check=True)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    command += ["--quant-candidate=cand", *options]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    if options and "could not" in done.stdout:
        raise SystemExit(done.stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - began


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/scripted_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    receiver = subprocess.Popen(
        [sys.executable, "-c", _RECEIVER], stdout=subprocess.PIPE, text=True
    )
    try:
        url, place = (one.stdout.readline().strip() for one in (server, receiver))
        environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": place}
        found: dict[str, list[tuple[float, float]]] = {}
        with tempfile.TemporaryDirectory() as name:
            project(Path(name), url, given.cases)
            for _ in range(given.repeats):
                for option in ("", "--quant-otel", "--quant-otel-content"):
                    options = [option] if option else []
                    took = run(Path(name), environ, *options)
                    found.setdefault(option or "without", []).append(took)
    finally:
        receiver.terminate()
        server.stdin.close()
        receiver.wait()
        server.wait()
    print(f"{2 * given.cases} requests, median of {given.repeats}: CPU s, wall s")
    for option, took in found.items():
        cpu, wall = (statistics.median(values) for values in zip(*took, strict=True))
        print(f"  {option:<22} {cpu:6.2f} {wall:6.2f}")


if __name__ == "__main__":
    main()
