"""What the user reads at the end of a run."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest

from pytest_quantguard._screen import Screen
from pytest_quantguard.reporters import terminal
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion
from pytest_quantguard.verdicts import Verdict

COMMAND = re.compile(r"^\s*(::|##)|##\w*\[", re.MULTILINE)


NOTHING = Texts(lambda key: None)


def shown(report, *, verbosity=0, texts=NOTHING, **screen):
    on = Screen(**{"width": 160, **screen})
    lines = terminal.render(report, on, verbosity=verbosity, texts=texts)
    assert not any("\n" in line for line in lines)
    return "\n".join(lines)


def test_a_budget_is_one_row_at_160_columns(make):
    """Rates, signed points, interval, budget, and the verdict with its odds."""
    text = shown(make.realistic())

    assert (
        "tool-calling  tool_call  160    100.0%      80.6%  +19.4 pt  [13.6, 26.4]   10 pt  "
        "FAIL (evidence 4.1e5 : 1)" in text
    )
    assert (
        "regulated     citations  160     98.8%      95.6%   +3.1 pt   [-0.4, 7.6]    5 pt  "
        "INCONCLUSIVE (needs about 130 more cases, or a budget of 7.6 pt)" in text
    )
    assert "faq           contains   240    100.0%     100.0%    0.0 pt" in text


def test_the_same_table_fits_into_80_columns(make):
    """Shorter heads, reasons below; every number stays."""
    text = shown(make.realistic(), width=80)

    assert max(map(len, text.split("\n"))) <= 80
    assert (
        "tool-calling tool_call 160 100.0%  80.6% +19.4 [13.6, 26.4]  10 pt FAIL\n"
        "    evidence 4.1e5 : 1\n" in text
    )


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 120, 160, 250])
@pytest.mark.parametrize("verbosity", [0, 1])
def test_no_line_is_wider_than_the_terminal(make, width, verbosity):
    """Also with names of 80 characters, which get a line of their own."""
    report = make.realistic()
    (candidate,) = report.candidates
    long = replace(candidate.budgets[-1], cohort="x" * 50, check="y" * 80)
    report = replace(report, candidates=(replace(candidate, budgets=(long,)),))

    for each in (make.realistic(), report):
        text = shown(each, width=width, verbosity=verbosity, texts=make.REALISTIC_TEXTS)
        assert max(map(len, text.split("\n"))) <= width
    assert ("y" * 40) in text.replace("\n", "")


def test_the_evidence_of_the_run_and_the_servers_word_follow_the_table(make):
    """One number for the whole run, and what the server says about its precision."""
    text = shown(make.realistic())

    assert "FAIL  awq-int4: evidence of a loss, whole run: 2.3e4 : 1 (a FAIL takes 100 : 1)" in text
    assert "Quantization: int4 awq, confirmed by the server" in text


def test_a_failure_by_the_runs_evidence_quotes_that(make):
    """A group whose own odds are below 100 : 1 fails because the whole run is beyond them."""
    assert "FAIL (evidence of the run 2.3e4 : 1)" in shown(make.realistic())


def test_mishaps_are_grouped_and_the_first_five_named(make):
    """Counts per kind; file:line first, so that editors and terminals link it."""
    text = shown(make.realistic())

    assert "Without evidence: 8\n  EmptyCompletion: 1\n" in text
    assert (
        "  TransportError: 7\n"
        "    golden/tools.quant.yaml:700 refund-order-160 (tool_call): candidate: "
        "no complete answer after 4 tries: timed out after 60 s\n" in text
    )
    assert "refund-order-164" in text
    assert "refund-order-165" not in text
    assert "    ... and 2 more" in text


def test_many_failed_budgets_share_the_room(make):
    """Ten cases of each would be pages that nobody reads; each has three, `-v` has them all."""
    report = make.realistic()
    (candidate,) = report.candidates
    row = next(r for r in candidate.budgets if r.verdict is Verdict.FAIL and r.check)
    for count, most in ((1, 10), (3, 10), (5, 6), (20, 3)):
        rows = [
            replace(
                row,
                check=f"check-{n}",
                regressed=tuple(replace(o, check=f"check-{n}") for o in row.regressed),
            )
            for n in range(count)
        ]
        found = replace(report, candidates=(replace(candidate, budgets=tuple(rows)),))
        parts = shown(found).split("\n\n")
        told = [part for part in parts if part.startswith("Regressed in ")]

        assert [most] * count == [text.count("  refund-order-") for text in told]
        assert f"... and {len(row.regressed) - most} more" in told[0]
        parts = shown(found, verbosity=1).split("\n\n")
        told = [part for part in parts if part.startswith("Regressed in ")]
        assert [len(row.regressed)] * count == [text.count("\n  refund-order-") for text in told]


def test_regressed_cases_are_named_once_and_the_critical_first(make):
    """Smallest group first; a wider budget only adds what has not been said."""
    text = shown(make.realistic())

    assert (
        "Regressed in tool-calling / tool_call: 31\n"
        "  refund-order-4 (critical)  golden/tools.quant.yaml:12  "
        "argument 'order_id' is '88213A', not '88213-A'\n" in text
    )
    assert "  ... and 21 more" in text
    assert "Regressed in all / all: 38, 31 of them counted above\n  dosage-0 (citations)" in text
    assert "Regressed in regulated" not in text
    assert text.count("refund-order-0 ") == 1


def test_a_critical_case_is_named_where_no_budget_failed(make):
    """One loss was said to be too many, so the reader must find it."""
    report = make.realistic()
    (candidate,) = report.candidates
    outcomes = (make.pair("a", lost=True, critical=True), make.pair("b", lost=True))
    candidate = replace(candidate, outcomes=outcomes, budgets=candidate.budgets[:1])
    text = shown(replace(report, candidates=(candidate,)))

    assert "Regressed although critical: 1\n  a (tool_call, critical)  golden/tools" in text
    assert "although critical" not in shown(report)


def test_texts_are_shown_only_when_asked(make):
    """Both answers with the first difference marked; the cache is not read for less."""

    def fail(key):
        raise AssertionError("read without need")

    assert '88213-A"' not in shown(make.realistic(), texts=Texts(fail))
    text = shown(make.realistic(), verbosity=1, texts=make.REALISTIC_TEXTS)

    assert (
        "    baseline, 80 characters, finish_reason tool_calls:\n"
        '    | call refund_order({"order_id": "88213-A", "reason": "the parcel never arrived"})\n'
        "    candidate, 79 characters, finish_reason tool_calls, differs from character 38 on:\n"
        '    | call refund_order({"order_id": "88213A", "reason": "the parcel never arrived"})\n'
        "    |                                      ^\n" in text
    )


def test_a_hundred_cases_are_shown_with_their_texts(make):
    """Those that a budget failed for, each once; without texts ten are named."""
    report = make.realistic()
    (candidate,) = report.candidates
    (row,) = (row for row in candidate.budgets if row.cohort == "tool-calling")
    many = tuple(replace(row.regressed[0], case=f"c{i}") for i in range(120))
    row = replace(row, regressed=many)
    report = replace(report, candidates=(replace(candidate, budgets=(row,), outcomes=many),))

    for verbosity, most in ((0, 10), (1, 100)):
        text = shown(report, verbosity=verbosity)
        assert len(re.findall(r"^  c\d+ ", text, re.MULTILINE)) == most
        assert f"\n  ... and {120 - most} more\n" in text


def test_a_lost_text_is_said(make):
    """The cache may have been cleared in between."""
    assert "    the texts are not in the cache" in shown(make.realistic(), verbosity=1)


def test_the_route_sends_a_cohort_to_the_candidate_only_where_it_passed(make):
    """Failed and undecided cohorts stay with the baseline, each with its reason."""
    assert (
        "Route: faq -> awq-int4; regulated -> bf16 (mirror only: not shown to be safe); "
        "tool-calling -> bf16 (fail)" in shown(make.realistic())
    )


def test_quiet_is_one_line_per_budget_that_did_not_pass(make):
    """Nothing else, so that a CI log of many candidates stays short."""
    text = shown(make.realistic(), verbosity=-1)

    assert text.split("\n") == [
        "FAIL awq-int4 all / all: 38 of 560 regressed, 2 improved; worse by 6.4 pt, budget 2 pt",
        "INCONCLUSIVE awq-int4 regulated / citations: 7 of 160 regressed, 2 improved; "
        "worse by 3.1 pt, budget 5 pt; needs about 130 more cases, or a budget of 7.6 pt",
        "FAIL awq-int4 tool-calling / tool_call: 31 of 160 regressed, 0 improved; "
        "worse by 19.4 pt, budget 10 pt",
    ]


def test_no_candidate_is_an_error(empty_report):
    """An empty report never looks like a pass, however quiet."""
    for verbosity in (-1, 0, 1):
        assert (
            shown(empty_report, verbosity=verbosity) == "quantguard: ERROR: no candidate was judged"
        )


def test_a_verdict_that_no_row_explains_is_shown(make):
    """A candidate without budgets that is an error says so."""
    report = make.realistic()
    (candidate,) = report.candidates
    bare = replace(candidate, verdict=Verdict.ERROR, budgets=(), outcomes=())
    report = replace(report, candidates=(bare,))

    assert shown(report, verbosity=-1) == "ERROR awq-int4"
    assert "\nERROR  awq-int4: nothing was compared\n" in shown(report)
    assert "awq-int4;" not in shown(report)


def test_an_error_without_numbers_has_a_row(make):
    """Columns that have no number stay empty."""
    report = make.hostile("the cache is gone")

    assert re.search(
        r"^all +evidence +0 +ERROR \(the cache is gone\)$", shown(report), re.MULTILINE
    )


def test_colour_marks_verdicts_and_nothing_without_being_asked(make):
    """Colour changes no column."""
    report = make.realistic()
    coloured = shown(report, colour=True)

    assert "\x1b[31;1mFAIL\x1b[0m (evidence 4.1e5 : 1)" in coloured
    assert "\x1b[32mPASS\x1b[0m" in coloured
    assert "\x1b[33mINCONCLUSIVE\x1b[0m" in coloured
    assert shown(report) == re.sub("\x1b\\[[0-9;]*m", "", coloured)


def test_two_candidates_have_a_table_each(two_candidates):
    """In the order given, with an empty line between them; what to do is said once for both."""
    text = shown(two_candidates)

    assert text.index("quantguard: awq-int4 against") < text.index("quantguard: gptq-int4 against")
    assert ["faq -> awq-int4;"] == re.findall(r"faq -> .*?;", text)
    for once in ("None of 2 candidates may replace bf16.\nAdvice: ", "\nRoute: "):
        assert text.count(once) == 1
        assert text.index(once) > text.rindex("Regressed in")


def test_hostile_text_commands_nothing(make, hostile_text):
    """No control character, no workflow command, no flood; the frame stays intact."""
    text = shown(make.hostile(hostile_text), verbosity=2, texts=make.saying(hostile_text), width=80)

    assert make.UNPRINTABLE.search(text.replace("\n", "")) is None
    assert COMMAND.search(text) is None
    assert len(text) < 12_000
    text.encode("utf-8")


@pytest.mark.parametrize("width", range(60, 100))
def test_wrapping_makes_no_command(make, width):
    """A word that is harmless inside a sentence may come to stand at a line's beginning."""
    text = shown(make.hostile("a few words ::error::boom and more of them ##x " * 5), width=width)

    assert COMMAND.search(text) is None


