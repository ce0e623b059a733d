"""``quantguard audit``: endpoints that claim to be one model, ranked by evidence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from gate_project import _SERVER, FORKS, GateProject, Run, speaks
from pytest_quantguard._screen import Screen
from pytest_quantguard.auditing.arms import Evidence
from pytest_quantguard.auditing.measures import MEASURES, median_interval, wilson
from pytest_quantguard.auditing.ranking import ranking
from pytest_quantguard.auditing.shown import markdown, text, to_dict
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Outcome
from pytest_quantguard.variants import Launch, Variant
from pytest_quantguard.verdicts import CandidateReport, GateReport, Verdict
from scripted_server import ScriptedServer, answers

OK, FAILED, INTERNAL, USAGE, OPEN = 0, 1, 3, 4, 10
CLOSED = "http://127.0.0.1:9/v1"
"""Nobody listens there."""


# --- ranks, from reports made by hand -------------------------------------------------------


def arm(right, *, live=True, speed=20.0, answered=True, cost=None, asked_at=100.0):
    """One endpoint: which cases are right, and how fast each answer came."""
    measured = Measurement(
        answered=answered,
        live=live,
        asked_at=asked_at,
        latency_s=1.0,
        ttft_s=2.0 / speed,
        completion_tokens=speed,
        cost=cost,
    )
    return right, measured


def report(reference, **others):
    """A gate's report of arms."""
    found = []
    for name, (right, measured) in others.items():
        outcomes = tuple(
            PairedOutcome(
                variant=name,
                case=f"c{i}",
                cohort="faq",
                check="exact",
                baseline=Outcome(value=float(held)),
                candidate=Outcome(value=float(holds)),
            )
            for i, (held, holds) in enumerate(zip(reference[0], right, strict=True))
        )
        measurements = tuple(
            PairedMeasurement(
                variant=name, case=f"c{i}", cohort="faq", baseline=reference[1], candidate=measured
            )
            for i in range(len(right))
        )
        found.append(
            CandidateReport(
                variant=Variant(name=name, provider="openai", model="m"),
                verdict=Verdict.PASS,
                budgets=(),
                outcomes=outcomes,
                mishaps=(),
                measurements=measurements,
                log_evidence=0.0,
            )
        )
    base = Variant(name="official", provider="openai", model="m")
    return GateReport(
        baseline=base, candidates=tuple(found), provenance={"cases": len(reference[0])}
    )


ALL = [True] * 60


def ranks(found, key="holds"):
    """Which ranks each endpoint may have: one number where that is known."""
    kept = {one.name: one.ranks[key] for one in found.standings}
    return {name: r if r is None or r[0] < r[1] else r.best for name, r in kept.items()}


def test_endpoints_share_a_rank_until_a_paired_test_tells_them_apart():
    """Three lost cases of sixty are chance, thirty are not; the levels alone rank nobody."""
    close = [i >= 3 for i in range(60)]
    lost = [i >= 30 for i in range(60)]

    found = ranking(report(arm(ALL), close=arm(close), lost=arm(lost), same=arm(ALL)))

    assert {"official": (1, 3), "same": (1, 3), "close": (1, 3), "lost": 4} == ranks(found)
    assert ["official", "same", "close", "lost"] == [one.name for one in found.standings]


def test_of_two_endpoints_that_nothing_tells_apart_none_is_put_before_the_other():
    """The first is told apart from the last, the middle one from neither: it may be any."""
    middle, last = [i >= 5 for i in range(60)], [i >= 10 for i in range(60)]

    found = ranking(report(arm(ALL), middle=arm(middle), last=arm(last)))

    assert {"official": (1, 2), "middle": (1, 3), "last": (2, 3)} == ranks(found)
    lines = "\n".join(text(found, Screen(width=160)))
    assert "2-3   last" in lines
    assert [2, 3] == [to_dict(found)["endpoints"][2][key] for key in ("rank", "rank_worst")]


