"""``quantguard watch``: what it answers, what it keeps, and that it never fails open."""

from __future__ import annotations

import errno
import json
import os
import random
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from watched_endpoint import KEY, WatchProject

from hostile_texts import hostile
from pytest_quantguard.cli import main
from pytest_quantguard.commands import _watch_gate as gate_of_a_look
from pytest_quantguard.documents.document import Document, problems
from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.watch import levels
from pytest_quantguard.watch import store as stores
from pytest_quantguard.watch.plain import look_to, to_text
from pytest_quantguard.watch.store import Store
from scripted_server import answers, resets

PRINT = ("--no-golden",)


@pytest.fixture
def answer(capsys):
    """Return what makes one look: exit code, the answer as JSON, and what was said beside it."""

    def look(project, *options):
        capsys.readouterr()
        code = project.watch("--json", *options)
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else {}, " ".join(err.split())

    return look


def changed(found):
    """Return the kinds of evidence that show a change."""
    return {one["kind"] for one in found["findings"] if one["changed"] and one["decides"]}


# --- answers ------------------------------------------------------------------------------


def test_a_quiet_night_is_0_and_asks_the_pin_for_nothing(blessed, answer):
    """Blessed, then looked at: unchanged; golden cases are asked once, and the pin's never."""
    before = blessed.server.requests

    code, found, err = answer(blessed)

    assert "Asking api: 16 probes, 40 golden cases (40 requests): at most 56 requests" in err
    assert (code, found["answer"]) == (0, "unchanged")
    assert blessed.server.requests - before == 16 + 40 == found["look"]["requests"]
    assert found["gate"]["cases"] == 40
    assert problems(Document("watch.json", found), "watch.schema.json") == []


def test_quality_that_went_down_overnight_is_1(blessed, answer):
    """A third of the answers is wrong, and the fingerprint moved: worse, with the cases to read."""
    blessed.endpoint.wrong, blessed.endpoint.shift = 3, 1.0

    code, found, _ = answer(blessed)

    assert (code, found["answer"], found["gate"]["verdict"]) == (1, "worse", "fail")
    assert (blessed.folder / "quant-report/watch/api/report.json").is_file()


def test_what_confirms_a_critical_case_is_asked_on_the_pinned_day(watched, answer):
    """Three runs of each arm are compared: those of the pin cannot be made later."""
    watched.golden(4, critical=True)
    watched.bless("--looks", "4")
    watched.endpoint.wrong = 2

    code, found, _ = answer(watched)

    golden = [one for one in watched.endpoint.asked if "logprobs" not in one]
    assert len(golden) == 4 * 3 + 4 + 2 * 2  # the pin with two more runs each; today; what was lost
    assert (code, found["gate"]["verdict"]) == (10, "fail")


@pytest.mark.parametrize(
    ("what", "value", "kind"),
    [("prompt_tokens", 25, "tokenizer"), ("words", 3, "lengths")],
)
def test_a_change_that_the_golden_set_survives_is_11(blessed, answer, what, value, kind):
    """Other prompt tokens or lengths: named, and the golden cases are judged all the same."""
    setattr(blessed.endpoint, what, value)

    code, found, _ = answer(blessed)

    assert (code, found["answer"]) == (11, "changed")
    assert kind in changed(found)
    assert found["gate"]["verdict"] in ("pass", "inconclusive")
    assert found["gate"]["mishaps"] == 0


@pytest.mark.parametrize(
    ("what", "value", "kind"),
    [
        ("shift", 1.0, "logprobs"),
        ("fingerprint", "fp_two", "identity"),
        ("model", "my-model-mini", "identity"),
    ],
)
def test_a_fingerprint_alone_shows_a_change(blessed, answer, what, value, kind):
    """Log-probs, fingerprint or name: with 16 requests of one token."""
    setattr(blessed.endpoint, what, value)

    code, found, _ = answer(blessed, *PRINT)

    assert (code, found["look"]["requests"]) == (11, 16)
    assert kind in changed(found)


def test_an_api_without_logprobs_is_watched_by_what_it_answers(watched, answer):
    """88 requests in place of 16; the same answers are unchanged."""
    watched.endpoint.logprobs = False
    watched.bless(*PRINT, "--looks", "4")

    code, found, _ = answer(watched, *PRINT)

    assert (code, found["look"]["requests"], found["provenance"]["mode"]) == (0, 88, "sampled")
    assert found["gate"] is None


