"""The answer is XML, and perhaps holds certain elements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params, _xml
from pytest_quantguard.checks._text import capped, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_NAME = r"[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?"
_STEP = rf"(?:{_NAME}|\*)"
_PATH = re.compile(rf"/?{_STEP}(?:/{_STEP})*(?:/@{_NAME})?")


def _may_be(step: str, root: str) -> bool:
    """Tell whether a path may begin with a step: a name without a prefix fits any prefix."""
    return step == root or root.endswith(f":{step}") or step.endswith(f":{root}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Xml:
    """The whole text is one well-formed XML document; nothing stands around it.

    Well-formed as in XML 1.0 with namespaces: every prefix is declared. A document type
    declaration is refused, so that no entity is ever expanded and nothing is fetched, as are more
    than 200,000 characters or 64 levels.

    Parameters:
        root: name of the outermost element.
        required: paths that have to lead somewhere, from the outermost element: names separated by
            slashes, ``*`` for any name, ``@name`` at the end for an attribute. A name without a
            prefix fits any prefix.
        fenced: true allows one ```xml fence around it.
        fragment: true allows several elements and text side by side, as in
            ``<thinking>...</thinking><answer>...</answer>``; paths begin at those elements.

    Example:
        expect:
          - xml: {root: order, required: [order/@id, order/items/item]}
          - xml: {fragment: true, required: [answer]}

    Quantized models typically forget a closing tag in a long document, or close the wrong one:
    ``the answer is no XML: mismatched tag in line 4, column 3; <item> is still open, near
    "</items>"``.
    """

    key: ClassVar[str] = "xml"
    shorthand: ClassVar[str | None] = "root"

    root: str | None = None
    required: str | Sequence[str] = ()
    fenced: bool = False
    fragment: bool = False

    def __post_init__(self) -> None:
        _params.flag("fenced", self.fenced)
        _params.flag("fragment", self.fragment)
        required = _params.texts("required", self.required)
        for path in required:
            if not _PATH.fullmatch(path):
                raise ValueError(
                    f"`required` holds {path!r:.80}, which is no path; write it as "
                    "order/items/item, or order/@id for an attribute"
                )
        object.__setattr__(self, "required", required)
        if self.root is None:
            return
        _params.text("root", self.root)
        if not re.fullmatch(_NAME, self.root):
            raise ValueError(f"`root` is {self.root!r:.80}, which is no name of an element")
        if self.fragment:
            raise ValueError("`fragment` has no outermost element; leave `root` out")
        for path in required:
            first = path.lstrip("/").partition("/")[0]
            if first != "*" and not _may_be(first, self.root):
                raise ValueError(
                    f"`required` holds {path!r:.80}, which can never hold below `root` "
                    f"{self.root!r:.80}; paths begin there, as in {f'{self.root}/{path}':.80}"
                )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text."""
        try:
            top = _xml.parse(completion.text, fenced=self.fenced, fragment=self.fragment)
        except _xml.NotXml as error:
            return Outcome.of([_xml.sentence(error, completion)])
        if self.root is not None and _xml.missing(top, self.root):
            name = quote(next(iter(top.children), ""))
            return Outcome.of([f"the outermost element is {name}, expected {quote(self.root)}"])
        missing = (_xml.missing(top, path) for path in self.required)
        return Outcome.of(capped(filter(None, missing)))
