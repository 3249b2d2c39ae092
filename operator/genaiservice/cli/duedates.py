# SPDX-License-Identifier: Apache-2.0
"""What expires when: every deadline that the verdict on a service knows, with who has to act.

A deadline of an open finding is overdue or runs; that of a passing one is the last day on which it
passes. Nothing is computed here that the verdict does not say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from genaiservice.api.jsontree import MutableJson
from genaiservice.api.problem import Text
from genaiservice.cli.services import Service
from genaiservice.rules.verdict import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDate:
    service: str
    day: date
    id: str
    article: int
    title: Text
    owner: str
    open: bool
    """The requirement is not met today; otherwise `day` is the last one on which it is."""
    blocks: bool
    remedy: Text

    def days_left(self, today: date) -> int:
        return (self.day - today).days

    def as_json(self, today: date) -> MutableJson:
        return {
            "service": self.service,
            "day": self.day.isoformat(),
            "daysLeft": self.days_left(today),
            "id": self.id,
            "article": self.article,
            "title": self.title.as_json(),
            "owner": self.owner,
            "open": self.open,
            "blocks": self.blocks,
            "next": self.remedy.as_json(),
        }


def due_dates(service: Service, today: date) -> Iterator[DueDate]:
    for finding in service.judged(today).findings:
        if finding.deadline is not None:
            yield DueDate(
                service=service.title,
                day=finding.deadline,
                id=finding.id,
                article=finding.article,
                title=finding.title,
                owner=finding.owner.value,
                open=finding.open,
                blocks=finding.severity is Severity.BLOCK,
                remedy=finding.remedy,
            )
