"""The pages of the cases: what stands on them, in which order, and what is said to be missing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from html_pages import live, read_page
from pytest_quantguard._sanitize import clean
from pytest_quantguard.pairs import PairedMeasurement
from pytest_quantguard.reporters import _views, html
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters.html import _asked, _columns, _compare, _filters
from pytest_quantguard.reporters.html._case import anchor_of
from pytest_quantguard.reporters.html._entries import STATUSES
from pytest_quantguard.reporters.html.cases import HELD, PAGE_BYTES, PAGE_CASES, case_pages, page_of
from pytest_quantguard.types import Completion, Outcome, Swaps, ToolCall, Usage
from pytest_quantguard.verdicts import CandidateReport, GateReport, Verdict

COHORTS = _views.cohorts
STYLES = (Path(html.__file__).parent / "cases.css").read_text("utf-8")
SCRIPT = (Path(html.__file__).parent / "filter.js").read_text("utf-8")


def gate(make, outcomes, **more):
    """A report of these outcomes and nothing else."""
    candidate = CandidateReport(
        variant=make.AWQ, verdict=Verdict.FAIL, outcomes=tuple(outcomes),
        **{"budgets": (), "mishaps": (), "log_evidence": 0.0, **more},
    )  # fmt: skip
    return GateReport(baseline=make.BASELINE, candidates=(candidate,), provenance={})


def said(one, other, request=None):
    """Texts of which the baseline's is ``one``."""
    made = [Completion(text=t) if isinstance(t, str) else t for t in (one, other)]
    return Texts(lambda key: made[key.startswith("c:")], lambda key: request)


def the_page(make, one, other, request=None, **more):
    """The only page of a report with one lost case."""
    ((_, page),) = case_pages(
        gate(make, [make.pair("one", lost=True, **more)]), said(one, other, request)
    )
    return page


def sections(page):
    """The statuses of a page, in the order of their sections."""
    return re.findall(r'<section id="([a-z-]+)"', page)


def cases_in(page):
    """Ids of the cases of a page, in their order."""
    return re.findall(r'<(?:article|li) id="((?:case|other)-[^"]+)"', page)


def marks(page, element):
    """What is marked on one side, inner marks taken out."""
    return [re.sub("</?b>", "", m) for m in re.findall(f"<{element}[^>]*>(.*?)</{element}>", page)]


# --- order and paging -----------------------------------------------------------------------------


def test_what_broke_comes_first_and_what_held_last(make):
    """Regressed, without evidence, improved, wrong in both, held; the critical before the rest."""
    both = Outcome.of(["wrong"])
    wrong = replace(make.pair("d-wrong"), baseline=both, candidate=both)
    half = Outcome(value=0.5, violations=("half",), repeats=(1.0, 0.0))
    outcomes = [
        make.pair("a-held"), wrong, make.pair("c-won", won=True),
        replace(make.pair("half-lost", lost=True), candidate=half), make.pair("lost", lost=True),
        make.pair("critical", lost=True, critical=True),
    ]  # fmt: skip
    mishap = replace(make.realistic_mishaps()[0], case="b-silent")

    ((_, page),) = case_pages(gate(make, outcomes, mishaps=(mishap,)), said("one", "other"))

    assert list(STATUSES) == sections(page)
    names = ["critical", "lost", "half-lost", "b-silent", "c-won", "d-wrong", "a-held"]
    assert [f"case-{name}" for name in names] == cases_in(page)


def test_a_case_stands_once_with_all_its_checks(make):
    """Checks of one case share an entry: lost ones first, each with its sentences."""
    outcomes = [
        make.pair("one", check="contains"),
        make.pair("one", check="json", lost=True, violations=["not JSON"]),
        make.pair("one", check="length", lost=True, violations=["too long", "by far"]),
    ]
    ((_, page),) = case_pages(gate(make, outcomes), said("one", "other"))
    text = read_page(page).text

    assert ["case-one"] == cases_in(page)
    assert text.index("json: holds in bf16, not in awq-int4") < text.index(
        "contains: holds in both"
    )
    assert all(sentence in text for sentence in ("not JSON", "too long", "by far"))


