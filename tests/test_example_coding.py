"""The coding example: its right answers pass, wrong ones fail, and the gate tells them apart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gate_project import GateProject, speaks
from pytest_quantguard._golden import load
from pytest_quantguard._registry import Registry
from pytest_quantguard.checks.python_tests import PythonTests
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.sandboxes import find
from pytest_quantguard.types import Completion
from scripted_server import ScriptedServer

EXAMPLE = Path(__file__).parents[1] / "examples" / "coding"
GOLDEN = EXAMPLE / "golden" / "coding.quant.yaml"
CASES = {case.id: case for case in load(GOLDEN, GOLDEN.name, Registry(), {})}

WRONG = {
    "slug": ("[^a-z0-9]+", "[^a-z0-9]"),
    "run-length": ("groupby(text)", "groupby(sorted(text))"),
    "caesar": ('chr((ord(char) - ord("a") + shift) % 26', 'chr((ord(char) - ord("a") + shift)'),
    "word-wrap": ("<= width", "< width"),
    "balanced": ("return not stack", "return True"),
    "parse-duration": (" or not text", ""),
    "roman-numerals": ('(4, "IV"), ', ""),
    "csv-line": ("strict=True", "skipinitialspace=True, quoting=csv.QUOTE_NONE"),
    "evaluate": ("value -= product()", "value = product() - value"),
    "query-string": ("keep_blank_values=True", "keep_blank_values=False"),
    "median": ("(ordered[middle - 1] + ordered[middle]) / 2", "ordered[middle]"),
    "split-bill": ("[share + 1] * rest + [share] * (people - rest)", "[share] * people"),
    "primes": ("number * number < limit", "number * number < limit - 10"),
    "base-conversion": ('("-", -number) if number < 0 else ("", number)', '("", abs(number))'),
    "working-days": (".days + 1", ".days"),
    "add-months": ("min(day.day, last)", "day.day"),
    "iso-week": ("Monday", "Sunday"),
    "merge-intervals": ("start <= found", "start < found"),
    "group-anagrams": ("word.lower()", "word"),
    "chunks": ("len(items), size", "len(items) - 1, size"),
    "top-words": ("(-pair[1], pair[0])", "-pair[1]"),
    "deep-merge": ("found = dict(base)", "found = base"),
    "rotate-matrix": ("zip(*matrix[::-1])", "zip(*matrix)"),
    "flatten": ("(list, tuple)", "list"),
    "permutations": ("return sorted(found)", "return sorted(found)[1:]"),
    "shortest-path": ("count + 1)", "count + 2)"),
    "topological-order": ("list(TopologicalSorter(needs).static_order())", "sorted(needs)"),
    "stack-with-minimum": ("min(value, self._items[-1][1])", "value"),
    "bank-account": ("amount <= 0", "amount < 0"),
    "lru-cache": ("                  self._items.move_to_end(key)\n", ""),
    "vector": ("__rmul__ = __mul__", "pass"),
    "retry": ("range(1, times + 1)", "range(1, times)"),
    "running-mean": ("/ len(last)", "/ window"),
    "pipeline": ("in functions", "in reversed(functions)"),
    "program-sum": ("Decimal(input())", "Decimal(float(input()) // 1)"),
    "program-table": ("-pair[1], pair[0]", "-pair[1]"),
    "program-calculator": ("value -= int", "value = int"),
}


class Services:
    """Lends the best sandbox there is."""

    def sandbox(self):
        try:
            return find()
        except ConfigError:
            return find("limits")


def judged(case, answer):
    (check,) = (one for one in case.checks if isinstance(one, PythonTests))
    return check.bound(Services())(Completion(text=answer), case)


def wrong(name):
    """Return the right answer with one thing wrong in it."""
    old, new = WRONG[name]
    reference = CASES[name].reference
    old = old if old in reference else old.replace("                  ", "        ")
    assert old in reference
    return reference.replace(old, new, 1)


def test_there_is_enough_of_everything():
    """Twenty tasks and more, of several kinds, all with a right answer and one prepared bug."""
    assert len(CASES) >= 20
    assert {tag for case in CASES.values() for tag in case.tags} >= {
        *("strings", "parsing", "numbers", "dates", "lists", "maps", "recursion", "classes"),
        *("generators", "functions", "programs", "search"),
    }
    assert set(CASES) == set(WRONG)


@pytest.mark.parametrize("name", CASES)
def test_the_right_answer_passes(name):
    """The reference is what the prompt asks for."""
    found = judged(CASES[name], f"Here it is:\n\n{CASES[name].reference}\n\nIt works.")

    assert found.ok, found.violations


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_answer_fails(name):
    """One small bug in it is found, and told in a sentence."""
    found = judged(CASES[name], wrong(name))

    assert not found.ok
    assert found.violations
    assert found.layers["tests"] < 1


# --- the gate -------------------------------------------------------------------------------------


def answer(model: str, prompt: str) -> str:
    """The baseline is always right; the candidate has a bug in three of four answers."""
    names = [name for name, case in CASES.items() if case.request.prompt.endswith(prompt)]
    (name,) = names
    bug = model == "cand" and list(CASES).index(name) % 4
    return wrong(name) if bug else str(CASES[name].reference)


@pytest.fixture
def coding(tmp_path: Path) -> Iterator[GateProject]:
    """The example's cases in a project of their own, and two models that know the answers."""
    with ScriptedServer(default=speaks(answer)) as server:
        project = GateProject(tmp_path, server)
        shutil.rmtree(tmp_path / "golden")
        shutil.copytree(EXAMPLE / "golden", tmp_path / "golden")
        project.config(server.url, budgets=[{"max_drop": "20 pt"}])
        yield project