def test_a_terminal_without_unicode_gets_ascii(make):
    """Escapes instead of an encoding error in the middle of the report."""
    report = make.hostile("caf\u00e9 \u4f60\u597d")

    assert "caf\\xe9 \\u4f60\\u597d" in shown(report, encoding="ascii")
    assert shown(report, encoding="ascii", verbosity=2).isascii()
    assert "caf\u00e9 \u4f60\u597d" in shown(report)


@pytest.mark.parametrize("width", range(40, 121))
def test_the_heads_of_the_table_fit_where_every_verdict_is_short(make, width):
    """The word 'verdict' is longer than PASS."""
    report = make.realistic()
    (candidate,) = report.candidates
    rows = tuple(replace(row, verdict=Verdict.PASS) for row in candidate.budgets)
    report = replace(report, candidates=(replace(candidate, budgets=rows),))

    assert max(map(len, shown(report, width=width).split("\n"))) <= width


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gbk"])
def test_wide_and_escaped_characters_fit_too(make, encoding):
    """A character may take two columns, or six where it is escaped; what can be shown is."""
    report = make.hostile("\u4f60\u597d, \u4e16\u754c! " * 20)
    text = shown(report, width=80, encoding=encoding)

    lines = [line for line in text.split("\n") if line.startswith((" ", "#"))]
    assert len(lines) > 20
    wide = [sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in li) for li in lines]
    assert 70 < max(wide) <= 80
    assert ("\u4f60" in text) == (encoding != "ascii")
    assert text.encode(encoding)


