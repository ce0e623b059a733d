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
_HELP = (
    "Install bubblewrap, or let ordinary users have namespaces: in a container with "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined, on Ubuntu 24.04 with "
    "'sysctl kernel.apparmor_restrict_unprivileged_userns=0'. To run the code with nothing but "
    "limits, so that it can read and change your files, say --quant-sandbox=limits"
)

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
        rest = "" if name == "limits" else f". {_HELP}"
        raise ConfigError(f"the sandbox that was asked for does not work: {reasons[0]}{rest}")
    raise ConfigError(
        "code that a model wrote is not run, as no sandbox works on this machine. "
        f"{'. '.join(reasons)}. {_HELP}"
    )


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
