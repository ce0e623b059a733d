"""The shell that pytest loads in every run: options, marker and fixture stubs.

It must stay nearly free of charge: everything that works is imported, and registered, only when a
candidate is given (`_activation.py`).
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_quantguard.functions.arms import ArmClient, QuantModel

GATE = "quantguard-gate"
"""Name under which the active gate is registered with pytest's plugin manager."""

_NEED_A_CANDIDATE = ("quant_answers", "quant_sequential", "quant_shard")
"""Options with which a run without a gate would be green because nothing was judged."""
_OFF = "quantguard: the gate is off; switch it on with --quant-candidate=NAME"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; all start with --quant-."""
    group = parser.getgroup("quantguard", "gate for quantized language models")
    group.addoption(
        "--quant-candidate",
        action="append",
        default=[],
        metavar="NAME",
        help="variant to judge against the baseline; may be given several times; turns the gate on",
    )
    group.addoption(
        "--quant-baseline",
        metavar="NAME",
        help="variant to compare with, instead of the configured baseline",
    )
    group.addoption(
        "--quant-config",
        metavar="PATH",
        help="configuration file; default quantguard.yaml or [tool.quantguard] in pyproject.toml",
    )
    group.addoption(
        "--quant-inconclusive",
        choices=("fail", "warn"),
        help="whether an inconclusive budget ends the run with exit code 10 (fail) or 0 (warn)",
    )
    group.addoption(
        "--quant-underpowered",
        choices=("refuse", "allow"),
        help="whether budgets that too few cases can never decide stop the run before it starts",
    )
    group.addoption(
        "--quant-null",
        action="store_true",
        help="also judge the baseline against itself, asked a second time: how much is noise?",
    )
    group.addoption(
        "--quant-sequential",
        action="store_true",
        help="ask in five batches, and stop as soon as the verdict of the whole run is decided",
    )
    group.addoption(
        "--quant-shard",
        metavar="K/N",
        help="ask the K-th of N parts of the golden cases, such as 2/5, and leave the verdict to "
        "'quantguard merge'",
    )
    group.addoption(
        "--quant-answers",
        action="append",
        default=[],
        metavar="FILE",
        help="answers that a batch job wrote (OpenAI batch JSONL); nothing is asked of any server. "
        "May be given several times; 'quantguard export' writes the requests",
    )
    group.addoption(
        "--quant-pairs",
        action="append",
        default=[],
        metavar="FILE",
        help="judge mirrored traffic: recorded requests with both models' answers (our JSONL, "
        "LiteLLM's logs, OpenTelemetry spans, OpenAI batches; .gz too). May be given several "
        "times; nothing is asked of any server",
    )
    group.addoption(
        "--quant-allow-code",
        action="store_true",
        help="let checks such as python_tests run code that a model wrote, in a sandbox",
    )
    group.addoption(
        "--quant-sandbox",
        choices=("bubblewrap", "namespaces", "limits"),
        help="the sandbox to use instead of the best one; 'limits' isolates little and is only "
        "used when it is named",
    )
    group.addoption(
        "--quant-max-requests",
        type=_more_than_nothing(int),
        metavar="N",
        help="requests that the run may make, repeated ones included; a plan that needs more is "
        "refused before the first",
    )
    group.addoption(
        "--quant-max-cost",
        type=_more_than_nothing(float),
        metavar="X",
        help="what the run may cost, in the currency of the prices; a plan that may cost more is "
        "refused before the first request",
    )
    group.addoption(
        "--quant-max-seconds",
        type=_more_than_nothing(float),
        metavar="S",
        help="seconds from the first request on after which no further one is made",
    )
    group.addoption(
        "--quant-junit", metavar="PATH", help="write budgets and cases as JUnit XML to PATH"
    )
    group.addoption(
        "--quant-junit-strict",
        action="store_true",
        help="leave out of it what the schema of Jenkins' xUnit plugin does not know",
    )
    group.addoption(
        "--quant-report", metavar="DIR", help="folder of the JSON report; default quant-report"
    )
    group.addoption(
        "--quant-github",
        choices=("auto", "off"),
        default="auto",
        help="whether a job of GitHub Actions gets a summary and annotations; auto: it does",
    )
    group.addoption(
        "--quant-otel",
        action="store_true",
        help="send spans and evaluation events to OpenTelemetry, as the OTEL_ environment says; "
        "needs pytest-quantguard[otel]",
    )
    group.addoption(
        "--quant-otel-content",
        action="store_true",
        help="also send prompts, answers and what checks say about them, cut and cleaned",
    )
    group.addoption(
        "--quant-otel-traceparent",
        action="store_true",
        help="also tell the servers the trace, by a header 'traceparent' on each request",
    )
    parser.addini("quant_config", "quantguard's configuration file", default="")


def _more_than_nothing(kind: type[float]) -> Any:
    """Return a reader of numbers that are positive and finite."""

    allowed = (
        "number above 0, such as 2.5" if kind is float else "whole number above 0, such as 500"
    )

    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise ArgumentTypeError(f"{text!r:.40} is no {allowed}")
        return value

    return number


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that projects may implement."""
    from pytest_quantguard import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the gate itself when a candidate is given."""
    config.addinivalue_line(
        "markers",
        "quant_case(cohort, prompt, ...): a golden case whose body is the property; "
        "see pytest_quantguard.quant_case",
    )
    if config.getoption("quant_pairs"):
        from pytest_quantguard.canary.session import CanarySession

        CanarySession.register(config)
    elif config.getoption("quant_candidate") or config.getoption("quant_null"):
        from pytest_quantguard._activation import activated

        config.pluginmanager.register(activated(config), GATE)
    elif given := [name for name in _NEED_A_CANDIDATE if config.getoption(name)]:
        option = given[0].replace("_", "-")
        raise pytest.UsageError(
            f"quantguard: --{option} needs --quant-candidate=NAME or --quant-null"
        )


def _gate(request: pytest.FixtureRequest) -> Any:
    gate = request.config.pluginmanager.get_plugin(GATE)
    if gate is None:
        pytest.skip(_OFF)
    return gate


@pytest.fixture
def completion(request: pytest.FixtureRequest) -> Any:
    """One arm's completion of a ``quant_case`` test; the body runs once per arm."""
    return _gate(request).python.completion(request)


@pytest.fixture
def quant_model(request: pytest.FixtureRequest) -> QuantModel:
    """One arm, to be asked by the body of a ``quant_case`` test, for several turns."""
    model: QuantModel = _gate(request).python.model(request)
    return model


@pytest.fixture
def quant_baseline(request: pytest.FixtureRequest) -> ArmClient:
    """The baseline model, to be driven by hand: ``quant_baseline.complete("...")``."""
    gate = _gate(request)
    client: ArmClient = gate.python.client("baseline", gate.settings.baseline.name)
    return client


@pytest.fixture
def quant_candidate(request: pytest.FixtureRequest) -> ArmClient:
    """The candidate model, to be driven by hand; the test runs once per candidate."""
    client: ArmClient = _gate(request).python.client("candidate", str(request.param))
    return client
