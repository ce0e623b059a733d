"""Which commit a run is about, as CI systems tell it in their environment."""

from __future__ import annotations

import pytest

from pytest_quantguard._ci import ci

SHA = "1f0c6d8e2b7a4953c1d0e9f8a7b6c5d4e3f2a1b0"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": SHA,
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_SERVER_URL": "https://git.invalid",
    "GITHUB_REPOSITORY": "acme/assist",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_RUN_ATTEMPT": "2",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_COMMIT_SHA": SHA,
    "CI_COMMIT_REF_NAME": "main",
    "CI_JOB_URL": "https://git.invalid/acme/assist/-/jobs/4711",
}
JENKINS = {
    "JENKINS_URL": "http://ci.invalid:8080/",
    "GIT_COMMIT": SHA.upper(),
    "BRANCH_NAME": "main",
    "BUILD_URL": "http://ci.invalid:8080/job/a%20b/7/",
}


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        (
            GITHUB,
            ("github", "refs/pull/7/merge", "https://git.invalid/acme/assist/actions/runs/4711/attempts/2"),
        ),
        (GITLAB, ("gitlab", "main", GITLAB["CI_JOB_URL"])),
        (JENKINS, ("jenkins", "main", JENKINS["BUILD_URL"])),
        ({**JENKINS, "GIT_BRANCH": "o/main"}, ("jenkins", "o/main", JENKINS["BUILD_URL"])),
    ],
    ids=["github", "gitlab", "jenkins", "jenkins with git"],
)  # fmt: skip
def test_each_system_is_known(environment, found):
    """Name, commit, ref and the page of the job."""
    name, ref, url = found

    assert {"name": name, "commit": SHA, "ref": ref, "url": url} == ci(environment)


@pytest.mark.parametrize(
    "environment", [{}, {"CI": "true"}, {"GITHUB_SHA": SHA}, {"GITLAB_CI": ""}]
)
def test_elsewhere_there_is_nothing(environment):
    """A variable alone that happens to have such a name is no CI job."""
    assert {} == ci(environment)


def test_what_is_not_set_is_left_out():
    """No empty text stands for an unknown fact."""
    assert {"name": "github"} == ci({"GITHUB_ACTIONS": "true"})
    assert "url" not in ci({key: value for key, value in GITHUB.items() if key != "GITHUB_RUN_ID"})


@pytest.mark.parametrize(
    "commit", ["HEAD", "1f0c6d", "g" * 40, f"{SHA}\n::error::", "a" * 65, f" {SHA}"]
)
def test_what_is_no_commit_is_left_out(commit):
    """Nothing but hexadecimal digits is one."""
    assert "commit" not in ci({**GITHUB, "GITHUB_SHA": commit})


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@git.invalid/x", "javascript:alert(1)", "https://git.invalid/a b",
        "https://git.invalid/\n::error::x", "https://git.invalid/<script>", "https://", "ftp://x/y",
        "https://git.invalid/" + "x" * 500, "https://[::1", "https://git.invalid/\u202e",
    ],
)  # fmt: skip
def test_an_address_that_no_report_may_show_is_left_out(url):
    """Above all none with a password in it."""
    assert "url" not in ci({**GITLAB, "CI_JOB_URL": url})


def test_a_hostile_branch_is_one_clean_line():
    """Whoever opens a pull request names the branch."""
    ref = ci({**GITHUB, "GITHUB_REF": "::error::x\n\x1b[31m\u202e" + "y" * 500})["ref"]

    assert ref.startswith(": :error::x\\n\\x1b[31m\\u202e")
    assert len(ref) < 300