def test_looks_that_are_apart_ask_the_golden_cases_each_time(watched, capsys, monkeypatch):
    """--every: speed and quality of several times are known; announced, and within the limits."""
    waits = []
    clock = SimpleNamespace(sleep=waits.append)  # of this command alone: servers sleep, too
    monkeypatch.setattr("pytest_quantguard.commands.watch.time", clock)
    watched.golden(4)

    refused = watched.watch(
        "--bless", "x", "--looks", "3", "--every", "2h", "--max-requests", "270"
    )
    watched.bless("--looks", "3", "--every", "2h")

    told = capsys.readouterr()
    assert (refused, waits) == (4, [7200.0, 7200.0])
    assert "all looks may need 277 requests, and 270 may be made" in " ".join(told.err.split())
    assert "4 golden cases (3 x 4 requests): at most 277 requests" in told.out
    assert "Pinned: 3 looks at api, with 4 golden cases" in told.out
    looks = Store(watched.folder / ".quantguard/watch", "api").kept().looks
    assert [len(look.behaviour.speeds) for look in looks] == [4, 4, 4]


def test_an_address_needs_no_configuration(watched, capsys):
    """--model is enough; the key is in no file and no text, even where the server sends it back."""
    watched.endpoint.fingerprint = f"fp {KEY}"
    watched.endpoint.model = KEY
    (watched.folder / "quantguard.yaml").unlink()
    os.environ["WATCH_KEY"] = KEY
    try:
        words = ["watch", watched.server.url, "--model", "m", "--api-key-env", "WATCH_KEY"]
        codes = [
            main([*words, *PRINT, "--bless", f"go {KEY}", "--looks", "4"]),
            main([*words, *PRINT]),
        ]
    finally:
        del os.environ["WATCH_KEY"]

    assert codes == [0, 0]
    assert watched.server.headers[-1]["Authorization"] == f"Bearer {KEY}"
    files = [path for path in watched.folder.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in files)
    assert KEY not in "".join(capsys.readouterr())


def test_quality_down_and_speed_up_is_named_after_a_plain_bless(blessed, answer, monkeypatch):
    """Faster and worse: the golden answers of one pinned look are enough to say so."""
    measured = gate_of_a_look._speed
    monkeypatch.setattr(gate_of_a_look, "_speed", lambda arm: 1e6 * (measured(arm) > 0))
    blessed.endpoint.wrong, blessed.endpoint.shift = 3, 1.0

    code, found, _ = answer(blessed)

    assert code == 1
    assert found["signature"].startswith("quality down and speed up: what a cheaper precision")
    speeds = [one for one in found["findings"] if one["kind"] == "speed" and one["able"]]
    assert "40 of them faster; 1 look of the pin" in speeds[-1]["sentence"]
    assert not any(one["decides"] for one in speeds)


def test_the_answer_comes_first(blessed, capsys, monkeypatch):
    """Who is woken up reads three lines: whose look it is, the answer, and why."""
    monkeypatch.setattr(gate_of_a_look, "_speed", lambda arm: 0.0)  # of this busy machine
    monkeypatch.setattr(levels, "_WRITING", replace(levels._WRITING, values=lambda look: []))
    blessed.endpoint.wrong, blessed.endpoint.shift = 3, 1.0
    capsys.readouterr()
    blessed.watch()

    lines = capsys.readouterr().out.splitlines()
    title = next(k for k, line in enumerate(lines) if "quantguard: watch of api" in line)
    assert lines[title + 1] == "CHANGED FOR THE WORSE  api"
    assert "the golden set's gate fails against the pin" in " ".join(lines[title + 2 : title + 4])


def test_a_list_that_became_short_hides_no_change(blessed, answer):
    """Five log-probs instead of twenty: changed, however near they are."""
    blessed.endpoint.top = 5

    code, found, _ = answer(blessed, *PRINT)

    assert (code, changed(found)) == (11, {"identity"})
    assert "log-probs in a list is '5'" in found["reasons"][0]


def test_more_looks_a_year_take_more_evidence_each(blessed, answer):
    """--looks-a-year: the year's 1 % is spent over so many."""
    limits = []
    for options in ((), ("--looks-a-year", "8760")):
        found = answer(blessed, *PRINT, *options)[1]["findings"]
        limits.append(next(one["limit"] for one in found if one["kind"] == "logprobs"))

    assert limits[0] / limits[1] == pytest.approx(8760 / 365)


