"""What the history says has changed: in entries of their own, each with its reason."""

from __future__ import annotations

import pytest
from history_reports import POLICIES, budget, run

from pytest_quantguard.history import keeping
from pytest_quantguard.history.changes import changes, sentence_of
from pytest_quantguard.history.remember import remember
from pytest_quantguard.history.store import opened


@pytest.fixture
def remembered(tmp_path):
    """Remember reports in the order given; return the entries, and the notes of the last report."""
    path = tmp_path / "history.sqlite"

    def all_of(*reports, notes=()):
        told = None
        for report in reports:
            told, notice = remember(report, path)
            assert notice == ""
        with opened(path, write=True) as connection:
            for entry, text in notes:
                keeping.add_note(connection, entry, text, 1.0)
        with opened(path, write=False) as connection:
            found = changes(keeping.past(connection), keeping.notes(connection))
        return found, told.candidates[0].notes

    return all_of


def test_the_first_run_and_one_that_is_judged_alike_change_nothing(remembered):
    """No entry and no note where the same budgets, baseline and policies judge again."""
    found, notes = remembered(run(0), run(1, values=(0.9,)), run(2, candidate="fp8"))

    assert found == []
    assert notes == ()


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (budget(max_drop=0.02), budget(max_drop=0.05), "loosened"),
        (budget(max_drop=0.05), budget(max_drop=0.02), "tightened"),
        (budget(max_ratio=1.1, metric="ttft"), budget(max_ratio=1.3, metric="ttft"), "loosened"),
        (budget(max_drop=0.05, relative=True), budget(max_drop=0.05), "loosened"),
        (budget(max_drop=0.05, relative=True), budget(max_drop=0.01), "loosened"),
        (budget(max_drop=0.05), budget(max_drop=0.05, relative=True), "tightened"),
        (budget(max_drop=0.05), budget(max_drop=0.06, relative=True), "loosened"),
    ],
)  # fmt: skip
def test_a_limit_that_may_let_more_through_is_loosened(remembered, before, after, kind):
    """Points and ratios by their size; a share of the baseline's rate where it may be more."""
    (entry,), notes = remembered(run(0, before), run(1, after))

    assert (kind, kind == "loosened") == (entry.kind, entry.looser)
    assert bool(notes) == entry.looser


def test_budgets_that_come_and_go_are_entries(remembered):
    """A removed budget makes the gate easier to pass, an added one does not."""
    found, notes = remembered(
        run(0, budget("faq"), budget("legal")), run(1, budget("faq"), budget("chat"))
    )

    assert {"removed": True, "added": False} == {one.kind: one.looser for one in found}
    assert ["removed", "added"] == [one.kind for one in found]
    assert "budget removed (was 5 pt): legal / all; no reason given" in notes[0]
    assert len(notes) == 1


def test_budgets_that_changed_alike_share_an_entry(remembered):
    """A star over many cohorts is one decision, not one entry for each."""
    names = [f"cohort-{i}" for i in range(6)]
    (entry,), _ = remembered(
        run(0, *(budget(name, max_drop=0.02) for name in names)),
        run(1, *(budget(name, max_drop=0.03) for name in names)),
    )

    assert entry.text.startswith("budget loosened from 2 pt to 3 pt: cohort-0 / all, cohort-1")
    assert entry.text.endswith("and 2 more")
    assert len(entry.groups) == 6


def test_a_reason_beside_the_budget_is_the_entrys(remembered):
    """It is told once, with the run that is first judged so."""
    loose = budget(max_drop=0.08, reason="the judge is noisy")
    (entry,), notes = remembered(run(0), run(1, loose))

    assert "the judge is noisy" == entry.reason
    assert sentence_of(entry).endswith("faq / all; reason: the judge is noisy")
    assert "reason: the judge is noisy" in notes[0]

    found, notes = remembered(run(0), run(1, loose), run(2, loose))

    assert [entry] == found
    assert notes == ()


@pytest.mark.parametrize("blank", ["   ", "\u200b\u00a0", "...", "-"])
def test_a_reason_that_says_nothing_is_none(remembered, blank):
    """A space would make the gate quiet; of a budget, a baseline and a policy."""
    found, notes = remembered(
        run(0),
        run(1, budget(max_drop=0.08, reason=blank), baseline={"revision": "2", "reason": blank},
            policies={**POLICIES, "inconclusive": "warn", "reason": blank}),
    )  # fmt: skip

    assert ["", "", ""] == [entry.reason for entry in found]
    assert 3 == sum("no reason given" in note for note in notes)


