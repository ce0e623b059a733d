"""Reading expected values: what a user wrote becomes a tree of `_values` nodes.

A map with a key that starts with ``$`` is a matcher; every other value is meant literally, and
``{$equals: ...}`` holds any value literally, ``$`` keys included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_quantguard.checks import _forms, _json, _matchers, _params, _regex, _values
from pytest_quantguard.errors import did_you_mean

_OPTIONS: dict[str, tuple[str, ...]] = {
    "$any": (),
    "$date": ("order",),
    "$equals": (),
    "$number": ("tolerance",),
    "$one_of": (),
    "$optional": (),
    "$regex": (),
    "$text": ("ignore",),
    "$unordered": (),
}
_WHOLE = ("$any", "$equals", "$one_of")
"""Matchers that a map of arguments can satisfy."""
_MOST_MATCHED = 32
"""Items of an unordered list that has matchers in it: each is tried on each."""


def read(
    field: str, spec: Any, normalize: Sequence[str] = (), *, open: bool = False
) -> _values.Node:
    """Read an expected map; ``open`` allows further keys in it, but not in maps inside.

    Raises:
        ValueError: with the parameter's name and the place in it.
    """
    if not isinstance(spec, Mapping):
        raise ValueError(f"`{field}` has to be a map of argument names to values, got {spec!r:.80}")
    if problem := _json.problem(spec):
        raise ValueError(f"`{field}` cannot be the value of any JSON text: {problem}")
    matcher = next((key for key in spec if key.startswith("$")), None)
    if matcher in _OPTIONS and matcher not in _WHOLE:
        raise ValueError(
            f"`{field}` is a map of arguments, which {matcher} never matches; write it for one "
            f"argument, as in {{order_id: {{{matcher}: ...}}}}"
        )
    return _Reader(field, tuple(normalize)).node(spec, "$", open=open)


def norms(field: str, value: Any, known: Sequence[str] = _forms.NORMS) -> tuple[str, ...]:
    """Return what is overlooked, in the order in which it is known.

    Raises:
        ValueError: when it is no list of known words.
    """
    words = _params.texts(field, value)
    for word in words:
        if word not in known:
            raise ValueError(f"`{field}` knows no {word!r}; {did_you_mean(word, known)}")
    return tuple(word for word in known if word in words)


class _Reader:
    """One parameter while it is being read."""

    def __init__(self, field: str, overlooked: tuple[str, ...]) -> None:
        self.field = field
        self.norms = overlooked

    def fail(self, path: str, problem: str) -> ValueError:
        return ValueError(f"`{self.field}` at {_json.clip(path)}: {problem}")

    def node(self, spec: Any, path: str, *, open: bool = False, key: bool = False) -> _values.Node:
        """Read one value; ``key`` when it belongs to a key of a map, which may be absent."""
        if not self.norms and not open and not _matchers_in(spec):
            return _values.Literal(value=spec)
        if isinstance(spec, Mapping):
            if any(name.startswith("$") for name in spec):
                return self.matcher(spec, path, open=open, key=key)
            items = tuple(
                (name, self.node(value, path + _json.step(name), key=True))
                for name, value in spec.items()
            )
            return _values.Fields(items=items, spec=spec, open=open)
        if isinstance(spec, list | tuple):
            if "order" in self.norms:
                return self.unordered(spec, path)
            return _values.Items(items=self.items(spec, path), spec=spec)
        return _values.Literal(value=spec, norms=self.norms)

    def items(self, spec: Sequence[Any], path: str) -> tuple[_values.Node, ...]:
        return tuple(self.node(item, f"{path}[{index}]") for index, item in enumerate(spec))

    def matcher(self, spec: Mapping[str, Any], path: str, *, open: bool, key: bool) -> _values.Node:
        marked = [name for name in spec if name.startswith("$")]
        name = marked[0]
        literal = "; for a value with keys that start with $, write {$equals: ...} around it"
        if name not in _OPTIONS:
            raise self.fail(
                path, f"unknown matcher {name!r}; {did_you_mean(name, _OPTIONS)}{literal}"
            )
        if len(marked) > 1:
            raise self.fail(path, f"{name!r} and {marked[1]!r} stand in one map; keep one{literal}")
        for option in spec:
            if option != name and option not in _OPTIONS[name]:
                known = _OPTIONS[name]
                hint = did_you_mean(option, known) if known else "it has none"
                raise self.fail(path, f"unknown option {option!r} of {name}; {hint}{literal}")
        given = spec[name]
        try:
            return self.made(name, given, spec, path, open=open, key=key)
        except _Misread as error:
            raise self.fail(path, str(error)) from None

    def made(
        self, name: str, given: Any, spec: Mapping[str, Any], path: str, *, open: bool, key: bool
    ) -> _values.Node:
        if name == "$any":
            if given is not True:
                raise _Misread(f"$any is written as {{$any: true}}, got {given!r:.60}")
            return _matchers.Anything()
        if name == "$equals":
            return _values.Literal(value=given)
        if name == "$one_of":
            if not isinstance(given, list | tuple) or not given:
                raise _Misread(f"$one_of has to be a list of values, got {given!r:.60}")
            options = (self.node(one, f"{path}[{i}]", open=open) for i, one in enumerate(given))
            return _matchers.OneOf(options=tuple(options))
        if name == "$optional":
            if not key:
                raise _Misread("$optional is for the value of a key, which may then be absent")
            return _values.Maybe(inner=self.node(given, path))
        if name == "$unordered":
            if not isinstance(given, list | tuple):
                raise _Misread(f"$unordered has to be a list of values, got {given!r:.60}")
            return self.unordered(given, path)
        return _LEAVES[name](given, spec)

    def unordered(self, spec: Sequence[Any], path: str) -> _values.Node:
        plain = not _matchers_in(spec)
        if not plain and len(spec) > _MOST_MATCHED:
            raise self.fail(
                path,
                f"an unordered list with matchers has at most {_MOST_MATCHED} items, "
                f"got {len(spec)}",
            )
        items = self.items(spec, path)
        return _values.Unordered(items=items, spec=spec, norms=self.norms, plain=plain)


class _Misread(Exception):  # noqa: N818 - becomes a ValueError with its place
    """A matcher's value makes no sense; the message says why."""


