"""The index of the HTML report: what stands on it, and that nothing on it is more than text."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from html_pages import live, read_page
from pytest_quantguard._sanitize import clean
from pytest_quantguard.reporters._routing import rollout
from pytest_quantguard.reporters._views import regressed_cases
from pytest_quantguard.reporters.html._budgets import SHOWN
from pytest_quantguard.reporters.html._entries import entries
from pytest_quantguard.reporters.html.index import index_page
from pytest_quantguard.reporters.json import from_json, to_json
from pytest_quantguard.verdicts import GateReport, Verdict


class Tree(HTMLParser):
    """Elements as nested lists: ``[name, attributes, children]``; text as str."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.top = ["", {}, []]
        self._open = [self.top]
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), []]
        self._open[-1][2].append(element)
        if tag not in ("meta", "link", "br", "wbr", "input"):
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        self._open[-1][2].append(data)


def every(element, name):
    """All elements of a name inside another, in order."""
    found = [element] if element[0] == name else []
    inner = (child for child in element[2] if not isinstance(child, str))
    return found + [one for child in inner for one in every(child, name)]


def words(element):
    """All text inside an element."""
    return "".join(c if isinstance(c, str) else words(c) for c in element[2])


def page(report):
    return Tree(index_page(report)).top


def rows(top, caption):
    """The rows of the table with this caption, each as its cells' texts."""
    (table,) = [t for t in every(top, "table") if caption in words(every(t, "caption")[0])]
    return [
        [words(cell) for cell in row[2] if cell[0] in ("th", "td")]
        for row in every(table, "tr")[1:]
    ]


@pytest.fixture
def many(make, two_candidates, empty_report):
    """Reports of every kind."""
    return [make.realistic(), make.measured(), two_candidates, empty_report]


# --- the page as a whole -----------------------------------------------------------------------


def test_a_page_is_made_of_nothing_that_runs_or_loads(many):
    """No inline style or script, no handler, no address but those of the report, ids once."""
    for report in many:
        found = read_page(index_page(report))
        assert [] == live(found)
        assert 0 == found.elements["script"] == found.attributes["style"]
        assert [] == [name for name, times in found.ids.items() if times > 1]


def test_the_policy_stands_before_what_it_rules(make):
    """A policy in the head applies to what follows it."""
    text = index_page(make.realistic())

    assert "default-src &#x27;none&#x27;" in text
    assert text.index("Content-Security-Policy") < text.index("<link")
    assert '<html lang="en">' in text
    assert 'name="viewport"' in text


def test_headings_go_down_one_step_at_a_time(many):
    """Screen readers move by them."""
    for report in many:
        levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", index_page(report))]
        assert 1 == levels[0]
        assert 1 == levels.count(1)
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_picture_is_described_and_every_table_named(many):
    """Those that only decorate are hidden; cells know their heads, also when rows are stacked."""
    for report in many:
        top = page(report)
        for drawn in every(top, "svg"):
            if drawn[1].get("aria-hidden") != "true":
                assert "img" == drawn[1]["role"]
                assert words(every(drawn, "title")[0]).strip()
                assert words(every(drawn, "desc")[0]).strip()
        for table in every(top, "table"):
            assert words(every(table, "caption")[0]).strip()
            assert {"col"} == {th[1]["scope"] for th in every(every(table, "thead")[0], "th")}
            heads = [words(th) for th in every(every(table, "thead")[0], "th")]
            for row in every(table, "tr")[1:]:
                assert "row" == row[2][0][1]["scope"]
                assert len(heads) == len(row[2])
                assert all(cell[1]["data-label"] for cell in row[2][1:])


def test_the_same_report_gives_the_same_bytes(make, two_candidates):
    """Also when it comes out of report.json."""
    for report in (make.measured(), two_candidates):
        assert index_page(report) == index_page(report)
        assert index_page(report) == index_page(from_json(to_json(report)))


