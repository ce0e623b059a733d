"""Variants that exist only as answers of a batch job (``--quant-answers``)."""

from __future__ import annotations

from typing import NoReturn

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import LaunchError
from pytest_quantguard.types import Json
from pytest_quantguard.variants import ServedAs, Variant


class RecordedProvider:
    """A model that no server serves: `quantguard export` writes its requests, a batch answers them.

    ``model`` is what the batch calls it. ``options.extra_body`` is merged into every request.

    Raises:
        ValueError: a ``base_url``, or an option that is not known.
    """

    def __init__(self, variant: Variant) -> None:
        if variant.base_url is not None:
            raise ValueError("a recorded variant has no base_url; provider: openai has")
        from pytest_quantguard.providers.openai import check_options

        check_options(variant, ("extra_body",))
        self._variant = variant

    def start(self) -> NoReturn:
        """Refuse: there is nothing to start.

        Raises:
            LaunchError: always, with what to do.
        """
        raise LaunchError(
            f"variant {self._variant.name!r}: not all of its answers are cached, and it has no "
            "server; 'quantguard export' writes its requests, --quant-answers=FILE reads a batch "
            "job's answers"
        )

    def identity(self) -> Json:
        """Return the variant's own identity."""
        return self._variant.identity()

    def connect(self) -> Connection:
        """Refuse to connect.

        Raises:
            LaunchError: always.
        """
        self.start()

    def served_as(self) -> ServedAs:
        """Return that nothing is known."""
        return ServedAs()

    def stop(self) -> None:
        """Do nothing."""
