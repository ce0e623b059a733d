"""The quantguard command's commands: one file for each, and this table.

A command is a function that takes the arguments after its name and returns an exit code. Nothing
is imported until it is called.
"""

COMMANDS: dict[str, tuple[str, str]] = {
    "lint": (
        "pytest_quantguard.commands.lint:lint",
        "say what is weak about your golden cases; asks nothing",
    ),
    "plan": (
        "pytest_quantguard.commands.plan:plan",
        "say which budgets your golden cases can decide, and what it takes; asks nothing",
    ),
}
"""Name -> where the function is, and what it does in half a line."""