def test_the_index_does_not_grow_with_the_cases(make):
    """It counts and draws; the cases have their own pages."""
    few, many = (
        replace(
            make.realistic(),
            candidates=(
                replace(
                    make.realistic().candidates[0],
                    outcomes=tuple(make.pair(f"c{i}", lost=i % 9 == 0) for i in range(count)),
                ),
            ),
        )
        for count in (200, 4000)
    )

    assert len(index_page(many)) < len(index_page(few)) + 500


# --- hostile text ------------------------------------------------------------------------------


def test_hostile_text_stays_text(make, hostile_text):
    """It is shown, cleaned and cut with a word, and makes no element and no attribute."""
    harmless = make.hostile("plain words")
    found, fair = (read_page(index_page(r)) for r in (make.hostile(hostile_text), harmless))

    assert [] == live(found)
    assert set(fair.elements) >= set(found.elements) - {"wbr"}
    assert set(fair.attributes) >= set(found.attributes)
    beginning = clean(hostile_text[:40]).split("\n")[0].strip()[:20]
    if beginning and not beginning.startswith(("::", "##")):
        assert beginning in found.text
    assert not make.UNPRINTABLE.search(re.sub(r"\s", "", found.text))


# --- what it says ------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", Verdict)
def test_the_banner_says_the_verdict_in_a_word(make, verdict):
    """With a sign and a colour; the word is enough."""
    report = make.realistic()
    candidate = replace(report.candidates[0], verdict=verdict)
    top = page(replace(report, candidates=(candidate,)))
    (banner,) = [s for s in every(top, "section") if "banner" in s[1].get("class", "")]

    assert verdict.word in words(banner)
    assert f"is-{verdict.value.replace(' ', '-')}" in banner[1]["class"]
    assert verdict.word in words(every(top, "title")[0])


def test_the_banner_says_what_broke_and_leads_there(make):
    """The worst budget, what to do, and the regressed cases of the cohorts with most of them."""
    top = page(make.realistic())
    (banner,) = [s for s in every(top, "section") if "banner" in s[1].get("class", "")]
    text = words(banner)

    assert "tool-calling / tool_call: 31 of 160 regressed" in text
    assert "What to do: " in text
    assert "Read 38 regressed cases side by side: tool-calling 31, regulated 7" in text
    assert every(banner, "a")[0][1]["href"].endswith("#regressed")
    assert "567 cases in 3 cohorts" in text


def test_without_a_candidate_nothing_is_green(empty_report):
    """The page is there, and says that nothing was judged."""
    text = words(page(empty_report))

    assert "ERROR" in text
    assert "Nothing was judged" in text
    assert "PASS" not in text


def test_budgets_stand_worst_first(make):
    """What broke is on top, with levels, interval, budget and evidence."""
    found = rows(page(make.realistic()), "Budgets of awq-int4: shares of cases")

    assert ["tool-calling / tool_call", "all / all", "regulated / citations", "faq / contains"] == [
        re.sub(r"\d+ of .*", "", row[0]) for row in found
    ]
    first = found[0]
    assert ["160", "100.0%", "80.6%"] == first[1:4]
    assert "+19.4 pt [13.6, 26.4]" == first[4]
    assert "10 pt" == first[6]
    assert "FAIL" in first[7]
    assert "4.1e5 : 1" in first[7]


def test_rows_without_a_difference_come_first_where_they_spoil_the_rest(make):
    """An ERROR is not hidden below bars that mean nothing."""
    for verdict, first in ((Verdict.PASS, False), (Verdict.ERROR, True)):
        report = make.realistic()
        candidate = report.candidates[0]
        broken = replace(candidate.budgets[0], verdict=verdict, reason="half of it is missing")
        candidate = replace(candidate, budgets=(broken, *candidate.budgets[1:]))
        captions = [
            words(caption)
            for caption in every(page(replace(report, candidates=(candidate,))), "caption")
        ]
        budgets = [text for text in captions if text.startswith("Budgets")]
        assert first == budgets[0].endswith("without a difference to show")