def test_times_of_endpoints_that_were_asked_one_after_the_other_rank_nobody():
    """A slow minute hits only one of them; `latency: same-run` accepts that, as in the gate."""
    made = report(arm(ALL), later=arm(ALL, speed=5.0, asked_at=900.0), cold=arm(ALL, live=False))
    found = ranking(made)
    made.provenance["policies"] = {"latency": "same-run"}
    accepted = ranking(made)

    assert {"official": (1, 2), "later": (1, 2), "cold": None} == ranks(found, "tokens_per_second")
    assert ("official", "later") == found.apart
    assert any("Not all of official, later" in line for line in text(found, Screen()))
    assert {"official": 1, "later": 2, "cold": None} == ranks(accepted, "tokens_per_second")
    assert () == accepted.apart


def test_servers_that_take_turns_have_no_ranks_in_time():
    """With `launch: {exclusive: true}` no two are up at once, whatever a clock says."""
    turns = Launch(command=("x",), exclusive=True)
    made = report(arm(ALL), slow=arm(ALL, speed=5.0))
    (one,) = made.candidates
    one = replace(one, variant=replace(one.variant, launch=turns))
    made = replace(made, candidates=(one,), baseline=replace(made.baseline, launch=turns))

    assert {"official": (1, 2), "slow": (1, 2)} == ranks(ranking(made), "tokens_per_second")


def test_a_share_of_fewer_cases_than_were_asked_says_so():
    """Where a check found no evidence, the case is in no share, and that is told."""
    made = report(arm(ALL), short=arm(ALL))
    (one,) = made.candidates
    made = replace(made, candidates=(replace(one, outcomes=one.outcomes[:45]),))

    lines = " ".join(text(ranking(made), Screen()))

    assert "short: whether a case holds is not known of 15 of 60 cases" in lines


def test_two_endpoints_are_compared_with_each_other_and_not_through_the_reference():
    """Both lose as many cases as the other, but other cases: the pairs say so."""
    first = [i >= 20 for i in range(60)]
    second = [i < 40 for i in range(60)]
    evidence = Evidence.of(report(arm(ALL), first=arm(first), second=arm(second)))

    pairs = evidence.outcomes("first", "second")

    assert 60 == len(pairs)
    assert (20, 20) == (sum(p.regressed for p in pairs), sum(p.improved for p in pairs))
    assert {"second"} == {pair.variant for pair in pairs}
    assert 1 / 2 < MEASURES[0].worse_p(evidence, "first", "second")


def test_a_faster_endpoint_has_the_better_rank_in_speed_and_may_still_lose_cases():
    """Ranks are per measure; who is better in one and worse in another beats nobody."""
    lost = [i >= 30 for i in range(60)]

    found = ranking(report(arm(ALL), fast=arm(lost, speed=40.0), slow=arm(ALL, speed=5.0)))

    assert {"fast": 1, "official": 2, "slow": 3} == ranks(found, "tokens_per_second")
    assert {"fast": 1, "official": 2, "slow": 3} == ranks(found, "ttft_p50")
    beaten = {one.name: one.beaten_by for one in found.standings}
    assert {"official": (), "fast": (), "slow": ("official",)} == beaten


def test_times_of_cached_answers_rank_nobody():
    """What was asked for in another run says nothing about today's speed."""
    found = ranking(report(arm(ALL, live=False), fast=arm(ALL, live=False, speed=99.0)))

    assert {"official": None, "fast": None} == ranks(found, "tokens_per_second")
    assert any("--fresh" in line for line in text(found, Screen()))


def test_an_endpoint_that_never_answers_is_ranked_last():
    """No answer is no case that holds."""
    dead = arm([False] * 60, answered=False)

    found = ranking(report(arm(ALL), dead=dead, other=arm(ALL)))

    assert {"official": (1, 2), "other": (1, 2), "dead": 3} == ranks(found)
    assert {"official": (1, 2), "other": (1, 2), "dead": 3} == ranks(found, "answered")
    assert 0.0 == found.standings[-1].levels["answered"].value
    assert found.standings[-1].ranks["tokens_per_second"] is None