# --- matchers of one value --------------------------------------------------------------


def _regex_of(given: Any, spec: Mapping[str, Any]) -> _values.Node:
    try:
        _params.text("$regex", given)
        _regex.compiled("$regex", given)
    except ValueError as error:
        raise _Misread(str(error)) from None
    return _matchers.Pattern(pattern=given)


def _number_of(given: Any, spec: Mapping[str, Any]) -> _values.Node:
    value = _forms.decimal_of(given)
    if value is None:
        raise _Misread(f"$number has to be a number, got {given!r:.60}")
    written = spec.get("tolerance", 0)
    percent = isinstance(written, str) and written.rstrip().endswith("%")
    tolerance = _forms.decimal_of(written.rstrip()[:-1] if percent else written)
    if tolerance is None or tolerance < 0:
        raise _Misread(
            "`tolerance` of $number has to be a number of at least 0, or a share of the number "
            f'such as "1 %", got {written!r:.60}'
        )
    share = value.copy_abs() * tolerance / 100
    return _matchers.Number(value=value, tolerance=share if percent else tolerance)


def _date_of(given: Any, spec: Mapping[str, Any]) -> _values.Node:
    order = spec.get("order")
    if order is not None and order not in _forms.ORDERS:
        raise _Misread(f"`order` of $date has to be dmy or mdy, got {order!r:.60}")
    day = _forms.day(given, order) if isinstance(given, str) else None
    if day is None:
        raise _Misread(f"$date has to be a day such as 2026-03-01, got {given!r:.60}")
    return _matchers.Day(day=day, order=order)


def _text_of(given: Any, spec: Mapping[str, Any]) -> _values.Node:
    try:
        _params.text("$text", given)
        ignore = norms("ignore", spec.get("ignore", _forms.FOLDS), _forms.FOLDS)
    except ValueError as error:
        raise _Misread(str(error)) from None
    if not ignore:
        raise _Misread("`ignore` of $text is empty; write the text as it is, without $text")
    if not _forms.folded(given, ignore):
        raise _Misread(f"nothing is left of the $text {given!r:.60} without {', '.join(ignore)}")
    return _matchers.Text(text=given, ignore=ignore)


_LEAVES = {"$date": _date_of, "$number": _number_of, "$regex": _regex_of, "$text": _text_of}


def _matchers_in(spec: Any) -> bool:
    if isinstance(spec, Mapping):
        return any(key.startswith("$") or _matchers_in(item) for key, item in spec.items())
    return isinstance(spec, list | tuple) and any(map(_matchers_in, spec))
