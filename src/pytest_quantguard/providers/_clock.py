"""What time a server thinks it is."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime

import httpx

from pytest_quantguard.providers._dialects import dialect_of
from pytest_quantguard.providers._http import Deadline, Reach, below
from pytest_quantguard.variants import Variant

_ASK_S = 5.0


def ahead_s(variant: Variant, url: str) -> float | None:
    """Return by how many seconds a server's clock is ahead of ours; None where it does not tell.

    It is told to the second, and the answer takes its time: less than a few seconds mean nothing.

    Raises:
        LaunchError: the server's address, key or certificates cannot be used.
        ValueError: the dialect is not known.
    """
    reach = Reach.of(replace(variant, base_url=url), dialect_of(variant.dialect))
    deadline = Deadline(_ASK_S)
    extensions = {"timeout": deadline, "trace": deadline.trace}
    with suppress(httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, OverflowError):
        page = below(reach.url, "models")
        with (
            reach.client() as client,
            client.stream("GET", page, extensions=extensions) as answer,
        ):
            told = parsedate_to_datetime(answer.headers.get("date", ""))
            return told.timestamp() - time.time()
    return None
