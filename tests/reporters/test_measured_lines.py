"""What was measured beside the checks, as the terminal tells it: rows, numbers, sentences."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from rendered import shown, unwrapped

from pytest_quantguard.reporters import _summary, _table, _words
from pytest_quantguard.verdicts import Verdict


@pytest.fixture
def candidate(make):
    (found,) = make.measured().candidates
    return found


# --- the table ----------------------------------------------------------------------------------


def test_metrics_have_rows_in_their_own_units(make):
    """Levels as money, time, length and share; deltas and budgets as ratios or points."""
    text = shown(make.measured())

    for row in (
        "all                  cost_per_success  300  0.0004124  0.0001938     x0.47  [0.45, 0.49]"
        "   x1.00  PASS\n",
        "all                  latency_p50       300     920 ms     631 ms     x0.68  [0.61, 0.77]"
        "   x1.10  PASS\n",
        "all                  length            300      142.2      156.5     x1.10  [1.05, 1.15]"
        "  x1.125  INCONCLUSIVE (between x1.05 and x1.15: needs more cases)\n",
        "all                  reference         300      62.0%      57.9%   +4.1 pt    [2.6, 5.6]"
        "    2 pt  FAIL (+4.1 pt, shown to be over the limit)\n",
        "regulated            ttft_p95          300      1.5 s     2.25 s                        "
        "   x1.50  INCONCLUSIVE (the answers came from the cache)\n",
    ):
        assert row in text


def test_tags_and_relative_budgets_have_names_of_their_own(make):
    """``#tag``, ``cohort#tag``, and a percentage that is not one of points."""
    text = shown(make.measured())

    assert re.search(r"^#pii +all +560 .* 10 pt  PASS$", text, re.MULTILINE)
    assert re.search(r"^tool-calling#nested +all +160 .* 5 %  INCONCLUSIVE", text, re.MULTILINE)


def test_mixed_units_fit_into_80_columns(make):
    """Names above the numbers, reasons below; every number stays."""
    text = shown(make.measured(), width=80)

    assert (
        "all / latency_p50\n"
        "  300    920 ms    631 ms x0.68 [0.61, 0.77]  x1.10 PASS\n"
        "all / length\n"
        "  300     142.2     156.5 x1.10 [1.05, 1.15] x1.125 INCONCLUSIVE\n"
        "    between x1.05 and x1.15: needs more cases\n" in text
    )


def heads(candidate, *names):
    """The first lines of a table of these budgets, in every layout."""
    rows = tuple(row for row in candidate.budgets if row.group[1] in names)
    found = (_table.table(replace(candidate, budgets=rows), width) for width in range(60, 161))
    return {re.sub(" +", " ", lines[0].text) for lines in found}


def test_a_dense_table_keeps_the_units_of_levels_that_differ(candidate):
    """A head that says percent would make 142 tokens a rate."""
    shares = heads(candidate, "reference", "contains")
    mixed = heads(candidate, "reference", "latency_p50")

    assert "cohort check n base% cand% worse 90% interval max verdict" in shares
    assert "cohort check n base cand worse 90% interval max verdict" in mixed
    assert not any("base%" in head for head in mixed)


def test_a_terminal_too_narrow_for_columns_is_told_each_number(make):
    """Every number with its head."""
    text = shown(make.measured(), width=50)

    assert (
        "all / latency_p50\n"
        "  PASS\n"
        "    n 300, baseline 920 ms, candidate 631 ms,\n"
        "    worse by x0.68, 90% interval [0.61, 0.77],\n"
        "    budget x1.10\n" in text
    )


