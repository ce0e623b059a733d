"""Keeps one comment on a pull request up to date; nothing but the standard library is needed.

The text is ``comment.md`` of a gate's report folder. It may come from a run of a fork, which can
write anything there: it is read as text of limited size, sent as text, and nothing else is opened.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

LIMIT = 60 * 1024
"""Bytes of a comment; GitHub takes 65,536 characters."""
PAGES = 30
"""Pages of 100 comments or pull requests that are looked at."""
BOT = "github-actions[bot]"
FORBIDDEN = 403
_NOT_ALLOWED = (
    "this job may not comment. It needs `pull-requests: write`; a run of a fork never has it, "
    "and quantguard-comment.yml comments after it"
)
_MARKER = re.compile(r"<!-- quantguard(?:(?!-->)[ -~]){0,300}-->")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_COMMAND = re.compile(r"^(\s*)/", re.MULTILINE)
"""What some bots obey when it begins a line of a comment."""
_FORK = (
    "> Written by a run of the fork's own code, without credentials: read it as the author's "
    "words. Only a run that a maintainer started counts.\n\n"
)


class CommentError(Exception):
    """What was found is no comment of the gate; the message says why."""


def read(folder: Path) -> str | None:
    """Return comment.md, which begins with the gate's marker; None where there is none.

    Raises `CommentError` for a link, a file that is too large, or what the gate does not write.
    """
    path = folder / "comment.md"
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode) or folder.is_symlink():
        raise CommentError("comment.md is no ordinary file")
    with path.open("rb") as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise CommentError(f"comment.md has more than {LIMIT} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise CommentError("comment.md is no UTF-8") from None
    if not _MARKER.fullmatch(text.partition("\n")[0].rstrip()):
        raise CommentError("comment.md does not begin with the gate's marker")
    return _UNSEEN.sub("", text)


def of_fork(text: str) -> str:
    """Return a text that nobody vouches for: it says so, calls nobody, and commands no bot."""
    marker, _, rest = text.partition("\n")
    return f"{marker}\n{_FORK}" + _COMMAND.sub("\\1\u2060/", rest.replace("@", "@\u2060"))


class GitHub:
    """The few calls that are needed of GitHub's API."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._base = environment["GITHUB_API_URL"].rstrip("/")
        self._repository = environment["GITHUB_REPOSITORY"]
        self._token = environment["GITHUB_TOKEN"]

    def call(self, method: str, path: str, data: Any = None, **query: str) -> Any:
        """Call ``path`` of the repository; return the JSON of the answer."""
        url = f"{self._base}/repos/{self._repository}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        body = None if data is None else json.dumps(data).encode()
        request = Request(
            f"{url}?{urlencode(query)}" if query else url, body, headers, method=method
        )
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def pages(self, path: str, **query: str) -> Iterator[Any]:
        """Yield the entries of a list."""
        for number in range(1, PAGES + 1):
            found = self.call("GET", path, per_page="100", page=str(number), **query)
            yield from found
            if len(found) < 100:
                return


def pull_request(event: Mapping[str, Any], github: GitHub) -> tuple[int | None, bool]:
    """Return the pull request's number, and whether its code was run by a fork.

    A ``workflow_run`` of a fork does not name it: it is the open one whose head is the commit
    that ran. What the artifact says is not asked.
    """
    if "pull_request" in event:
        head = event["pull_request"]["head"]["repo"] or {}
        fork = head.get("full_name") != event["repository"]["full_name"]
        return int(event["pull_request"]["number"]), fork
    run = event.get("workflow_run") or {}
    if not run or run.get("event") != "pull_request":
        return None, True
    source = run.get("head_repository") or {}
    fork = source.get("full_name") != event["repository"]["full_name"]
    owner = (source.get("owner") or {}).get("login", "")
    for found in github.pages("pulls", state="open", head=f"{owner}:{run['head_branch']}"):
        if found["head"]["sha"] == run["head_sha"]:
            return int(found["number"]), fork
    return None, fork


def publish(text: str, number: int, github: GitHub) -> str:
    """Replace our comment with the same marker, or write the first; return what was done."""
    marker = text.partition("\n")[0].rstrip()
    for comment in github.pages(f"issues/{number}/comments"):
        ours = (comment.get("user") or {}).get("login") == BOT
        if ours and str(comment.get("body", "")).partition("\n")[0].rstrip() == marker:
            github.call("PATCH", f"issues/comments/{int(comment['id'])}", {"body": text})
            return "replaced"
    github.call("POST", f"issues/{number}/comments", {"body": text})
    return "written"


def main(environment: Mapping[str, str]) -> int:
    """Comment, or say why not; a run without a comment is no error, a strange one is."""
    try:
        text = read(Path(environment["QUANTGUARD_FOLDER"]))
    except CommentError as refused:
        print(f"::error title=quantguard comment::{refused}")
        return 1
    if text is None:
        print("quantguard: no comment.md, so the run reached no verdict; nothing is written")
        return 0
    event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    github = GitHub(environment)
    try:
        number, fork = pull_request(event, github)
        if number is None:
            print("quantguard: no open pull request has this commit as its head; nothing to do")
            return 0
        done = publish(of_fork(text) if fork else text, number, github)
    except OSError as error:
        if isinstance(error, HTTPError) and error.code == FORBIDDEN:
            print(f"::warning title=quantguard comment::{_NOT_ALLOWED}")
            return 0 if "pull_request" in event else 1
        print(f"::error title=quantguard comment::GitHub cannot be asked: {str(error)!r:.200}")
        return 1
    print(f"quantguard: comment on pull request {number} {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
