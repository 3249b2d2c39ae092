# SPDX-License-Identifier: Apache-2.0
"""Claims are believed only when they verify: real keys, real signatures, forged ones."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from genaiservice.api.users_config import Band, Gateway, Identity, Source, Token
from genaiservice.guard.claims import (
    Fault,
    GatewayClaims,
    KeysUnavailableError,
    Pseudonyms,
    Reading,
    TokenClaims,
)
from genaiservice.guard.keys import MIN_SECONDS, STALE_SECONDS, FetchError, KeySet, parse_keys

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
AT = int(NOW.timestamp())
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it must be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
IDENTITY = Identity(
    token=Token(
        jwks_url="https://issuer.example.cn/jwks",
        issuer="https://issuer.example.cn",
        audience="chat",
        algorithms=("RS256", "ES256", "EdDSA"),
    )
)
PSEUDONYMS = Pseudonyms(b"k" * 32)


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    kind = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    writer: Any = next((w for k, w in kind.items() if isinstance(key, k)), OKPAlgorithm)
    return {**json.loads(writer.to_jwk(key.public_key())), "kid": kid, **more}


class Issuer:
    """Serves its key set and counts how often it is asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys: list[dict[str, Any]] = list(keys)
        self.failure = ""
        self.asked = 0
        self.clock = 0.0
        self.set = KeySet(self.fetch, refresh_seconds=300, clock=lambda: self.clock)

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.failure:
            raise FetchError(self.failure)
        return json.dumps({"keys": self.keys}).encode()

    def source(self, identity: Identity = IDENTITY) -> TokenClaims:
        return TokenClaims(identity, self.set, PSEUDONYMS)


def issuer() -> Issuer:
    return Issuer(jwk(RSA_KEY, "r"), jwk(EC_KEY, "e"), jwk(ED_KEY, "d"))


def claims(**more: Any) -> dict[str, Any]:
    tree = {
        "iss": "https://issuer.example.cn",
        "aud": "chat",
        "sub": "alice@example.cn",
        "exp": AT + 300,
        "iat": AT,
        "age_band": "12to16",
        **more,
    }
    return {name: value for name, value in tree.items() if value is not None}


def token(key: Any = RSA_KEY, kid: str | None = "r", algorithm: str = "RS256", **more: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**more), key, algorithm, headers=headers)


def fields(text: str) -> list[tuple[bytes, bytes]]:
    return [(b"Host", b"x"), (b"Authorization", b"Bearer " + text.encode())]


async def read(text: str, at: Issuer | None = None) -> Reading:
    return await (at or issuer()).source().read(fields(text), NOW, "10.0.0.1")


@pytest.mark.parametrize(
    ("key", "kid", "algorithm"),
    [(RSA_KEY, "r", "RS256"), (EC_KEY, "e", "ES256"), (ED_KEY, "d", "EdDSA")],
)
async def test_a_token_of_the_issuer_is_believed(key: Any, kid: str, algorithm: str) -> None:
    found = (
        await read(
            token(key, kid, algorithm, agreement_version="1.2.0", real_name=True, persona="tutor")
        )
    ).claim
    assert found is not None
    assert found.age_band is Band.FROM_12
    assert (found.agreement_version, found.real_name, found.persona) == ("1.2.0", True, "tutor")


async def test_the_user_is_a_pseudonym_that_stays_the_same() -> None:
    one, other = (await read(token())).claim, (await read(token(iat=AT - 5))).claim
    assert one is not None
    assert other is not None
    assert one.user == other.user
    assert len(one.user) == 32
    assert "alice" not in repr(one)
    assert Pseudonyms(b"x" * 32).of("https://issuer.example.cn", "alice@example.cn") != one.user


