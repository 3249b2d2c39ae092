# SPDX-License-Identifier: Apache-2.0
"""The verdict: what `judge()` says of one declaration. Values only.

Levels say how much is known, never that a service is compliant or a filing genuine.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.problem import Text


class Result(StrEnum):
    PASS = "Pass"  # noqa: S105 - a result, not a password
    FAIL = "Fail"
    UNKNOWN = "Unknown"
    """Not declared, or a fact that could not be taken. Never Pass."""
    NOT_APPLICABLE = "NotApplicable"
    WAIVED = "Waived"


class Level(StrEnum):
    DECLARED = "V0"
    FORMAT_CHECKED = "V1"
    CROSS_CHECKED = "V2"
    OBSERVED = "V3"


class Severity(StrEnum):
    BLOCK = "block"
    WARN = "warn"


class Basis(StrEnum):
    LAW = "law"
    STANDARD = "standard"
    GUIDELINE = "guideline"
    PRACTICE = "practice"


class Owner(StrEnum):
    """Who has to act."""

    COMPLIANCE = "compliance"
    PLATFORM = "platform"
    SRE = "sre"


OWNERS: Final = {
    Owner.COMPLIANCE: Text(en="compliance", zh="合规团队"),
    Owner.PLATFORM: Text(en="platform team", zh="平台团队"),
    Owner.SRE: Text(en="SRE", zh="运维"),
}
"""The owners as every view names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one requirement says of the declaration.

    `field` is the path at fault from the root of the object
    (`spec.compliance.filings[0].number`); `deadline` the day by which the owner must act.
    """

    id: str
    article: int
    family: ConditionType
    basis: Basis
    severity: Severity
    result: Result
    reason: Reason
    level: Level
    field: str
    title: Text
    message: Text
    remedy: Text
    owner: Owner
    deadline: date | None = None

    @property
    def open(self) -> bool:
        return self.result in (Result.FAIL, Result.UNKNOWN)

    @property
    def blocks(self) -> bool:
        return self.open and self.severity is Severity.BLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Why traffic must stop now, not only new rollouts (a revoked filing, an order)."""

    finding: str
    reason: Reason
    message: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A number of a standard, guideline or practice that the service replaced by its own."""

    name: str
    value: float
    default: float
    reason: str
    approver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`findings`: one per requirement, in catalogue order, passing ones too.

    `next_change`: the first day (Asia/Shanghai) on which the same declaration may be judged
    otherwise; None when no date matters. `rule_pack` is the version, `digest` its content hash.
    """

    findings: tuple[Finding, ...]
    suspension: Suspension | None
    next_change: date | None
    rule_pack: str
    digest: str
    overrides: tuple[Override, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.suspension is None and not any(finding.blocks for finding in self.findings)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.blocks)
