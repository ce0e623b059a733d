"""pytest-quantguard: is the quantized model worse than its baseline by more than you allow?

Importing this package imports nothing else: pytest does so in every run of every project that has
the plugin installed. Public names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_quantguard._judge import judge as judge
    from pytest_quantguard._quant_case import quant_case as quant_case
    from pytest_quantguard.contracts import Check as Check
    from pytest_quantguard.functions.arms import ArmClient as ArmClient
    from pytest_quantguard.functions.arms import Conversation as Conversation
    from pytest_quantguard.functions.arms import QuantModel as QuantModel
    from pytest_quantguard.functions.signatures import tool as tool
    from pytest_quantguard.pairs import PairedOutcome as PairedOutcome
    from pytest_quantguard.types import Completion as Completion
    from pytest_quantguard.types import GoldenCase as GoldenCase
    from pytest_quantguard.types import Outcome as Outcome
    from pytest_quantguard.types import ToolCall as ToolCall
    from pytest_quantguard.verdicts import Budget as Budget
    from pytest_quantguard.verdicts import Verdict as Verdict

_HOMES = {
    "quant_case": "_quant_case",
    "judge": "_judge",
    "tool": "functions.signatures",
    "ArmClient": "functions.arms",
    "Budget": "verdicts",
    "Check": "contracts",
    "Completion": "types",
    "Conversation": "functions.arms",
    "GoldenCase": "types",
    "Outcome": "types",
    "PairedOutcome": "pairs",
    "QuantModel": "functions.arms",
    "ToolCall": "types",
    "Verdict": "verdicts",
}

__all__ = [
    "ArmClient",
    "Budget",
    "Check",
    "Completion",
    "Conversation",
    "GoldenCase",
    "Outcome",
    "PairedOutcome",
    "QuantModel",
    "ToolCall",
    "Verdict",
    "judge",
    "quant_case",
    "tool",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