def test_cost_per_success_counts_what_wrong_answers_cost():
    """Half the price, and three quarters of the cases wrong, is no saving.

    Each has an interval of its own: with one price for all, that of the share of cases that hold.
    """
    lost = [i >= 45 for i in range(60)]

    found = ranking(report(arm(ALL, cost=0.02), cheap=arm(lost, cost=0.01)))

    levels = {one.name: one.levels["cost_per_success"] for one in found.standings}
    assert pytest.approx(0.02) == levels["official"].value
    assert pytest.approx(0.04) == levels["cheap"].value
    assert levels["official"].low < 0.02 < levels["official"].high < 0.0207
    assert levels["cheap"].low == pytest.approx(0.01 / 0.3896, rel=0.01)
    assert levels["cheap"].high == pytest.approx(0.01 / 0.1604, rel=0.01)


def test_an_endpoint_without_a_price_or_a_success_has_no_cost():
    """Neither the others' cost nor a division by nothing; of few cases there is no interval."""
    none = arm([False] * 60, cost=0.01)
    found = ranking(report(arm(ALL, cost=0.02), free=arm(ALL), none=none))
    few = ranking(report(arm([True] * 5, cost=0.02), other=arm([True] * 5, cost=0.02)))

    levels = {one.name: one.levels["cost_per_success"] for one in found.standings}
    assert (None, None) == (levels["free"].value, levels["none"].value)
    assert pytest.approx(0.02) == levels["official"].value
    level = few.standings[0].levels["cost_per_success"]
    assert (None, None) == (level.low, level.high)


def test_intervals_are_those_of_the_literature():
    """Wilson's share of 81 of 263 (Newcombe 1998), and the ranks of 100 values for a median."""
    low, high = wilson(81 / 263, 263)
    assert (0.2553, 0.3662) == (round(low, 4), round(high, 4))
    assert (40, 61) == median_interval(range(1, 101))
    assert (1, 6) == median_interval(range(1, 7))
    assert median_interval(range(5)) is None
    assert median_interval(range(3000)) is not None


def test_a_ranking_is_shown_alike_everywhere_and_hostile_text_does_nothing():
    """A reason in which a cohort's name is markup is inert in the terminal and in Markdown."""
    made = report(arm(ALL), cheap=arm(ALL))
    made.provenance["remarks"] = ["::error::x\x1b[31m <img src=//evil> @team | [a](http://b.c)"]
    found = ranking(made, {"cheap": 3 * 2**20})

    wide, narrow = text(found, Screen(width=160)), text(found, Screen(width=60))
    table = markdown(found)

    assert any(line.startswith("1-2   official  reference  100.0% [94.0, 100.0]") for line in wide)
    assert "      cases hold    100.0% [94.0, 100.0]" in narrow
    assert "| 1-2 | `cheap` | PASS | 100.0% " in table
    assert "3.0 MiB" in table
    assert max(map(len, narrow)) <= 60
    for shown in ("\n".join(wide), table, json.dumps(to_dict(found))):
        assert "\x1b" not in shown
        assert "\n::" not in shown
    assert "<img" not in table
    assert "@team" not in table


# --- whole audits ---------------------------------------------------------------------------


def says_right(model, prompt):
    return f"answer {prompt}"


def forgets(model, prompt):
    """Wrong on every second case."""
    return "I forgot" if int(prompt.rsplit(maxsplit=1)[-1]) % 2 else f"answer {prompt}"


CLOCK = """
import zlib
from dataclasses import replace
from pytest_quantguard.providers.openai import OpenAIConnection

asked = OpenAIConnection.complete

def complete(self, request):
    found = asked(self, request)
    usual = 1 + zlib.crc32(str(request.messages).encode()) % 100 / 1000
    times = (3 if self._variant.name == "slow" else 1) * usual
    return replace(found, latency_s=times, ttft_s=times / 10)

OpenAIConnection.complete = complete
"""
"""What else this machine does makes no endpoint slow, and only one of them is."""


