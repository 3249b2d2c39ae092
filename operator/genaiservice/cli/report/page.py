# SPDX-License-Identifier: Apache-2.0
"""The report of one service as values: what HTML, CSV and JSON render, each in full.

Rule: equal inputs give equal pages. No time of day, no order that moves, nothing of the machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from genaiservice.api.conditions import Reason
from genaiservice.api.problem import Problem, Text
from genaiservice.control.core.condition import Condition
from genaiservice.rules.verdict import Finding, Result


class Origin(StrEnum):
    FILE = "file"
    CLUSTER = "cluster"

    @property
    def words(self) -> Text:
        return _FROM_FILE if self is Origin.FILE else _FROM_CLUSTER


_FROM_FILE: Final = Text(en="File", zh="文件")
_FROM_CLUSTER: Final = Text(en="Cluster, generation", zh="集群，版本代次")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A declared value in short. `field` is its path below `spec.compliance`."""

    field: str
    value: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One requirement: what it found, where the rule stands, and what was declared for it."""

    finding: Finding
    source: Text
    facts: tuple[Fact, ...] = ()
    left_out: int = 0
    """How many further declared values the row does not show."""

    @property
    def applies(self) -> bool:
        return self.finding.result is not Result.NOT_APPLICABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A duty family: its condition, computed as in the status, and its requirements."""

    condition: Condition
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A condition that the operator wrote of what it sees and decides (pods, policy, gate)."""

    type: str
    status: str
    reason: str
    message: Text
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A number or profile of the rule pack that the declaration sets itself."""

    field: str
    value: str
    default: str = ""
    """What the rule pack has instead; empty where it has no number of this name."""
    reason: str = ""
    approver: str = ""
    """Who answers for it, as declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of the rollout, in the words of the condition RolloutAllowed."""

    allowed: bool
    suspended: bool
    reason: Reason
    message: Text


class Direction(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is otherwise than in the earlier report. `subject` is a requirement's id, or ""
    where the whole service is meant."""

    subject: str
    title: Text
    direction: Direction
    before: Text
    after: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The comparison with an earlier report; an empty `rows` says that nothing differs."""

    since: date
    rule_pack: str
    rows: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that a report tells.

    generation: of the object in the cluster, 0 for a file. notes: what a reader must know about
    where the findings come from. refused: what the API server would not take.
    """

    namespace: str
    name: str
    display_name: str
    origin: Origin
    place: str
    generation: int
    as_of: date
    rule_pack: str
    digest: str
    outcome: Outcome
    header: tuple[tuple[Text, Text], ...]
    notes: tuple[Text, ...]
    refused: tuple[Problem, ...]
    sections: tuple[Section, ...]
    seen: tuple[Seen, ...]
    overrides: tuple[Override, ...]
    next_change: date | None
    changes: Changes | None

    @property
    def title(self) -> str:
        return self.display_name or self.name

    @property
    def rows(self) -> Iterator[Row]:
        for section in self.sections:
            yield from section.rows
