# SPDX-License-Identifier: Apache-2.0
"""The moderation policy, compiled once and shared by every exchange.

`compile_policy` takes the parsed policy file (`version`, `mask`, `refusal`, `classes`, `allow`,
`normalisation`) and its hash, which it only carries along. It is pure; an unusable policy raises
`ProblemError` with every problem in it.
"""

from dataclasses import dataclass

from genaiservice.api.jsontree import Json
from genaiservice.api.problem import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    name: str
    hash: str
    terms: int
    mask: str
    refusal: Text


def compile_policy(tree: Json, digest: str) -> Policy:
    """The policy ready to screen with; raises `ProblemError` for one that cannot be used."""
    raise NotImplementedError
