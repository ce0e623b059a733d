"""Watch endpoints that change and endpoints that do not, and write results.md: one command.

    python benchmarks/watch/run.py [--quick] [--nights 150] [--recorded FOLDER] [--out FILE]

Two parts: simulated years of nights, with fixed seeds, and real llama.cpp servers under changing
load (needs the extra llamacpp). What the servers answered is kept in ``--recorded`` and read again
from there; without it they are asked anew. ``--quick`` shows in a minute that everything runs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

import nights
import numpy as np
import servers
import speeds
import years

from pytest_quantguard.watch import probes
from pytest_quantguard.watch.findings import findings
from pytest_quantguard.watch.records import Answer, Finding, Look, Pin

SEED = 20_261_122
PIN = nights.PIN
QUIET, LATER = 7, 14
"""Quiet nights between the pin and the change; nights that are looked at after it."""
HERE = Path(__file__).parent


def main() -> None:
    """Read the arguments, simulate, ask, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few years, few nights")
    parser.add_argument("--nights", type=int, default=150, help="of f16 (default: %(default)s)")
    parser.add_argument("--recorded", type=Path, help="folder of recorded looks")
    parser.add_argument("--out", type=Path, help="default: results.md; with --quick nothing")
    given = parser.parse_args()
    simulated, unchanged = (20, 30) if given.quick else (500, given.nights)
    lines = [
        *_intro(),
        *_years(simulated),
        *_whole(1 if given.quick else 20),
        *_tail(2_000 if given.quick else 100_000),
        *_power(60 if not given.quick else 10),
        *_speeds(300 if not given.quick else 10),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.recorded or Path(scratch)
        lines += _real(_recorded(folder, unchanged), pins=6 if not given.quick else 1)
    text = "\n".join(lines) + "\n"
    out = given.out or (None if given.quick else HERE / "results.md")
    if out:
        out.write_text(text, encoding="utf-8")
    print(text)


def _intro() -> list[str]:
    return [
        "# Watching endpoints: what is noticed, and how often nothing is",
        "",
        "Written by `python benchmarks/watch/run.py`; seeds are fixed, the real servers' load is "
        "drawn from seeds too.",
        "The limits are those of 1 % of false alarms in a year of 365 looks, over all kinds of",
        f"evidence together. A pin has {PIN} looks. docs/statistics.md says how it is computed.",
        "",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows), ""]


# --- simulated --------------------------------------------------------------------------


def _years(count: int) -> list[str]:
    rows = []
    for place, world in enumerate(nights.WORLDS):
        row: list[object] = [world.name, world.what]
        for one_day in (False, True):
            rng = np.random.default_rng([SEED, place, one_day])
            found = [nights.alarms(world, rng, one_day=one_day) for _ in range(count)]
            row.append(_share(sum(map(any, found)), count))
        rows.append(row)
    return [
        "## Simulated years in which nothing changes (log-probs)",
        "",
        f"Share of {count:,} simulated years with any alarm, of a night or of a week.",
        "",
        *_table(
            ["world", "what differs from night to night", "pin of 8 nights", "pin of 1 day"], rows
        ),
        "Bursts of ten times the noise are more than the limits are made for: such a night is",
        "called a change, and it is one, though not of the weights.",
        "",
    ]


def _whole(count: int) -> list[str]:
    found = [
        [years.year(endpoint, rng) for _ in range(count)]
        for endpoint, rng in (
            (one, np.random.default_rng([SEED, 11, place]))
            for place, one in enumerate(years.ENDPOINTS)
        )
    ]
    return whole_table(found)


def whole_table(found: Sequence[Sequence[years.Year]]) -> list[str]:
    """Return what the simulated years of each endpoint came to."""
    rows = []
    for endpoint, seen in zip(years.ENDPOINTS, found, strict=True):
        looks = sum(one.answers.total() for one in seen)
        unclear = sum(one.answers[Answer.UNCLEAR] for one in seen)
        row = [endpoint.name, endpoint.what, _share(sum(one.alarm for one in seen), len(seen))]
        near = [sum(one.closest <= times for one in seen) for times in (10, 100)]
        row += [_share(one, len(seen)) for one in near]
        rows.append([*row, f"{unclear} of {looks:,}"])
    every = sum(map(len, found))
    alarms = sum(one.alarm for seen in found for one in seen)
    return [
        "## Simulated years of the whole answer",
        "",
        f"{len(found[0]):,} years of 365 looks each, through everything that decides: log-probs of",
        f"'own nights' or texts, {years.CASES} golden cases whose answers flip (nine in ten are "
        "right,",
        "the gate's budget is 5 pt), their lengths, and a weather that a night's answers share.",
        "Alarm: any look says CHANGED or WORSE. Within x10: some p of the year is at most ten",
        "times its limit, which valid p-values are in at most 10 % of years.",
        "Unclear: the gate fails short of a year's evidence, so that nobody can tell.",
        "",
        *_table(
            ["endpoint", "what differs", "alarm", "p within x10", "within x100", "unclear looks"],
            rows,
        ),
        f"All together {alarms} of {every:,} years had an alarm. None of 100 shows by itself no "
        "more than",
        "a rate below 3 % (at 95 %); that few p come near their limits says it is less.",
        "",
    ]


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if count else f"0 of {total:,}"


