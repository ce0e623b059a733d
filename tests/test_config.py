"""The configuration."""

from __future__ import annotations

import pytest

from pytest_quantguard import _config, _config_file
from pytest_quantguard.errors import ConfigError

GOOD = """\
baseline: bf16
variants:
  bf16: {provider: openai, model: m, base_url: "http://localhost:1/v1"}
  awq-int4:
    provider: openai
    model: m-awq
    base_url: {$env: AWQ_URL}
    quantization: {method: awq, weight_bits: 4}
budgets:
  - {max_drop: 2 pt}
  - {cohort: "*", max_drop: 5}
"""


def load(tmp_path, text, candidates=("awq-int4",), **options):
    (tmp_path / "quantguard.yaml").write_text(text)
    path = _config_file.find(tmp_path, None)
    return _config.load(path, tmp_path, candidates=candidates, **options)


def problems(tmp_path, text, **options):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **options)
    return "\n".join(caught.value.problems)


@pytest.fixture(autouse=True)
def awq_url(monkeypatch):
    monkeypatch.setenv("AWQ_URL", "http://localhost:2/v1")


def test_a_good_configuration_is_read(tmp_path):
    """Points become shares, environment variables are read where declared."""
    config = load(tmp_path, GOOD)

    assert ["bf16", "awq-int4"] == list(config.variants)
    assert "http://localhost:2/v1" == config.candidates[0].base_url
    assert [(None, 0.02), ("*", 0.05)] == [(b.cohort, b.max_drop) for b in config.budgets]
    assert "quantguard.yaml:10" == str(config.budgets[0].source)


