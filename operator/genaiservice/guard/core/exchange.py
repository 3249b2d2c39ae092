# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange, without a socket: requests and model bytes in, effects out.

The shell calls, in this order: `request` once; when that held a `Forward`, `response` when the
model's head arrives, `upstream` for each read of its body, `upstream_closed` at its end (also
when it could not be reached at all). `suspend` may come at any time. Every method answers the
effects to perform, in order; after `Respond` or `End` every further call answers an empty list.
"""

from dataclasses import dataclass
from enum import StrEnum

from genaiservice.api.directive import Directive
from genaiservice.guard.core.effects import Effect
from genaiservice.guard.core.policy import Policy


class Screening(StrEnum):
    BLOCK = "Block"
    OBSERVE = "Observe"
    OFF = "Off"


class LabelMode(StrEnum):
    PREFIX = "Prefix"
    SUFFIX = "Suffix"
    OFF = "Off"


DEFAULT_LABEL = "本内容由人工智能生成"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the guard's configuration says of an exchange; one value for the whole process."""

    input: Screening = Screening.BLOCK
    output: Screening = Screening.BLOCK
    label: LabelMode = LabelMode.PREFIX
    label_text: str = DEFAULT_LABEL
    paths: frozenset[str] = frozenset()
    """Further paths that pass unscreened, exactly as listed by the operator of the service."""
    answer_bytes: int = 33_554_432
    """Largest answer that is not streamed; it is held whole until it is screened."""


class Exchange:
    def __init__(self, policy: Policy, options: Options) -> None:
        self._policy = policy
        self._options = options

    @property
    def streaming(self) -> bool:
        """Whether the client asked for a stream (known after `request`)."""
        raise NotImplementedError

    @property
    def model(self) -> str:
        """The model that the request names, for the trace; empty when it names none."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Whether the client has its whole answer (`Respond` or `End` was given)."""
        raise NotImplementedError

    def request(self, path: str, content_type: str, body: bytes) -> list[Effect]:
        """Effects of a whole request: `Forward`, or `Respond` and nothing goes to the model.

        `path` is without query. GET requests come with an empty body.
        """
        raise NotImplementedError

    def response(self, status: int, content_type: str) -> list[Effect]:
        """The model's head arrived. A streamed answer begins at once, a whole one is held."""
        raise NotImplementedError

    def upstream(self, data: bytes) -> list[Effect]:
        """Bytes of the model's body, cut anywhere; already without content or transfer coding."""
        raise NotImplementedError

    def upstream_closed(self, error: str | None) -> list[Effect]:
        """The model's body ended: orderly (None), or broke off.

        `error` is one of `connect_failed`, `connect_timeout`, `first_byte_timeout`,
        `between_bytes_timeout`, `reset`, `protocol_error`; another word counts as
        `protocol_error`. Before `response` it becomes an HTTP 502 or 504.
        """
        raise NotImplementedError

    def suspend(self, directive: Directive) -> list[Effect]:
        """The kill switch: refuses what has not begun (451), ends a stream with an error event."""
        raise NotImplementedError
