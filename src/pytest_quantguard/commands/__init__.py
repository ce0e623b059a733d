"""The quantguard command's commands: one file for each, and this table.

A command is a function that takes the arguments after its name and returns an exit code. Nothing
is imported until it is called.
"""

COMMANDS: dict[str, tuple[str, str]] = {
    "audit": (
        "pytest_quantguard.commands.audit:audit",
        "rank endpoints that claim to be one model, or your own GGUF files",
    ),
    "check-report": (
        "pytest_quantguard.commands.check_report:check_report",
        "tell a workflow whether a report.json is there, whole, recent, and a pass",
    ),
    "compare": (
        "pytest_quantguard.commands.compare:compare",
        "say what changed between two reports, and whether it is worse",
    ),
    "completion": (
        "pytest_quantguard.commands.completion:completion",
        "print a script that completes this command in bash, zsh or fish",
    ),
    "doctor": (
        "pytest_quantguard.commands.doctor:doctor",
        "reach every endpoint, and say what is wrong and what to do",
    ),
    "export": (
        "pytest_quantguard.commands.export:export",
        "write the requests of a run as batch files, for answers without a server",
    ),
    "history": (
        "pytest_quantguard.commands.history:history",
        "show what earlier runs found, what changed between them, and why",
    ),
    "import": (
        "pytest_quantguard.commands.import_:import_",
        "make golden cases of eval files, chat data and recorded traffic",
    ),
    "init": (
        "pytest_quantguard.commands.init:init",
        "write a set-up that works at once, and say what to edit",
    ),
    "judge-check": (
        "pytest_quantguard.commands.judge_check:judge_check",
        "say how well a judge model agrees with labels that people gave",
    ),
    "lint": (
        "pytest_quantguard.commands.lint:lint",
        "say what is weak about your golden cases; asks nothing",
    ),
    "merge": (
        "pytest_quantguard.commands.merge:merge",
        "judge the shards of a run together, and report as one run does",
    ),
    "plan": (
        "pytest_quantguard.commands.plan:plan",
        "say which budgets your golden cases can decide, and what it takes; asks nothing",
    ),
    "report": (
        "pytest_quantguard.commands.report:report",
        "render a report.json again: terminal, HTML, Markdown, JUnit, routes",
    ),
    "watch": (
        "pytest_quantguard.commands.watch:watch",
        "say whether an endpoint has changed since its reference day, and for the worse",
    ),
}
"""Name -> where the function is, and what it does in half a line."""
