"""How often a check may break before it is not asked for a while.

One that runs out of time takes seconds each time, and a log may make it do so a million times.
"""

from __future__ import annotations

from collections import Counter

_OF_ONE = 3
"""Breaks of one check with one schema that are borne in any case."""
_OF_ALL = 30
"""Breaks of one check, whatever its schemas."""
_SHARE = 1000
"""Beyond that one break in so many uses."""
_SCHEMAS = 1000
"""Different schemas that are counted; what breaks beyond is counted with its check alone."""


class Patience:
    """Counts breaks and uses; costs nothing while nothing breaks."""

    def __init__(self) -> None:
        self._broke: Counter[str] = Counter()
        self._used: Counter[str] = Counter()

    def broke(self, check: str, schema: str) -> None:
        """Note that a check raised instead of judging."""
        self._broke[check] += 1
        name = f"{check} {schema}"
        if name in self._broke or len(self._broke) < _SCHEMAS:
            self._broke[name] += 1

    def over(self, check: str, schema: str) -> bool:
        """Tell whether a check is left alone this time, which is an error of it unasked."""
        if not self._broke[check]:
            return False
        name = f"{check} {schema}"
        self._used[check] += 1
        if name in self._broke:
            self._used[name] += 1
        return self._spent(name, _OF_ONE) or self._spent(check, _OF_ALL)

    def _spent(self, name: str, borne: int) -> bool:
        return self._broke[name] >= borne + self._used[name] // _SHARE
