# SPDX-License-Identifier: Apache-2.0
"""Detectors over HTTP: asks all that apply to a text at once and puts their words into one outcome.

Rules: each question ends within the time of its detector, whatever that does; a fault is a word,
never the text, the key or what the detector wrote; nobody is asked more at once than declared.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp

from genaiservice.api.detector_config import Detector, Side
from genaiservice.guard.core.breaker import Breaker, Position
from genaiservice.guard.core.detector import PATHS, NoOpinionError, findings, question
from genaiservice.guard.core.effects import Ask, Direction
from genaiservice.guard.core.opinion import Failure, Finding, Outcome

ANSWER_BYTES: Final = 256 * 1024
KEY_BYTES: Final = 8192
WAITING: Final = 1000
"""Most questions to one detector that wait for a place or for its answer."""
_SIDES: Final = {Direction.INPUT: Side.INPUT, Direction.OUTPUT: Side.OUTPUT}

Heard = Callable[[str, str, float], None]
"""Hears of each question: detector, `passed`, `found` or a fault, seconds."""

log = logging.getLogger(__name__)


class Asked:
    """One detector: its place limit, its breaker, its connections."""

    def __init__(
        self, detector: Detector, folder: Path, heard: Heard, clock: Callable[[], float] = monotonic
    ) -> None:
        self.detector = detector
        self.breaker = Breaker()
        self.last_fault = ""
        """Why it gave no opinion when it was asked last; empty when it gave one."""
        self._heard = heard
        self._clock = clock
        self._address = detector.url + PATHS[detector.kind]
        self._key = folder / detector.api_key_file if detector.api_key_file else None
        self._authority = folder / detector.ca_file if detector.ca_file else None
        self._places = asyncio.Semaphore(detector.concurrent_requests)
        self._waiting = 0
        self._session: aiohttp.ClientSession | None = None

    def fails_open(self, now: Callable[[], datetime]) -> bool:
        declared = self.detector.fail_open
        return declared is not None and declared.holds(now())

    def is_left_alone(self) -> bool:
        return self.breaker.position is not Position.CLOSED

    def state(self, now: Callable[[], datetime]) -> dict[str, bool | str]:
        """For who looks after it. It never makes the guard unready: see `readiness`."""
        return {
            "leftAlone": self.is_left_alone(),
            "failsOpen": self.fails_open(now),
            "lastFault": self.last_fault,
        }

    async def opinion(self, direction: Direction, text: str) -> tuple[Finding, ...]:
        """Raises `NoOpinionError`, within the detector's time."""
        began, said = monotonic(), "withdrawn"
        try:
            found = await self._within_time(direction, text)
            said, self.last_fault = "found" if found else "passed", ""
            return found
        except NoOpinionError as error:
            said = self.last_fault = error.fault
            raise
        finally:
            self._heard(self.detector.name, said, monotonic() - began)

    async def _within_time(self, direction: Direction, text: str) -> tuple[Finding, ...]:
        if self._waiting >= WAITING:
            raise NoOpinionError("busy")
        self._waiting += 1
        placed = False
        try:
            async with asyncio.timeout(self.detector.timeout_seconds), self._places:
                placed = True
                return await self._through_breaker(question(self.detector, direction, text))
        except TimeoutError:
            if not placed:
                raise NoOpinionError("busy") from None
            self._failed("timeout")
            raise NoOpinionError("timeout") from None
        finally:
            self._waiting -= 1

    async def _through_breaker(self, body: bytes) -> tuple[Finding, ...]:
        breaker = self.breaker
        if not breaker.allows(self._clock()):
            raise NoOpinionError("breaker_open")
        try:
            found = findings(self.detector, await self._post(body))
        except NoOpinionError as error:
            self._failed(error.fault)
            raise
        except asyncio.CancelledError:  # withdrawn, or its time is over: `_within_time` knows
            breaker.withdrawn()
            raise
        except Exception:  # a fault of ours: half open for good, nobody would be asked any more
            self._failed("internal")
            raise
        if breaker.position is not Position.CLOSED:
            log.info("detector answers again", extra={"detector": self.detector.name})
        breaker.succeeded()
        return found

    def _failed(self, fault: str) -> None:
        before = self.breaker.position
        self.breaker.failed(self._clock())
        if before is Position.CLOSED and self.breaker.position is Position.OPEN:
            facts = {"detector": self.detector.name, "fault": fault}
            log.warning("detector is left alone for a while", extra=facts)

    async def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", **self._authorization()}
        try:
            async with self._open().post(
                self._address, data=body, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise NoOpinionError("http_status")
                data = await answer.content.read(ANSWER_BYTES + 1)
                while len(data) <= ANSWER_BYTES and not answer.content.at_eof():
                    data += await answer.content.read(ANSWER_BYTES + 1 - len(data))
        except aiohttp.ClientError:
            raise NoOpinionError("unreachable") from None
        if len(data) > ANSWER_BYTES:
            raise NoOpinionError("too_large")
        return data

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self.detector.concurrent_requests, ssl=self._trusting()
                ),
                timeout=aiohttp.ClientTimeout(total=None),  # `_within_time` counts
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    def _trusting(self) -> ssl.SSLContext | bool:
        """Read with the first question; again with the next one where it could not be."""
        if self._authority is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self._authority))
        except OSError:  # a file without certificates is one, too
            raise NoOpinionError("ca_unreadable") from None

    def _authorization(self) -> dict[str, str]:
        """Read each time: a few bytes in memory, and a key that is renewed counts at once."""
        if self._key is None:
            return {}
        try:
            with self._key.open("rb") as file:
                key = file.read(KEY_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise NoOpinionError("key_unreadable") from None
        if not key or not key.isprintable():
            raise NoOpinionError("key_unreadable")
        return {"Authorization": f"Bearer {key}"}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Detectors:
    """`run` owns the tasks; `ask` may be called while it runs."""

    def __init__(
        self,
        detectors: tuple[Detector, ...],
        folder: Path,
        now: Callable[[], datetime],
        heard: Heard,
    ) -> None:
        self.all = tuple(Asked(detector, folder, heard) for detector in detectors)
        self._now = now
        self._tasks: asyncio.TaskGroup | None = None

    def states(self) -> dict[str, dict[str, bool | str]]:
        return {one.detector.name: one.state(self._now) for one in self.all}

    async def run(self) -> None:
        """Until it is cancelled; what is under way then is withdrawn."""
        for one in self.all:
            if one.fails_open(self._now):
                log.warning("detector fails open", extra={"detector": one.detector.name})
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.Event().wait()
        finally:
            self._tasks = None
            for one in self.all:
                await one.close()

    def ask(self, asked: Ask, done: Callable[[int, Outcome], None]) -> Callable[[], object]:
        """Calls `done` later, and once; what is answered withdraws the question."""
        if self._tasks is None:  # not begun yet, or the process ends
            gone = Outcome(failures=(Failure(detector="", fault="stopped"),))
            return asyncio.get_running_loop().call_soon(done, asked.number, gone).cancel
        return self._tasks.create_task(self._ask(asked, done)).cancel

    async def _ask(self, asked: Ask, done: Callable[[int, Outcome], None]) -> None:
        side = _SIDES[asked.direction]
        asks = [one for one in self.all if side in one.detector.apply_to]
        said = await asyncio.gather(*(self._one(one, asked) for one in asks))
        done(
            asked.number,
            Outcome(
                findings=tuple(found for one in said if isinstance(one, tuple) for found in one),
                failures=tuple(one for one in said if isinstance(one, Failure)),
            ),
        )

    async def _one(self, one: Asked, asked: Ask) -> tuple[Finding, ...] | Failure:
        try:
            return await one.opinion(asked.direction, asked.text)
        except NoOpinionError as error:
            opens = one.fails_open(self._now)
            return Failure(detector=one.detector.name, fault=error.fault, open=opens)
        except Exception as error:
            log.error("detector failed", exc_info=error, extra={"detector": one.detector.name})
            return Failure(detector=one.detector.name, fault="internal")
