"""Several tools are called, each as often and with the arguments as expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pytest_quantguard.checks import _expected, _params, _sequence, _tools
from pytest_quantguard.checks._text import capped, listed
from pytest_quantguard.errors import did_you_mean
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_MOST_EXPECTED = 32
_ENTRY = ("name", "arguments", "extra_arguments")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSequence:
    """The calls of one answer are the expected ones, each made exactly once.

    Four layers are reported, each of which implies the one before: ``called`` (any tool at all),
    ``names`` (the right tools, as often and in the order as expected), ``valid`` (all arguments
    are JSON that the tools' schemas allow), ``expected`` (and are the expected ones). Of more
    than 64 calls the first 64 are looked at.

    Parameters:
        calls: the expected calls, at most 32, each a name or a map of name, arguments (as in
            `tool_call`, matchers included) and perhaps extra_arguments.
        in_order: false lets the calls come in any order, as parallel calls do.
        extra_calls: true allows further calls before, between and after them.
        normalize: what is overlooked in literal arguments, as in `tool_call`.
        extra_arguments: allow or forbid (the default), as in `tool_call`, for all calls that do
            not say otherwise.

    Example:
        expect:
          - tool_sequence: [find_order, refund_order]
          - tool_sequence:
              in_order: false                           # three parallel calls
              normalize: [case]
              calls:
                - {name: get_weather, arguments: {city: Berlin}}
                - {name: get_weather, arguments: {city: Paris}}
                - {name: get_time, arguments: {zone: {$one_of: [CET, Europe/Berlin]}}}

    Quantized models typically make the first of several calls and forget the others, make one
    twice, or mix up their arguments: ``expected call 2 of 3 is missing: "get_weather"``, ``call 2
    repeats call 1: "get_weather" with the same arguments``.
    """

    key: ClassVar[str] = "tool_sequence"
    shorthand: ClassVar[str | None] = "calls"
    layers: ClassVar[tuple[str, ...]] = ("called", "names", "valid", "expected")

    calls: Sequence[str | Mapping[str, Any]]
    in_order: bool = True
    extra_calls: bool = False
    normalize: str | Sequence[str] = ()
    extra_arguments: Literal["forbid", "allow"] = "forbid"
    _wanted: tuple[_tools.Wanted, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _params.flag("in_order", self.in_order)
        _params.flag("extra_calls", self.extra_calls)
        object.__setattr__(self, "normalize", _expected.norms("normalize", self.normalize))
        _params.one_of("extra_arguments", self.extra_arguments, _tools.EXTRA)
        calls = [self.calls] if isinstance(self.calls, str) else self.calls
        if not isinstance(calls, Sequence):
            raise ValueError(f"`calls` has to be a list of calls, got {self.calls!r:.80}")
        if not 1 <= len(calls) <= _MOST_EXPECTED:
            raise ValueError(
                f"`calls` has to be a list of 1 to {_MOST_EXPECTED} calls, got {len(calls)}; "
                "where no tool should be called, use no_tool_call"
            )
        wanted = tuple(self._read(index, entry) for index, entry in enumerate(calls))
        object.__setattr__(self, "_wanted", wanted)

    def _read(self, index: int, entry: Any) -> _tools.Wanted:
        place = f"calls[{index}]"
        if isinstance(entry, str):
            entry = {"name": entry}
        if not isinstance(entry, Mapping):
            raise ValueError(f"`{place}` has to be a name or a map, got {entry!r:.80}")
        for key in entry:
            if key not in _ENTRY:
                near = did_you_mean(f"{key}", _ENTRY)
                raise ValueError(f"`{place}`: unknown parameter {key!r}; {near}")
        return _tools.wanted(
            entry.get("name"),
            entry.get("arguments"),
            tuple(self.normalize),
            entry.get("extra_arguments", self.extra_arguments),
            field=f"{place}.",
        )

    def misfit(self, case: GoldenCase) -> str:
        """Say why no answer to this case could hold; empty when one could."""
        if len(self._wanted) > 1 and case.request.params.get("parallel_tool_calls") is False:
            return (
                "the request says parallel_tool_calls: false, so that there is one call at most, "
                f"and the check expects {len(self._wanted)}"
            )
        return _tools.misfit(case, self._wanted)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the calls.

        Raises:
            CheckError: when the case does not offer an expected tool, a tool's schema is none, or
                judging took too long.
        """
        tools = _tools.offered(case)
        _tools.demand(self._wanted, tools)
        names = [call.name for call in self._wanted]
        if not completion.tool_calls:
            expected = f"{len(names)} calls: {listed(names)}" if len(names) > 1 else listed(names)
            sentence = _tools.no_call(completion, expected, [*names, *tools])
            return Outcome.of([sentence], dict.fromkeys(self.layers, 0.0))
        calls = _sequence.Alignment(self._wanted, completion, tools)
        reached = [calls.complete(grade, self.in_order, self.extra_calls) for grade in (1, 2, 3)]
        layers = dict(zip(self.layers, map(float, (True, *reached)), strict=True))
        if reached[-1]:
            return Outcome.of([], layers)
        found = calls.sentences(in_order=self.in_order, extra_calls=self.extra_calls)
        return Outcome.of(capped(found), layers)
