"""The step summary and the comment, read back by GitHub's own parser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from gfm import LOOKED_FOR, dangers
from pytest_quantguard.reporters import markdown
from pytest_quantguard.reporters._fitting import Piece, fitted
from pytest_quantguard.reporters._markdown_text import code, fence, prose
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._words import sentence
from pytest_quantguard.reporters.json import from_json, texts_of, write
from pytest_quantguard.types import Completion
from pytest_quantguard.verdicts import Verdict

OURS = {"h2", "h3", "h4", "p", "ul", "li", "hr", "strong", "details", "summary", "code", "pre"}
OURS |= {"span", "table", "thead", "tbody", "tr", "td", "th"}
UNSEEN = "\u200b"
SILENT = Texts(lambda key: None)

LIVE = {
    "mention": "thanks @octocat and @org/team, (@octocat)",
    "issue": "closes #12, GH-7, org/repo#1, org/repo@0123456789abcdef, !3, ~bug, %4, &5",
    "commit": "see deadbeef and 0123456789012345678901234567890123456789",
    "advisory": "CVE-2020-1234 GHSA-aaaa-bbbb-cccc",
    "links": "http://a.example/x https://b.example www.c.example //d.example e.example.com",
    "mail": "someone@example.com mailto:someone@example.com xmpp:someone@example.com",
    "brackets": "[a](http://x) ![b](http://y/z.png) [c][d] <http://e> [^1] [x] - [ ] [[w]]",
    "html": "<b>x</b><img src=x onerror=y><!-- --></details></summary>&lt;&#60;&amp;",
    "marks": "*a* **b** _c_ __d__ ~~e~~ ~f~ `g` ``h`` \\* \\` a_b_c # x > y {{ z }} {% raw %}",
    "formula": "$x^2$ and $$y$$ and $`z`$ cost 5 $",
    "emoji": ":tada: :+1: at 12:30:45",
    "table": "| a | b | \\| c `|` d",
    "command": "::error::x ##[group]y ##vso[z]",
    "block": "# h",
    "quote": "> [!WARNING] q",
    "rule": "---",
}


class Shown(HTMLParser):
    """What GitHub's parser makes of a text: elements, rows of tables, words outside of code."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.rows, self.pre = set(), set(), [], [], []
        self.comments = []
        self.inside = []
        options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
        self.feed(cmarkgfm.github_flavored_markdown_to_html(text, options))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs} - {"pre": {"lang"}}.get(tag, {"align"})
        self.inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "pre":
            self.pre.append("")

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag, "elements are not nested"

    def handle_data(self, data):
        if {"td", "th"} & set(self.inside):
            self.rows[-1][-1] += data
        if "pre" in self.inside:
            self.pre[-1] += data
        elif not {"code", "span"} & set(self.inside):
            self.words.append(data)
        else:
            self.words.append("x")

    def handle_comment(self, data):
        self.comments.append(data)


def harmless(text):
    """Nothing but our own elements, and nothing that is looked for after parsing."""
    shown = Shown(text)
    assert shown.tags <= OURS
    assert set() == shown.attributes
    assert [] == LOOKED_FOR.findall("".join(shown.words))
    assert [] == dangers(text)
    assert not re.search(r"^\s*(::|##\w*\[|/|@)", text, re.MULTILINE)
    return shown


# --- escaping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", LIVE.values(), ids=LIVE)
def test_text_shows_itself_and_does_nothing(text):
    """In a paragraph, in a cell and as the title of a fold a reader sees the very same text."""
    everywhere = (
        f"It says: {prose(text)}\n\n| a | b |\n| --- | --- |\n| x | {prose(text)} |\n\n"
        f"<details><summary>It says: {prose(text)}</summary>\n\n</details>\n"
    )

    shown = harmless(everywhere)

    seen = Shown(everywhere.replace("<span>$</span>", "$"))
    words = "".join(seen.words).replace(UNSEEN, "")
    assert 3 == words.count(sentence(text))
    assert [["a", "b"], ["x", sentence(text)]] == [
        [cell.replace(UNSEEN, "").strip() for cell in row] for row in seen.rows
    ]
    assert 2 == len(shown.rows)