def test_the_table_of_cohorts_counts_every_case_once(make):
    """And says where its requests should go."""
    report = make.measured()
    found = {row[0]: row for row in rows(page(report), "Cohorts of awq-int4")}
    mine = entries(report.candidates[0])

    assert set(mine) == set(found)
    for cohort, row in found.items():
        counts = [int(re.match(r"[\d,]+", cell)[0].replace(",", "")) for cell in row[1:7]]
        assert counts[0] == sum(counts[1:]) == len(mine[cohort])
    assert "31" == re.match(r"\d+", found["tool-calling"][2])[0]
    assert found["faq"][7] == "awq-int4"
    assert found["tool-calling"][7].startswith("bf16")


def test_many_budgets_that_passed_are_folded(make):
    """What did not pass is never folded, and every row is there once."""
    report = make.realistic()
    (candidate,) = report.candidates
    passed = [replace(candidate.budgets[2], cohort=f"cohort-{i:02d}") for i in range(SHOWN + 9)]
    failed = [replace(candidate.budgets[4], cohort=f"lost-{i:02d}") for i in range(SHOWN + 3)]
    for budgets, kept in ((passed, SHOWN), ([*passed, *failed], SHOWN + 3)):
        top = page(replace(report, candidates=(replace(candidate, budgets=tuple(budgets)),)))
        hidden = [d for d in every(top, "details") if "more budgets that passed" in words(d)]
        (folded,) = [every(d, "tr")[1:] for d in hidden]
        rest = len(budgets) - kept
        assert words(every(hidden[0], "summary")[0]) == f"{rest} more budgets that passed"
        assert len(folded) == rest
        assert all("PASS" in words(row) for row in folded)
        told = words(top)
        assert all(f"{row.cohort} / {row.check}" in told for row in budgets)


def silent(make, count):
    """The realistic report in which some cases of a cohort got no answer of the candidate."""
    report = make.realistic()
    (candidate,) = report.candidates
    gone = [o for o in candidate.outcomes if o.cohort == "tool-calling"][:count]
    mishaps = [replace(make.realistic_mishaps()[0], case=o.case) for o in gone]
    return replace(report, candidates=(replace(candidate, mishaps=tuple(mishaps)),))


def test_a_case_without_an_answer_is_not_called_regressed(make):
    """Budgets count it as wrong; but there is nothing to read side by side."""
    for count in (5, 160):
        report = silent(make, count)
        top = page(report)
        left = max(0, 31 - count) + 7
        found = {row[0]: row for row in rows(top, "Cohorts of awq-int4")}
        assert f"Read {left} regressed cases side by side" in words(top)
        assert str(count) == re.match(r"\d+", found["tool-calling"][3])[0]
        assert left == len(regressed_cases(report.candidates[0]))


def test_no_odds_where_nothing_is_sound(make):
    """Of an error it is not said how likely a loss is."""
    report = make.realistic()
    assert "Evidence of the whole run" in words(page(report))
    for verdict in (Verdict.ERROR, Verdict.NOT_COMPARABLE):
        candidate = replace(report.candidates[0], verdict=verdict)
        assert "Evidence of the whole run" not in words(
            page(replace(report, candidates=(candidate,)))
        )


def test_critical_cases_that_failed_once_are_named(make):
    """They fail nothing, and yet somebody should look at them."""
    report = make.realistic()
    (candidate,) = report.candidates
    outcomes = [
        replace(o, critical=True, confirmation=(3, 2)) if i < 7 else o
        for i, o in enumerate(candidate.outcomes)
    ]
    text = words(page(replace(report, candidates=(replace(candidate, outcomes=tuple(outcomes)),))))

    assert (
        "Critical, failed once, but not in two of three runs: refund-order-0, refund-order-1, "
        "refund-order-2, refund-order-3, refund-order-4, 2 more"
    ) in text


