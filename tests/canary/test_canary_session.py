"""``pytest --quant-pairs``: what a user types and sees."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from mirrored_traffic import Traffic
from recorded_pairs import asked, litellm, pair, said

from gate_project import GateProject
from pytest_quantguard._config import load
from pytest_quantguard._registry import Registry, built_in_metrics
from pytest_quantguard.canary import progress, settings
from pytest_quantguard.canary.feedback import feedback_metrics
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.canary.kept import Arms
from pytest_quantguard.canary.progress import ReadingLine
from pytest_quantguard.canary.reading import Reader, named
from pytest_quantguard.canary.running import CanaryRun
from pytest_quantguard.canary.waiting import WaitingRoom
from pytest_quantguard.variants import Variant

JSON = {"response_format": {"type": "json_object"}}


def traffic(count, lost=0, **more):
    """Return pairs of which the last ``lost`` of every hundred regress."""
    return [
        pair(
            number,
            request=asked(f"Question {number}", **JSON),
            baseline=said("{}"),
            candidate=said("no JSON" if number % 100 >= 100 - lost else "{}", "help-desk-awq"),
            **more,
        )
        for number in range(count)
    ]


@pytest.fixture
def judged(canary):
    """Return a function that reads files as a run does, without pytest around it."""

    def judge(*names, sequential=False):
        path, root = canary.folder / "quantguard.yaml", canary.folder
        registry = Registry()
        metrics = {**built_in_metrics(), **feedback_metrics()}
        block = settings.load(path, root, registry)
        gate = load(path, root, candidates=[block.candidate], metrics=metrics, canary=True)
        reader = Reader(named(names, root, root), block)
        run = CanaryRun(gate, block, registry, metrics, reader, sequential=sequential)
        return run.read(), run

    return judge


class Project(GateProject):
    """A folder in which pytest is run, without servers."""

    def __init__(self, folder):
        self.folder = folder

    def pairs(self, *options, **env):
        """Run pytest on mirrored traffic."""
        return self.run(*options, candidate=None, **env)


@pytest.fixture
def pytest_on(canary):
    """Return a function that runs pytest beside the logs."""
    return Project(canary.folder).pairs


# --- runs of pytest ---------------------------------------------------------------------------


def test_a_run_that_passes(canary, pytest_on):
    """Verdicts are tests, reports are written, and nothing else is needed: no server, no case."""
    canary.write("mirror.jsonl", *traffic(300))
    run = pytest_on("--quant-pairs=mirror.jsonl", "-v")

    assert 0 == run.code, run.output
    assert "quantguard::awq-int4::all::all PASS" in run.output
    assert "baseline bf16, candidate awq-int4, mirrored traffic (quantguard.yaml)" in run.output
    assert {"awq-int4": "pass"} == run.verdicts
    told = run.report["provenance"]["canary"]
    assert (300, False, {}) == (told["pairs"], told["stopped_early"], told["lost"])


def test_a_run_that_fails_stops_early(canary, pytest_on):
    """A loss ends the reading with --quant-sequential; the report has both texts and no key."""
    key = "sk-live-0123456789abcdef"
    lines = traffic(2000, lost=30, labels={"authorization": f"Bearer {key}"})
    for line in lines:
        line["request"]["headers"] = {"Authorization": key}
    canary.write("mirror.jsonl", *lines)
    test = "def test_ordinary(): pass\n"
    (canary.folder / "test_it.py").write_text(test, encoding="utf-8")
    run = pytest_on("--quant-pairs=mirror.jsonl", "--quant-sequential", "--quant-junit=j.xml")

    assert 1 == run.code, run.output
    told = run.report["provenance"]["canary"]
    assert told["stopped_early"]
    assert told["pairs"] < 2000
    assert "no JSON" in (canary.folder / "quant-report" / "report.json").read_text("utf-8")
    assert "quantguard::awq-int4::all::all" in run.output
    files = [path for path in canary.folder.rglob("*") if path.is_file()]
    told_all = b"".join(p.read_bytes() for p in files if p.name != "mirror.jsonl")
    assert key.encode() not in told_all + run.output.encode()


def test_a_broken_log_gives_no_verdict(canary, pytest_on):
    """Over the share of max_errors it is an ERROR, whose sentence names the first lines."""
    canary.write("mirror.jsonl", *traffic(100), *["{broken \x1b[2J\n::error::x"] * 10)
    run = pytest_on("--quant-pairs=mirror.jsonl")

    assert 1 == run.code
    assert {"awq-int4": "error"} == run.verdicts
    assert "20 of 120 records (16.7 %) came to nothing; 1 % may" in " ".join(run.output.split())
    assert "mirror.jsonl:101" in run.output
    assert "\x1b[2J" not in run.output
    assert "\n::error" not in run.output


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--quant-null"], "--quant-null asks the baseline a second time: it makes no sense"),
        (["--quant-shard=1/2"], "--quant-shard is about golden cases"),
        (["--quant-pairs=gone.jsonl"], "--quant-pairs: gone.jsonl: no such file"),
        (["--quant-candidate=awq"], "the candidate 'awq' is no variant"),
    ],
)
def test_usage_errors(canary, pytester, monkeypatch, options, why):
    """One sentence, exit code 4, and no report of an earlier run."""
    canary.write("mirror.jsonl", *traffic(3))
    old = canary.folder / "quant-report" / "report.json"
    old.parent.mkdir()
    old.write_text("{}")
    monkeypatch.chdir(canary.folder)
    run = pytester.runpytest_inprocess(
        "--quant-pairs=mirror.jsonl", f"--rootdir={canary.folder}", *options
    )

    assert 4 == run.ret
    assert why in run.stderr.str()
    assert not old.exists()


def test_an_interrupted_run_has_no_verdict(canary, pytest_on):
    """A part of the evidence is no evidence: with -x a failed test ends it, and so does Ctrl-C."""
    canary.write("mirror.jsonl", *traffic(10))
    test = "def test_a(): raise KeyboardInterrupt\n"
    (canary.folder / "test_it.py").write_text(test, encoding="utf-8")
    run = pytest_on("--quant-pairs=mirror.jsonl")

    assert 2 == run.code
    assert "No verdict: the run was cut short" in run.output
    assert not (canary.folder / "quant-report" / "report.json").exists()


# --- without pytest around it -----------------------------------------------------------------


def test_other_prompt_tokens_make_no_delta(canary, judged):
    """What the gate calls NOT COMPARABLE is so here too."""
    usage = {"prompt_tokens": 99, "completion_tokens": 3}
    canary.write("m.jsonl", *(pair(n, candidate=said(usage=usage)) for n in range(50)))
    found, _ = judged("m.jsonl")

    assert "not comparable" == found.verdict
    assert any("10 tokens for the baseline and 99" in row.reason for row in found.budgets)


def test_one_model_on_both_sides(canary, judged):
    """Traffic that was mirrored to the same model shows nothing, however alike the answers are."""
    canary.write("m.jsonl", *(pair(n, candidate=said()) for n in range(50)))
    found, _ = judged("m.jsonl")

    assert "not comparable" == found.verdict
    assert any("signed by one model, help-desk-bf16" in row.reason for row in found.budgets)


@pytest.mark.parametrize("wrong", [50, 2, 1])
def test_answers_of_the_other_arm_are_no_answers_of_this_one(canary, judged, wrong):
    """A router that falls back hides what the candidate cannot do; swapped arms hide everything."""
    swapped = {"baseline": said(model="help-desk-awq"), "candidate": said(model="help-desk-bf16")}
    canary.write("m.jsonl", *(pair(n, **(swapped if n < wrong else {})) for n in range(100)))
    found, _ = judged("m.jsonl")

    why = f"{wrong} of 100 pairs have an answer that is signed by the other arm's model"
    if wrong == 1:  # as many as may be wrong (policies: max_errors)
        assert "pass" == found.verdict
        assert any(why in note for note in found.notes)
    else:
        assert "not comparable" == found.verdict
        assert any(why in row.reason for row in found.budgets)


def test_one_other_signature_does_not_hide_one_model(canary, judged):
    """Most answers of both arms by one model are no evidence either."""
    odd = {"candidate": said(model="something-else")}
    lines = (pair(n, **(odd if n < 40 else {"candidate": said()})) for n in range(100))
    canary.write("m.jsonl", *lines)
    found, _ = judged("m.jsonl")

    assert "not comparable" == found.verdict
    assert any("of 60 of 100 pairs are signed by one model" in r.reason for r in found.budgets)


def test_keys_of_strangers_reach_no_report(canary, judged):
    """Nobody here knows the keys in other people's traffic: what looks like one is left out."""
    key = "sk-live-0123456789abcdef"
    bearer = "Bearer abcdefghij0123456789"
    both = f"{key} {bearer}"
    canary.configure(budgets=[{"max_drop": "50 pt"}, {"tag": "*", "max_drop": "90 pt"}])
    calls = [{"name": f"pay {both}", "arguments": {"a": both}}]
    more = {"fingerprint": both, "usage": {}}
    awq = "help-desk-awq"
    answers = (
        said(f"no {both}", awq, **more),
        said("", awq, tool_calls=calls, **more),
        said("", awq, refusal=both, **more),
        {"error": both},
    )
    lines = [
        pair(
            number,
            id=f"{number} {both}",
            tags=[f"t {both}"],
            request=asked(f"{number}: {both}", **JSON),
            baseline=said("{}", fingerprint=both),
            candidate=answers[number % 4] if number < 8 else said("{}", awq),
        )
        for number in range(200)
    ]
    canary.write("m.jsonl", *lines, {key: 1}, f'{{"{key}": 1, "{key}": 2}}', {**pair(), "id": 7})
    found, run = judged("m.jsonl")

    texts = run.texts.texts()
    kept = [texts.completion(key) for o in found.outcomes for key in o.keys]
    requests = [texts.request(o.keys[0]) for o in found.outcomes]
    told = repr((found, run.remarks, run.told(), run.arms.fingerprints(), kept, requests))
    assert any(kept)
    assert any(requests)
    assert "[secret]" in told
    assert key not in told
    assert bearer not in told


