"""Where code that a model wrote is run: the sandboxes, best first.

A sandbox is trusted only after a program inside it has tried to break out, on this machine and in
this process, and failed.
"""

from __future__ import annotations

import os
import threading

from pytest_quantguard.contracts import Sandbox
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.sandboxes._base import BaseSandbox
from pytest_quantguard.sandboxes._proof import weakness
from pytest_quantguard.sandboxes.bubblewrap import Bubblewrap
from pytest_quantguard.sandboxes.limits import Limits
from pytest_quantguard.sandboxes.namespaces import Namespaces

_BEST_FIRST: tuple[type[BaseSandbox], ...] = (Bubblewrap, Namespaces, Limits)
_ALL = {cls.name: cls for cls in _BEST_FIRST}
_STRONG = (Bubblewrap.name, Namespaces.name)
_SWITCHES = (
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor keeps namespaces from ordinary users here: "
        "'sysctl kernel.apparmor_restrict_unprivileged_userns=0' as root lets them",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "this kernel keeps namespaces from ordinary users: "
        "'sysctl kernel.unprivileged_userns_clone=1' as root lets them",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "user namespaces are switched off here: "
        "'sysctl user.max_user_namespaces=10000' as root switches them on",
    ),
)
"""Files in which a machine says that nobody may have namespaces: the value and what to do."""

_lock = threading.Lock()
_proven: dict[str, BaseSandbox | str] = {}
"""What was found out in this process: a sandbox, or what is wrong with it."""


def find(name: str | None = None) -> Sandbox:
    """Return the sandbox of this name, or the best one that was shown to work on this machine.

    ``limits`` is only returned when it is named: it isolates little.

    Raises:
        ConfigError: it does not work here, or none does; with the reasons and what to do.
    """
    reasons = []
    for wanted in (name,) if name else _best_first():
        found = _shown_to_work(wanted)
        if not isinstance(found, str):
            return found
        reasons.append(f"{wanted}: {found}")
    if name:
        rest = "" if name == "limits" else f". {_help()}"
        raise ConfigError(f"the sandbox that was asked for does not work: {reasons[0]}{rest}")
    raise ConfigError(
        "code that a model wrote is not run, as no sandbox works on this machine. "
        f"{'. '.join(reasons)}. {_help()}"
    )


def _help() -> str:
    """Say what to do, as far as this machine tells."""
    advice = [what for path, value, what in _SWITCHES if _content(path) == value]
    first = ". ".join([*advice, "Install bubblewrap, or let ordinary users have namespaces"])
    return (
        f"{first[0].upper()}{first[1:]}; in a container both need --security-opt "
        "seccomp=unconfined --security-opt apparmor=unconfined. To run the code with nothing but "
        "limits, so that it can read and change your files, say --quant-sandbox=limits"
    )


def _content(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(80).strip()
    except (OSError, ValueError):
        return ""


def _best_first() -> tuple[str, ...]:
    """Order the sandboxes that isolate.

    Bubblewrap leaves root's programs root's number outside, and nobody limits how many threads
    root has; our own namespaces make them nobody's.
    """
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return _STRONG[::-1] if root else _STRONG


def _shown_to_work(name: str) -> BaseSandbox | str:
    with _lock:
        if name not in _proven:
            sandbox = _ALL[name]()
            _proven[name] = weakness(sandbox) or sandbox
        return _proven[name]