def test_the_second_night_of_a_change_says_that_it_is_not_new(blessed, answer):
    """What the first night said is in its file; the third adds a change of its own."""
    blessed.endpoint.shift = 1.0
    _, first, _ = answer(blessed, *PRINT)
    _, second, _ = answer(blessed, *PRINT, "--markdown=o.md", "--junit=o.xml")
    blessed.endpoint.fingerprint = "fp_two"
    _, third, _ = answer(blessed, *PRINT)

    began = first["look"]["id"]
    assert [one["since"] for one in (first, second, third)] == [began] * 3
    assert [one["new"] for one in (first, second, third)] == [True, False, True]
    said = f"nothing new: as in the look before it, first seen in the look {began}"
    assert second["reasons"][0].startswith(said)
    assert third["reasons"][0].startswith("NEW in this look")
    for name in ("o.md", "o.xml"):
        text = (blessed.folder / name).read_text("utf-8").replace("\\", "")
        assert "nothing new: as in the look before it" in text
    assert problems(Document("watch.json", third), "watch.schema.json") == []


def test_what_a_look_took_is_what_the_server_answered(watched, answer, monkeypatch):
    """Tokens of answers that were asked again to confirm a loss count, too; blessing says it."""
    watched.golden(4, critical=True)
    watched.config(price={"input": 1.0, "output": 2.0})
    seen = []
    text = watched.endpoint._text
    monkeypatch.setattr(watched.endpoint, "_text", lambda body: seen.append(body) or text(body))
    _, pin, _ = answer(watched, "--bless", "x", "--looks", "2")
    tokens = [5 + 1 + len(text(body).split()) for body in seen]

    assert (pin["spent"]["requests"], pin["spent"]["tokens"]) == (len(tokens), sum(tokens))
    seen.clear()
    watched.endpoint.wrong = 2
    _, found, _ = answer(watched)

    written = [1 + len(text(body).split()) for body in seen]
    assert len(seen) == 16 + 4 + 2 * 2 == found["look"]["requests"]
    assert found["look"]["tokens"] == 5 * len(seen) + sum(written)
    cost = (5 * len(seen) + 2 * sum(written)) / 1e6
    assert found["provenance"]["cost"] == pytest.approx(cost)


def test_a_golden_run_that_broke_off_counts_what_it_sent(watched, answer):
    """A plugin of the project breaks pytest after golden cases were asked: those are counted."""
    watched.bless("--looks", "4")
    (watched.folder / "conftest.py").write_text(
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'call':\n"
        "        raise RuntimeError('broken')\n",
        encoding="utf-8",
    )
    before = watched.server.requests

    code, found, _ = answer(watched)

    assert code == 10
    assert "the golden set could not be run" in found["reasons"][0]
    # One that was cut off may have been on its way and not have come to the server.
    assert found["look"]["requests"] >= watched.server.requests - before > 16


def test_who_interrupts_the_golden_cases_stops_the_look(blessed, capsys):
    """2, as of every command: no probe is asked, no look is kept, and the next look is as usual."""
    looks = set((blessed.kept / "looks").iterdir())
    conftest = blessed.folder / "conftest.py"
    conftest.write_text(
        "def pytest_runtest_call(item):\n    raise KeyboardInterrupt\n", encoding="utf-8"
    )
    blessed.endpoint.asked.clear()

    assert blessed.watch() == 2
    assert not any(body.get("logprobs") for body in blessed.endpoint.asked)
    assert set((blessed.kept / "looks").iterdir()) == looks
    conftest.unlink()
    assert blessed.watch() == 0
    assert "UNCHANGED" in capsys.readouterr().out


def test_texts_that_could_show_nothing_are_no_evidence(watched, answer):
    """Four looks of one minute: not even other texts throughout would be beyond the limit."""
    watched.endpoint.logprobs = False
    watched.bless(*PRINT, "--looks", "4")

    _, found, _ = answer(watched, *PRINT)

    greedy = next(one for one in found["findings"] if one["quantity"] == "greedy")
    assert (greedy["able"], greedy["changed"]) == (False, False)
    assert "bless on several days" in greedy["sentence"]


# --- nothing to go by ---------------------------------------------------------------------


