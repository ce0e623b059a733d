"""A sandbox is only trusted after it was tried."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_quantguard import sandboxes
from pytest_quantguard.errors import CheckError, ConfigError
from pytest_quantguard.sandboxes import (
    _base,
    _process,
    _proof,
    _python,
    bubblewrap,
    find,
    limits,
    namespaces,
)

SOURCES = Path(sandboxes.__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def unproven(monkeypatch):
    """Forget what was found out before."""
    monkeypatch.setattr(sandboxes, "_proven", {})


@pytest.fixture
def without(monkeypatch):
    """Make one sandbox useless, for a reason."""

    def missing(cls, reason):
        monkeypatch.setattr(cls, "missing", lambda self: reason)

    return missing


class Leaky(limits.Limits):
    """Says it isolates, and does not."""

    name = "leaky"


class Silent(limits.Limits):
    """Runs nothing."""

    name = "silent"

    def wrapped(self, command, stack):
        return ["/bin/true"], ()


class Mute(limits.Limits):
    """Runs something else than it was given."""

    name = "mute"

    def run(self, program, **options):
        return super().run("print('{}')", **options)


class TestChoosing:
    def test_the_best_one_that_works_is_taken(self, without):
        """What does not work is passed over."""
        without(bubblewrap.Bubblewrap, "is not there")
        try:
            assert find().name == "namespaces"
        except ConfigError as error:
            pytest.skip(str(error))

    def test_the_weak_one_is_never_taken_by_itself(self, without):
        """Without isolation nothing runs, and every reason is told with what to do."""
        without(bubblewrap.Bubblewrap, "is not there")
        without(namespaces.Namespaces, "is broken")

        with pytest.raises(ConfigError) as caught:
            find()

        text = str(caught.value)
        assert "no sandbox works on this machine" in text
        assert "bubblewrap: is not there" in text
        assert "namespaces: is broken" in text
        assert "Install bubblewrap" in text
        assert "--quant-sandbox=limits" in text

    @pytest.mark.parametrize(
        ("switch", "value", "said"),
        [
            ("apparmor_restrict_unprivileged_userns", "1", "AppArmor keeps namespaces from"),
            ("unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
            ("max_user_namespaces", "0", "User namespaces are switched off here"),
        ],
    )
    def test_advice_is_for_this_machine(self, without, monkeypatch, switch, value, said):
        """What the machine says of itself is told, and nothing of other systems."""
        without(bubblewrap.Bubblewrap, "is not there")
        without(namespaces.Namespaces, "is broken")
        for content, expected in ((value, True), ("7", False)):
            monkeypatch.setattr(
                sandboxes, "_content", lambda path, c=content: c if path.endswith(switch) else ""
            )
            with pytest.raises(ConfigError) as caught:
                find()
            assert (said in str(caught.value)) is expected
            assert ("AppArmor" in str(caught.value)) is (expected and "AppArmor" in said)

    def test_the_weak_one_is_taken_when_it_is_named(self):
        """That is the user's decision."""
        assert find("limits").name == "limits"

    def test_a_named_one_is_not_replaced(self, without):
        """Who asks for one gets that one, or an error."""
        without(bubblewrap.Bubblewrap, "the program bwrap is not installed")

        with pytest.raises(ConfigError, match="bubblewrap: the program bwrap is not installed"):
            find("bubblewrap")

    def test_root_is_given_the_one_that_makes_it_nobody(self, monkeypatch):
        """Bubblewrap comes first for everybody else."""
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert sandboxes._best_first() == ("namespaces", "bubblewrap")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert sandboxes._best_first() == ("bubblewrap", "namespaces")

    def test_it_is_tried_once_in_a_process(self, monkeypatch):
        """The second question costs nothing."""
        tried = []
        monkeypatch.setattr(sandboxes, "weakness", lambda one: tried.append(one) or "")

        assert find("limits") is find("limits")
        assert len(tried) == 1


class TestProof:
    def test_one_that_leaks_is_found_out(self, tmp_path, monkeypatch):
        """A sandbox that shows the project's files is no sandbox."""
        (tmp_path / "quantguard.yaml").write_text("secret: 1")
        monkeypatch.chdir(tmp_path)

        found = _proof.weakness(Leaky())

        assert f"can read {tmp_path / 'quantguard.yaml'}" in found
        assert "can write" in found

    def test_one_that_runs_nothing_is_found_out(self):
        """Silence is no proof."""
        assert _proof.weakness(Silent()).startswith("broke: exit code 0")

    def test_one_that_runs_something_else_is_found_out(self):
        """The report has to carry the number that was given in."""
        assert "did not report back" in _proof.weakness(Mute())

    @pytest.mark.parametrize(
        ("key", "value", "part"),
        [
            ("connect", True, "network"),
            ("signal", True, "signals"),
            ("disturb", True, "slow down and limit other processes"),
            ("inspect", ["mem"], "read our own process (mem)"),
            ("fork", True, "start processes"),
            ("environment", ["A"], "environment"),
            ("folder", ["x"], "not empty"),
            ("privileged", True, "root"),
            ("own_mb", 65, "fill a disk of 65 MiB"),
            ("read", ["/a"], "read /a"),
            ("write", ["/b"], "write /b"),
        ],
    )
    def test_each_way_out_is_named(self, key, value, part):
        """Everything that a program inside could do is a reason."""
        sound = dict.fromkeys(("connect", "signal", "disturb", "fork", "privileged"), False)
        sound |= {
            "inspect": [],
            "environment": [],
            "folder": [],
            "own_mb": 64,
            "read": [],
            "write": [],
        }

        assert list(_proof._escapes(sound, files=True)) == []
        (reason,) = _proof._escapes({**sound, key: value}, files=True)
        assert part in reason

    def test_other_systems_have_none(self, monkeypatch):
        """What needs Linux says so."""
        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.setattr(_base.platform, "system", lambda: "Darwin")

        with pytest.raises(ConfigError, match="limits: needs Linux; this is Darwin"):
            find("limits")

    def test_other_machines_have_none(self, monkeypatch):
        """Where the system calls are not known nothing can be filtered."""
        monkeypatch.setattr(_base.platform, "machine", lambda: "riscv64")

        with pytest.raises(ConfigError, match="x86-64 and arm64 only; this is riscv64"):
            find("namespaces")


