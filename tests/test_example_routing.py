"""The routing example: requests of a cohort reach the variant that its route names."""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

EXAMPLE = Path(__file__).parents[1] / "examples" / "routing"
SERVERS = json.loads((EXAMPLE / "servers.json").read_text("utf-8"))


def route(variant: str, *mirror: str) -> dict[str, Any]:
    return {"variant": variant, "mirror": list(mirror)}


def routes(**cohorts: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": "quantguard-routes",
        "version": 1,
        "baseline": "f16",
        "made": {"started": time.time()},
        "routes": cohorts,
    }


FOUND = routes(
    faq=route("awq-int4"),
    refusals=route("awq-int4"),
    regulated=route("f16", "awq-int4"),
    tools=route("f16"),
)


@pytest.fixture(scope="module")
def example() -> SimpleNamespace:
    """The functions of the script."""
    return SimpleNamespace(**runpy.run_path(str(EXAMPLE / "litellm_config.py")))


def serving(config: Any, tag: str, group: str = "assistant") -> list[str]:
    """What LiteLLM serves a tag with, by its documented rule: else whatever is ``default``."""
    params = [m["litellm_params"] for m in config["model_list"] if m["model_name"] == group]
    found = [p for p in params if tag in p["tags"]] or [p for p in params if "default" in p["tags"]]
    return [p["model"] for p in found]


def test_each_cohort_reaches_its_variant_and_everything_else_the_baseline(example):
    """One server for each tag, so that nothing is left to chance."""
    config, remarks = example.config(FOUND, SERVERS)

    for tag, model in (
        ("cohort:faq", "openai/assist-8b-awq"),
        ("cohort:refusals", "openai/assist-8b-awq"),
        ("cohort:regulated", "openai/assist-8b"),
        ("cohort:tools", "openai/assist-8b"),
        ("cohort:unheard-of", "openai/assist-8b"),
        ("default", "openai/assist-8b"),
    ):
        assert serving(config, tag) == [model], tag
    assert remarks == []


def test_copies_of_a_mirrored_cohort_go_to_a_group_that_exists(example):
    """And of no other cohort."""
    config, _ = example.config(FOUND, SERVERS)
    models = config["model_list"]
    silent = {
        tag: m["litellm_params"]["silent_model"]
        for m in models
        for tag in m["litellm_params"]["tags"]
        if "silent_model" in m["litellm_params"]
    }

    assert silent == {"cohort:regulated": ["assistant/awq-int4"]}
    assert serving(config, "cohort:regulated", "assistant/awq-int4") == ["openai/assist-8b-awq"]


def test_a_server_that_is_down_never_moves_requests_to_a_candidate(example):
    """Without cooldowns none is left out; the way out of every failure is the baseline."""
    config, _ = example.config(FOUND, SERVERS)
    settings = config["router_settings"]

    assert settings["enable_tag_filtering"]
    assert settings["disable_cooldowns"]
    assert settings["fallbacks"] == [{"assistant": ["assistant/f16"]}]
    assert serving(config, "cohort:faq", "assistant/f16") == ["openai/assist-8b"]


def test_what_cannot_be_routed_stays_with_the_baseline_and_is_said(example):
    """A variant without a server; a name that the header with the tags would part."""
    names = {"a,b": route("awq-int4"), "a\nb": route("awq-int4"), "": route("awq-int4")}
    found = routes(faq=route("fp8"), regulated=route("f16", "fp8"), **names)
    config, remarks = example.config(found, SERVERS)

    for tag in ("cohort:faq", "cohort:regulated", "cohort:a,b", "cohort:a", "cohort:"):
        assert serving(config, tag) == ["openai/assist-8b"]
    assert len(remarks) == 5
    assert "'faq': 'fp8' is not in servers.json" in remarks


