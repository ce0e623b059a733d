"""Sources are cited, and only sources that exist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params, _regex
from pytest_quantguard.checks._text import listed
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_LABEL = r"(?:[A-Za-z]{1,32}[-_ .]?)?[0-9]{1,8}"
_PATTERN = rf"\[({_LABEL}(?:\s{{0,3}}[,;]\s{{0,3}}{_LABEL})*)\]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citations:
    """The answer cites what it has to, and cites nothing that the prompt does not contain.

    Parameters:
        required: labels that have to be cited, as ``doc-2`` or ``[doc-2]``.
        pattern: regular expression that finds a citation; group 1 is the label, or several
            separated by commas or semicolons. Without it: ``[doc-1]``, ``[1]``, ``[doc-1, doc-2]``.
        allow_none: true allows an answer without any citation.

    A cited label is real when the pattern finds it in the prompt too, or when it stands there as
    a word of its own; a bare number needs the former. A text of more than a million characters
    is not searched, and violates the check.

    Example:
        expect:
          - citations: [doc-2]                 # doc-2, and perhaps others from the prompt
          - citations: {required: [], allow_none: true}     # whatever is cited exists

    Quantized models typically stop citing in long answers, or cite a source that is not there:
    ``cited, but not in the prompt: "doc-9"``.
    """

    key: ClassVar[str] = "citations"
    shorthand: ClassVar[str | None] = "required"

    required: Sequence[str] = ()
    pattern: str = _PATTERN
    allow_none: bool = False

    def __post_init__(self) -> None:
        bare = tuple(label.strip("[] ") for label in _params.texts("required", self.required))
        _params.text("pattern", self.pattern)
        _params.flag("allow_none", self.allow_none)
        if not all(bare):
            raise ValueError(f"`required` holds a label without a name, got {self.required!r:.80}")
        if bare and self.allow_none:
            raise ValueError(
                f"`allow_none` contradicts `required`: {self.required!r:.80} has to be cited; "
                "leave one of them out"
            )
        _regex.compiled("pattern", self.pattern)
        object.__setattr__(self, "required", bare)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text."""
        if too_long := _regex.too_long(completion.text):
            return Outcome.of(too_long)
        cited = self._labels(completion.text)
        prompt = case.request.prompt
        known = self._labels(prompt)
        found = []
        missing = [label for label in self.required if label not in cited]
        if missing:
            made = f"cited: {listed(cited)}" if cited else "nothing is cited"
            found.append(f"not cited: {listed(missing)}; {made}")
        elif not cited and not self.allow_none:
            found.append("no source is cited at all")
        invented = [label for label in cited if label not in known and not _word(label, prompt)]
        if invented:
            found.append(f"cited, but not in the prompt: {listed(invented)}")
        return Outcome.of(found)

    def _labels(self, text: str) -> dict[str, None]:
        groups = _regex.labels(self.pattern, text) if text else []
        labels = (label.strip() for group in groups for label in re.split("[,;]", group))
        return dict.fromkeys(filter(None, labels))


def _word(label: str, prompt: str) -> bool:
    if label.isdecimal() or label not in prompt:
        return False
    return bool(re.search(rf"(?<![\w-]){re.escape(label)}(?![\w-])", prompt))
