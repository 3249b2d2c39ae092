# SPDX-License-Identifier: Apache-2.0
"""Which header fields pass, and the heads of messages as bytes. Pure.

End-to-end fields pass unchanged in both directions. Hop-by-hop fields (RFC 9110, 7.6.1) and what
describes the body as it was before screening do not. Nothing here is ever logged.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

Field = tuple[bytes, bytes]

HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
REQUEST_OURS: Final = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"content-encoding",  # the body is forwarded decoded, since it was read
    b"accept-encoding",  # what is compressed cannot be screened on its way
    b"expect",
    b"range",  # a part of an answer cannot be screened
    b"if-range",
    b"x-request-id",
    b"genai-label",  # a wish to the guard
    b"traceparent",
    b"tracestate",
}
RESPONSE_OURS: Final = HOP_BY_HOP | {
    b"content-length",
    b"content-type",
    b"content-encoding",
    b"date",
    b"server",
    b"x-request-id",
    # These vouch for the body as the model sent it; label and masking make them untrue.
    b"etag",
    b"last-modified",
    b"content-md5",
    b"digest",
    b"content-digest",
    b"repr-digest",
    b"accept-ranges",
    b"content-range",
}
REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


def passing(fields: Iterable[Field], ours: frozenset[bytes]) -> list[Field]:
    """The fields that pass: not ours, and not named by a `Connection` field."""
    fields = list(fields)
    named = {
        token.strip().lower()
        for name, value in fields
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    return [
        (name, value)
        for name, value in fields
        if (lowered := name.lower()) not in ours and lowered not in named
    ]


def request_head(method: bytes, target: bytes, fields: Iterable[Field]) -> bytes:
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, _lines(fields))


def response_head(status: int, fields: Iterable[Field]) -> bytes:
    phrase = REASONS.get(status, "").encode("ascii")
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, phrase, _lines(fields))


def _lines(fields: Iterable[Field]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)
