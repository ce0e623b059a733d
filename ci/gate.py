"""What the steps of ``action.yml`` do; nothing but the standard library is needed.

``python gate.py look`` reads the inputs and says what the other steps need to know, ``install``
installs the gate, ``judge`` runs it and checks that it left a report with a verdict.

Inputs come as one JSON text in ``QUANTGUARD_INPUTS``; no shell ever reads them. What is told to
GitHub (``GITHUB_OUTPUT``) is one of a few known words, or a text that was checked to be one line.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

VERDICTS = ("pass", "fail", "inconclusive", "not comparable", "error")
ERROR, USAGE = 1, 4
SAVING_EVENTS = ("push", "schedule", "workflow_dispatch")
"""Events whose runs may write the cache: all others run what a pull request brings along."""
_OURS = ("QUANTGUARD_INPUTS", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE")
"""Variables with which a test could speak for this step, and that no test needs."""
_FREE = ("candidates", "pytest-args", "install", "credentials")
"""Inputs that may have several lines."""


class InputError(Exception):
    """An input that cannot be meant; the message says which, what is given, what is allowed."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of the action, checked; paths are relative, as the action describes them."""

    texts: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Inputs:
        """Read and check all inputs; raises `InputError`."""
        given = json.loads(environment["QUANTGUARD_INPUTS"])
        texts = {name: str(text).strip() for name, text in given.items()}
        inputs = cls(texts)
        for name, text in texts.items():
            allowed = "\n\r\t" if name in _FREE else ""
            if any((sign < " " and sign not in allowed) or sign == "\x7f" for sign in text):
                raise InputError(f"{name}: {text!r:.80} has a line break or a control character")
        inputs.check()
        return inputs

    def check(self) -> None:
        """Raise `InputError` where an input is not one of its values."""
        if not self.candidates:
            raise InputError("candidates: none is given; name the variants to judge")
        for name, allowed in {
            "cache": ("true", "restore", "false"),
            "upload": ("true", "false"),
            "inconclusive": ("", "fail", "warn"),
        }.items():
            if self[name] not in allowed:
                words = ", ".join(word or "(empty)" for word in allowed)
                raise InputError(f"{name}: {self[name]!r:.80} is given; allowed are {words}")
        if self["shard"] and not re.fullmatch(r"[1-9]\d{0,3}/[1-9]\d{0,3}", self["shard"]):
            raise InputError(f"shard: {self['shard']!r:.80} is given; write K/N, such as 2/5")
        if self["shard"] and self["merge"]:
            raise InputError("shard and merge: a step asks a part, or judges all parts; keep one")
        for name in ("report-folder", "cache-path", "working-directory"):
            self._check_folder(name)
        for name in self.credentials:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise InputError(f"credentials: {name!r:.80} is no name of an environment variable")

    def _check_folder(self, name: str) -> None:
        path = PurePosixPath(self[name].replace("\\", "/"))
        if not self[name] or path.is_absolute() or ".." in path.parts:
            raise InputError(
                f"{name}: {self[name]!r:.80} is given; write a folder below the workspace"
            )
        if name == "report-folder" and any(part.startswith(".") for part in path.parts or (".",)):
            raise InputError(f"{name}: {self[name]!r:.80} is hidden, and would not be uploaded")

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    @property
    def candidates(self) -> list[str]:
        """The variants to judge."""
        return self._names("candidates")

    @property
    def credentials(self) -> list[str]:
        """Names of environment variables that must not be empty."""
        return self._names("credentials")

    def _names(self, name: str) -> list[str]:
        return [text for text in re.split(r"[\s,]+", self[name]) if text]

    def words(self, name: str) -> list[str]:
        """Split a text as a shell does, without expanding anything."""
        try:
            return shlex.split(self[name])
        except ValueError as error:
            raise InputError(f"{name}: {self[name]!r:.80} cannot be read: {error}") from None

    @property
    def reports(self) -> Path:
        """Folder of the reports, relative to the workspace."""
        return Path(self["working-directory"]) / self["report-folder"]

    @property
    def report(self) -> Path:
        """What the step leaves there: the report, or the file of a shard."""
        number, _, count = self["shard"].partition("/")
        return self.reports / (f"shard-{number}-of-{count}.json" if count else "report.json")


# --- steps ------------------------------------------------------------------------------


