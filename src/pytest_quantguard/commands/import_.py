"""``quantguard import``: golden cases out of what a team has already.

What cannot be carried over is listed with its place; nothing is put in place that does not load.
"""

from __future__ import annotations

import os
import random
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_quantguard import _golden
from pytest_quantguard._plural import counted
from pytest_quantguard._registry import Registry
from pytest_quantguard._sanitize import clean, one_line
from pytest_quantguard.cli import USAGE_ERROR, Parser, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._losses import Losses
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._settle import Settler, hoisted
from pytest_quantguard.documents.document import parse, read
from pytest_quantguard.documents.labels import label_problem
from pytest_quantguard.documents.rewrite import append_cases, to_jsonl, to_yaml
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.importers import IMPORTERS
from pytest_quantguard.importers._chat import tools_of
from pytest_quantguard.importers._detect import guess, named
from pytest_quantguard.importers._labels import label
from pytest_quantguard.importers._records import Draft, Loss, Source
from pytest_quantguard.types import Json

NOTHING = 5
"""As pytest's, when there is nothing to run."""
_MOST = 10_000
_LINES = ".quant.jsonl"
_DEFAULTS = ("system", "prompt", "messages", "request", "tools", "expect", "vars", "matrix")
"""Keys of a golden file that change what its cases ask or demand."""


def import_(arguments: Sequence[str]) -> int:
    """Import golden cases; return 0, 4 for mistakes, 5 when no case could be made."""
    try:
        return _import(_options(arguments))
    except QuantGuardError as error:
        sys.stderr.write(clean(f"quantguard: {error}") + "\n")
        return USAGE_ERROR


def _import(options: Namespace) -> int:
    target = _target(options)
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
        stem=_stem(options.source[0]),
        taken=_ids(target, but=None if options.into else target),
        cohort=options.cohort,
        cohort_by=options.cohort_by,
        added=options.expect,
    )
    drafts = _chosen(named(name).drafts(source, losses.add), options, losses)
    cases = [case for draft in drafts if (case := settler.settle(draft)) is not None]
    if options.into:
        _note_defaults(target, losses)
    if cases and not options.dry_run:
        head = _comment(source, name, losses) if target.suffix == ".yaml" else ""
        (_add if options.into else _write)(target, cases, head)
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


# --- options ------------------------------------------------------------------------------


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard import",
        description="Make golden cases of what you have: eval files of other tools, chat data,\n"
        "recorded traffic. What cannot be carried over is listed; what is written loads.",
        usage="quantguard import SOURCE ... [--from FORMAT] [--to FILE | --into FILE]\n"
        "                         [--limit N | --sample N] [--dry-run] [--json[=FILE]]",
        epilog=manual(
            {
                0: "golden cases are written",
                4: "wrong options, or a file that cannot be read or written",
                5: "no case could be made",
            },
            {
                "quantguard import promptfooconfig.yaml": "golden/promptfooconfig.quant.yaml",
                "quantguard import traffic.jsonl --sample 200 --cohort-by metadata.topic": "cases "
                "of recorded traffic, a cohort for each topic",
                "quantguard import more.jsonl --into golden/faq.quant.yaml --dry-run": "what "
                "would be added",
            },
            "Formats and what becomes of each part of them: docs/importing.md.\n"
            "Traffic holds what users wrote: read the cases before you commit them.",
        ),
    )
    add = parser.add_argument
    add("source", nargs="+", type=Path, metavar="SOURCE", help="file to read")
    add("--from", dest="format", choices=list(IMPORTERS), help="its format; guessed if left out")
    _add_places(parser)
    _add_contents(parser)
    add_json(parser, "what was done")
    return parser.parse_args(arguments_of(arguments))


def _add_places(parser: Parser) -> None:
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="golden file to write, .quant.yaml or .quant.jsonl; default golden/SOURCE.quant.yaml",
    )
    place.add_argument("--into", type=Path, metavar="FILE", help="golden file to add to")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    many = parser.add_mutually_exclusive_group()
    first = f"take the first N cases (default {_MOST:,})"
    many.add_argument("--limit", type=_count, default=_MOST, metavar="N", help=first)
    many.add_argument("--sample", type=_count, metavar="N", help="take N cases at random")
    which = "which ones --sample takes (default 0)"
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=which)


def _add_contents(parser: Parser) -> None:
    add = parser.add_argument
    add("--cohort", type=_label, metavar="NAME", help="cohort of all cases")
    by = "make cohorts of a label, such as metadata.topic"
    add("--cohort-by", metavar="KEY", help=by)
    add(
        "--expect",
        action="append",
        default=[],
        type=_check,
        metavar="CHECK",
        help="check added to every case, as under 'expect:', such as 'length: {max_words: 90}'",
    )
    how = "how fields become a prompt, such as '{{context}} {{input}}'"
    add("--prompt", metavar="TEXT", help=how)
    definitions = "tool definitions (OpenAI's JSON) for sources that have none"
    add("--tools", type=Path, metavar="FILE", help=definitions)
    keep = "keep answers that a model gave as 'reference'"
    add("--references", action="store_true", help=keep)


