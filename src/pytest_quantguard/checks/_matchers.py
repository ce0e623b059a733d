"""Expected values that are not one value: ``{$regex: ...}``, ``{$number: ...}`` and their kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

from pytest_quantguard.checks import _forms, _json, _regex
from pytest_quantguard.checks._text import MOST, digit_note, quote, show
from pytest_quantguard.checks._values import Literal, Node, Path, Sketch, holds, numbers_of, unlike

_EXACT = Context(prec=60, traps=[])  # the caller's own context may round, or raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything:
    """Any value."""

    wanted: str = "any value"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Find nothing wrong."""
        return iter(())

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return null, which stands for any value."""
        return sketch.pick(path, "any", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A text that a regular expression matches as a whole."""

    pattern: str

    @property
    def wanted(self) -> str:
        """The pattern."""
        return f"a text that matches {quote(self.pattern)}"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Match in the helper process."""
        if not isinstance(got, str):
            yield unlike(self, got, path, "string")
        elif not _regex.found(self.pattern, got, full=True):
            yield f"{_json.clip(path)}: expected {self.wanted}, got {quote(got)}"

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return some text."""
        return sketch.pick(path, "type", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number, or a text that is one, by value and with a tolerance (absolute)."""

    value: Decimal
    tolerance: Decimal

    @property
    def wanted(self) -> str:
        """The number and how far off it may be."""
        return f"{self.value}{f' ± {self.tolerance}' if self.tolerance else ''}"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Compare by value."""
        read = _forms.decimal_of(got)
        if read is None:
            yield unlike(self, got, path, "number")
        elif _EXACT.subtract(read, self.value).copy_abs() > self.tolerance:
            note = "" if self.tolerance else digit_note(str(self.value), str(read))
            yield f"{_json.clip(path)}: expected {self.wanted}, got {show(got)}{note}"

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return a number or a text: the tool's schema says which."""
        near = self.value.to_integral_value() if self.tolerance else self.value
        return sketch.pick(path, "type", *numbers_of(str(near)), str(self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A text that means a day, however it is spelled."""

    day: date
    order: str | None = None

    @property
    def wanted(self) -> str:
        """The day in ISO form."""
        return f"the day {self.day.isoformat()}"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Read the day and compare."""
        if not isinstance(got, str):
            yield unlike(self, got, path, "string")
            return
        read = _forms.day(got, self.order)
        if read == self.day:
            return
        if read is not None:
            why = f" ({read.isoformat()})" if got != read.isoformat() else ""
        elif self.order is None and _forms.two_days(got):
            why = " (which could be two days; `order` says dmy or mdy)"
        else:
            why = " (not read as a day)"
        note = digit_note(self.day.isoformat(), got) if got == str(read) else ""
        yield f"{_json.clip(path)}: expected {self.wanted}, got {quote(got)}{why}{note}"

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return the day in ISO form."""
        return sketch.pick(path, "type", self.day.isoformat())


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text in which something is overlooked."""

    text: str
    ignore: tuple[str, ...]

    @property
    def wanted(self) -> str:
        """The text and what is overlooked."""
        return f"{quote(self.text)} (whatever its {', '.join(self.ignore)})"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Compare what is left of both."""
        if not isinstance(got, str):
            yield unlike(self, got, path, "string")
        elif not holds(Literal(value=self.text, norms=self.ignore), got):
            note = digit_note(self.text, got)
            yield f"{_json.clip(path)}: expected {self.wanted}, got {quote(got)}{note}"

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return the text."""
        return sketch.pick(path, "type", self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """One of several values."""

    options: tuple[Node, ...]

    @property
    def wanted(self) -> str:
        """The first few of them."""
        more = len(self.options) - MOST
        shown = ", ".join(option.wanted for option in self.options[:MOST])
        return f"one of {shown}{f' and {more} more' if more > 0 else ''}"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Look for one that fits."""
        if not any(holds(option, got) for option in self.options):
            yield f"{_json.clip(path)}: expected {self.wanted}, got {show(got)}"

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return one of them."""
        inner = Sketch()
        ways = [option.draft(inner, path) for option in self.options]
        return sketch.pick(path, "any" if inner.loose else "choice", *ways)