def test_no_pair_is_an_error(canary, judged):
    """A log of other models: the sentence says what both arms are looked for by."""
    strange = {**litellm(6, "help-desk-awq"), "call_type": "aembedding"}
    canary.write("m.jsonl", *(litellm(n, "gpt-x") for n in range(5)), strange, strange)
    found, _ = judged("m.jsonl")

    assert "error" == found.verdict
    told = " ".join(row.reason for row in found.budgets)
    assert "there is no pair in m.jsonl" in told
    assert "the candidate is awq-int4 or help-desk-awq" in told
    assert "other records: it is a call of type 'aembedding', no chat completion (2)" in told


def test_a_few_lost_records_are_told(canary, judged):
    """Below the share they are remarks of a sound verdict."""
    canary.write("m.jsonl", *traffic(300), "{broken", pair(1))
    found, run = judged("m.jsonl")

    assert "pass" == found.verdict
    assert ["1 record that cannot be used", "1 record that stands twice"] == [
        text.partition(":")[0] for text in run.remarks
    ]


def test_budgets_of_mirrored_traffic(canary, judged):
    """The block's own budgets count, with cohorts of its rules and metrics of feedback."""
    path = canary.folder / "quantguard.yaml"
    text = path.read_text("utf-8").replace(
        "max_drop: 5 pt", "cohort: golden-only\n  max_drop: 2 pt"
    )
    block = {
        "cohorts": [{"cohort": "json", "response_format": "any"}],
        "budgets": [
            {"cohort": "json", "max_drop": "5 pt"},
            {"metric": "thumbs_down", "max_rise": "20 pt"},
        ],
    }
    path.write_text(f"{text}canary: {json.dumps(block)}\n", "utf-8")
    lines = traffic(300)
    for line in lines:
        line["baseline"]["feedback"] = line["candidate"]["feedback"] = {"thumbs": "up"}
    canary.write("m.jsonl", *lines)
    found, _ = judged("m.jsonl")

    assert "pass" == found.verdict
    assert {("json", "all"), ("all", "thumbs_down")} <= {row.group for row in found.budgets}


