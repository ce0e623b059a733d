"""What to do about an endpoint that cannot be asked: a command, or a line of YAML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_quantguard.errors import (
    LaunchError,
    ProviderError,
    RefusedError,
    TransportError,
    did_you_mean,
)
from pytest_quantguard.variants import ServedAs, Variant

_UNSET = re.compile(r"environment variable (\w+)")
_SIGNS: tuple[tuple[str, str], ...] = (
    # What an error says, in small letters, and what to do.
    (
        r"certificate_verify_failed|certificate verify failed",
        "its certificate is not trusted here: 'ca_file: path/of/the/authority.pem' in the variant, "
        "if it is your own authority",
    ),
    (
        r"wrong_version_number|record_layer|http request was sent to https|unknown_protocol",
        "one side speaks TLS and the other does not: http:// in place of https:// in base_url, or "
        "the other way round",
    ),
    (
        r"name or service not known|nodename nor servname|getaddrinfo|name resolution"
        r"|no address associated",
        "the host in base_url is not known here: is it spelt right, and is the VPN on?",
    ),
    (
        r"connection refused|actively refused|all connection attempts failed",
        "no program listens there: start the server, or mend the port in base_url; 'launch:' lets "
        "the gate start it (docs/launching.md)",
    ),
    (r"proxy", "look at 'proxy' in the variant, and at HTTP_PROXY, HTTPS_PROXY and NO_PROXY"),
    (
        r"content type|an html page|cannot be used",
        "base_url is most likely another page of that host: it ends in /v1 with most servers",
    ),
)


def remedy(error: ProviderError, variant: Variant, served: ServedAs | None = None) -> str:
    """Return what to do about an error of this variant; ``served``: what its server lists."""
    if isinstance(error, RefusedError):
        return _refused(error, variant, served.models if served is not None else ())
    text = str(error).lower()
    if isinstance(error, TransportError) and error.timed_out:
        if not error.connected:
            return "nothing answers at this address: a firewall, a proxy, or a host that is down?"
        return (
            f"'timeout_s: {variant.timeout_s * 4:g}' in the variant, if the server is slow; else "
            "look at its log"
        )
    if isinstance(error, LaunchError):
        return _launch(error, variant)
    for sign, fix in _SIGNS:
        if re.search(sign, text):
            return fix
    if "http 429" in text:
        return "'concurrency: 1' in the variant asks one at a time; or wait, or raise your quota"
    if re.search(r"http 5\d\d", text):
        return "the server is in trouble: look at its log, or try again in a minute"
    return "look at the server's log; a proxy in between may end exchanges, too"


def _launch(error: LaunchError, variant: Variant) -> str:
    if unset := _UNSET.search(str(error)):
        return f"export {unset[1]}=...   (in CI: a secret that the step's env: names)"
    if "pytest-quantguard[llamacpp]" in str(error):
        return 'pip install "pytest-quantguard[llamacpp]"'
    if "api_key_command" in str(error):
        return f"run {variant.access.api_key_command[0]!r:.60} by hand: it has to print the key"
    if variant.launch is not None and variant.launch.command:
        return "run the command of 'launch' by hand; what it printed is in its log"
    return "mend what the sentence names in the configuration"


def _refused(error: RefusedError, variant: Variant, models: Sequence[str]) -> str:
    if error.status in (401, 403):
        if variant.api_key_env:
            return f"put a key that is valid there into {variant.api_key_env}"
        if variant.access.api_key_command:
            return "the command api_key_command has to print a key that is valid there"
        return "'api_key_env: NAME' in the variant, and the key in the variable NAME"
    if error.status == 402:
        return "the account has no credit left, or its quota is used up"
    if error.status == 404:
        if models and variant.model not in models:
            return f"'model:' in the variant; {did_you_mean(variant.model, models)}"
        return "base_url ends in /v1 with most servers; and is 'model' spelt as the server does?"
    if 300 <= error.status < 400:
        return "put the final address into base_url: a key is not sent on to another one"
    if error.status == 501:
        return "this server does not have it"
    return "take out of 'request' (configuration or golden file) what the server names"