def _label(text: str) -> str:
    if problem := label_problem("the cohort", text):
        raise ArgumentTypeError(problem)
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:12]) < 10**9:
        raise ArgumentTypeError(f"{text!r} is no number of cases")
    return int(text)


def _check(text: str) -> Any:
    try:
        spec = parse(text, "--expect").data
        Registry().build_check(spec)
    except (InputError, LookupError, ValueError) as error:
        raise ArgumentTypeError(f"{text!r}: {error.args[0]}") from None
    return spec


def _target(options: Namespace) -> Path:
    target: Path = options.into or options.to
    if target is None:
        target = Path("golden") / f"{_stem(options.source[0])}.quant.yaml"
    if not target.name.endswith(_golden.SUFFIXES):
        known = " or ".join(_golden.SUFFIXES)
        raise InputError(f"{target}: golden files end in {known}")
    if options.into and not target.is_file():
        raise InputError(f"{target}: no such file; --to writes a new one")
    if not options.into and target.exists() and not (options.force or options.dry_run):
        raise InputError(f"{target} exists; --into adds to it, --force replaces it")
    return target


def _stem(path: Path) -> str:
    return label(path.name.partition(".")[0]) or "imported"


def _tools(path: Path | None, losses: Losses) -> tuple[Json, ...]:
    if path is None:
        return ()
    found = tools_of(read(path, str(path)).data, str(path), losses.add)
    if not found:
        raise InputError(f"{path}: holds no list of OpenAI tool definitions")
    return found


def _ids(target: Path, but: Path | None) -> list[str]:
    """Return the ids of the golden files around a target: ids are unique over all files."""
    found: list[str] = []
    folder = target.parent
    for path in sorted(folder.rglob("*.quant.*"))[:1000] if folder.is_dir() else ():
        if path == but or not path.name.endswith(_golden.SUFFIXES):
            continue
        try:
            found += [case.id for case in _golden.load(path, str(path), Registry(), {})]
        except InputError:  # broken, or with checks of a conftest.py: its ids may still be read
            found += _written_ids(path)
    return found


def _written_ids(path: Path) -> Iterator[str]:
    try:
        data = read(path, path.name).data
    except InputError:
        return
    cases = data.get("cases") if isinstance(data, dict) else None
    for case in cases if isinstance(cases, list) else ():
        if isinstance(case, dict) and isinstance(case.get("id"), str):
            yield case["id"]


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


# --- writing ------------------------------------------------------------------------------


def _write(target: Path, cases: Sequence[Json], comment: str) -> None:
    head, short = hoisted(cases)
    lines = target.name.endswith(_LINES)
    text = to_jsonl(short, head) if lines else comment + to_yaml(short, head)
    _put(target, text, loads=True)


def _add(target: Path, cases: Sequence[Json], comment: str) -> None:
    """Add cases to a file; what stood there stays as it was."""
    name = str(target)
    with target.open(encoding="utf-8", newline="") as stream:
        text = stream.read()
    try:
        _golden.load(target, name, Registry(), {})
        loads = True
    except InputError:  # checks of a conftest.py are not known here
        loads = False
    if target.name.endswith(_LINES):
        text = text if text.endswith("\n") or not text else f"{text}\n"
        text += to_jsonl(cases)
    else:
        text = append_cases(text, cases, name)
    _put(target, text, loads=loads)


def _note_defaults(target: Path, losses: Losses) -> None:
    """Say which keys of a golden file will count for the imported cases too."""
    name = str(target)
    try:
        if target.name.endswith(_LINES):
            with target.open(encoding="utf-8") as stream:
                data = parse(stream.readline(), name).data
            data = data.get("defaults") if isinstance(data, dict) else None
        else:
            data = read(target, name).data
    except (InputError, OSError, UnicodeDecodeError):
        return  # said when the file is written
    keys = [key for key in _DEFAULTS if isinstance(data, dict) and key in data]
    if keys:
        why = f"the file's own {', '.join(keys)} count for the imported cases too"
        losses.add(Loss(place=name, what="the cases as they were", why=why))


def _put(target: Path, text: str, *, loads: bool) -> None:
    """Write a file beside its place, prove that it loads, then move it there."""
    suffix = next(end for end in _golden.SUFFIXES if target.name.endswith(end))
    beside = target.with_name(f".{target.name.removesuffix(suffix)}.{os.getpid()}{suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8", newline="")
        if loads:
            _golden.load(beside, str(target), Registry(), {})
        os.replace(beside, target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            beside.unlink()


def _comment(source: Source, name: str, losses: Losses) -> str:
    """Return the beginning of a golden file: where it comes from, and what it lacks."""
    names = one_line(", ".join(source.names), 400)
    lines = [f"Imported from {names} ({name}).", *losses.lines()]
    return "".join(f"# {one_line(line, 400)}\n" for line in lines)


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