def test_a_fault_of_the_whole_log_is_no_evidence_for_anybody(canary, judged):
    """Both arms silent everywhere: an error, never a pass."""
    error = {"error": "500"}
    canary.write("m.jsonl", *(pair(n, baseline=error, candidate=error) for n in range(40)))
    found, _ = judged("m.jsonl")

    assert "error" == found.verdict


# --- progress ---------------------------------------------------------------------------------


class FakeScreen:
    """Remembers what is written."""

    width, column = 60, 0

    def __init__(self, *, is_terminal):
        self.is_terminal = is_terminal
        self.told = []

    def raw(self, text):
        self.told.append(text)

    line = raw


@pytest.mark.parametrize("terminal", [True, False])
def test_how_far_the_reading_is(terminal, monkeypatch):
    """Pairs, bytes of bytes and the rate: twice a second on a terminal, else now and then."""
    monkeypatch.setattr(progress, "_STEP", 1)
    now = [0.0]
    screen = FakeScreen(is_terminal=terminal)
    line = ReadingLine(screen, 4 * 2**20, lambda: now[0])
    for second in range(1, 21):
        now[0] = float(second)
        line.passed(second * 2**17)
        line.show(second * 100)
    line.hide()

    shown = [text for text in screen.told if "pairs read" in text]
    assert (20 if terminal else 2) == len(shown)
    assert "2000 pairs read, 2.5 MB of 4.0 MB (62 %), 100 a second" == line.text(2000, 20.0)[12:]
    assert terminal == any("\x1b[1A" in text for text in screen.told)


