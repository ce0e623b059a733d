"""quantguard doctor, as a user types it: what is printed, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from fork_server import ForkServer
from gate_project import GateProject, Run
from pytest_quantguard import cli
from pytest_quantguard._screen import Screen
from pytest_quantguard.commands._doctor_text import cleaned, section
from pytest_quantguard.doctor.records import Finding
from scripted_server import answers

OK, WRONG, USAGE = 0, 1, 4
KEY = "sk-very-secret-4711-abcdef"
SERVER = ForkServer()


def doctor(project: GateProject, *arguments: str, **env: str) -> Run:
    """Run the command in the project's folder."""
    everything = {**os.environ, "COLUMNS": "100", "PYTEST_ADDOPTS": "-p no:asyncio", **env}
    words = ["quantguard", "doctor", *arguments]
    return Run(*SERVER.run(words, project.folder, everything, 300), project.folder)


def variant(project: GateProject, **changes: Any) -> dict[str, Any]:
    """Return a variant of the project's server."""
    return {"provider": "openai", "base_url": project.server.url, "timeout_s": 5, **changes}


def test_a_sound_project_is_ok(project):
    """Configuration, machine, each endpoint and the comparison; requests are announced."""
    run = doctor(project)

    assert OK == run.code, run.output
    assert run.has(
        "baseline base, against cand",
        "60 golden cases in 1 cohort",
        "every budget can be decided with them",
        "Asking base, cand: 24 requests at most, of 64 tokens or fewer each",
        "cand (candidate, openai, model cand)",
        "cand and base are asked the same",
        "0 wrong; 22 requests",
    )
    assert 22 == project.server.requests
    assert not (project.folder / ".quantguard").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import json\n\njson.loads('{')\n", "test_cases.py:3: json.decoder.JSONDecodeError"),
        ("def case(:\n", "test_cases.py:1: SyntaxError"),
        ("import no_such_module\n", "test_cases.py:1: ModuleNotFoundError: No module named"),
    ],
    ids=["raises", "syntax", "import"],
)
def test_a_test_module_that_breaks_is_one_finding(project, text, sentence):
    """Its place and its exception, not each line of the traceback; nothing of it is a case."""
    (project.folder / "test_cases.py").write_text(text, encoding="utf-8")

    run = doctor(project, "--offline")

    assert WRONG == run.code
    assert run.has(sentence, "1 wrong")


def test_a_mistake_of_the_configuration_is_told_once_and_as_such(project):
    """What pytest refuses it for is no golden case; its own prefix is no part of the sentence."""
    arms = {"base": variant(project, model="base"), "cand": {"provider": "nobody", "model": "m"}}
    project.config(project.server.url, variants=arms)

    run = doctor(project, "--offline")

    assert WRONG == run.code
    assert run.has("wrong file: quantguard.yaml:", "variant 'cand': unknown provider", "1 wrong")
    assert not any(said in run.output for said in ("ERROR", "ok    variants", "wrong golden"))


def test_everything_wrong_is_told_at_once(project):
    """Endpoints go on after one that is down; the exit code says that something is wrong."""
    project.config(
        project.server.url,
        variants={
            "base": variant(project, model="base"),
            "down": variant(project, model="down", base_url="http://127.0.0.1:9/v1"),
            "cand": variant(project, model="cand", launch={"command": ["no-such-program"]}),
        },
        budgets=[{"max_drop": "1 pt"}],
    )
    run = doctor(project, "--json=doctor.json")
    data = json.loads((project.folder / "doctor.json").read_text("ascii"))
    wrong = {(one["about"], one["topic"]) for one in data["findings"] if one["level"] == "wrong"}

    assert WRONG == run.code, run.output
    assert {("configuration", "budgets"), ("down", "reach"), ("cand", "reach")} <= wrong
    assert run.has("start the server", "there is no program 'no-such-program'")
    assert 11 == project.server.requests
    assert 12 == data["requests"]  # one of them found nobody


def test_servers_that_take_turns_are_started_one_after_the_other(project):
    """Each is ended before the next one begins, and none is left running.

    These programs answer numbered prompts alone: what they make of others is no matter here.
    """
    diary = project.folder / "diary"
    program = [sys.executable, str(Path(__file__).with_name("launched_program.py"))]

    def launched(name: str) -> dict[str, Any]:
        command = [*program, "--port", "{port}", "--name", name, "--diary", str(diary)]
        launch = {"command": command, "ready": "/health", "exclusive": True}
        return {"provider": "openai", "model": name, "launch": launch}

    project.config("", variants={"base": launched("base"), "cand": launched("cand")})
    run = doctor(project, "--max-requests=4")

    assert ["up base", "down base 1", "up cand", "down cand 1"] == diary.read_text().splitlines()
    assert run.has("4 requests at most", "2 wrong; 2 requests")


