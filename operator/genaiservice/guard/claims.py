# SPDX-License-Identifier: Apache-2.0
"""Who a request says its user is, once that is verified: a signed token or a trusted gateway.

What cannot be verified is no claim at all, with a word of a closed set for the metrics. Identities
become pseudonyms here, by a keyed hash, and go no further; nothing of a token or a header is
logged. The guard trusts the issuer: it checks no age and no identity itself.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

from genaiservice.api.users_config import Gateway, Identity, Token
from genaiservice.guard.core.claim import Claim, read_claim
from genaiservice.guard.headers import Field

TOKEN_BYTES: Final = 8 * 1024
USER_CHARACTERS: Final = 512
PSEUDONYM_CHARACTERS: Final = 32


class Fault(StrEnum):
    """Why there is no claim."""

    NONE = ""
    ABSENT = "absent"
    AMBIGUOUS = "ambiguous"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    NO_USER = "no_user"
    UNTRUSTED_PEER = "untrusted_peer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    claim: Claim | None = None
    fault: Fault = Fault.NONE


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had; `str` is a word of a closed set."""


class ClaimSource(Protocol):
    header: bytes
    """Lower case; not forwarded to the model, which needs no identity (Art. 11)."""

    async def read(self, fields: Iterable[Field], now: datetime, peer: str) -> Reading: ...


class _InvalidError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Pseudonyms:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, realm: str, name: str) -> str:
        """The same for the same name and realm, and of no use without the key."""
        text = f"{realm}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:PSEUDONYM_CHARACTERS]