class Audit:
    """A folder with golden cases, a file of providers, and a scripted server for each of them."""

    def __init__(self, folder):
        self.folder = folder
        self.servers = {}
        GateProject.golden(self, 40)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def serve(self, name, reply):
        server = self.servers[name] = ScriptedServer(default=reply)
        server.__enter__()
        return {
            "provider": "openai",
            "base_url": server.url,
            "model": "big-model",
            "timeout_s": 10,
            "max_attempts": 2,
        }

    def providers(self, reference="official", /, policies=None, **entries):
        data = {"reference": reference, "providers": entries, "policies": policies or {}}
        self.write("providers.yaml", yaml.safe_dump(data, sort_keys=False))

    def run(self, *options):
        given = ["audit", *(options or ("providers.yaml",))]
        env = {**os.environ, "COLUMNS": "160"}
        if FORKS:
            code, output = _SERVER.run(["quantguard", *given], self.folder, env, 120)
            return Run(code, output, self.folder)
        done = subprocess.run(
            [sys.executable, "-m", "pytest_quantguard", *given],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=env,
        )
        return Run(done.returncode, done.stdout + done.stderr, self.folder)

    def json(self, name="audit.json"):
        return json.loads((self.folder / name).read_text())


@pytest.fixture
def house(tmp_path):
    """Yield an audit whose servers end with the test."""
    found = Audit(tmp_path)
    yield found
    for server in found.servers.values():
        server.__exit__(None, None, None)


def test_the_articles_table_made_honest(house):
    """A quantized, a slow, a busy and a dead endpoint, each with its verdict and its ranks."""
    GateProject.golden(house, 24)
    house.write("conftest.py", CLOCK)
    good = speaks(says_right)
    busy = house.serve("busy", good)
    house.servers["busy"].replies.extend([answers(429, retry_after="0")] * 3)
    house.providers(
        policies={"latency": "same-run"},  # whether or not they happen to be asked at one time
        official=house.serve("official", good),
        twin=house.serve("twin", good),
        cheap=house.serve("cheap", speaks(forgets)),
        slow=house.serve("slow", good),
        busy=busy,
        dead={**busy, "base_url": CLOSED},
    )

    run = house.run("providers.yaml", "--json=audit.json", "--markdown", "audit.md")

    found = {one["name"]: one for one in house.json()["endpoints"]}
    assert FAILED == run.code == house.json()["exit_code"], run.output
    verdicts = {name: one["verdict"] for name, one in found.items()}
    assert ("fail", "error") == (verdicts["cheap"], verdicts["dead"])
    assert {"pass", "inconclusive"} >= {verdicts[name] for name in ("twin", "slow", "busy")}
    assert verdicts["official"] is None
    places = {name: (one["rank"], one["rank_worst"]) for name, one in found.items()}
    assert {(1, 4)} == {places[n] for n in ("official", "twin", "slow", "busy")}
    assert ((5, 5), (6, 6)) == (places["cheap"], places["dead"])
    assert 1.0 == found["busy"]["measures"]["answered"]["value"]  # it was asked again
    assert 0.0 == found["dead"]["measures"]["answered"]["value"]
    speed = {name: one["measures"]["tokens_per_second"]["rank"] for name, one in found.items()}
    assert {"slow": 5, "dead": None} == {name: speed.pop(name) for name in ("slow", "dead")}
    assert {1} == set(speed.values())
    assert {"official"} <= set(found["cheap"]["beaten_by"])
    run.has("5 endpoints against official, 24 cases")
    assert (house.folder / "quant-audit" / "index.html").is_file()
    assert "| 6 | `dead` | ERROR |" in (house.folder / "audit.md").read_text()


