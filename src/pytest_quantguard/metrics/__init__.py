"""The metrics that come with pytest-quantguard: one file for each family, and this table.

A key is the metric's name in YAML, a value is where its class is; a class takes no arguments.
Nothing is imported until a budget or a report asks for it.
"""

METRICS: dict[str, str] = {
    "cost_per_request": "pytest_quantguard.metrics.cost_per_request:CostPerRequest",
    "cost_per_success": "pytest_quantguard.metrics.cost_per_success:CostPerSuccess",
    "divergence": "pytest_quantguard.metrics.divergence:Divergence",
    "errors": "pytest_quantguard.metrics.errors:Errors",
    "instability": "pytest_quantguard.metrics.instability:Instability",
    "latency_p50": "pytest_quantguard.metrics.latency:LatencyP50",
    "latency_p95": "pytest_quantguard.metrics.latency:LatencyP95",
    "latency_p99": "pytest_quantguard.metrics.latency:LatencyP99",
    "length": "pytest_quantguard.metrics.length:Length",
    "reference": "pytest_quantguard.metrics.reference:Reference",
    "refusals": "pytest_quantguard.metrics.refusals:Refusals",
    "throughput": "pytest_quantguard.metrics.throughput:Throughput",
    "time_per_token_p50": "pytest_quantguard.metrics.time_per_token:TimePerTokenP50",
    "time_per_token_p95": "pytest_quantguard.metrics.time_per_token:TimePerTokenP95",
    "time_per_token_p99": "pytest_quantguard.metrics.time_per_token:TimePerTokenP99",
    "timeouts": "pytest_quantguard.metrics.timeouts:Timeouts",
    "tokens_in": "pytest_quantguard.metrics.tokens:TokensIn",
    "tokens_out": "pytest_quantguard.metrics.tokens:TokensOut",
    "tokens_per_second": "pytest_quantguard.metrics.tokens_per_second:TokensPerSecond",
    "truncation": "pytest_quantguard.metrics.truncation:Truncation",
    "ttft_p50": "pytest_quantguard.metrics.ttft:TtftP50",
    "ttft_p95": "pytest_quantguard.metrics.ttft:TtftP95",
    "ttft_p99": "pytest_quantguard.metrics.ttft:TtftP99",
}