def test_the_reason_of_an_earlier_loosening_is_none_for_the_next(remembered):
    """Whoever loosens once more has to say why once more."""
    first = budget(max_drop=0.06, reason="the judge is noisy")
    second = budget(max_drop=0.09, reason="the judge is noisy")
    found, notes = remembered(run(0), run(1, first), run(2, second))

    assert ["the judge is noisy", ""] == [entry.reason for entry in found]
    assert "from 6 pt to 9 pt: faq / all; no reason given" in notes[0]


def test_a_loosening_without_a_reason_is_told_until_it_has_one(remembered):
    """The second run on a commit says it, too; a reason that comes later belongs to the entry."""
    loose, explained = budget(max_drop=0.08), budget(max_drop=0.08, reason="agreed with legal")
    _, notes = remembered(run(0), run(1, loose), run(2, loose), run(3, loose, candidate="fp8"))

    assert "no reason given" in notes[0]

    (entry,), notes = remembered(run(4, explained))

    assert "agreed with legal" == entry.reason
    assert notes == ()


def test_a_loosening_that_is_undone_is_no_longer_told(remembered):
    """The entry stays; the report has nothing more to say."""
    found, notes = remembered(run(0), run(1, budget(max_drop=0.08)), run(2))

    assert ["loosened", "tightened"] == [entry.kind for entry in found]
    assert notes == ()


def test_loosening_in_steps_is_undone_only_by_going_all_the_way_back(remembered):
    """From 5 to 8 to 9 and back to 7 is still looser than it was."""
    steps = (0.05, 0.08, 0.09, 0.07)
    _, notes = remembered(*(run(i, budget(max_drop=step)) for i, step in enumerate(steps)))

    assert "no reason given" in notes[0]


def test_a_note_is_a_reason(remembered):
    """By the id of the entry, which is the same whenever the history is read."""
    reports = run(0), run(1, budget(max_drop=0.08))
    (entry,), _ = remembered(*reports)
    (again,), notes = remembered(run(2, budget(max_drop=0.08)), notes=[(entry.id, "by the board")])

    assert (entry.id, "by the board") == (again.id, again.reason)
    _, notes = remembered(run(3, budget(max_drop=0.08)))
    assert notes == ()


@pytest.mark.parametrize(
    ("baseline", "provenance", "said"),
    [
        ({"name": "fp8"}, {}, "it is fp8, was bf16"),
        ({"model": "acme/other"}, {}, "model is acme/other, was acme/assist"),
        ({"revision": "r2"}, {}, "revision is r2, was not given"),
        ({"options": {"top_k": 1}}, {}, "its provider, dialect or options are others"),
        ({}, {"served_as": {"bf16": {"quantization": "Q8_0"}}}, "quantization Q8_0, said F16"),
        ({}, {"fingerprints": {"bf16": {"b2": 9}}}, "fingerprint is b2, was b1"),
    ],
)
def test_another_baseline_is_re_blessed(remembered, baseline, provenance, said):
    """By what is configured, by what its server says, and by the fingerprints of its answers."""
    known = {"served_as": {"bf16": {"quantization": "F16"}}, "fingerprints": {"bf16": {"b1": 9}}}
    (entry,), notes = remembered(
        run(0, **known), run(1), run(2, baseline=baseline, **{**known, **provenance})
    )

    assert ("baseline", True) == (entry.kind, entry.looser)
    assert said in entry.text
    assert "baseline re-blessed" in notes[0]


def test_another_address_is_no_other_baseline(remembered):
    """Nor is the folder that a model file is in: both differ from machine to machine."""
    one = {"base_url": "http://one/v1", "model": "/home/a/m.gguf"}
    other = {"base_url": "http://two/v1", "model": "/runner/m.gguf"}
    found, _ = remembered(run(0, baseline=one), run(1, baseline=other))

    assert found == []


def test_a_baselines_reason_stands_beside_the_variant(remembered):
    """As with budgets, it has to be a new one."""
    found, notes = remembered(
        run(0), run(1, baseline={"revision": "r2", "reason": "security update"})
    )

    assert ["security update"] == [entry.reason for entry in found]
    assert "security update" in notes[0]


