"""What the terminal shows of a look, and the words that all renderings share."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pytest_quantguard import _screen
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import neutral, one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.reporters._words import folded, label, sentence
from pytest_quantguard.verdicts import Verdict
from pytest_quantguard.watch.records import NAMES, Answer, Finding, Look, Pin, WatchReport

_COLOURS = {
    Answer.UNCHANGED: "32",
    Answer.CHANGED: "33",
    Answer.WORSE: "31;1",
    Answer.UNCLEAR: "31;1",
}
_WORDS = {
    Answer.UNCHANGED: "UNCHANGED",
    Answer.CHANGED: "CHANGED, not shown to be worse",
    Answer.WORSE: "CHANGED FOR THE WORSE",
    Answer.UNCLEAR: "COULD NOT TELL",
}
_ODD = 0.01


def word(answer: Answer) -> str:
    """Return an answer as people read it."""
    return _WORDS[answer]


def state(finding: Finding) -> str:
    """Say in two or three words what a finding comes to."""
    if not finding.able:
        return "could not see"
    # What a single look would call a difference, and a year of looks shows by chance.
    quiet = "not certain" if finding.p is not None and finding.p <= _ODD else "no change"
    said = "CHANGED" if finding.changed else quiet
    if finding.since:
        return f"{said} since {one_line(finding.since, 40)}"
    return said if finding.decides else f"{said} (only told)"


def about(finding: Finding) -> str:
    """Say what a finding is about: of one look or a week, against the pin or the days before."""
    name = NAMES[finding.kind]
    name = f"{name}, {label(finding.quantity)}" if finding.quantity else name
    parts = [name]
    if finding.window == "week":
        parts.append("last seven days")
    if finding.against == "previous":
        parts.append("against the looks before")
    return ", ".join(parts)


def chance(finding: Finding) -> str:
    """Say how likely so much is under no change, and what it takes; empty where it is no matter."""
    if finding.p is None or finding.limit is None:
        return ""
    return f"p {finding.p:.2g}, counts below {finding.limit:.2g}"


def day(at: float) -> str:
    """Return a time as ``2026-11-22 03:44`` UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def pinned(pin: Pin | None) -> str:
    """Say what the pin is."""
    if pin is None:
        return "nothing: no look is pinned"
    who = f", {one_line(pin.of, 120)}" if pin.of else ""
    looks = counted(len(pin.looks), "look")
    return f"the pin of {day(pin.at)} ({looks}{who}): {sentence(pin.reason, 300)}"


def served(look: Look) -> str:
    """Say by which names the server answered; empty where it gave none."""
    names = dict.fromkeys(a.served_as for a in look.answers if a.served_as)
    prints = dict.fromkeys(a.fingerprint for a in look.answers if a.fingerprint)
    parts = [f"answers signed {', '.join(label(n) for n in list(names)[:3])}"] if names else []
    if prints:
        shown = ", ".join(label(p) for p in list(prints)[:3])
        parts.append(f"fingerprint{'s' * (len(prints) > 1)} {shown}")
    return "; ".join(parts)


def spent(report: WatchReport) -> str:
    """Say what the look took."""
    return took(report.look.requests, report.look.tokens, report.provenance.get("cost"))


def took(requests: int, tokens: int, cost: object) -> str:
    """Say how many requests and tokens, and what they cost where ``cost`` is a number."""
    money = f", cost {cost:.4g}" if isinstance(cost, int | float) else ""
    return f"{counted(requests, 'request')}, {counted(tokens, 'token')}{money}"


def where(report: WatchReport) -> str:
    """Name the folder in which lost cases stand side by side; empty where there is none."""
    folder = report.provenance.get("report")
    return one_line(folder, 300) if isinstance(folder, str) else ""


def gate_line(report: WatchReport) -> str:
    """Say what the golden set's gate found, in one line; empty where it did not run."""
    if report.gate is None:
        return ""
    rows = [row for one in report.gate.candidates for row in one.budgets]
    bad = [row for row in rows if row.verdict is not Verdict.PASS]
    first = f", first {label(bad[0].group[0])} / {label(bad[0].group[1])}" if bad else ""
    cases = counted(int(report.gate.provenance.get("cases", 0)), "golden case")
    passed = f"{len(rows) - len(bad)} of {counted(len(rows), 'budget')} pass{first}"
    return f"{report.gate.verdict.word}: {cases}, {passed}"