def test_without_a_pin_nothing_can_be_said(watched, answer):
    """The look is kept, for --newest; the answer is unclear."""
    code, found, _ = answer(watched, *PRINT)

    assert (code, found["answer"], found["pin"]) == (10, "unclear", None)
    assert len(Store(watched.folder / ".quantguard/watch", "api").kept().looks) == 1


def test_without_a_pin_golden_answers_pass_nothing(watched, answer):
    """Today's answers against themselves are no evidence: no finding, no verdict of the gate."""
    code, found, _ = answer(watched)

    assert (code, found["gate"]) == (10, None)
    assert not [one for one in found["findings"] if one["kind"] == "behaviour"]
    assert len(found["look"]["behaviour"]["values"]) == 40


def test_an_outage_is_no_loss_of_the_week(blessed, answer):
    """No answer after two quiet nights: nobody can tell, and no case counts as lost."""
    for _ in range(2):
        assert answer(blessed)[0] == 0
    blessed.endpoint.reply = resets()

    code, found, _ = answer(blessed)

    assert (code, found["answer"]) == (10, "unclear")
    assert found["look"]["behaviour"]["values"] == {}
    assert not changed(found)


def test_an_outage_is_told_in_a_few_lines(blessed, capsys, monkeypatch):
    """What a silent server did not say is one line, and the gate's report is named."""
    monkeypatch.setenv("COLUMNS", "80")
    blessed.endpoint.reply = resets()
    capsys.readouterr()

    assert blessed.watch() == 10

    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "retries not counted" in shown
    assert shown.count("did not say") == 1
    assert "Case by case: quant-report/watch/api\n" in shown
    assert (blessed.folder / "quant-report/watch/api/report.json").is_file()


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (answers(401, '{"error": {"message": "no such key"}}'), "401"),
        (answers(429, "{}", Retry_After="0"), "429"),
        (resets(), "16 of 16 probes have no answer"),
    ],
    ids=["401", "429", "reset"],
)
def test_a_silent_endpoint_is_unclear_and_leaves_no_look(blessed, answer, reply, sentence):
    """Refused, busy for all, or gone: the reason is named, and nothing is kept as a look."""
    before = len(list((blessed.kept / "looks").iterdir()))
    blessed.endpoint.reply = reply

    code, found, _ = answer(blessed, *PRINT)

    assert (code, found["answer"]) == (10, "unclear")
    assert sentence in found["reasons"][0]
    assert len(list((blessed.kept / "looks").iterdir())) == before


def test_half_of_the_probes_are_not_enough(blessed, answer):
    """Every second request is refused: unclear, and said so."""
    refuse, turn, good = answers(400, "{}"), iter(range(10**6)), type(blessed.endpoint)()

    def reply(exchange):
        (refuse if next(turn) % 2 else good)(exchange)

    blessed.endpoint.reply = reply

    code, found, _ = answer(blessed, *PRINT)

    assert code == 10
    assert "of 16 probes have no answer (more than 20%)" in found["reasons"][0]


def test_golden_cases_that_changed_since_the_pin_are_not_asked(blessed, answer):
    """Another golden set has no reference: bless again; only the probes were paid for."""
    blessed.golden(41)

    code, found, _ = answer(blessed)

    assert (code, found["look"]["requests"]) == (10, 16)
    assert "have changed since the pin" in found["reasons"][0]


def test_a_golden_set_that_is_gone_is_noticed(blessed, answer):
    """A pin with golden answers, and no case now: unclear, unless that is on purpose."""
    (blessed.folder / "golden/faq.quant.yaml").unlink()

    assert answer(blessed)[0] == 10
    assert answer(blessed, *PRINT)[0] == 0


def test_golden_answers_that_were_not_carried_along_are_missed(blessed, answer):
    """The folder of looks alone is no reference for behaviour."""
    stores.shutil.rmtree(blessed.kept / "answers")

    code, found, _ = answer(blessed)

    assert code == 10
    assert "are missing" in found["reasons"][0]


def test_another_model_in_the_configuration_is_not_an_overnight_change(blessed, answer):
    """The user asked for something else: unclear, bless again."""
    blessed.config(model="another-model")

    code, found, _ = answer(blessed)

    assert (code, found["answer"]) == (10, "unclear")
    assert found["gate"] is None


