"""From findings to the answer, its reasons and its signature."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome
from pytest_quantguard.variants import Quantization, Variant
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, Verdict
from pytest_quantguard.watch.decision import CHEAPER, decide
from pytest_quantguard.watch.findings import findings
from pytest_quantguard.watch.records import Answer, Look, Pin
from watched_looks import behaved, changed, look, moved, pinned

API = Variant(
    name="api",
    provider="openai",
    model="assistant",
    quantization=Quantization(method="none", weight_bits=16),
)
LOOKS, PIN = pinned()
QUIET = look(30)
LENGTHS = {f"c{k}": 40 for k in range(30)}
MOVED = changed(QUIET, moved(0.2))


def gate(verdict: Verdict, log_e: float = 0.0, worse: int = 0, cases: int = 100) -> CandidateReport:
    """Return a gate's report: so many of the cases got worse."""
    outcomes = tuple(
        PairedOutcome(
            case=f"c{k}",
            cohort="faq",
            check="exact",
            baseline=Outcome(value=1.0),
            candidate=Outcome(value=float(k >= worse)),
        )
        for k in range(cases)
    )
    budget = BudgetVerdict(cohort=None, check=None, max_drop=0.05, verdict=verdict, reason="")
    return CandidateReport(
        variant=API,
        verdict=verdict,
        budgets=(budget,),
        outcomes=outcomes,
        mishaps=(),
        log_evidence=log_e,
    )


def decided(
    now: Look = QUIET,
    judged: CandidateReport | None = None,
    pin: Pin | None = PIN,
    looks: list[Look] | None = None,
) -> tuple[Answer, str, str]:
    """Return the answer, the reasons as one text, and the signature."""
    known = LOOKS if looks is None else looks
    found = findings(known, now, pin, judged)
    answer, reasons, signature = decide(found, now=now, looks=known, pin=pin, gate=judged)
    assert reasons
    return answer, " | ".join(reasons), signature


def test_a_quiet_night_is_unchanged_and_says_what_it_saw() -> None:
    """With a gate that passes, and without a golden set."""
    assert decided(judged=gate(Verdict.PASS))[0] is Answer.UNCHANGED
    answer, reasons, signature = decided()

    assert answer is Answer.UNCHANGED
    assert "says nothing about quality" in reasons
    assert signature == ""


def test_an_inconclusive_gate_is_no_change() -> None:
    """It is said, and the fingerprint answers."""
    answer, reasons, _ = decided(judged=gate(Verdict.INCONCLUSIVE))

    assert answer is Answer.UNCHANGED
    assert "inconclusive" in reasons


def test_a_change_without_a_loss_is_changed() -> None:
    """The first reason is the evidence."""
    answer, reasons, signature = decided(MOVED, gate(Verdict.PASS))

    assert answer is Answer.CHANGED
    assert reasons.startswith("log-probs")
    assert "no budget is exceeded" in reasons
    assert "since the last one" in reasons
    assert "other weights, another precision" in signature


def test_a_loss_beyond_the_years_limit_is_worse() -> None:
    """Whatever the fingerprint says."""
    answer, reasons, _ = decided(judged=gate(Verdict.FAIL, math.log(1e6), worse=30))

    assert answer is Answer.WORSE
    assert "over a year of looks" in reasons


def test_worse_says_what_else_stands_in_the_way() -> None:
    """An older version's probes: that the fingerprint compares nothing is said beside a loss."""
    older = [replace(one, probes="logprobs-0123456789abcdef") for one in LOOKS]
    answer, reasons, _ = decided(judged=gate(Verdict.FAIL, math.log(1e6), worse=30), looks=older)

    assert answer is Answer.WORSE
    assert "by another version of quantguard: bless again" in reasons


def test_a_loss_short_of_it_is_unclear_and_says_what_would_settle_it() -> None:
    """100 : 1 is what three looks in a year may show by chance."""
    answer, reasons, _ = decided(judged=gate(Verdict.FAIL, math.log(150), worse=9))

    assert answer is Answer.UNCLEAR
    assert "golden cases instead of 100" in reasons
    assert "2.4e5 : 1 are needed" in reasons


def test_a_loss_of_a_changed_endpoint_is_worse_on_the_gates_own_evidence() -> None:
    """That it changed is certain: whether it is worse is one question, not one in a year."""
    answer, reasons, _ = decided(MOVED, gate(Verdict.FAIL, math.log(150), worse=9))

    assert answer is Answer.WORSE
    assert "its fingerprint moved" in reasons


def test_quality_down_and_speed_up_is_named() -> None:
    """Tokens per second doubled while cases got worse: one pinned look with speeds is enough."""
    for pinned_speeds in (len(LOOKS), 1):
        looks = [written(one, 40.0) for one in LOOKS[:pinned_speeds]] + LOOKS[pinned_speeds:]
        fast = written(MOVED, 90.0)
        failing = gate(Verdict.FAIL, math.log(1e6), worse=30)

        signature = decided(fast, failing, looks=looks)[2]
        assert signature.startswith(f"{CHEAPER} (x2.25 as fast, p ")
        assert not decided(MOVED, failing)[2].startswith(CHEAPER)
        assert "faster" in decided(fast, gate(Verdict.PASS), looks=looks)[2]