class TestFailing:
    def test_what_cannot_be_entered_says_where_it_failed(self, monkeypatch):
        """The step and the system's reason are in the message; nothing has run."""
        nowhere = _python.View(folders=("/nowhere",), files=(), links=(), hidden=())
        monkeypatch.setattr(namespaces, "view", lambda: nowhere)

        with pytest.raises(
            CheckError, match="'namespaces' broke: mount /old/nowhere /new/nowhere: No such"
        ):
            namespaces.Namespaces().run("print(1)")

    def test_namespaces_that_are_switched_off_are_no_full_disk(self):
        """The kernel's words for it, "No space left on device", lead astray."""
        text = (
            "from pytest_quantguard.sandboxes import namespaces, _proof; "
            "print(_proof.weakness(namespaces.Namespaces()))"
        )
        inside = f"echo 0 > /proc/sys/user/max_user_namespaces && exec {sys.executable} -c '{text}'"
        try:
            done = subprocess.run(
                ["unshare", "--user", "--map-root-user", "sh", "-c", inside],
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except FileNotFoundError:
            pytest.skip("there is no program unshare")
        if done.stderr.startswith(("unshare:", "sh:")):
            pytest.skip(done.stderr)

        assert "namespaces are switched off: the limits in /proc/sys/user/" in done.stdout
        assert "No space" not in done.stdout

    def test_a_missing_program_is_told(self, monkeypatch):
        """A bwrap that went away is the sandbox's failure."""
        monkeypatch.setattr(shutil, "which", lambda name: "/nowhere/bwrap")

        with pytest.raises(CheckError, match=r"cannot be started: .*nowhere/bwrap"):
            bubblewrap.Bubblewrap().run("print(1)")

    def test_a_machine_that_is_too_slow_is_not_the_programs_fault(self):
        """Time that ran out before the program began is the sandbox's failure."""
        with pytest.raises(CheckError, match="was not ready before the time was up"):
            limits.Limits().run("print(1)", timeout_s=0.0001)

    def test_ordinary_users_have_a_sandbox_too(self, as_user):
        """Root is not needed: the same proof holds for a user without any right."""
        done = as_user("from pytest_quantguard.sandboxes import find; print(find().name)")

        if "namespaces: broke: " in done.stderr:
            pytest.skip("this machine lets no ordinary user have namespaces")
        assert done.stdout in ("namespaces\n", "bubblewrap\n"), done.stderr


class TestView:
    def test_it_holds_what_python_needs_and_no_home(self):
        """The interpreter, its library and the system's: not the project, not a home as a whole."""
        view = _python.view()
        seen = (*view.folders, *view.files)

        assert any(_python.executable().startswith(path) for path in seen)
        assert any(os.__file__.startswith(f"{path}/") for path in view.folders)
        assert not {"/", "/usr", "/home", "/root", "/etc", str(Path.home())} & set(seen)
        assert not any(str(Path(__file__).resolve()).startswith(f"{path}/") for path in seen)

    def test_the_environment_is_the_least(self, monkeypatch):
        """Only where the interpreter's own libraries are is passed on."""
        inside = os.path.join(os.path.realpath(sys.base_prefix), "lib")
        monkeypatch.setattr(_python, "_prefixes", lambda: [os.path.dirname(inside)])
        monkeypatch.setenv("LD_LIBRARY_PATH", f"/elsewhere:{inside}")
        monkeypatch.setenv("SECRET", "x")

        assert {
            "PYTHONHASHSEED": "0",
            "MALLOC_ARENA_MAX": "1",
            "LD_LIBRARY_PATH": inside,
        } == _python.environment()
        monkeypatch.setenv("LD_LIBRARY_PATH", "/elsewhere")
        assert {"PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"} == _python.environment()


def test_the_command_of_bubblewrap_shuts_everything():
    """No network, no terminal, no writable root, and the filter."""
    options = bubblewrap.arguments(7)

    for wanted in ("--unshare-all", "--unshare-user", "--new-session", "--die-with-parent"):
        assert wanted in options
    assert ["--seccomp", "7"] == options[options.index("--seccomp") :][:2]
    assert ["--cap-drop", "ALL"] == options[options.index("--cap-drop") :][:2]
    assert ["--remount-ro", "/", "--chdir", "/tmp"] == options[-4:]
    binds = [options[i + 1] for i, option in enumerate(options) if option == "--ro-bind"]
    assert not {"/", "/home", "/root", "/etc", "/usr"} & set(binds)
    assert not {"--bind", "--proc", "--dev", "--share-net"} & set(options)


def test_a_sandbox_is_nothing_that_travels():
    """It is found anew in each process."""
    assert type(pickle.loads(pickle.dumps(limits.Limits()))) is limits.Limits
    assert _process.OUTPUT_BYTES == 4_000_000
