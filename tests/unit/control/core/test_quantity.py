# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from genaiservice.control.core.quantity import amount, canonical


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        (1, "1"),
        (0.25, "250m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("1500Mi", "1500Mi"),
        ("2048", "2048"),
        ("1000", "1k"),
        ("12M", "12M"),
        ("0", "0"),
        ("100u", "100u"),
    ],
)
def test_a_quantity_is_written_as_the_api_server_writes_it(written: Any, stored: str) -> None:
    assert canonical(written) == stored
    assert canonical(stored) == stored
    assert amount(written) == amount(stored)


@pytest.mark.parametrize("value", ["", "abc", "1.2.3", "1Q", None, True, {}, "1e", "9" * 40])
def test_what_is_no_quantity_is_left_to_the_api_server_to_refuse(value: Any) -> None:
    assert canonical(value) == value
    assert amount(value) is None
