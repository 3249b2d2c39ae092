# SPDX-License-Identifier: Apache-2.0
"""Header fields: what passes, what never does, and the heads as bytes."""

import pytest

from genaiservice.guard.headers import (
    REQUEST_OURS,
    RESPONSE_OURS,
    passing,
    request_head,
    response_head,
)


@pytest.mark.parametrize(
    "name",
    [
        b"Connection",
        b"keep-alive",
        b"TE",
        b"Trailer",
        b"Transfer-Encoding",
        b"Upgrade",
        b"Proxy-Authorization",
    ],
)
def test_hop_by_hop_fields_pass_in_no_direction(name: bytes) -> None:
    assert passing([(name, b"x")], REQUEST_OURS) == []
    assert passing([(name, b"x")], RESPONSE_OURS) == []


def test_what_connection_names_does_not_pass_either() -> None:
    fields = [(b"Connection", b"close, X-Secret"), (b"x-secret", b"1"), (b"X-Other", b"2")]
    assert passing(fields, REQUEST_OURS) == [(b"X-Other", b"2")]


def test_authorization_passes_to_the_model() -> None:
    fields = [(b"Authorization", b"Bearer k"), (b"OpenAI-Organization", b"o")]
    assert passing(fields, REQUEST_OURS) == fields


@pytest.mark.parametrize("name", [b"Accept-Encoding", b"Content-Length", b"Host", b"Range"])
def test_what_the_guard_says_itself_is_not_passed_to_the_model(name: bytes) -> None:
    assert passing([(name, b"x")], REQUEST_OURS) == []


@pytest.mark.parametrize("name", [b"ETag", b"Content-MD5", b"Digest", b"Content-Length"])
def test_what_vouches_for_the_unscreened_body_does_not_pass(name: bytes) -> None:
    assert passing([(name, b"x")], RESPONSE_OURS) == []


def test_heads_are_rendered_as_http_says() -> None:
    assert request_head(b"GET", b"/v1/models", [(b"Host", b"h")]) == (
        b"GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    assert response_head(451, [(b"A", b"b")]) == (
        b"HTTP/1.1 451 Unavailable For Legal Reasons\r\nA: b\r\n\r\n"
    )