def unsigned(head: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(head).encode(), json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed_with_the_public_key() -> str:
    """The classic forgery: the public key, which everybody has, used as an HMAC secret."""
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = unsigned({"alg": "HS256", "typ": "JWT", "kid": "r"}, claims()).rstrip(".")
    seal = base64.urlsafe_b64encode(hmac.digest(pem, text.encode(), "sha256"))
    return f"{text}.{seal.rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token(exp=AT - 30), Fault.EXPIRED),
        (token(exp=AT - 29), Fault.NONE),
        (token(exp=None), Fault.MALFORMED),
        (token(exp="soon"), Fault.MALFORMED),
        (token(exp=True), Fault.MALFORMED),
        (token(nbf=AT + 30), Fault.NONE),
        (token(nbf=AT + 31), Fault.NOT_YET),
        (token(iat=AT + 31), Fault.NOT_YET),
        (token(iss="https://evil.example"), Fault.ISSUER),
        (token(iss=None), Fault.MALFORMED),
        (token(aud="other"), Fault.AUDIENCE),
        (token(aud=["other", "chat"]), Fault.NONE),
        (token(aud=None), Fault.MALFORMED),
        (token(sub=None), Fault.NO_USER),
        (token(sub=""), Fault.NO_USER),
        (token(OTHER_RSA), Fault.SIGNATURE),
        (token(kid="x"), Fault.KEY_UNKNOWN),
        (token(kid=None), Fault.NONE),
        (token(EC_KEY, "r", "ES256"), Fault.KEY_UNKNOWN),
        (token(RSA_KEY, "r", "RS512"), Fault.ALGORITHM),
        (token("s" * 32, "r", "HS256"), Fault.ALGORITHM),
        (signed_with_the_public_key(), Fault.ALGORITHM),
        (unsigned({"alg": "none", "kid": "r"}, claims()), Fault.ALGORITHM),
        (unsigned({"alg": "None", "kid": "r"}, claims()), Fault.ALGORITHM),
        (unsigned({"kid": "r"}, claims()), Fault.ALGORITHM),
        (unsigned({"alg": "RS256", "kid": ["r"]}, claims()), Fault.MALFORMED),
        (unsigned({"alg": "RS256", "kid": "r"}, claims(), b"x" * 256), Fault.SIGNATURE),
        (token()[:-8], Fault.MALFORMED),
        ("", Fault.MALFORMED),
        ("a.b.c", Fault.MALFORMED),
        ("x" * 9000, Fault.MALFORMED),
    ],
)
async def test_a_token_at_fault_is_no_claim_and_has_its_word(text: str, expected: Fault) -> None:
    reading = await read(text)
    if expected is Fault.MALFORMED:
        assert reading.fault in (Fault.MALFORMED, Fault.SIGNATURE)
    else:
        assert reading.fault is expected
    assert (reading.claim is None) == (expected is not Fault.NONE)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], Fault.ABSENT),
        ([(b"Authorization", b"Basic eDp5")], Fault.ABSENT),
        ([(b"authorization", b"bearer " + token().encode())], Fault.NONE),
        (fields(token()) + fields(token()), Fault.AMBIGUOUS),
        ([(b"Authorization", "Bearer é".encode())], Fault.MALFORMED),
    ],
)
async def test_the_header_says_one_thing_or_nothing(
    given: list[tuple[bytes, bytes]], expected: Fault
) -> None:
    assert (await issuer().source().read(given, NOW, "")).fault is expected


async def test_a_rotated_key_is_fetched_once_when_its_id_appears() -> None:
    at = issuer()
    assert (await read(token(), at)).claim is not None
    at.keys = [jwk(OTHER_RSA, "new")]
    at.clock += MIN_SECONDS
    assert (await read(token(OTHER_RSA, "new"), at)).claim is not None
    assert at.asked == 2
    assert (await read(token(), at)).fault is Fault.KEY_UNKNOWN


async def test_unknown_key_ids_lead_to_no_flood_of_fetches() -> None:
    at = issuer()
    for number in range(50):
        assert (await read(token(kid=f"x{number}"), at)).fault is Fault.KEY_UNKNOWN
    assert at.asked == 1
    at.clock += MIN_SECONDS
    for number in range(50):
        await read(token(kid=f"y{number}"), at)
    assert at.asked == 2