def test_a_run_of_selected_cases_is_said(example):
    """What was left out may have shown a loss."""
    config, remarks = example.config({**FOUND, "made": {"whole": False}}, SERVERS)

    assert remarks == ["these routes are from a run of selected golden cases"]
    assert serving(config, "cohort:faq") == ["openai/assist-8b-awq"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "not routes of version 1"),
        ({"format": "other"}, "not routes of version 1"),
        ({"baseline": "bf16"}, "how the baseline 'bf16' is reached"),
    ],
)
def test_routes_that_are_not_understood_make_no_configuration(example, change, sentence):
    """The proxy goes on with what it has."""
    with pytest.raises(ValueError, match=sentence):
        example.config({**FOUND, **change}, SERVERS)


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object):
    script = str(EXAMPLE / "litellm_config.py")
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    runpy.run_path(script, run_name="__main__")


def test_the_script_writes_yaml_that_names_every_cohort_as_it_is(tmp_path, monkeypatch):
    """JSON escapes letters beyond U+FFFF in a way that YAML reads as two halves: none are used."""
    cohort = "größe \N{PARTY POPPER}"
    (tmp_path / "route.json").write_text(json.dumps(routes(**{cohort: route("awq-int4")})))
    target = tmp_path / "litellm.yaml"

    called(monkeypatch, tmp_path / "route.json", EXAMPLE / "servers.json", target)

    config = yaml.safe_load(target.read_text("utf-8"))
    assert serving(config, f"cohort:{cohort}") == ["openai/assist-8b-awq"]
    assert sorted(os.listdir(tmp_path)) == ["litellm.yaml", "route.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "quantguard-routes", "version": 1}'])
def test_a_broken_file_is_one_sentence_and_leaves_the_old_configuration(
    tmp_path, monkeypatch, text
) -> None:
    """No traceback, and an exit code that a script notices."""
    (tmp_path / "route.json").write_text(text)
    target = tmp_path / "litellm.yaml"
    target.write_text("old")

    with pytest.raises(SystemExit) as ended:
        called(monkeypatch, tmp_path / "route.json", EXAMPLE / "servers.json", target)
    assert "litellm_config.py: nothing is written: " in str(ended.value)
    assert target.read_text() == "old"
    with pytest.raises(SystemExit, match=r"python litellm_config\.py"):
        called(monkeypatch)


# --- without LiteLLM ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def router() -> Any:
    """The class of the plain router."""
    return runpy.run_path(str(EXAMPLE / "plain_router.py"))["Routes"]


def replaced(path: Path, text: str) -> None:
    """Write as the gate does: the new file takes the old one's place."""
    draft = path.with_name("draft")
    draft.write_text(text)
    os.replace(draft, path)


def test_the_plain_router_follows_the_file_as_it_changes(router, tmp_path):
    """Without a restart; cohorts that are not listed are the baseline's."""
    path = tmp_path / "route.json"
    found = router(path, "f16")
    assert found.variant("faq") == ("f16", [])

    replaced(path, json.dumps(FOUND))
    assert found.variant("faq") == ("awq-int4", [])
    assert found.variant("regulated") == ("f16", ["awq-int4"])
    assert found.variant("unheard-of") == ("f16", [])

    replaced(path, json.dumps(routes(faq=route("f16"))))
    assert found.variant("faq") == ("f16", [])
    replaced(path, json.dumps(FOUND))
    assert found.variant("faq")[0] == "awq-int4"
    path.unlink()
    assert found.variant("faq") == ("f16", [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "[" * 100_000,
        json.dumps({**FOUND, "version": 2}),
        json.dumps({**FOUND, "baseline": "other"}),
        json.dumps({**FOUND, "routes": ["faq"]}),
        json.dumps({**FOUND, "routes": {"faq": "awq-int4"}}),
        json.dumps({**FOUND, "made": {"started": "today"}}),
        json.dumps({**FOUND, "made": {"started": time.time() - 31 * 86400}}),
        json.dumps({**FOUND, "made": {}}),
    ],
    ids=range(11),
)
def test_whatever_is_wrong_with_the_file_the_baseline_serves(router, tmp_path, text):
    """Each time it is asked, not only at first."""
    path = tmp_path / "route.json"
    replaced(path, json.dumps(FOUND))
    found = router(path, "f16")
    assert found.variant("faq")[0] == "awq-int4"

    replaced(path, text)

    for _ in range(2):
        assert found.variant("faq") == ("f16", [])
