"""One look at an endpoint, from its past to its answer: ``quantguard watch``."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_quantguard._plural import counted
from pytest_quantguard._registry import Registry
from pytest_quantguard.commands._watch_gate import Asks, GoldenRun, Plan, run
from pytest_quantguard.commands._watch_made import Made, Wanted, provenance
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.errors import InputError, ProviderError, QuantGuardError
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import CandidateReport
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.asking import FEW, Asked, Cost, Prober, cost, told_failures
from pytest_quantguard.watch.behaviour import unsound
from pytest_quantguard.watch.decision import decide
from pytest_quantguard.watch.endpoint import Endpoint
from pytest_quantguard.watch.findings import findings
from pytest_quantguard.watch.limits import pace
from pytest_quantguard.watch.pinning import blind, mode_of_past
from pytest_quantguard.watch.records import Answer, Look, WatchReport
from pytest_quantguard.watch.series import content, same_endpoint, series
from pytest_quantguard.watch.since import began, told
from pytest_quantguard.watch.store import Kept, Store, behind, new_id

_NO_GOLDEN = (
    "the pin has no golden answers, so none was asked: bless with the golden set to see whether a "
    "change is for the worse"
)


class RefusedGateError(QuantGuardError):
    """The golden set's gate was refused before anything was asked; ``said`` may be empty."""

    def __init__(self, said: Sequence[str]) -> None:
        super().__init__("\n".join(said))
        self.said = tuple(said)