@pytest.mark.parametrize(
    ("baseline", "candidate", "piece", "mark"),
    [
        ("abcdef", "abcXef", "| abcXef", "|    ^"),
        ("abc", "abcdef", "| abcdef", "|    ^"),
        ("abcdef", "abc", "| abc", "|    ^"),
        ("one\ntwo", "one\ntwX", "| twX", "|   ^"),
        ("a\x1bb", "a\x1bX", "| a\\x1bX", "|      ^"),
        ("\u4f60\u597d!", "\u4f60\u597d?", "| \u4f60\u597d?", "|     ^"),
    ],
)
def test_the_mark_stands_under_the_first_difference(make, baseline, candidate, piece, mark):
    """Counted in columns of the cleaned text, not in characters of the raw one."""
    texts = {"b": baseline, "c": candidate}
    text = shown(
        make.realistic(), verbosity=1, texts=Texts(lambda key: Completion(text=texts[key[0]]))
    )
    lines = text.split("\n")

    assert f"    {mark}" == lines[lines.index(f"    {piece}") + 1]


def test_a_difference_deep_inside_a_long_text_is_what_is_shown(make):
    """What goes before and after is counted, not printed."""
    same = "x" * 5_000_000
    texts = {"b": f"{same} five mg {same}", "c": f"{same} fifty mg {same}"}
    text = shown(
        make.realistic(), verbosity=1, texts=Texts(lambda key: Completion(text=texts[key[0]]))
    )

    assert "differs from character 5,000,004 on" in text
    assert "| [4,999,883 characters before]" in text
    assert " five mg " in text
    assert " fifty mg " in text
    assert re.search(r"\| \[[0-9,]+ more characters\]", text)


