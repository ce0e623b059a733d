"""The end of a shard's run: its evidence is counted and written down, and nothing is judged."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_quantguard import _noise, _publish
from pytest_quantguard._judgement import Terms
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._tally import Tally
from pytest_quantguard.errors import ProviderError
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.sharding import shard_file
from pytest_quantguard.sharding.selection import config_digests
from pytest_quantguard.sharding.shards import Shard
from pytest_quantguard.types import Json

if TYPE_CHECKING:
    from pytest_quantguard._session import GateSession


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEnd:
    """What a shard's run says at its end."""

    problems: tuple[str, ...]
    """Why this shard is red; other than that, only failed tests make it so."""
    lines: tuple[str, ...]
    """For the terminal."""


def end_shard(
    gate: GateSession,
    shard: Shard,
    tally: Tally,
    plan: Json,
    *,
    faults: Collection[str],
    failed_tests: int,
    path: Path,
) -> ShardEnd:
    """Write the shard to ``path``, and say what is wrong with its evidence.

    ``faults`` are why the evidence cannot be trusted; ``failed_tests`` are no golden cases.

    Raises:
        QuantGuardError: it cannot be written; names the path.
    """
    unsound = [*faults, *_lacking(gate, tally, plan)]
    plan = {**plan, "noise": _known_noise(gate)}
    data = shard_file.document(
        shard,
        tally,
        plan,
        run=gate.run,
        terms=_terms(gate),
        config=config_digests(gate.settings, gate.registry, gate.asking),
        unsound=unsound,
        failed_tests=failed_tests,
        texts=Texts.of(gate.cache.get, tally.requests),
    )
    shard_file.write(data, path)
    cases = len({case for case, _ in plan["shard"]["planned"]})
    problems = (*unsound, *_unanswered(gate, tally, plan))
    if gate.settings.null is not None and not problems:
        with suppress(OSError):  # then the next null run finds these answers again
            baseline = gate.settings.baseline.identity()
            _noise.complete(gate.settings.cache_folder, baseline, gate.settings.null_number)
    start = gate.config.invocation_params.dir
    lines = [
        f"quantguard: shard {shard}: {cases} of {plan['cases']} cases; no verdict; merge them with "
        "'quantguard merge'"
    ]
    if gate.config.option.quant_junit:
        lines.append("--quant-junit is left to 'quantguard merge': a shard has no verdict to write")
    lines.append(f"Written: {_publish.relative(path, start)}")
    return ShardEnd(
        problems=problems,
        lines=(*(f"ERROR: {problem}" for problem in problems), *lines),
    )


def _terms(gate: GateSession) -> Json:
    settings = gate.settings
    return {
        **Terms.of(settings, gate.metrics).to_dict(),
        "file": settings.file,
        "inconclusive": settings.inconclusive,
        "auto": settings.budgets is None,
        "judges": {
            name: {"model": judge.variant.model, "max_calls": judge.max_calls}
            for name, judge in settings.judges.items()
        },
    }


def _known_noise(gate: GateSession) -> Json | None:
    """Return what null runs found before this one, on this machine."""
    with suppress(ProviderError):
        identity = gate.asking.providers[gate.settings.baseline.name].identity()
        noise = _noise.load(gate.settings.cache_folder, identity)
        return _noise.to_dict(noise) if noise is not None else None
    return None


def _lacking(gate: GateSession, tally: Tally, plan: Json) -> list[str]:
    """Say which checks of this shard left no evidence."""
    if not plan["cases"]:
        return ["no golden case was selected: nothing was compared"]
    planned = {(case, check) for case, check in plan["shard"]["planned"]}
    missing: set[tuple[str, str]] = set()
    for variant in gate.settings.candidates:
        seen = {(o.case, o.check) for o in tally.outcomes(variant.name)}
        seen |= {(m.case, m.check) for m in tally.mishaps(variant.name)}
        missing |= planned - seen
    if not missing:
        return []
    first = one_line("::".join(min(missing)), 200)
    return [f"{len(missing)} of {len(planned)} planned checks never reported, first {first}"]


def _unanswered(gate: GateSession, tally: Tally, plan: Json) -> list[str]:
    """Say where this shard alone has more failed requests than the whole run may have."""
    if any(budget["metric"] == "errors" for budget in plan["budgets"]):
        return []  # what is too much is judged, of all shards together
    found = []
    for variant in gate.settings.candidates:
        failed = [m for m in tally.mishaps(variant.name) if m.unanswered]
        checks = {(m.case, m.check) for m in failed}
        if len(checks) > gate.settings.max_errors * plan["checks"]:
            found.append(
                f"{counted(len(checks), 'check')} of this shard had no answer to judge, more than "
                f"the whole run may have ({100 * gate.settings.max_errors:g} % of "
                f"{plan['checks']}), first: {failed[0].message}; run this shard again"
            )
    return list(dict.fromkeys(found))
