"""Numbers with their nouns, for every sentence that counts."""

from __future__ import annotations


def counted(number: int, noun: str, many: str = "") -> str:
    """Return ``1 case`` or ``1651 cases``.

    ``many`` is for a plural that takes more than an s: ``counted(2, "case is", "cases are")``.
    """
    return f"{number} {noun if number == 1 else many or f'{noun}s'}"