def _tail(looks: int) -> list[str]:
    rows = []
    for draws in (8, 56):
        for place, evenness in enumerate((0.01, 0.03, 0.1, 0.5, 2.0)):
            rng = np.random.default_rng([SEED, 99, draws, place])
            found = nights.drawn_tail(rng, looks, evenness=evenness, draws=draws)
            window = "night" if draws == 8 else "week"
            rows.append([window, f"{evenness:g}", *(f"{share:.2g}" for share in found.values())])
    return [
        "## Drawn texts of an unchanged model: is p what it says?",
        "",
        f"Share of {looks:,} simulated looks (8 probes x 8 draws, or a week's 56, against 64)",
        "whose p is at most so much, from a model that is nearly sure (0.01) to one that is not.",
        "",
        *_table(["window", "evenness", "p 0.01", "0.001", "0.0001", "0.00001"], rows),
    ]


def _power(runs: int) -> list[str]:
    worlds = [world for world in nights.WORLDS if "bursts" not in world.name]
    shifts = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
    rows = []
    for place, world in enumerate(worlds):
        row: list[object] = [world.name]
        for shift in shifts:
            rng = np.random.default_rng([SEED, 7, place])
            found = [
                nights.alarms(world, rng, one_day=False, shift=shift, nights=LATER)
                for _ in range(runs)
            ]
            first = sum(night == 1 for night, _ in found) / runs
            ever = sum(map(any, found)) / runs
            row.append(f"{first:.0%} / {ever:.0%}")
        rows.append(row)
    return [
        "## Simulated changes (log-probs)",
        "",
        f"Noticed on the first night / within {LATER} nights, by the size of the change in nats "
        "(its standard deviation over tokens).",
        "",
        *_table(["world", *(f"{shift:g}" for shift in shifts)], rows),
    ]


def _speeds(looks: int) -> list[str]:
    factors, rows = (1.0, 1.25, 1.5, 2.0), []
    for place, weather in enumerate(speeds.WEATHERS):
        for nights_before in (0, 3, 7):
            rng = np.random.default_rng([SEED, 12, place, nights_before])
            found = [speeds.share(weather, rng, looks, nights_before, one) for one in factors]
            rows.append([weather.name, nights_before, *(f"{share:.1%}" for share in found)])
    return [
        "## Simulated speeds of golden answers, after a plain bless",
        "",
        f"Share of {looks:,} looks whose {speeds.CASES} golden answers are called faster than the",
        f"pin's at p {speeds.NAMED:g}, which gives a loss its name, by how many times as",
        "fast they are. The pin has one look with golden answers; the looks between it and tonight",
        "were unchanged. Neighbouring nights' weather is correlated 0.5.",
        "",
        *_table(["weather", "quiet looks", *(f"x{one:g}" for one in factors)], rows),
    ]


# --- real servers -----------------------------------------------------------------------

Recorded = dict[str, dict[probes.Mode, list[Look]]]


def _recorded(folder: Path, unchanged: int) -> Recorded:
    found: Recorded = {}
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(servers.BEHIND):
        path = folder / f"{name.replace(' ', '-')}.json"
        if not path.is_file():
            count = unchanged if name == "f16" else LATER + 10
            servers.save(path, servers.looks(name, count, 1000 + seed, folder / "models"))
        found[name] = servers.load(path)
    return found