def many(make, lost=0, won=0, held=0, size=10):
    """The pages of a cohort with so many cases, by their names."""
    outcomes = [
        make.pair(
            f"case-{number:05d}", cohort="faq", lost=number < lost, won=won > number - lost >= 0
        )
        for number in range(lost + won + held)
    ]
    answer = "Up to 14 days, says the leaflet. " * (size // 33 + 1)
    return dict(case_pages(gate(make, outcomes), said(answer, f"{answer} 15")))


def test_many_cases_are_paged(make):
    """At most so many on a page, each case on one page, and every page led to from the first."""
    pages = many(make, lost=210)

    found = [case for page in pages.values() for case in cases_in(page)]
    assert 210 == len(found) == len(set(found))
    names = [page_of(0, "faq", number) for number in (1, 2, 3)]
    assert set(names) == set(pages)
    assert [100, 100, 10] == [len(cases_in(pages[name])) for name in names]
    assert set(names[1:]) <= set(read_page(pages[names[0]]).links)
    for name, told in zip(names, ("1-100", "101-200", "201-210"), strict=True):
        assert f"cases {told} of 210" in read_page(pages[name]).text
    assert "Regressed, continued" in pages[names[1]]


def test_held_cases_take_little_room(make):
    """A line each: a page takes many times more of them."""
    pages = many(make, held=PAGE_CASES * HELD + 10)

    assert PAGE_CASES * HELD == len(cases_in(pages[page_of(0, "faq")]))
    assert 10 == len(cases_in(pages[page_of(0, "faq", 2)]))


def test_a_page_is_not_too_large(make):
    """Long texts make for fewer cases on a page."""
    pages = many(make, lost=30, size=_compare.SHOWN - 200)

    sizes = [len(page.encode()) for page in pages.values()]
    assert 2 == len(pages)
    assert PAGE_BYTES < max(sizes) < PAGE_BYTES + 100_000
    assert 30 == sum(len(cases_in(page)) for page in pages.values())


def test_the_first_page_says_where_each_part_begins(make):
    """The index leads to the parts by their names: those of later pages are named on the first."""
    pages = many(make, lost=100, won=10)
    first, second = (pages[page_of(0, "faq", number)] for number in (1, 2))

    assert (["regressed"], ["improved"]) == (sections(first), sections(second))
    assert set(STATUSES) <= set(read_page(first).ids)
    link = f'href="{page_of(0, "faq", 2)}#improved"><strong>10</strong> improved</a>'
    assert f'<li id="improved" class="s-improved"><a {link}' in first


def test_every_cohort_has_a_page_that_nothing_else_has(make, two_candidates):
    """One first page for each candidate and cohort, also where nothing was asked."""
    names = [name for name, _ in case_pages(two_candidates, make.REALISTIC_TEXTS)]

    wanted = {page_of(n, c) for n in (0, 1) for c in ("faq", "regulated", "tool-calling")}
    assert wanted <= set(names)
    assert len(names) == len(set(names))
    assert page_of(0, "Ä b") != page_of(0, "ä-b") != page_of(0, "ä b")
    assert re.fullmatch(r"1-[a-z0-9-]+\.html", page_of(0, "../../\u202e\ud800" + "x" * 300))
    row = make.row([], cohort="empty", check=None, max_drop=0.1, verdict=Verdict.ERROR, reason="x")
    ((name, page),) = case_pages(gate(make, [], budgets=(row,)), make.REALISTIC_TEXTS)
    assert page_of(0, "empty") == name
    assert "No case of this cohort was asked." in page


def test_the_same_report_makes_the_same_bytes(make, two_candidates):
    """Nothing depends on chance, time or memory."""
    pages = [list(case_pages(two_candidates, make.REALISTIC_TEXTS)) for _ in range(2)]

    assert pages[0] == pages[1]


# --- side by side ---------------------------------------------------------------------------------


def test_prose_is_compared_word_by_word(make):
    """What one side alone says is marked there, the first place with a class of its own."""
    page = the_page(make, "Refund the blue parcel now.", "Refund the lost parcel later.")

    assert ["blue", "now"] == marks(page, "del")
    assert ["lost", "later"] == marks(page, "ins")
    assert '<del class="first">blue</del>' in page
    assert 1 == page.count('<ins class="first">')


def test_tool_calls_are_compared_line_by_line(make):
    """The realistic order number: digits in a line of its own, the rest of the call unmarked."""
    outcome = make.pair("refund-order-1", lost=True)
    ((_, page),) = case_pages(gate(make, [outcome]), make.REALISTIC_TEXTS)

    assert ["88213-A"] == marks(page, "del")
    assert ["88213A"] == marks(page, "ins")
    assert '<del class="first">88213<b>-</b>A</del>' in page
    assert 1 == page.count('class="line first"')
    assert "88213" in read_page(page).text


def test_json_in_another_order_of_keys_is_the_same(make):
    """It is said, and nothing is marked."""
    page = the_page(make, '{"a": 1, "b": 2}', '{"b": 2, "a": 1}')

    assert [] == marks(page, "del") + marks(page, "ins")
    assert "The same JSON values, written differently." in page


def test_the_order_of_the_baseline_is_said(make):
    """Where values differ, too, the reader learns that lines were moved."""
    page = the_page(make, '{"a": 1, "b": 2}', '{"b": 3, "a": 1}')

    assert "in another order; shown in that of the baseline" in page
    assert ["2"] == marks(page, "del")


def test_broken_json_falls_back_to_words(make):
    """An answer that was cut is compared as text, and its end is marked on its own side, too."""
    page = the_page(make, '{"a": 1, "b": [2, 3]}', '{"a": 1, "b": [2')

    assert [", 3]}"] == [mark.replace("&quot;", '"') for mark in marks(page, "del")]
    assert '<span class="here"></span>' in page
    assert 'class="words"' in page


def test_arguments_that_are_no_object_are_said(make):
    """The reader learns which call of which arm is broken."""
    one, other = (
        Completion(text="", tool_calls=(ToolCall(name="pay", arguments_text=text),))
        for text in ('{"sum": 12}', '{"sum": 12')
    )
    page = the_page(make, one, other)

    assert "The arguments of the tool call are no JSON object in the candidate." in page
    assert "no JSON object in the baseline" not in page


def test_calls_of_one_name_stand_beside_each_other(make):
    """A call that is missing leaves the others where they are."""

    def calls(*names):
        made = tuple(ToolCall(name=name, arguments_text="{}") for name in names)
        return Completion(text="", tool_calls=made)

    page = the_page(make, calls("look", "pay", "mail"), calls("look", "mail"))

    assert ["pay({})"] == marks(page, "del")
    assert [] == marks(page, "ins")


def test_same_texts_are_said_to_be_the_same(make):
    """One text, across both columns, without marks."""
    page = the_page(make, "the very same", "the very same")

    assert "Both arms said the same, word for word" in page
    assert 1 == page.count("the very same")
    assert 'colspan="2"' in page


def test_missing_texts_are_said_to_be_missing(make):
    """Which arm's text is not there; the other's is shown."""
    page = the_page(make, "what the baseline said", None)

    assert 1 == page.count("This text is not here")
    assert "what the baseline said" in page
    assert "What was asked is not kept" in page
    assert 2 == the_page(make, None, None).count("This text is not here")


def test_texts_that_differ_unseen_are_said_to(make):
    """Ends of lines of two kinds look alike."""
    assert "They differ in what is not seen here" in the_page(make, "a\r\nb", "a\nb")


def test_a_refusal_has_a_row_of_its_own(make):
    """The API's refusal field is compared, too."""
    page = the_page(make, "Sure.", Completion(text="", refusal="I cannot do that."))

    assert "refusal" in read_page(page).text
    assert ["Sure."] == marks(page, "del")
    assert ["I cannot do that."] == marks(page, "ins")


def test_reasoning_is_folded(make):
    """What was thought is there for those who ask."""
    page = the_page(
        make, Completion(text="4", reasoning="two and two"), Completion(text="5", reasoning="")
    )

    assert "<summary>Reasoning</summary>" in page
    assert "two and two" in page


# --- nothing is lost without a word ---------------------------------------------------------------


def test_a_huge_text_is_cut_and_says_so(make):
    """Of ten megabytes so much is shown, around the first difference; the rest is counted."""
    after = " ".join(map(str, range(500_000)))
    one = "a " * 3_000_000 + "baseline " + after
    other = one.replace("baseline", "candidate")
    page = the_page(make, one, other)

    start = 6_000_000 - _compare.BEFORE
    assert f"{start:,} characters before this, the same in both, are not shown." in page
    rest = len(one) - start - _compare.SHOWN
    assert f"Not shown: {rest:,} more characters of the baseline and {rest:,} more" in page
    assert "of the candidate, the same in both; report.json holds the whole text" in page
    assert (["baseline"], ["candidate"]) == (marks(page, "del"), marks(page, "ins"))
    assert len(page) < 100_000


def test_a_long_prompt_is_cut_and_says_so(make):
    """A message longer than what is shown is counted, and folded by itself."""
    body = "p" * (_asked.SHOWN + 5)
    page = the_page(make, "a", "b", {"messages": [{"role": "system", "content": body}]})

    assert "[5 more characters are not shown; report.json]" in page
    assert f"{len(body):,} characters</summary>" in page


def test_what_was_asked_is_folded_with_all_its_parts(make):
    """Roles, texts, tools and parameters; the question is seen while it is folded."""
    tool = {"type": "function", "function": {"name": "refund_order", "parameters": {"x": 1}}}
    request = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call-7"}]},
            {"role": "user", "content": [{"type": "text", "text": "Refund it."}, {"image": "i1"}]},
        ],
        "tools": [tool],
        "temperature": 0.25,
    }  # fmt: skip
    text = read_page(the_page(make, "a", "b", request)).text

    for part in ("Be brief.", "call-7", "Refund it.", "i1", "refund_order", "0.25", "3 messages"):
        assert part in text


