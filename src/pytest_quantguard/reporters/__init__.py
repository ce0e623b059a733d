"""Reports: one file each, all pure renderings of one `GateReport`.

A reporter is a function ``(report, path, completions) -> None`` that writes one file;
``completions`` finds the two texts of an outcome by its cache keys, or returns None. What the
terminal shows is not a file and is called directly: `pytest_quantguard.reporters.terminal.render`.
"""

REPORTERS = {
    "json": "pytest_quantguard.reporters.json:write",
    "junit": "pytest_quantguard.reporters.junit:write",
}