@pytest.mark.parametrize("name", [*LIVE.values(), "tool_call", "a`b", "``", " ", "", "x" * 300])
def test_a_name_in_code_is_one_cell(name):
    """Whatever it holds, a name stays in its cell, in code type, and whole up to its limit."""
    (_, cells) = harmless(f"| a | b |\n| --- | --- |\n| {code(name)} | 1 |\n").rows

    assert [sentence(name, 100) or "(unnamed)", "1"] == [c.replace(UNSEEN, "") for c in cells]


@pytest.mark.parametrize("inside", ["```", "~~~", "`" * 40, "```text", "</pre>", "a\n\n```\nb"])
def test_a_fence_cannot_be_closed_from_inside(inside):
    """The fence is longer than any run in it, and what follows it is a paragraph again."""
    lines = ["| " + line for line in inside.split("\n")]

    shown = Shown(f"{fence(lines)}\nafter *it*\n")

    assert ["\n".join(lines) + "\n"] == shown.pre
    assert "em" in shown.tags


# --- both files -----------------------------------------------------------------------------------


def test_the_verdict_and_its_reason_come_first(make):
    """Then what to do, the budgets, where each cohort goes, the cases, and all the rest."""
    text = markdown.summary_text(make.realistic(), make.REALISTIC_TEXTS)

    assert text.startswith("## \N{CROSS MARK} **FAIL**: awq-int4 ")
    parts = (
        "31 of 160 regressed, 0 improved; worse by 19.4 pt, budget 10 pt",
        "**What to do:**",
        "| verdict | cohort |",
        "| cohort | goes to |",
        "#### Regressed in tool-calling / tool_call: 31\n",
        "#### Regressed in all / all: 38, 31 of them counted above\n",
        "Of 560 checks 2 improved, 0 regressed without failing a budget, 0 are wrong in both",
        "Without evidence: 8",
        "pytest-quantguard `0.1.0`",
    )
    places = [text.index(part) for part in parts]
    assert sorted(places) == places


def test_the_table_holds_all_budgets_of_all_candidates(two_candidates):
    """The worst first, each with levels, delta, interval, budget and why."""
    shown = Shown(markdown.summary_text(two_candidates, SILENT))

    heads, *rows = [row for row in shown.rows if len(row) == 11]
    assert ["verdict", "variant", "cohort", "check", "n", "baseline", "candidate"] == heads[:7]
    rows = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in rows]
    words = [row[0].split(" ", 1)[1] for row in rows]
    assert ["FAIL"] * 4 + ["INCONCLUSIVE"] * 2 + ["PASS"] * 4 == words
    assert [["awq-int4", "gptq-int4", "awq-int4", "gptq-int4"]] == [[row[1] for row in rows[:4]]]
    tools = ["tool-calling", "tool_call", "160", "100.0%", "80.6%", "+19.4 pt", "[13.6, 26.4]"]
    assert [*tools, "10 pt", "evidence 4.1e5 : 1"] == rows[1][2:]


def test_a_regressed_case_unfolds_to_both_texts(make):
    """What was asked, where they part, and the line of the golden file."""
    text = markdown.summary_text(make.realistic(), make.REALISTIC_TEXTS)

    first = text[text.index("<details>") : text.index("</details>")]
    assert "<code>refund-order-4</code> (<code>tool_call</code>, critical): argument" in first
    assert "`golden/tools.quant.yaml:12`" in first
    assert "asked:\n| Refund order 88213-A (refund-order-4)\nbaseline, " in first
    assert 'finish_reason tool_calls:\n| call refund_order({"order_id": "88213-A"' in first
    assert "differs from character 38 on:\n| call refund_order" in first


def test_critical_cases_that_failed_once_are_named(make):
    """With how often they held: they fail nothing, and yet somebody should look at them."""
    report = make.measured()
    (candidate,) = report.candidates
    once = replace(candidate.outcomes[0], critical=True, confirmation=(3, 2))
    found = replace(candidate, outcomes=(once, *candidate.outcomes[1:]))
    text = markdown.summary_text(replace(report, candidates=(found,)), SILENT)

    assert "#### Critical, failed once, but not in two of three runs: 2\n" in text
    assert (
        "- `refund-order-0` (`tool_call`), `golden/tools.quant.yaml:12`: held in 3 of 3 runs of "
        "the baseline, 2 of the candidate\n"
    ) in text


