"""``quant_case`` functions become golden cases, as good as those of golden files."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_quantguard._golden import DEFAULT_REQUEST, label_problem
from pytest_quantguard._items import CASE, Critical, examine
from pytest_quantguard._judging import Judge, Reusable, reads_timing
from pytest_quantguard._quant_case import NO_PARENTHESES, markers_of, quant_case
from pytest_quantguard._registry import Registry
from pytest_quantguard.contracts import Check, Fitted
from pytest_quantguard.documents.document import Document, problems
from pytest_quantguard.documents.template import fill, written
from pytest_quantguard.errors import CheckError, GoldenFileError, did_you_mean
from pytest_quantguard.functions.bodies import (
    Body,
    BodyCheck,
    DrivenBody,
    arguments_of,
    digest_of,
    plain_function,
)
from pytest_quantguard.functions.signatures import plain, tools_of
from pytest_quantguard.functions.vacuous import is_empty, never_fails, swallows
from pytest_quantguard.types import CompletionRequest, GoldenCase, Json, Source

if TYPE_CHECKING:
    from pytest_quantguard._examiner import Examiner
    from pytest_quantguard._services import GateServices

SYSTEM = pytest.StashKey[str]()
"""On a test that asks for itself: the system message its conversations begin with."""

_KNOWN = tuple(
    name
    for name, parameter in inspect.signature(quant_case).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)
_TEXTS = ("prompt", "system", "reference", "cohort")
_FILLED = (*_TEXTS, "messages", "expect", "tags")
_LAID_OVER = {"request": Mapping, "vars": Mapping}
_JOINED = {"expect": (list, tuple), "tags": (list, tuple)}
_OF_ONE_TURN = ("prompt", "messages", "expect", "reference")
_FIXTURES = ("completion", "quant_model")


def function_cases(items: Iterable[pytest.Item], request: Json, registry: Registry) -> list[str]:
    """Find the ``quant_case`` functions among ``items`` and give each its golden case.

    Returns a sentence for every marker that cannot be used.
    """
    found: dict[str, None] = {}  # what is wrong is so for every parameter of a test
    for item in items:
        if not isinstance(item, pytest.Function) or not _is_case(item):
            continue
        source = source_of(item)
        try:
            case = _case(item, source, request, registry)
        except GoldenFileError as error:
            found.update(dict.fromkeys(f"{source}: {problem}" for problem in error.problems))
            continue
        item.stash[CASE] = case
        item.extra_keyword_matches.update(case.tags)
        chosen = {"cohort": case.cohort, "critical": case.critical}
        item.add_marker(pytest.mark.quant_case(**chosen))  # for -m, whatever was inherited
    return list(found)


def source_of(node: pytest.Item) -> Source:
    """Return where a test function stands."""
    path, line, _ = node.reportinfo()
    root = node.config.rootpath
    place = Path(path).relative_to(root) if Path(path).is_relative_to(root) else path
    return Source(file=Path(place).as_posix(), line=(line or 0) + 1)


def run_function(item: pytest.Function, examiner: Examiner, services: GateServices) -> bool:
    """Run a ``quant_case`` test's body once per arm; False when ``item`` is an ordinary test."""
    case = item.stash.get(CASE, None)
    if case is None:
        return False
    judges: dict[str, Judge] = {}
    for check in case.checks:
        if isinstance(check, BodyCheck):
            judges[check.key] = DrivenBody(item) if case.driven else Body(item)
        else:
            ready = services.ready(check)
            judges[check.key] = ready if reads_timing(ready) else Reusable(ready)
    found = ""
    try:
        examine(item, examiner, case, judges)
    except (CheckError, Critical) as error:
        found = f"{error}\n{case.source}"
    if found:  # out of the handler, so that pytest does not show both errors
        pytest.fail(found, pytrace=False)
    return True


# --- reading markers ----------------------------------------------------------------------


def _is_case(item: pytest.Function) -> bool:
    """A marker on a class or module alone says nothing about its other tests."""
    if any(mark.name == "quant_case" for mark in item.own_markers):
        return True
    return bool(markers_of(item) and _asked_for(item))


def _asked_for(item: pytest.Function) -> list[str]:
    return [name for name in _FIXTURES if name in arguments_of(plain_function(item))]


