"""The comment of a pull request is kept by a program that trusts no artifact."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from action_runner import program

MARKER = "<!-- quantguard:comment awq-int4 -->"
TEXT = f"{MARKER}\n**FAIL** ask @maintainer\n /merge\n"
RUN = {
    "event": "pull_request",
    "head_branch": "a b&c",
    "head_sha": "5" * 40,
    "head_repository": {"full_name": "fork/repo", "owner": {"login": "fork"}},
}
OURS = {"repository": {"full_name": "us/repo"}}


@pytest.fixture(scope="module")
def comment():
    """Return the program as a module."""
    return program("comment")


class Api(HTTPServer):
    """GitHub's API on the loopback: some pull requests, some comments."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Call)
        self.comments = []
        self.pulls = []
        self.calls = []
        self.status = 200


class _Call(BaseHTTPRequestHandler):
    def _do(self):
        place = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or "null")
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        self.server.calls.append((self.command, place.path, query, body, dict(self.headers)))
        found = {}
        if self.command == "GET":
            number, size = int(query["page"]), int(query["per_page"])
            all_of = self.server.pulls if place.path.endswith("/pulls") else self.server.comments
            found = all_of[(number - 1) * size : number * size]
        data = json.dumps(found).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = _do  # noqa: N815

    def log_message(self, *_):
        """Stay silent."""


@pytest.fixture
def api():
    """Return an API that is served."""
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def job(tmp_path, api):
    """Return a function that is the step of a job: (event, comment.md) -> environment."""

    def environment(event, text=TEXT):
        folder = tmp_path / "quant-report"
        folder.mkdir(exist_ok=True)
        if text is not None:
            data = text if isinstance(text, bytes) else text.encode()
            (folder / "comment.md").write_bytes(data)
        (tmp_path / "event.json").write_text(json.dumps({**OURS, **event}))
        return {
            "QUANTGUARD_FOLDER": str(folder),
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_API_URL": f"http://127.0.0.1:{api.server_port}",
            "GITHUB_REPOSITORY": "us/repo",
            "GITHUB_TOKEN": "token-of-the-job",
        }

    return environment


def of_branch(number=7, full_name="us/repo"):
    """Return the event of a pull request."""
    return {"pull_request": {"number": number, "head": {"repo": {"full_name": full_name}}}}


def said(number, body, login="github-actions[bot]"):
    """Return a comment as the API tells it."""
    return {"id": number, "body": body, "user": {"login": login}}


def writes(api):
    """Return what was written: (method, path, text)."""
    return [(m, path, body["body"]) for m, path, _, body, _ in api.calls if m != "GET"]


def test_the_first_comment_is_written(comment, job, api):
    """Others' comments are left alone, even where they begin with the same line."""
    api.comments = [said(1, TEXT, login="somebody"), said(2, "<!-- quantguard:comment fp8 -->\n")]

    assert comment.main(job(of_branch())) == 0

    assert writes(api) == [("POST", "/repos/us/repo/issues/7/comments", TEXT)]
    assert api.calls[-1][4]["Authorization"] == "Bearer token-of-the-job"


def test_our_own_comment_is_replaced_wherever_it_stands(comment, job, api):
    """It is found on a later page, too; there is one comment for each set of candidates."""
    api.comments = [said(n, "hello") for n in range(120)] + [said(333, f"{MARKER}\r\nold")]

    assert comment.main(job(of_branch())) == 0

    assert writes(api) == [("PATCH", "/repos/us/repo/issues/comments/333", TEXT)]


def test_the_text_of_a_fork_says_so_and_calls_nobody(comment, job, api):
    """The pull request is the open one whose head is the commit; the artifact is not asked."""
    api.pulls = [
        {"number": 8, "head": {"sha": "6" * 40}},
        {"number": 9, "head": {"sha": "5" * 40}},
    ]

    assert comment.main(job({"workflow_run": RUN})) == 0

    ((_, path, text),) = writes(api)
    assert path == "/repos/us/repo/issues/9/comments"
    assert text.startswith(MARKER + "\n> Written by a run of the fork's own code")
    assert "@maintainer" not in text
    assert " \u2060/merge" in text
    assert api.calls[0][2]["head"] == "fork:a b&c"


def test_a_pull_request_of_a_fork_is_marked_as_well(comment, job, api):
    """Also where the event itself names the pull request, or its repository is gone."""
    assert comment.main(job(of_branch(full_name="fork/repo"))) == 0
    gone = {"pull_request": {"number": 7, "head": {"repo": None}}}
    assert comment.main(job(gone)) == 0

    assert all("fork's own code" in text for _, _, text in writes(api))
    assert len(writes(api)) == 2


@pytest.mark.parametrize(
    "event", [{}, {"workflow_run": {**RUN, "event": "push"}}, {"workflow_run": RUN}]
)
def test_without_an_open_pull_request_nothing_is_written(comment, job, api, event, capsys):
    """A push, a closed pull request, or one that has moved on since."""
    assert comment.main(job(event)) == 0

    assert writes(api) == []
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "event", "code", "why"),
    [
        (
            403,
            of_branch(full_name="fork/repo"),
            0,
            "::warning title=quantguard comment::this job may",
        ),
        (403, {"workflow_run": RUN}, 1, "::warning title=quantguard comment::this job may"),
        (500, of_branch(), 1, "::error title=quantguard comment::GitHub cannot be asked"),
    ],
)
def test_what_github_refuses_is_said(comment, job, api, capsys, status, event, code, why):
    """A fork's own run may not comment, and is not red for that; no traceback."""
    api.status = status

    assert comment.main(job(event)) == code

    assert capsys.readouterr().out.startswith(why)


def test_without_a_comment_nothing_is_asked(comment, job, api):
    """A run without a verdict left none: that is said by the gate, not here."""
    assert comment.main(job(of_branch(), text=None)) == 0

    assert api.calls == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{MARKER}\n" + "x" * 61_440, "more than 61440 bytes"),
        (MARKER.encode() + b"\n\xff", "no UTF-8"),
        ("hello", "the gate's marker"),
        ("", "the gate's marker"),
        ("<!-- quantguard --> @all <!-- -->\n", "the gate's marker"),
    ],
)
def test_what_the_gate_does_not_write_is_refused(comment, job, api, capsys, text, why):
    """A large, undecodable or foreign file is an error, and is sent nowhere."""
    assert comment.main(job(of_branch(), text)) == 1

    assert why in capsys.readouterr().out
    assert api.calls == []


def test_a_link_is_not_followed(comment, job, api, tmp_path, capsys):
    """An artifact cannot make the job publish a file of the machine."""
    environment = job(of_branch(), text=None)
    (tmp_path / "secret").write_text(TEXT)
    (tmp_path / "quant-report/comment.md").symlink_to(tmp_path / "secret")

    assert comment.main(environment) == 1

    assert "no ordinary file" in capsys.readouterr().out
    assert api.calls == []


def test_signs_that_cannot_be_seen_are_left_out(comment, tmp_path):
    """Control characters and those that turn the direction of text."""
    (tmp_path / "comment.md").write_text(f"{MARKER}\na\u202eb\x1b[1mc\n")

    assert comment.read(tmp_path) == f"{MARKER}\nab[1mc\n"
