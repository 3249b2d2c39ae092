# SPDX-License-Identifier: Apache-2.0
"""The issuer's public keys: read from a file or fetched, kept, renewed when they rotate.

One fetch at a time, at most one in MIN_SECONDS whatever tokens say, each bounded in time and size,
without redirects. An unknown key id leads to one renewal, so a rotation needs no restart; many
unknown ids lead to no more. While renewal fails the known keys serve for STALE_SECONDS, no longer,
since one of them may have been withdrawn. Symmetric keys are not keys here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from genaiservice.api.users_config import Token
from genaiservice.guard.claims import KeysUnavailableError

MIN_SECONDS: Final = 10.0
STALE_SECONDS: Final = 3600.0
MOST_BYTES: Final = 256 * 1024
MOST_KEYS: Final = 64
RSA_MODULUS_CHARACTERS: Final = 342
"""2048 bits in base64url; a shorter modulus is a weak key."""
KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}

log = logging.getLogger(__name__)

Fetch = Callable[[], Awaitable[bytes]]


class FetchError(Exception):
    """The keys could not be had; `str` is a word of a closed set."""


class KeySet:
    def __init__(self, fetch: Fetch, *, refresh_seconds: float, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self._fetch = fetch
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._keys: tuple[Mapping[str, Any], ...] = ()
        self._loaded: float | None = None
        self._tried: float | None = None
        self._one = asyncio.Lock()
        self.failure = ""
        """Why the last renewal failed; "" when it did not."""

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key that may verify `algorithm`; raises KeysUnavailableError."""
        age = self._age()
        if age is None or age > STALE_SECONDS:
            await self._renew()
        elif age > self._refresh_seconds and not self._one.locked():
            await self._renew()  # others go on with what is known
        key = self._known(kid, algorithm)
        if key is None and kid is not None:
            await self._renew()
            key = self._known(kid, algorithm)
        age = self._age()
        if age is None or age > STALE_SECONDS:
            raise KeysUnavailableError(self.failure or "not_loaded")
        return key

    def _age(self) -> float | None:
        return None if self._loaded is None else self._clock() - self._loaded

    async def _renew(self) -> None:
        asked = self._clock()
        async with self._one:
            if self._tried is not None and (
                self._tried >= asked or self._clock() - self._tried < MIN_SECONDS
            ):
                return  # somebody just did
            self._tried = self._clock()
            try:
                keys = parse_keys(await self._fetch())
            except FetchError as error:
                self.failure = str(error)
                log.warning("issuer keys not renewed", extra={"reason": self.failure})
                return
            if keys != self._keys:
                log.info("issuer keys loaded", extra={"keys": len(keys)})
            self._keys, self._loaded, self.failure = keys, self._clock(), ""

    def _known(self, kid: str | None, algorithm: str) -> PyJWK | None:
        fitting = [key for key in self._keys if fits(key, algorithm)]
        if kid is not None:
            fitting = [key for key in fitting if key.get("kid") == kid]
        if len(fitting) != 1:
            return None  # none, or no way to tell which
        try:
            return PyJWK(dict(fitting[0]), algorithm)
        except PyJWTError:
            return None


def parse_keys(data: bytes) -> tuple[Mapping[str, Any], ...]:
    """The usable keys of a JWK set; raises FetchError when there is none."""
    try:
        keys = orjson.loads(data)["keys"]
        usable = tuple(key for key in keys if isinstance(key, dict) and _sound(key))
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise FetchError("not_a_key_set") from error
    if not usable:
        raise FetchError("no_usable_key")
    return usable[:MOST_KEYS]


def fits(key: Mapping[str, Any], algorithm: str) -> bool:
    if key.get("kty") != KINDS.get(algorithm[:2]) or key.get("alg", algorithm) != algorithm:
        return False
    return algorithm not in CURVES or key.get("crv") == CURVES[algorithm]


def _sound(key: Mapping[str, Any]) -> bool:
    if key.get("use", "sig") != "sig" or key.get("kty") not in KINDS.values():
        return False
    modulus = key.get("n")
    if key["kty"] == "RSA":
        return isinstance(modulus, str) and len(modulus) >= RSA_MODULUS_CHARACTERS
    return True


def fetcher(token: Token, folder: Path) -> Fetch:
    if token.jwks_file:
        path = folder / token.jwks_file
        return lambda: _from_file(path)
    return lambda: _from_url(token.jwks_url, token.timeout_seconds)


async def _from_file(path: Path) -> bytes:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)

    try:
        return _bounded(await asyncio.to_thread(read))
    except OSError as error:
        raise FetchError("file_unreadable") from error


async def _from_url(url: str, seconds: float) -> bytes:
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise FetchError("not_status_200")
            data = bytearray()
            async for part in answer.content.iter_chunked(16 * 1024):
                data += part
                _bounded(data)
            return bytes(data)
    except TimeoutError as error:
        raise FetchError("timeout") from error
    except aiohttp.ClientError as error:
        raise FetchError("unreachable") from error


def _bounded(data: bytes | bytearray) -> bytes:
    if len(data) > MOST_BYTES:
        raise FetchError("too_large")
    return bytes(data)