def test_many_short_lines_are_no_flood(make):
    """Bounded in lines as well as in characters, around the first difference."""
    same = "line\n" * 10_000
    texts = {"b": f"{same}five{same}", "c": f"{same}fifty{same}"}
    text = shown(
        make.realistic(), verbosity=1, texts=Texts(lambda key: Completion(text=texts[key[0]]))
    )

    shown_cases = text.count("differs from character")
    assert shown_cases == 38
    assert len(text.split("\n")) < shown_cases * 2 * 18
    assert "| line\n    | line\n    | fiftyline\n    |   ^\n" in text


def test_equal_texts_are_shown_once(make):
    """With several repeats the first answers may agree although the check found a loss."""
    same = lambda key: Completion(text="the same")  # noqa: E731
    text = shown(make.realistic(), verbosity=1, texts=Texts(same))

    assert "both arms said the same the first time they were asked, 8 characters:" in text
    assert "differs from" not in text


def test_what_befell_many_cases_is_said_once(make):
    """A server that is gone has one sentence, however many cases wanted it."""
    report = make.realistic()
    (candidate,) = report.candidates
    gone = replace(candidate.mishaps[0], message="nobody answers at this address")
    mishaps = tuple(replace(gone, case=f"case-{i}") for i in range(3))
    text = shown(replace(report, candidates=(replace(candidate, mishaps=mishaps),)))

    assert 1 == text.count("nobody answers at this address")
    assert 2 == text.count(": the same")


def test_the_lost_cases_of_an_inconclusive_budget_are_named(make):
    """They are what such a run found; what is wrong in both is a number, which -v explains."""
    report = make.realistic()
    (candidate,) = report.candidates
    rows = tuple(
        replace(row, verdict=Verdict.INCONCLUSIVE) if row.cohort == "tool-calling" else row
        for row in candidate.budgets
        if row.cohort == "tool-calling"
    )
    held = [o for o in candidate.outcomes if o.cohort == "faq"][:22]
    wrong = [
        replace(
            o,
            baseline=replace(o.baseline, value=0.0, violations=("no",)),
            candidate=replace(o.candidate, value=0.0, violations=("no",)),
        )
        for o in held
    ]
    kept = [o for o in candidate.outcomes if o.cohort == "tool-calling" and not o.critical]
    unsure = replace(
        candidate, budgets=rows, outcomes=(*kept, *wrong), verdict=Verdict.INCONCLUSIVE, mishaps=()
    )
    report = replace(report, candidates=(unsure,))
    text = shown(report)
    lost = sum(o.regressed for o in kept)
    listed = text.partition("Regressed in inconclusive budgets")[2].partition("Wrong in both")[0]

    assert f"Regressed in inconclusive budgets: {lost} checks" in text
    assert 5 == listed.count("(tool_call)")
    assert f"... and {lost - 5} more" in listed
    assert "Wrong in both: 22 checks, see -v" in text
    assert "Wrong in both: 22 checks\n" in shown(report, verbosity=1)
