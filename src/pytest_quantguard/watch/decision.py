"""From findings to the answer: the rule of ``quantguard watch``, in one pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.reporters._words import odds
from pytest_quantguard.verdicts import CandidateReport, Verdict
from pytest_quantguard.watch.behaviour import unsound
from pytest_quantguard.watch.facts import GONE, LISTED
from pytest_quantguard.watch.levels import TOKENS_PER_SECOND
from pytest_quantguard.watch.probes import FEWEST_LOOKS, mode_of
from pytest_quantguard.watch.records import Answer, Finding, Kind, Look, Pin
from pytest_quantguard.watch.series import same_endpoint, series
from pytest_quantguard.watch.since import gone, since_when

CHEAPER = "quality down and speed up: what a cheaper precision looks like"
_DRIFTS = ("logprobs", "sampled")
_NAMED = 0.05
"""p at which a speed counts as moved where something else changed: it gives that a name, and the
name says how sure it is."""


def decide(
    found: Sequence[Finding],
    *,
    now: Look,
    looks: Sequence[Look],
    pin: Pin | None,
    gate: CandidateReport | None,
) -> tuple[Answer, tuple[str, ...], str]:
    """Return the answer, sentences that give its reasons, and what the change looks like.

    * WORSE: the gate fails, and either its evidence holds over a year of looks, or the
      fingerprint's does: what is known to have changed needs no more than the gate's own 1 %.
    * CHANGED: evidence that decides is beyond its limit.
    * UNCLEAR: something stands in the way of an answer: no pin, too few or missing looks of it, no
      answers, other probes, another configuration or golden set, a gate that could not judge, or
      one that fails while nothing else shows a change.
    * UNCHANGED: the fingerprint could have shown a change and shows none, and nothing of the above.

    ``looks`` are all sound looks that are known: a pinned one that is not among them is missing.
    """
    signature = _signature(found, gate)
    known = series(looks, now, pin)
    changed = tuple(dict.fromkeys(one.sentence for one in found if _decisive(one)))
    obstacles, gate_says = _obstacles(found, now, looks, pin), _gate_obstacles(found, gate)
    if worse := _worse(found, gate):
        said = (worse, *since_when(found, known, worse=True), *changed, *obstacles)
        return Answer.WORSE, said, signature
    if changed:
        first, last = (gate_says, ()) if gate is not None and unsound(gate) else ((), gate_says)
        when = since_when(found, known, worse=False)
        # Who is called reads first whether it is yesterday's change: else what it is comes first.
        told = (*when, *changed) if known.run else (*changed, *when)
        return Answer.CHANGED, (*first, *told, *obstacles, *last, *_harm(gate)), signature
    if obstacles or gate_says:
        return Answer.UNCLEAR, (*obstacles, *gate_says), signature
    quiet = next(one for one in found if _drift(one) and one.able and one.against == "pin")
    return Answer.UNCHANGED, (*gone(known), quiet.sentence, *_quality(gate, now)), signature


def _decisive(one: Finding) -> bool:
    return one.decides and one.able and one.changed


def _drift(one: Finding) -> bool:
    return one.kind in _DRIFTS


# --- worse ------------------------------------------------------------------------------


def _worse(found: Sequence[Finding], gate: CandidateReport | None) -> str:
    if gate is None or gate.verdict is not Verdict.FAIL:
        return ""
    certain = any(one.kind == "behaviour" and one.able and _beyond(one) for one in found)
    fingerprint = any(one.kind != "behaviour" and _decisive(one) for one in found)
    if not (certain or fingerprint):
        return ""
    why = "on evidence that holds over a year of looks" if certain else "and its fingerprint moved"
    return f"the golden set's gate fails against the pin, {why}: {_failed(gate)}"


def _beyond(one: Finding) -> bool:
    return one.p is not None and one.limit is not None and one.p <= one.limit


def _failed(gate: CandidateReport) -> str:
    failed = sum(budget.verdict is Verdict.FAIL for budget in gate.budgets)
    return f"{counted(failed, 'budget')} exceeded, evidence {odds(gate.log_evidence)}"


# --- not sure ---------------------------------------------------------------------------


def _obstacles(
    found: Sequence[Finding], now: Look, looks: Sequence[Look], pin: Pin | None
) -> tuple[str, ...]:
    """What stands between the looks and an answer, the most important first."""
    if pin is None or not pin.looks:
        return ("nothing is pinned to compare with: bless a look first (--bless REASON)",)
    if not now.answers:
        return ("the endpoint answered none of the probes", *map(one_line, now.failures[:1]))
    known = {look.id: look for look in looks}
    pinned = [known[name] for name in pin.looks if name in known]
    said = []
    if missing := len(pin.looks) - len(pinned):
        said.append(
            f"{counted(missing, 'look')} of the pin {'is' if missing == 1 else 'are'} missing or "
            "damaged: restore the folder, or bless again"
        )
    said += _other_questions(now, pinned)
    if not said and not any(_drift(one) and one.able and one.against == "pin" for one in found):
        unable = [one.sentence for one in found if _drift(one) and one.against == "pin"]
        said += unable[:1] or [f"the pin needs {FEWEST_LOOKS} looks to compare with"]
    return tuple(said)


def _other_questions(now: Look, pinned: Sequence[Look]) -> list[str]:
    said = []
    if any(look.probes != now.probes for look in pinned):
        modes = {mode_of(look.probes) for look in pinned}
        if mode_of(now.probes) not in modes:
            said.append("the pin was asked for log-probs and this look was not, or the reverse")
        else:
            said.append(
                "the pin was asked other probes, by another version of quantguard: bless again"
            )
    if not all(same_endpoint(look, now) for look in pinned):
        said.append(
            "the endpoint is configured otherwise than when it was pinned (address, model or "
            "parameters): bless again, or put it back"
        )
    golden = {look.behaviour.golden for look in pinned[:1] if look.behaviour}
    if now.behaviour and golden and now.behaviour.golden not in golden:
        said.append("the golden set is not the one that the pin was asked: bless again")
    return said


def _gate_obstacles(found: Sequence[Finding], gate: CandidateReport | None) -> tuple[str, ...]:
    """A gate that could not judge, or fails on evidence that a year of looks makes by chance."""
    if gate is None:
        return ()
    if why := unsound(gate):
        return (f"the golden set's gate says {gate.verdict.word}: {one_line(why)}",)
    if gate.verdict is not Verdict.FAIL:
        return ()
    limit = next(
        (one.limit for one in found if one.kind == "behaviour" and one.window == "look"), None
    )
    needed = -math.log(limit) if limit else math.inf
    return (
        f"the golden set's gate fails ({_failed(gate)}), but a year of looks may show as much by "
        f"chance: {odds(needed)} are needed, or a fingerprint that "
        f"changed. {_settles(gate, needed)}",
    )


def _settles(gate: CandidateReport, log_e: float) -> str:
    """What would take the evidence to what is needed, at the rates that were seen."""
    worse = sum(p.candidate.value < p.baseline.value for p in gate.outcomes)
    better = sum(p.candidate.value > p.baseline.value for p in gate.outcomes)
    times = stats.stretch_to_evidence({"all": (1.0, worse, better)}, log_e)
    cases = len({pair.case for pair in gate.outcomes})
    if times is None or times <= 1:
        return "Look again: a loss that stays shows over seven days."
    return (
        f"Look again: a loss that stays shows over seven days, or at once in about "
        f"{math.ceil(cases * times)} golden cases instead of {cases}."
    )


# --- beside the answer ------------------------------------------------------------------


def _harm(gate: CandidateReport | None) -> tuple[str, ...]:
    if gate is None:
        return ("whether it is worse was not asked: no golden set was run",)
    words = {
        Verdict.PASS: "the golden set's gate passes: no budget is exceeded",
        Verdict.INCONCLUSIVE: "the golden set's gate is inconclusive: not shown to be worse, and "
        "not shown to be within the budgets",
    }
    return (words[gate.verdict],) if gate.verdict in words else ()


def _quality(gate: CandidateReport | None, now: Look) -> tuple[str, ...]:
    if gate is None and now.behaviour is None:
        return ("the golden set was not asked: this says nothing about quality",)
    return _harm(gate)


def _signature(found: Sequence[Finding], gate: CandidateReport | None) -> str:
    """What the findings together look like; empty where they look like nothing known."""
    faster = _faster(found)
    # What is no longer told is a change, and says nothing about the model.
    changed = {one.kind for one in found if _decisive(one) and one.quantity not in (GONE, LISTED)}
    worse = gate is not None and gate.verdict is Verdict.FAIL
    down = worse or "behaviour" in changed
    drift = changed & set(_DRIFTS)
    if down and faster is not None:
        return f"{CHEAPER} (x{faster.value:.2f} as fast, p {faster.p:.2g})"
    if "tokenizer" in changed:
        return (
            "another tokenizer, chat template or hidden system prompt: the same prompts take "
            "another number of tokens"
        )
    if drift and faster is not None:
        return "other numbers and faster: another precision, engine or machine"
    if drift and not down:
        return _noisy(found, changed) or (
            "the tokenizer is the same and the numbers are not: other weights, another "
            "precision, engine or machine"
        )
    return _lone(changed, found, gate)


def _noisy(found: Sequence[Finding], changed: set[Kind]) -> str:
    """Say that noise alone may look like this; empty where something else changed, or it is calm.

    What is no farther from the pin than the same probes are from each other need be no other model.
    """
    noise = next((one for one in found if one.kind == "noise" and one.changed), None)
    far = [one.value or 0.0 for one in found if one.kind == "logprobs" and _decisive(one)]
    if noise is None or changed != {"logprobs"} or max(far) > (noise.value or 0.0):
        return ""
    return (
        "a noisy hour rather than another model: the same probes, asked twice, differ as much from "
        "each other as from the pin. Look again: noise passes, a change stays"
    )


def _lone(changed: set[Kind], found: Sequence[Finding], gate: CandidateReport | None) -> str:
    """What a change of one kind looks like, where all else could be seen and is as before."""
    seen = any(_drift(one) and one.able and one.against == "pin" for one in found)
    if not seen or (gate is not None and unsound(gate)):
        return ""
    if changed == {"lengths"}:
        return (
            "answers of another length and else the same: other sampling, a hidden prompt or "
            "a limit"
        )
    if changed == {"identity"}:
        return "another name or version, and answers as before"
    return ""


def _faster(found: Sequence[Finding]) -> Finding | None:
    """The finding that answers are written faster; None where they are not.

    It gives a change its name and is no alarm: so it need not hold over a year of looks.
    """
    speeds = (one for one in found if one.kind == "speed" and one.quantity == TOKENS_PER_SECOND)
    return next(
        (one for one in speeds if one.able and (one.value or 0) > 1 and (one.p or 0) <= _NAMED),
        None,
    )
