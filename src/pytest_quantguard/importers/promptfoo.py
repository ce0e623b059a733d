"""promptfoo configs: prompts x tests, with the assertions that have an equal among the checks.

Format: https://www.promptfoo.dev/docs/configuration/reference. Templates are filled in, so that
every case stands for itself; what needs promptfoo to run (code, fetched data, graders) is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._chat import UnusableError, messages_of
from pytest_quantguard.importers._datasets import labels_of, note_metadata
from pytest_quantguard.importers._drafts import COMPLETE, asked
from pytest_quantguard.importers._nunjucks import TemplateError, render, render_all
from pytest_quantguard.importers._promptfoo_asserts import (
    REMARKS,
    Check,
    NotCarriedError,
    check_of,
    grouped,
)
from pytest_quantguard.importers._promptfoo_config import Config, Prompt, Test
from pytest_quantguard.importers._promptfoo_files import ForeignError
from pytest_quantguard.importers._records import (
    Draft,
    Format,
    Loss,
    Note,
    Recorded,
    Sample,
    Source,
    rest,
)
from pytest_quantguard.types import Json

_MOST_COMBINATIONS = 10_000
"""Cases that the lists among one test's variables may make."""
_OF_ASSERTION = ("type", "value", "threshold", "weight", "transform", "assert", "contextTransform")
_OTHER = "checks have nothing like it"


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield a case for each prompt and test, and for each combination of the test's lists.

    Raises:
        InputError: a config cannot be read, or has no prompts.
    """
    lost: list[Loss] = []
    note = _once(note, lost)
    for path, name in source.files:
        config = Config(path, name, source, note)
        prompts = config.prompts()
        if not prompts:
            reasons = [f"{loss.place}: {loss.why}" for loss in lost if loss.what == "prompt"]
            way_out = "give one with --prompt, such as '{{question}}'"
            raise InputError([f"{name}: no prompt can be read; {way_out}", *reasons])
        for test in config.tests():
            for prompt in prompts:
                if test.wants(prompt):
                    yield from _Case(config, prompt, test, len(prompts) > 1, note).drafts()


class _Case:
    """One prompt and one test."""

    def __init__(
        self, config: Config, prompt: Prompt, test: Test, several: bool, note: Note
    ) -> None:
        self._config = config
        self._prompt = prompt
        self._test = test
        self._several = several
        self._note = note

    def drafts(self) -> Iterator[Draft]:
        """Yield the cases; what cannot be rendered is a loss."""
        try:
            combinations = list(_combinations(self._test))
        except TemplateError as error:
            self._lose("the test", str(error))
            return
        for variables in combinations:
            try:
                yield from self._made(variables)
            except (TemplateError, UnusableError) as error:
                self._lose("the test", str(error))

    def _made(self, variables: Json) -> Iterator[Draft]:
        options = self._test.options
        before = render(str(options.get("prefix", "")), variables, self._missing)
        after = render(str(options.get("suffix", "")), variables, self._missing)
        content = render_all(self._prompt.content, variables, self._missing)
        if isinstance(content, str):
            content = f"{before}{content}{after}"
        elif before or after:
            raise UnusableError("a prefix or suffix goes with prompts of one text")
        place = self._test.place
        recorded = Recorded(
            place=place,
            messages=messages_of(content, place, self._note),
            tools=self._config.tools,
            params={**self._config.params, **self._prompt.params},
        )
        metadata = self._test.metadata
        note_metadata(metadata, place, self._note)
        case = {**asked(recorded), **self._config.samples}
        groups = grouped(self._checks(variables))
        for number, group in enumerate(groups or [[COMPLETE]], 1):
            name = self._name(variables)
            yield Draft(
                place=place,
                name=name if number == 1 else f"{name[:50]} {number}",
                case={**case, "expect": group},
                labels={**labels_of(metadata), "prompt": self._prompt.label},
                bare=not groups,
            )

    def _checks(self, variables: Json) -> list[Check]:
        tools = [tool["function"]["name"] for tool in self._config.tools]
        found: list[Check] = []
        for place, assertion in self._test.assertions:
            what = f"assert {str(assertion.get('type'))[:40]}"
            try:
                value = self._config.loaded(assertion.get("value"))
                ready = {**assertion, "value": render_all(value, variables, self._missing)}
                inner = ready.get("assert")
                if isinstance(inner, list):
                    ready["assert"] = render_all(inner, variables, self._missing)
                found += check_of(ready, tools)
            except (NotCarriedError, TemplateError, ForeignError) as error:
                self._note(Loss(place=place, what=what, why=str(error)))
                continue
            self._remark(assertion, what, place)
        return found

    def _remark(self, assertion: Json, what: str, place: str) -> None:
        if remark := REMARKS.get(str(assertion.get("type"))):
            self._note(Loss(place=place, what=what, why=remark))
        rest(assertion, _OF_ASSERTION, place, self._note, _OTHER, kind="assertion key ")
        if assertion.get("weight", 1) != 1:
            why = "checks of a case weigh the same; cases have weights"
            self._note(Loss(place=place, what="assertion weight", why=why))

    def _name(self, variables: Json) -> str:
        short = (str(value) for value in variables.values() if isinstance(value, str | int))
        name = self._test.description or "-".join(short)
        return f"{name[:40]} {self._prompt.label[:20]}" if self._several else name

    def _missing(self, name: str) -> None:
        self._lose("a variable", f"{name!r:.60} has no value here: nothing stands in its place")

    def _lose(self, what: str, why: str) -> None:
        self._note(Loss(place=self._test.place, what=what, why=why))


def _once(note: Note, lost: list[Loss]) -> Note:
    """Tell the same loss of the same place once: one test makes a case for each prompt."""
    told: set[Loss] = set()

    def tell(loss: Loss) -> None:
        if loss not in told:
            told.add(loss)
            lost.append(loss)
            note(loss)

    return tell


def _combinations(test: Test) -> Iterator[Json]:
    """Yield the variables once for each way to choose from those that are lists.

    Raises:
        TemplateError: there are more than 10,000 ways.
    """
    lists = (
        {}
        if test.options.get("disableVarExpansion")
        else {
            name: value
            for name, value in test.variables.items()
            if isinstance(value, list) and value
        }
    )
    ways = 1
    for values in lists.values():
        ways *= len(values)
    if ways > _MOST_COMBINATIONS:
        raise TemplateError(f"its lists make {ways} cases; at most {_MOST_COMBINATIONS} are made")
    for chosen in product(*lists.values()):
        yield {**test.variables, **dict(zip(lists, chosen, strict=True))}


def _sign(sample: Sample) -> str:
    first: Any = sample.first
    if not isinstance(first, dict):
        return ""
    if "prompts" in first and {"tests", "providers", "targets", "scenarios"} & first.keys():
        return "it has 'prompts' and 'tests'"
    if "vars" in first and {"assert", "description"} & first.keys():
        return "its tests have 'vars'"
    if any(isinstance(key, str) and key.startswith("__expected") for key in first):
        return "it has a column '__expected'"
    return ""


FORMAT = Format(sign=_sign, drafts=drafts)
