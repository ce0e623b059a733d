"""The block `canary:`: which variant is judged, which rules take what, which mistakes are told."""

from __future__ import annotations

import pytest
from recorded_pairs import TOOL, asked, call, pair, said

from pytest_quantguard.canary.cohorts import cohort_of
from pytest_quantguard.errors import ConfigError

ALL = [
    ({"route": "/refunds*"}, {"route": "/refunds/now"}, {"route": "/faq"}),
    ({"route": ["/a", "/b?"]}, {"route": "/b1"}, {"route": "/B1"}),
    ({"tag": "vip"}, {"tags": ["x", "vip"]}, {"tags": ["vip-2"]}),
    ({"labels": {"beta": "true"}}, {"labels": {"beta": True}}, {"labels": {}}),
    ({"labels": {"n": "3"}}, {"labels": {"n": 3}}, {"labels": {"n": None}}),
    ({"tools": "offered"}, {"request": asked(tools=[TOOL])}, {}),
    ({"tools": "refund_order"}, {"request": asked(tools=[TOOL])}, {}),
    ({"tools": "none"}, {}, {"request": asked(tools=[TOOL])}),
    (
        {"tools": "used"},
        {"request": asked(tools=[TOOL]), "candidate": {"tool_calls": [call()]}},
        {"request": asked(tools=[TOOL])},
    ),
    (
        {"response_format": "any"},
        {"request": asked(response_format={"type": "json_object"})},
        {"request": asked(response_format={"type": "text"})},
    ),
    (
        {"response_format": "json_schema"},
        {"request": asked(response_format={"type": "json_schema"})},
        {"request": asked(response_format={"type": "json_object"})},
    ),
    ({"prompt_chars": {"min": 50}}, {"request": asked("x" * 50)}, {"request": asked("x" * 49)}),
    ({"prompt_tokens": {"max": 9}}, {"baseline": said(usage={"prompt_tokens": 9})}, {}),
    (
        {"params": {"temperature": {"min": 0.5}}},
        {"request": asked(temperature=0.5)},
        {"request": asked(temperature=0)},
    ),
    (
        {"params": {"seed": [1, 2]}},
        {"request": asked(seed=2)},
        {"request": asked(seed=3)},
    ),
    (
        {"language": ["de", "fr"]},
        {"request": asked("Wo ist meine Bestellung, und wann kommt sie endlich an?")},
        {"request": asked("Where is my order, and when will it arrive at last?")},
    ),
    (
        {"tag": "vip", "route": "/x"},
        {"tags": ["vip"], "route": "/x"},
        {"tags": ["vip"], "route": "/y"},
    ),
]


@pytest.mark.parametrize(("rule", "inside", "outside"), ALL, ids=[str(r) for r, _, _ in ALL])
def test_a_rule(canary, rule, inside, outside):
    """Each condition takes what it says and nothing else; all of a rule have to hold."""
    canary.configure(cohorts=[{"cohort": "here", **rule}])
    odd = {"candidate": said(model="help-desk-awq", usage={}), **outside}
    if "prompt_tokens" in rule:
        odd["baseline"] = said(usage={})
        inside = {**inside, "candidate": said(usage={})}
    reader = canary.reader(canary.write("m.jsonl", pair(1, **inside), pair(2, **odd)))
    found = [cohort_of(one, canary.config().rules) for one in reader.pairs()]

    assert ["here", "other"] == found
    assert [] == reader.lost.sentences()


def test_the_first_rule_wins(canary):
    """Rules are ordered, and the last may take what is left; without rules all is one cohort."""
    canary.configure(cohorts=[{"cohort": "a", "route": "/*"}, {"cohort": "b", "route": "/b"}])
    (one,) = canary.reader(canary.write("m.jsonl", pair(route="/b"))).pairs()
    assert "a" == cohort_of(one, canary.config().rules)

    canary.configure(cohorts=[{"cohort": "a", "route": "/a"}, {"cohort": "rest"}])
    assert "rest" == cohort_of(one, canary.config().rules)
    canary.configure()
    assert "traffic" == cohort_of(one, canary.config().rules)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ({"cohort": []}, "did you mean 'cohorts'?"),
        ({"cohorts": [{"cohort": "a", "rout": "/x"}]}, "did you mean 'route'?"),
        ({"cohorts": [{"cohort": "a b"}]}, "names of cohorts have letters"),
        ({"cohorts": [{"cohort": "a"}, {"cohort": "b"}]}, "'a' has no condition and takes all"),
        ({"cohorts": [{"cohort": "a", "language": "xx"}]}, "language: "),
        ({"cohorts": [{"cohort": "a", "prompt_chars": {"min": 5, "max": 1}}]}, "is empty"),
        ({"cohorts": [{"cohort": "a", "params": {"seed": {"least": 1}}}]}, "params.seed: write"),
        ({"expect": [{"regexp": "x"}]}, "did you mean 'regex'?"),
        ({"expect": [{"length": {"max_token": 5}}]}, "unknown parameter 'max_token'"),
        ({"expect": [{"judge": "is it good?"}]}, "needs more than recorded answers"),
        ({"expect": ["json", "json"]}, "stands twice"),
        ({"checks": ["jsn"]}, "canary.checks is"),
        ({"names": {"awq-int": "x"}}, "unknown variant 'awq-int'; did you mean 'awq-int4'?"),
        ({"candidate": "awq-int"}, "'awq-int' is no variant; did you mean 'awq-int4'?"),
        ({"candidate": "bf16"}, "'bf16' is the baseline"),
        ({"join": "hash"}, "request, trace, or label:NAME"),
        ({"window": 0}, "how many answers wait"),
    ],
)
def test_mistakes(canary, block, why):
    """Each has its place in the file and says what to write."""
    canary.configure(**block)
    with pytest.raises(ConfigError) as error:
        canary.config()

    assert why in str(error.value)
    assert str(error.value).startswith("quantguard.yaml:")


def test_the_candidate(canary):
    """The only other variant, or what the command line or the block names, by any of its names."""
    assert "awq-int4" == canary.config().candidate
    assert "awq-int4" == canary.config(candidates=["help-desk-awq"]).candidate
    assert "bf16" == canary.config(candidates=["bf16"], baseline="awq-int4").candidate
    with pytest.raises(ConfigError, match="one candidate"):
        canary.config(candidates=["awq-int4", "bf16"])


def test_what_a_log_calls_the_arms(canary):
    """Name and model of the variant, or what the block says; what both share tells nothing."""
    found = canary.config().names
    assert {"bf16", "help-desk-bf16"} == found["baseline"]
    canary.configure(names={"awq-int4": ["shared", "arm=x"], "bf16": ["shared", "arm=y"]})
    found = canary.config()
    assert ({"arm=y"}, {"arm=x"}) == (found.names["baseline"], found.names["candidate"])
    assert {"arm"} == found.labels
