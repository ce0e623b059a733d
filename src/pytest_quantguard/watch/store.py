"""Where looks and pins are kept: a folder of small files for each endpoint, written whole.

Nothing refers to anything but by the name of a file: what is copied elsewhere is complete, and
what somebody deletes is gone. There is no index that could be wrong.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from calendar import timegm
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pytest_quantguard._sanitize import one_line
from pytest_quantguard._whole import write_whole
from pytest_quantguard.cache.claims import Claims
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.watch.plain import look_from, look_to, pin_from, pin_to, read, to_text
from pytest_quantguard.watch.records import Look, Pin

FOLDER = ".quantguard/watch"
"""Where the folders of all endpoints are, beside the configuration."""
NEWEST = 100
"""Looks that are read, beside the pin's: those of the last weeks are compared."""
IDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(?:\.\d{1,3})?")
"""What an id of a look is like; it becomes the name of a file."""
_ID = "%Y-%m-%dT%H-%M-%SZ"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BusyError(QuantGuardError):
    """Somebody else is looking at the endpoint right now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of an endpoint's past."""

    looks: tuple[Look, ...] = ()
    """The sound ones, the oldest first."""
    pin: Pin | None = None
    problems: tuple[str, ...] = ()
    """Sentences: files that are damaged, and so left out."""
    pin_damaged: bool = False
    """True where there is a pin, and nobody can read it."""

    times: tuple[float, ...] = ()
    """When looks were made that are not the pin's, in seconds since the epoch: also those that are
    not read."""
    ids: frozenset[str] = frozenset()
    """Ids that have a file, which may be damaged, or answers, which may be of a look that was cut
    off: no further look may have one of them."""

    @property
    def newest(self) -> Look | None:
        """The look before the next one."""
        return self.looks[-1] if self.looks else None

    def pinned(self) -> tuple[Look, ...]:
        """Return the looks of the pin, as far as they are sound."""
        wanted = self.pin.looks if self.pin is not None else ()
        return tuple(look for look in self.looks if look.id in wanted)

    def since_pin(self) -> tuple[Look, ...]:
        """Return the looks of the pin and those after it: what was before was left behind."""
        pinned = self.pinned()
        began = min((look.at for look in pinned), default=0.0)
        return tuple(look for look in self.looks if look in pinned or look.at >= began)

    def first(self) -> Look | None:
        """Return the look whose golden answers are the reference; None where there is none."""
        wanted = self.pin.looks[0] if self.pin is not None and self.pin.looks else ""
        return next((look for look in self.looks if look.id == wanted), None)


