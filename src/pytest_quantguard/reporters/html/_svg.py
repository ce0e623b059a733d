"""What all pictures share: drawn inline, with colours from the style sheet and a text beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pytest_quantguard.reporters.html._markup import Attribute, Child, Markup, tag

Anchor = Literal["start", "middle", "end"]


def picture(
    width: int, height: int, title: str, description: str, *shapes: Child, class_: str = ""
) -> Markup:
    """Return a picture of this many units, which a screen reader speaks as title and description.

    Without a style sheet it has this size in pixels; with one it shrinks to the room there is.
    """
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *shapes,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        class_=class_ or None,
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str, **more: Attribute) -> Markup:
    """Return a straight line."""
    ends = {"x1": number(x1), "y1": number(y1), "x2": number(x2), "y2": number(y2)}
    return tag("line", class_=class_, stroke="currentColor", **ends, **more)


def box(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    """Return a filled rectangle."""
    sides = {"width": number(max(width, 0)), "height": number(max(height, 0))}
    return tag("rect", class_=class_, x=number(x), y=number(y), fill="currentColor", **sides)


def words(x: float, y: float, text: str, anchor: Anchor = "middle", class_: str = "") -> Markup:
    """Return one line of text; its baseline is at ``y``."""
    return tag(
        "text",
        text,
        x=number(x),
        y=number(y),
        text_anchor=anchor,
        font_size=11,
        fill="currentColor",
        class_=class_ or None,
    )


def shape(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """Return a filled polygon."""
    corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return tag("polygon", class_=class_, points=corners, fill="currentColor")


def number(value: float) -> str:
    """Return a coordinate with one decimal at most: the same bytes for the same picture."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"
