"""What labels say about a judge: numbers, their intervals, and what they are good for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.commands._judge_labels import LABELS, Kind
from pytest_quantguard.stats import Kappa, cohen_kappa, labels_needed, wilson_interval
from pytest_quantguard.types import Json

SHOWN = 10
"""Disagreements that are printed; JSON has all of them."""
ENOUGH = 0.6
"""Of kappa, its lower end: from here on a judge is fit to gate on."""
_HALF_WIDTH = 0.1
_GRADES = ((0.8, "almost perfect"), (0.6, "substantial"), (0.4, "moderate"), (0.2, "fair"))
"""Least kappa of each grade: J. Landis and G. Koch, The measurement of observer agreement for
categorical data, Biometrics 33 (1977)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One label, and what the judge made of it."""

    place: str
    label: str
    verdict: str = ""
    """Empty where the judge gave none."""
    reason: str = ""
    """The judge's own words, or why there is no verdict."""
    orders: tuple[str, str] | None = None
    """Of a pair: what was preferred in the order a, b, and in the order b, a."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of how many, with an interval of 95 %."""

    count: int
    of: int
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{_percent(self.count / self.of)}  [{_percent(self.low)}, {_percent(self.high)}]  "
            f"{self.count} of {self.of}"
        )


def share(count: int, of: int) -> Share | None:
    """Return a share with Wilson's interval; None of nothing."""
    if not of:
        return None
    low, high = wilson_interval(count, of)
    return Share(count=count, of=of, low=low, high=high)


