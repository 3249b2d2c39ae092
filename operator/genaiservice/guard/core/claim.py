# SPDX-License-Identifier: Apache-2.0
"""What another system says of a user, read from the claims of a token or a gateway's header. Pure.

The guard verifies who says it, never whether it is true: age and identity were checked elsewhere,
or not at all. Rule: whatever is not understood counts as not said, so no odd value makes an adult.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from genaiservice.api.users_config import Band, ClaimNames

PERSONA_CHARACTERS: Final = 64
VERSION_CHARACTERS: Final = 32
OLDEST: Final = 150


class Adult(StrEnum):
    ADULT = "adult"


AgeBand = Band | Adult
ADULT_WORDS: Final = frozenset({"adult", "18plus", "18+"})
UPPER_AGES: Final = (
    (3, Band.UNDER_3),
    (8, Band.FROM_3),
    (12, Band.FROM_8),
    (16, Band.FROM_12),
    (18, Band.FROM_16),
)


class Leave(StrEnum):
    """What a guardian lets go, where the declaration has guardianOverride."""

    BUDGET = "budget"
    CURFEW = "curfew"
    EXIT = "exit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`user` is a pseudonym; the identity it stands for is not kept anywhere."""

    user: str
    age_band: AgeBand | None = None
    agreement_version: str | None = None
    real_name: bool = False
    guardian: frozenset[Leave] = frozenset()
    persona: str = ""


def read_claim(user: str, claims: Mapping[str, Any], names: ClaimNames) -> Claim:
    agreement = claims.get(names.agreement) if names.agreement else None
    persona = claims.get(names.persona) if names.persona else None
    return Claim(
        user=user,
        age_band=age_band(claims.get(names.age)),
        agreement_version=_short(agreement, VERSION_CHARACTERS),
        real_name=bool(names.real_name) and claims.get(names.real_name) is True,
        guardian=_leaves(claims.get(names.guardian) if names.guardian else None),
        persona=_short(persona, PERSONA_CHARACTERS) or "",
    )


def age_band(value: Any) -> AgeBand | None:
    """A band by its name, `adult`, or the age in whole years; everything else says nothing."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        if not 0 <= value <= OLDEST:
            return None
        return next((band for upper, band in UPPER_AGES if value < upper), Adult.ADULT)
    if isinstance(value, str):
        if value in ADULT_WORDS:
            return Adult.ADULT
        return next((band for band in Band if band.value == value), None)
    return None


def accepted(version: str | None, wanted: str) -> bool:
    """Whether the version that a user agreed to is `wanted` or a later one.

    Versions are numbers with dots (1.2.0) or dates (2026-09-01); of others only equality is known.
    """
    if version is None:
        return False
    given, least = _numbers(version), _numbers(wanted)
    if given is None or least is None or len(given) != len(least):
        return version == wanted
    return given >= least


def _numbers(version: str) -> tuple[int, ...] | None:
    for sign in ".-":
        parts = version.split(sign)
        if len(parts) > 1 and all(part.isascii() and part.isdigit() for part in parts):
            return (ord(sign), *(int(part) for part in parts))
    return None


def _short(value: Any, most: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= most else None


def _leaves(value: Any) -> frozenset[Leave]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(leave for leave in Leave if leave.value in value[:16])