@pytest.mark.parametrize("verbosity", [0, 1])
@pytest.mark.parametrize("kind", ["realistic", "measured", "long names"])
def test_no_line_is_wider_than_the_terminal_from_40_to_200_columns(make, kind, verbosity):
    """In every layout, and whatever the names."""
    report = make.realistic() if kind == "realistic" else make.measured()
    (candidate,) = report.candidates
    few = {o for row in candidate.budgets for o in row.regressed[:2]}
    rows = [replace(r, regressed=tuple(o for o in r.regressed if o in few))
            for r in candidate.budgets]  # fmt: skip
    if kind == "long names":
        rows[-1] = replace(rows[-1], cohort="x" * 50, tag="t" * 40, metric="latency_" + "y" * 80)
        candidate = replace(candidate, variant=replace(candidate.variant, name="v" * 90))
    candidate = replace(candidate, budgets=tuple(rows), outcomes=tuple(few))
    report = replace(report, candidates=(candidate,))

    for width in range(40, 201):
        text = shown(report, width=width, verbosity=verbosity)
        assert max(map(len, text.split("\n"))) <= width


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "levels", "text"),
    [
        ("latency_p50", (0.92, 0.6314), ("920 ms", "631 ms")),
        ("latency_p99", (0.92, 1.0), ("0.92 s", "1 s")),
        ("ttft_p95", (0.0834, None), ("83.4 ms", "")),
        ("tokens_per_second", (31.254, 1234.5), ("31.25/s", "1234/s")),
        ("length", (142.25, 123_456.0), ("142.2", "123500")),
        ("cost_per_success", (0.00041237, 1.5e-7), ("0.0004124", "1.5e-07")),
        ("mine", (2e12, 0.0), ("2e+12", "0")),
        ("mine", (math.inf, math.nan), ("inf", "nan")),
    ],
)
def test_levels_of_ratios(metric, levels, text):
    """Both arms in one unit; up to four significant digits."""
    assert text == _words.levels(metric, "ratio", *levels)


def test_levels_in_points_are_percent():
    """Whatever the metric."""
    assert _words.levels("latency_p50", "points", 0.5, None) == ("50.0%", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.68, "x0.68"),
        (1, "x1.00"),
        (0.004, "x0.004"),
        (0, "x0"),
        (99.5, "x99.50"),
        (1234, "x1230"),
    ],
)
def test_ratios(value, text):
    """Two decimals where these say something."""
    assert text == _words.ratio(value)


def test_budgets():
    """A limit is never rounded to another one."""
    assert _words.allowance(None, 1.1) == "x1.10"
    assert _words.allowance(None, 1.105) == "x1.105"
    assert _words.allowance(0.05, relative=True) == "5 %"


def test_numbers_keep_their_units_when_a_sentence_is_folded():
    """Neither an interval nor a number with its unit is torn apart."""
    lines = _words.folded("a 4.1 pt b [0.5, 1.2] c", 12)

    assert lines == ["a 4.1 pt b", "[0.5, 1.2] c"]


# --- below the table ----------------------------------------------------------------------------


def test_notes_and_missing_answers_and_the_early_warning(make):
    """What no row says, each in its own sentence, in this order."""
    text = unwrapped(shown(make.measured(), width=80))
    said = (
        "(a FAIL on checks takes 100 : 1)",
        "8 requests had no answer: the loss could be between +4.1 pt and +8.2 pt",
        "Early warning: the model is less sure of the right answer: its probability fell by "
        "4.1 pt [2.6, 5.6], from 62.0% to 57.9%",
        "39 of 560 checks got worse and 2 better: 7.3 % differ",
        "Divergence: same likeliest token 97.2 %, KL divergence 0.031 nats",
        "Quantization: int4 awq, confirmed by the server",
        "Also measured: truncation +2.0 pt",
    )

    places = [text.index(each) for each in said]
    assert places == sorted(places)
    assert [1] * len(said) == [text.count(each) for each in said]


def test_missing_answers_of_a_group_name_it(candidate):
    """Where no budget is about the whole suite."""
    rows = [replace(r, cohort="regulated") for r in candidate.budgets if r.delta and r.delta.best]

    assert _summary.missing_answers(replace(candidate, budgets=tuple(rows))) == (
        "1 request in regulated / all had no answer: the loss could be between +4.1 pt and +8.2 pt"
    )
    assert _summary.missing_answers(replace(candidate, budgets=candidate.budgets[2:])) == ""