def options() -> list[str]:
    """Allow code, in the weak sandbox where nothing else works: what is tested is the gate."""
    weak = [] if Services().sandbox().name != "limits" else ["--quant-sandbox=limits"]
    return ["--quant-allow-code", *weak]


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["one-process", "two-workers"])
def test_the_gate_fails_a_candidate_with_bugs(coding, workers):
    """With and without workers; no request holds a test, or the right answer."""
    run = coding.run(*options(), "-v", *workers)

    assert 1 == run.code
    assert {"cand": "fail"} == run.verdicts
    assert run.has("median([4, 1, 3, 2]) gave 3, expected 2.5 up to 1e-06")
    assert 2 * len(CASES) == coding.server.requests
    sent = json.dumps(coding.server.bodies)
    assert not any(text in sent for text in ("MCMXCIV", "python_tests", "def slug"))


def test_the_gate_passes_a_candidate_that_is_right(coding):
    """Running code is no reason to fail."""
    coding.server.default = speaks(lambda model, prompt: answer("base", prompt))

    run = coding.run(*options())

    assert 0 == run.code, run.output
    assert {"cand": "pass"} == run.verdicts


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["one-process", "two-workers"])
def test_nothing_is_run_unless_it_is_allowed(coding, workers):
    """Without a word of the user the run ends before the first request, with what to do."""
    run = coding.run(*workers)

    assert 4 == run.code
    assert run.has(
        "python_tests: code that a model wrote is only run when you say so: give "
        "--quant-allow-code, or write 'code: {allow: true}' into the configuration"
    )
    assert 0 == coding.server.requests


def test_the_configuration_may_allow_it_too(coding):
    """It can name the sandbox as well; one case decides nothing, but is run."""
    code = {"allow": True, "sandbox": "limits"}
    coding.config(coding.server.url, budgets=[{"max_drop": "20 pt"}], code=code)

    coding.run("-k", "run-length", "--quant-underpowered=allow")

    report = (coding.folder / "quant-report" / "report.json").read_text("utf-8")
    assert 2 == coding.server.requests
    assert "encode('abba') gave 'a2b2', expected 'a1b2a1'" in report


def test_a_sandbox_that_does_not_work_stops_the_run(coding):
    """Without it nothing is asked; what is missing is said."""
    run = coding.run("--quant-allow-code", "--quant-sandbox=bubblewrap", PATH="/nowhere")

    assert 4 == run.code
    assert run.has("bubblewrap: the program bwrap is not installed")
    assert 0 == coding.server.requests


def test_tests_that_make_no_sense_are_mistakes_of_the_file(coding):
    """They are found while the golden file is read, with the line."""
    path = coding.folder / "golden" / "coding.quant.yaml"
    data = yaml.safe_load(path.read_text("utf-8"))
    data["cases"][0]["expect"] = [{"python_tests": "assert 1 == 1"}]
    path.write_text(yaml.safe_dump(data), "utf-8")

    run = coding.run(*options())

    assert 4 == run.code
    assert run.has("python_tests: `tests` uses nothing that the answer defines")
