"""The checks that come with pytest-quantguard: one file each, and this table.

A key is the check's name in YAML, a value is where its class is. Nothing is imported until a
golden case asks for it.
"""

CHECKS: dict[str, str] = {
    "citations": "pytest_quantguard.checks.citations:Citations",
    "contains": "pytest_quantguard.checks.contains:Contains",
    "exact": "pytest_quantguard.checks.exact:Exact",
    "json": "pytest_quantguard.checks.json:Json",
    "json_schema": "pytest_quantguard.checks.json_schema:JsonSchema",
    "length": "pytest_quantguard.checks.length:Length",
    "numbers_preserved": "pytest_quantguard.checks.numbers_preserved:NumbersPreserved",
    "refusal": "pytest_quantguard.checks.refusal:Refusal",
    "regex": "pytest_quantguard.checks.regex:Regex",
    "tool_call": "pytest_quantguard.checks.tool_call:ToolCall",
}