@pytest.mark.parametrize("speed", [20.0, 40.0, 60.0])
def test_a_usual_or_lower_speed_names_nothing(speed: float) -> None:
    """Half as fast again is what one look may differ from another."""
    looks = [written(LOOKS[0], 40.0), *LOOKS[1:]]
    failing = gate(Verdict.FAIL, math.log(1e6), worse=30)

    assert not decided(written(MOVED, speed), failing, looks=looks)[2].startswith(CHEAPER)


def written(one: Look, speed: float) -> Look:
    """Return a look whose golden answers were written about so fast, in tokens per second."""
    speeds = {f"c{k}": speed * (1 + 0.1 * math.sin(k + speed)) for k in range(30)}
    return replace(one, behaviour=replace(behaved({}), speeds=speeds))


def test_what_is_no_longer_told_names_no_other_model() -> None:
    """Log-probs went away: changed, and nothing is claimed that nobody could see."""
    answer, reasons, signature = decided(changed(QUIET, lambda a: replace(a, top=())))

    assert (answer, signature) == (Answer.CHANGED, "")
    assert "no longer gives log-probs" in reasons


def test_a_golden_set_without_sound_answers_comes_first_and_has_no_signature() -> None:
    """Every answer empty, and so much shorter: that is no other sampling."""
    row = BudgetVerdict(
        cohort=None,
        check=None,
        max_drop=0.05,
        verdict=Verdict.ERROR,
        reason="every answer is empty",
    )
    broken = replace(gate(Verdict.ERROR), budgets=(row,))
    looks = [replace(one, behaviour=behaved({}, LENGTHS)) for one in LOOKS]
    short = replace(QUIET, behaviour=behaved({}, dict.fromkeys(LENGTHS, 1)))

    answer, reasons, signature = decided(short, broken, looks=looks)

    assert (answer, signature) == (Answer.CHANGED, "")
    assert reasons.startswith("the golden set's gate says ERROR: every answer is empty")


def test_another_tokenizer_is_named() -> None:
    """Prompt-token counts are exact: one is enough."""
    now = changed(QUIET, lambda a: replace(a, prompt_tokens=(a.prompt_tokens or 0) + 7))
    answer, _, signature = decided(now)

    assert answer is Answer.CHANGED
    assert "tokenizer" in signature


def test_speed_alone_is_no_change() -> None:
    """A night ten times as slow."""
    now = changed(QUIET, lambda a: replace(a, ttft_s=(a.ttft_s or 0) * 10))

    assert decided(now)[0] is Answer.UNCHANGED


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.NOT_COMPARABLE])
def test_a_gate_that_could_not_judge_is_unclear(verdict: Verdict) -> None:
    """A quiet fingerprint does not make up for it."""
    answer, reasons, _ = decided(judged=gate(verdict))

    assert answer is Answer.UNCLEAR
    assert verdict.word in reasons


@pytest.mark.parametrize(
    ("now", "pin", "looks", "said"),
    [
        (QUIET, None, LOOKS, "nothing is pinned"),
        (QUIET, Pin(looks=(), reason="", at=0.0), LOOKS, "nothing is pinned"),
        (QUIET, PIN, LOOKS[:6], "2 looks of the pin are missing"),
        (QUIET, PIN, [], "8 looks of the pin are missing"),
        (
            replace(QUIET, answers=(), failures=("connection refused",)),
            PIN,
            LOOKS,
            "answered none of the probes",
        ),
        (replace(QUIET, answers=QUIET.answers[:3]), PIN, LOOKS, "too few probes"),
        (replace(QUIET, probes="logprobs-of another version"), PIN, LOOKS, "other probes"),
        (look(30, "sampled"), PIN, LOOKS, "asked for log-probs and this look was not"),
        (replace(QUIET, identity={"model": "b"}), PIN, LOOKS, "configured otherwise"),
        (QUIET, Pin(looks=PIN.looks[:3], reason="", at=0.0), LOOKS, "3 usable looks"),
    ],
)
def test_what_stands_in_the_way_of_an_answer(
    now: Look, pin: Pin | None, looks: list[Look], said: str
) -> None:
    """Each ends UNCLEAR, never unchanged, and says what it is."""
    answer, reasons, _ = decided(now, pin=pin, looks=looks)

    assert answer is Answer.UNCLEAR
    assert said in reasons


def test_another_golden_set_than_the_pins_is_unclear() -> None:
    """The fingerprint is quiet, and quality was asked otherwise."""
    looks = [replace(one, behaviour=behaved({"a": 1.0})) for one in LOOKS]
    now = replace(QUIET, behaviour=behaved({"a": 1.0}, golden="g2"))
    answer, reasons, _ = decided(now, looks=looks)

    assert answer is Answer.UNCLEAR
    assert "golden set" in reasons


def test_a_change_is_told_although_the_gate_could_not_judge() -> None:
    """Both are said; the change comes first."""
    answer, reasons, _ = decided(MOVED, gate(Verdict.ERROR))

    assert answer is Answer.CHANGED
    assert "ERROR" in reasons


def test_hostile_failures_stay_on_one_line() -> None:
    """What a server said when it refused is no command."""
    now = replace(QUIET, answers=(), failures=("x\n::error::y\x1b[2J",))

    assert decided(now)[1].isprintable()
