"""What the hand-written suites share: how one answer is fetched."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

URL = os.environ.get("BENCH_URL", "")
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "32"))
_here = threading.local()


def cases() -> list[dict[str, str]]:
    """Return the cases, which `job.write` has left in the working directory."""
    found: list[dict[str, str]] = json.loads(Path("cases.json").read_text(encoding="utf-8"))
    return found


def ask(model: str, prompt: str) -> str:
    """Return one answer, over a connection that the thread keeps."""
    client: httpx.Client | None = getattr(_here, "client", None)
    if client is None:
        client = _here.client = httpx.Client(timeout=60)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "max_tokens": 64,
    }
    found: Any = client.post(f"{URL}/chat/completions", json=body).raise_for_status().json()
    return str(found["choices"][0]["message"]["content"])


def ask_all() -> dict[tuple[str, str], Future[str]]:
    """Ask both models everything, many at once; return the answers to come."""
    pool = ThreadPoolExecutor(CONCURRENCY)
    return {
        (case["id"], model): pool.submit(ask, model, case["prompt"])
        for case in cases()
        for model in ("base", "cand")
    }
