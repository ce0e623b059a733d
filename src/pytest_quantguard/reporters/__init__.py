"""Reports: all pure renderings of one `GateReport`.

A reporter is a function ``(report, path, texts) -> None`` that writes one file, or the page that
leads to others; ``texts`` finds what was asked and said by the cache keys of an outcome. What the
terminal shows is not a file and is called directly: `pytest_quantguard.reporters.terminal.render`.
"""

REPORTERS = {
    "comment": "pytest_quantguard.reporters.markdown:comment",
    "html": "pytest_quantguard.reporters.html:write",
    "json": "pytest_quantguard.reporters.json:write",
    "junit": "pytest_quantguard.reporters.junit:write",
    "junit-strict": "pytest_quantguard.reporters.junit:write_strict",
    "routes": "pytest_quantguard.reporters.routes:write",
    "summary": "pytest_quantguard.reporters.markdown:summary",
}