def _case(item: pytest.Function, source: Source, request: Json, registry: Registry) -> GoldenCase:
    entry = _filled(_merged(markers_of(item)), item)
    driven = _asked_for(item) == ["quant_model"]
    body, wrong = _body(item, entry), _unasked(entry, driven)
    if body is None and not entry.get("expect"):
        wrong.append(
            f"the body of {item.originalname} is empty, so that it always holds; write an "
            "assertion, or give expect=[...]"
        )
    tools, checks = _tools(entry, wrong), _checks(entry, body, registry, wrong)
    wrong += _misshapen(entry, tools)
    if wrong:
        raise GoldenFileError(list(dict.fromkeys(f"quant_case: {text}" for text in wrong)))
    if driven:
        item.stash[SYSTEM] = entry.get("system", "")
    case = GoldenCase(
        id=str(item.nodeid),
        cohort=entry["cohort"],
        request=CompletionRequest(
            messages=() if driven else tuple(_messages(entry)),
            tools=tools,
            params={**DEFAULT_REQUEST, **request, **plain(entry.get("request", {}))},
        ),
        source=source,
        checks=checks,
        critical=entry.get("critical", False),
        weight=float(entry.get("weight", 1.0)),
        samples=entry.get("samples", 1),
        tags=tuple(entry.get("tags", ())),
        reference=entry.get("reference"),
    )
    misfits = [(c.key, c.misfit(case)) for c in checks if isinstance(c, Fitted)]
    if any(text for _, text in misfits):
        raise GoldenFileError([f"quant_case: {key}: {text}" for key, text in misfits if text])
    return case


def _merged(marks: Sequence[pytest.Mark]) -> Json:
    """Lay markers over each other, outermost first."""
    entry: Json = {}
    for mark in marks:
        given = _understood(mark)
        for name, other in (("prompt", "messages"), ("messages", "prompt")):
            if name in given and other not in given:
                entry.pop(other, None)  # what is asked is said anew
        for name, value in given.items():
            if name in _LAID_OVER:
                entry[name] = {**entry.get(name, {}), **value}
            elif name in _JOINED:
                entry[name] = [*entry.get(name, ()), *value]
            else:
                entry[name] = value
    return entry


def _understood(mark: pytest.Mark) -> Json:
    """Return what one marker says.

    Raises:
        GoldenFileError: an argument that is not known, or of a wrong kind.
    """
    if mark.args:
        said = NO_PARENTHESES if mark.args[0] == NO_PARENTHESES else "takes keyword arguments only"
        raise GoldenFileError(f"quant_case: {said}, such as cohort='tools'")
    for name, value in mark.kwargs.items():
        if name not in _KNOWN:
            raise GoldenFileError(
                f"quant_case: unknown argument {name!r}; {did_you_mean(name, _KNOWN)}"
            )
        kinds = _LAID_OVER.get(name) or _JOINED.get(name)
        if value is not None and kinds and not isinstance(value, kinds):
            what = "a map" if name in _LAID_OVER else "a list"
            raise GoldenFileError(f"quant_case: {name} is {what}, not {value!r:.80}")
    return {name: value for name, value in mark.kwargs.items() if value is not None}


def _filled(entry: Json, item: pytest.Function) -> Json:
    """Put variables into their places; without any, braces are left as they are."""
    variables = {**entry.pop("vars", {}), **_parameters(item)}
    if not variables:
        return entry
    try:
        found = {k: fill(plain(v), variables) if k in _FILLED else v for k, v in entry.items()}
        for name in _TEXTS:
            if isinstance(found.get(name), bool | int | float):
                found[name] = written(name, found[name])
    except LookupError as error:
        raise GoldenFileError(f"quant_case: {error.args[0]}") from None
    return found


def _parameters(item: pytest.Function) -> Json:
    """Return what ``parametrize`` gave the test, and not what a fixture's own parameters are."""
    found = getattr(getattr(item, "callspec", None), "params", {})
    named = {name for mark in item.iter_markers("parametrize") for name in _argument_names(mark)}
    definitions = item._fixtureinfo.name2fixturedefs
    for name in arguments_of(plain_function(item)):  # a pytest_generate_tests hook has no marks
        if not any(definition.params for definition in definitions.get(name, ())):
            named.add(name)
    return {name: value for name, value in found.items() if name in named}


