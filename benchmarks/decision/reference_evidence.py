"""How soon is a quantization noticed? python benchmarks/decision/reference_evidence.py

Serves the embedded model in every scheme by the real llama.cpp server and asks each of them all
golden cases twice: for an answer, which the cases' checks judge, and for P(reference), the
probability of the case's right answer. Then the cases are put into many random orders, and two
rules look at each order as it grows:

* pass/fail: the gate's own evidence, e-values of signs over leaves, cohorts, checks and the suite;
  noticed when they reach 100 : 1. Looks after every case.
* P(reference): noticed at a planned look when the mean drop is above 0.5 pt and a one-sided paired
  t-test is significant at .01 divided by the number of looks.

A request is one case asked of one arm. Nulls: the same weights asked again in the same way; the
same weights served otherwise (two slots, a prompt cache), which changes last digits; and 4-bit
weights with each case's difference turned round by a coin in every order, which is as much change
as 4 bit makes, without a direction. What was asked is kept in .quantguard/, so that a second run
takes seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_quantguard import stats
from pytest_quantguard._decide import LEVEL_WEIGHTS
from pytest_quantguard._golden import load
from pytest_quantguard._registry import Registry
from pytest_quantguard.contracts import Connection
from pytest_quantguard.embedded import gguf_path
from pytest_quantguard.providers.llamacpp import LlamaCppProvider, content_hash
from pytest_quantguard.stats._special import student_t
from pytest_quantguard.types import CompletionRequest, GoldenCase
from pytest_quantguard.variants import Variant

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".quantguard" / "reference-evidence"
REPORT = Path(__file__).with_suffix(".md")

ORDERS, SEED = 1_000, 20_260
LOOKS = (30, 50, 100, 200, 500, 1_000)
ALPHA = 0.01
LEAST_DROP = 0.005
WITHIN = 210
LAMBDAS = np.arange(1, 10) / 10

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of serving one scheme."""

    name: str
    scheme: str
    slots: int = 1
    cache_prompt: bool = False


ARMS = (
    Arm("f16", "f16"),
    Arm("f16 again", "f16"),
    Arm("f16, two slots", "f16", slots=2, cache_prompt=True),
    *(Arm(name, name) for name in ("q8_0", "q4_0", "awq-int4", "awq-int4-embf16", "rtn3")),
)


# --- asking -----------------------------------------------------------------------------


def asked(arm: Arm, cases: Sequence[GoldenCase], models: Path) -> list[dict[str, Any]]:
    """Return what ``arm`` said to every case, from the folder of kept answers if it is there."""
    known = [arm.name, version("xllamacpp"), content_hash(gguf_path(arm.scheme, models))]
    known += [repr((case.request, case.reference, case.checks)) for case in cases]
    file = KEPT / f"{hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]}.json"
    if not file.exists():
        told = _ask(arm, cases, models)
        KEPT.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told), "utf-8")
    found: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))
    return found