def test_a_clock_that_jumped_back_is_said(blessed, answer, monkeypatch):
    """A look before the newest one cannot be put into the series."""
    past = time.time() - 86400
    monkeypatch.setattr("pytest_quantguard.commands._watch_look.time.time", lambda: past)

    code, found, _ = answer(blessed, *PRINT)

    assert code == 10
    assert "the clock of this machine is behind the newest look" in found["reasons"][0]


@pytest.mark.parametrize(
    ("spoil", "options", "sentence"),
    [
        ({"logprobs": False, "always": ""}, PRINT, "all 32 probes alike, by an empty text"),
        ({"logprobs": False, "always": "busy"}, PRINT, "all 32 probes alike, by 'busy'"),
        ({"always": ""}, (), "every answer of the baseline is empty"),
        ({"always": "busy"}, (), "not one golden answer passes a check"),
    ],
    ids=["empty", "canned", "golden empty", "golden canned"],
)
def test_a_broken_endpoint_is_not_pinned(watched, capsys, spoil, options, sentence):
    """It answers, and nothing could ever be noticed against such answers."""
    vars(watched.endpoint).update(spoil)

    assert watched.watch("--bless", "x", "--looks", "2", *options) == 10
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (watched.kept / "pin.json").exists()


@pytest.mark.parametrize("how", [("--looks", "1"), ("--newest", "1")])
def test_a_worse_day_may_be_blessed_and_is_said_loudly(blessed, capsys, how):
    """With a reason: from then on it counts as good, and nobody says that it is."""
    blessed.endpoint.wrong, blessed.endpoint.shift = 2, 1.0
    blessed.watch()
    capsys.readouterr()

    assert blessed.watch("--bless", "we live with it", *how) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "WORSE THAN THE PIN BEFORE: golden answers were right to 100.0% and are to 50.0%" in said


def test_the_folder_is_all_that_a_fresh_checkout_needs(blessed, watched, answer, monkeypatch):
    """As a cache of CI restores it: elsewhere, and with nothing else of the first machine."""
    fresh = blessed.folder / "fresh"
    fresh.mkdir()
    (blessed.folder / ".quantguard").rename(fresh / ".quantguard")
    monkeypatch.chdir(fresh)
    project = WatchProject(fresh, blessed.server, blessed.endpoint)

    code, found, _ = answer(project)

    assert (code, found["answer"], found["gate"]["verdict"]) == (0, "unchanged", "pass")


# --- files --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"", b"{", b'{"kind": "pin"}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_pin_is_unclear_and_never_0(blessed, answer, text):
    """It is named; it is not overwritten, and nothing is compared."""
    (blessed.kept / "pin.json").write_bytes(text)

    code, found, _ = answer(blessed, *PRINT)

    assert code == 10
    assert "the pin cannot be read" in found["reasons"][0]
    assert (blessed.kept / "pin.json").read_bytes() == text


def test_a_damaged_look_is_named_and_left_out(blessed, capsys):
    """One that is no part of the pin changes nothing; one of the pin makes it unclear."""
    pinned = set((blessed.kept / "looks").iterdir())
    assert blessed.watch(*PRINT) == 0
    (newest,) = set((blessed.kept / "looks").iterdir()) - pinned
    newest.write_text("{}", encoding="ascii")
    capsys.readouterr()

    assert blessed.watch(*PRINT) == 0
    assert f"a look is left out: {newest.name}" in " ".join(capsys.readouterr().out.split())
    for path in (blessed.kept / "looks").iterdir():
        path.write_text("{}", encoding="ascii")
    assert blessed.watch(*PRINT) == 10


def test_ids_of_one_second_sort_as_they_were_made(blessed, monkeypatch):
    """Eleven looks in one second; ids of older versions count as taken, and stay readable."""
    now = time.time() + 5
    monkeypatch.setattr("pytest_quantguard.commands._watch_look.time.time", lambda: now)
    assert blessed.watch(*PRINT) == 0
    base = Store(blessed.folder / ".quantguard/watch", "api").kept().looks[-1]
    older = replace(base, id=f"{base.id}.2")
    path = blessed.kept / "looks" / f"{older.id}.json"
    path.write_bytes(to_text(look_to(older)))
    (blessed.kept / "answers" / f"{base.id}.001").mkdir()  # of a look that was cut off

    kept = Store(blessed.folder / ".quantguard/watch", "api").kept()
    ids = [stores.new_id(now, kept.ids)]
    for _ in range(1000):
        ids.append(stores.new_id(now, {*kept.ids, *ids}))

    assert kept.problems == ()
    assert older.id in kept.ids
    assert ids[0] == f"{base.id}.002"
    assert ids == sorted(ids)
    assert all(stores.IDS.fullmatch(one) for one in ids)


