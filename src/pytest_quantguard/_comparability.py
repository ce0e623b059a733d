"""Does a server serve the precision it was declared to serve?"""

from __future__ import annotations

import re

from pytest_quantguard.variants import Quantization, ServedAs

# Q8_0, Q4_K - Medium, IQ4_NL, F16, BF16, MXFP4, FP8, int4, W4A16: the first number is the bits.
_BITS = re.compile(r"(?:^|[^a-z0-9])(?:iq|tq|q|bf|f|mxfp|nvfp|fp|int|w)(\d{1,2})(?!\d)", re.I)


def quantization_note(declared: Quantization, served: ServedAs) -> tuple[str, str | None]:
    """Compare what the configuration declares with what the server reports.

    Returns a note for the report, and a sentence when the two contradict each other.
    """
    reported = served.quantization
    if not reported:
        return "not verifiable: the server does not say", None
    match = _BITS.search(reported)
    if match is None or declared.weight_bits is None:
        return f"the server says {reported}", None
    if int(match[1]) == declared.weight_bits:
        return f"confirmed by the server: {reported}", None
    return (
        f"contradicted by the server: {reported}",
        f"declared as {declared.weight_bits} bit, but the server says {reported}",
    )
