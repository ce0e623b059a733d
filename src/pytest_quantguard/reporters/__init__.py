"""Reports: one file each, all pure renderings of one `GateReport`.

A reporter is a function ``(report, path, texts) -> None`` that writes one file;
``texts`` finds what was asked and said by the cache keys of an outcome. What the
terminal shows is not a file and is called directly: `pytest_quantguard.reporters.terminal.render`.
"""

REPORTERS = {
    "json": "pytest_quantguard.reporters.json:write",
    "junit": "pytest_quantguard.reporters.junit:write",
}
