"""The cache: nothing is lost, nothing foreign is believed, and nothing in it is ever code."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_quantguard.cache import completions as _cache
from pytest_quantguard.cache import shelf as _shelf
from pytest_quantguard.cache.completions import CompletionCache, completion_key
from pytest_quantguard.errors import QuantGuardWarning
from pytest_quantguard.types import Completion, CompletionRequest, ToolCall, Usage

REQUEST = CompletionRequest(
    messages=({"role": "user", "content": "hi \ud800"},), params={"temperature": 0, "seed": 1}
)
ANSWER = Completion(
    text="lone \udfff, NUL \x00, \u2028 and all",
    tool_calls=(ToolCall(name="f", arguments_text='{"a": 1}'),),
    finish_reason="tool_calls",
    usage=Usage(prompt_tokens=3),
    latency_s=0.1,
    ttft_s=0.01,
    served_as="m",
)
KEY = completion_key(REQUEST, {"model": "m"}, 0)
OTHER = completion_key(REQUEST, {"model": "n"}, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose cache holds one answer."""
    folder = tmp_path / "cache"
    cache = CompletionCache(folder)
    cache.put(KEY, ANSWER, REQUEST)
    cache.close()
    return folder


@pytest.fixture
def cache(folder: Path) -> Iterator[CompletionCache]:
    cache = CompletionCache(folder)
    yield cache
    cache.close()


def edit(folder: Path, statement: str, *values: Any) -> None:
    """Change the database behind the cache's back."""
    database = sqlite3.connect(folder / "cache.db")
    database.execute(statement, values)
    database.commit()
    database.close()


def stored(folder: Path) -> str:
    database = sqlite3.connect(folder / "cache.db")
    ((value,),) = database.execute("SELECT value FROM Cache").fetchall()
    database.close()
    return str(value)


# --- keys -------------------------------------------------------------------------------


def test_key_is_stable() -> None:
    """A key is the same on every machine; a change of it throws away what users have paid for."""
    assert KEY == "e3d98f166bedaf49467ca4bafb42badf7bcd301f096f4997eb31d74115189837"


def test_key_tells_apart_what_changes_the_answer() -> None:
    """Text, parameter, tools, identity, repeat, and the order that a template prints."""

    def tools(*names: str) -> tuple[dict[str, Any], ...]:
        return ({"function": {"parameters": {"properties": {name: {} for name in names}}}},)

    def key(identity: Any = None, repeat: int = 0, **given: Any) -> str:
        request = CompletionRequest(**{"messages": REQUEST.messages, **given})
        return completion_key(request, identity or {}, repeat)

    keys = [
        key(),
        key({"model": "m"}),
        key(repeat=1),
        key(messages=()),
        key(params={"seed": 1}),
        key(params={"seed": 1.0}),
        key(params={"seed": "1"}),
        key(tools=tools("a", "b")),
        key(tools=tools("b", "a")),
    ]

    assert len(set(keys)) == len(keys)
    assert all(len(one) == 64 for one in keys)


def test_key_does_not_depend_on_the_order_of_parameters() -> None:
    """Moving a parameter from the case to the file's defaults costs nothing."""
    one = CompletionRequest(messages=(), params={"seed": 1, "temperature": 0})
    two = CompletionRequest(messages=(), params={"temperature": 0, "seed": 1})

    assert completion_key(one, {"a": 1, "b": 2}, 0) == completion_key(two, {"b": 2, "a": 1}, 0)


# --- good days --------------------------------------------------------------------------


def test_what_is_put_is_found_by_the_next_process(cache: CompletionCache) -> None:
    """Everything survives, odd characters included; nothing else is found."""
    assert cache.get(KEY) == ANSWER
    assert KEY in cache
    assert cache.get(OTHER) is None
    assert OTHER not in cache


def test_large_answers(cache: CompletionCache, folder: Path) -> None:
    """What diskcache keeps in a file of its own is found, and replaced, all the same."""
    for letter in "ab":
        answer = Completion(text=letter * 1_000_000)
        cache.put(OTHER, answer, REQUEST)
        assert cache.get(OTHER) == answer

    assert len(list(folder.glob("??/??/*.val"))) == 1