def test_missing_evidence_is_grouped_by_kind(make):
    """Each kind and arm once, with how often, where, and an example."""
    found = rows(page(make.realistic()), "without evidence")

    assert [["TransportError", "candidate", "7"], ["EmptyCompletion", "baseline", "1"]] == [
        row[:3] for row in found
    ]
    assert "timed out after 60 s" in found[0][4]
    assert "golden/tools.quant.yaml:700" in found[0][4]


def test_many_messages_and_cohorts_of_one_kind_are_counted(make):
    """What is not shown is said to be left out."""
    report = make.realistic()
    mishap = make.realistic_mishaps()[0]
    several = tuple(
        replace(mishap, cohort=f"cohort-{i}", message=f"time was up after {i} s") for i in range(5)
    )
    candidate = replace(report.candidates[0], mishaps=several)
    (row,) = rows(page(replace(report, candidates=(candidate,))), "without evidence")

    assert row[3] == "cohort-0, cohort-1, cohort-2 and 2 more"
    assert "4 other messages" in row[4]


def test_notes_metrics_and_servers_are_told(make):
    """In the words that the terminal uses."""
    report = make.measured()
    served = {"bf16": {"memory_bytes": 2**34}, "awq-int4": {"memory_bytes": 2**32}}
    text = words(page(replace(report, provenance={**report.provenance, "served_as": served})))

    assert "39 of 560 checks got worse and 2 better: 7.3 % differ" in text
    assert "Early warning: the model is less sure of the right answer" in text
    assert "int4 awq, confirmed by the server" in text
    assert "memory 16.0 GiB -> 4.0 GiB" in text
    assert "Every metric, over all cases (9)" in text
    assert "Sequential: stopped at look 1 of 5" in text


def test_what_made_the_run_easier_to_pass_stands_in_the_banner(two_candidates):
    """Once, though each candidate tells it, and not again among the other findings."""
    told = "Changed since an earlier run: budget loosened from 4 pt to 6 pt; no reason given"
    both = [replace(c, notes=("a note", told)) for c in two_candidates.candidates]
    found = page(replace(two_candidates, candidates=tuple(both)))
    (banner,) = (s for s in every(found, "section") if "banner" in s[1].get("class", ""))

    assert told in words(banner)
    assert 1 == words(found).count("budget loosened")
    assert 2 == words(found).count("a note")


def test_regions_have_names_of_their_own(make, two_candidates):
    """Somebody who hears the page is not led to two tables of one name."""
    timed = tuple(
        replace(c, measurements=make.measured().candidates[0].measurements)
        for c in two_candidates.candidates
    )
    found = page(replace(two_candidates, candidates=timed))
    regions = [d[1]["aria-label"] for d in every(found, "div") if d[1].get("role") == "region"]

    assert 1 < sum("quantiles" in name for name in regions)
    assert len(regions) == len(set(regions))


def test_a_long_record_is_cut_with_a_word(make):
    """The rest stands in report.json, and how much it is."""
    report = make.realistic()
    short = words(page(report))
    long = words(page(replace(report, provenance={**report.provenance, "more": ["x" * 60_000]})))

    assert "stand in report.json" not in short
    assert re.search(r"\[\d{5} more characters stand in report\.json\]", long)


def test_the_facts_of_a_run_are_in_words(make):
    """Rounded; the record below has keys and numbers in full."""
    told = {
        "seconds": 5.458283200998267,
        "whole": True,
        "golden_hash": "ab" * 32,
        "cases": 1240,
        "odd_key": 2.00001,
        "odd_flag": False,
        "nan": math.nan,
        "pytest_quantguard": "0.1.0",
    }
    top = page(replace(make.realistic(), provenance=told))
    terms = [words(text) for text in every(top, "dt")]
    facts = dict(zip(terms, (words(text) for text in every(top, "dd")), strict=True))

    assert facts == {
        "Time taken": "5.5 s",
        "Cases": "1,240",
        "All cases of the golden set were asked": "yes",
        "SHA-256 of the golden set": "ab" * 32,
        "pytest-quantguard": "0.1.0",
        "odd key": "2",
        "odd flag": "no",
        "nan": "unknown",
    }
    assert "Tries in all" in words(top)


