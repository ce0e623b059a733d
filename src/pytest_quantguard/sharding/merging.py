"""The shards of one run, put together and judged: the same report as of one run; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from pytest_quantguard import _noise as _noises
from pytest_quantguard._evidence import Evidence
from pytest_quantguard._judgement import Terms, all_fingerprints, candidate_reports, provenance
from pytest_quantguard._noise import Noise
from pytest_quantguard._plural import counted
from pytest_quantguard._tally import Tally
from pytest_quantguard._tally import merged as merged_plans
from pytest_quantguard.errors import InputError, did_you_mean
from pytest_quantguard.metrics._windows import FEW, why_apart
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.sharding.shard_file import ShardFile
from pytest_quantguard.sharding.shards import selection_hash
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import GateReport, Metric

_RUNS = UUID("4f0d6a1c-7c55-5b0e-8a53-2c1d5b9e6f37")
"""Makes the id of a run of the ids of its shards."""
SHOWN = 8
"""Things of one kind that one sentence names."""
_SERVED = ("model", "quantization", "version", "kv_cache")
"""What servers say about themselves that no two machines of one run may say differently."""


def merge(shards: Sequence[ShardFile], metrics: Mapping[str, Metric]) -> GateReport:
    """Judge the shards of a run together; ``metrics`` are those that are known here.

    Raises:
        InputError: they are not the shards of one run, or not all: every problem, by file.
    """
    found = disagreements(shards, metrics)
    if found:
        raise InputError(found)
    shards = sorted(shards, key=lambda one: one.shard)
    first = shards[0].data
    tally = Tally()
    parts = [evidence for one in shards for evidence in one.evidence()]
    for evidence in parts:
        tally.add(evidence)
    plan = _plan(shards)
    terms = Terms.from_dict(first["terms"], _mergeable(metrics, shards))
    told = first["terms"]["judges"]
    started = min(one.data["started"] for one in shards)
    facts = provenance(
        plan,
        run=_run_of(shards),
        config=first["terms"]["file"],
        started=started,
        seconds=max(one.data["started"] + one.data["seconds"] for one in shards) - started,
        judges={name: {**spent, **told.get(name, {})} for name, spent in plan["judges"].items()},
        fingerprints=all_fingerprints(tally, terms),
    )
    if "ci" in facts:  # of the job that merges, which may be another commit's
        job = {key: text for key, text in facts["ci"].items() if key != "commit"}
        facts["ci"] = job | ({"commit": commit} if (commit := first.get("commit")) else {})
    noise = _noise(shards, tally, terms)
    reports = candidate_reports(tally, plan, terms, noise=noise, apart=_apart(parts))
    return GateReport(
        baseline=terms.baseline,
        candidates=tuple(reports),
        provenance={**facts, "shards": [_told(one) for one in shards]},
    )


def texts(shards: Iterable[ShardFile]) -> Texts:
    """Return what finds the questions and answers of the cases in doubt by their keys."""
    found: Json = {"completions": {}, "requests": {}}
    for one in shards:
        for part, kept in found.items():
            kept.update(one.data[part])
    return Texts.kept(found)


def _plan(shards: Sequence[ShardFile]) -> Json:
    plan: Json = merged_plans([{**one.data["whole"], **one.data["asked"]} for one in shards])
    plan["golden_hash"] = shards[0].data["golden_hash"]
    return plan


def _mergeable(metrics: Mapping[str, Metric], shards: Sequence[ShardFile]) -> Mapping[str, Metric]:
    """Return what several machines measure together: each has minutes of its own."""
    several = len([one for one in shards if one.planned]) > 1
    return {k: m for k, m in metrics.items() if not (several and k == "throughput")}


def _apart(parts: Iterable[Evidence]) -> set[str]:
    """Return the candidates that some shard asked before or after the baseline.

    The whole does not show it: other shards may have asked the baseline in the meantime. Of a
    shard with a few answers it is haphazard.
    """
    found = set()
    for evidence in parts:
        live = [m for m in evidence.measurements if m.baseline.live and m.candidate.live]
        if len(live) >= FEW and why_apart(live):
            found.add(live[0].variant)
    return found


def _run_of(shards: Sequence[ShardFile]) -> str:
    """Return the id of the run that these are: the same whenever they are merged."""
    ids = sorted({str(one.data["run"]) for one in shards})
    return ids[0] if len(ids) == 1 else uuid5(_RUNS, "\n".join(ids)).hex


def _told(one: ShardFile) -> Json:
    cases = len({case for case, _ in one.planned})
    return {key: one.data[key] for key in ("shard", "run", "started", "seconds")} | {"cases": cases}


def _noise(shards: Sequence[ShardFile], tally: Tally, terms: Terms) -> Noise | None:
    """Return what is known of the baseline's noise: what most was measured for, and this run's."""
    told = [_noises.from_dict(one.data["asked"].get("noise")) for one in shards]
    known = max((one for one in told if one), key=lambda noise: noise.compared, default=None)
    if terms.null is not None:
        ended = max(one.data["started"] + one.data["seconds"] for one in shards)
        number = known.number + 1 if known is not None else 1
        found = _noises.measured(tally.outcomes(terms.null), number=number, at=ended)
        known = found and _noises.pooled(known, found)
    return known and replace(known, name=terms.baseline.name)


# --- are they the shards of one run? ------------------------------------------------------------


def disagreements(
    shards: Sequence[ShardFile], metrics: Mapping[str, Metric], *, complete: bool = True
) -> list[str]:
    """Return why these are not all shards of one run; empty when they are.

    ``complete``: there are no other files, so that a shard that is not here is missing.
    """
    if not shards:
        return ["no shard was given; pass the files that --quant-shard wrote"] if complete else []
    found = [*_unlike(shards), *_unsound(shards), *_twice(shards), *_unknown(shards, metrics)]
    found += _missing(shards) if complete else []
    return found or [*_overlap(shards, complete=complete), *_servers(shards)]


def _unlike(shards: Sequence[ShardFile]) -> Iterator[str]:
    """Compare each file with what most say."""
    for what, read in (
        ("was written by pytest-quantguard", lambda d: d["tool"]),
        ("is of a run of", lambda d: f"{d['of']} shards"),
        ("is of", lambda d: f"commit {d['commit']}" if d.get("commit") else "no known commit"),
    ):
        most = _most(shards, read)
        for one in shards:
            if (mine := read(one.data)) != read(most.data):
                yield f"{one.name}: it {what} {mine}, and {most.name} {read(most.data)}"
    golden = _most(shards, lambda d: d["golden_hash"])
    config = _most(shards, lambda d: sorted(d["config"].items()))
    chosen = _most(shards, lambda d: d["selection"])
    for one in shards:
        if one.data["golden_hash"] != golden.data["golden_hash"]:
            yield f"{one.name}: its golden cases are not those of {golden.name} (golden_hash)"
        elif one.data["selection"] != chosen.data["selection"]:
            yield (
                f"{one.name}: other cases were selected than for {chosen.name}; give all shards "
                "the same paths, -k and -m"
            )
        if keys := _differing(one.data["config"], config.data["config"]):
            yield f"{one.name}: its configuration is not that of {config.name}: see {keys}"
    rest = _most(shards, _judged_by)
    for one in shards:
        same = one.data["config"] == rest.data["config"]
        if same and _judged_by(one.data) != _judged_by(rest.data):
            yield f"{one.name}: it does not fit {rest.name}, although both tell one configuration"


def _most(shards: Sequence[ShardFile], read: Callable[[Json], Any]) -> ShardFile:
    """Return the first file that says what most say."""
    counts = Counter(repr(read(one.data)) for one in shards)
    return max(shards, key=lambda one: counts[repr(read(one.data))])


def _differing(one: Json, other: Json) -> str:
    keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    more = len(keys) - SHOWN
    return ", ".join([*keys[:SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _judged_by(data: Json) -> Json:
    """Return what must be the same: not how many requests a machine sends at once.

    Nor the number of a null run, which each machine counts for itself.
    """
    terms = data["terms"]
    variants = [
        {**v, "concurrency": 0} | ({"revision": ""} if v["name"] == terms["null"] else {})
        for v in (terms["baseline"], *terms["candidates"])
    ]
    return {**terms, "baseline": "", "candidates": variants, "whole": data["whole"]}


def _unsound(shards: Sequence[ShardFile]) -> Iterator[str]:
    for one in shards:
        if faults := one.data["unsound"]:
            said = "; ".join(faults)
            yield f"{one.name}: its evidence is not sound: {said}; run this shard again"


def _twice(shards: Sequence[ShardFile]) -> Iterator[str]:
    seen: dict[int, ShardFile] = {}
    for one in shards:
        other = seen.setdefault(one.shard.number, one)
        if other is not one:
            yield f"{one.name}: it is shard {one.shard}, and so is {other.name}"


def _missing(shards: Sequence[ShardFile]) -> Iterator[str]:
    seen = {one.shard.number for one in shards}
    of = _most(shards, lambda d: d["of"]).shard.of
    missing = [number for number in range(1, of + 1) if number not in seen]
    if missing:
        names = ", ".join(map(str, missing[:SHOWN]))
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        many = ("shards", "are") if len(missing) > 1 else ("shard", "is")
        yield (
            f"{many[0]} {names}{more} of {of} {many[1]} missing: a part of the evidence is no "
            "evidence"
        )


def _unknown(shards: Sequence[ShardFile], metrics: Mapping[str, Metric]) -> Iterator[str]:
    named = {name: one for one in reversed(shards) for name in one.data["terms"]["metrics"]}
    for name in sorted(named.keys() - metrics.keys()):
        yield (
            f"{named[name].name}: the metric {name!r} is not known here; call 'quantguard merge' "
            f"in the folder of the project, whose conftest.py registers it "
            f"({did_you_mean(name, metrics)})"
        )


def _overlap(shards: Sequence[ShardFile], *, complete: bool) -> Iterator[str]:
    """Find cases of two shards, and cases of none."""
    owner: dict[str, ShardFile] = {}
    for one in shards:
        twice = [case for case, _ in one.planned if owner.setdefault(case, one) is not one]
        if twice:
            case = min(twice)
            yield (
                f"{one.name}: it has {counted(len(set(twice)), 'case')} of other shards, such as "
                f"{case!r}, which is in {owner[case].name}"
            )
    planned = {pair for one in shards for pair in one.planned}
    if complete and selection_hash(planned) != shards[0].data["selection"]:
        yield (
            f"the shards together have {counted(len(planned), 'check')}, which are not the "
            f"{shards[0].data['whole']['checks']} that were selected"
        )


def _servers(shards: Sequence[ShardFile]) -> Iterator[str]:
    """Compare what the servers of the machines say: one run asks one model per variant."""
    for name in dict.fromkeys(name for one in shards for name in one.data["asked"]["served_as"]):
        for fact in _SERVED:
            told = [(one, one.data["asked"]["served_as"].get(name, {}).get(fact)) for one in shards]
            known = [(one, value) for one, value in told if value is not None]
            for one, value in known[1:]:
                if value != known[0][1]:
                    yield (
                        f"{one.name}: the server of {name} says that its {fact} is {value!r:.80}, "
                        f"and in {known[0][0].name} {known[0][1]!r:.80}: these are two models"
                    )
