"""What the steps of ``action.yml`` do; nothing but the standard library is needed.

``python gate.py look`` reads the inputs and says what the other steps need to know, ``install``
installs the gate, ``judge`` runs it and checks that it left a report with a verdict.

Inputs come as one JSON text in ``QUANTGUARD_INPUTS``; no shell ever reads them. What is told to
GitHub (``GITHUB_OUTPUT``) is one of a few known words, or a text that was checked to be one line.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from inputs import InputError, Inputs

VERDICTS = ("pass", "fail", "inconclusive", "not comparable", "error")
ERROR, USAGE, INCONCLUSIVE = 1, 4, 10
FILES = ("report.json", "index.html", "summary.md", "comment.md", "route.json")
"""What the gate leaves in the report folder."""
SAVING_EVENTS = ("push", "schedule", "workflow_dispatch")
"""Events whose runs may write the cache: all others run what a pull request brings along."""
_OURS = ("QUANTGUARD_INPUTS", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE")
"""Variables with which a test could speak for this step, and that no test needs."""

# --- steps ------------------------------------------------------------------------------


def look(inputs: Inputs, environment: Mapping[str, str]) -> int:
    """Say what the other steps need to know, or that credentials are missing.

    Reports that were checked out with the project prove nothing: they are removed before anything
    can fail, so that none is uploaded, or becomes a comment.
    """
    _remove(inputs)
    missing = [name for name in inputs.credentials if not environment.get(name, "").strip()]
    artifact = _slug(inputs["artifact-name"]) or _artifact_name(inputs, environment)
    if missing and not inputs["merge"]:
        _not_run(missing, environment)
        _tell(environment, {"run": "false", "verdict": "not-run", "exit-code": str(ERROR)})
        return 0
    folder = Path(inputs["working-directory"])
    if inputs["cache-path"] and _git(folder, "ls-files", "--", inputs["cache-path"]):
        text = f"{inputs['cache-path']} is committed: this change brings its own answers along"
        _annotate("quantguard: answers", text, "warning")
    keeps = inputs["cache"] != "false" and not inputs["merge"]
    remembers = bool(inputs["history-path"]) and not inputs["shard"]  # a shard has no verdict
    may_save = _may_save(environment)
    begin = f"{inputs['cache-key']}-{environment.get('RUNNER_OS', 'any')}-"
    slug = _slug("-".join([*inputs.candidates, inputs["shard"]]))
    mine, past = f"{begin}{slug}-", f"{inputs['cache-key']}-history-{slug}-"
    number = "-".join(environment.get(f"GITHUB_{n}", "0") for n in ("RUN_ID", "RUN_ATTEMPT"))
    facts = {
        "run": "true",
        "restore": str(keeps).lower(),
        "save": str(keeps and may_save and inputs["cache"] == "true").lower(),
        "cache-path": (folder / inputs["cache-path"]).as_posix(),
        "cache-key": mine + number,  # written once; what is restored is the newest of the same name
        "restore-keys": f"{mine}\n{begin}",
        "history-path": (folder / inputs["history-path"]).as_posix() if remembers else "",
        "history-key": past + number,
        "history-keys": past,
        "save-history": str(remembers and may_save).lower(),
        "report-folder": inputs.reports.as_posix(),
        "artifact-name": artifact,
    }
    _tell(environment, facts)
    return 0


def install(inputs: Inputs, environment: Mapping[str, str]) -> int:
    """Install the checkout of this action, and what else is asked for; nothing of it sees a key."""
    here = str(Path(__file__).resolve().parents[1])
    extras = f"[{inputs['extras']}]" if inputs["extras"] else ""
    options = ["--quiet", "--disable-pip-version-check", *inputs.words("install")]
    env = {name: text for name, text in environment.items() if name not in inputs.credentials}
    return _python("pip", "install", here + extras, *options, env=env)


def judge(inputs: Inputs, environment: Mapping[str, str]) -> int:
    """Run the gate and check what it left; the exit code is an output, and 0 is returned."""
    folder = Path(inputs["working-directory"])
    commit = _commit(folder, environment)
    # The report tells which commit was judged: what is checked out, whatever started the run.
    env = {**environment, **({"GITHUB_SHA": commit} if commit else {})}
    command = merge_command(inputs, folder) if inputs["merge"] else pytest_command(inputs)
    shown = " ".join(shlex.join(command).splitlines()).replace("##[", "# # [")
    print(f"$ python -m {shown}", flush=True)
    before = _size_of_summary(environment)
    code = _python(*command, env=env, folder=folder)
    checked = _check(inputs, commit, env)
    final = code or checked
    verdict = found = _verdict(inputs)
    if checked not in (0, INCONCLUSIVE) and found in ("pass", "inconclusive", "shard"):
        verdict = "none"  # of another commit, or without a candidate or cohort
    if verdict == "none" and (found != "none" or _size_of_summary(environment) == before):
        _no_verdict(code, environment)  # else the gate itself has said why, and better
    elif verdict == "pass" and final:
        text = f"the verdict is a pass, but pytest ended with {code}: another test failed, or it"
        _annotate("quantguard: the run failed", f"{text} was stopped. The log has it.")
    report = inputs.report.as_posix() if inputs.report.is_file() else ""
    _tell(environment, {"verdict": verdict, "exit-code": str(final), "report": report})
    return 0


def pytest_command(inputs: Inputs) -> list[str]:
    """Return the module and the arguments of a run, or of a shard."""
    options = {
        "baseline": inputs["baseline"],
        "config": inputs["config"],
        "inconclusive": inputs["inconclusive"],
        "shard": inputs["shard"],
        "report": inputs["report-folder"],
    }
    return [
        "pytest",
        *(f"--quant-candidate={name}" for name in inputs.candidates),
        *(f"--quant-{name}={text}" for name, text in options.items() if text),
        *inputs.words("pytest-args"),
    ]


def merge_command(inputs: Inputs, folder: Path) -> list[str]:
    """Return what judges shards; without files it names what it lacks.

    Raises `InputError` for files that came with the project: no run of this workflow wrote them.
    """
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob(inputs["merge"]))
    if found and (kept := _git(folder, "ls-files", "--", *found)):
        raise InputError(f"merge: {kept.splitlines()[0]!r:.80} is committed, and proves nothing")
    policy = inputs["inconclusive"]
    return [
        *("pytest_quantguard", "merge"),
        f"--quant-report={inputs['report-folder']}",
        *([f"--quant-inconclusive={policy}"] if policy else []),
        *("--", *(found or [inputs["merge"]])),
    ]


def _check(inputs: Inputs, commit: str, env: Mapping[str, str]) -> int:
    """Return 0 where the run left what it should: a disabled gate ends with 0, too."""
    if inputs["shard"]:
        return 0 if inputs.report.is_file() else ERROR
    policy = inputs["inconclusive"]
    return _python(
        *("pytest_quantguard", "check-report", str(inputs.report)),
        *(f"--candidate={name}" for name in inputs.candidates),
        *(f"--require-cohort={name}" for name in inputs.cohorts),
        *([f"--inconclusive={policy}"] if policy else []),
        *([f"--commit={commit}"] if commit else []),
        env=env,
    )


def _python(*arguments: str, env: Mapping[str, str], folder: Path | None = None) -> int:
    """Run a module; return an exit code of one byte, which is 0 only for success.

    ``-P``: what is called so is not looked for among the files of the project.
    """
    kept = {name: text for name, text in env.items() if name not in _OURS}
    command = [sys.executable, "-P", "-m", *arguments]
    done = subprocess.run(command, cwd=folder, env=kept, stdin=subprocess.DEVNULL, check=False)
    return done.returncode if 0 <= done.returncode < 256 else ERROR


def _remove(inputs: Inputs) -> None:
    for path in (inputs.report, *(inputs.reports / name for name in FILES)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            why = f"{path.as_posix()!r:.80} cannot be removed: {error.strerror}"
            raise InputError(f"report-folder: {why}") from None


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
    return _git(folder, "rev-parse", "--verify", "HEAD") or environment.get("GITHUB_SHA", "")


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says; nothing where it cannot tell."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


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
    with Path(environment["GITHUB_OUTPUT"]).open("a", encoding="utf-8", newline="\n") as out:
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
        f"This run left no report that counts (its exit code is {code}). "
        "The log of the step 'Ask and judge' says why. No evidence is never green."
    )
    _summary(environment, f"## ⛔ **no verdict**: quantguard\n\n{text}\n")
    _annotate("quantguard: no verdict", text)


def _summary(environment: Mapping[str, str], text: str) -> None:
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(text)


def _size_of_summary(environment: Mapping[str, str]) -> int:
    path = Path(environment.get("GITHUB_STEP_SUMMARY") or os.devnull)
    return path.stat().st_size if path.is_file() else 0


def _annotate(title: str, text: str, level: str = "error") -> None:
    """Print what GitHub shows on the run's page."""
    data = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    head = title.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    print(f"::{level} title={head}::{data}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run one step; returns its exit code."""
    environment = dict(os.environ)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names can be in any script, on Windows too
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        inputs = Inputs.of(environment)
        return {"look": look, "install": install, "judge": judge}[arguments[0]](inputs, environment)
    except InputError as refused:
        _annotate("quantguard: input", str(refused))
        return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