def test_a_server_that_dies_is_told_with_the_end_of_its_log(project):
    """Not as an exchange that broke off: why is in the log, shown as text."""
    program = str(Path(__file__).with_name("launched_program.py"))
    command = [sys.executable, program, "--port", "{port}", "--dies-after", "0"]
    launch = {"command": [*command, "--prints", "::error::no memory"], "ready": "/health"}
    base = {"provider": "openai", "model": "base", "launch": launch}
    project.config("", variants={"base": base})
    run = doctor(project)

    assert WRONG == run.code
    assert run.has("its server ended with signal 9", "| : :error::no memory", "'launch' by hand")


def test_a_configuration_with_mistakes_is_told_with_its_lines(project):
    """Exit 4, as a run; the machine is looked at all the same."""
    project.write("quantguard.yaml", "variants: {a: {provider: openai}}\nbudgets: []\nnope: 1\n")
    run = doctor(project)

    assert USAGE == run.code
    assert run.has("quantguard.yaml:3: unknown key 'nope'", "quantguard.yaml:1: variants.a lacks")
    assert run.has("this machine", "nothing was asked")


def test_golden_files_with_mistakes_are_wrong(project):
    """In pytest's own words, and the endpoints are asked none the less."""
    project.write("golden/bad.quant.yaml", "cases: [{id: x, prompt: y, expect: [{exactly: z}]}]")
    run = doctor(project, "base")

    assert WRONG == run.code
    assert run.has("unknown check 'exactly'", "base (baseline")


def test_offline_asks_nothing(project):
    """It looks at keys and files; a key that is not there is wrong."""
    project.config(project.server.url, judges={"j": variant(project, model="j")})
    fine = doctor(project, "--offline")
    both = {n: variant(project, model=n, api_key_env="NOT_THERE") for n in ("base", "cand")}
    project.config(project.server.url, variants=both)
    missing = doctor(project, "--offline")

    assert OK == fine.code, fine.output
    assert fine.has("judge:j (judge", "not asked (--offline)", "nothing was asked")
    assert WRONG == missing.code
    assert missing.has("export NOT_THERE=...")
    assert 0 == project.server.requests


def test_one_endpoint_is_asked_with_a_part_of_the_requests(project):
    """--max-requests is shared evenly, and never exceeded."""
    one = doctor(project, "cand", "--max-requests=5", "--json")
    data = json.loads(one.output)

    assert OK == one.code
    assert 5 == data["requests"] == project.server.requests
    assert ["cand"] == list(data["endpoints"])
    assert any(finding["topic"] == "requests" for finding in data["findings"])


def test_options_that_make_no_sense_are_refused(project):
    """Exit 4, with the nearest name; nothing is asked."""
    few = doctor(project, "--max-requests=1")
    unknown = doctor(project, "cnad")

    assert (USAGE, USAGE) == (few.code, unknown.code)
    assert few.has("leaves no request for some of 2 endpoints")
    assert unknown.has("there is no endpoint 'cnad'; did you mean 'cand'?")
    assert 0 == project.server.requests


@pytest.mark.parametrize("given", ["0", "-3", "many", "9" * 30])
def test_a_number_of_requests_is_a_number(given, capsys):
    """Exit 4 and the usage."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["doctor", f"--max-requests={given}"])

    assert USAGE == stop.value.code
    assert "no whole number" in capsys.readouterr().err


def test_without_a_configuration_init_is_named(tmp_path, monkeypatch, capsys):
    """The user has not begun yet."""
    monkeypatch.chdir(tmp_path)

    assert USAGE == cli.main(["doctor"])
    assert "quantguard init" in capsys.readouterr().err


def test_what_a_server_says_is_not_live_and_a_key_is_nowhere(project):
    """Neither in text nor in JSON: no escapes, no commands of CI systems, no key."""
    hostile = f"\x1b[31m\n::error::boo {KEY} ##[group]x"
    project.server.default = answers(403, json.dumps({"error": {"message": hostile}}))
    both = {n: variant(project, model=n, api_key_env="QKEY") for n in ("base", "cand")}
    project.config(project.server.url, variants=both)
    run = doctor(project, "--json=doctor.json", QKEY=KEY)
    written = (project.folder / "doctor.json").read_text("ascii")

    assert WRONG == run.code
    assert run.has("boo [secret]", "put a key that is valid there into QKEY")
    for text in (run.output, written):
        assert KEY not in text
        assert "\x1b" not in text
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())


@pytest.mark.parametrize("words", range(1, 12))
def test_no_line_begins_with_a_command_wherever_it_is_wrapped(words):
    """CI systems read one behind blanks, too."""
    text = "word " * words + "::error::boo"
    found = Finding(level="wrong", about="arm", topic="reach", saw=text, fix=text)
    lines = section("arm", cleaned([found], ()), Screen(width=40)).splitlines()

    assert not any(line.lstrip().startswith("::") for line in lines)
    assert any("error::boo" in line for line in lines)


def test_a_json_that_cannot_be_written_is_a_mistake(project: GateProject, tmp_path: Path):
    """Exit 4 and the path, after everything was told."""
    run = doctor(project, "--offline", f"--json={tmp_path}")

    assert USAGE == run.code
    assert run.has("cannot be written")
