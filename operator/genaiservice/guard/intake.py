# SPDX-License-Identifier: Apache-2.0
"""Which requests are let in, and how a body is read.

Closed by default: while draining, without a policy or without a working decision log, every
request is refused with the reason. Bodies are bounded one by one and all together, so that no
number of clients can fill the memory of the pod.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Final

from aiohttp import ClientError, web

from genaiservice.api.guard_config import Limits
from genaiservice.guard import refusal
from genaiservice.guard.account import METHODS, Account, Route
from genaiservice.guard.client import Answer
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.holding import Larder
from genaiservice.guard.policy import PolicyStore
from genaiservice.guard.record import DecisionLog
from genaiservice.guard.refusal import Refusal

BODY_SECONDS: Final = 60.0
PART_SECONDS: Final = 30.0
"""How long the next part of a body that goes on as it comes may take."""
UPLOAD_SECONDS: Final = 600.0
"""How long all of it may take, so that a byte now and then does not hold a place for ever."""
HEAD_BYTES: Final = 64 * 1024
PASSED_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

log = logging.getLogger(__name__)


class RefusedError(Exception):
    def __init__(self, why: Refusal) -> None:
        super().__init__(why.code)
        self.why = why


def check_head(request: web.BaseRequest) -> None:
    """Raises RefusedError for a head that is too long, or that a parser elsewhere reads otherwise.

    What is no HTTP at all, two lengths or a length beside chunks, never comes so far.
    """
    target = request.raw_path
    if not target.startswith("/") or not target.isascii():
        raise RefusedError(refusal.bad_target())
    if sum(len(name) + len(value) for name, value in request.raw_headers) > HEAD_BYTES:
        raise RefusedError(refusal.head_too_large(HEAD_BYTES))
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and coding.strip().lower() != "chunked":
        raise RefusedError(refusal.body_unreadable())


class Intake:
    def __init__(
        self,
        limits: Limits,
        *,
        larder: Larder,
        policies: PolicyStore,
        decisions: DecisionLog,
        unscreened: Callable[[], None],
    ) -> None:
        self._limits = limits
        self._larder = larder
        self._policies = policies
        self._decisions = decisions
        self._unscreened = unscreened

    def admit(self, account: Account, method: str, *, draining: bool) -> None:
        """Raises RefusedError when nothing, or this not, may be let in now."""
        if draining:
            raise RefusedError(refusal.draining())
        if (problem := self._decisions.failure) is not None:
            raise RefusedError(refusal.not_recorded(problem))
        self.policy()
        allowed = METHODS.get(account.route)
        if account.route is Route.PASSED:
            if method not in PASSED_METHODS:
                raise RefusedError(refusal.method_not_allowed(", ".join(sorted(PASSED_METHODS))))
            self._unscreened()
            log.info(
                "request passes unscreened",
                extra={"request": account.request, "path": account.path, "trace": account.trace},
            )
        elif allowed is not None and method != allowed:
            raise RefusedError(refusal.method_not_allowed(allowed))

    def policy(self) -> Policy:
        """The policy to screen with, of this moment."""
        policy = self._policies.current
        if policy is None:
            raise RefusedError(refusal.no_policy(self._policies.problems))
        return policy

    async def parts(self, request: web.BaseRequest, answer: Answer) -> AsyncGenerator[bytes, None]:
        """The body as it comes, at most as long as the limit says; never whole in memory."""
        limit, size = self._limits.request_body_bytes, 0
        if (request.content_length or 0) > limit:
            raise RefusedError(refusal.body_too_large(limit))
        if request.headers.get("Expect", "").lower() == "100-continue":
            answer.proceed()
        loop = asyncio.get_running_loop()
        end = loop.time() + UPLOAD_SECONDS
        try:
            while True:
                async with asyncio.timeout_at(min(end, loop.time() + PART_SECONDS)):
                    data = await request.content.readany()
                if not data:
                    return
                size += len(data)
                if size > limit:
                    raise RefusedError(refusal.body_too_large(limit))
                yield data
        except TimeoutError:
            raise RefusedError(refusal.body_too_slow(PART_SECONDS)) from None
        except (ClientError, web.RequestPayloadError) as error:
            if request.transport is None:
                raise ConnectionResetError from error
            raise RefusedError(refusal.body_unreadable()) from error

    async def body(self, request: web.BaseRequest, account: Account, answer: Answer) -> bytes:
        """The whole body, at most as long as the limit says, within BODY_SECONDS.

        Its bytes are taken from the larder: who gets it gives them back.
        """
        if account.route is Route.UNKNOWN or not request.body_exists:
            return b""
        limit = self._limits.request_body_bytes
        if (request.content_length or 0) > limit:
            raise RefusedError(refusal.body_too_large(limit))
        if request.headers.get("Expect", "").lower() == "100-continue":
            answer.proceed()
        body, kept = bytearray(), False
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while data := await request.content.readany():
                    if not self._larder.take(len(data)):
                        raise RefusedError(refusal.too_much_arriving())
                    body += data
                    if len(body) > limit:
                        raise RefusedError(refusal.body_too_large(limit))
                kept = True
        except TimeoutError:
            raise RefusedError(refusal.body_too_slow(BODY_SECONDS)) from None
        except (ClientError, web.RequestPayloadError) as error:
            if request.transport is None:
                raise ConnectionResetError from error
            raise RefusedError(refusal.body_unreadable()) from error
        finally:
            if not kept:
                self._larder.free(len(body))
        return bytes(body)