def test_checks_without_an_answer_are_not_counted_as_judged(make):
    """They stand under what is without evidence, and nowhere else."""
    report = make.realistic()
    (candidate,) = report.candidates
    gone = [replace(make.realistic_mishaps()[0], case=f"refund-order-{i}") for i in range(160)]
    found = replace(candidate, mishaps=tuple(gone), budgets=candidate.budgets[:1])
    text = markdown.summary_text(replace(report, candidates=(found,)), SILENT)

    assert "Of 400 checks 2 improved, 7 regressed without failing a budget, 0 are wrong" in text
    assert "Without evidence: 160" in text


def test_what_made_the_run_easier_to_pass_stands_at_the_top(two_candidates):
    """Once, before the table; the id of the change can be copied as it is."""
    told = "Changed since an earlier run: budget loosened from 4 pt to 6 pt (entry 3d7cc32b)"
    more = "Changed since an earlier run: 2 more such changes, see 'quantguard history'"
    both = [replace(c, notes=("a note", told, more)) for c in two_candidates.candidates]
    report = replace(two_candidates, candidates=tuple(both))
    for text in (markdown.summary_text(report, SILENT), markdown.comment_text(report, SILENT)):
        head = text[: text.index("| verdict")]

        assert (
            "- **Changed since an earlier run:** budget loosened from 4 pt to 6 pt "
            "(entry `3d7cc32b`)\n- **Changed since an earlier run:** 2 more such changes" in head
        )
        assert 2 == text.count("Changed since")
        assert 2 == text.count("a note")


def test_hostile_text_is_never_live(make, hostile_text):
    """Names, reasons, notes, provenance, violations, questions and texts: none becomes markup."""
    report = make.hostile(hostile_text)
    asked = {"messages": [{"role": "user", "content": [{"text": hostile_text}, 1]}]}
    texts = replace(make.saying(hostile_text), request=lambda key: asked)
    for text in (markdown.summary_text(report, texts), markdown.comment_text(report, texts)):
        shown = harmless(text)

        assert {11, 10, 4} >= {len(row) for row in shown.rows}
        assert not make.UNPRINTABLE.search(text.translate({10: None, 9: None}))
        assert text.count("<details>") == text.count("</details>") > 0


def test_bytes_depend_on_the_report_alone(make, tmp_path):
    """Rendered again from report.json, both files are the same."""
    write(make.measured(), tmp_path / "report.json", make.REALISTIC_TEXTS)
    markdown.summary(make.measured(), tmp_path / "summary.md", make.REALISTIC_TEXTS)
    markdown.comment(make.measured(), tmp_path / "comment.md", make.REALISTIC_TEXTS)
    document = json.loads((tmp_path / "report.json").read_bytes())

    again = from_json(document), texts_of(document)

    assert (tmp_path / "summary.md").read_bytes() == markdown.summary_text(*again).encode()
    assert (tmp_path / "comment.md").read_bytes() == markdown.comment_text(*again).encode()


def test_a_report_without_candidates_says_so(empty_report):
    """Nothing was judged: that is an error, and no table is shown."""
    text = markdown.summary_text(empty_report, SILENT)

    assert "**ERROR**: Nothing was judged" in text
    assert "no candidate was judged" in text
    assert "| verdict" not in text


@pytest.mark.parametrize(
    "request_", [None, {}, {"messages": "x"}, {"messages": [1, {"role": "user"}]}]
)
def test_a_question_that_is_none_is_left_out(make, request_):
    """A report that was written by hand may hold anything where a request should be."""
    texts = replace(make.REALISTIC_TEXTS, request=lambda key: request_)

    assert "asked:" not in markdown.summary_text(make.realistic(), texts)


# --- sizes ----------------------------------------------------------------------------------------