def test_the_early_warning_takes_a_shown_drop_or_a_fail(candidate):
    """Of a budget or of none; the widest group first; never from evidence that is in error."""
    reference = next(r for r in candidate.budgets if r.metric == "reference")
    spoilt = replace(candidate, budgets=(replace(reference, verdict=Verdict.ERROR),))
    held = replace(reference, verdict=Verdict.PASS, delta=replace(reference.delta, low=-0.01))
    groups = [replace(reference, cohort=f"c{i}", tag="t") for i in range(5)]

    def warned(**changes):
        return _summary.early_warning(replace(candidate, **changes))

    assert " fell by 4.1 pt [2.6, 5.6], from 62.0% to 57.9%" in warned(budgets=())
    assert warned(budgets=(held,), readings=()) == ""
    assert warned(budgets=spoilt.budgets, verdict=Verdict.ERROR) == ""
    assert re.search(
        r" fell by 4\.1 pt .*; in c0#t by .*; in c1#t by .*; and in 3 more groups$",
        warned(budgets=tuple(groups)),
    )


def test_what_no_budget_asks_about_is_told_in_one_line(make):
    """What is shown to be worse first; the rest is counted, and -v has it."""
    report = make.measured()
    (candidate,) = report.candidates

    assert _summary.also_measured(candidate) == [
        "truncation +2.0 pt [0.4, 3.6]",
        "tokens_per_second x0.66 [0.60, 0.75] the time per token",
        "latency_p95 x0.91 [0.55, inf]",
        "refusals 0.0 pt [-1.1, 1.1] (3 cases newly refused, 3 no longer)",
    ]
    assert _summary.measured_to_differ(candidate) == _summary.also_measured(candidate)[:2]
    for width, told in (
        (40, "4 metrics, see -v"),
        (80, "truncation +2.0 pt [0.4, 3.6]; 3 more with -v"),
        (
            120,
            "truncation +2.0 pt [0.4, 3.6]; tokens_per_second x0.66 [0.60, 0.75] the time per "
            "token; 2 more with -v",
        ),
    ):
        assert f"\nAlso measured: {told}\n\n" in shown(report, width=width)


