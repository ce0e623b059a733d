"""Variants whose servers the gate starts: from the configuration to the verdict."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gate_project import GateProject, Run, stop
from pytest_quantguard import _config
from pytest_quantguard import _run as runs
from pytest_quantguard._asking import Asking
from pytest_quantguard._registry import Registry
from pytest_quantguard.engine import lane as _lane
from pytest_quantguard.engine.complete import Answer, Job
from pytest_quantguard.engine.progress import Progress, Silent
from pytest_quantguard.errors import ConfigError, LaunchError
from pytest_quantguard.launching.launched import LaunchedProvider
from pytest_quantguard.launching.server import CommandServer
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source

PROGRAM = Path(__file__).with_name("launched_program.py")


class LaunchProject(GateProject):
    """A small project whose two servers are programs that the gate starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.more: dict[str, Any] = {}
        """Further keys of both variants."""
        self.golden(20)
        self.servers()

    def servers(self, *cand: str, base: tuple[str, ...] = (), **launch: Any) -> None:
        """Write the configuration; further arguments are those of the programs."""

        def variant(name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
            command = [sys.executable, str(PROGRAM), "--port", "{port}", "--name", name]
            command += ["--diary", str(self.folder / "diary"), *arguments]
            given = {"command": command, "ready": "/health", "timeout_s": 90, **launch}
            return {"provider": "openai", "model": name, "launch": given, **self.more}

        data = {
            "baseline": "base",
            "variants": {"base": variant("base", base), "cand": variant("cand", cand)},
            "budgets": [{"max_drop": "10 pt"}],
            "policies": {"underpowered": "allow", "inconclusive": "warn"},
        }
        self.write("quantguard.yaml", yaml.safe_dump(data, sort_keys=False))

    @property
    def diary(self) -> list[str]:
        """What the programs wrote down: up and down, and how many requests they got."""
        path = self.folder / "diary"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def quick(self, *options: str, **env: str) -> Run:
        """Run without what only slows a run down."""
        return self.run("-q", *options, **env)


@pytest.fixture
def launches(tmp_path: Path) -> LaunchProject:
    """Return a project of 20 cases; nothing is cached."""
    return LaunchProject(tmp_path)


@pytest.fixture
def asking(launches: LaunchProject) -> Iterator[Callable[..., Asking]]:
    """Return what makes the part of a run that asks."""
    made: list[tuple[Asking, runs.Run]] = []

    def make() -> Asking:
        file = launches.folder / "quantguard.yaml"
        settings = _config.load(file, launches.folder, candidates=["cand"])
        run = runs.Run.begin()
        made.append((Asking(settings, Registry(), run), run))
        return made[-1][0]

    yield make
    for one, run in made:
        one.close(cancel=True)
        one.close_cache()
        run.end()


def ask(asking: Asking, n: int, *variants: str) -> list[Answer]:
    """Ask the variants n questions each, as a run would."""
    jobs = [
        Job(
            variant=name,
            request=CompletionRequest(messages=({"role": "user", "content": f"faq {i}"},)),
        )
        for i in range(n)
        for name in variants or ("base", "cand")
    ]
    asking.engine.plan(jobs)
    assert asking.make_reachable(()) == []
    asking.engine.start()
    return [asking.engine.get(job) for job in jobs]


def up_and_down(diary: list[str]) -> list[str]:
    return [" ".join(line.split()[:2]) for line in diary]


# --- the ordinary run -------------------------------------------------------------------

ONE_AFTER_THE_OTHER = ["up base", "down base 20", "up cand", "down cand 20"]


def test_one_gpu_from_the_command_line(launches: LaunchProject) -> None:
    """Baseline phase, stop, candidate phase; the second run starts nothing."""
    launches.servers(exclusive=True)
    first = launches.quick()

    assert (first.code, first.verdicts) == (0, {"cand": "inconclusive"}), "20 cases are few"
    assert first.has("base, cand take turns (launch.exclusive)")
    assert launches.diary == ONE_AFTER_THE_OTHER
    again = launches.quick()
    assert again.verdicts == first.verdicts
    assert "take turns" not in again.output
    assert launches.diary == ONE_AFTER_THE_OTHER


def test_same_requests_with_workers(launches: LaunchProject) -> None:
    """Critical cases that regress are asked again in the same turn: one start of each server."""
    launches.golden(20, critical=True)
    launches.servers("--wrong-every", "10", exclusive=True)
    run = launches.quick("-n2")

    assert run.verdicts == {"cand": "fail"}
    assert launches.diary == ["up base", "down base 60", "up cand", "down cand 60"]


def test_sequential_run_with_workers_ends(launches: LaunchProject) -> None:
    """Each look has its two phases, and nothing hangs or is left."""
    launches.golden(2)
    launches.servers(exclusive=True)
    run = launches.quick("-n2", "--quant-sequential")
    lines = launches.diary

    assert run.verdicts == {"cand": "inconclusive"}
    assert [line.split()[0] for line in lines] == ["up", "down"] * (len(lines) // 2)
    requests = sum(int(line.split()[2]) for line in lines if line.startswith("down"))
    assert requests == 2 * run.report["provenance"]["cases"]


def test_both_at_once_are_asked_side_by_side(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """Without 'exclusive' both servers are started before anything is asked."""
    one = asking()
    found = ask(one, 5)
    assert sorted(launches.diary) == ["up base", "up cand"]
    one.close(cancel=False)

    assert all(answer.completion for answer in found)
    assert sorted(launches.diary[2:]) == ["down base 5", "down cand 5"]


def test_only_what_is_asked_is_started(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """A cached baseline needs no server; another port each time is no other question."""
    one = asking()
    ask(one, 3, "base")
    one.close(cancel=False)
    found = ask(asking(), 3)

    assert [answer.cached for answer in found] == [True, False] * 3
    assert up_and_down(launches.diary) == ["up base", "down base", "up cand"]


def test_other_flags_are_another_variant(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """Answers of a server that was started differently are not taken for this one's."""
    ask(asking(), 1, "cand")
    launches.servers("--prints", "other")

    assert not ask(asking(), 1, "cand")[0].cached


def test_exclusive_variants_alternate_within_a_process(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """A late question to the baseline swaps the servers once more, over a new connection."""
    launches.servers(exclusive=True)
    one = asking()
    ask(one, 3)
    late = Job(
        variant="base", request=CompletionRequest(messages=({"role": "user", "content": "faq 9"},))
    )
    answer = one.engine.get(late)
    one.close(cancel=False)

    assert answer.completion is not None
    assert answer.completion.text == "answer faq 9"
    assert launches.diary == [
        *("up base", "down base 3", "up cand", "down cand 3"),
        *("up base", "down base 1"),
    ]


def test_question_that_nobody_planned_starts_its_server(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """A run of conversations plans nothing: the first question of each variant waits for a turn."""
    launches.servers(exclusive=True)
    engine = asking().engine
    request = CompletionRequest(messages=({"role": "user", "content": "faq 1"},))
    found = [engine.get(Job(variant=name, request=request)) for name in ("cand", "base")]

    assert [answer.error for answer in found] == [None, None]
    assert up_and_down(launches.diary) == ["up cand", "down cand", "up base"]


def test_waiting_for_a_turn_is_no_latency(
    launches: LaunchProject, asking: Callable[..., Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time-out of a request does not run while its server is not up."""
    launches.more = {"timeout_s": 2, "max_attempts": 1}
    launches.servers(exclusive=True)
    start = CommandServer.start

    def loads_long(server: CommandServer, halt: threading.Event) -> str:
        time.sleep(2.5 if server.name == "cand" else 0.0)
        return start(server, halt)

    monkeypatch.setattr(CommandServer, "start", loads_long)
    one = asking()
    found = ask(one, 3)

    assert all(answer.completion and answer.completion.latency_s < 2 for answer in found)


# --- faults -----------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"max_attempts": 1, "concurrency": 16}])
def test_crash_fails_all_that_is_due(
    launches: LaunchProject,
    asking: Callable[..., Asking],
    more: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One error for everything that is left: nobody waits for attempts at a dead server."""
    monkeypatch.setattr(_lane, "_WORD_S", 30.0)  # a busy machine notices late that it is dead
    launches.more = more
    launches.servers("--dies-after", "4")
    one = asking()
    found = ask(one, 20)
    errors = [answer.error for answer in found if answer.error]
    texts = {str(error) for error in errors}

    assert len(errors) >= 16, "of what was under way some may have been lost"
    assert all(isinstance(error, LaunchError) for error in errors)
    assert len(texts) == 1
    assert "variant 'cand': its server ended with signal 9 (killed; out of memory?)" in texts.pop()
    assert one.server_faults()[0].endswith("\n| serving")
    assert one.engine.counts()["cand"]["attempts"] < 40


def test_crash_is_told_with_the_end_of_the_log(launches: LaunchProject) -> None:
    """The run is an ERROR, and the terminal shows what the server said last, made safe."""
    launches.servers("--dies-after", "4", "--prints", "::error::\x1b[31mpwned", exclusive=True)
    run = launches.quick()

    assert run.verdicts == {"cand": "error"}
    assert run.has("; the end of .quantguard/logs/cand.log:")
    assert "\x1b" not in run.output
    assert not any(line.lstrip().startswith("::error::") for line in run.output.splitlines())
    assert "| : :error::" in run.output


def test_missing_program_is_a_usage_error(launches: LaunchProject) -> None:
    """Found before anything is asked, with its line; the other server is not started."""
    file = launches.folder / "quantguard.yaml"
    data = yaml.safe_load(file.read_text("utf-8"))
    data["variants"]["cand"]["launch"]["command"][0] = "no-such-server"
    launches.write("quantguard.yaml", yaml.safe_dump(data, sort_keys=False))
    run = launches.quick()

    assert run.code == 4
    assert run.has("quantguard.yaml:", "variant 'cand': there is no program 'no-such-server'")
    assert launches.diary == []


def test_server_that_does_not_start_is_a_usage_error(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """Both servers are there before the first question, or nothing is asked."""
    launches.servers("--exits", "3", "--prints", "no GPU")
    one = asking()
    request = CompletionRequest(messages=({"role": "user", "content": "faq 1"},))
    one.engine.plan(Job(variant=name, request=request) for name in ("base", "cand"))
    problems = one.make_reachable(())

    assert len(problems) == 1
    assert problems[0].startswith("quantguard.yaml:")
    assert "its server ended with code 3 before it was ready" in problems[0]
    assert problems[0].endswith("| no GPU")


def test_one_that_does_not_start_is_not_waited_for_long(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """The other one may load for minutes: nobody waits for it once the run is lost."""
    launches.servers("--exits", "3", base=("--never-ready",), timeout_s=3600)
    one = asking()
    request = CompletionRequest(messages=({"role": "user", "content": "faq 1"},))
    one.engine.plan(Job(variant=name, request=request) for name in ("base", "cand"))

    assert "its server ended with code 3" in one.make_reachable(())[0]


def test_whoever_waits_is_told_for_what(
    launches: LaunchProject, asking: Callable[..., Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that loads for minutes nothing else is seen."""
    launches.servers()
    start = CommandServer.start

    def loads_until_seen(server: CommandServer, halt: threading.Event) -> str:
        end = time.monotonic() + 60
        while not any(seen) and time.monotonic() < end:
            time.sleep(0.01)
        return start(server, halt)

    monkeypatch.setattr(CommandServer, "start", loads_until_seen)
    one, seen = asking(), []
    one.engine.plan([Job(variant="cand", request=CompletionRequest(messages=()))])
    display = Silent()
    display.show = lambda found, now: seen.append(found.waits)  # type: ignore[method-assign]
    one.engine.progress = Progress(one.snapshot, display)

    assert one.make_reachable(()) == []
    assert re.fullmatch(r"waiting for the server of cand \(\d+ s\)", max(seen))
    assert one.starting() == ""


def test_launched_judge_that_cannot_be_asked(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """What a server ignores is said before the first request, of a judge as of an arm."""
    launches.more = {"dialect": "ollama"}
    launches.servers()
    request = CompletionRequest(messages=(), params={"n": 2})
    case = GoldenCase(id="a", cohort="a", request=request, source=Source(file="a.yaml", line=1))
    found = asking().judges_unfit([("cand", case)])

    assert len(found) == 1
    assert "variant 'cand': ollama ignores 'n' without a word" in found[0]


def test_launched_provider_says_what_it_leaves_out(
    launches: LaunchProject, asking: Callable[..., Asking]
) -> None:
    """As it would if its server ran already."""
    launches.more = {"dialect": "anthropic"}
    launches.servers()
    provider = asking().providers["cand"]
    assert isinstance(provider, LaunchedProvider)

    assert "'seed'" in provider.omitted(CompletionRequest(messages=(), params={"seed": 1}))


def test_run_that_does_not_begin_leaves_no_folder(launches: LaunchProject) -> None:
    """A mistake in the configuration is found when the folder of the run is there already."""
    launches.more = {"options": {"no-such": 1}}
    launches.servers()
    (launches.folder / "tmp").mkdir()
    run = launches.quick(TMPDIR=str(launches.folder / "tmp"), PYTHONHASHSEED="0")

    assert run.code == 4
    assert run.has("unknown option 'no-such'")
    assert list((launches.folder / "tmp").glob("quantguard-run-*")) == []


def test_ctrl_c_leaves_nothing_running(launches: LaunchProject) -> None:
    """While a server starts, after the first phase: the run ends, and its servers with it."""
    launches.servers("--never-ready", exclusive=True)
    process = subprocess.Popen(
        launches.command("-q"),
        cwd=launches.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 90
    while "up cand" not in launches.diary and time.monotonic() < until:
        time.sleep(0.05)
    output = stop(process)

    assert process.returncode == 2, output
    assert "No verdict" in output
    assert launches.diary[-1] == "down cand 0"


def test_worker_that_dies_holds_nobody_up(launches: LaunchProject) -> None:
    """A worker is killed in the baseline's phase: the others go on, and the run is an ERROR."""
    launches.write(
        "conftest.py",
        "import os, pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_protocol(item):\n"
        "    if os.environ.get('PYTEST_XDIST_WORKER') == 'gw1':\n"
        "        os._exit(9)\n",
    )
    launches.servers(exclusive=True)
    run = launches.quick("-n2")

    assert run.verdicts == {"cand": "error"}
    assert run.has("a worker process died")
    assert up_and_down(launches.diary) == ["up base", "down base", "up cand", "down cand"]


# --- the configuration ------------------------------------------------------------------


def refused(launches: LaunchProject) -> str:
    with pytest.raises(ConfigError) as caught:
        _config.load(launches.folder / "quantguard.yaml", launches.folder, candidates=["cand"])
    return str(caught.value)


def test_address_comes_from_the_launch(launches: LaunchProject) -> None:
    """Nobody has to write an address that is known anyway."""
    file = launches.folder / "quantguard.yaml"
    settings = _config.load(file, launches.folder, candidates=["cand"])
    launch = settings.baseline.launch

    assert settings.baseline.base_url == "http://127.0.0.1:{port}/v1"
    assert launch is not None
    assert launch.log == str(launches.folder / ".quantguard/logs/base.log")


def test_server_has_to_know_its_port(launches: LaunchProject) -> None:
    """A free port that the command never hears of would be waited for in vain."""
    launches.servers(command=["serve", "it"])
    text = refused(launches)

    assert "the server would not know its port: write {port} into the command" in text
    assert text.startswith("quantguard.yaml:")


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("http://127.0.0.1/v1", {}),
        ("http://127.0.0.1/v1", {"port": 8123}),
        ("http://127.0.0.1:9000/v1", {"port": 8123}),
    ],
)
def test_address_without_the_servers_port(
    launches: LaunchProject, url: str, more: dict[str, Any]
) -> None:
    """Another program may answer there: it would be taken for the server."""
    launches.more = {"base_url": url}
    launches.servers(**more)

    assert "base_url must name the port that the server listens on" in refused(launches)


@pytest.mark.parametrize("more", [{"port": 8123}, {"env": {"HOST": "127.0.0.1:{port}"}}])
def test_port_may_be_told_otherwise(launches: LaunchProject, more: dict[str, Any]) -> None:
    """A fixed port, or one in the environment, is as good."""
    launches.servers(command=["serve", "it"], **more)
    file = launches.folder / "quantguard.yaml"

    assert _config.load(file, launches.folder, candidates=["cand"]).baseline.launch is not None