def test_everything_about_a_case_is_there(make):
    """Place, tags, weight, repeats, parts, further runs, judges and measurements of both arms."""
    full = make.measurements()[0]
    swaps = Swaps(by="judge-1", compared=3, contradicted=1)
    lost = Outcome(value=0.0, violations=("bad",), repeats=(0.0, 0.25), layers={"name": 0.5})
    lost = replace(lost, swaps=swaps)
    held = Outcome(value=1.0, layers={"name": 1.0})
    outcome = replace(
        make.pair("one", lost=True, critical=True), baseline=held, candidate=lost, weight=2.5,
        tags=("pii", "smoke"), confirmation=(3, 1),
    )  # fmt: skip
    fast = replace(full.candidate, latency_s=0.5, completion_tokens=99.0)
    measured = PairedMeasurement(
        variant="awq-int4", case="one", cohort="tool-calling", baseline=full.baseline,
        candidate=fast, divergence=full.divergence,
    )  # fmt: skip
    other = Completion(text="b", finish_reason="length", usage=Usage(completion_tokens=99))
    ((_, page),) = case_pages(gate(make, [outcome], measurements=(measured,)), said("a", other))
    text = read_page(page).text

    for part in (
        "golden/tools.quant.yaml:12", "critical", "#pii", "#smoke", "weight 2.5",
        "candidate 0, 0.25", "name 100.0% -> 50.0%",
        "held in 3 of 3 runs of the baseline, 1 of the candidate",
        "judged by judge-1: 3 compared in both orders, 1 contradicted", "920 ms", "500 ms",
        "first token after 125 ms", "99 tokens", "ended by length", "KL divergence 0.031 nats",
    ):  # fmt: skip
        assert part in text