class Watcher:
    """Looks at one endpoint; a context manager."""

    def __init__(self, endpoint: Endpoint, store: Store, wanted: Wanted) -> None:
        """Raises ConfigError where the endpoint's provider cannot be used."""
        self.endpoint = endpoint
        self.store = store
        self.wanted = wanted
        self.prober = Prober(endpoint.variant, Registry(), endpoint.place)
        self._scratch = tempfile.TemporaryDirectory(prefix="quantguard-watch-")
        self._requests = 0
        self._cost = 0.0
        self._announced = False
        self._times = 1
        """How often the golden cases are asked, this time included."""

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.prober.__exit__()
        self._scratch.cleanup()

    # --- one look -----------------------------------------------------------------------

    def look(
        self,
        kept: Kept,
        *,
        anew: bool,
        further: int = 0,
        golden: bool = True,
        further_golden: int = 0,
    ) -> Made:
        """Make one look; ``anew``: it is to be pinned, and so compared with no other.

        ``further`` looks follow, ``further_golden`` of them with golden cases: they count in what
        is announced, and against the limits.

        Raises:
            RefusedGateError: the golden set's gate was refused; nothing was asked.
            InputError: a limit is too low for a look.
        """
        mode = None if anew else mode_of_past(kept)
        each = cost(self.endpoint.variant, mode, 1 + further)
        look = self._begun(kept)
        done, problems = GoldenRun(none=True), list[str]()
        if golden and self.wanted.golden:
            self._times = 1 + further_golden
            done, problems = self._golden(look, kept, each, anew=anew)
        else:
            self._room(each)
            self._announce(each, None)
        self._requests += done.requests
        self._cost += done.cost or 0.0
        self.prober.limits = self._left()
        asked = self.prober.look(mode)
        self._requests += asked.requests
        self._cost += asked.cost or 0.0
        return self._made(look, asked, done, problems)

    def _begun(self, kept: Kept) -> Look:
        began = time.time()
        try:
            identity = self.prober.identity()
        except ProviderError as error:
            raise InputError(f"{self.endpoint.place}: {error}") from None
        return Look(
            id=new_id(began, kept.ids.union(one.id for one in kept.looks)),
            at=began,
            endpoint=self.endpoint.name,
            identity=identity,
            probes="",
        )

    def _made(self, look: Look, asked: Asked, done: GoldenRun, problems: list[str]) -> Made:
        if not asked.enough:
            lost, every = len(asked.failures), len(asked.failures) + len(asked.answers)
            told = "; ".join(told_failures(asked.failures)) or "nothing was asked"
            problems.insert(
                0, f"{lost} of {every} probes have no answer (more than {FEW:.0%}): {told}"
            )
        elif asked.failures:
            told = "; ".join(told_failures(asked.failures))
            notes = (f"{counted(len(asked.failures), 'probe')} without an answer: {told}",)
            done = replace(done, remarks=(*done.remarks, *notes))
        costs = [one for one in (asked.cost, done.cost) if one is not None]
        look = replace(
            look,
            probes=probes.digest(asked.mode),
            answers=asked.answers,
            failures=tuple(told_failures(asked.failures)),
            served=asked.served,
            behaviour=done.behaviour,
            requests=asked.requests + done.requests,
            tokens=asked.tokens + done.tokens,
        )
        return Made(
            look=look,
            asked=asked,
            golden=done,
            cost=sum(costs) if costs else None,
            notes=done.remarks,
            problems=tuple(problems),
        )

    # --- the golden set -----------------------------------------------------------------

    def _golden(
        self, look: Look, kept: Kept, each: Cost, *, anew: bool
    ) -> tuple[GoldenRun, list[str]]:
        """Run the golden set's gate where that makes sense; return it, and what is wrong."""
        first = None if anew or kept.pin is None else kept.first()
        if not anew and (kept.pin is not None or kept.pin_damaged):
            why = self._unpinned(look, first)
            if why is not None:
                self._room(each)
                self._announce(each, None)
                silent = not why and first is not None and first.behaviour is None
                return GoldenRun(none=True, remarks=(_NO_GOLDEN,) if silent else ()), why
        pinned = look.id if first is None else first.id
        behaviour = first.behaviour if first is not None else None
        plan = Plan(
            endpoint=self.endpoint.name,
            config=self.endpoint.config,
            look=look.id,
            pinned=pinned,
            golden=behaviour.golden if behaviour is not None else "",
            answers=self.store.answers(look.id),
            pinned_answers=self.store.answers(pinned),
            reports=self._reports(alone=first is None),
            limits=self._left(each),
            arguments=self.wanted.paths,
            content=content(first.identity) if first is not None else {},
        )
        done = run(plan, lambda asks: self._announce(each, asks))
        if done.usage:
            shutil.rmtree(plan.answers, ignore_errors=True)
            raise RefusedGateError(done.said)
        if done.none or done.changed:
            shutil.rmtree(plan.answers, ignore_errors=True)
            self._announce(each, None)
        return self._found(done, pinned=behaviour is not None)

    def _found(self, done: GoldenRun, *, pinned: bool) -> tuple[GoldenRun, list[str]]:
        """Say what is wrong with a golden run; ``pinned``: the pin has golden answers."""
        problems = [f"the golden set could not be run: {text}" for text in done.said]
        if done.changed:
            problems.append(
                "the golden cases, their checks or the selection have changed since the pin: "
                "none was asked; bless again, with the reason"
            )
        elif done.none and pinned:
            problems.append(
                "the pin has golden answers, and no golden case was found now: give --golden PATH, "
                "or --no-golden for the fingerprint alone"
            )
        elif done.none and self.wanted.paths:
            problems.append("no golden case was selected")
        elif done.none:
            note = "no golden case was found: whether a change is for the worse cannot be seen"
            done = replace(done, remarks=(note,))
        return done, problems

    def _unpinned(self, look: Look, first: Look | None) -> list[str] | None:
        """Say why there is nothing to compare golden answers with; None where there is."""
        if first is None or not same_endpoint(first, look):
            return []  # the decision says so itself, or the damaged pin was named
        if first.behaviour is None:
            explicit = "the pin has no golden answers: bless again, with the golden set"
            return [explicit] if self.wanted.paths else []
        if not self.store.answers(first.id).is_dir():
            return [
                f"the golden answers of the pinned look {first.id} are missing (the folder "
                f"{self.store.answers(first.id)}): carry it along, or bless again"
            ]
        return None

    def _reports(self, *, alone: bool) -> Path:
        """Return where the gate's own report goes; one that compares nothing is thrown away."""
        if alone:
            return Path(self._scratch.name) / "report"
        return self.endpoint.reports / "watch" / self.store.folder.name

    # --- what it takes ------------------------------------------------------------------

    def _most(self) -> Limits:
        return self.endpoint.limits.narrowed(self.wanted.limits)

    def _left(self, reserved: Cost | None = None) -> Limits:
        """Return what may still be used up, without what is reserved for probes."""
        most = self._most()
        requests, money = most.requests, most.cost
        if requests is not None:
            requests = max(requests - self._requests - (reserved.requests if reserved else 0), 0)
        if money is not None:
            money = max(money - self._cost - ((reserved.money or 0.0) if reserved else 0.0), 0.0)
        if reserved is not None:
            self._room(reserved)
        return Limits(requests=requests, cost=money)

    def _room(self, each: Cost) -> None:
        """Refuse a look whose probes alone are over the limits."""
        most = self._most()
        if most.requests is not None and self._requests + each.requests > most.requests:
            raise InputError(
                f"the probes need {counted(each.requests, 'request')}, and {most.requests} may be "
                "made (--max-requests, or limits.requests): nothing was sent"
            )
        if most.cost is None:
            return
        if each.money is None:
            raise InputError(
                f"{self.endpoint.place}: {self.endpoint.name!r} has no price, so that nobody knows "
                "what a look costs; write price: {input: ..., output: ...} per million tokens, or "
                "take the limit of cost away"
            )
        if self._cost + each.money > most.cost:
            raise InputError(
                f"the probes may cost {each.money:.4g}, and {most.cost:g} may be spent "
                "(--max-cost, or limits.cost): nothing was sent"
            )

    def _announce(self, each: Cost, asks: Asks | None) -> None:
        """Say once what is asked at most, before anything is."""
        if self._announced:
            return
        self._announced = True
        requests, tokens = each.requests, each.tokens
        parts = [counted(each.requests, "probe")]
        money = each.money
        if asks is not None:
            often = self._times
            requests, tokens = requests + often * asks.requests, tokens + often * asks.tokens
            again = f"{often} x " if often > 1 else ""
            parts.append(f"{counted(asks.cases, 'golden case')} ({again}{asks.requests} requests)")
            money = None if money is None or asks.money is None else money + often * asks.money
            self._refuse_over(requests, money)
        bound = f"at most {requests} requests and {tokens} tokens, retries not counted"
        bound += f", cost at most {money:.4g}" if money is not None else ""
        self.wanted.say(f"Asking {self.endpoint.name}: {', '.join(parts)}: {bound}")

    def _refuse_over(self, requests: int, money: float | None) -> None:
        """Refuse what is over the limits only because it is asked several times."""
        most = self._most()
        if most.requests is not None and requests > most.requests:
            raise InputError(
                f"all looks may need {counted(requests, 'request')}, and {most.requests} may be "
                "made (--max-requests, or limits.requests): nothing was sent"
            )
        if most.cost is not None and money is not None and money > most.cost:
            raise InputError(
                f"all looks may cost {money:.4g}, and {most.cost:g} may be spent (--max-cost, or "
                "limits.cost): nothing was sent"
            )

    # --- the answer ---------------------------------------------------------------------

    def judged(self, made: Made, kept: Kept) -> WatchReport:
        """Compare a look with the past; problems never let it end as unchanged."""
        # Without a pin both arms of the gate are today's answers: its PASS compares nothing.
        candidate = made.golden.candidate if kept.pin is not None else None
        # A look that is no look is not compared: what is missing would look like a change.
        now = made.look if made.enough else replace(made.look, answers=(), failures=())
        looks = kept.since_pin()
        often = pace(kept.times, made.look.at, self.wanted.looks_a_year)
        found = findings(looks, now, kept.pin, candidate, looks_a_year=often)
        answer, reasons, signature = decide(
            found, now=now, looks=looks, pin=kept.pin, gate=candidate
        )
        known = series(looks, now, kept.pin)
        said = told(answer, found, known, kept.pin)
        problems = list(made.problems)
        if late := behind(made.look.at, kept):
            problems.append(late)
        if kept.pin_damaged:  # the decision knows of no pin, and says so
            problems = [text for text in kept.problems if text.startswith("the pin")] + problems
            reasons = ()
        shown = answer in (Answer.CHANGED, Answer.WORSE)
        reasons = (*reasons, *problems) if shown else (*problems, *reasons)
        if problems and not shown:
            answer = Answer.UNCLEAR
            said = said and replace(said, answer=answer.value)
        previous = kept.newest
        return WatchReport(
            endpoint=self.endpoint.name,
            answer=answer,
            reasons=reasons,
            findings=found,
            look=replace(made.look, told=said),
            since=min(said.changed.values(), default="") if said is not None else "",
            new=shown and not all(began(found, known, worse=answer is Answer.WORSE).values()),
            pin=kept.pin,
            previous=previous.id if previous is not None else "",
            gate=made.golden.report if kept.pin is not None else None,
            signature=signature,
            provenance=provenance(made) | self._where(candidate),
        )

    def _where(self, candidate: CandidateReport | None) -> Json:
        """Name the folder with the gate's report; empty where it compared nothing."""
        if candidate is None:
            return {}
        folder = self._reports(alone=False)
        here = Path.cwd()
        return {"report": str(folder.relative_to(here) if folder.is_relative_to(here) else folder)}

    # --- pinning ------------------------------------------------------------------------

    def unfit(self, made: Made, kept: Kept) -> str:
        """Say why a look cannot be pinned; empty when it can."""
        if not made.enough or made.problems:
            return "; ".join(made.problems)
        if late := behind(made.look.at, kept):
            return late
        candidate = made.golden.candidate
        if candidate is not None and (why := unsound(candidate)):
            return f"the golden set has no sound answers: {why}"
        return blind(made.look)
