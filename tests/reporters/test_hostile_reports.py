"""Fuzz: hostile text in every field of a report, written by every reporter; seeded."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from gfm import dangers
from hostile_texts import hostile
from html_pages import lexed, live
from pytest_quantguard._github import Job
from pytest_quantguard._registry import Registry
from pytest_quantguard._screen import Screen
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.reporters import REPORTERS, terminal
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._headline import EASIER
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion, Outcome, Source, ToolCall
from pytest_quantguard.variants import Access, Launch, Quantization, Variant
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    BudgetVerdict,
    CandidateReport,
    Delta,
    GateReport,
    Group,
    LayerReading,
    Reading,
    Verdict,
)

KEY = "sk-fuzzed-0123456789abcdef"
SEEDS = 208
AT_ONCE = 26
"""Seeds in one test, so that pytest-xdist has something to share out."""
EVERY = {"json": 4, "html": 3, "comment": 4}
"""Of the dear ones every third or fourth seed: there are enough."""
SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("jenkins.xsd"))
COMMAND = re.compile(r"^\s*(?:::|##\w*\[)|##\w*\[", re.MULTILINE)
"""What a CI system obeys in a log: at the beginning of a line, or anywhere."""
ANNOTATION = re.compile(r"::(?:error|warning)(?: \w+=[^:,]*(?:,\w+=[^:,]*)*)?::(?!.*##\w*\[).*")
NOTHING = Texts(lambda key: None)
COLOUR = re.compile(r"\x1b\[[0-9;]{0,7}m")
"""Our own colours; those of hostile texts are longer escapes by then."""
SIZE_LIMIT = 2_000_000
"""Bytes of one file: all the text of one report is some 50 KB."""


class Fuzz:
    """Makes one report out of a seed."""

    def __init__(self, seed):
        self.draw = random.Random(seed)

    def text(self, longest=12):
        return hostile(self.draw, longest)

    def texts(self, most=3):
        return tuple(self.text() for _ in range(self.draw.randrange(most)))

    def share(self):
        return self.draw.choice((0.0, 0.25, 0.5, 1.0))

    def variant(self):
        return Variant(
            name=self.text(4), provider=self.text(2), model=self.text(), base_url=self.text(),
            revision=self.text(), options={self.text(): self.text()}, dialect=self.text(2),
            quantization=Quantization(method=self.text(), scheme=self.text(), kv_cache=self.text()),
            # What the configuration may hold of secrets: no reporter may look there.
            access=Access(headers={"Authorization": f"Bearer {KEY}"}, proxy=f"http://u:{KEY}@p/",
                          api_key_command=("echo", KEY)),
            launch=Launch(command=("serve", KEY), env={"TOKEN": KEY}),
        )  # fmt: skip

    def arm(self, holds):
        layers = {self.text(2): self.share()} if self.draw.random() < 0.3 else {}
        if holds:
            return Outcome.of([], layers)
        return Outcome.of([self.text(), *self.texts()], layers)

    def outcome(self, number, names, arms):
        return PairedOutcome(
            variant=names["variant"], case=f"{number}{self.text(4)}", cohort=names["cohort"],
            check=names["check"], source=Source(file=self.text(3), line=1 + number),
            baseline=self.arm(arms[0]), candidate=self.arm(arms[1]),
            critical=self.draw.random() < 0.3, tags=self.texts(),
            keys=(f"b{number}", f"c{number}"),
            confirmation=self.draw.choice((None, None, (3, 0), (3, 3))),
        )  # fmt: skip

    def mishap(self, names):
        return Mishap(
            variant=names["variant"], case=self.text(4), cohort=names["cohort"],
            check=names["check"], source=Source(file=self.text(3), line=3), message=self.text(),
            role=self.draw.choice(("baseline", "candidate")), critical=self.draw.random() < 0.3,
            kind=self.draw.choice((self.text(2), "TransportError", "CheckError", "NotComparable")),
        )  # fmt: skip

    def row(self, names, outcomes, **more):
        regressed = tuple(o for o in outcomes if o.regressed)
        return BudgetVerdict(**{
            "cohort": names["cohort"], "check": names["check"], "max_drop": 0.1,
            "verdict": self.draw.choice(tuple(Verdict)), "reason": self.text(),
            "delta": Delta(value=0.5, low=0.25, high=0.75, n=4), "cases": 4, "baseline_rate": 0.75,
            "candidate_rate": 0.25, "regressed": regressed, "improved": 1, "log_evidence": 2.0,
            **more,
        })  # fmt: skip

    def measurement(self, names, number):
        arm = Measurement(
            live=True, latency_s=self.draw.random(), ttft_s=0.1, prompt_tokens=7.0,
            completion_tokens=float(number), characters=20.0, cost=0.01, signed=self.texts(),
            fingerprints=self.texts(), reference_error=self.text(),
        )  # fmt: skip
        silent = replace(arm, answered=False, latency_s=None)
        return PairedMeasurement(
            variant=names["variant"], case=f"{number}", cohort=names["cohort"], tags=self.texts(),
            baseline=arm, candidate=self.draw.choice((arm, silent)),
        )  # fmt: skip

    def notes(self):
        return (*self.texts(), *(f"{EASIER}{text} (entry {text})" for text in self.texts()))

    def candidate(self):
        variant = self.variant()
        names = {"variant": variant.name, "cohort": self.text(3), "check": self.text(3)}
        arms = ((True, False), (True, False), (False, True), (False, False), (True, True))
        outcomes = tuple(self.outcome(i, names, pair) for i, pair in enumerate(arms))
        metric = {"check": None, "metric": self.text(2), "regressed": (), "tag": self.text(2)}
        delta = Delta(value=1.5, low=1.0, high=2.0, n=4, unit="ratio")
        rows = (
            self.row({"cohort": None, "check": "evidence"}, (), delta=None, max_drop=None),
            self.row(names, outcomes),
            self.row(names, (), **metric, max_drop=None, max_ratio=1.1, delta=delta),
        )
        worst = next(v for v in WORST_FIRST if v in {row.verdict for row in rows})
        return CandidateReport(
            variant=variant, verdict=worst, budgets=rows,
            outcomes=outcomes, mishaps=(self.mishap(names), self.mishap(names)), log_evidence=3.0,
            quantization_note=self.text(), notes=self.notes(),
            measurements=tuple(self.measurement(names, i) for i in range(5)),
            readings=(Reading(group=Group(metric=self.text(2)), unit="points", note=self.text()),),
            layers=(LayerReading(cohort=names["cohort"], check=names["check"], layer=self.text(2),
                                 cases=4, baseline_rate=0.5, candidate_rate=0.25, regressed=1,
                                 improved=0),),
        )  # fmt: skip

    def report(self):
        provenance = {
            "remarks": list(self.texts()), self.text(2) + "k": self.text(), "run": "4711",
            "ci": {"name": "github", "commit": "0123abcd" * 5, "ref": self.text(2),
                   "url": "https://ci.invalid/1"},
            "pytest": self.text(2), "served": {self.text(2): {"model": self.text()}},
        }  # fmt: skip
        candidates = tuple(self.candidate() for _ in range(self.draw.choice((1, 1, 2))))
        return GateReport(baseline=self.variant(), candidates=candidates, provenance=provenance)

    def spoken(self):
        """Completions and requests: some are missing."""
        seed = self.draw.random()

        def completion(key):
            own = Fuzz(f"{seed}{key}")
            if own.draw.random() < 0.1:
                return None
            calls = tuple(
                ToolCall(name=own.text(2), arguments_text=own.text())
                for _ in range(own.draw.randrange(3))
            )
            return Completion(
                text=own.text(20), tool_calls=calls, finish_reason=own.text(2), refusal=own.text(4),
                latency_s=0.5, served_as=own.text(), fingerprint=own.text(2), reasoning=own.text(),
            )  # fmt: skip

        def request(key):
            own = Fuzz(f"{seed}{key}?")
            if own.draw.random() < 0.1:
                return None
            parts = [{"type": "text", "text": own.text()}, {"type": own.text(2)}, own.text(1)]
            return {
                "messages": [
                    {"role": own.text(2), "content": own.text(20)},
                    {"role": "user", "content": parts},
                    {"role": "assistant", "tool_calls": [{own.text(1): own.text()}]},
                ],
                "tools": [{"type": "function", "function": {"name": own.text(2)}}],
                own.text(2): own.text(),
            }

        return Texts(completion, request)


# --- what must hold of each file ------------------------------------------------------------------


def check_json(path, text, report, make):
    """One line of ASCII that is JSON, and that tells the same when it is read and written again."""
    document = json.loads(text)
    assert text.isascii()
    assert 1 == text.count("\n")
    again = report_json.to_json(report_json.from_json(document))
    assert document["results"]["tests"] == again["results"]["tests"]


def check_junit(path, text, report, make):
    """Well-formed, of known elements, each test with a name of its own."""
    root = ElementTree.fromstring(text.encode())
    known = {"testsuites", "testsuite", "testcase", "properties", "property"}
    known |= {"failure", "error", "system-out", "system-err"}
    assert {element.tag for element in root.iter()} <= known
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names))


def check_strict_junit(path, text, report, make):
    """And what the schema of Jenkins allows."""
    check_junit(path, text, report, make)
    assert [] == [str(error) for error in SCHEMA.iter_errors(text)]


def check_html(path, text, report, make):
    """Every page is whole, of our own elements; nothing on it runs, loads or leads away."""
    pages = [path, *(path.parent / "html").glob("*.html")]
    assert len(pages) > len(report.candidates)
    for page in pages:
        written = page.read_text("utf-8")
        assert [] == live(lexed(written)), page.name
        check_characters(written, make)


def check_markdown(path, text, report, make):
    """No link, image, mention, reference, formula or element comes of what others wrote."""
    assert [] == dangers(text)
    assert not COMMAND.search(text)


def check_routes(path, text, report, make):
    """It is JSON, with a route for each cohort."""
    cohorts = {o.cohort for candidate in report.candidates for o in candidate.outcomes}
    assert len(cohorts) <= len(json.loads(text)["routes"])


def check_characters(text, make):
    """Nothing invisible, reordering or obeyed by a terminal; no secret; no end of bounds."""
    assert not make.UNPRINTABLE.search(text.replace("\n", "").replace("\t", ""))
    assert KEY not in text
    assert len(text.encode()) < SIZE_LIMIT


CHECKS = {
    "json": check_json,
    "junit": check_junit,
    "junit-strict": check_strict_junit,
    "html": check_html,
    "summary": check_markdown,
    "comment": check_markdown,
    "routes": check_routes,
}


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_files_are_well_formed_and_hostile_text_is_text(tmp_path, make, monkeypatch, first):
    """Whatever models, servers, golden files and names say: each file is what it claims to be."""
    monkeypatch.setenv("QUANT_KEY", KEY)
    reporters = Registry().reporters
    for seed in range(first, first + AT_ONCE):
        fuzz = Fuzz(seed)
        report, texts = fuzz.report(), fuzz.spoken()
        for name in REPORTERS:
            path = tmp_path / f"{seed}" / name / ("index.html" if name == "html" else "file")
            if seed % EVERY.get(name, 1):
                continue
            path.parent.mkdir(parents=True)
            reporters.get(name)(report, path, texts)
            text = path.read_bytes().decode("utf-8")
            check_characters(text, make)
            CHECKS[name](path, text, report, make)


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_no_line_of_the_terminal_is_obeyed(make, first):
    """At any width, as quiet or as loud as can be: no control character, no workflow command."""
    for seed in range(first, first + AT_ONCE):
        fuzz = Fuzz(seed)
        report, texts = fuzz.report(), fuzz.spoken()
        for width, verbosity in ((40, 1), (80, 0), (160, 1), (80, -1)):
            screen = Screen(
                width=width, colour=bool(seed % 3), encoding=("utf-8", "ascii")[seed % 2]
            )
            lines = terminal.render(report, screen, verbosity=verbosity, texts=texts)
            lines = [COLOUR.sub("", line) for line in lines]
            assert not any(make.UNPRINTABLE.search(line) for line in lines)
            assert not COMMAND.search("\n".join(lines))
            assert KEY not in "\n".join(lines)


def test_annotations_are_ours(tmp_path, make):
    """At most ten lines, each one whole command: hostile text cannot begin, end or change one."""
    for seed in range(SEEDS):
        report = Fuzz(seed).report()
        lines = Job.of({"GITHUB_WORKSPACE": str(tmp_path)}, tmp_path).tell(report, NOTHING)
        assert len(lines) <= 10
        for line in lines:
            assert ANNOTATION.fullmatch(line), line
            assert not make.UNPRINTABLE.search(line)
            assert len(line) < 4096
            assert KEY not in line


@pytest.mark.parametrize(
    "live_text",
    ["[x](y)", "![a](b)", "@octocat", "see org/repo#12", "GH-12", "<http://a.b>", "https://a.bc/d",
     "www.a.com", "a@b.cd", "<b>x</b>", "<!-- x -->",
     "<details>\n<summary>@team</summary></details>", "    code", "$x^2$", "a :tada: b",
     "deadbeefdeadbeef", "- [ ] t", "a[^1]"],
)  # fmt: skip
def test_live_markdown_is_noticed(live_text):
    """A control: what must not come of hostile text is seen where it is; in code it is none."""
    assert [] != dangers(live_text)
    assert [] == dangers(f"```text\n{live_text}\n```\n<code>@x</code> `#1`\n")


@pytest.mark.parametrize(
    "live_text",
    ["<img>", "<b onclick=\"x\">x</b>", "<p style=\"x\">x</p>", "<a href=\"//x\">x</a>", "<b>x",
     "x</p>", "<a href=x>x</a>", "a < b", "a > b", "<!-- x -->", "<a href=\"javascript:x\">x</a>"],
)  # fmt: skip
def test_live_markup_is_noticed(live_text):
    """A control: anything but the elements of the report, written as the report writes them."""
    page = "<!doctype html>\n<html><body><main><h1>x</h1>{}</main></body></html>"
    assert [] == live(lexed(page.format('<a href="a.html#b">x</a> &lt;b&gt;')))
    assert [] != live(lexed(page.format(live_text)))


def test_every_reporter_is_fuzzed():
    """A new reporter says here what must hold of its file."""
    assert set(REPORTERS) == set(CHECKS)