@pytest.mark.parametrize(
    ("key", "value", "looser"),
    [
        ("inconclusive", "warn", True),
        ("underpowered", "allow", True),
        ("max_errors", 0.1, True),
        ("max_errors", 0.001, False),
        ("latency", "same-run", True),
        ("evidence", "strict", True),
    ],
)
def test_policies_are_entries(remembered, key, value, looser):
    """Those with which more runs are green need a reason."""
    (entry,), notes = remembered(run(0), run(1, policies={**POLICIES, key: value}))

    assert ("policy", looser) == (entry.kind, entry.looser)
    assert key in entry.text
    assert bool(notes) == looser

    told = {**POLICIES, key: value, "reason": "a quiet week"}
    _, notes = remembered(run(2, policies=told))
    assert notes == ()


def test_golden_cases_that_changed_are_counted(remembered):
    """By their ids, where both reports have all cases; it needs no reason."""
    (entry,), notes = remembered(
        run(0, cases=("a", "b", "c")), run(1, cases=("b", "c", "d", "e"), golden_hash="b" * 64)
    )

    assert "golden cases changed: 2 added, 1 removed" == entry.text
    assert notes == ()


def test_budgets_that_choose_themselves_are_their_own_reason(remembered):
    """``budgets: auto`` follows the golden cases; writing looser ones by hand does not."""
    auto = {**POLICIES, "budgets": "auto"}
    found, notes = remembered(
        run(0, budget(max_drop=0.05), policies=auto), run(1, budget(max_drop=0.06), policies=auto)
    )

    assert ["budgets: auto chose it anew"] == [entry.reason for entry in found]

    _, notes = remembered(run(2, budget(max_drop=0.09)))
    assert "no reason given" in "".join(notes)


def test_a_run_of_a_part_of_the_cases_is_not_compared(remembered):
    """Whoever asks about one cohort has not removed the budgets of the others."""
    found, notes = remembered(
        run(0, budget("faq"), budget("legal")),
        run(1, budget("faq"), whole=False),
        run(2, budget("faq"), budget("legal")),
    )

    assert found == []
    assert notes == ()


def test_a_run_that_never_had_budgets_removes_none(remembered):
    """A run that broke before it was planned is in the history, and says nothing of budgets."""
    found, _ = remembered(run(0), run(1, budgets=[]), run(2))

    assert found == []


def test_a_new_candidate_does_not_hide_a_loosening(remembered):
    """Budgets belong to the run, whichever candidate it is about."""
    _, notes = remembered(run(0), run(1, budget(max_drop=0.2), candidate="fp8"))

    assert "budget loosened from 5 pt to 20 pt" in notes[0]


def test_an_older_run_that_comes_late_stands_where_it_belongs(remembered):
    """Imported runs are compared in the order in which they ran."""
    found, _ = remembered(run(0), run(2, budget(max_drop=0.08)), run(1, budget(max_drop=0.06)))

    assert ["from 5 pt to 6 pt", "from 6 pt to 8 pt"] == [
        entry.text.partition("loosened ")[2].partition(":")[0] for entry in found
    ]


def test_a_run_with_another_baseline_by_hand_changes_nothing(remembered):
    """Trying f16 once is no new baseline for everybody; runs of its kind are compared alone."""
    by_hand = {"baseline": {"name": "f16"}, "baseline_given": True}
    loose = budget(max_drop=0.09)
    found, notes = remembered(run(0), run(1, **by_hand), run(2), run(3))

    assert (found, notes) == ([], ())
    (entry,), notes = remembered(run(4, loose, **by_hand))
    assert (entry.kind, entry.run, len(notes)) == ("loosened", "run-4", 1)
    assert remembered(run(5))[1] == ()


def test_a_run_by_another_file_changes_nothing(remembered):
    """Its budgets are its own."""
    found, notes = remembered(run(0), run(1, budget(max_drop=0.5), config="try.yaml"), run(2))

    assert (found, notes) == ([], ())


def test_golden_cases_of_the_same_names_are_told_in_words(remembered):
    """What they ask or expect is another thing."""
    (entry,), _ = remembered(run(0, cases=("a",)), run(1, cases=("a",), golden_hash="b" * 64))

    assert "golden cases changed: other texts or checks under the same ids" == entry.text
