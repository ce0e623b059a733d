"""What to say when an exchange failed: who, what, and what to do; without our secrets."""

from __future__ import annotations

import time
from contextlib import suppress
from urllib.parse import unquote

import httpx

from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.errors import NO_CONNECTION, ProviderError, RefusedError, TransportError
from pytest_quantguard.providers import _refusals, _wire
from pytest_quantguard.providers._http import CONNECT_S, Deadline, Reach, body_of, shown
from pytest_quantguard.variants import Variant

_RETRIED_STATUSES = (408, 409, 425, 429)


class Complaints:
    """Makes errors of what went wrong with one variant."""

    def __init__(self, variant: Variant, reach: Reach) -> None:
        self.who = f"variant {variant.name!r} at {shown(reach.url)}"
        self._variant = variant
        self._secrets = reach.secrets

    def said(self, text: str, limit: int = 300) -> str:
        """Return what a server said, fit to be shown."""
        return one_line(scrub(text, self._secrets), limit)

    def too_late(self, connecting: bool) -> TransportError:
        """Return the error of an exchange that took too long."""
        seconds = self._variant.timeout_s
        if connecting:
            seconds = min(seconds, CONNECT_S)
            what = f"{NO_CONNECTION} within {seconds:g} s"
        else:
            what = f"no complete answer within {seconds:g} s (timeout_s)"
        message = f"{self.who}: {what}"
        return TransportError(message, connected=not connecting, timed_out=True)

    def broken(self, error: Exception, closed: bool) -> TransportError:
        """Return the error of an exchange that broke off; ``closed``: by ourselves."""
        if closed:
            return TransportError(f"{self.who}: the exchange was cut short")
        text = self.said(str(error) or type(error).__name__)
        if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
            return TransportError(f"{self.who}: {NO_CONNECTION}: {text}", connected=False)
        return TransportError(f"{self.who}: the exchange broke off: {text}")

    def unusable(self, error: _wire.MalformedError | _wire.ReportedError) -> ProviderError:
        """Return the error of an answer that came, and is none."""
        if isinstance(error, _wire.MalformedError):
            text = self.said(str(error), 120)
            return TransportError(f"{self.who}: the answer cannot be used: {text}")
        return self._error(error.status, self.said(str(error)), None)

    def refusal(self, response: httpx.Response, deadline: Deadline) -> ProviderError:
        """Return the error of a status other than success."""
        if response.is_redirect:
            return RefusedError(
                f"{self.who}: redirected to {self._target(response)}; redirects "
                "are not followed, put the final address into base_url",
                status=response.status_code,
            )
        body = bytearray()
        with suppress(_wire.MalformedError, httpx.HTTPError):  # half an explanation will do
            for chunk in body_of(response, deadline):
                body += chunk
                if len(body) > 2**16:
                    break
        text = self.said(_refusals.error_text(bytes(body)))
        wait = _refusals.retry_after_s(response.headers, time.time())
        meant = 402 if _refusals.is_unpaid(bytes(body)) else response.status_code
        return self._error(meant, text, wait, told=response.status_code)

    def _error(
        self, status: int, text: str, wait_s: float | None, told: int | None = None
    ) -> ProviderError:
        message = f"{self.who}: HTTP {told or status}: {text}"
        if status >= 500 or status in _RETRIED_STATUSES:
            asked = "" if wait_s is None else f" (asks to wait {wait_s:.0f} s)"
            if wait_s is None and status == 429:
                wait_s = 0.0  # it asks to be left in peace, and does not say for how long
            return TransportError(message + asked, retry_after_s=wait_s)
        if status in (401, 402, 403):
            message += f"; {self._key_source()}"
        elif status == 404:
            message += f"; check base_url and the model name {self._variant.model!r}"
        return RefusedError(message, status=status)

    def _key_source(self) -> str:
        if env := self._variant.api_key_env:
            return f"the key came from {env}"
        if self._variant.access.api_key_command:
            return "the key came from api_key_command"
        return "no api_key_env is configured"

    def _target(self, response: httpx.Response) -> str:
        location = response.headers.get("location", "")
        # An address has other capitals and escapes than what it is made of.
        if any(scrub(text, self._secrets) != text for text in (location, unquote(location))):
            return "an address that holds the key"
        try:
            return self.said(shown(response.url.join(location)))
        except httpx.InvalidURL:
            return "no valid address"