def test_pyproject_is_read_too(tmp_path):
    """[tool.quantguard] holds the same keys."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.quantguard]\nbaseline = "a"\nbudgets = [{max_drop = 2}]\n'
        '[tool.quantguard.variants.a]\nprovider = "openai"\nmodel = "m"\n'
        '[tool.quantguard.variants.b]\nprovider = "openai"\nmodel = "n"\n'
    )
    path = _config_file.find(tmp_path, None)

    assert "b" == _config.load(path, tmp_path, candidates=["b"]).candidates[0].name


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (("", ""), {"candidates": ["awq-int5"]}, "unknown candidate 'awq-int5'; did you mean 'awq"),
        (("", ""), {"candidates": ["bf16"]}, "quantguard.yaml:3: 'bf16' is both baseline and cand"),
        (("", ""), {"baseline": "bf17"}, "unknown baseline 'bf17'; did you mean 'bf16'?"),
        (("baseline: bf16\n", ""), {}, "no baseline: name one with 'baseline:' or --quant-base"),
        (("budgets", "budget"), {}, "did you mean 'budgets'?"),
        (("2 pt", "-2 pt"), {}, "quantguard.yaml:10: '-2 pt' is no number of percentage points"),
        (("2 pt", ".nan"), {}, "is no number of percentage points"),
        (("2 pt", "2 px"), {}, "is no number of percentage points"),
        (("2 pt", "101"), {}, "is no number of percentage points"),
        (("2 pt", "0"), {}, "quantguard.yaml:10: a budget of 0 can never be shown to hold"),
        (("AWQ_URL", "NOT_SET"), {}, "quantguard.yaml:7: the environment variable NOT_SET is not"),
        (("http://localhost:1", "localhost:1"), {}, "must start with http:// or https://"),
        (("http://localhost:1", "http://u:p@h"), {}, "carries a user name or password"),
        (("weight_bits", "bits"), {}, "quantguard.yaml:8: unknown key 'bits' in"),
        (("model: m-awq", "modle: m"), {}, "did you mean 'model'?"),
        (("  bf16:", '  "bf16\\n":'), {}, 'variants is "bf16\\n"; names of variants have letters'),
        (("budgets:\n", 'budgets: "auto\\n"\nx:\n'), {}, 'budgets is "auto\\n"; write at least'),
    ],
)
def test_a_mistake_is_named_with_its_line_and_a_way_out(tmp_path, change, options, message):
    """What is wrong, what was given, where, and what is allowed."""
    found = problems(tmp_path, GOOD.replace(*change, 1) if change[0] else GOOD, **options)

    assert message in found


def test_a_password_in_an_address_is_not_repeated(tmp_path):
    """The message says what to do, without showing the secret."""
    text = GOOD.replace("http://localhost:1", "http://user:hunter2@h")

    assert "hunter2" not in problems(tmp_path, text)


def test_the_address_of_a_proxy_with_a_password_stands_in_no_file(tmp_path):
    """It comes from the environment, and is shown nowhere."""
    base = 'base_url: "http://localhost:1/v1"'
    found = problems(tmp_path, GOOD.replace(base, base + ', proxy: "http://me:hunter3@p:1"'))

    assert "quantguard.yaml:3: the proxy's address carries a password" in found
    assert "write {$env: NAME}" in found
    assert "hunter3" not in found


def test_a_key_has_one_source(tmp_path):
    """A variable or a command, not both."""
    both = "api_key_env: K, api_key_command: [vault, read]}"
    found = problems(tmp_path, GOOD.replace('localhost:1/v1"}', f'localhost:1/v1", {both}'))

    assert "quantguard.yaml:3: both api_key_env and api_key_command are given; keep one" in found


@pytest.mark.parametrize("key", ["sk-hunter44", "0123456789abcdef0123456789abcdef"])
def test_a_key_in_place_of_its_variable_is_not_repeated(tmp_path, key):
    """Whoever writes the key where its name belongs is told so, without showing it."""
    found = problems(tmp_path, GOOD.replace('/v1"}', f'/v1", api_key_env: {key}}}', 1))

    assert "quantguard.yaml:3: api_key_env takes the name of an environment variable" in found
    assert key not in found


def test_no_configuration_at_all_says_where_it_was_looked_for(tmp_path):
    """A candidate without configuration is an error, not a run without budgets."""
    with pytest.raises(ConfigError, match=r"neither quantguard\.yaml nor \[tool\.quantguard\]"):
        _config_file.find(tmp_path, None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("dialect: vllm", "'vllm' cannot be the dialect of the provider llamacpp"),
        ("launch: {command: [serve]}", "the provider llamacpp starts its server itself"),
    ],
    ids=["dialect", "command"],
)
def test_what_llamacpp_would_pass_over_is_refused(tmp_path, more, said):
    """It starts its own server, of a kind that is known."""
    text = (
        "baseline: a\nvariants:\n  a: {provider: llamacpp, model: 'embedded:f16'}\n"
        f"  b:\n    provider: llamacpp\n    model: embedded:q8_0\n    {more}\n"
        "budgets: [{max_drop: 5 pt}]\n"
    )
    path = tmp_path / "quantguard.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=f"quantguard.yaml:7: {said}"):
        _config.load(path, tmp_path, candidates=["b"])


def test_reasons_stand_beside_what_they_are_for(tmp_path):
    """A budget, a variant and the policies may say why they are what they are."""
    config = load(
        tmp_path,
        'baseline: a\nvariants:\n  a: {provider: openai, model: m, base_url: "http://a/v1", '
        'reason: safe}\n  b: {provider: openai, model: n, base_url: "http://b/v1"}\n'
        "budgets:\n  - {max_drop: 5 pt, reason: the judge is noisy}\n  - {cohort: x, max_drop: 9}\n"
        "policies: {inconclusive: warn, reason: a quiet week}\n",
        candidates=["b"],
    )

    assert ("safe", "") == (config.baseline.reason, config.candidates[0].reason)
    assert ["the judge is noisy", ""] == [budget.reason for budget in config.budgets]
    assert ("a quiet week", "warn") == (config.policies["reason"], config.policies["inconclusive"])
    assert "reason" not in config.baseline.identity()


@pytest.mark.parametrize("reason", ['""', '"  "', "3", f'"{"x" * 501}"', "[a]"])
def test_a_reason_is_a_sentence(tmp_path, reason):
    """Nothing, blanks and essays are none."""
    text = GOOD.replace("{max_drop: 2 pt}", f"{{max_drop: 2 pt, reason: {reason}}}")

    assert "quantguard.yaml:10: " in problems(tmp_path, text)


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("", ".quantguard/history.sqlite"),
        ("history: true\n", ".quantguard/history.sqlite"),
        ("history: kept/runs.sqlite\n", "kept/runs.sqlite"),
        ("history: false\n", None),
    ],
)
def test_the_history_is_beside_the_configuration(tmp_path, written, where):
    """Unless another file is named, or none is wanted."""
    config = load(tmp_path, GOOD + written)

    assert (where and tmp_path / where) == config.history
    assert config.history == _config.history_of(tmp_path / "quantguard.yaml", tmp_path)
