# SPDX-License-Identifier: Apache-2.0
"""What goes to the client, and what is noted of it: when, how much, and how it ended."""

from collections import deque
from time import perf_counter
from typing import Final

from genaiservice.guard.account import Account
from genaiservice.guard.client import Answer
from genaiservice.guard.core.effects import Respond
from genaiservice.guard.core.protocols import EVENTS
from genaiservice.guard.headers import Field
from genaiservice.guard.metrics import Pace
from genaiservice.guard.vigil import Vigil

TAIL_PARTS: Final = 4


class Delivery:
    __slots__ = ("_account", "_answer", "_pace", "_vigil", "fields", "tail")

    def __init__(self, answer: Answer, account: Account, pace: Pace, vigil: Vigil) -> None:
        self._answer = answer
        self._account = account
        self._pace = pace
        self._vigil = vigil
        self.fields: list[Field] = []
        """Those of the model's head that go on."""
        self.tail: deque[bytes] = deque(maxlen=TAIL_PARTS)
        """The last parts of the answer's body."""

    def begin(self, status: int, content_type: str, *, streaming: bool) -> None:
        self._answer.begin(status, content_type, self.fields)
        self._vigil.begin(comments=streaming and content_type.startswith(EVENTS))

    def send(self, data: bytes) -> None:
        if data:  # an empty chunk would end a chunked body
            now = perf_counter()
            if self._account.first_sent is None:
                self._account.first_sent = now
            else:
                self._pace.add(now - self._vigil.sent_at)
            self._vigil.sent_at = now
            self._account.sent_bytes += len(data)
            self.tail.append(data)
            self._answer.send(data)

    def whole(self, answer: Respond) -> None:
        self._account.first_sent = perf_counter()
        self._account.sent_bytes += len(answer.body)
        self.tail.append(answer.body)
        self._answer.whole(answer.status, answer.content_type, answer.body, self.fields)