class Findings:
    """What all labels together say."""

    def __init__(
        self, kind: Kind, judged: Sequence[Judged], *, repeated: int = 0, alike: int = 0
    ) -> None:
        self.kind = kind
        self.repeated = repeated
        self.alike = alike
        self.unjudged = [one for one in judged if not one.verdict]
        self.judged = [one for one in judged if one.verdict]
        self.disagreements = [one for one in self.judged if one.label != one.verdict]
        counts = Counter((one.label, one.verdict) for one in self.judged)
        self.table = [[counts[label, said] for said in LABELS[kind]] for label in LABELS[kind]]
        self.given = Counter(one.label for one in self.judged)
        self.kappa: Kappa | None = cohen_kappa(self.table) if self.judged else None
        self.agreement = share(len(self.judged) - len(self.disagreements), len(self.judged))

    # --- single answers -----------------------------------------------------------------

    @property
    def false_pass(self) -> Share | None:
        """Answers labelled fail that the judge lets pass."""
        return share(self.table[1][0], self.given["fail"]) if self.kind == "absolute" else None

    @property
    def false_fail(self) -> Share | None:
        """Answers labelled pass that the judge fails."""
        return share(self.table[0][1], self.given["pass"]) if self.kind == "absolute" else None

    @property
    def sharpness(self) -> float | None:
        """How much of a real loss the judge shows: a difference of pass rates shrinks by this.

        Youden's index: what is right with answers that pass, less what is wrong with those that
        fail.
        """
        wrong = (self.false_pass, self.false_fail)
        shares = [one.count / one.of for one in wrong if one is not None]
        return 1 - sum(shares) if len(shares) == 2 else None

    # --- pairs --------------------------------------------------------------------------

    def _orders(self, *wanted: tuple[str, str]) -> int:
        return sum(one.orders in wanted for one in self.judged)

    @property
    def consistent(self) -> Share | None:
        """Pairs on which the judge says the same in both orders."""
        pairs = [one for one in self.judged if one.orders is not None]
        return share(sum(len(set(one.orders or ())) == 1 for one in pairs), len(pairs))

    @property
    def by_first_place(self) -> Share | None:
        """Pairs of which it prefers whatever stands first."""
        return share(self._orders(("a", "b")), len(self.judged)) if self._paired else None

    @property
    def by_last_place(self) -> Share | None:
        """Pairs of which it prefers whatever stands last."""
        return share(self._orders(("b", "a")), len(self.judged)) if self._paired else None

    @property
    def _paired(self) -> bool:
        return self.kind == "pairwise"

    # --- all together -------------------------------------------------------------------

    @property
    def needed(self) -> int | None:
        """How many such labels give kappa to a tenth."""
        return None if self.kappa is None else labels_needed(self.kappa, _HALF_WIDTH)

    @property
    def verdict(self) -> str:
        """What the judge is worth, in one sentence."""
        if not self.judged:
            return "nothing is known: the judge gave no verdict at all"
        if len(self.given) == 1:
            (only,) = self.given
            others = " and ".join(label for label in LABELS[self.kind] if label != only)
            return (
                f"nothing is known: every label is {only!r}, which whoever always says so meets; "
                f"label answers that are {others} as well"
            )
        found = self.kappa
        if found is None or found.high < 0:
            return "worse than chance: the judge goes against the labels; is the rubric turned?"
        if self.consistent and self.consistent.high < 0.5:
            return "of no use: it goes by the place of an answer more often than by its content"
        if found.low <= 0:
            return f"no better than chance, as far as {found.n} labels can tell"
        grade = next((word for least, word in _GRADES if found.value >= least), "slight")
        if found.low >= ENOUGH:
            return f"{grade} agreement: fit to gate on"
        if found.value >= ENOUGH:
            return f"{grade} agreement, of which {found.low:.2f} is shown; label more answers"
        return (
            f"{grade} agreement: too weak to gate on; make the rubric more concrete, or take a "
            "stronger judge"
        )

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        shares = ("false_pass", "false_fail", "consistent", "by_first_place", "by_last_place")
        found = {name: getattr(self, name) for name in ("agreement", *shares)}
        return {
            "kind": self.kind,
            "judged": len(self.judged),
            "repeated": self.repeated,
            "alike": self.alike,
            "kappa": None if self.kappa is None else asdict(self.kappa),
            **{name: asdict(value) for name, value in found.items() if value is not None},
            "sharpness": self.sharpness,
            "labels_needed": self.needed,
            "verdict": self.verdict,
            "table": {
                label: dict(zip(LABELS[self.kind], row, strict=True))
                for label, row in zip(LABELS[self.kind], self.table, strict=True)
            },
            "disagreements": [asdict(one) for one in self.disagreements],
            "without_verdict": [asdict(one) for one in self.unjudged],
        }

    def lines(self) -> Iterator[str]:
        """Yield what is printed."""
        for name, value in self._rows():
            yield f"{name:<15}{value}"
        if self.sharpness is not None and self.sharpness > 0:
            yield (
                f"A real loss shows at {_percent(self.sharpness)} of its size: 10 pt as "
                f"{10 * self.sharpness:.1f} pt"
            )
        if self.kappa is not None:
            have = ", ".join(f"{self.given[label]} {label}" for label in LABELS[self.kind])
            width = f"+- {_HALF_WIDTH:g}"
            yield f"Labels: {have}; about {self.needed} of this kind give kappa {width}"
        yield from self._left_out()
        yield f"Verdict: {self.verdict}"
        yield from _listed("Disagreements", self.disagreements, _disagreement)
        yield from _listed("Without a verdict", self.unjudged, _without)

    def _left_out(self) -> Iterator[str]:
        """Yield why there are fewer labels than lines."""
        if count := self.repeated:
            yield f"Left out: {count} line{'s' * (count != 1)} that repeat an earlier one"
        if count := self.alike:
            yield (
                f"Left out: {count} pair{'s' * (count != 1)} of answers that say the same; no "
                "judge is asked about them"
            )

    def _rows(self) -> Iterator[tuple[str, str]]:
        rows: dict[str, Share | None] = {
            "agreement": self.agreement,
            "false passes": self.false_pass,
            "false fails": self.false_fail,
            "consistent": self.consistent,
            "by 1st place": self.by_first_place,
            "by last place": self.by_last_place,
        }
        for name, value in rows.items():
            if value is not None:
                yield name, str(value)
            if name == "agreement" and self.kappa is not None:
                k = self.kappa
                ends = f"[{k.low:.2f}, {k.high:.2f}]"
                yield "kappa", f"{k.value:.2f}  {ends}  by chance they agree on {k.expected:.0%}"


def _listed(head: str, found: Sequence[Judged], told: object) -> Iterator[str]:
    if found:
        yield f"{head}: {len(found)}"
        for one in found[:SHOWN]:
            yield f"  {told(one)}"  # type: ignore[operator]
        if len(found) > SHOWN:
            yield f"  ... and {len(found) - SHOWN} more; --json has them all"


def _disagreement(one: Judged) -> str:
    said = f"{one_line(one.place)}  labelled {one.label}, judged {one.verdict}"
    if one.orders is not None and one.orders[0] != one.orders[1]:
        return f"{said}: {one.orders[0]} in one order, {one.orders[1]} in the other"
    return f"{said}: {one_line(one.reason, 200)}" if one.reason else said


def _without(one: Judged) -> str:
    return f"{one_line(one.place)}  {one_line(one.reason, 300)}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def counted(numbers: Mapping[str, float]) -> str:
    """Return what the judge was asked, in one line."""
    cost = numbers["cost"]
    price = f", cost {cost:.4g}" if cost and not numbers["without_cost"] else ""
    cached = numbers["answers"] - numbers["fresh"]
    failed = f", {numbers['failed']:.0f} without an answer" if numbers.get("failed") else ""
    answers = "1 answer" if numbers["answers"] == 1 else f"{numbers['answers']:.0f} answers"
    return f"{answers}, {cached:.0f} of them cached{failed}{price}"