def render(report: WatchReport, screen: Screen, *, notes: Sequence[str] = ()) -> list[str]:
    """Return the lines of a look, without line ends; ``notes`` come last."""
    title = f" quantguard: watch of {label(report.endpoint)} "
    head = title.center(screen.width, "=") if len(title) <= screen.width else title.strip()
    lines = [_paint(head, report.answer, screen), *_verdict(report, screen), ""]
    lines += _hang(f"look {report.look.id} against {pinned(report.pin)}", screen)
    if said := served(report.look):
        lines += _hang(said, screen)
    lines += _evidence(report, screen)
    if folder := where(report):
        lines += _hang(f"Case by case: {folder}", screen)
    lines += [line for note in notes for line in _hang(f"Note: {sentence(note, 500)}", screen)]
    lines += _hang(f"Asked: {spent(report)}", screen)
    return [_screen.shown(neutral(line).rstrip(), screen.encoding) for line in lines]


def _verdict(report: WatchReport, screen: Screen) -> list[str]:
    """What somebody who was woken up reads first: the answer, what it looks like, and why."""
    verdict = f"{word(report.answer)}  {label(report.endpoint)}"
    lines = [_paint(verdict, report.answer, screen)]
    if report.signature:
        lines += _hang(f"looks like: {sentence(report.signature, 300)}", screen, 2)
    for reason in report.reasons:
        lines += _hang(sentence(reason, 500), screen, 2)
    return lines


def _evidence(report: WatchReport, screen: Screen) -> list[str]:
    quiet = [one for one in report.findings if _is_quiet_fact(one)]
    silent = [one for one in report.findings if one.kind == "identity" and not one.able]
    told = [one for one in report.findings if one not in (*quiet, *silent)]
    lines = [line for finding in told for line in _finding(finding, screen)]
    if quiet:
        names = ", ".join(label(one.quantity or NAMES[one.kind]) for one in quiet)
        lines += _hang(f"no change  as in the pin: {names}", screen, 2)
    if silent:
        names = ", ".join(label(one.quantity) for one in silent)
        lines += _hang(f"could not see  what the server says: it did not say {names}", screen, 2)
    if gate := gate_line(report):
        lines += _hang(f"golden set  {gate}", screen, 2)
    return ["", *lines, ""] if lines else [""]


def _is_quiet_fact(finding: Finding) -> bool:
    """Tell whether nothing is to be said of it but that it is as it was."""
    return finding.kind in ("identity", "tokenizer") and finding.able and not finding.changed


def _finding(finding: Finding, screen: Screen) -> list[str]:
    text = f"{state(finding)}  {about(finding)}: {sentence(finding.sentence, 400)}"
    odds = chance(finding)
    return _hang(f"{text} ({odds})" if odds else text, screen, 2)


def _hang(text: str, screen: Screen, indent: int = 0) -> list[str]:
    text = _screen.shown(text, screen.encoding)
    return folded(text, screen.width, " " * indent, " " * (indent + 2))


def _paint(text: str, answer: Answer, screen: Screen) -> str:
    return f"\x1b[{_COLOURS[answer]}m{text}\x1b[0m" if screen.colour else text


# --- the series ---------------------------------------------------------------------------


def series(
    looks: Sequence[tuple[Look, str]], pin: Pin | None, screen: Screen, problems: Sequence[str]
) -> list[str]:
    """Return one line for each look, the oldest first; each with what is told of it."""
    lines = _hang(pinned(pin)[:1].upper() + pinned(pin)[1:], screen)
    if not looks:
        lines += ["No look is kept."]
    width = max((len(look.id) for look, _ in looks), default=0)
    for look, told in looks:
        mark = "pin" if pin is not None and look.id in pin.looks else "   "
        lines += _hang(f"{look.id:<{width}}  {mark}  {told}".rstrip(), screen, 2)
    lines += [line for text in problems for line in _hang(f"! {sentence(text, 400)}", screen)]
    return [_screen.shown(neutral(line).rstrip(), screen.encoding) for line in lines]