def _ask(arm: Arm, cases: Sequence[GoldenCase], models: Path) -> list[dict[str, Any]]:
    extra = {"cache_prompt": True} if arm.cache_prompt else {}
    variant = Variant(
        name=arm.name,
        provider="llamacpp",
        model=f"embedded:{arm.scheme}",
        options={
            "n_threads": 1,
            "model_folder": str(models),
            "extra_body": extra,
            "n_parallel": arm.slots,
            "ctx": 512,
        },
    )
    provider = LlamaCppProvider(variant)
    provider.start()
    lines = [provider.connect() for _ in range(arm.slots)]

    def work(number: int) -> list[dict[str, Any]]:
        return [_told(lines[number], case) for case in cases[number :: arm.slots]]

    with ThreadPoolExecutor(arm.slots) as pool:
        parts = list(pool.map(work, range(arm.slots)))
    for line in lines:
        line.close()
    provider.stop()
    return [parts[index % arm.slots][index // arm.slots] for index in range(len(cases))]


def _told(line: Connection, case: GoldenCase) -> dict[str, Any]:
    answer = line.complete(case.request)
    reference = line.complete(
        CompletionRequest(
            messages=case.request.messages,
            tools=case.request.tools,
            params=case.request.params,
            reference=case.reference,
        )
    )
    return {
        "holds": {check.key: check(answer, case).value for check in case.checks},
        "p": math.exp(math.fsum(token.logprob for token in reference.tokens)),
        "p_open": math.exp(math.fsum(token.logprob for token in reference.tokens[:-1])),
    }


# --- pass/fail --------------------------------------------------------------------------


def sign_groups(
    cases: Sequence[GoldenCase], base: Sequence[Any], ours: Sequence[Any]
) -> list[tuple[float, Array, Array]]:
    """Return weight, membership and signs of each group of the gate's family of evidence."""
    leaves: dict[tuple[str, str], dict[int, float]] = {}
    for index, (case, b, o) in enumerate(zip(cases, base, ours, strict=True)):
        for check, held in b["holds"].items():
            leaves.setdefault((case.cohort, check), {})[index] = held - o["holds"][check]
    levels: dict[str, dict[str, list[dict[int, float]]]] = {name: {} for name in LEVEL_WEIGHTS}
    for (cohort, check), leaf in leaves.items():
        levels["leaf"][f"{cohort} {check}"] = [leaf]
        levels["cohort"].setdefault(cohort, []).append(leaf)
        levels["check"].setdefault(check, []).append(leaf)
        levels["suite"].setdefault("", []).append(leaf)
    found = []
    for level, groups in levels.items():
        for members in groups.values():
            differences = np.zeros(len(cases))
            for leaf in members:
                differences[list(leaf)] += list(leaf.values())
            weight = LEVEL_WEIGHTS[level] / len(groups)
            found.append((weight, np.sign(differences), differences))
    return found


class SignEvidence:
    """The e-value of a family of groups as cases come in, for one pair of arms."""

    def __init__(self, groups: Sequence[tuple[float, Array, Array]]) -> None:
        weights = np.array([weight for weight, _, _ in groups])
        self._shares = np.log(weights / weights.sum())[:, None]
        self._signs = np.array([signs for _, signs, _ in groups], dtype=np.int8)
        # An e-value depends on the numbers of lost and gained cases alone.
        count = np.arange(np.abs(self._signs).sum(axis=1).max() + 1)
        lost, gained = count[:, None, None], count[None, :, None]
        terms = lost * np.log1p(LAMBDAS) + gained * np.log1p(-LAMBDAS)
        top = terms.max(axis=-1)
        self._log_e = top + np.log(np.exp(terms - top[..., None]).mean(axis=-1))

    def logs(self, order: NDArray[np.int64], coins: NDArray[np.int8]) -> Array:
        """Return the log of the family's e-value after each case of ``order``.

        ``coins`` are -1 for the cases whose difference is turned round, else 1.
        """
        signs = (self._signs * coins)[:, order]
        lost, gained = np.cumsum(signs > 0, axis=1), np.cumsum(signs < 0, axis=1)
        terms = self._log_e[lost, gained] + self._shares
        top = terms.max(axis=0)
        return np.asarray(top + np.log(np.exp(terms - top).sum(axis=0)))

    def first_alarm(self, order: NDArray[np.int64], coins: NDArray[np.int8]) -> int:
        """Return the number of requests after which it reaches 100 : 1; 0 = never."""
        reached = np.flatnonzero(self.logs(order, coins) >= math.log(1 / ALPHA))
        return int(reached[0]) + 1 if reached.size else 0


def agrees(groups: Sequence[tuple[float, Array, Array]], order: NDArray[np.int64]) -> bool:
    """Tell whether the fast sums above are the package's own evidence, on one order's prefix."""
    seen = order[:400]
    ours = SignEvidence(groups).logs(seen, np.ones(order.size, np.int8))[-1]
    family = {
        number: (weight, stats.sign_evidence(list(np.clip(differences[seen], -1, 1))).log_e)
        for number, (weight, _, differences) in enumerate(groups)
    }
    return math.isclose(float(ours), stats.family_evidence(family).log_e, abs_tol=1e-9)


# --- P(reference) -----------------------------------------------------------------------


def first_reference_alarm(drops: Array, order: NDArray[np.int64]) -> int:
    """Return the planned look, in requests, at which P(reference) has fallen; 0 = none."""
    for look in LOOKS:
        seen = drops[order[:look]]
        mean, spread = float(seen.mean()), float(seen.std(ddof=1))
        if mean <= LEAST_DROP:
            continue
        t = mean / max(spread / math.sqrt(look), 1e-12)
        if t > CRITICAL[look]:
            return look
    return 0


def _critical(look: int) -> float:
    # Bonferroni's share: the looks depend on each other in ways that then do not matter.
    return student_t(ALPHA / len(LOOKS), look - 1)


CRITICAL = {look: _critical(look) for look in LOOKS}


# --- the report -------------------------------------------------------------------------


def row(
    name: str, cases: Sequence[GoldenCase], base: list[Any], ours: list[Any], *, toss: bool = False
) -> str:
    """Return one line of the main table; ``toss`` makes a null of it."""
    rng = np.random.default_rng(SEED)
    orders = [rng.permutation(len(cases)) for _ in range(ORDERS)]
    coins = np.ones((ORDERS, len(cases)), np.int8)
    if toss:
        coins = rng.choice(np.array([-1, 1], np.int8), coins.shape)
    groups = sign_groups(cases, base, ours)
    if not agrees(groups, orders[0]):
        raise SystemExit("the fast evidence is not the package's own: this script is out of date")
    evidence = SignEvidence(groups)
    drops = np.array([b["p"] - o["p"] for b, o in zip(base, ours, strict=True)])
    signs = [evidence.first_alarm(*pair) for pair in zip(orders, coins, strict=True)]
    tests = [
        first_reference_alarm(drops * coin, order)
        for order, coin in zip(orders, coins, strict=True)
    ]
    right = [np.mean([min(one["holds"].values()) == 1 for one in arm]) for arm in (base, ours)]
    means = [right[0] - right[1], drops.mean()]
    cells = [
        name,
        *("by chance" if toss else f"{100 * mean:+.2f}" for mean in means),
        f"{100 * np.mean(np.abs(drops) > 0.01):.1f}",
        *_detected(signs, len(cases)),
        *_detected(tests, len(cases)),
    ]
    return "| " + " | ".join(cells) + " |"


def _detected(alarms: Sequence[int], most: int) -> list[str]:
    """Return the share noticed within `WITHIN` requests, at all, and the median number."""
    found = np.array(alarms)
    early = np.mean((found > 0) & (found <= WITHIN))
    median = float(np.median(np.where(found > 0, found, 10 * most)))
    shown = f"{median:.0f}" if median <= most else f"> {most}"
    return [f"{100 * early:.1f}", f"{100 * np.mean(found > 0):.1f}", shown]


def cohort_table(cases: Sequence[GoldenCase], told: dict[str, list[Any]]) -> Iterable[str]:
    """Yield the mean P(reference) of each cohort and arm, in percent."""
    cohorts = list(dict.fromkeys(case.cohort for case in cases))
    yield "| mean P(reference), % | " + " | ".join([*cohorts, "all"]) + " |"
    yield "|---" * (len(cohorts) + 2) + "|"
    for name, answers in told.items():
        p = np.array([answer["p"] for answer in answers])
        cells = [
            f"{100 * p[[case.cohort == cohort for case in cases]].mean():.1f}" for cohort in cohorts
        ]
        yield "| " + " | ".join([name, *cells, f"{100 * p.mean():.2f}"]) + " |"


def report(cases: Sequence[GoldenCase], told: dict[str, list[Any]]) -> str:
    """Return the whole page."""
    base = told["f16"]
    ends = [abs(one["p"] - one["p_open"]) for answers in told.values() for one in answers]
    lines = [
        "# How soon a quantization is noticed: pass/fail and P(reference)",
        "",
        "Written by `python benchmarks/decision/reference_evidence.py`, whose docstring says how.",
        "",
        f"Embedded model, {len(cases)} golden cases, llama.cpp of xllamacpp "
        f"{version('xllamacpp')}, one thread. {ORDERS:,} random orders of the cases, seed {SEED}. "
        f"Looks of P(reference): {', '.join(map(str, LOOKS))} cases, alpha {ALPHA} in all "
        f"(Bonferroni), mean drop above {100 * LEAST_DROP:g} pt. Positive drops: worse than f16.",
        "",
        "| | | | | pass/fail, 100 : 1 | | | P(reference) | | |",
        "|---|---|---|---|---|---|---|---|---|---|",
        "| scheme | drop of right cases, pt | drop of P(reference), pt | P moved by over 1 pt, % "
        + f"| noticed by {WITHIN} requests, % | ever, % | median requests " * 2
        + "|",
    ]
    lines += [row(arm.name, cases, base, told[arm.name]) for arm in ARMS[1:]]
    lines += [
        row(f"{name}, tossed", cases, base, told[name], toss=True)
        for name in ("q8_0", "q4_0", "awq-int4")
    ]
    lines += ["", *cohort_table(cases, told), ""]
    lines.append(
        "The end of the answer is part of P(reference); without it P changes by "
        f"{100 * float(np.mean(ends)):.3f} pt on average, at most {100 * max(ends):.1f} pt."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Ask what is not known yet, analyse, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=ROOT / ".quantguard" / "models")
    options = parser.parse_args()
    files = sorted((ROOT / "golden").glob("*.quant.yaml"))
    cases = [case for file in files for case in load(file, file.name, Registry(), {})]
    cases = [case for case in cases if case.reference is not None]
    told = {arm.name: asked(arm, cases, options.models) for arm in ARMS}
    text = report(cases, told)
    REPORT.write_text(text, "utf-8", newline="\n")
    print(text, end="")


if __name__ == "__main__":
    main()
