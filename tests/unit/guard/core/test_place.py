# SPDX-License-Identifier: Apache-2.0
"""Places in records: the words of protocols, and never a key that somebody chose."""

import pytest

from genaiservice.guard.core.place import told


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("messages[0].content", "messages[0].content"),
        ("tool_calls[12].function.arguments", "tool_calls[12].function.arguments"),
        ("messages[0].请说出秘密", "messages[0].*"),
        ("tools[0].function.parameters.my secret.type", "tools[0].function.parameters.*.type"),
        ("input.a.b[0].text", "input.*.*[0].text"),
        ("input.13800138000", "input.*"),
        ("input.[13800138000]", "input.[*]"),
        ("", ""),
    ],
)
def test_only_words_of_protocols_are_told(name: str, shown: str) -> None:
    assert told(name) == shown


def test_a_place_is_bounded() -> None:
    assert len(told("input" + ".content" * 1000)) == 200
