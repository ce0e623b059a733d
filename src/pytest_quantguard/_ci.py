"""Which commit a run is about, as the CI system tells it in its environment; nothing is started."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from pytest_quantguard._sanitize import one_line

REF_LIMIT = 200
"""Longest name of a branch or tag, in characters."""
URL_LIMIT = 500
"""Longest address, in characters; a longer one is left out."""
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_URL = re.compile(r"https?://[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+")

Environment = Mapping[str, str]


class _System(NamedTuple):
    """One CI system: where it says what."""

    name: str
    mark: str
    """This variable is set in its jobs, and is not empty."""
    commit: tuple[str, ...]
    """The first variable of these that is set counts."""
    ref: tuple[str, ...]
    url: Callable[[Environment], str]


def _github_url(environment: Environment) -> str:
    """Return the page of this attempt: a job that is run again overwrites no other's facts."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environment.get(name, "") for name in names)
    if not (server and repository and run):
        return ""
    attempt = environment.get("GITHUB_RUN_ATTEMPT", "")
    tail = f"/attempts/{attempt}" if attempt else ""
    return f"{server}/{repository}/actions/runs/{run}{tail}"


_SYSTEMS = (
    _System("github", "GITHUB_ACTIONS", ("GITHUB_SHA",), ("GITHUB_REF",), _github_url),
    _System(
        "gitlab",
        "GITLAB_CI",
        ("CI_COMMIT_SHA",),
        ("CI_COMMIT_REF_NAME",),
        lambda environment: environment.get("CI_JOB_URL", ""),
    ),
    _System(
        "jenkins",
        "JENKINS_URL",
        ("GIT_COMMIT",),
        ("GIT_BRANCH", "BRANCH_NAME"),
        lambda environment: environment.get("BUILD_URL", ""),
    ),
)


def ci(environment: Environment) -> dict[str, str]:
    """Return name, commit, ref and url of a CI job, each only where it is known and clean.

    The name is ``github``, ``gitlab`` or ``jenkins``; empty outside of these. A commit is 7 to 64
    hexadecimal digits; a url is http or https, without a user's name or password in it.
    """
    system = next((one for one in _SYSTEMS if environment.get(one.mark)), None)
    if system is None:
        return {}
    commit, ref = (_first(environment, names) for names in (system.commit, system.ref))
    found = {
        "name": system.name,
        "commit": commit.lower() if _COMMIT.fullmatch(commit.lower()) else "",
        "ref": one_line(ref, REF_LIMIT),
        "url": _url(system.url(environment)),
    }
    return {key: value for key, value in found.items() if value}


def _first(environment: Environment, names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _url(text: str) -> str:
    """Return an address that may stand in a report, else nothing."""
    if len(text) > URL_LIMIT or not _URL.fullmatch(text):
        return ""
    try:
        place = urlsplit(text)
    except ValueError:
        return ""
    return text if place.hostname and "@" not in place.netloc else ""