def _argument_names(mark: pytest.Mark) -> list[str]:
    names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _body(item: pytest.Function, entry: Json) -> BodyCheck | None:
    """Return what stands for the body among the checks; None where it does nothing.

    Raises:
        GoldenFileError: it takes no fixture that it could judge, or too many.
    """
    asked, name = _asked_for(item), item.originalname
    by_hand = [one for one in ("quant_baseline", "quant_candidate") if one in item.fixturenames]
    if by_hand:
        raise GoldenFileError(
            f"quant_case: {name} takes {by_hand[0]!r}: a test that drives both models by hand "
            "is no golden case; leave the decorator away, or take 'completion' or 'quant_model'"
        )
    if not asked:
        raise GoldenFileError(
            f"quant_case: {name} does not take the 'completion' fixture (or 'quant_model', to "
            "ask for itself), so there is nothing for its body to judge"
        )
    if len(asked) > 1:
        raise GoldenFileError(
            f"quant_case: {name} takes both 'completion' and 'quant_model': either the gate "
            "asks, or the test does"
        )
    if is_empty(plain_function(item)):
        return None
    if problem := never_fails(plain_function(item)) or swallows(item):
        raise GoldenFileError(f"quant_case: {name} {problem}")
    key = entry.get("check", "python")
    return BodyCheck(str(key), digest_of(plain_function(item), str(entry.get("system", ""))))


def _unasked(entry: Json, driven: bool) -> list[str]:
    """Say what is wrong with what is asked, and of whom."""
    wrong = []
    if driven:
        wrong += [
            f"{name!r} has no place in a test that takes 'quant_model' and asks for itself"
            for name in _OF_ONE_TURN
            if entry.get(name)
        ]
    elif ("prompt" in entry) == ("messages" in entry):
        wrong.append(
            "needs either 'prompt' or 'messages', or a test that takes 'quant_model' and asks "
            "for itself"
        )
    if "cohort" not in entry:
        wrong.append("no cohort; give cohort=... here, on the class, or for the module")
    labels = [("cohort", entry.get("cohort", "x")), ("check", entry.get("check", "x"))]
    labels += [("a tag", tag) for tag in entry.get("tags", ())]
    return wrong + [text for what, name in labels if (text := label_problem(what, name))]


def _tools(entry: Json, wrong: list[str]) -> tuple[Json, ...]:
    try:
        return tools_of(entry.get("tools", ()))
    except ValueError as error:
        wrong.append(f"tools: {error}")
        return ()


def _checks(
    entry: Json, body: BodyCheck | None, registry: Registry, wrong: list[str]
) -> tuple[Check, ...]:
    """Return the body and the checks beside it, in this order."""
    found: list[Check] = [cast(Check, body)] if body else []
    for index, spec in enumerate(entry.get("expect", ())):
        try:
            check = _check(spec, registry)
        except (LookupError, ValueError) as error:
            wrong.append(f"expect[{index}]: {error.args[0] if error.args else error}")
            continue
        if check.key in (other.key for other in found):
            wrong.append(
                f"expect[{index}]: the check {check.key!r} stands twice; make a second case for it"
                if not (body and check.key == body.key)
                else f"expect[{index}]: the body is called {body.key!r} too; give it another name: "
                "check=..."
            )
        found.append(check)
    return tuple(found)


def _check(spec: Any, registry: Registry) -> Check:
    if isinstance(spec, str | Mapping):
        return registry.build_check(plain(spec))
    if isinstance(spec, type) or not callable(spec) or not hasattr(spec, "key"):
        raise ValueError(
            f"a check is a name, a map of one name, or a check object, not {spec!r:.80}"
        )
    if problem := label_problem("its key", spec.key):
        raise ValueError(problem)
    return cast(Check, spec)


def _misshapen(entry: Json, tools: Sequence[Json]) -> list[str]:
    """Say what a golden file could not have said either."""
    own = ("expect", "check", "cohort", "tags")
    case = {key: plain(value) for key, value in entry.items() if key not in own}
    document = Document("quant_case", {**case, "id": "python", "tools": list(tools)})
    try:
        json.dumps(document.data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return [f"what is asked cannot be written as JSON: {error}"]
    found = problems(document, "golden.schema.json", "#/$defs/case")
    return [text.removeprefix("quant_case: ") for text in found]


def _messages(entry: Json) -> list[Json]:
    messages = plain(entry.get("messages", ())) or [{"role": "user", "content": entry["prompt"]}]
    if "system" in entry:
        messages.insert(0, {"role": "system", "content": entry["system"]})
    return list(messages)
