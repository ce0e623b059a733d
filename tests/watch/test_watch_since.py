"""Which changes are new, and since when the others are there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pytest_quantguard.watch.decision import decide
from pytest_quantguard.watch.findings import findings
from pytest_quantguard.watch.levels import TOKENS_PER_SECOND
from pytest_quantguard.watch.records import WORSE, Answer, Finding, Look, Pin, ProbeAnswer
from pytest_quantguard.watch.series import series
from pytest_quantguard.watch.since import told
from watched_looks import Change, behaved, changed, look, moved, pinned

LOOKS, PIN = pinned(nats=0.02)
RIGHT = {f"c{k}": 1.0 for k in range(60)}


def other(answer: ProbeAnswer) -> ProbeAnswer:
    """Return the same answer under another fingerprint."""
    return replace(answer, fingerprint="fp_2")


def third(answer: ProbeAnswer) -> ProbeAnswer:
    """Return the same answer under a fingerprint that was not there before, either."""
    return replace(answer, fingerprint="fp_3")


def nights(*changes: Change | None, pin: Pin = PIN) -> list[tuple[Look, Answer, str]]:
    """Look once a night from night 30 on; return each look, its answer and its reasons."""
    known, seen = list(LOOKS), []
    for number, change in enumerate(changes):
        now = look(30 + number, nats=0.02)
        now = changed(now, change) if change else now
        found = findings(known, now, pin, None)
        answer, reasons, _ = decide(found, now=now, looks=known, pin=pin, gate=None)
        now = replace(now, told=told(answer, found, series(known, now, pin), pin))
        known.append(now)
        seen.append((now, answer, " | ".join(reasons)))
    return seen


def both(one: Change, two: Change) -> Change:
    """Return both changes, one after the other."""
    return lambda answer: two(one(answer))


def test_the_first_night_of_a_change_names_the_last_one_that_was_as_the_pin() -> None:
    """Whoever is called knows in which night it happened."""
    quiet, first = nights(None, moved(1.0))

    assert quiet[0].told is not None
    assert (quiet[0].told.answer, quiet[0].told.changed) == ("unchanged", {})
    assert first[1] is Answer.CHANGED
    assert f"first seen in this look: the look {quiet[0].id} was as the pin" in first[2]
    assert "NEW" not in first[2]


def test_a_change_that_stays_is_nothing_new_and_keeps_its_date() -> None:
    """Each night until it is blessed, first of all; weeks change nothing about that."""
    first, *later = nights(*[moved(1.0)] * 9)

    for number, (now, answer, reasons) in enumerate(later, 1):
        row = f"{number} looks" if number > 1 else "look"
        said = f"nothing new: as in the {row} before it, first seen in the look {first[0].id}"
        assert answer is Answer.CHANGED
        assert reasons.startswith(said)
        assert now.told is not None
        assert now.told.changed == {"logprobs/": first[0].id}


@pytest.mark.parametrize(
    ("further", "name"),
    [
        (both(moved(1.0), other), "what the server says, system_fingerprint"),
        (moved(2.5), "log-probs"),
    ],
    ids=["a fact", "the same kind"],
)
def test_another_change_on_top_is_new_and_said_first(further: Change, name: str) -> None:
    """One night of the first change is enough to tell: what is usual is known from the pin."""
    first, second, third_ = nights(moved(1.0), further, further)

    assert second[2].startswith(f"NEW in this look, after 1 look that had changed already: {name}")
    assert third_[2].startswith("nothing new")
    kept = third_[0].told
    assert kept is not None
    assert second[0].id in kept.changed.values()
    assert first[2].count("NEW") == 0


def test_a_value_that_changes_once_more_is_new_although_the_kind_is_not() -> None:
    """fp_1, fp_2, fp_2, fp_3."""
    _, same, again = nights(other, other, third)

    assert same[2].startswith("nothing new")
    assert again[2].startswith("NEW in this look")


def test_a_change_that_is_gone_is_said() -> None:
    """By itself the night is as the pin; after a few of them the week holds nothing either."""
    found = nights(other, other, None)

    assert found[-1][1] is Answer.UNCHANGED
    assert found[-1][2].startswith("as in the pin again, after 2 looks that said changed or")


def test_the_night_on_which_a_drift_goes_away_is_nothing_new() -> None:
    """The week still holds it: nobody is called once more, and its date stays."""
    *_, last = first, *rest = nights(*[moved(1.0)] * 5, *[None] * 6)

    over = [reasons for _, answer, reasons in rest[4:] if answer is Answer.CHANGED]
    said = "nothing new: this look alone is not shown to differ, the last seven days hold"
    assert over
    assert all(one.startswith(said) for one in over)
    assert all(f"first seen in the look {first[0].id};" in one for one in over)
    assert {now.told.changed.get("logprobs/") for now, *_ in rest if now.told} <= {
        first[0].id,
        None,
    }
    assert last[1] is Answer.UNCHANGED


def test_a_drift_that_comes_back_within_the_week_is_nothing_new() -> None:
    """Gone for one night and back: the date is that of its first night."""
    first, _, _, back = nights(moved(1.0), moved(1.0), None, moved(1.0))

    assert back[1] is Answer.CHANGED
    assert back[2].startswith("nothing new: as in the ")
    assert back[0].told is not None
    assert back[0].told.changed == {"logprobs/": first[0].id}


def test_changes_of_two_dates_are_dated_apart() -> None:
    """The first date alone would say that both are as old."""
    first, second, third_ = nights(other, *[both(moved(1.0), other)] * 2)

    dates = f"first seen in the look {first[0].id}, what came last in the look {second[0].id};"
    assert dates in third_[2]


def test_looks_that_nobody_wrote_down_prove_no_date() -> None:
    """Of a look by an older version nobody knows whether it was as the pin, or differed already."""
    (quiet,) = nights(None)
    now = changed(look(40, nats=0.02), moved(1.0))
    older = changed(look(31, nats=0.02), moved(1.0))

    def reasons(*between: Look) -> str:
        known = [*LOOKS, quiet[0], *between]
        found = findings(known, now, PIN, None)
        return " | ".join(decide(found, now=now, looks=known, pin=PIN, gate=None)[1])

    assert "first seen in this look" in reasons()
    assert "first seen in this look" not in reasons(older)


def test_another_pin_knows_nothing_of_it() -> None:
    """What was said against the pin before is no date of a change against this one."""
    known = [*LOOKS, *(now for now, _, _ in nights(moved(1.0), moved(1.0)))]
    newer = replace(PIN, at=PIN.at + 1)
    now = changed(look(40, nats=0.02), moved(1.0))

    found = findings(known, now, newer, None)

    assert not any(one.since for one in found)
    assert series(known, now, newer).run == ()


def test_what_could_not_tell_neither_adds_nor_ends() -> None:
    """A night without an answer between two of the same change."""
    first, lost = nights(moved(1.0), moved(1.0))
    assert lost[0].told is not None
    unclear = replace(lost[0], told=replace(lost[0].told, answer="unclear", changed={}))
    now = changed(look(40, nats=0.02), moved(1.0))

    found = findings([*LOOKS, first[0], unclear], now, PIN, None)

    assert {one.since for one in found if one.changed and one.decides} == {first[0].id}


def worse_night(values: Mapping[str, float], before: Mapping[str, float]) -> tuple[str, str]:
    """Return since when the gate fails on the third night, and what is said."""
    pin = [replace(one, behaviour=behaved(RIGHT)) for one in LOOKS]
    known = list(pin)
    for number in range(2):
        past = replace(changed(look(30 + number, nats=0.02), other), behaviour=behaved(before))
        found = findings(known, past, PIN, None)
        known.append(replace(past, told=told(Answer.WORSE, found, series(known, past, PIN), PIN)))
    now = replace(changed(look(32, nats=0.02), other), behaviour=behaved(values))
    found = findings(known, now, PIN, None)
    said = told(Answer.WORSE, found, series(known, now, PIN), PIN)
    assert said is not None
    return said.changed[WORSE], known[len(pin)].id


def test_golden_answers_that_are_lost_keep_their_date_unless_more_are_lost() -> None:
    """A third of them, then as many again: the first is old, the second is new."""
    lost, most = ({case: float(k >= n) for k, case in enumerate(RIGHT)} for n in (20, 40))

    since, first = worse_night(lost, lost)
    assert since == first
    since, first = worse_night(most, lost)
    assert since != first


def test_the_same_change_is_seldom_called_another_one() -> None:
    """Noise of 0.05 nats, over 40 endpoints: the second and third night of a change are old."""
    new = 0
    for seed in range(40):
        looks, pin = pinned(nats=0.05 + seed / 1e6)
        known = list(looks)
        for night in range(3):
            now = changed(look(30 + night, nats=0.05 + seed / 1e6), moved(2.0))
            found = findings(known, now, pin, None)
            said = told(Answer.CHANGED, found, series(known, now, pin), pin)
            new += night > 0 and any(one.changed and one.decides and not one.since for one in found)
            known.append(replace(now, told=said))

    assert new == 0


# --- a noisy hour -----------------------------------------------------------------------


@pytest.mark.parametrize(("nats", "noisy"), [(2.0, True), (0.02, False)])
def test_a_noisy_hour_is_named_and_another_model_is_not(nats: float, noisy: bool) -> None:
    """The two rounds of a look differ where noise is to blame, and are alike where weights are."""
    now = look(30, nats=nats)
    now = now if noisy else changed(now, moved(1.0))
    found = findings(LOOKS, now, PIN, None)
    answer, _, signature = decide(found, now=now, looks=LOOKS, pin=PIN, gate=None)

    noise = next(one for one in found if one.kind == "noise")
    assert answer is Answer.CHANGED
    assert (noise.changed, noise.decides) == (noisy, False)
    assert signature.startswith("a noisy hour rather than another model") is noisy


# --- speed, against the nights that were as the pin ------------------------------------------


def written(one: Look, speed: float) -> Look:
    """Return a look whose golden answers were written about so fast, in tokens per second."""
    speeds = {f"c{k}": speed * (1 + 0.1 * math.sin(k + speed)) for k in range(30)}
    return replace(one, behaviour=replace(behaved({}), speeds=speeds))


def of_speed(quiet: int) -> Finding:
    """Return the speed of a night 1.5 times as fast, after a plain bless and so many nights."""
    looks = [written(LOOKS[0], 40.0), *LOOKS[1:]]
    for night in range(quiet):
        now = written(look(20 + night, nats=0.02), 40.0 + night % 2)
        said = told(Answer.UNCHANGED, (), series(looks, now, PIN), PIN)
        looks.append(replace(now, told=said))
    found = findings(looks, written(look(40, nats=0.02), 61.0), PIN, None)
    return next(one for one in found if one.quantity == TOKENS_PER_SECOND)


def test_quiet_nights_teach_how_far_speeds_differ() -> None:
    """Half as fast again is no news after a plain bless, and is after five nights."""
    alone, taught = of_speed(0), of_speed(5)

    assert (alone.p or 0) > 0.05 > (taught.p or 0)
    assert "1 look of the pin and 5 that were as it to compare with" in taught.sentence
    assert not taught.decides