def look(inputs: Inputs, environment: Mapping[str, str]) -> int:
    """Say what the other steps need to know, or that credentials are missing."""
    missing = [name for name in inputs.credentials if not environment.get(name, "").strip()]
    artifact = inputs["artifact-name"] or _artifact_name(inputs, environment)
    if missing and not inputs["merge"]:
        _not_run(missing, environment)
        _tell(environment, {"run": "false", "verdict": "not-run", "exit-code": str(ERROR)})
        return 0
    keeps = inputs["cache"] != "false" and not inputs["merge"]
    saves = keeps and inputs["cache"] == "true" and _may_save(environment)
    begin = f"{inputs['cache-key']}-{environment.get('RUNNER_OS', 'any')}-"
    mine = begin + _slug("-".join([*inputs.candidates, inputs["shard"]])) + "-"
    number = "-".join(environment.get(f"GITHUB_{n}", "0") for n in ("RUN_ID", "RUN_ATTEMPT"))
    facts = {
        "run": "true",
        "restore": str(keeps).lower(),
        "save": str(saves).lower(),
        "cache-path": (Path(inputs["working-directory"]) / inputs["cache-path"]).as_posix(),
        "cache-key": mine + number,  # written once; what is restored is the newest of the same name
        "restore-keys": f"{mine}\n{begin}",
        "report-folder": inputs.reports.as_posix(),
        "artifact-name": artifact,
    }
    _tell(environment, facts)
    return 0


def install(inputs: Inputs) -> int:
    """Install what is asked for, or the checkout of this action."""
    here = str(Path(__file__).resolve().parents[1])
    extras = f"[{inputs['extras']}]" if inputs["extras"] else ""
    wanted = inputs.words("install") or [here + extras]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, *wanted], check=False).returncode


def judge(inputs: Inputs, environment: Mapping[str, str]) -> int:
    """Run the gate and check what it left; the exit code is an output, and 0 is returned."""
    folder = Path(inputs["working-directory"])
    inputs.report.unlink(missing_ok=True)  # such as one that was committed: it proves nothing
    commit = _commit(folder, environment)
    # The report tells which commit was judged: what is checked out, whatever started the run.
    env = {**environment, **({"GITHUB_SHA": commit} if commit else {})}
    for name in _OURS:
        env.pop(name, None)
    command = merge_command(inputs, folder) if inputs["merge"] else pytest_command(inputs)
    shown = shlex.join(command[1:]).replace("\n", " ").replace("##[", "# # [")
    print(f"$ python {shown}", flush=True)
    before = _size_of_summary(environment)
    code = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, check=False)
    checked = _check(inputs, commit, env, code.returncode)
    final = code.returncode or checked
    verdict = _verdict(inputs) if not (checked and _verdict(inputs) == "pass") else "none"
    if verdict == "none":
        told = _size_of_summary(environment) > before  # the gate may have said why, and better
        _no_verdict(code.returncode, {} if told else environment)
    report = inputs.report.as_posix() if inputs.report.is_file() else ""
    _tell(environment, {"verdict": verdict, "exit-code": str(final), "report": report})
    return 0


def pytest_command(inputs: Inputs) -> list[str]:
    """Return the command line of a run, or of a shard."""
    options = {
        "baseline": inputs["baseline"],
        "config": inputs["config"],
        "inconclusive": inputs["inconclusive"],
        "shard": inputs["shard"],
        "report": inputs["report-folder"],
    }
    return [
        *(sys.executable, "-m", "pytest"),
        *(f"--quant-candidate={name}" for name in inputs.candidates),
        *(f"--quant-{name}={text}" for name, text in options.items() if text),
        *inputs.words("pytest-args"),
    ]