@pytest.mark.parametrize(("seconds", "told"), [(7200.0, ["2.0 hours apart (median)"]), (60.0, [])])
def test_answers_that_were_given_hours_apart_are_remarked_on(seconds, told):
    """Their times compare two hours of the day, too; a minute is what a queue makes."""
    arms = Arms(*(Variant(name=name, provider="openai", model=name) for name in ("a", "b")))
    for step in Traffic().steps(20):
        both = step.measurement
        later = replace(both.candidate, asked_at=both.baseline.asked_at + seconds)
        arms.add(replace(step, measurement=replace(both, candidate=later)))

    remarks = [text for text in arms.likeness().remarks if "apart" in text]
    assert len(told) == len(remarks)
    assert all(part in text for part, text in zip(told, remarks, strict=True))


def test_what_waits_on_disk_is_given_back_on_ctrl_c(canary, judged, monkeypatch):
    """At once, and not when somebody has forgotten the exception."""
    canary.configure(window=1)
    lines = [litellm(n, "help-desk-bf16") for n in range(4)] + [litellm(0, "help-desk-awq")]
    name = canary.write("log.jsonl", *lines)
    closed = []

    def interrupted(self, step):
        raise KeyboardInterrupt

    def close(self):
        closed.append(self)

    monkeypatch.setattr(CanaryJudge, "take", interrupted)
    monkeypatch.setattr(WaitingRoom, "close", close)
    with pytest.raises(KeyboardInterrupt) as caught:
        judged(name)

    assert 1 == len(closed)
    assert caught.traceback  # which still holds the run and all that it had open


def test_a_failed_answer_is_told_in_its_own_words(canary, judged):
    """The check that it cost says why there is nothing to read, without the key in it."""
    canary.configure(budgets=[{"max_drop": "5 pt"}])
    key = "sk-" + "a1B2" * 12
    gone = {"error": f"HTTP 503 for Bearer {key}"}
    asked_ = [asked(f"As JSON: {n}", **JSON) for n in range(3)]
    good = said("{}")
    lines = [pair(n, request=one, baseline=good, candidate=gone) for n, one in enumerate(asked_)]
    report, _ = judged(canary.write("m.jsonl", *lines))
    found = {text for o in report.outcomes for text in o.candidate.violations}

    assert all(text.startswith("no answer: HTTP 503") for text in found)
    assert found
    assert key not in repr(report)
