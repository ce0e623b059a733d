"""``quantguard audit --gguf`` on the real llama.cpp server: quality, size and memory per level."""

from __future__ import annotations

import json

from pytest_quantguard import cli
from pytest_quantguard.embedded import gguf_path


def test_a_users_own_gguf_files_are_ranked(helpdesk, model_folder, monkeypatch):
    """Two files of one model: which one loses cases, how large they are, how fast each is."""
    files = [str(gguf_path(scheme, model_folder)) for scheme in ("f16", "rtn3", "q8_0")]
    monkeypatch.chdir(helpdesk.folder)
    cases = "faq-000 or faq-001"

    given = ["--golden", "golden/faq.quant.yaml", "-k", cases, "--json=audit.json"]

    code = cli.main(["audit", "--gguf", *files, *given, "-p", "no:asyncio", "-p", "no:anyio"])

    document = json.loads((helpdesk.folder / "audit.json").read_text())
    found = {one["name"].split("-")[2]: one for one in document["endpoints"]}
    assert 1 == code == document["exit_code"]
    assert (19, 3) == (document["cases"], len(found))
    assert found["f16"]["verdict"] is None
    assert (1, 3) == (found["f16"]["rank"], found["rtn3"]["rank"])
    assert (2, 3) == (found["q8_0"]["rank_worst"], found["rtn3"]["rank_worst"])
    assert "fail" == found["rtn3"]["verdict"]
    assert found["q8_0"]["file_bytes"] < 0.6 * found["f16"]["file_bytes"]
    assert found["q8_0"]["memory_bytes"] < 0.6 * found["f16"]["memory_bytes"]
    assert all(one["measures"]["tokens_per_second"]["value"] > 0 for one in found.values())
    assert "Q8_0" in found["q8_0"]["quantization"]["server"]
