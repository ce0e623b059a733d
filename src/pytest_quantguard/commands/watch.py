"""``quantguard watch``: has the endpoint changed since its reference day, and for the worse?"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from pytest_quantguard import _screen
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import Parser, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._collecting import refuse
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._watch_gate import selected
from pytest_quantguard.commands._watch_look import Made, RefusedGateError, Wanted, Watcher
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.reporters._files import special, write_whole
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.endpoint import Endpoint, configured, is_address, typed
from pytest_quantguard.watch.pinning import pin_of
from pytest_quantguard.watch.plain import report_to
from pytest_quantguard.watch.records import Answer, Look, WatchReport
from pytest_quantguard.watch.store import Kept, Store

_UNCLEAR = Answer.UNCLEAR.exit_code
_REASON = 2000
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_EPILOG = manual(
    codes={
        0: "unchanged; or what was asked for was blessed or shown",
        1: "changed for the worse: the golden set's gate fails against the pin",
        4: "a mistake in options, configuration or golden files; nothing was asked",
        10: "could not tell: no pin, too little evidence, a silent endpoint",
        11: "changed, and not shown to be worse",
    },
    examples={
        'quantguard watch awq-int4 --bless "go-live"': "record eight looks, and pin them",
        "quantguard watch awq-int4": "each night, from cron or a scheduled workflow",
        "quantguard watch awq-int4 --no-golden": "the fingerprint alone, at little cost",
        "quantguard watch awq-int4 --show": "every look that is kept, and its drift",
    },
    more="docs/watch.md tells more.",
)


def watch(arguments: Sequence[str]) -> int:
    """Look, bless or show; return 0, 1, 10 or 11 as `Answer.exit_code` has it, 4 for mistakes."""
    options = _options(arguments)
    scratch = tempfile.TemporaryDirectory(prefix="quantguard-endpoint-")
    try:
        _clear(options)
        endpoint = _endpoint(options, scratch)
        store = Store(endpoint.folder, endpoint.name)
        if options.show:
            return _show(options, store)
        with store.mine():
            return _act(options, endpoint, store)
    except RefusedGateError as error:
        return refuse(error.said)
    except InputError as error:
        return refuse(f"quantguard watch: {problem}" for problem in error.problems)
    except QuantGuardError as error:  # busy, or what was found cannot be written
        refuse([f"quantguard watch: {error}"])
        return _UNCLEAR
    finally:
        scratch.cleanup()


# --- options ------------------------------------------------------------------------------


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard watch",
        usage="quantguard watch ENDPOINT [--golden PATH ... | --no-golden] [-k EXPR] [-m EXPR]\n"
        "                        [--bless REASON [--looks N] [--every TIME] [--newest N]]\n"
        "                        [--show] [--max-requests N] [--max-cost X]\n"
        "                        [--json[=FILE]] [--markdown FILE] [--junit FILE]",
        description="Say whether an endpoint has changed since its reference day, by a few\n"
        "short probes, and whether it is worse, by the golden cases. A reference day is\n"
        "blessed first.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "endpoint",
        metavar="ENDPOINT",
        help="a variant of the configuration, or an address such as https://host/v1 with --model",
    ).complete = "variant"  # type: ignore[attr-defined]
    _add_endpoint(parser)
    _add_golden(parser)
    _add_bless(parser)
    parser.add_argument("--show", action="store_true", help="show the looks; asks nothing")
    parser.add_argument(
        "--max-requests", type=_above(int), metavar="N", help="requests that a call may make"
    )
    parser.add_argument(
        "--max-cost", type=_above(float), metavar="X", help="what a call may cost, as prices say"
    )
    add_json(parser, "the answer")
    parser.add_argument("--markdown", metavar="FILE", help="write the answer as Markdown, too")
    parser.add_argument("--junit", metavar="FILE", help="write the answer as JUnit XML, too")
    options = parser.parse_args(arguments_of(arguments))
    _check(parser, options)
    return options


def _add_endpoint(parser: Parser) -> None:
    parser.add_argument("--quant-config", metavar="PATH", help="configuration file")
    parser.add_argument("--model", metavar="TEXT", help="of an address: what the server calls it")
    parser.add_argument(
        "--api-key-env", metavar="VARIABLE", help="of an address: the variable that holds the key"
    )


def _add_golden(parser: Parser) -> None:
    parser.add_argument(
        "--golden",
        action="append",
        default=[],
        metavar="PATH",
        help="golden files or folders; default: what a bare pytest collects",
    )
    parser.add_argument(
        "--no-golden", action="store_true", help="ask no golden case: did it change, and no more"
    )
    parser.add_argument("-k", dest="keyword", metavar="EXPR", help="which cases, as pytest's -k")
    parser.add_argument("-m", dest="mark", metavar="EXPR", help="which cases, as pytest's -m")


def _add_bless(parser: Parser) -> None:
    parser.add_argument(
        "--bless", metavar="REASON", help="record looks, and pin them as good, for this reason"
    )
    parser.add_argument(
        "--looks",
        type=_above(int),
        metavar="N",
        help=f"with --bless: how many looks to record ({probes.PIN_LOOKS})",
    )
    parser.add_argument(
        "--every",
        type=_time,
        metavar="TIME",
        help="with --bless: from one look to the next, as 30s, 10m or 2h; default: at once",
    )
    parser.add_argument(
        "--newest",
        type=_above(int),
        metavar="N",
        help="with --bless: record nothing, and pin the N newest looks there are",
    )


def _check(parser: Parser, options: Namespace) -> None:
    if options.bless is None and (options.looks or options.every or options.newest):
        parser.error("--looks, --every and --newest need --bless REASON")
    if options.bless is not None and not 0 < len(options.bless.strip()) <= _REASON:
        parser.error(f"--bless needs a reason in words, in at most {_REASON} characters")
    if options.newest and (options.looks or options.every):
        parser.error("--newest pins looks that are there: it takes no --looks and no --every")
    if options.no_golden and (options.golden or options.keyword or options.mark):
        parser.error("--no-golden asks no golden case: take --golden, -k and -m away")
    if options.show and options.bless is not None:
        parser.error("give --show or --bless, not both")
    if is_address(options.endpoint):
        if options.quant_config:
            parser.error("an address needs no --quant-config: give a variant's name with it")
    elif options.model or options.api_key_env:
        parser.error("--model and --api-key-env are for an address; a variant has its own")


def _above(kind: type[float]) -> type[float]:
    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e9:
            raise ArgumentTypeError(f"{text!r:.40} is no number above 0")
        return value

    return number  # type: ignore[return-value]


def _time(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([smh]?)", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r:.40} is no time, such as 30s, 10m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


def _clear(options: Namespace) -> None:
    """Remove the files of the call before: one that fails must leave no older answer."""
    for name in (options.json, options.markdown, options.junit):
        if name is not None and not alone(name):
            with suppress(OSError):
                if not special(Path(name)):
                    Path(name).unlink(missing_ok=True)


def _endpoint(options: Namespace, scratch: tempfile.TemporaryDirectory[str]) -> Endpoint:
    here = Path.cwd()
    if is_address(options.endpoint):
        return typed(options.endpoint, options.model, options.api_key_env, here, scratch)
    return configured(options.endpoint, options.quant_config, here)


# --- acting -------------------------------------------------------------------------------


def _act(options: Namespace, endpoint: Endpoint, store: Store) -> int:
    for path in options.golden:  # pytest would say so as well, but among other things
        if not (Path.cwd() / path.partition("::")[0]).exists():
            raise InputError(f"--golden {path}: there is no such file or folder")
    kept = store.kept()
    if options.newest:
        return _bless_newest(options, store, kept)
    wanted = Wanted(
        golden=not options.no_golden,
        paths=selected(options.golden, options.keyword, options.mark),
        limits=Limits(requests=options.max_requests, cost=options.max_cost),
        # Bound now: while pytest runs in this process, its own output is kept away from people.
        say=partial(_say, sys.stderr if alone(options.json) else sys.stdout),
    )
    with Watcher(endpoint, store, wanted) as watcher:
        return _bless(options, watcher, kept) if options.bless else _look(options, watcher, kept)


def _say(stream: TextIO, text: str) -> None:
    stream.write(f"{_screen.shown(text, _screen.encoding(stream))}\n")
    stream.flush()


def _look(options: Namespace, watcher: Watcher, kept: Kept) -> int:
    made = watcher.look(kept, anew=False)
    report = watcher.judged(made, kept)
    _keep(watcher, kept, [made])
    _report(options, report, _notes(kept, made))
    return report.answer.exit_code


def _keep(watcher: Watcher, kept: Kept, made: Sequence[Made]) -> None:
    """Keep looks that are looks, and the golden answers of the newest one and of the pin."""
    sound = [one.look for one in made if one.enough]
    for look in sound:
        watcher.store.add(look)
    watcher.store.forget_answers(_needed([*kept.looks, *sound], kept))


def _needed(looks: Sequence[Look], kept: Kept) -> list[str]:
    with_golden = [look.id for look in looks if look.behaviour is not None]
    return [*with_golden[-1:], *(kept.pin.looks if kept.pin is not None else ())]


def _notes(kept: Kept, made: Made) -> list[str]:
    damaged = [text for text in kept.problems if not text.startswith("the pin")]
    return [*damaged, *made.notes]


def _report(options: Namespace, report: WatchReport, notes: Sequence[str]) -> None:
    from pytest_quantguard.watch import junit, markdown, shown

    if not alone(options.json):
        tell("\n".join(shown.render(report, Screen.of(), notes=notes)))
    put(report_to(report), options.json)
    if options.markdown:
        write_whole(Path(options.markdown), markdown.text(report, notes).encode())
    if options.junit:
        write_whole(Path(options.junit), junit.document(report))


# --- blessing -----------------------------------------------------------------------------


def _bless(options: Namespace, watcher: Watcher, kept: Kept) -> int:
    number = options.looks or probes.PIN_LOOKS
    made: list[Made] = []
    for count in range(number):
        if count and options.every:
            time.sleep(options.every)
        known = Kept(looks=(*kept.looks, *(one.look for one in made)))
        # Golden answers of one look are what others are compared with. How much speed and quality
        # differ by themselves is learned from more of them, where looks are apart in time.
        rest, apart = number - 1 - count, options.every is not None
        one = watcher.look(
            known,
            anew=not made,
            further=rest,
            golden=apart or not made,
            further_golden=rest if apart else 0,
        )
        if why := watcher.unfit(one, known):
            _keep(watcher, kept, made)
            refuse([f"quantguard watch: nothing was pinned: {one_line(why, 600)}"])
            return _UNCLEAR
        made.append(one)
    looks = [one.look for one in made]
    for look in looks:
        watcher.store.add(look)
    notes = list(dict.fromkeys(note for one in made for note in one.notes))
    return _pin(options, watcher.store, looks, notes)


def _bless_newest(options: Namespace, store: Store, kept: Kept) -> int:
    looks = kept.looks[-options.newest :]
    if len(looks) < options.newest:
        raise InputError(
            f"{counted(len(kept.looks), 'look is', 'looks are')} kept, and {options.newest} are "
            "to be pinned: leave --newest out, and looks are recorded now"
        )
    last = looks[-1]
    strange = [
        one.id for one in looks if (one.probes, one.identity) != (last.probes, last.identity)
    ]
    if strange:
        raise InputError(
            f"the look {strange[0]} asked other probes, or another endpoint, than the newest: pin "
            "fewer, or record looks now (without --newest)"
        )
    return _pin(options, store, looks, [])


def _pin(options: Namespace, store: Store, looks: Sequence[Look], notes: list[str]) -> int:
    pin = pin_of(looks, options.bless.strip())
    first = next(look for look in looks if look.id == pin.looks[0])
    if first.behaviour is not None and not store.answers(first.id).is_dir():
        raise InputError(
            f"the golden answers of {first.id} are not here any more: record looks now "
            "(without --newest)"
        )
    store.bless(pin)
    kept = store.kept()
    store.forget_answers(_needed(kept.looks, kept))
    if len(looks) < probes.PIN_LOOKS:
        notes.append(
            f"{counted(len(looks), 'look')} tell little about how far looks differ by themselves: "
            f"{probes.PIN_LOOKS} are better, and several days better still"
        )
    cases = len(first.behaviour.values) if first.behaviour is not None else 0
    golden = f"with {counted(cases, 'golden case')}" if cases else "without golden cases"
    text = f"Pinned: {counted(len(looks), 'look')} at {one_line(store.endpoint)}, {golden}"
    where = f"Kept in {one_line(str(store.folder), 300)}"
    if not alone(options.json):
        tell("\n".join([text, where, *(f"Note: {one_line(note, 400)}" for note in notes)]))
    document = {"kind": "pin", "version": 1, "looks": list(pin.looks), "reason": pin.reason}
    put({**document, "at": pin.at, "of": pin.of}, options.json)
    return 0


# --- showing ------------------------------------------------------------------------------


def _show(options: Namespace, store: Store) -> int:
    from pytest_quantguard.commands._watch_series import document, lines

    kept = store.kept()
    if not kept.looks and kept.pin is None:
        raise InputError(
            f"no look at {one_line(store.endpoint)} is kept in {one_line(str(store.folder), 300)}: "
            'begin with --bless "why this is a good day"'
        )
    if not alone(options.json):
        tell("\n".join(lines(kept, Screen.of())))
    put(document(kept), options.json)
    return _UNCLEAR if kept.pin_damaged else 0
