"""The checks that come with pytest-quantguard: one file each, and this table.

A key is the check's name in YAML, a value is where its class is. Nothing is imported until a
golden case asks for it.
"""

CHECKS: dict[str, str] = {
    "choice": "pytest_quantguard.checks.choice:Choice",
    "citations": "pytest_quantguard.checks.citations:Citations",
    "code_parses": "pytest_quantguard.checks.code_parses:CodeParses",
    "contains": "pytest_quantguard.checks.contains:Contains",
    "disclaimer": "pytest_quantguard.checks.disclaimer:Disclaimer",
    "entities_preserved": "pytest_quantguard.checks.entities_preserved:EntitiesPreserved",
    "exact": "pytest_quantguard.checks.exact:Exact",
    "finish_reason": "pytest_quantguard.checks.finish_reason:FinishReason",
    "groundedness": "pytest_quantguard.checks.groundedness:Groundedness",
    "hallucination": "pytest_quantguard.checks.hallucination:Hallucination",
    "json": "pytest_quantguard.checks.json:Json",
    "json_schema": "pytest_quantguard.checks.json_schema:JsonSchema",
    "judge": "pytest_quantguard.checks.judge:Judge",
    "language": "pytest_quantguard.checks.language:Language",
    "latency": "pytest_quantguard.checks.latency:Latency",
    "length": "pytest_quantguard.checks.length:Length",
    "no_tool_call": "pytest_quantguard.checks.no_tool_call:NoToolCall",
    "not_contains": "pytest_quantguard.checks.not_contains:NotContains",
    "numbers_preserved": "pytest_quantguard.checks.numbers_preserved:NumbersPreserved",
    "python_tests": "pytest_quantguard.checks.python_tests:PythonTests",
    "refusal": "pytest_quantguard.checks.refusal:Refusal",
    "regex": "pytest_quantguard.checks.regex:Regex",
    "repetition": "pytest_quantguard.checks.repetition:Repetition",
    "similarity": "pytest_quantguard.checks.similarity:Similarity",
    "stability": "pytest_quantguard.checks.stability:Stability",
    "tool_call": "pytest_quantguard.checks.tool_call:ToolCall",
    "tool_sequence": "pytest_quantguard.checks.tool_sequence:ToolSequence",
    "xml": "pytest_quantguard.checks.xml:Xml",
}
