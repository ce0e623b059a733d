"""Sources are cited, where they have to be, and only sources that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from pytest_quantguard.checks import _params, _regex
from pytest_quantguard.checks._citations import (
    STYLES,
    Citation,
    Documents,
    definitions,
    found,
    leads_to,
    plain_url,
    stands,
    written_by,
)
from pytest_quantguard.checks._lexicon import fold
from pytest_quantguard.checks._quantities import Quantity, agrees, quantities
from pytest_quantguard.checks._sentences import Sentence, sentences
from pytest_quantguard.checks._text import MOST, capped, listed, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

PLACES = ("every", "numbers")
"""What `placed` may be, besides a pattern."""

_DISTINCT = 1_000
_LOOKED_AT = 300_000
_RAISED = "\u00b9\u00b2\u00b3\u2070-\u2079"
_DEFINES = re.compile(rf"[ >]{{0,6}}(?:\[\^?[\w-]{{1,32}}\]:|[{_RAISED}])")
_TRAIL = re.compile(rf"[\s\[\]^0-9{_RAISED}]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citations:
    """The answer cites what it has to, and cites nothing that the prompt does not contain.

    Parameters:
        required: labels that have to be cited, as ``doc-2`` or ``[doc-2]``; URLs as they are.
        style: one or several of ``brackets`` (``[doc-1]``, ``[1]``, ``[doc-1, doc-2]``; the
            default), ``footnotes`` (``[^1]`` and raised numbers, with their definitions), ``urls``
            and ``author-year`` (``(Weber, 2020)``).
        pattern: regular expression that finds a citation, instead of a style; group 1 is the label,
            or several separated by commas or semicolons.
        placed: which sentences need a source: ``every`` statement, those with ``numbers`` (amounts
            and dates too), or those that match ``{pattern: "..."}``. A source stands in the
            sentence or behind its full stop; at the end of a paragraph it serves one sentence.
        supported: true demands that the numbers of a sentence stand in one of the documents that
            it cites.
        allow_none: true allows an answer without any citation.

    A cited label is real when the style finds it in the prompt too, or when it stands there as a
    word of its own; a bare number needs the former. A URL is real when it stands in the prompt
    (fragment, final slash and case of the host aside), a footnote when its definition names a URL,
    a label or a title of the prompt, an author when the year stands nearby. Documents are told
    apart by labels at the start of their lines, by XML elements that bear the label, or else
    sentence by sentence. A text of more than a million characters (300,000 with ``placed`` or
    ``supported``) is not searched, and violates the check.

    Example:
        expect:
          - citations: [doc-2]                 # doc-2, and perhaps others from the prompt
          - citations: {required: [], allow_none: true}     # whatever is cited exists
          - citations: {style: [urls, footnotes], placed: numbers}
          - citations: {placed: every, supported: true}
          - citations: {pattern: '\\((S[0-9]+)\\)', placed: {pattern: "(?i)must|shall"}}

    Quantized models typically stop citing in long answers, or cite a source that is not there:
    ``cited, but not in the prompt: "doc-9"``.
    """

    key: ClassVar[str] = "citations"
    shorthand: ClassVar[str | None] = "required"

    required: Sequence[str] = ()
    style: Sequence[str] = ("brackets",)
    pattern: str | None = None
    placed: str | Mapping[str, str] | None = None
    supported: bool = False
    allow_none: bool = False

    def __post_init__(self) -> None:
        style = _params.texts("style", self.style)
        for one in style:
            _params.one_of("style[]", one, STYLES)
        if not style:
            raise ValueError(f"`style` is an empty list; name one of {', '.join(STYLES)}")
        if self.pattern is not None:
            _params.text("pattern", self.pattern)
            _regex.compiled("pattern", self.pattern)
            if style != ("brackets",):
                raise ValueError("`pattern` replaces the `style`; leave one of them out")
        bare = tuple(_bare(label, style) for label in _params.texts("required", self.required))
        _params.flag("allow_none", self.allow_none)
        _params.flag("supported", self.supported)
        if not all(bare):
            raise ValueError(f"`required` holds a label without a name, got {self.required!r:.80}")
        if bare and self.allow_none:
            raise ValueError(
                f"`allow_none` contradicts `required`: {self.required!r:.80} has to be cited; "
                "leave one of them out"
            )
        if self.supported and {"footnotes", "author-year"}.intersection(style):
            raise ValueError(
                "`supported` needs labels that stand at the documents; take the style brackets or "
                f"urls, or a pattern, not {', '.join(style)}"
            )
        object.__setattr__(self, "required", bare)
        object.__setattr__(self, "style", style)
        object.__setattr__(self, "placed", _placed(self.placed))

    def misfit(self, case: GoldenCase) -> str:
        """Say so when the prompt's documents cannot be told apart, though that is asked for."""
        asked = bool(case.request.messages)  # else a test asks later
        if asked and self.supported and not self._documents(case.request.prompt):
            return (
                "`supported` needs documents that can be told apart, and the prompt holds no label "
                f"of {'the pattern' if self.pattern else listed(self.style)}; write it before each "
                "document"
            )
        return ""

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text.

        Raises:
            CheckError: when a pattern took too long.
        """
        text, prompt = completion.text, case.request.prompt
        if too_long := _regex.too_long(text):
            return Outcome.of(too_long)
        cited = self._found(text)
        labels = list(islice(dict.fromkeys(one.label for one in cited), _DISTINCT))
        violations = []
        missing = [label for label in self.required if label not in labels]
        if missing:
            made = f"cited: {listed(labels)}" if labels else "nothing is cited"
            violations.append(f"not cited: {listed(missing)}; {made}")
        elif not labels and not self.allow_none:
            return Outcome.of(["no source is cited at all"])
        violations += self._invented(labels, text, prompt)
        if (self.placed or self.supported) and len(text) > _LOOKED_AT:
            violations.append(
                f"the answer has {len(text)} characters; sentences are judged in up to "
                f"{_LOOKED_AT} of them"
            )
        elif self.placed or self.supported:
            violations += capped(self._in_place(text, prompt, cited))
        return Outcome.of(violations)

    def _found(self, text: str) -> list[Citation]:
        return found(text, self.style, self.pattern)

    def _documents(self, prompt: str) -> Documents:
        urls = self.pattern is None and self.style == ("urls",)
        return Documents(prompt, self._found(prompt), paragraphs=urls)

    def _invented(self, labels: Sequence[str], text: str, prompt: str) -> Iterator[str]:
        known = {one.label for one in self._found(prompt)}
        notes = "footnotes" in self.style
        defined = definitions(text) if notes else {}
        folded = " ".join(fold(prompt).split()) if defined else ""
        invented, undefined = [], []
        for label in labels:
            if label in known or ("://" not in label and stands(label, prompt)):
                continue
            if "author-year" in self.style and written_by(label, prompt):
                continue
            if label in defined:
                if not leads_to(defined[label], prompt, folded):
                    invented.append(f"{label}: {defined[label]}")
            elif notes and "://" not in label and " " not in label:
                if f"[{label}]" not in prompt:
                    undefined.append(label)
            else:
                invented.append(label)
        if invented:
            yield f"cited, but not in the prompt: {listed(invented)}"
        if undefined:
            yield f"cited, but neither defined as a footnote nor in the prompt: {listed(undefined)}"

    # --- sentence by sentence ---------------------------------------------------------------------

    def _in_place(self, text: str, prompt: str, cited: Sequence[Citation]) -> Iterator[str]:
        bare = _without(text, cited)
        pieces = [piece for piece in sentences(text) if not _is_definition(text, piece)]
        numbers = _by_sentence(quantities(bare), pieces)
        sources = _by_sentence(cited, pieces)
        needed = self._needed(bare, pieces, numbers)
        held = _Numbers(self._documents(prompt))
        for at, piece in enumerate(pieces):
            if needed[at] and not sources[at]:
                yield f"no source on the sentence {quote(piece.text)}"
            elif self.supported and sources[at]:
                yield from _unsupported(piece, numbers[at], sources[at], held)

    def _needed(
        self, bare: str, pieces: Sequence[Sentence], numbers: Sequence[Sequence[Quantity]]
    ) -> list[bool]:
        if self.placed is None:
            return [False] * len(pieces)
        if isinstance(self.placed, Mapping):
            texts = [bare[piece.start : piece.start + len(piece.text)] for piece in pieces]
            return _regex.matching(self.placed["pattern"], texts)
        if self.placed == "numbers":
            pairs = zip(pieces, numbers, strict=True)
            return [bool(there) and piece.kind != "heading" for piece, there in pairs]
        return [_states(piece) for piece in pieces]


def _bare(label: str, style: Sequence[str]) -> str:
    if label.lower().startswith(("http://", "https://")):
        return plain_url(label.strip())
    author = "author-year" in style  # "(Weber, 2020)" is kept as "Weber 2020"
    return label.strip("[]^() ").replace(",", "") if author else label.strip("[]^ ")


def _placed(value: Any) -> str | dict[str, str] | None:
    if isinstance(value, Mapping):
        if set(value) != {"pattern"}:
            raise ValueError(f"`placed` as a map has the one key pattern, got {list(value)!r:.80}")
        _params.text("placed.pattern", value["pattern"])
        _regex.compiled("placed.pattern", value["pattern"])
        return dict(value)
    if value is not None:
        _params.one_of("placed", value, PLACES)
    return None if value is None else str(value)


def _without(text: str, cited: Sequence[Citation]) -> str:
    """Blank out the citations: a label is no number of the sentence."""
    parts, at = [], 0
    for one in sorted(cited, key=lambda one: one.start):
        if one.start >= at:
            parts += [text[at : one.start], " " * (one.end - one.start)]
            at = one.end
    return "".join([*parts, text[at:]])


def _is_definition(text: str, piece: Sentence) -> bool:
    """Tell a line of a list of sources, such as ``[^1]: Weber, Handbook``, from a statement."""
    start = text.rfind("\n", 0, piece.start) + 1
    return bool(_DEFINES.match(text, start, piece.start + 40))


def _states(piece: Sentence) -> bool:
    """Tell whether a piece says something: no heading, no question, no announcement."""
    bare = _TRAIL.sub("", piece.text[-400:])
    return piece.kind != "heading" and len(bare.split()) > 2 and not bare.endswith(("?", ":"))


def _by_sentence(things: Sequence[Any], pieces: Sequence[Sentence]) -> list[list[Any]]:
    """Sort what was found in the text into its sentences; both are in order."""
    sorted_in: list[list[Any]] = [[] for _ in pieces]
    at = 0
    for thing in things:
        while at < len(pieces) and pieces[at].start + len(pieces[at].text) <= thing.start:
            at += 1
        if at < len(pieces) and pieces[at].start <= thing.start:
            sorted_in[at].append(thing)
    return sorted_in


class _Numbers:
    """The numbers of the documents of a prompt, read when they are first asked for."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known: dict[str, Sequence[Quantity] | None] = {}

    def of(self, label: str) -> Sequence[Quantity] | None:
        """Return the numbers of a document; None when it cannot be told apart."""
        if label not in self._known:
            text = self._documents.text(label)
            self._known[label] = quantities(text) if text else None
        return self._known[label]

    def with_all(self, wanted: Sequence[Quantity]) -> str:
        """Return the label of a document that holds all these numbers, or nothing."""
        for label in self._documents.labels[:100]:
            held = self.of(label) or ()
            if all(any(agrees(one, other) for other in held) for one in wanted):
                return label
        return ""


def _unsupported(
    piece: Sentence, numbers: Sequence[Quantity], sources: Sequence[Citation], held: _Numbers
) -> Iterator[str]:
    """Yield the sentence about numbers that no cited document holds."""
    labels = list(dict.fromkeys(one.label for one in sources))[:MOST]
    documents = [held.of(label) for label in labels]
    if not numbers or None in documents:  # what cannot be told apart may say anything
        return
    known = [quantity for document in documents for quantity in document or ()]
    lacking = [one for one in numbers if not any(agrees(one, other) for other in known)]
    if lacking:
        right = held.with_all(lacking)
        yield (
            f"{listed(one.text for one in lacking)} does not stand in {listed(labels)}, cited for "
            f"{quote(piece.text)}" + (f"; it stands in {quote(right)}" if right else "")
        )
