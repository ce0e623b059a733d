"""What disks, locks, clocks and other people do to a cache in mid-run: nothing paid for is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard import _noise, _served
from pytest_quantguard._whole import write_whole
from pytest_quantguard.cache import claims as _claims
from pytest_quantguard.cache import shelf as _shelf
from pytest_quantguard.cache.claims import Claims
from pytest_quantguard.cache.completions import CompletionCache, completion_key
from pytest_quantguard.errors import QuantGuardWarning
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import ServedAs

REQUEST = CompletionRequest(messages=({"role": "user", "content": "hi"},))
KEYS = [completion_key(REQUEST, {"model": "m"}, number) for number in range(40)]
IDENTITY = {"model": "m"}


def answer(number: int, size: int = 10) -> Completion:
    return Completion(text=f"{number} " + "x" * size)


def fill(cache: CompletionCache, numbers: range, size: int = 10) -> None:
    for number in numbers:
        cache.put(KEYS[number], answer(number, size), REQUEST)


def found(cache: CompletionCache) -> list[int]:
    """Return the numbers of the answers that are there; each must be the right one."""
    numbers = []
    for number, key in enumerate(KEYS):
        if (one := cache.get(key)) is not None:
            assert one.text.split()[0] == str(number)
            numbers.append(number)
    return numbers


@pytest.fixture
def open_cache(tmp_path: Path) -> Iterator[Callable[..., CompletionCache]]:
    """Return what opens the cache in ``tmp_path / "cache"`` with a spare folder."""
    made: list[CompletionCache] = []

    def opened(folder: Path | None = None, spare: str = "spare") -> CompletionCache:
        made.append(CompletionCache(folder or tmp_path / "cache", spare=tmp_path / spare))
        return made[-1]

    yield opened
    for cache in made:
        cache.close()


@pytest.fixture(autouse=True)
def quick_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shelf, "_REST_S", 0.0)


class Disk:
    """Makes every write to some folders fail, while it is broken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken: dict[Path, Exception] = {}
        self.tries = 0
        write = _shelf._Cache.set

        def set_(cache: Any, key: str, value: str) -> Any:
            if (error := self.broken.get(Path(cache.directory))) is not None:
                self.tries += 1
                raise error
            return write(cache, key, value)

        monkeypatch.setattr(_shelf._Cache, "set", set_)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


FULL = sqlite3.OperationalError("database or disk is full")


# --- full, locked, read-only ------------------------------------------------------------


def test_when_there_is_room_again_everything_is_stored(
    open_cache: Callable[..., CompletionCache], disk: Disk
) -> None:
    """A disk that was full for a while costs nothing: the next answer takes the others along."""
    cache = open_cache()
    fill(cache, range(3))
    disk.broken[cache.folder] = FULL
    with pytest.warns(QuantGuardWarning, match=r"cannot write to the cache .* \(database or disk"):
        fill(cache, range(3, 8))
    assert found(cache) == list(range(8))
    assert found(open_cache(spare="other")) == [0, 1, 2]
    disk.broken.clear()
    fill(cache, range(8, 9))
    cache.settle()

    assert found(open_cache(spare="other")) == list(range(9))
    assert len(cache.notices) == 1


def test_the_end_of_a_run_tries_once_more(
    open_cache: Callable[..., CompletionCache], disk: Disk
) -> None:
    """Room that comes late is used; where none comes, the number of lost answers is told."""
    cache = open_cache()
    disk.broken[cache.folder] = FULL
    with pytest.warns(QuantGuardWarning, match="kept for this run"):
        fill(cache, range(4))
    with pytest.warns(QuantGuardWarning, match=r"4 answers could not be stored .* make room"):
        cache.settle()
    assert found(cache) == [0, 1, 2, 3]
    disk.broken.clear()
    cache.settle()

    assert found(open_cache(spare="other")) == [0, 1, 2, 3]


def test_what_no_folder_takes_is_in_memory(
    open_cache: Callable[..., CompletionCache], disk: Disk, tmp_path: Path
) -> None:
    """Cache and spare folder on one full disk."""
    cache = open_cache()
    disk.broken = {cache.folder: FULL, tmp_path / "spare": FULL}
    with pytest.warns(QuantGuardWarning, match="kept for this run"):
        fill(cache, range(4))
    assert found(cache) == [0, 1, 2, 3]
    disk.broken.clear()
    cache.settle()

    assert found(open_cache(spare="other")) == [0, 1, 2, 3]


