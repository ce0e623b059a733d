"""What the gate lends to checks that need more than an answer and its case."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pytest_quantguard.contracts import Bound, Check, JudgeModel, Sandbox, offers
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.types import GoldenCase

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard._judges import Judges
    from pytest_quantguard._run import Run
    from pytest_quantguard.engine.complete import CompletionEngine


class GateServices:
    """The services of one process; each is made when a check first asks for it."""

    def __init__(
        self,
        settings: GateConfig,
        engine: Callable[[], CompletionEngine],
        *,
        run: Run,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._run = run
        self._sandbox: Sandbox | None = None
        self._judges: Judges | None = None
        self._ready: dict[int, tuple[Check, Check]] = {}

    def ready(self, check: Check) -> Check:
        """Return a check with what it needs; most need nothing.

        Raises:
            ConfigError: it needs what is not configured, not allowed or does not work here.
        """
        needy: object = check
        if not offers(needy, Bound):
            return check
        known = self._ready.get(id(check))
        if known is None:  # the check is kept too, so that its id stays its own
            known = self._ready[id(check)] = (check, needy.bound(self))
        return known[1]

    def unready(self, cases: Iterable[GoldenCase]) -> list[str]:
        """Return a sentence for each way in which checks lack what they need."""
        found: dict[str, str] = {}
        for case in cases:
            for check in case.checks:
                try:
                    self.ready(check)
                except ConfigError as error:
                    found.setdefault(f"{check.key}: {error}", str(case.source))
        return [f"{place}: {text}" for text, place in found.items()]

    def judge_model(self, name: str | None = None) -> JudgeModel:
        """Return a judge model of the configuration; without a name the only one."""
        return self.judges.model(name)

    @property
    def judges(self) -> Judges:
        """The judges of the configuration."""
        if self._judges is None:
            from pytest_quantguard._judges import Judges

            run = self._run
            self._judges = Judges(self._settings, self._engine, run=run.id, shares=run.processes)
        return self._judges

    def sandbox(self) -> Sandbox:
        """Return what runs code that a model wrote: the best that works here, found once."""
        if not self._settings.allow_code:
            raise ConfigError(
                "code that a model wrote is only run when you say so: give --quant-allow-code, or "
                "write 'code: {allow: true}' into the configuration"
            )
        if self._sandbox is None:
            from pytest_quantguard.sandboxes import find

            self._sandbox = find(self._settings.sandbox)
        return self._sandbox
