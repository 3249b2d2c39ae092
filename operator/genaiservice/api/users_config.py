# SPDX-License-Identifier: Apache-2.0
"""The part of the guard's configuration that is about users: who they are, minors, misuse, state.

Rule: no secret stands in here, only the names of files that hold one, since this is a ConfigMap;
and no setting makes an adult of a user of whom nothing is known, unless minors are excluded by a
declared age gate (Art. 10).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MINUTES_UNDER_16: Final = 60
MINUTES_FROM_16: Final = 120
"""Defaults of the guide for minors modes of 2024-11; a guideline, not law."""


class Source(StrEnum):
    """Token: a signed JSON Web Token. Gateway: a header of a gateway that is trusted as declared.
    Nobody: no user is ever known, and every request has `missing` done to it."""

    TOKEN = "Token"  # noqa: S105 - the name of a source
    GATEWAY = "Gateway"
    NOBODY = "Nobody"


class Missing(StrEnum):
    """What a request is taken for that says nothing valid of its user."""

    TREAT_AS_MINOR = "TreatAsMinor"
    REFUSE = "Refuse"
    TREAT_AS_ADULT = "TreatAsAdult"


class MinorsPolicy(StrEnum):
    PROHIBITED = "Prohibited"
    ALLOWED = "Allowed"
    MINORS_ONLY = "MinorsOnly"


class AgeSignal(StrEnum):
    NONE = "None"
    DEVICE_MODE = "DeviceMode"
    GUARDIAN_BINDING = "GuardianBinding"
    VERIFIED_ID = "VerifiedId"


class Band(StrEnum):
    """Youngest first; the upper age is not included."""

    UNDER_3 = "U3"
    FROM_3 = "3to8"
    FROM_8 = "8to12"
    FROM_12 = "12to16"
    FROM_16 = "16to18"


class Step(StrEnum):
    """Mildest first (Art. 14(2): 警示、限制功能、暂停或者终止服务)."""

    WARN = "Warn"
    RESTRICT = "Restrict"
    SUSPEND = "Suspend"
    TERMINATE = "Terminate"


class StoreKind(StrEnum):
    MEMORY = "Memory"
    REDIS = "Redis"


class WhenDown(StrEnum):
    """Closed: refuse. Degraded: go on with what this replica knows, and say so."""

    CLOSED = "Closed"
    DEGRADED = "Degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Keys come from one of `jwks_file` and `jwks_url`; `iss`, `aud` and `exp` must be there."""

    header: str = "Authorization"
    jwks_file: str = ""
    jwks_url: str = ""
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    issuer: str = ""
    audience: str = ""
    leeway_seconds: int = 30
    refresh_seconds: int = 300
    timeout_seconds: float = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Trusted by a shared secret, by its addresses, or by both."""

    header: str = "X-Genai-User"
    secret_file: str = ""
    addresses: tuple[str, ...] = ()
    max_age_seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    user: str = "sub"
    age: str = "age_band"
    agreement: str = "agreement_version"
    real_name: str = "real_name"
    guardian: str = "guardian_override"
    persona: str = "persona"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`pseudonym_key_file` holds the key of the pseudonyms; replicas that share state share it."""

    source: Source = Source.TOKEN
    missing: Missing = Missing.TREAT_AS_MINOR
    age_gate: bool = False
    token: Token = Token()
    gateway: Gateway = Gateway()
    claims: ClaimNames = ClaimNames()
    pseudonym_key_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLimits:
    """`content_policy`: a name of `content_policies`; "" is the service's own policy."""

    band: Band
    daily_minutes: int
    content_policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curfew:
    """Asia/Shanghai, by the server's clock; `start` is inside, `end` is not."""

    start: str = "22:00"
    end: str = "06:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minors:
    policy: MinorsPolicy = MinorsPolicy.PROHIBITED
    age_signal: AgeSignal = AgeSignal.NONE
    bands: tuple[BandLimits, ...] = ()
    break_reminder_minutes: int = 30
    curfew: Curfew = Curfew()
    guardian_override: bool = False
    exit_needs_guardian: bool = True
    refused_personas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RealName:
    """`paths` empty and `required`: every path."""

    required: bool = False
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """No `steps`: nothing is counted. `first`: the step that the first misuse leads to."""

    steps: tuple[Step, ...] = ()
    first: Step = Step.WARN
    consecutive_hits: int = 3
    daily_hits: int = 10
    restrict_minutes: int = 60
    restrict_seconds_between: int = 10
    suspend_hours: int = 24
    forgive_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """`url` holds no password; `password_file` does. `users`: how many are kept in memory."""

    kind: StoreKind = StoreKind.MEMORY
    url: str = ""
    password_file: str = ""
    ca_file: str = ""
    prefix: str = "genai:user:"
    when_down: WhenDown = WhenDown.CLOSED
    timeout_seconds: float = 0.1
    connections: int = 16
    users: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPolicy:
    name: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersConfig:
    """`agreement_version`: users must have accepted it or a later one; "" asks for none.

    `idle_minutes`: requests no further apart than this are one continuous use.
    `reminder_minutes`: a reminder for everybody after that long a use; 0 is none.
    """

    identity: Identity = Identity()
    minors: Minors = Minors()
    agreement_version: str = ""
    real_name: RealName = RealName()
    ladder: Ladder = Ladder()
    store: Store = Store()
    idle_minutes: int = 5
    reminder_minutes: int = 0
    content_policies: tuple[ContentPolicy, ...] = ()