def test_a_mishap_is_no_evidence(make):
    """What happened is said; the case is never among those that held."""
    mishap = replace(make.realistic_mishaps()[0], case="one")
    ((_, page),) = case_pages(gate(make, [make.pair("one", check="json")], mishaps=(mishap,)),
                              said("a", "b"))  # fmt: skip

    assert ["no-evidence"] == sections(page)
    assert "no evidence, TransportError in the candidate: no complete answer" in page
    assert "Its texts are not kept" in page


# --- choosing -------------------------------------------------------------------------------------


def test_filters_know_checks_by_classes_of_ours(make):
    """A check's name is text on its button; what the rules know is a number."""
    bad = '"]:checked) body { display: none }'
    outcomes = [make.pair("one", lost=True, check=bad), make.pair("two", lost=True, check="json")]
    ((_, page),) = case_pages(gate(make, outcomes), said("a", "b"))

    assert 'class="case s-regressed k1"' in page
    assert 'class="case s-regressed k2"' in page
    assert {"check-all", "check-k1", "check-k2"} <= set(read_page(page).ids)
    assert '"]' not in re.sub(r"<[^>]*>", "", page)


def test_the_style_sheet_has_a_rule_for_every_choice():
    """What can be pressed works without a script."""
    for status in STATUSES:
        assert f"main:has(#status-{status}:checked)" in STYLES
    for number in range(1, _filters.CHECKS + 1):
        assert f"main:has(#check-k{number}:checked)" in STYLES


def test_more_checks_than_rules_are_said():
    """Buttons that would do nothing are not there."""
    classes = _filters.classes_of_checks(f"check-{n}" for n in range(_filters.CHECKS + 3))
    page = read_page(_filters.filters(classes))

    assert f"check-k{_filters.CHECKS}" in page.ids
    assert f"check-k{_filters.CHECKS + 1}" not in page.ids
    assert "3 more checks" in page.text