def test_endpoints_that_hold_exit_with_0_and_what_is_cached_is_not_asked_again(house):
    """The second audit asks nobody; with --fresh it asks everybody."""
    GateProject.golden(house, 60)
    good = speaks(says_right)
    house.providers(official=house.serve("official", good), twin=house.serve("twin", good))

    runs = [house.run("providers.yaml", *more) for more in ((), (), ("--fresh",))]

    assert [OK, OK, OK] == [run.code for run in runs], runs[0].output
    assert 120 == house.servers["twin"].requests
    runs[1].has("Times are not known")
    runs[0].has("twin: PASS", "quant-audit/index.html")
    assert not (house.folder / ".quantguard" / "history.sqlite").exists()


def test_json_alone_prints_json_alone(house):
    """A script reads it, and pytest's own arguments select."""
    good = speaks(says_right)
    house.providers(official=house.serve("official", good), twin=house.serve("twin", good))

    run = house.run("providers.yaml", "-k", "not faq-39", "--json")

    assert 39 == json.loads(run.output)["cases"], run.output


@pytest.mark.parametrize(
    ("text_", "said"),
    [
        ("variants: {a: {}}", "providers.yaml:1: no map of providers"),
        ("providers: {a: {}, b: {}}", "providers.yaml:1: no reference: name one with"),
        ("providers: {abc: {}, b: {}}\nreference: abd", "providers.yaml:2: unknown reference"),
        ("reference: a\nproviders: {a: {}}", "providers.yaml:2: one provider alone"),
        ("reference: a\ngolden: nowhere\nproviders: {a: {}, b: {}}", "providers.yaml:2: 'nowhere'"),
        ("reference: a\nproviders:\n  a: {provider: openai}\n  b: {}", "providers.yaml:3:"),
        ("providers: [", "providers.yaml:2: not valid YAML"),
        ("providers: {a: {}, b: {}}\nrefernce: a", "providers.yaml:2: unknown key 'refernce'; did"),
        (
            "providers: {a: {}, b: {}}\nbaseline: a",
            "providers.yaml:2: in a file of providers it is",
        ),
        (
            "variants: {a: {}}\nproviders: {a: {}, b: {}}",
            "providers.yaml:1: in a file of providers",
        ),
        ("goldn: x\nreference: a\nproviders: {a: {}, b: {}}", "did you mean 'golden'?"),
        ("reference: 4\nproviders: {a: {}, b: {}}", "providers.yaml:1: 'reference' is the name"),
        (
            "reference: a\nproviders: {a: {}, b: {modle: x}}",
            "providers.yaml:2: unknown key 'modle' in providers.b; did you mean 'model'?",
        ),
        ("reference: a\nproviders: {a: {}, b: 12}", "providers.yaml:2: providers.b must be a map"),
        (
            "reference: a\nproviders: [a, b]",
            "providers.yaml:2: no map of providers",
        ),
        ("xyzzy: x\nreference: a\nproviders: {a: {}, b: {}}", "known: budgets, cache,"),
    ],
)
def test_a_wrong_file_is_told_with_its_line_and_nothing_is_asked(house, text_, said):
    """The words are the file's own: reference and providers."""
    house.write("providers.yaml", text_)

    run = house.run()

    assert USAGE == run.code
    run.has(said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gguf", "one.gguf"], "--gguf takes two files or more"),
        (["--gguf", "a.gguf", "b.gguf"], "a.gguf: no such file"),
        (["--gguf", "embedded:f16", "embedded:f16"], "one file is given twice"),
        (["--gguf", "embedded:f16", "embedded:q8_0", "--golden", "no"], "no golden cases there"),
        (["providers.yaml", "--golden", "x"], "--golden goes with --gguf"),
        (["-v"], "give a file of providers, or --gguf"),
        (["--gguf", "embedded:f16", "embedded:q8_0", "--reference", "x"], "is the reference"),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["providers.yaml", "--quant-pairs=x"], "--quant-pairs=x: who is asked, and what, the"),
        (["providers.yaml", "--collect-only"], "--collect-only: who is asked"),
    ],
)
def test_wrong_options_are_usage_errors(house, options, said):
    """Each says what to do instead."""
    run = house.run(*options)

    assert USAGE == run.code
    run.has(said)


