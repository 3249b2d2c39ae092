# SPDX-License-Identifier: Apache-2.0
"""A whole answer of the model, or its error: what may leave of it, as effects."""

from typing import Final

from genaiservice.guard.core import errors, media, transcription, whole
from genaiservice.guard.core.effects import Action, Direction, Effect, File, Record, Respond
from genaiservice.guard.core.live import UNREADABLE, reason_of
from genaiservice.guard.core.media import Awaited
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.protocols import RULES
from genaiservice.guard.core.request import Request
from genaiservice.guard.core.route import Dialect
from genaiservice.guard.core.telling import Teller

ERROR_BYTES: Final = 65_536
"""Most that is read of an upstream's error body."""


class CannotLeaveError(Exception):
    """The answer must not leave; `effects` end the exchange."""

    def __init__(self, effects: list[Effect]) -> None:
        super().__init__()
        self.effects = effects


def screened(
    policy: Policy, options: Options, asked: Request, answer: File, teller: Teller
) -> list[Effect] | Awaited:
    """The answer's effects, or its files that need labels first; raises `CannotLeaveError`."""
    kind = answer.media_type.partition(";")[0].strip().lower()
    try:
        if media.brings_files(asked.dialect, kind):
            return media.take_files(
                policy, options, asked.dialect, File(data=answer.data, media_type=kind)
            )
        if asked.dialect is Dialect.TRANSCRIPTIONS and kind in transcription.CAPTIONS:
            decisions = transcription.screen_captions(policy, options, answer.data)
            return [Respond(200, answer.media_type, answer.data), *map(Record, decisions)]
        body, decisions = RULES[asked.dialect].whole(policy, options, asked, answer.data)
    except UNREADABLE as error:
        raise CannotLeaveError(teller.failed(reason_of(error), 502)) from None
    except media.ByAddressError:
        raise CannotLeaveError(teller.failed("media_by_address", 502)) from None
    except transcription.BlockedError as error:
        told = teller.told("content_filter")
        raise CannotLeaveError([told, *map(Record, error.decisions)]) from None
    return [Respond(200, errors.JSON, body), *map(Record, decisions)]


def model_error(policy: Policy, status: int, data: bytes, teller: Teller) -> list[Effect]:
    """The model's error status stays; its body only when it is JSON and free of hits."""
    if not whole.harmless_error(policy, data):
        return teller.failed("upstream_error", status)
    decision = teller.decision(Direction.OUTPUT, Action.ERROR, "upstream_error")
    return [Respond(status, errors.JSON, data), Record(decision)]
