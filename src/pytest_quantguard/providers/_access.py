"""The values by which a server is reached: looked up here, and known as secrets from then on."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.errors import LaunchError
from pytest_quantguard.variants import Variant

COMMAND_S = 30.0
"""Longest time that a command may take to tell a key, in seconds."""
_SHORTEST = 8
"""Characters of a secret: "none" or "x" in place of a key would blot out the text."""
_LONGEST = 2**16
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_OURS = frozenset(
    {
        *("accept-encoding", "connection", "content-encoding", "content-length", "content-type"),
        *("expect", "te", "transfer-encoding", "upgrade"),
    }
)
_VALUE = re.compile(r"[\t -~]*")


# --- what a key is ----------------------------------------------------------------------

_told: dict[tuple[str, ...], str | LaunchError] = {}
_telling = threading.Lock()


def key_of(variant: Variant) -> str:
    """Return the API key from the environment or from the command; empty when there is neither.

    A command is run once per process, whoever asks for it, and however it ended.

    Raises:
        LaunchError: the variable is not set, or the command failed.
    """
    who = f"variant {variant.name!r}"
    if command := variant.access.api_key_command:
        with _telling:
            if command not in _told:
                _told[command] = _run(command, secrets_of((variant,)))
            told = _told[command]
        if isinstance(told, LaunchError):
            raise LaunchError(f"{who}: {told}") from None
        return told
    if not variant.api_key_env:
        return ""
    key = _usable(os.environ.get(variant.api_key_env, ""))
    if not key:
        raise LaunchError(
            f"{who}: the environment variable {variant.api_key_env} is not set, is empty, or holds "
            "no usable key; put the API key there"
        )
    return key


def _usable(text: str) -> str:
    key = text.strip()  # a secret read from a file often ends with a newline
    fine = key.isascii() and key.isprintable() and " " not in key and len(key) <= _LONGEST
    return key if fine else ""


def _run(command: tuple[str, ...], secrets: tuple[str, ...]) -> str | LaunchError:
    """Return what a command prints, or why there is nothing."""
    program = f"the program {one_line(command[0], 100)!r} of api_key_command"
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, and no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_S, check=False
        )
    except subprocess.TimeoutExpired:
        return LaunchError(f"{program} did not end within {COMMAND_S:g} s")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return LaunchError(f"{program} cannot be run: {reason}")
    key = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        said = one_line(scrub(last, (*secrets, *_long((key.strip(),)))), 200)
        return LaunchError(
            f"{program} ended with exit code {done.returncode}{f': {said}' if said else ''}"
        )
    return _usable(key) or LaunchError(f"{program} printed no usable key: one word, ASCII")


# --- headers and proxy ------------------------------------------------------------------


def check(variant: Variant, key_header: str) -> None:
    """Refuse headers that would break the exchange, or contradict each other.

    Raises:
        ValueError: with the header and the reason.
    """
    access = variant.access
    has_key = bool(variant.api_key_env or access.api_key_command)
    if variant.api_key_env and access.api_key_command:
        raise ValueError("both api_key_env and api_key_command are given; keep one")
    seen: set[str] = set()
    for name in access.headers:
        low = name.lower()
        if low in _OURS:
            raise ValueError(f"the header {name} is set by the gate itself")
        if low in seen:
            raise ValueError(f"the header {name} is given twice")
        if has_key and low == key_header.lower():
            raise ValueError(f"the header {name} is what the API key is sent in; give one of them")
        seen.add(low)


def headers_of(variant: Variant) -> dict[str, str]:
    """Return the headers of the configuration with their values looked up.

    Raises:
        LaunchError: a variable is not set, or its value cannot be a header's.
    """
    found = {}
    for name, given in variant.access.headers.items():
        value = _value(variant, given, f"the header {name}")
        if not _VALUE.fullmatch(value):
            raise LaunchError(
                f"variant {variant.name!r}: the value of the header {name} has characters that "
                "no header can have; printable ASCII can be sent"
            )
        found[name] = value
    return found


def proxy_of(variant: Variant) -> str | None:
    """Return the address of the proxy; None = what the environment says.

    Raises:
        LaunchError: a variable is not set, or holds no address.
    """
    given = variant.access.proxy
    if given is None:
        return None
    url = _value(variant, given, "the proxy")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise LaunchError(
            f"variant {variant.name!r}: the proxy must be an address such as "
            "http://proxy.example:3128"
        )
    return url


def _value(variant: Variant, given: Any, what: str) -> str:
    if not isinstance(given, Mapping):
        return str(given)
    value = os.environ.get(given["$env"], "").strip()
    if not value:
        raise LaunchError(
            f"variant {variant.name!r}: the environment variable {given['$env']}, which {what} is "
            "read from, is not set, or empty"
        )
    return value


# --- what must never be told ------------------------------------------------------------


def secrets_of(variants: Iterable[Variant]) -> tuple[str, ...]:
    """Return every value from the environment or from a command by which servers are reached.

    Also the passwords of the proxies that the environment names. Values of fewer than 8 characters
    are words, not secrets. Costs a few look-ups; no command is run for it.
    """
    found: list[str] = []
    for variant in variants:
        access = variant.access
        values = [*access.headers.values(), access.proxy]
        if variant.launch is not None:
            values += variant.launch.env.values()
        named = [value["$env"] for value in values if isinstance(value, Mapping)]
        for name in [*named, variant.api_key_env]:
            if name and (value := os.environ.get(name, "").strip()):
                found += _parts(value)
        told = _told.get(access.api_key_command)
        if isinstance(told, str):
            found.append(told)
    for name in _PROXIES:
        for address in (os.environ.get(name), os.environ.get(name.lower())):
            if address and "@" in address:
                found += _passwords(address)
    return tuple(dict.fromkeys(_long(found)))


def _long(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if len(text) >= _SHORTEST)


def _parts(value: str) -> list[str]:
    """Return a value and what of it is a secret by itself: ``Bearer sk-...``, ``http://me:pw@...``."""
    words = value.split()
    return [value, *(words if len(words) > 1 else ()), *_passwords(value)]


def _passwords(address: str) -> list[str]:
    with_user, at, _ = address.rpartition("@")
    password = with_user.rpartition("://")[2].partition(":")[2] if at else ""
    return [password, unquote(password)] if password else []