def test_a_look_that_came_meanwhile_is_not_overwritten(blessed):
    """Another machine may have put it there: said, and left as it is."""
    store = Store(blessed.folder / ".quantguard/watch", "api")
    look = store.kept().looks[-1]
    path = blessed.kept / "looks" / f"{look.id}.json"
    before = path.read_bytes()

    with pytest.raises(QuantGuardError, match="is not overwritten"):
        store.add(replace(look, requests=7))
    assert path.read_bytes() == before


def test_a_look_of_the_same_second_leaves_a_damaged_one_as_it_is(blessed, monkeypatch):
    """Whoever wants to know what happened to a file still has it: ids are those of files, too."""
    now = time.time() + 5
    pinned = set((blessed.kept / "looks").iterdir())
    monkeypatch.setattr("pytest_quantguard.commands._watch_look.time.time", lambda: now)
    assert blessed.watch(*PRINT) == 0
    (first,) = set((blessed.kept / "looks").iterdir()) - pinned
    first.write_text("{}", encoding="ascii")

    assert blessed.watch(*PRINT) == 0
    (second,) = set((blessed.kept / "looks").iterdir()) - pinned - {first}
    assert (first.read_text("ascii"), second.stem) == ("{}", f"{first.stem}.001")


@pytest.mark.parametrize(("wrong", "code"), [(0, 10), (2, 1)])
def test_a_full_disk_takes_nothing_from_the_answer(blessed, answer, monkeypatch, wrong, code):
    """What was found is said all the same; a quiet look that is not kept is no quiet night."""
    blessed.endpoint.wrong, blessed.endpoint.shift = wrong, float(wrong)

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(stores, "write_whole", full)
    got, found, err = answer(blessed)

    assert got == found["exit_code"] == code
    assert any("this look is not kept" in reason for reason in found["reasons"])
    assert "No space left on device" in err


class Output:
    """A standard output that takes nothing, and is no file."""

    encoding = "utf-8"

    def __init__(self, number):
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))

    def flush(self):
        """Never reached with anything to write."""

    def fileno(self):
        raise OSError(errno.EBADF, "no file")

    def isatty(self):
        return False


@pytest.mark.parametrize(
    ("number", "wrong", "code"),
    [
        (errno.ENOSPC, 0, 10),
        (errno.ENOSPC, 3, 1),
        (errno.EPIPE, 0, 0),
        (errno.EPIPE, 3, 1),
    ],
    ids=["full", "full, worse", "nobody reads", "nobody reads, worse"],
)
def test_what_cannot_be_printed_is_no_answer_of_another_kind(
    blessed, capsys, monkeypatch, number, wrong, code
):
    """1 is worse and 0 is quiet: a full disk or `| head` makes neither of the other."""
    blessed.endpoint.wrong, blessed.endpoint.shift = wrong, float(wrong)
    monkeypatch.setattr("sys.stdout", Output(number))

    assert blessed.watch("--json=o.json", "--junit=o.xml") == code
    found = json.loads((blessed.folder / "o.json").read_text("ascii"))
    assert found["exit_code"] == (1 if wrong else 0)
    assert (blessed.folder / "o.xml").exists()
    told = "the standard output cannot be written: No space left on device"
    assert (told in " ".join(capsys.readouterr().err.split())) is (number == errno.ENOSPC)


def test_a_report_that_cannot_be_written_takes_nothing_from_the_answer(blessed, capsys):
    """Worse stays worse, and the other reports are there."""
    blessed.endpoint.wrong, blessed.endpoint.shift = 3, 1.0
    (blessed.folder / "file").touch()

    assert blessed.watch("--json=file/o.json", "--junit=o.xml") == 1
    assert "file/o.json" in capsys.readouterr().err
    assert (blessed.folder / "o.xml").exists()