def many_cases(make, count):
    """The realistic report with ``count`` regressed cases in each of its failed budgets."""
    report = make.realistic()
    (candidate,) = report.candidates
    lost = tuple(make.pair(f"case-{i}", lost=True) for i in range(count))
    rows = tuple(
        replace(row, regressed=lost, cohort=f"c{i // 9}" if i else None)
        for i, row in enumerate(candidate.budgets * 30)
        if row.verdict is Verdict.FAIL
    )
    fresh = [replace(row, regressed=tuple(replace(o, case=f"{i}-{o.case}") for o in row.regressed))
             for i, row in enumerate(rows)]  # fmt: skip
    return replace(report, candidates=(replace(candidate, budgets=tuple(fresh)),))


def long_texts(make):
    """Completions that fill the room that is given to a text, in characters of four bytes."""
    return make.Texts(lambda key: Completion(text=(key[0] + "\U0001f600" * 40 + "\n") * 100))


def test_a_summary_that_is_too_long_loses_cases_first(make):
    """It stays below its limit in bytes; all budgets stay; a sentence counts what is missing."""
    report = many_cases(make, 15)
    text = markdown.summary_text(report, long_texts(make))

    assert 850_000 < len(text.encode()) <= markdown.SUMMARY_LIMIT
    shown = Shown(text)
    assert 1 + len(report.candidates[0].budgets) == len([r for r in shown.rows if len(r) == 10])
    assert text.count("<details>") == text.count("</details>")
    missing = re.search(
        r"Left out here for its size: (\d+) regressed cases\. All of it is in", text
    )
    assert missing is not None
    assert 60 * 15 == text.count("<details>") + int(missing[1])
    assert "pytest-quantguard `0.1.0`" in text


def test_a_comment_has_few_cases_and_stays_below_its_limit(make):
    """Ten of them, the worst of the smallest group first, and how many more there are."""
    text = markdown.comment_text(many_cases(make, 120), long_texts(make))

    assert len(text.encode()) <= markdown.COMMENT_LIMIT
    assert 10 == text.count("<details>") == text.count("</details>")
    assert "... and 110 more" in text


def test_a_comment_counts_what_it_does_not_show_in_one_line(make):
    """Where every one of many cohorts failed there is no heading without a case below it."""
    report = many_cases(make, 1)
    text = markdown.comment_text(report, long_texts(make))

    headings = text.count("#### Regressed")
    (line,) = [line for line in text.splitlines() if line.startswith("Regressed and not shown")]
    assert 10 == headings == text.count("<details>")
    assert len(report.candidates[0].budgets) - headings == line.count("; ") + 1


def test_what_counts_most_stays():
    """By rank, in the order of the document; nothing slips in because it is short."""
    pieces = [
        Piece("head\n"),
        Piece("a" * 600 + "\n", 2, "case"),
        Piece("b" * 600 + "\n", 1, "row"),
        Piece("c\n", 2, "case"),
        Piece("foot\n"),
    ]

    assert "".join(piece.text for piece in pieces) == fitted(pieces, 1214, "There.")
    text = fitted(pieces, 1213, "There.")

    assert f"head\n{'b' * 600}\nfoot\n" in text
    assert text.endswith("\nLeft out here for its size: 2 cases. There.\n")
    assert "2 cases, 1 row." in fitted(
        [*pieces[:2], Piece("b" * 900, 1, "row"), *pieces[3:]], 1000, "x"
    )


# --- the comment ----------------------------------------------------------------------------------


def test_a_comment_begins_with_a_mark_of_its_candidates(two_candidates):
    """The same in each run, whatever the verdict and the order; another for other candidates."""
    first, second = two_candidates.candidates
    turned = replace(two_candidates, candidates=(replace(second, verdict=Verdict.PASS), first))
    alone = replace(two_candidates, candidates=(first,))

    marks = [
        markdown.comment_text(report, SILENT).split("\n", 1)[0]
        for report in (two_candidates, turned, alone)
    ]

    assert re.fullmatch("<!-- quantguard:comment:[0-9a-f]{12} -->", marks[0])
    assert marks[0] == marks[1] != marks[2]


def test_a_refused_run_is_summed_up(make):
    """Each problem on a line, and no more than can be read."""
    text = markdown.no_verdict_text([f"quantguard.yaml:{i}: @octocat <b>" for i in range(25)])

    harmless(text)
    assert "**no verdict**" in text
    assert 21 == text.count("\n- ")
    assert "and 5 more" in text
