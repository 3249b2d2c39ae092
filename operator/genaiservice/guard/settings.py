# SPDX-License-Identifier: Apache-2.0
"""The guard's settings: its configuration file, with file names made absolute.

The only module that reads the file. A file at fault is told whole and ends the process with 2;
the guard never starts with settings that it guessed.
"""

import json
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from genaiservice.api import guard_config
from genaiservice.api.fields import fault
from genaiservice.api.guard_config import GuardConfig
from genaiservice.api.problem import Lang, Problem, ProblemError, Text

FILE_BYTES: Final = 1024 * 1024
EXIT_BAD_SETTINGS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`decision_log` is None for standard output; `folder` is what file names are relative to."""

    config: GuardConfig
    folder: Path
    policy_file: Path
    directive_file: Path
    decision_log: Path | None


def load(path: Path) -> Settings:
    """The settings in the file at `path`; raises ProblemError with every fault found."""
    config = guard_config.parse(_read(path))
    folder = path.absolute().parent
    log = config.decision_log
    return Settings(
        config=config,
        folder=folder,
        policy_file=folder / config.policy_file,
        directive_file=folder / config.directive_file,
        decision_log=None if log == "-" else folder / log,
    )


def explain(path: Path, problems: tuple[Problem, ...]) -> str:
    """What a person reads on standard error: every problem, in both languages."""
    lines = [f"genaiservice guard: {path}"]
    for lang in (Lang.ZH, Lang.EN):
        lines += [f"  {problem.render(lang)}" for problem in problems]
    return "\n".join(lines)


def _read(path: Path) -> object:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProblemError(
            fault(
                str(path),
                Text(en=f"cannot be read ({reason})", zh=f"无法读取（{reason}）"),
                Text(en="name a readable file with --config", zh="请用 --config 指定可读取的文件"),
            )
        ) from error
    if len(data) > FILE_BYTES:
        raise ProblemError(
            fault(
                str(path),
                Text(en="is larger than 1 MiB", zh="超过 1 MiB"),
                Text(
                    en="a guard configuration has a few lines; terms belong in policyFile",
                    zh="护栏配置只有数行；词库应放入 policyFile",
                ),
            )
        )
    try:
        return json.loads(data, object_pairs_hook=partial(_unique, path))
    except (ValueError, RecursionError) as error:
        raise ProblemError(_no_json(path, error)) from error


def _no_json(path: Path, error: Exception) -> Problem:
    place = cause = ""
    if isinstance(error, json.JSONDecodeError):
        # The parser's words name signs, never a value of the file.
        place, cause = f":{error.lineno}:{error.colno}", error.msg
    return fault(
        f"{path}{place}",
        Text(
            en="is not JSON in UTF-8" + (f" ({cause})" if cause else ""),
            zh="不是 UTF-8 编码的 JSON" + (f"（{cause}）" if cause else ""),
        ),
        Text(en="correct the file at this place", zh="请更正文件的此处"),
    )


def _unique(path: Path, pairs: list[tuple[str, object]]) -> dict[str, object]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ProblemError(
            fault(
                str(path),
                Text(
                    en=f"holds the field {twice[:60]!r} twice", zh=f"字段 {twice[:60]!r} 出现两次"
                ),
                Text(en="remove one of the two", zh="请删除其中一个"),
                Text(
                    en="only the last would count, without a word",
                    zh="只有最后一个会生效，且不会有任何提示",
                ),
            )
        )
    return tree