def test_what_other_plugins_warn_of_is_no_part_of_a_mail(blessed, capsys):
    """A mail of cron is what was asked for and the answer; mistakes are said all the same."""
    (blessed.folder / "conftest.py").write_text(
        "import sys\ndef pytest_configure(config):\n    sys.stderr.write('a warning\\n')\n",
        encoding="utf-8",
    )
    capsys.readouterr()

    assert blessed.watch() == 0
    out, err = capsys.readouterr()
    assert (out.startswith("Asking api: "), err) == (True, "")
    assert blessed.watch("-k", "nothing_of_the_kind") == 10
    assert "a warning" not in capsys.readouterr().err
    assert blessed.watch("-k", "(") == 4
    assert capsys.readouterr().err


@pytest.mark.parametrize("what", ["raise ValueError('no disk')", "import sys; sys.exit(1)"])
@pytest.mark.parametrize(
    "hook", ["configure(config)", "collection_modifyitems()", "sessionfinish()", "unconfigure()"]
)
def test_a_broken_hook_is_no_alarm(blessed, answer, hook, what):
    """Its exit code would say that the endpoint got worse; the reason is one sentence."""
    (blessed.folder / "conftest.py").write_text(f"def pytest_{hook}:\n    {what}\n")
    code, found, said = answer(blessed)

    assert (code, found["answer"]) == (10, "unclear")
    told = "ValueError: no disk" if "ValueError" in what else "SystemExit: 1"
    assert f"pytest broke: {told}" in json.dumps(found)
    assert told in said


def test_two_at_once_do_not_mix(blessed, answer):
    """The second one says who is there, and asks nothing."""
    store, before = Store(blessed.folder / ".quantguard/watch", "api"), blessed.server.requests
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with store.mine():
            entered.set()
            leave.wait(120)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(60)
    try:
        code, _, err = answer(blessed, *PRINT)
    finally:
        leave.set()
        thread.join()

    assert code == 10
    assert "another 'quantguard watch' is looking at api right now" in err
    assert blessed.server.requests == before