def test_too_large_an_answer_is_kept_for_the_run_only(
    cache: CompletionCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not lost, and the cache goes on working."""
    monkeypatch.setattr(_cache, "MAX_VALUE", 10_000)
    with pytest.warns(QuantGuardWarning, match="larger than"):
        cache.put(OTHER, Completion(text="x" * 20_000), REQUEST)

    assert OTHER in cache
    assert OTHER not in CompletionCache(folder)


def test_folder_is_marked(folder: Path) -> None:
    """Neither git nor a backup takes the cache; the marks are made once."""
    assert (folder / ".gitignore").read_text() == "*\n"
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f0688")
    (folder / ".gitignore").write_text("mine")
    CompletionCache(folder).close()

    assert (folder / ".gitignore").read_text() == "mine"


def test_nothing_is_evicted(folder: Path) -> None:
    """diskcache's own limit of 1 GiB is switched off in the file, for every later user."""
    database = sqlite3.connect(folder / "cache.db")
    settings = dict(database.execute("SELECT key, value FROM Settings").fetchall())
    database.close()

    assert (settings["eviction_policy"], settings["cull_limit"]) == ("none", 0)


def test_threads(cache: CompletionCache) -> None:
    """Many threads write and read at once; each closes its own connection."""
    keys = [completion_key(REQUEST, {"model": str(i)}, 0) for i in range(60)]

    def work(mine: list[str]) -> None:
        for key in mine:
            cache.put(key, ANSWER, REQUEST)
            assert cache.get(key) == ANSWER
        cache.close()

    threads = [threading.Thread(target=work, args=(keys[i::6],)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(key in cache for key in keys)


# --- claims -----------------------------------------------------------------------------


def test_claim_is_exclusive_and_ends(cache: CompletionCache, folder: Path) -> None:
    """One holder at a time, also for a second cache on the folder; other keys are free."""
    twin = CompletionCache(folder)
    with (
        cache.claim(KEY) as first,
        cache.claim(KEY) as again,
        twin.claim(KEY) as other,
        cache.claim(OTHER) as free,
    ):
        assert [first, again, other, free] == [True, False, False, True]
    twin.close()
    del twin  # must not drop the locks of the other one
    with cache.claim(KEY) as first:
        assert first
        assert _claims_elsewhere(folder, KEY) is False
        assert _claims_elsewhere(folder, OTHER) is True
    assert _claims_elsewhere(folder, KEY) is True


def test_claim_ends_with_its_process(cache: CompletionCache, folder: Path) -> None:
    """A killed process leaves nothing that blocks."""
    code = (
        "import sys, time; from pytest_quantguard.cache.completions import CompletionCache\n"
        "with CompletionCache(sys.argv[1]).claim(sys.argv[2]) as mine:\n"
        "    print(mine, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder), KEY], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        with cache.claim(KEY) as mine:
            assert not mine
        process.kill()
    with cache.claim(KEY) as mine:
        assert mine


def _claims_elsewhere(folder: Path, key: str) -> bool:
    code = (
        "import sys; from pytest_quantguard.cache.completions import CompletionCache\n"
        "with CompletionCache(sys.argv[1]).claim(sys.argv[2]) as mine: print(mine)"
    )
    command = [sys.executable, "-c", code, str(folder), key]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout == "True\n"


# --- poison -----------------------------------------------------------------------------


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("place", ["value", "file", "key", "json"])
def test_pickles_are_not_opened(folder: Path, tmp_path: Path, place: str) -> None:
    """A pickle in a row, in a row's file, or as a key is a miss with a warning, and no code."""
    mark = tmp_path / "pwned"
    bomb = pickle.dumps(Bomb(mark))
    if place == "key":
        edit(folder, "UPDATE Cache SET key = ?, raw = 0", bomb)
    elif place == "file":
        name = "ab/cd/" + "0" * 28 + ".val"
        (folder / "ab" / "cd").mkdir(parents=True)
        (folder / name).write_bytes(bomb)
        edit(folder, "UPDATE Cache SET mode = 4, value = NULL, filename = ?", name)
    else:
        data = zlib.compress(bomb) if place == "json" else bomb
        edit(folder, "UPDATE Cache SET mode = 4, value = ?", data)
    cache = CompletionCache(folder)
    if place == "key":
        assert cache.get(KEY) is None
        with pytest.raises(ValueError, match="not text"):
            list(cache._shelf._store)
    else:
        with pytest.warns(QuantGuardWarning, match="is not used: it is not text"):
            assert cache.get(KEY) is None
    cache.put(KEY, ANSWER, REQUEST)
    assert cache.get(KEY) == ANSWER
    cache.close()

    assert not mark.exists()
    pickle.loads(bomb)
    assert mark.exists(), "the bomb must be a live one"


@pytest.mark.parametrize("value", [{"a": 1}, b"x", 3, None, ("a",)])
def test_only_text_is_written(cache: CompletionCache, value: Any) -> None:
    """Neither a key nor a value can become a pickle by mistake."""
    with pytest.raises(TypeError):
        cache._shelf._store.set(KEY, value)
    with pytest.raises(TypeError):
        cache._shelf._store.set(value, "text")


@pytest.mark.parametrize("name", ["../../secret", "{}", "ab/../secret", "fifo"])
def test_files_elsewhere_are_neither_read_nor_removed(
    folder: Path, tmp_path: Path, name: str
) -> None:
    """What a row says about files is believed only in the shape that we write."""
    secret = tmp_path / "secret"
    secret.write_text(stored(folder))
    if name == "fifo":
        name = "ab/cd/" + "0" * 28 + ".val"
        (folder / "ab" / "cd").mkdir(parents=True)
        os.mkfifo(folder / name)
    edit(folder, "UPDATE Cache SET mode = 3, value = NULL, filename = ?", name.format(secret))
    cache = CompletionCache(folder)
    with pytest.warns(QuantGuardWarning):
        assert cache.get(KEY) is None
    cache.put(KEY, ANSWER, REQUEST)
    cache.close()

    assert secret.exists()


def test_huge_values_are_not_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row, or its file, over the limit is a miss before it is in memory."""
    edit(folder, "UPDATE Cache SET value = ?", "x" * 200_000)
    monkeypatch.setattr(_shelf, "MAX_VALUE", 100_000)
    with pytest.warns(QuantGuardWarning, match="too big"):
        assert CompletionCache(folder).get(KEY) is None
    name = "ab/cd/" + "0" * 28 + ".val"
    (folder / "ab" / "cd").mkdir(parents=True)
    with (folder / name).open("wb") as file:
        file.truncate(1 << 40)
    edit(folder, "UPDATE Cache SET mode = 3, value = NULL, filename = ?", name)
    with pytest.warns(QuantGuardWarning, match="too large"):
        assert CompletionCache(folder).get(KEY) is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lone", "lane", "damaged"),
        ('"schema":1', '"schema":2', "schema version 2 instead of 1"),
        ('"schema":1', '"schema":x', "no entry"),
        ("lone", "lön\ue000", "no entry"),
    ],
)
def test_changed_entries_are_misses(folder: Path, old: str, new: str, words: str) -> None:
    """One changed letter, another schema version, and what is no entry at all."""
    edit(folder, "UPDATE Cache SET value = ?", stored(folder).replace(old, new, 1))
    cache = CompletionCache(folder)
    with pytest.warns(QuantGuardWarning, match=words):
        assert cache.get(KEY) is None
    cache.close()

    assert words in cache.notices[0]


@pytest.mark.parametrize(
    "change",
    [
        {"text": 3},
        {"tool_calls": [{"name": "f", "arguments_text": None}]},
        {"tool_calls": [{"name": "f"}]},
        {"usage": {"prompt_tokens": "3"}},
        {"usage": None},
        {"latency_s": float("nan")},
        {"ttft_s": "1"},
        {"served_as": 3},
        {"surplus": 1},
    ],
)
def test_entries_with_a_good_hash_and_wrong_types_are_misses(
    folder: Path, change: dict[str, Any]
) -> None:
    """A hash can be recomputed by anyone; checks never meet a wrong type."""
    data = json.loads(stored(folder))["entry"]
    entry = _cache._dump({**data, "completion": {**data["completion"], **change}})
    text = f'{{"schema":1,"sha256":"{_cache._sha256(entry)}","entry":{entry}}}'
    edit(folder, "UPDATE Cache SET value = ?", text)
    cache = CompletionCache(folder)
    with pytest.warns(QuantGuardWarning, match="is not used"):
        assert cache.get(KEY) is None
    cache.close()


def test_entry_under_another_key_is_a_miss(folder: Path) -> None:
    """Nobody is given another model's answer by swapping rows."""
    edit(folder, "UPDATE Cache SET key = ?", OTHER)
    cache = CompletionCache(folder)
    with pytest.warns(QuantGuardWarning, match="belongs to another request"):
        assert cache.get(OTHER) is None
    cache.close()


@pytest.mark.parametrize("setting", ["disk_evil", "get", "hash", b"x"])
def test_foreign_settings_run_nothing(folder: Path, setting: Any) -> None:
    """Settings become attributes of diskcache's objects: with foreign ones we only read."""
    edit(folder, "INSERT OR REPLACE INTO Settings VALUES (?, ?)", setting, "os.system")
    cache = CompletionCache(folder)
    assert cache.get(KEY) == ANSWER
    with pytest.warns(QuantGuardWarning, match="cannot write"):
        cache.put(OTHER, ANSWER, REQUEST)
    assert cache.get(OTHER) == ANSWER
    cache.close()

    assert OTHER not in CompletionCache(folder)


def test_no_database_at_all(tmp_path: Path) -> None:
    """A file of something else is left alone; answers are kept for the run, one warning."""
    (tmp_path / "cache.db").write_bytes(b"no database" * 1000)
    with pytest.warns(QuantGuardWarning, match="delete the folder if it is damaged") as warned:
        cache = CompletionCache(tmp_path)
    with pytest.warns(QuantGuardWarning, match="kept for this run"):
        cache.put(KEY, ANSWER, REQUEST)
    cache.put(OTHER, ANSWER, REQUEST)
    cache.close()

    assert len(warned) == 1
    assert cache.get(KEY) == cache.get(OTHER) == ANSWER


# --- bad disks --------------------------------------------------------------------------


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the way: the run goes on from memory; claims are given without a lock."""
    (tmp_path / "file").touch()
    with pytest.warns(QuantGuardWarning, match="cannot open the cache"):
        cache = CompletionCache(tmp_path / "file" / "cache")
    with pytest.warns(QuantGuardWarning, match="cannot write"):
        cache.put(KEY, ANSWER, REQUEST)
    with cache.claim(KEY) as mine:
        assert mine
    cache.close()

    assert cache.get(KEY) == ANSWER


FULL_DISK = """
import resource, sys, warnings
from pytest_quantguard.cache.completions import CompletionCache, completion_key
from pytest_quantguard.types import Completion, CompletionRequest
cache = CompletionCache(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
request = CompletionRequest(messages=())
keys = [completion_key(request, {}, number) for number in range(100)]
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    for number, key in enumerate(keys):
        cache.put(key, Completion(text=f"{number}" + "x" * 20_000), request)
assert [c.text[:2] for key in keys if (c := cache.get(key))] == [f"{n}x"[:2] for n in range(100)]
cache.close()
print(len([one for one in warned if "cannot write to the cache" in str(one.message)]))
print(sum(key in CompletionCache(sys.argv[1]) for key in keys))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_full_disk(tmp_path: Path) -> None:
    """What fits is stored, the rest is kept in memory, one warning; nothing is damaged."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    warned, kept = map(int, done.stdout.split())
    assert warned == 1
    assert 0 < kept < 100


READ_ONLY = """
import os, sys, urllib.parse, warnings
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.types import Completion, CompletionRequest
if os.geteuid() == 0:  # permissions mean nothing to root; it may read more modules, though
    os.seteuid(65534)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    cache = CompletionCache(sys.argv[1])
    found = cache.get(sys.argv[2])
    for _ in range(2):
        cache.put("0" * 64, Completion(text="new"), CompletionRequest(messages=()))
    with cache.claim(sys.argv[2]) as mine:
        print(found.finish_reason, cache.get("0" * 64).text, mine, len(warned))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_read_only_folder() -> None:
    """A mounted baseline can be read; what is new is kept for the run, one warning."""
    top = Path(tempfile.mkdtemp())
    folder = top / "cache"
    try:
        cache = CompletionCache(folder)
        cache.put(KEY, ANSWER, REQUEST)
        cache.close()
        top.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        command = [sys.executable, "-c", READ_ONLY, str(folder), KEY]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "tool_calls new True 1\n"
    finally:
        folder.chmod(0o755)
        shutil.rmtree(top)


def test_warnings_as_errors_cost_no_answer(folder: Path) -> None:
    """Where warnings are errors, as in this suite, a worker thread goes on all the same."""
    edit(folder, "UPDATE Cache SET value = 'x'")
    cache = CompletionCache(folder)

    assert cache.get(KEY) is None
    assert len(cache.notices) == 1
    cache.close()