def merge_command(inputs: Inputs, folder: Path) -> list[str]:
    """Return the command line that judges shards; without files it names what it lacks."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob(inputs["merge"]))
    policy = inputs["inconclusive"]
    return [
        *(sys.executable, "-m", "pytest_quantguard", "merge"),
        f"--quant-report={inputs['report-folder']}",
        *([f"--quant-inconclusive={policy}"] if policy else []),
        *("--", *(found or [inputs["merge"]])),
    ]


def _check(inputs: Inputs, commit: str, env: Mapping[str, str], code: int) -> int:
    """Return 0 where the run left what it should: a disabled gate ends with 0, too."""
    if inputs["shard"]:
        return 0 if inputs.report.is_file() else ERROR
    # Where the run ended well although inconclusive, the configuration says so.
    policy = inputs["inconclusive"] or ("warn" if code == 0 else "fail")
    command = [
        *(sys.executable, "-m", "pytest_quantguard", "check-report", str(inputs.report)),
        f"--inconclusive={policy}",
        *(f"--candidate={name}" for name in inputs.candidates),
        *([f"--commit={commit}"] if commit else []),
    ]
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, check=False).returncode


# --- facts ------------------------------------------------------------------------------


def _verdict(inputs: Inputs) -> str:
    """Return the verdict of the report, as one of the words that action.yml names."""
    try:
        document = json.loads(inputs.report.read_text("utf-8"))
        if inputs["shard"]:
            return "shard"
        found = document["results"]["extra"]["quantguard"]["verdict"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "none"
    return found.replace(" ", "-") if found in VERDICTS else "none"


def _commit(folder: Path, environment: Mapping[str, str]) -> str:
    """Return the commit that is checked out; where git cannot tell, the one of the run."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        done = None
    found = done.stdout.strip() if done is not None and done.returncode == 0 else ""
    return found or environment.get("GITHUB_SHA", "")


def _may_save(environment: Mapping[str, str]) -> bool:
    """True on the default branch, where its own commit is checked out and no pull request's."""
    try:
        event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text("utf-8"))
        branch = (event.get("repository") or {}).get("default_branch")
    except (KeyError, OSError, ValueError, AttributeError):
        return False
    name = environment.get("GITHUB_EVENT_NAME", "")
    # A schedule runs on the default branch only, and its event may not say which that is.
    here = name == "schedule" or (
        branch is not None and environment.get("GITHUB_REF") == f"refs/heads/{branch}"
    )
    sha = environment.get("GITHUB_SHA", "")
    return name in SAVING_EVENTS and here and _commit(Path(), environment) == sha


def _artifact_name(inputs: Inputs, environment: Mapping[str, str]) -> str:
    """Return a name that no other job of the run has: names are unique in a run."""
    job = json.loads(environment.get("QUANTGUARD_JOB") or "{}") or {}
    many = int(job.get("job-total") or 1) > 1
    shard = inputs["shard"].replace("/", "-of-")
    parts = ["quantguard", environment.get("GITHUB_JOB", ""), *inputs.candidates, shard]
    return _slug("-".join([*parts, str(job.get("job-index", 0)) if many else ""]))


def _slug(text: str) -> str:
    """Return letters, digits, dots, underlines and dashes, at most 100 of them."""
    return re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", text))[:100].strip("-.")


# --- what GitHub shows ------------------------------------------------------------------


def _tell(environment: Mapping[str, str], facts: Mapping[str, str]) -> None:
    """Set outputs of the step; the mark that ends each is one that no text can have."""
    mark = f"end-{os.urandom(16).hex()}"
    text = "".join(f"{name}<<{mark}\n{value}\n{mark}\n" for name, value in facts.items())
    with Path(environment["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as out:
        out.write(text)


def _not_run(missing: Sequence[str], environment: Mapping[str, str]) -> None:
    names = ", ".join(missing)
    text = (
        f"not run: no credentials. Empty or not set: {names}. "
        "Pull requests from forks and of Dependabot get no secrets: docs/ci.md says what to do."
    )
    _summary(environment, f"## quantguard: not run: no credentials\n\n{text}\n")
    _annotate("quantguard: not run", text)


def _no_verdict(code: int, environment: Mapping[str, str]) -> None:
    text = (
        f"no verdict: this run left no report that counts (its exit code is {code}). "
        "The log of the step 'Ask and judge' says why. No evidence is never green."
    )
    _summary(environment, f"## quantguard: no verdict\n\n{text}\n")
    _annotate("quantguard", text)


def _summary(environment: Mapping[str, str], text: str) -> None:
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(text)


def _size_of_summary(environment: Mapping[str, str]) -> int:
    path = Path(environment.get("GITHUB_STEP_SUMMARY") or os.devnull)
    return path.stat().st_size if path.is_file() else 0


def _annotate(title: str, text: str) -> None:
    """Print an error that GitHub shows on the run's page."""
    data = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    head = title.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    print(f"::error title={head}::{data}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run one step; returns its exit code."""
    environment = dict(os.environ)
    try:
        inputs = Inputs.of(environment)
        if arguments == ["install"]:
            return install(inputs)
        return {"look": look, "judge": judge}[arguments[0]](inputs, environment)
    except InputError as refused:
        _annotate("quantguard: input", str(refused))
        return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