def test_processes_of_a_run_share_what_the_cache_cannot_take(
    open_cache: Callable[..., CompletionCache], disk: Disk
) -> None:
    """One finds what the other was given, and neither asks for what the other asks for."""
    one, other = open_cache(), open_cache()
    disk.broken[one.folder] = PermissionError(errno.EROFS, "Read-only file system")
    with pytest.warns(QuantGuardWarning, match="Read-only file system"):
        fill(one, range(4))

    assert found(other) == [0, 1, 2, 3]


def test_a_locked_database_is_left_in_peace(
    open_cache: Callable[..., CompletionCache], disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try may wait long for the lock: it is not tried for every answer."""
    monkeypatch.setattr(_shelf, "_REST_S", 60.0)
    cache = open_cache()
    disk.broken[cache.folder] = _shelf.diskcache.Timeout()
    with pytest.warns(QuantGuardWarning, match="another program has locked it for 30 s"):
        fill(cache, range(20))

    assert disk.tries == 1
    assert found(cache) == list(range(20))


READ_ONLY = """
import json, os, sys, warnings
from pathlib import Path
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.types import Completion, CompletionRequest
if os.geteuid() == 0:  # permissions mean nothing to root; it may read more modules, though
    Path("/").as_uri()  # loads one, in Python 3.13
    os.seteuid(65534)
warnings.simplefilter("ignore")
folder, spare, *keys = sys.argv[1:]
cache = CompletionCache(folder, spare=Path(spare))
with cache.claim("0" * 64) as mine:
    print(json.dumps([[k for k in keys if cache.get(k)], mine, cache.notices]), flush=True)
    sys.stdin.read()
"""


def read_only(folder: Path, spare: Path, keys: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READ_ONLY, str(folder), str(spare), *keys]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def told(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_a_killed_runs_last_answers_are_found_in_a_read_only_folder() -> None:
    """They are still in SQLite's log; where that cannot be read, it is said. Claims work, too."""
    # Not in pytest's own folder: each pytest that begins meanwhile shuts that to other users.
    top = Path(tempfile.mkdtemp(prefix="frozen-"))
    folder, spare = top / "cache", top / "spare"
    try:
        cache = CompletionCache(top / "live")
        fill(cache, range(5))
        shutil.copytree(top / "live", folder)  # as a kill leaves it: with its log
        cache.close()
        assert (folder / "cache.db-wal").stat().st_size
        spare.mkdir()
        spare.chmod(0o777)
        if os.geteuid() == 0:  # then another user reads it
            for path in (top, *top.parents[:-1]):
                path.chmod(path.stat().st_mode | 0o055)
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        with read_only(folder, spare, KEYS[:5]) as first, read_only(folder, spare, []) as second:
            ((keys, mine, notices), (_, twice, _)) = sorted((told(first), told(second)), key=len)
            assert sorted((mine, twice)) == [False, True]
            first.communicate("")
            second.communicate("")
        assert keys == KEYS[:5]
        assert notices == []
        folder.chmod(0o755)
        (folder / "cache.db-shm").unlink()
        folder.chmod(0o555)
        with read_only(folder, spare, KEYS[:5]) as third:
            keys, _, notices = told(third)
            third.communicate("")
        assert (keys, len(notices)) == ([], 1)
        assert "was not closed by its last run" in notices[0]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(top)


# --- removed, damaged -------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be removed there")
@pytest.mark.parametrize("what", ["folder", "database", "another in its place"])
def test_a_cache_removed_in_mid_run_is_made_anew(
    open_cache: Callable[..., CompletionCache], what: str, tmp_path: Path
) -> None:
    """A database that is gone takes answers all the same: they must not go with it."""
    cache = open_cache()
    fill(cache, range(5))
    cache.put(KEYS[5], answer(5, 200_000), REQUEST)  # has a file of its own
    if what == "database":
        for path in cache.folder.glob("cache.db*"):
            path.unlink()
    else:
        shutil.rmtree(cache.folder)
    if what == "another in its place":
        other = open_cache()
        fill(other, range(30, 32))
    with pytest.warns(QuantGuardWarning, match="was removed while the run was going on"):
        fill(cache, range(6, 8))
    fill(cache, range(8, 10))
    kept = [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert ("and 1 are lost" in cache.notices[0]) == (what != "database")
    if what == "database":
        kept = list(range(10))
    if what == "another in its place":
        kept += [30, 31]

    assert found(open_cache(spare="other")) == kept


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be removed there")
def test_a_cache_removed_after_the_last_answer_is_there_in_the_end(
    open_cache: Callable[..., CompletionCache],
) -> None:
    """No answer comes after it that could notice: the end of the run looks."""
    cache = open_cache()
    fill(cache, range(3))
    shutil.rmtree(cache.folder)
    with pytest.warns(QuantGuardWarning, match="made anew, with 3 of its answers"):
        cache.settle()

    assert found(open_cache(spare="other")) == [0, 1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be removed there")
def test_claims_move_to_the_new_file(tmp_path: Path) -> None:
    """Who locks a file that has no name any more is alone with its lock."""
    claims = Claims.of(tmp_path / "cache" / "claims.lock")
    with claims.claim(1) as mine:
        assert mine
    shutil.rmtree(tmp_path / "cache")
    with claims.claim(2) as mine:
        assert mine
        code = (
            "import sys; from pathlib import Path\n"
            "from pytest_quantguard.cache.claims import Claims\n"
            "with Claims.of(Path(sys.argv[1])).claim(2) as mine: print(mine)"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "cache" / "claims.lock")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def damage(folder: Path, how: str) -> None:
    database = folder / "cache.db"
    data = database.read_bytes()
    if how == "cut":
        database.write_bytes(data[: len(data) // 2])
    elif how == "scribbled":
        database.write_bytes(data[:4096] + b"\x5a" * (len(data) - 4096))
    elif how == "no database":
        database.write_bytes(b"hello " * 1000)
    elif how == "empty":
        database.write_bytes(b"")
    elif how == "foreign log":
        other = CompletionCache(folder.parent / "foreign")
        fill(other, range(20, 40), 2000)
        log = (other.folder / "cache.db-wal").read_bytes()
        other.close()
        (folder / "cache.db-wal").write_bytes(log)


@pytest.mark.filterwarnings("ignore::pytest_quantguard.errors.QuantGuardWarning")
@pytest.mark.parametrize("how", ["cut", "scribbled", "no database", "empty", "foreign log"])
def test_a_damaged_database_gives_no_wrong_answer_and_mends_itself(
    open_cache: Callable[..., CompletionCache], how: str
) -> None:
    """What cannot be read is asked again, once: the run after that finds everything."""
    cache = open_cache()
    fill(cache, range(20), 2000)
    cache.close()
    damage(cache.folder, how)
    second = open_cache()
    missing = sorted(set(range(20)).difference(found(second)))
    for number in missing:
        second.put(KEYS[number], answer(number), REQUEST)
    assert set(found(second)) >= set(range(20))
    second.settle()
    second.close()
    third = open_cache(spare="other")

    assert set(found(third)) >= set(range(20))
    assert third.notices == ()
    if how in ("cut", "scribbled", "no database"):
        assert any("was damaged" in text and "set aside" in text for text in second.notices)
        assert list(cache.folder.glob("cache.db.damaged-*"))


# --- locks and clocks -------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_the_runs_own_folder_has_them(
    open_cache: Callable[..., CompletionCache], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Some network disks cannot lock: one sentence, and a run still asks for each thing once."""
    lock = _claims._lock_byte
    cache = open_cache()

    def broken(fd: int, place: int) -> None:
        if os.fstat(fd).st_ino == (cache.folder / "claims.lock").stat().st_ino:
            raise OSError(code, os.strerror(code))
        lock(fd, place)

    monkeypatch.setattr(_claims, "_lock_byte", broken)
    with (
        pytest.warns(QuantGuardWarning, match="cannot be locked .* keep it on a local disk"),
        cache.claim(KEYS[0]) as mine,
        cache.claim(KEYS[0]) as again,
        open_cache().claim(KEYS[0]) as other,
    ):
        assert [mine, again, other] == [True, False, False]


def test_a_folder_without_locks_and_without_a_spare_one_never_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked twice rather than never."""

    def broken(fd: int, place: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_claims, "_lock_byte", broken)
    cache = CompletionCache(tmp_path / "cache")
    with cache.claim(KEYS[0]) as mine:
        assert mine
    cache.close()


def test_entries_do_not_grow_old(
    open_cache: Callable[..., CompletionCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that jumps by years, either way, loses no answer."""
    cache = open_cache()
    now = time.time()
    fill(cache, range(3))
    for jump in (-3600, 3600, -(10**9), 10**9):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        assert found(cache) == [0, 1, 2]


# --- beside the cache -------------------------------------------------------------------


def test_files_appear_whole_however_many_write(tmp_path: Path) -> None:
    """Whoever reads meanwhile sees one of the texts, and no draft is left."""
    path = tmp_path / "deep" / "file.json"
    texts = [bytes([65 + n]) * 100_000 for n in range(4)]
    write_whole(path, texts[0])
    stop = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while True:
            over = stop.is_set()
            seen.append(path.read_bytes())
            if over:
                return

    reader = threading.Thread(target=read)
    reader.start()
    writers = [
        threading.Thread(target=lambda text=text: [write_whole(path, text) for _ in range(20)])
        for text in texts
    ]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()

    assert seen
    assert set(seen) <= set(texts)
    assert os.listdir(path.parent) == ["file.json"]


@pytest.mark.parametrize("place", ["write", "replace"])
def test_what_cannot_be_written_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A full disk in the middle of a draft, or just before its end."""
    known = _noise.Noise(compared=50, flipped=5)
    _noise.save(tmp_path, IDENTITY, known)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if place == "replace":
        monkeypatch.setattr(os, "replace", full)
    else:
        monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        _noise.save(tmp_path, IDENTITY, _noise.Noise(compared=60, flipped=9))
    monkeypatch.undo()

    assert _noise.load(tmp_path, IDENTITY) == known
    assert len(list((tmp_path / "noise").iterdir())) == 1


def test_what_a_server_said_is_kept_whole(tmp_path: Path) -> None:
    """Every field comes back; a later silence does not make it forgotten."""
    said = ServedAs(
        model="m",
        quantization="Q8_0",
        version="b1",
        kv_cache="f16",
        context=4096,
        memory_bytes=10**9,
        models=("m", "n"),
    )
    _served.save(tmp_path, IDENTITY, said)
    _served.save(tmp_path, IDENTITY, ServedAs())

    assert _served.load(tmp_path, IDENTITY) == said


@pytest.mark.parametrize(("answered", "recall"), [(1, True), (0, True), (1, False)])
def test_a_server_that_says_nothing_more_is_taken_at_its_word(
    tmp_path: Path, answered: int, recall: bool
) -> None:
    """A run that goes on must not forget a contradiction; recorded answers are anybody's."""

    class Silent:
        identity = staticmethod(lambda: IDENTITY)
        served_as = staticmethod(ServedAs)

    _served.save(tmp_path, IDENTITY, ServedAs(quantization="Q8_0"))
    counts = {"int4": {"answered": answered, "cached": 59}}
    found = _served.gather(counts, {"int4": Silent()}, tmp_path, recall=recall)  # type: ignore[dict-item]

    assert ("Q8_0" if recall else None) == found["int4"]["quantization"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"model": 3}', '{"context": -1}', '{"models": [3]}', "[" * 100_000, "\xff"],
)
def test_a_damaged_word_of_a_server_is_none(tmp_path: Path, text: str) -> None:
    """It may come from anywhere: it never raises, and nothing of it is believed."""
    _served.save(tmp_path, IDENTITY, ServedAs(model="m"))
    (path,) = (tmp_path / "served").iterdir()
    path.write_text(text, encoding="latin-1")

    assert _served.load(tmp_path, IDENTITY) is None


def test_a_file_where_the_folder_should_be_costs_nothing(tmp_path: Path) -> None:
    """Saving what a server said is a courtesy: it never ends a run."""
    (tmp_path / "cache").touch()
    _served.save(tmp_path / "cache", IDENTITY, ServedAs(model="m"))

    assert _served.load(tmp_path / "cache", IDENTITY) is None
