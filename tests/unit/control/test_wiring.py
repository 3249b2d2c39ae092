# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection

from genaiservice.control.wiring import settings


def test_a_server_that_is_back_is_watched_within_seconds() -> None:
    pauses = settings().networking.error_backoffs
    assert isinstance(pauses, Collection)
    assert max(pauses) <= 5
    assert sum(pauses) >= 120  # and the process outlives the restart of an API server