def test_a_run_of_old_or_odd_provenance_is_shown(make):
    """What is not as we write it is left out, and never fails."""
    odd = {
        "started": "yesterday",
        "seconds": True,
        "remarks": "one",
        "requests": [1],
        "cases": None,
    }
    text = words(page(replace(make.realistic(), provenance=odd)))

    assert "567 cases in 3 cohorts" in text
    assert "yesterday" in text  # in the record
    assert "UTC" not in text


# --- several candidates ------------------------------------------------------------------------


def test_several_candidates_stand_in_a_matrix(make, two_candidates):
    """Cohort by candidate: the verdict that decides, and the loss it is about."""
    first, second = two_candidates.candidates
    only = replace(second, outcomes=(), mishaps=(), budgets=(second.budgets[1],))
    top = page(replace(two_candidates, candidates=(first, only)))
    found = {row[0]: row[1:] for row in rows(top, "Verdict of each cohort")}

    assert ["all cohorts together", "faq", "regulated", "tool-calling"] == list(found)
    assert "FAIL" in found["tool-calling"][0]
    assert "+19.4 pt, tool_call" in found["tool-calling"][0]
    assert found["faq"][1] == "not asked"
    assert "+6.4 pt" in found["all cohorts together"][1]


def test_the_routes_of_a_candidate_are_those_of_the_run(two_candidates):
    """Who serves a cohort is the same in every table, and in the sentence above them."""
    first, second = two_candidates.candidates
    dead = replace(second, verdict=Verdict.ERROR, budgets=(), outcomes=(), mishaps=())
    for candidates, serves, why in (
        ((first, second), "awq-int4", "gptq-int4 is shown to be safe here too"),
        ((first, dead), "bf16", "the run ended in an error"),
    ):
        report = replace(two_candidates, candidates=candidates)
        top = page(report)
        (faq,) = [row for row in rows(top, "Verdict of each cohort") if row[0] == "faq"]
        assert faq[-1].startswith(serves)
        assert {route.cohort: route.variant for route in rollout(report).routes}["faq"] == serves
        told = [
            row[7]
            for name in ("awq-int4", "gptq-int4")[: 2 if candidates[1] is second else 1]
            for row in rows(top, f"Cohorts of {name}:")
            if row[0] == "faq"
        ]
        assert all(text.startswith(serves) for text in told)
        assert any(why in text for text in told)


def test_one_candidate_needs_no_matrix(make):
    """Nothing is compared with itself."""
    assert "side by side:" in words(page(make.realistic()))
    assert "Candidates side by side" not in words(page(make.realistic()))


def test_the_headline_counts_candidates(two_candidates):
    """One that passed is not lost among those that did not."""
    first, second = two_candidates.candidates
    good = replace(second, verdict=Verdict.PASS)
    text = words(page(replace(two_candidates, candidates=(first, good))))

    assert "1 of 2 candidates may replace bf16" in text
    assert "None of 2 candidates may replace bf16" in words(page(two_candidates))


def test_a_report_without_any_case_is_a_page(make):
    """Everything of it is said to be missing."""
    candidate = replace(
        make.realistic().candidates[0], outcomes=(), mishaps=(), budgets=(), verdict=Verdict.ERROR
    )
    report = GateReport(baseline=make.BASELINE, candidates=(candidate,), provenance={})
    text = words(page(report))

    assert "No case was asked." in text
    assert "The verdict on this candidate is ERROR." in text
    assert [] == live(read_page(index_page(report)))
