# SPDX-License-Identifier: Apache-2.0
"""The 27 characters that name a provider (TC260-PG-20252A) and the credit code inside (GB 32100).

`00`, a subject of 20 characters (`11` and the credit code of an organisation), then `1` for
generation or `2` for propagation and four characters of the organisation's own. Rule: nothing is
normalised here; who reads what people typed does that first.
"""

import re
from typing import Final

USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
ROLE_AT: Final = 22
"""Index of position 23, which tells a producer from a propagator."""
GENERATION: Final = "1"
PROPAGATION: Final = "2"

_USCC: Final = "[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}"
_CODE: Final = re.compile(rf"0011({_USCC})([12][0-9A-Z]{{4}}|00000)")
_SHAPE: Final = re.compile("00[0-9A-Z]{25}")


def is_uscc(code: str) -> bool:
    """A unified social credit code whose check digit fits."""
    if not re.fullmatch(_USCC, code):
        return False
    total = sum(
        USCC_ALPHABET.index(sign) * weight
        for sign, weight in zip(code[:17], USCC_WEIGHTS, strict=True)
    )
    return USCC_ALPHABET[(31 - total % 31) % 31] == code[17]


def is_provider_code(code: str) -> bool:
    """The code of an organisation around a credit code whose check digit fits."""
    match = _CODE.fullmatch(code)
    return match is not None and is_uscc(match[1])


def is_producer_code(code: str) -> bool:
    return is_provider_code(code) and code[ROLE_AT] == GENERATION


def role(value: str) -> str:
    """The sign at position 23 of what has the shape of a code; "" for a name or another text."""
    return value[ROLE_AT] if _SHAPE.fullmatch(value) else ""