def _real(recorded: Recorded, pins: int) -> list[str]:
    f16 = recorded["f16"]
    tokens = {mode: mean(look.tokens for look in looks) for mode, looks in f16.items()}
    answers = {mode: mean(_written(look) for look in looks) for mode, looks in f16.items()}
    return [
        "## Real llama.cpp servers: nights on which nothing changes",
        "",
        f"One f16 model, {len(f16['logprobs'])} nights, each under another load (1 to 4 requests",
        "of the look at once, 0 to 3 other clients, prompt cache on, 4 slots). Random nights are",
        f"taken as the pin, {pins} times; all others are looked at in random order.",
        "",
        *_table(
            ["evidence", "window", "looks", "alarms", "smallest p", "limit"], _quiet(f16, pins)
        ),
        "## Real llama.cpp servers: another precision behind the same address and name",
        "",
        f"Pin of {PIN} nights and {QUIET} quiet nights of f16, then the other server. Nights until",
        f"it is noticed (median and worst of 6 pins; - = not within {LATER}), and the tokens of",
        "these looks, prompts included. One look takes "
        f"{len(f16['logprobs'][0].answers)} requests and {tokens['logprobs']:,.0f} tokens "
        f"({answers['logprobs']:,.0f} written)",
        f"with log-probs, {len(f16['sampled'][0].answers)} and {tokens['sampled']:,.0f} "
        f"({answers['sampled']:,.0f} written) without.",
        "",
        *_changes(recorded, tokens),
        "Where texts alone are given, a change that moves log-probs by a tenth of a nat may change",
        "no likeliest answer of these probes and too little of the drawn ones: it is not seen. The",
        "model is small and the server runs on a processor, where noise is far below that of large",
        "models on busy accelerators; the simulated worlds above are for those.",
    ]


def _written(look: Look) -> int:
    return sum(answer.completion_tokens or 0 for answer in look.answers)


def _quiet(f16: dict[probes.Mode, list[Look]], pins: int) -> list[list[object]]:
    """Nights in orders drawn at random: the first eight are the pin, all others are looked at."""
    rows: dict[tuple[str, str], list[Finding]] = {}
    rng = np.random.default_rng([SEED, 3])
    for _ in range(pins):
        order = rng.permutation(len(f16["logprobs"]))
        for recorded in f16.values():
            looks = [_at(recorded[int(place)], night) for night, place in enumerate(order)]
            for night in range(PIN, len(looks)):
                for found in _against_pin(looks[:night], looks[night], looks[:PIN]):
                    rows.setdefault((found.quantity or found.kind, found.window), []).append(found)
    return [
        [
            name,
            window,
            f"{len(found):,}",
            sum(one.changed for one in found),
            f"{min(one.p or 0.0 for one in found):.1g}",
            f"{found[0].limit:.1g}",
        ]
        for (name, window), found in rows.items()
    ]


def _at(look: Look, night: int) -> Look:
    return replace(look, id=f"{night:04}", at=night * servers.DAY_S)


def _against_pin(looks: Sequence[Look], now: Look, pinned: Sequence[Look]) -> list[Finding]:
    pin = Pin(looks=tuple(look.id for look in pinned), reason="benchmark", at=0.0)
    return [
        found
        for found in findings(looks, now, pin, None)
        if found.kind in ("logprobs", "sampled") and found.against == "pin"
    ]


def _changes(recorded: Recorded, tokens: dict[probes.Mode, float], starts: int = 6) -> list[str]:
    rows = []
    for name in (name for name in servers.BEHIND if name != "f16"):
        rng = np.random.default_rng([SEED, 4])
        nights_until: dict[tuple[probes.Mode, str], list[int | None]] = {}
        for _ in range(starts):
            for mode, base in recorded["f16"].items():
                chosen = rng.choice(len(base), PIN + QUIET, replace=False)
                before = [_at(base[int(place)], night) for night, place in enumerate(chosen)]
                for quantity, night in _noticed(before, recorded[name][mode]).items():
                    nights_until.setdefault((mode, quantity), []).append(night)
        row = [name]
        for (mode, _), found in nights_until.items():
            row.append(_until(found, tokens[mode]))
        rows.append(row)
    head = ["behind the address", "log-probs", "likeliest texts", "drawn texts", "texts together"]
    return _table(head, rows)


def _noticed(before: list[Look], other: Sequence[Look]) -> dict[str, int | None]:
    """First night of the other server, from 1, on which each kind of evidence sees it."""
    looks, first = list(before), dict[str, int | None]()
    for number, recorded in enumerate(other[:LATER], 1):
        now = _at(recorded, len(looks))
        for found in _against_pin(looks, now, before[:PIN]):
            first.setdefault(found.quantity, None)
            if found.changed and first[found.quantity] is None:
                first[found.quantity] = number
        looks.append(now)
        if all(night is not None for night in first.values()):
            break
    if len(first) > 1:
        seen = [night for night in first.values() if night is not None]
        first["together"] = min(seen, default=None)
    return first


def _until(found: Sequence[int | None], tokens: float) -> str:
    never = LATER + 1
    ordered = sorted(night or never for night in found)
    middle, worst = median(ordered), ordered[-1]
    if middle >= never:
        missed = sum(night is None for night in found)
        return f"- ({missed} of {len(found)} not)"
    worst_said = f"{worst:g}" if worst < never else "-"
    return f"{middle:g} ({worst_said}); {middle * tokens:,.0f} tokens"


if __name__ == "__main__":
    main()