def test_style_and_script_fetch_nothing_and_build_nothing():
    """No outside resource, and no markup made of text."""
    assert not re.search(r"url\(|@import|//[a-z]", STYLES)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|fetch|http", SCRIPT
    )


# --- hostile text ---------------------------------------------------------------------------------


def test_hostile_text_stays_text(make, hostile_text):
    """Wherever it stands it is cleaned text, and the page is whole."""
    for name, page in case_pages(make.hostile(hostile_text), make.saying(hostile_text)):
        found = read_page(page)

        assert [] == live(found), name
        assert max(found.ids.values()) == 1
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202e\u2066]", page)
        assert re.fullmatch(r"1-[a-z0-9-]+\.html", name)


def test_hostile_answers_are_shown_in_full(make, hostile_text):
    """Both texts of up to so many characters stand there, cleaned, whatever they hold."""
    body = hostile_text[: _compare.SHOWN]
    page = read_page(the_page(make, f"before {body}", f"{body} after"))

    assert clean(f"before {body}"[: _compare.SHOWN]) in page.text or not body
    assert [] == live(page)


def test_hostile_names_make_safe_anchors(make):
    """An id is made of the name where it is plain, else of its hash: always one and the same."""
    assert "case-refund-order-4" == anchor_of("refund-order-4")
    for name in ("a b", "<x>", "\ud800", "", "x" * 200):
        assert re.fullmatch(r"other-[0-9a-f]{16}", anchor_of(name))
    assert anchor_of("a b") != anchor_of("a  b")


@pytest.mark.parametrize("name", ["realistic", "measured"])
def test_pages_are_whole(make, name):
    """Well-formed, one heading, ids once, links to what is there."""
    pages = dict(case_pages(getattr(make, name)(), make.REALISTIC_TEXTS))
    for page in pages.values():
        found = read_page(page)
        assert [] == live(found)
        assert 1 == max(found.ids.values())
        for link in found.links:
            file, _, anchor = link.partition("#")
            assert file in pages or file in ("", "../index.html") or file.startswith("../html/")
            target = read_page(pages[file]) if file in pages else found
            assert not anchor or anchor in target.ids, link


def test_a_candidate_without_an_answer_is_not_said_to_fail_the_check(make):
    """The mishap says what happened, once, and that it counts; what the baseline said is there."""
    mishap = replace(make.realistic_mishaps()[0], case="one")
    gone = make.pair("one", lost=True, violations=["no answer: timed out"])
    texts = Texts(lambda key: Completion(text="said") if key.startswith("b:") else None)
    ((_, page),) = case_pages(gate(make, [gone], mishaps=(mishap,)), texts)
    text = read_page(page).text

    assert ["no-evidence"] == [status for status in sections(page) if status in STATUSES]
    assert "holds in bf16" not in text
    assert "no evidence, TransportError in the candidate" in text
    assert "; counted as wrong" in text
    assert "There was no answer." in text
    assert "said" in text


def test_pages_of_the_same_text_are_folded_and_nothing_is_lost(make):
    """The differences stand near each other; the whole of both texts is on the page."""
    same = " ".join(f"word{i}" for i in range(900))
    page = the_page(make, f"old {same} end", f"new {same} stop")
    count = len(f" {same} ") - 2 * (_columns.SAME_SHOWN // 4)
    folds = re.findall(r'<details class="same"><summary>([^<]+)</summary>', page)

    assert [f"{count:,} characters, the same in both"] * 2 == folds
    bare = re.sub("<summary>[^<]+</summary>|<[^>]+>", "", page)
    assert f"old {same} end" in bare
    assert f"new {same} stop" in bare
    assert 'class="same"' not in the_page(make, f"old {same[:1500]}", f"new {same[:1500]}")


def test_long_texts_of_the_same_words_are_cut_at_the_same_place(make):
    """The nearest place that is alike: no difference is made up where one text was cut later."""
    same = "word " * 20_000
    page = the_page(make, same, f"{same[:50_000]}X{same[50_000:]}")

    assert ["Xword"] == [mark.strip() for mark in marks(page, "ins")]


def test_the_cohorts_of_a_candidate_are_looked_for_once(two_candidates, make, monkeypatch):
    """Not for each page, of all outcomes: pages and outcomes grow together."""
    asked = []
    monkeypatch.setattr(_views, "cohorts", lambda c: asked.append(c.variant.name) or COHORTS(c))
    pages = dict(case_pages(two_candidates, make.REALISTIC_TEXTS))

    assert len(pages) > len(asked) == 2
