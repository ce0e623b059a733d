"""``quantguard watch``: has the endpoint changed since its reference day, and for the worse?"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from pytest_quantguard import _screen
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import hush, refuse, tell
from pytest_quantguard.commands._as_json import alone, put
from pytest_quantguard.commands._watch_gate import selected
from pytest_quantguard.commands._watch_look import RefusedGateError, Watcher
from pytest_quantguard.commands._watch_made import Made, Wanted, spent_on
from pytest_quantguard.commands._watch_options import options_of
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.providers._access import secrets_of
from pytest_quantguard.reporters._files import special, write_whole
from pytest_quantguard.reporters._words import folded
from pytest_quantguard.types import Json
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.endpoint import Endpoint, configured, is_address, typed
from pytest_quantguard.watch.pinning import blind, lost, pin_of
from pytest_quantguard.watch.plain import pin_to, report_to
from pytest_quantguard.watch.records import Answer, Look, WatchReport
from pytest_quantguard.watch.store import Kept, Store

_UNCLEAR = Answer.UNCLEAR.exit_code


def watch(arguments: Sequence[str]) -> int:
    """Look, bless or show; return 0, 1, 10 or 11 as `Answer.exit_code` has it, 4 for mistakes."""
    options = options_of(arguments)
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
    except BrokenPipeError:  # of --bless and --show: it is done; 1 would be a change for the worse
        hush()
        return 0
    finally:
        scratch.cleanup()


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
    if options.bless:  # somebody may have pasted more than a reason
        options.bless = scrub(options.bless.strip(), secrets_of((endpoint.variant,)))
    kept = store.kept()
    if options.newest:
        return _bless_newest(options, store, kept)
    wanted = Wanted(
        golden=not options.no_golden,
        paths=selected(options.golden, options.keyword, options.mark),
        limits=Limits(requests=options.max_requests, cost=options.max_cost),
        looks_a_year=options.looks_a_year,
        # Bound now: while pytest runs in this process, its own output is kept away from people.
        say=partial(_say, sys.stderr if alone(options.json) else sys.stdout),
    )
    with Watcher(endpoint, store, wanted) as watcher:
        return _bless(options, watcher, kept) if options.bless else _look(options, watcher, kept)


def _say(stream: TextIO | None, text: str) -> None:
    """Announce what is asked; where that cannot be written, the answer will say so."""
    if stream is None:  # closed before Python began
        return
    lines = folded(_screen.shown(text, _screen.encoding(stream)), Screen.of(stream).width, "", "  ")
    with suppress(OSError):
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()


def _look(options: Namespace, watcher: Watcher, kept: Kept) -> int:
    made = watcher.look(kept, anew=False)
    report = watcher.judged(made, kept)
    trouble = None
    try:
        _keep(watcher, kept, [replace(made, look=report.look)])
    except QuantGuardError as error:  # a full disk takes nothing from what was found
        trouble = error
        report = _unkept(report, error)
    troubles = [trouble] if trouble is not None else []
    troubles += _report(options, report, _notes(kept, made))
    refuse(f"quantguard watch: {one}" for one in troubles)
    # What nobody could be told is no quiet night; what was found is found all the same.
    return (report.answer.exit_code or _UNCLEAR) if troubles else report.answer.exit_code


def _unkept(report: WatchReport, error: QuantGuardError) -> WatchReport:
    """Say that a look could not be kept: a quiet one then is not taken for a night that was."""
    said = f"this look is not kept: {one_line(str(error), 400)}"
    if report.answer is Answer.UNCHANGED:
        return replace(report, answer=Answer.UNCLEAR, reasons=(said, *report.reasons))
    return replace(report, reasons=(*report.reasons, said))


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


def _report(options: Namespace, report: WatchReport, notes: Sequence[str]) -> list[QuantGuardError]:
    """Print and write the answer, each way that it can be; return why others could not."""
    from pytest_quantguard.watch import junit, markdown, shown

    ways: list[Callable[[], None]] = [lambda: put(report_to(report), options.json)]
    if not alone(options.json):
        ways.insert(0, lambda: tell("\n".join(shown.render(report, Screen.of(), notes=notes))))
    if options.markdown:
        page = markdown.text(report, notes).encode()
        ways.append(lambda: write_whole(Path(options.markdown), page))
    if options.junit:
        ways.append(lambda: write_whole(Path(options.junit), junit.document(report)))
    troubles = []
    for way in ways:
        try:
            way()
        except QuantGuardError as error:
            troubles.append(error)
        except BrokenPipeError:  # such as `| head`: who reads no further has the exit code
            hush()
    return troubles


# --- blessing -----------------------------------------------------------------------------


def _bless(options: Namespace, watcher: Watcher, kept: Kept) -> int:
    number = options.looks or probes.PIN_LOOKS
    made: list[Made] = []
    for count in range(number):
        if count and options.every:
            time.sleep(options.every)
        known = Kept(looks=(*kept.looks, *(one.look for one in made)), ids=kept.ids)
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
    return _pin(options, watcher.store, looks, notes, kept, spent=spent_on(made))


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
    if why := next(filter(None, map(blind, looks)), ""):
        raise InputError(f"nothing was pinned: {one_line(why, 600)}")
    return _pin(options, store, looks, [], kept, spent=spent_on([]))


def _pin(
    options: Namespace,
    store: Store,
    looks: Sequence[Look],
    notes: list[str],
    before: Kept,
    *,
    spent: Json,
) -> int:
    pin = pin_of(looks, options.bless)
    first = next(look for look in looks if look.id == pin.looks[0])
    if first.behaviour is not None and not store.answers(first.id).is_dir():
        raise InputError(
            f"the golden answers of {first.id} are not here any more: record looks now "
            "(without --newest)"
        )
    if worse := lost(before.first(), first):
        notes.insert(0, worse)
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
    where = f"Kept in {one_line(str(_from_here(store.folder)), 300)}"
    if not alone(options.json):
        from pytest_quantguard.watch.shown import took

        asked = [f"Asked: {took(**spent)}"] if spent["requests"] else []
        said = [text, where, *(f"Note: {one_line(note, 400)}" for note in notes), *asked]
        tell("\n".join(said))
    put({**pin_to(pin), "notes": notes, "spent": spent}, options.json)
    return 0


def _from_here(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


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
