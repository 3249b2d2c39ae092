# SPDX-License-Identifier: Apache-2.0
"""What the guard says in its own name, in the shape that clients of the dialect read."""

from genaiservice.api.directive import Directive
from genaiservice.guard.core import errors, protocols
from genaiservice.guard.core.effects import Action, Decision, Direction, Effect, Record, Respond
from genaiservice.guard.core.protocols import Rules
from genaiservice.guard.core.request import Request


class Teller:
    """`rules` are those of the dialect, as soon as it is known."""

    def __init__(self, policy: str, created: int) -> None:
        """`policy`: the hash that the decisions carry."""
        self._policy = policy
        self._created = created
        self.rules: Rules | None = None

    def told(self, reason: str, status: int | None = None, where: str = "") -> Respond:
        """An error of the guard."""
        body = self._shaped(errors.body(reason, where))
        return Respond(status or errors.status(reason), errors.JSON, body, reason)

    def refused(self, reason: str, where: str = "") -> list[Effect]:
        """A request goes nowhere."""
        decision = self.decision(Direction.INPUT, Action.REFUSE, reason)
        return [self.told(reason, where=where), Record(decision)]

    def failed(self, reason: str, status: int | None) -> list[Effect]:
        """An answer cannot be passed on; an error status of the model stays."""
        status = status if status and status >= 400 else errors.status(reason)
        decision = self.decision(Direction.OUTPUT, Action.ERROR, reason)
        return [self.told(reason, status), Record(decision)]

    def said(self, asked: Request, words: str, seed: bytes) -> Respond:
        """The guard's words in the place of the model's; `seed` makes their identifier."""
        answer = protocols.refused(asked, words, seed, self._created)
        return answer or self.told("content_filter")

    def suspended(self, directive: Directive, asked: Request | None) -> list[Effect]:
        """The whole answer to what the kill switch met before it had begun."""
        body = self._shaped(errors.suspended(directive))
        return [Respond(451, errors.JSON, body), self.suspension(directive, asked)]

    def suspension(self, directive: Directive, asked: Request | None) -> Record:
        direction = Direction.INPUT if asked is None else Direction.OUTPUT
        reason = directive.reason or "Suspended"
        return Record(self.decision(direction, Action.SUSPEND, reason))

    def decision(self, direction: Direction, action: Action, reason: str) -> Decision:
        return Decision(direction=direction, action=action, policy=self._policy, reason=reason)

    def _shaped(self, body: bytes) -> bytes:
        return self.rules.error(body) if self.rules else body
