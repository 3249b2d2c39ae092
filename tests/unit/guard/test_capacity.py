# SPDX-License-Identifier: Apache-2.0
"""How many connections are taken, so that files and memory last."""

import pytest

from genaiservice.guard.capacity import most_connections


@pytest.mark.parametrize(
    ("requests", "files", "most"),
    [
        (1000, 65_536, 4256),
        (1, 65_536, 260),
        (1000, 4096, 2776),
        (20_000, 65_536, 45_216),
        (1000, 1024, 64),
    ],
)
def test_connections_leave_files_for_the_model_and_for_ourselves(
    requests: int, files: int, most: int
) -> None:
    assert most_connections(requests, files) == most