class Store:
    """The folder of one endpoint."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.endpoint = endpoint
        self.folder = folder / folder_name(endpoint)

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Be the only one who looks at this endpoint, on this machine, while the block runs.

        Raises:
            BusyError: somebody else does, or the folder cannot be written.
        """
        claims = Claims.of(self.folder / "watch.lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            trouble = claims.trouble
        except OSError as error:
            trouble = error
        if isinstance(trouble, PermissionError | NotADirectoryError | FileExistsError):
            why = trouble.strerror or str(trouble)
            raise BusyError(f"{one_line(str(self.folder), 300)} cannot be written: {why}")
        with claims.claim(0) as got:
            if not got:
                raise BusyError(
                    f"another 'quantguard watch' is looking at {one_line(self.endpoint)} right "
                    f"now ({one_line(str(self.folder), 300)}): let it end, and run again"
                )
            yield

    # --- reading ------------------------------------------------------------------------

    def kept(self) -> Kept:
        """Read the pin, its looks and the `NEWEST` ones; a damaged look is named and left out."""
        looks, problems = [], []
        pin, damaged = None, False
        try:
            pin = self._pin()
        except InputError as error:
            damaged = True
            problems.append(
                f"the pin cannot be read: {one_line(error.problems[0], 300)}; restore "
                f"{one_line(str(self.folder / 'pin.json'), 300)}, or bless again"
            )
        pinned = pin.looks if pin is not None else ()
        paths = sorted((self.folder / "looks").glob("*.json"), key=_place)
        wanted = {*paths[-NEWEST:], *(path for path in paths if path.stem in pinned)}
        for path in sorted(wanted, key=_place):
            try:
                looks.append(self._look(path))
            except InputError as error:
                where = "" if path.name in error.problems[0] else f"{path.name}: "
                problems.append(f"a look is left out: {where}{one_line(error.problems[0], 300)}")
        looks.sort(key=lambda look: (look.at, look.id))
        answers = [path.name for path in (self.folder / "answers").glob("*")]
        return Kept(
            looks=tuple(looks),
            pin=pin,
            problems=tuple(problems),
            pin_damaged=damaged,
            times=tuple(_time_of(p.stem) for p in paths if p.stem not in pinned and _is_id(p.stem)),
            ids=frozenset((*(path.stem for path in paths), *answers)),
        )

    def _look(self, path: Path) -> Look:
        look = look_from(read(path, "look"))
        if look.id != path.stem or not IDS.fullmatch(look.id):
            raise InputError(f"{path.name}: it is the look {look.id!r:.40}: somebody renamed it")
        if look.endpoint != self.endpoint:
            raise InputError(f"{path.name}: it is a look at {look.endpoint!r:.80}")
        return look

    def _pin(self) -> Pin | None:
        path = self.folder / "pin.json"
        if not path.exists() and not path.is_symlink():
            return None
        return pin_from(read(path, "pin"))

    # --- writing ------------------------------------------------------------------------

    def add(self, look: Look) -> None:
        """Keep a look.

        Raises:
            QuantGuardError: it cannot be written, or its name is taken; says why.
        """
        path = self.folder / "looks" / f"{look.id}.json"
        if os.path.lexists(path):
            raise QuantGuardError(
                f"{one_line(str(path), 300)} came while this look was made, and is not overwritten"
            )
        self._write(path, to_text(look_to(look)))

    def bless(self, pin: Pin) -> None:
        """Make this the pin; the one before is kept in ``pins``, whatever it holds.

        Raises:
            QuantGuardError: it cannot be written; the pin before is then still there.
        """
        path = self.folder / "pin.json"
        if path.exists():
            name = time.strftime(_ID, time.gmtime(path.stat().st_mtime))
            old = path.read_bytes()
            digest = hashlib.sha256(old).hexdigest()[:8]
            self._write(self.folder / "pins" / f"until-{name}-{digest}.json", old)
        self._write(path, to_text(pin_to(pin)))

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_whole(path, data)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise QuantGuardError(f"{one_line(str(path), 300)} cannot be written: {why}") from None

    # --- golden answers -----------------------------------------------------------------

    def answers(self, look: str) -> Path:
        """Return the folder of the golden answers of a look, whether or not there are any."""
        return self.folder / "answers" / look

    def forget_answers(self, but: Sequence[str]) -> None:
        """Delete the golden answers of all looks except these: only a pin's are needed again."""
        for path in (self.folder / "answers").glob("*"):
            if path.name not in but and IDS.fullmatch(path.name):
                with suppress(OSError):
                    shutil.rmtree(path)


def folder_name(endpoint: str) -> str:
    """Return a name's folder: itself where every file system takes it, else with a digest."""
    if _PLAIN.fullmatch(endpoint) and endpoint == endpoint.lower() and endpoint[-1] != ".":
        return endpoint
    digest = hashlib.sha256(endpoint.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', endpoint[:40]).lower()}-{digest}"


def _is_id(name: str) -> bool:
    try:
        _time_of(name)
    except ValueError:
        return False
    return IDS.fullmatch(name) is not None


def _place(path: Path) -> tuple[float, int, str]:
    """Where a look's file stands among the others, by its name: in the order they were made."""
    name = path.stem
    if not _is_id(name):
        return 0.0, 0, name
    return _time_of(name), int(name.partition(".")[2] or 0), name


def _time_of(name: str) -> float:
    return float(timegm(time.strptime(name.partition(".")[0], _ID)))


def new_id(at: float, taken: Collection[str]) -> str:
    """Return the id of a look that begins at ``at``, in seconds since the epoch; none of ``taken``.

    Ids sort as they were made. After a thousand of one second the next one is used.
    """
    bases = (time.strftime(_ID, time.gmtime(second)) for second in count(int(at)))
    ids = (one for base in bases for one in (base, *(f"{base}.{k:03}" for k in range(1, 1000))))
    return next(one for one in ids if one not in taken)


def behind(at: float, kept: Kept) -> str:
    """Say that the clock is behind the newest look, if so; empty when not."""
    newest = kept.newest
    if newest is None or at >= newest.at:
        return ""
    days = (newest.at - at) / 86400
    return (
        f"the clock of this machine is behind the newest look, {newest.id}, by {days:.1f} days: "
        "set it right, or delete that look where the clock was wrong then"
    )