async def test_known_keys_serve_for_a_bounded_time_while_the_issuer_is_down() -> None:
    at = issuer()
    await read(token(), at)
    at.failure = "timeout"
    at.clock += STALE_SECONDS
    assert (await read(token(), at)).claim is not None
    at.clock += MIN_SECONDS
    with pytest.raises(KeysUnavailableError, match="timeout"):
        await read(token(), at)
    at.failure = ""
    at.clock += MIN_SECONDS
    assert (await read(token(), at)).claim is not None


async def test_keys_are_renewed_when_they_are_due_so_that_a_withdrawn_key_ends() -> None:
    at = issuer()
    await read(token(), at)
    at.keys = [jwk(OTHER_RSA, "new")]
    at.clock += 301
    assert (await read(token(), at)).fault is Fault.KEY_UNKNOWN


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "not_a_key_set"),
        (b"<html>", "not_a_key_set"),
        (b"[]", "not_a_key_set"),
        (b'{"keys": 5}', "not_a_key_set"),
        (b'{"keys": []}', "no_usable_key"),
        (json.dumps({"keys": [{"kty": "oct", "k": "czNjcjN0", "kid": "r"}]}).encode(),
         "no_usable_key"),
        (json.dumps({"keys": [jwk(WEAK_RSA, "r")]}).encode(), "no_usable_key"),
        (json.dumps({"keys": [jwk(RSA_KEY, "r", use="enc")]}).encode(), "no_usable_key"),
    ],
)  # fmt: skip
def test_a_key_set_without_a_usable_key_is_told(data: bytes, word: str) -> None:
    with pytest.raises(FetchError, match=word):
        parse_keys(data)


# -- the gateway's header

SECRET = b"s" * 32
GATEWAY = Identity(
    source=Source.GATEWAY, gateway=Gateway(secret_file="secret", addresses=("10.0.0.0/8",))
)


def sealed(secret: bytes = SECRET, **more: Any) -> str:
    body = {"sub": "alice", "age_band": "adult", "iat": AT, **more}
    payload = base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=")
    seal = base64.urlsafe_b64encode(hmac.digest(secret, payload, "sha256")).rstrip(b"=")
    return f"{payload.decode()}.{seal.decode()}"


@pytest.mark.parametrize(
    ("text", "peer", "expected"),
    [
        (sealed(), "10.1.2.3", Fault.NONE),
        (sealed(), "::ffff:10.1.2.3", Fault.NONE),
        (sealed(b"o" * 32), "10.1.2.3", Fault.NONE),
        (sealed(), "192.168.1.1", Fault.UNTRUSTED_PEER),
        (sealed(), "", Fault.UNTRUSTED_PEER),
        (sealed(b"x" * 32), "10.1.2.3", Fault.SIGNATURE),
        (sealed().split(".")[0], "10.1.2.3", Fault.SIGNATURE),
        (sealed(iat=AT - 60), "10.1.2.3", Fault.NONE),
        (sealed(iat=AT - 61), "10.1.2.3", Fault.EXPIRED),
        (sealed(iat=AT + 31), "10.1.2.3", Fault.NOT_YET),
        (sealed(iat=None), "10.1.2.3", Fault.MALFORMED),
        (sealed(sub=5), "10.1.2.3", Fault.NO_USER),
        ("!!!.???", "10.1.2.3", Fault.MALFORMED),
    ],
)
async def test_a_gateway_is_believed_by_its_seal_and_its_address(
    text: str, peer: str, expected: Fault
) -> None:
    source = GatewayClaims(GATEWAY, (SECRET, b"o" * 32), PSEUDONYMS)
    reading = await source.read([(b"X-Genai-User", text.encode())], NOW, peer)
    assert reading.fault is expected
    assert (reading.claim is None) == (expected is not Fault.NONE)


async def test_a_gateway_trusted_by_address_alone_sends_plain_claims() -> None:
    alone = replace(GATEWAY, gateway=Gateway(addresses=("127.0.0.1",)))
    source = GatewayClaims(alone, (), PSEUDONYMS)
    plain = sealed().split(".")[0].encode()
    good = await source.read([(b"X-Genai-User", plain)], NOW, "127.0.0.1")
    assert good.claim is not None
    bad = await source.read([(b"X-Genai-User", plain)], NOW, "127.0.0.2")
    assert bad.fault is Fault.UNTRUSTED_PEER