def test_metrics_that_show_nothing_are_counted(make):
    """To have measured and found nothing is a finding; a metric is one, not ones."""
    report = make.measured()
    (candidate,) = report.candidates
    (one,) = (r for r in candidate.readings if r.group.metric == "refusals")
    report = replace(report, candidates=(replace(candidate, readings=(one,)),))

    assert "Also measured: nothing shown to be worse or better (1 metric with -v)" in shown(report)


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_at_most_twelve_lines_stand_between_table_and_cases(make, width):
    """Of findings without end the first are shown; the verdict and what is missing always are."""
    report = make.measured()
    (candidate,) = report.candidates
    notes = tuple(f"note {i}: " + "some more words to read " * 4 for i in range(30))
    report = replace(report, candidates=(replace(candidate, notes=notes),))
    text = shown(report, width=width)
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("FAIL  awq-int4: "))
    told = lines[start : lines.index("", start)]

    assert len(told) <= 12 * max(1, -(-80 // width))
    assert "8 requests had no answer" in unwrapped(text)
    assert re.search(r"\n\.\.\. and \d+ more findings with -v\nAlso measured", text)
    assert "note 29" not in text
    assert "note 29" in shown(report, width=width, verbosity=1)


def test_what_made_the_run_easier_to_pass_is_never_left_out(make):
    """Whatever else there is to say, and however narrow the terminal."""
    report = make.measured()
    (candidate,) = report.candidates
    told = "Changed since an earlier run: budget {} was loosened; no reason given"
    notes = tuple(f"note {i}: " + "some more words to read " * 4 for i in range(30))
    notes += tuple(told.format(i) for i in range(6))
    report = replace(report, candidates=(replace(candidate, notes=notes),))
    text = unwrapped(shown(report, width=60))

    assert all(told.format(i) in text for i in range(6))
    assert "note 29" not in text


def test_a_ratio_of_medians_is_not_told_as_the_median_ratio(make):
    """``x1.01, from 52.7 ms to 50.1 ms`` would say both slower and faster; so would a rate's."""
    found = make.delta(1.01, 0.9, 1.1, unit="ratio")
    times, rates = ("52.7 ms", "50.1 ms"), ("540.8/s", "639.6/s")

    assert [
        _words.measured("latency_p50", found, times),
        _words.measured("latency_p50", None, times),
        _words.measured("latency_p95", found, times),
        _words.measured("tokens_per_second", found, rates),
        _words.measured("throughput", found, rates),
        _words.measured("throughput", None, ("", "3/s")),
    ] == [
        "x1.01 [0.90, 1.10] in the median case; the arms' medians are 52.7 ms and 50.1 ms",
        "the arms' medians are 52.7 ms and 50.1 ms",
        "x1.01 [0.90, 1.10], from 52.7 ms to 50.1 ms",
        "x1.01 [0.90, 1.10] the time per token in the median case; "
        "the arms' medians are 540.8/s and 639.6/s",
        "x1.01 [0.90, 1.10] the time per answer, from 540.8/s to 639.6/s",
        "",
    ]


def test_what_a_ratio_of_rates_is_about_stands_with_its_budget(make):
    """Its levels go up where the ratio says it got faster."""
    candidate = make.realistic().candidates[0]
    ratio = make.delta(0.75, 0.7, 0.8, unit="ratio")
    for verdict in (Verdict.PASS, Verdict.INCONCLUSIVE):
        row = make.metric_row("tokens_per_second", verdict, "more cases", ratio, (540.8, 639.6),
                              max_ratio=1.1)  # fmt: skip
        assert "the ratio is of the time per token" in _words.why(row, candidate)
        assert "the ratio" not in _words.why(replace(row, metric="latency_p50"), candidate)


def test_the_verbose_report_has_every_reading(make):
    """One line each, with levels and notes."""
    text = shown(make.measured(), verbosity=1)

    assert "Also measured" not in text
    assert (
        "Measured over all cases:\n"
        "  divergence: 300 cases; same likeliest token 97.2 %, KL divergence 0.031 nats\n"
        "  errors: 0.0 pt [-0.9, 0.9], from 0.0% to 0.0%, 300 cases\n"
        "  latency_p50: x0.68 [0.61, 0.77] in the median case; the arms' medians are 920 ms and "
        "631 ms, 300 cases\n" in text
    )
    assert (
        "  ttft_p50: the arms' medians are 1.25 s and 2.5 s, 300 cases; latency is judged only when"
        in text
    )


def test_a_report_without_measurements_says_nothing_of_them(make):
    """As before there were any."""
    text = shown(make.realistic()) + shown(make.realistic(), verbosity=1)

    for word in ("measured", "Measured", "Early", "Sequential", "Divergence", "no answer: the"):
        assert word not in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_run_that_stopped_early_says_what_it_saved(make, two_candidates, width):
    """Once for the whole run, however many candidates."""
    provenance = make.measured().provenance
    text = unwrapped(shown(replace(two_candidates, provenance=provenance), width=width))

    said = (
        "Sequential: stopped at look 1 of 5: 60 of 300 cases were asked, "
        "480 of 600 requests were not needed"
    )
    assert text.count(said) == 1
    assert text.index(said) > text.rindex("gptq-int4 against bf16")


def test_a_run_in_looks_that_did_not_stop(make):
    """To the end, or to where it was cut short."""
    full = {**make.SEQUENTIAL, "stopped_early": False, "look": 5}

    assert _summary.sequential({"sequential": full}) == "Sequential: all 5 looks were needed"
    assert _summary.sequential({"sequential": {**full, "look": 3, "cases": 300}}) == (
        "Sequential: ended at look 3 of 5, with 300 of 300 cases"
    )


@pytest.mark.parametrize("found", [None, [], "x", {}, {"look": 1}, {"look": "\x1b", "looks": 5}])
def test_numbers_of_looks_that_are_none_are_left_out(found):
    """A report may have been edited."""
    assert _summary.sequential({"sequential": found}) == ""


# --- cohorts, servers, resampled intervals ------------------------------------------------------


def in_cohort(candidate, name, metric, value, low, high):
    (found,) = (r for r in candidate.readings if r.group.metric == metric)
    delta = replace(found.delta, value=value, low=low, high=high)
    return replace(found, group=found.group._replace(cohort=name), delta=delta)


def test_cohorts_are_told_where_they_differ(make, candidate):
    """With -v, one line for each cohort that is shown to be worse or better; else none."""
    more = (
        in_cohort(candidate, "faq", "truncation", 0.0, -0.01, 0.01),
        in_cohort(candidate, "tools", "truncation", 0.04, 0.01, 0.07),
        in_cohort(candidate, "tools", "latency_p50", 0.7, 0.6, 0.8),
    )
    found = replace(candidate, readings=(*candidate.readings, *more))
    report = replace(make.measured(), candidates=(found,))
    told = (
        "Other than the baseline in:\n"
        "  tools: truncation +4.0 pt [1.0, 7.0]; latency_p50 x0.70 [0.60, 0.80]\n"
    )

    assert told in shown(report, verbosity=1)
    assert "Other than" not in shown(report) + shown(make.measured(), verbosity=1)
    assert shown(report) == shown(make.measured())


def said(report, ours, theirs):
    names = report.baseline.name, report.candidates[0].variant.name
    served = {name: told for name, told in zip(names, (ours, theirs), strict=True) if told}
    lines = shown(replace(report, provenance={"served_as": served}), width=400).splitlines()
    return [line for line in lines if line.startswith("Servers")]


def test_what_servers_say_of_themselves_stands_side_by_side(make):
    """Memory, cache and context, from the baseline to the candidate; once what is the same."""
    ours = {"quantization": "F16", "memory_bytes": 2_040_109_466, "kv_cache": "f16"}
    theirs = {"quantization": "Q4_K - Medium", "memory_bytes": 644_245_094, "context": 4096}

    assert [
        "Servers: quantization F16 -> Q4_K - Medium, memory 1.9 GiB -> 0.6 GiB, KV cache f16 -> "
        "not told, context not told -> 4096 tokens, as they say themselves"
    ] == said(make.measured(), ours, theirs)
    assert ["Servers: quantization F16, memory 1.9 GiB, KV cache f16, as they say themselves"] == (
        said(make.measured(), ours, ours)
    )


@pytest.mark.parametrize(
    "told",
    [None, {}, [], "x", {"memory_bytes": -1}, {"memory_bytes": 1e99}, {"memory_bytes": True}],
)
def test_a_server_that_says_nothing_is_not_quoted(make, told):
    """Nor one that says nonsense."""
    assert [] == said(make.measured(), told, told)


def test_what_a_server_says_is_cleaned(make):
    """A name with escape codes and line ends moves no cursor and commands no CI system."""
    (line,) = said(make.measured(), {"kv_cache": "\x1b[2Jf16\n::error::x"}, {"kv_cache": "q8_0"})

    assert "\x1b" not in line
    assert line.endswith("-> q8_0, as they say themselves")


def test_resampled_ends_survive_the_report(make, candidate):
    """In the JSON beside the ends that judge, and back; left out where there are none."""
    from pytest_quantguard.reporters import _measured
    from pytest_quantguard.verdicts import Delta

    delta = Delta(value=1.2, low=0.9, high=math.inf, n=70, unit="ratio", resampled=(1.1, 1.3))
    written = _measured.delta_to(delta)

    assert (None, (1.1, 1.3)) == (written["high"], written["resampled"])
    assert delta == _measured.delta_from({**written, "resampled": [1.1, 1.3]})
    assert "resampled" not in _measured.delta_to(replace(delta, resampled=None))
