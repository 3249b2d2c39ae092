# SPDX-License-Identifier: Apache-2.0
"""The policy file of a guard that runs without the operator: the bytes that the operator packs."""

import gzip
from pathlib import Path
from typing import Final

from genaiservice.api.problem import EMPTY, Problem, ProblemError, Text
from genaiservice.cli.moderation import Loaded

PACKED: Final = Text(en="{n} terms, {hash}", zh="{n} 个词条，{hash}")
UNWRITTEN: Final = Text(en="cannot be written ({why})", zh="无法写入（{why}）")
WRITE: Final = Text(en="name a file in a folder that exists", zh="请指定已有文件夹中的文件")
ONE_POLICY: Final = Problem(
    what=Text(en="several policies are given", zh="给出了多个策略"),
    why=Text(en="a guard has one", zh="一个护栏只使用一个策略"),
    next=Text(en="give the files of one policy", zh="请只提供一个策略的文件"),
)


def write(loaded: list[Loaded], problems: list[Problem], to: Path) -> Text:
    """What was written; raises ProblemError, and what stands at `to` stays then."""
    if problems or len(loaded) != 1:
        raise ProblemError(*(problems or [ONE_POLICY]))
    resolved = loaded[0].resolved
    try:
        # A running guard may read at any moment: the new file takes the old one's place at once.
        fresh = to.with_name(f"{to.name}.new")
        fresh.write_bytes(
            resolved.packed if to.suffix == ".gz" else gzip.decompress(resolved.packed)
        )
        fresh.replace(to)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProblemError(
            Problem(where=str(to), what=UNWRITTEN.format(why=reason), why=EMPTY, next=WRITE)
        ) from None
    return PACKED.format(n=resolved.terms, hash=resolved.hash)
