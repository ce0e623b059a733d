"""``quantguard init``: a set-up that works at once, and says what to edit."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._starter.files import IGNORED, Servers, files, schemas
from pytest_quantguard.commands._starter.writing import Written, conflicts, write
from pytest_quantguard.documents.labels import variable_problem
from pytest_quantguard.errors import InputError, QuantGuardError

INSTALL = 'pip install "pytest-quantguard[llamacpp]"'
_NEEDED = ("gguf", "numpy", "xllamacpp")


def init(arguments: Sequence[str]) -> int:
    """Write a set-up into a folder; return 0, or 4 where nothing was written."""
    options = _options(arguments)
    folder = Path(options.folder)
    try:
        servers = _servers(options)
        drafts = schemas()
        if not options.schemas:
            drafts |= files(servers, folder, workflow=not options.no_workflow)
        replaces = schemas() if not options.force else drafts
        if found := conflicts(folder, drafts, replaces):
            return refuse([f"quantguard init: {line}" for line in found])
        done = write(folder, drafts, () if options.schemas else IGNORED)
        _tell(options, servers, done, alien="pytest.ini" not in drafts)
    except InputError as error:
        return refuse([f"quantguard init: {problem}" for problem in error.problems])
    except QuantGuardError as error:
        return refuse([f"quantguard init: {error}"])
    return 0


# --- options ------------------------------------------------------------------------------


def _parser() -> Parser:
    return Parser(
        prog="quantguard init",
        usage="quantguard init [FOLDER] [--no-workflow] [--force] [--json[=FILE]]\n"
        "       quantguard init [FOLDER] --url URL --model NAME [--key-env NAME]\n"
        "                       [--candidate-url URL] [--candidate-model NAME]\n"
        "       quantguard init [FOLDER] --schemas",
        description="Write a set-up that works at once, and say what to edit: a configuration,\n"
        "90 golden cases and a test function, and a workflow for GitHub Actions. Without\n"
        "--url the models are the tiny ones that come with pytest-quantguard, served by\n"
        "llama.cpp on this machine. Asks nothing. No file is overwritten: where one\n"
        "exists, all that exist are named, and nothing is written.",
        epilog=manual(
            {0: "written", 4: "a mistake in the options, or files exist: nothing was written"},
            {
                "quantguard init": "in this folder, with the tiny models",
                "quantguard init gate --no-workflow": "in the folder gate, which is made",
                "quantguard init --url http://127.0.0.1:8000/v1 --model my-model \\\n"
                "      --candidate-url http://127.0.0.1:8001/v1 --candidate-model my-awq": (
                    "with servers of your own"
                ),
            },
            "docs/init.md shows every file.",
        ),
    )


def _options(arguments: Sequence[str]) -> Namespace:
    parser = _parser()
    add = parser.add_argument
    add("folder", nargs="?", default=".", metavar="FOLDER", help="where; default: here")
    add("--url", metavar="URL", help="the baseline's server, such as http://127.0.0.1:8000/v1")
    add("--model", metavar="NAME", help="what that server calls the model")
    add("--candidate-url", metavar="URL", help="the candidate's server; default: that of --url")
    add("--candidate-model", metavar="NAME", help="what it calls it; default: that of --model")
    add("--key-env", metavar="NAME", help="environment variable that holds the servers' API key")
    add("--no-workflow", action="store_true", help="leave .github/workflows/quantguard.yml out")
    add("--force", action="store_true", help="replace those of its files that exist")
    add(
        "--schemas",
        action="store_true",
        help="write only the schemas that editors read, as after a clone",
    )
    add_json(parser, "what was written")
    return parser.parse_args(arguments_of(arguments))


def _servers(options: Namespace) -> Servers | None:
    """Return the user's servers as the options describe them; None = the embedded models.

    Raises:
        InputError: with every option that makes no sense.
    """
    problems = []
    of_servers = ("model", "candidate_url", "candidate_model", "key_env")
    if options.url is None:
        given = [name for name in of_servers if getattr(options, name) is not None]
        if given:
            raise InputError(f"--{given[0].replace('_', '-')} is about a server: give --url, too")
        return None
    if not options.model:
        problems.append("--url needs --model, the name by which the server knows the model")
    urls = {"--url": options.url, "--candidate-url": options.candidate_url}
    problems += [f"{name} {why}" for name, url in urls.items() if (why := _unusable(url))]
    if options.key_env is not None and (why := variable_problem("--key-env", options.key_env)):
        problems.append(why)
    url, model = options.candidate_url or options.url, options.candidate_model or options.model
    both = (url, model) if options.candidate_url or options.candidate_model else None
    if both == (options.url, options.model):
        problems.append(
            "the candidate is the baseline: give another --candidate-url or --candidate-model"
        )
    if problems:
        raise InputError(problems)
    return Servers(baseline=(options.url, options.model), candidate=both, key=options.key_env)


def _unusable(url: str | None) -> str:
    """Say why an address cannot be used; it is not repeated, since it may hold a password."""
    if url is None:
        return ""
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username or parts.password
    except ValueError:
        return "is no address; write http://host:port/v1"
    if parts.scheme not in ("http", "https") or not host:
        return "must start with http:// or https:// and name a host, as http://127.0.0.1:8000/v1"
    return "carries a user name or password; use --key-env" if user else ""


# --- telling ------------------------------------------------------------------------------


def _tell(options: Namespace, servers: Servers | None, done: Written, *, alien: bool) -> None:
    """``alien``: the folder configures pytest already, which was left as it is."""
    there = servers is not None or all(map(find_spec, _NEEDED))
    steps = [] if options.schemas else _next(options, servers)
    edit = [] if options.schemas else _edit(servers, alien=alien)
    put(
        {
            "version": 1,
            "folder": options.folder,
            "written": list(done.written),
            "changed": list(done.changed),
            "install": None if there or options.schemas else INSTALL,
            "next": steps,
            "edit": edit,
        },
        options.json,
    )
    if alone(options.json):
        return
    where = "this folder" if options.folder == "." else one_line(options.folder)
    lines = [f"Written into {where}:", *(f"  {name}" for name in done.written)]
    lines += [f"  {name} (lines added)" for name in done.changed]
    if not there and not options.schemas:
        lines += ["", "The tiny models need the llama.cpp server, which is not installed. First:"]
        lines += [f"  {INSTALL}"]
    if steps:
        lines += ["", "Next:", *(f"  {step}" for step in steps)]
        lines += ["", "To make it yours (docs/init.md):", *(f"  {line}" for line in edit)]
    tell("\n".join(lines))


def _next(options: Namespace, servers: Servers | None) -> list[str]:
    """Return the commands to type next, which work as they stand."""
    into = [] if options.folder == "." else [f"cd {shlex.quote(options.folder)}"]
    run = f"pytest {'--quant-candidate=q8_0' if servers is None else servers.option}"
    last = ["quantguard plan"] if servers is None or servers.candidate else []
    return [one_line(line, 500) for line in (*into, "quantguard doctor", run, *last)]


def _edit(servers: Servers | None, *, alien: bool) -> list[str]:
    models = (
        "quantguard.yaml: the variants, then the budgets"
        if servers is None
        else ("quantguard.yaml: what is declared under 'quantization', then the budgets")
    )
    if servers is not None and servers.candidate is None:
        models = "quantguard.yaml: the candidate, which is written there behind signs"
    found = [
        models,
        "golden/: cases of your own in place of these, a file for each cohort",
        "tests/test_quant_cases.py: a property that no check has",
    ]
    if servers is not None and servers.near:
        found.append(
            ".github/workflows/quantguard.yml: its runner cannot reach a server of this machine"
        )
    if alien:
        found.insert(0, "your configuration of pytest: 'golden' among testpaths, if it has any")
    return found