def test_paths_select_and_a_misspelt_cohort_is_no_selection(house):
    """A path narrows the audit; a budget on no cohort of the whole set is told before asking."""
    GateProject.golden(house, 30, cohort="tools")
    good = speaks(says_right)
    entries = {"official": house.serve("official", good), "twin": house.serve("twin", good)}
    house.providers(**entries)
    house.run("providers.yaml", "golden/tools.quant.yaml", "--json=audit.json")
    asked = house.servers["twin"].requests
    wrong = {"reference": "official", "budgets": [{"cohort": "tols", "max_drop": "9 pt"}]}
    house.write("providers.yaml", yaml.safe_dump({**wrong, "providers": entries}))

    run = house.run()

    assert (30, 30) == (house.json()["cases"], asked)
    assert USAGE == run.code
    run.has("providers.yaml:2: no case has the cohort 'tols'; did you mean 'tools'?")
    assert asked == house.servers["twin"].requests


def test_few_cases_rank_what_can_be_ranked_and_leave_the_verdict_open(house):
    """Five cases decide no budget: the endpoints are asked and shown, and the exit code is 10."""
    GateProject.golden(house, 5)
    good = speaks(says_right)
    house.providers(official=house.serve("official", good), twin=house.serve("twin", good))

    run = house.run("providers.yaml", "--json=audit.json")

    assert OPEN == run.code, run.output
    assert ("inconclusive", 5) == (house.json()["verdict"], house.json()["cases"])
    assert 5 == house.servers["twin"].requests


OBSERVER = """
import sys
def pytest_configure(config):
    sys.stderr.write("another plugin warns")
def pytest_quantguard_completion(case, variant, completion):
    raise ValueError(f"no room on the disk for {case.id}")
"""


def test_what_fails_beside_the_verdicts_is_told(house):
    """All endpoints hold, but an observer and a test do not: the exit code is not left unsaid."""
    GateProject.golden(house, 60)
    house.write("conftest.py", OBSERVER)
    house.write("golden/test_else.py", "def test_else():\n    assert 0\n")
    good = speaks(says_right)
    house.providers(official=house.serve("official", good), twin=house.serve("twin", good))

    run = house.run("providers.yaml", "--json=audit.json")

    assert FAILED == run.code
    found = house.json()
    assert ("pass", FAILED, 2) == (found["verdict"], found["exit_code"], len(found["beside"]))
    run.has("Beside the verdicts: golden/test_else.py::test_else failed", "no room on the disk")
    assert "another plugin warns" not in run.output


def test_a_hook_that_breaks_in_the_end_is_told(house):
    """The verdicts stand, with what ended the run beside them."""
    GateProject.golden(house, 60)
    house.write("conftest.py", "def pytest_terminal_summary():\n    raise ValueError('no disk')\n")
    good = speaks(says_right)
    house.providers(official=house.serve("official", good), twin=house.serve("twin", good))

    run = house.run("providers.yaml", "--json=audit.json")

    assert (INTERNAL, "pass") == (run.code, house.json()["verdict"]), run.output
    assert ["pytest broke: ValueError: no disk"] == house.json()["beside"]
    run.has("Beside the verdicts: pytest broke: ValueError: no disk")


def test_an_audit_without_golden_cases_is_no_success(house):
    """Nothing asked is nothing shown."""
    (house.folder / "golden" / "faq.quant.yaml").unlink()
    house.providers(
        official=house.serve("official", speaks(says_right)),
        twin=house.serve("twin", speaks(says_right)),
    )

    run = house.run()

    assert USAGE == run.code, run.output
    run.has("no golden case was selected")