def test_a_look_that_was_cut_off_leaves_nothing_behind(blessed, monkeypatch):
    """Killed in the middle: no look, no answer file, and the next call starts afresh."""
    (blessed.folder / "old.json").write_text("{}", encoding="ascii")
    before = sorted((blessed.kept / "looks").iterdir())

    def cut(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_quantguard.watch.asking.Prober.look", cut)
    code = blessed.watch("--json=old.json")
    monkeypatch.undo()
    monkeypatch.chdir(blessed.folder)

    assert code == 2
    assert not (blessed.folder / "old.json").exists()
    assert sorted((blessed.kept / "looks").iterdir()) == before
    assert blessed.watch() == 0
    assert len(list((blessed.kept / "answers").iterdir())) == 2  # the pin's, and the newest


def test_a_series_is_shown_with_its_drift(blessed, capsys):
    """Each look with its mark; a look of another day shows how far off it is."""
    blessed.endpoint.shift = 1.0
    assert blessed.watch(*PRINT) == 11
    capsys.readouterr()

    assert blessed.watch("--show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert blessed.watch("--show", "--json") == 0
    series = json.loads(capsys.readouterr().out)

    assert lines[0].startswith("The pin of ")
    assert sum(line.endswith("  pin  golden set 100.0%") for line in lines) == 1
    assert sum(line.endswith("  pin") for line in lines) == 7
    assert "log-probs: CHANGED" in " ".join(lines)
    assert [look["pinned"] for look in series["looks"]] == [True] * 8 + [False]
    assert [look["answer"] for look in series["looks"]] == [None] * 8 + ["changed"]
    assert "  changed; log-probs" in lines[9]


def test_a_pin_of_an_older_version_is_read_and_what_to_do_is_said(watched, answer, capsys):
    """Its looks asked other probes and knew no `told`: unclear, shown, and mended by blessing."""
    watched.endpoint.logprobs = False
    watched.bless("--no-golden")
    for path in (watched.kept / "looks").iterdir():
        look = json.loads(path.read_text("ascii"))
        del look["told"]
        older = {**look, "probes": "sampled-0123456789abcdef"}
        path.write_text(json.dumps(older), encoding="ascii")

    code, found, _ = answer(watched, "--no-golden")
    assert (code, found["since"], found["new"]) == (10, "", False)
    assert "by another version of quantguard: bless again" in found["reasons"][0]
    capsys.readouterr()
    assert watched.watch("--show") == 0
    assert "left out" not in capsys.readouterr().out
    watched.bless("--no-golden")
    assert answer(watched, "--no-golden")[0] == 0


def test_the_newest_looks_can_be_blessed(blessed, answer, capsys):
    """After a change that is known: looks at it become the pin; what was before is left behind."""
    blessed.endpoint.shift = 1.0
    for _ in range(4):
        assert blessed.watch(*PRINT) == 11
    assert blessed.watch("--bless", "v2 was announced", "--newest", "4") == 0

    assert answer(blessed, *PRINT)[0] == 0
    assert blessed.watch("--show") == 0
    assert capsys.readouterr().out.count("  pin  changed against another pin\n") == 4
    (old,) = (blessed.kept / "pins").iterdir()
    assert json.loads(old.read_text("ascii"))["reason"] == "go-live"


# --- renderings ---------------------------------------------------------------------------


def test_every_rendering_says_the_same_and_nothing_of_the_server_is_live(blessed, capsys):
    """Names that a server chose are commands, markup and mentions: shown, and never obeyed."""
    blessed.endpoint.model = hostile(random.Random(7), 400)
    blessed.endpoint.fingerprint = "::error::x\n##[error]y\x1b[31m<b>@octocat</b>=cmd()"
    capsys.readouterr()

    code = blessed.watch(*PRINT, "--json=o.json", "--markdown=o.md", "--junit=o.xml")

    shown = capsys.readouterr().out
    page = (blessed.folder / "o.md").read_text("utf-8")
    junit = ElementTree.parse(blessed.folder / "o.xml").getroot()
    found = json.loads((blessed.folder / "o.json").read_bytes().decode("ascii"))
    assert (code, found["exit_code"]) == (11, 11)
    assert problems(Document("o.json", found), "watch.schema.json") == []
    first = next(case for case in junit.iter("testcase") if case.get("name") == "answer (api)")
    assert first.find("failure") is not None
    assert int(junit.get("failures", 0)) >= 3  # the answer, the name and the fingerprint
    for text in (shown, page):
        assert "\x1b" not in text
        assert not any(line.lstrip().startswith(("::", "##[")) for line in text.splitlines())
    assert "@octocat" not in page
    assert "<b>" not in page


def test_an_unclear_answer_is_an_error_in_junit(watched):
    """Without a pin: no failure, an error; nobody takes it for a pass."""
    assert watched.watch(*PRINT, "--junit=o.xml") == 10
    root = ElementTree.parse(watched.folder / "o.xml").getroot()

    assert (root.get("errors"), root.get("failures")) == ("1", "0")


# --- mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["apo"], "there is no variant 'apo'; did you mean 'api'?"),
        (["http://127.0.0.1:1/v1"], "needs --model"),
        (["http://user:pass-word@127.0.0.1:1/v1", "--model", "m"], "user name or password"),
        (["api", "--looks", "3"], "need --bless REASON"),
        (["api", "--bless", " "], "needs a reason"),
        (["api", "--bless", "x", "--newest", "2"], "0 looks are kept"),
        (["api", "--no-golden", "-k", "x"], "take --golden, -k and -m away"),
        (["api", "--max-requests", "10", "--no-golden"], "705 requests"),
        (["api", "--max-cost", "1", "--no-golden"], "has no price"),
        (["api", "--max-requests", "-1"], "no number above 0"),
        (["api", "--show"], "begin with --bless"),
        (["api", "--golden", "nowhere"], "--golden nowhere: there is no such file or folder"),
    ],
)
def test_a_mistake_asks_nothing_and_exits_4(watched, capsys, words, sentence):
    """What is wrong and what to do; no look is left."""
    if "10" in words:
        words = [*words, "--bless", "x"]
    before = watched.server.requests
    try:
        code = main(["watch", *words])
    except SystemExit as end:
        code = end.code

    err = " ".join(capsys.readouterr().err.split())
    assert code == 4
    assert sentence in err
    assert "pass-word" not in err
    assert watched.server.requests == before
    assert not (watched.kept / "looks").exists()


def test_a_price_bounds_what_a_look_may_cost(blessed, answer):
    """Announced before, told after, and refused where it could be more."""
    blessed.config(price={"input": 1.0, "output": 2.0})

    code, found, err = answer(blessed, *PRINT)
    refused, _, _ = answer(blessed, *PRINT, "--max-cost", "0.0000001")

    assert code == 0
    assert "cost at most" in err
    assert 0 < found["provenance"]["cost"] < 0.001
    assert refused == 4
