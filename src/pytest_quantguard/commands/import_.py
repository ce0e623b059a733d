"""``quantguard import``: golden cases out of what a team has already.

What cannot be carried over is listed with its place; nothing is put in place that does not load.
"""

from __future__ import annotations

import random
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import clean
from pytest_quantguard.cli import NOTHING, refuse, tell
from pytest_quantguard.commands._as_json import alone, put
from pytest_quantguard.commands._import_file import (
    add_to,
    comment_of,
    ids_around,
    note_defaults,
    stem_of,
    target_of,
    write_new,
)
from pytest_quantguard.commands._import_losses import Losses
from pytest_quantguard.commands._import_options import options_of
from pytest_quantguard.commands._import_settler import Settler
from pytest_quantguard.documents.document import read
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.importers._chat import tools_of
from pytest_quantguard.importers._detect import guess, named
from pytest_quantguard.importers._records import Draft, Loss, Source
from pytest_quantguard.types import Json


def import_(arguments: Sequence[str]) -> int:
    """Import golden cases; return 0, 4 for mistakes, 5 when no case could be made."""
    try:
        return _import(options_of(arguments))
    except QuantGuardError as error:
        return refuse([f"quantguard import: {error}"])


def _import(options: Namespace) -> int:
    target = target_of(options)
    losses = Losses()
    name, sign = options.format, "as you said"
    if name is None:
        name, sign = guess(options.source[0], str(options.source[0]))
    source = Source(
        paths=tuple(options.source),
        names=tuple(map(str, options.source)),
        prompt=options.prompt,
        tools=_tools(options.tools, losses),
        references=options.references,
    )
    settler = Settler(
        losses.add,
        stem=stem_of(options.source[0]),
        taken=ids_around(target, but=None if options.into else target),
        cohort=options.cohort,
        cohort_by=options.cohort_by,
        added=options.expect,
    )
    drafts = _chosen(named(name).drafts(source, losses.add), options, losses)
    cases = [case for draft in drafts if (case := settler.settle(draft)) is not None]
    if options.into:
        note_defaults(target, losses)
    if cases and not options.dry_run:
        if options.into:
            add_to(target, cases)
        else:
            write_new(target, cases, comment_of(source, name, losses))
    done = _Done(
        format=name,
        sign=sign,
        sources=source.names,
        written=str(target) if cases and not options.dry_run else None,
        cases=len(cases),
        settler=settler,
        losses=losses,
    )
    _tell(done, options)
    return 0 if cases else NOTHING


def _tell(done: _Done, options: Namespace) -> None:
    put(done.to_dict(), options.json)
    if not alone(options.json):
        tell(clean("\n".join(done.lines())))


def _tools(path: Path | None, losses: Losses) -> tuple[Json, ...]:
    if path is None:
        return ()
    found = tools_of(read(path, str(path)).data, str(path), losses.add)
    if not found:
        raise InputError(f"{path}: holds no list of OpenAI tool definitions")
    return found


def _chosen(drafts: Iterable[Draft], options: Namespace, losses: Losses) -> Iterator[Draft]:
    """Yield the first cases, or as many drawn from all, in their order."""
    if options.sample is None:
        for number, draft in enumerate(drafts):
            if number >= options.limit:
                why = "there are more; --limit N takes more, --sample N draws from all"
                what = f"all after {counted(number, 'case')}"
                losses.add(Loss(place=draft.place, what=what, why=why))
                return
            yield draft
        return
    # Vitter (1985), algorithm R: every draft is kept with the same chance, in one pass.
    draw = random.Random(options.seed)  # noqa: S311 - no secret depends on it
    kept: list[tuple[int, Draft]] = []
    number = 0
    for number, draft in enumerate(drafts, 1):
        if len(kept) < options.sample:
            kept.append((number, draft))
        elif (place := draw.randrange(number)) < options.sample:
            kept[place] = (number, draft)
    if number > len(kept):
        why = f"--sample {options.sample} of {number}"
        losses.add(Loss(place="the source", what=f"{number - len(kept)} cases", why=why))
    yield from (draft for _, draft in sorted(kept, key=lambda one: one[0]))


# --- telling ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What an import did."""

    format: str
    sign: str
    """What the format was known by."""
    sources: tuple[str, ...]
    written: str | None
    cases: int
    settler: Settler
    losses: Losses

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return {
            "format": self.format,
            "known_by": self.sign,
            "sources": list(self.sources),
            "written": self.written,
            "cases": self.cases,
            "cohorts": dict(self.settler.cohorts),
            "checks": dict(self.settler.checks),
            "only_complete": self.settler.bare,
            "look_like_secrets": self.settler.secrets[:100],
            "not_carried": self.losses.to_list(),
        }

    def lines(self) -> Iterator[str]:
        """Yield what a person reads."""
        cases = f"{self.cases} case{'s' * (self.cases != 1)}"
        yield f"quantguard import: {cases} from {self.sources[0]} ({self.format}: {self.sign})"
        yield f"written: {self.written}" if self.written else "nothing was written"
        for what, counter in (("cohorts", self.settler.cohorts), ("checks", self.settler.checks)):
            if counter:
                parts = [f"{key} {count}" for key, count in counter.most_common(20)]
                yield f"{what}: {', '.join(parts)}"
        if self.settler.bare:
            yield (
                f"{self.settler.bare} of them check only that the answer is complete: say what "
                "must hold, in the file or with --expect"
            )
        if places := self.settler.secrets:
            yield (
                f"{len(places)} of them hold what looks like a key or token "
                f"({', '.join(places[:3])}): read them before you commit the file"
            )
        yield from self.losses.lines()
