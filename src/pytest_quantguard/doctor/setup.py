"""What the configuration and the golden cases show by themselves; nothing is asked."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_quantguard import _config, _unfit
from pytest_quantguard._config_file import document_of
from pytest_quantguard._plural import counted
from pytest_quantguard._registry import Registry
from pytest_quantguard.doctor.records import CONFIGURATION, Finding, Level
from pytest_quantguard.errors import ConfigError, did_you_mean
from pytest_quantguard.types import GoldenCase
from pytest_quantguard.variants import Variant

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard.contracts import Provider

_FROM = "--quant-config"
_BEFORE = re.compile(r"^(?:ERROR: )?(?:quantguard: )?")
"""What pytest, and the plugin in it, write before a sentence."""
_MEND = "mend it where the sentence says"
_PLAN = "add cases, or loosen the budget: 'quantguard plan' says by how much"


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """What pytest collected."""

    cases: tuple[GoldenCase, ...] = ()
    problems: tuple[str, ...] = ()
    """Why a run would be refused, in its own words."""
    undecidable: tuple[str, ...] = ()
    registry: Registry | None = None
    """Where the project's own providers are; None = it could not be collected."""


def load(path: Path, baseline: str | None) -> GateConfig:
    """Read the configuration, with every variant but the baseline as a candidate.

    Raises:
        ConfigError: with every problem found, each with file:line.
    """
    data = document_of(path, path.parent).data
    first = baseline or data.get("baseline")
    others = [name for name in data["variants"] if name != first]
    return _config.load(path, path.parent, candidates=others, baseline=baseline)


def chosen(settings: GateConfig, names: Sequence[str]) -> dict[str, Variant]:
    """Return the endpoints that are asked, by name: variants, then judges; all without names.

    Raises:
        ConfigError: a name that is neither.
    """
    known = settings.asked
    wrong = [name for name in names if name not in known]
    if wrong:
        texts = (f"there is no endpoint {n!r:.80}; {did_you_mean(n[:80], known)}" for n in wrong)
        raise ConfigError([f"{settings.file}: {text}" for text in texts])
    return {name: known[name] for name in (dict.fromkeys(names) or known)}


def collected(path: Path, settings: GateConfig) -> Golden:
    """Have pytest collect the golden cases, as a run in the configuration's folder would."""
    from pytest_quantguard._preview import collect

    said = io.StringIO()
    option = [f"{_FROM}={path}", f"--quant-baseline={settings.baseline.name}"]
    names = [variant.name for variant in settings.candidates]
    with chdir(path.parent), redirect_stderr(said):
        found = collect([*option, *([] if names else ["--quant-null"])], names, _look)
    if found.looked is not None:
        return found.looked
    # What is wrong with files is in `said`: beside it, stderr has other people's warnings.
    text = "\n".join(found.said) or said.getvalue()
    lines = [_BEFORE.sub("", line) for line in text.splitlines() if line.strip()]
    return Golden(problems=tuple(lines[-12:]) or (f"pytest ended with {found.code}",))


def _look(gate: Any, items: Any) -> Golden:
    from pytest_quantguard._items import CASE
    from pytest_quantguard._survey import Survey

    selected = [item for item in items if CASE in item.stash]
    survey = Survey(selected, gate.collected, gate.settings, gate.metrics, partial=gate.partial)
    return Golden(
        cases=tuple(survey.cases.values()),
        problems=(*gate.problems, *survey.problems),
        undecidable=tuple(survey.undecidable[:-1]),  # the last one is advice
        registry=gate.registry,
    )


# --- findings -----------------------------------------------------------------------------


def findings(settings: GateConfig, golden: Golden) -> list[Finding]:
    """Say what of the configuration and the golden cases would stop a run."""
    of_file = [one for one in golden.problems if one.startswith(f"{settings.file}:")]
    found = [_found("wrong", "file", one, _MEND) for one in of_file] or [_arms(settings)]
    found += [
        _found("wrong", "golden cases", one, _MEND) for one in golden.problems if one not in of_file
    ]
    if not golden.cases:
        if not golden.problems:
            fix = "a file golden/NAME.quant.yaml below pytest's testpaths (docs/golden-files.md)"
            found.append(_found("wrong", "golden cases", "there is no golden case", fix))
        return found
    cohorts = {case.cohort for case in golden.cases}
    saw = f"{counted(len(golden.cases), 'golden case')} in {counted(len(cohorts), 'cohort')}"
    found.append(_found("ok", "golden cases", saw))
    strict = settings.underpowered == "refuse"
    found += [
        _found("wrong" if strict else "warn", "budgets", sentence, _PLAN)
        for sentence in golden.undecidable
    ]
    if not golden.undecidable and not golden.problems:
        found.append(_found("ok", "budgets", "every budget can be decided with them"))
    return found


def _arms(settings: GateConfig) -> Finding:
    """Say what is compared with what."""
    names = ", ".join(variant.name for variant in settings.candidates)
    saw = f"{settings.file}: baseline {settings.baseline.name}, "
    if names:
        return _found("ok", "variants", saw + f"against {names}")
    fix = "add a variant; until then: pytest --quant-null"
    return _found("warn", "variants", saw + "and no candidate", fix)


def unfit(
    golden: Golden, providers: Mapping[str, Provider], places: Mapping[str, str]
) -> list[Finding]:
    """Say which golden cases a server of a declared kind would not do as they are written."""
    said = _unfit.refusals(golden.cases, providers, places)
    return [
        _found("wrong", "dialect", one, "mend the golden cases, or the dialect") for one in said
    ]


def _found(level: Level, topic: str, saw: str, fix: str = "") -> Finding:
    return Finding(level=level, about=CONFIGURATION, topic=topic, saw=saw, fix=fix)