class TokenClaims:
    def __init__(self, identity: Identity, keys: Any, pseudonyms: Pseudonyms) -> None:
        """`keys`: a `KeySet` (guard/keys.py, which only this source loads)."""
        self._token: Token = identity.token
        self._names = identity.claims
        self._keys = keys
        self._pseudonyms = pseudonyms
        self._algorithms = frozenset(identity.token.algorithms)
        self.header = identity.token.header.lower().encode("ascii")

    async def read(self, fields: Iterable[Field], now: datetime, peer: str) -> Reading:
        """Raises KeysUnavailableError when the token cannot be told from a forged one."""
        try:
            text = _bearer(_single(fields, self.header), self.header)
            claims = await self._verified(text)
            self._check_times(claims, now.timestamp())
            user = _user(claims, self._names.user)
        except _InvalidError as error:
            return Reading(fault=error.fault)
        pseudonym = self._pseudonyms.of(self._token.issuer, user)
        return Reading(claim=read_claim(pseudonym, claims, self._names))

    async def _verified(self, text: str) -> Mapping[str, Any]:
        import jwt  # only where tokens are used: it costs the guard some megabytes

        try:
            head = jwt.get_unverified_header(text)
        except jwt.exceptions.PyJWTError as error:
            raise _InvalidError(Fault.MALFORMED) from error
        algorithm, kid = head.get("alg"), head.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise _InvalidError(Fault.ALGORITHM)
        if kid is not None and (not isinstance(kid, str) or len(kid) > USER_CHARACTERS):
            raise _InvalidError(Fault.MALFORMED)
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise _InvalidError(Fault.KEY_UNKNOWN)
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                audience=self._token.audience,
                issuer=self._token.issuer,
                # Times are checked here, by the server's clock that is passed in.
                options={
                    "require": ["iss", "aud", "exp"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.exceptions.PyJWTError as error:
            raise _InvalidError(_fault_of(error)) from error
        return claims

    def _check_times(self, claims: Mapping[str, Any], now: float) -> None:
        leeway = self._token.leeway_seconds
        if now >= _instant(claims, "exp") + leeway:
            raise _InvalidError(Fault.EXPIRED)
        for name in ("nbf", "iat"):
            if name in claims and now < _instant(claims, name) - leeway:
                raise _InvalidError(Fault.NOT_YET)


class GatewayClaims:
    """The header is base64url of a JSON object, with `.` and base64url of its HMAC-SHA256 where a
    secret is declared; the object then says in `iat` when it was made."""

    def __init__(
        self, identity: Identity, secrets: tuple[bytes, ...], pseudonyms: Pseudonyms
    ) -> None:
        """`secrets`: any of them signs, so that a secret can be changed without a gap."""
        self._gateway: Gateway = identity.gateway
        self._leeway = identity.token.leeway_seconds
        self._names = identity.claims
        self._secrets = secrets
        self._pseudonyms = pseudonyms
        self._networks = [ipaddress.ip_network(text) for text in identity.gateway.addresses]
        self.header = identity.gateway.header.lower().encode("ascii")

    async def read(self, fields: Iterable[Field], now: datetime, peer: str) -> Reading:
        try:
            text = _single(fields, self.header)
            self._check_peer(peer)
            claims = self._opened(text)
            if self._secrets:
                self._check_age(claims, now.timestamp())
            user = _user(claims, self._names.user)
        except _InvalidError as error:
            return Reading(fault=error.fault)
        pseudonym = self._pseudonyms.of("gateway", user)
        return Reading(claim=read_claim(pseudonym, claims, self._names))

    def _check_peer(self, peer: str) -> None:
        if not self._networks:
            return
        try:
            address = ipaddress.ip_address(peer)
        except ValueError as error:
            raise _InvalidError(Fault.UNTRUSTED_PEER) from error
        mapped = getattr(address, "ipv4_mapped", None)
        if not any((mapped or address) in network for network in self._networks):
            raise _InvalidError(Fault.UNTRUSTED_PEER)

    def _opened(self, text: str) -> Mapping[str, Any]:
        payload, dot, signature = text.partition(".")
        if self._secrets:
            given = _unpacked(signature)
            sums = [hmac.digest(key, payload.encode(), "sha256") for key in self._secrets]
            if not any([hmac.compare_digest(given, each) for each in sums]):  # noqa: C419
                raise _InvalidError(Fault.SIGNATURE)
        elif dot:
            raise _InvalidError(Fault.MALFORMED)
        try:
            claims = orjson.loads(_unpacked(payload))
        except orjson.JSONDecodeError as error:
            raise _InvalidError(Fault.MALFORMED) from error
        if not isinstance(claims, dict):
            raise _InvalidError(Fault.MALFORMED)
        return claims

    def _check_age(self, claims: Mapping[str, Any], now: float) -> None:
        made = _instant(claims, "iat")
        if now < made - self._leeway:
            raise _InvalidError(Fault.NOT_YET)
        if now > made + self._gateway.max_age_seconds:
            raise _InvalidError(Fault.EXPIRED)


class NobodyClaims:
    """Where no user is known: every request is one of nobody."""

    header = b""

    async def read(self, fields: Iterable[Field], now: datetime, peer: str) -> Reading:
        return Reading(fault=Fault.ABSENT)


def _single(fields: Iterable[Field], header: bytes) -> str:
    """The one value of `header`; two are none, since readers would disagree on which counts."""
    values = [value for name, value in fields if name.lower() == header]
    if not values:
        raise _InvalidError(Fault.ABSENT)
    if len(values) > 1:
        raise _InvalidError(Fault.AMBIGUOUS)
    if len(values[0]) > TOKEN_BYTES or not values[0].isascii():
        raise _InvalidError(Fault.MALFORMED)
    return values[0].decode("ascii").strip()


def _bearer(text: str, header: bytes) -> str:
    if header != b"authorization":
        return text
    scheme, _, token = text.partition(" ")
    if scheme.lower() != "bearer":
        raise _InvalidError(Fault.ABSENT)
    return token.strip()


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _InvalidError(Fault.MALFORMED) from error


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _InvalidError(Fault.MALFORMED)
    return float(value)


def _user(claims: Mapping[str, Any], name: str) -> str:
    user = claims.get(name)
    if isinstance(user, str) and 0 < len(user) <= USER_CHARACTERS:
        return user
    raise _InvalidError(Fault.NO_USER)


def _fault_of(error: Exception) -> Fault:
    from jwt import exceptions

    match error:
        case exceptions.InvalidSignatureError():
            return Fault.SIGNATURE
        case exceptions.InvalidIssuerError():
            return Fault.ISSUER
        case exceptions.InvalidAudienceError():
            return Fault.AUDIENCE
        case exceptions.InvalidAlgorithmError() | exceptions.InvalidKeyError():
            return Fault.ALGORITHM
    return Fault.MALFORMED
