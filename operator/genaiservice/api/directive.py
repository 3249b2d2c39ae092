# SPDX-License-Identifier: Apache-2.0
"""The directive: what the operator tells a running guard, as one line of JSON on the pod.

It travels as the pod annotation `names.ANNOTATION_DIRECTIVE`, which a downward-API volume
shows in the guard's file system within a second. An absent or empty file means Serve; a file that
cannot be understood means Suspend, because a kill switch that is misread must not stay open.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from genaiservice.api.problem import EMPTY, Text


class Mode(StrEnum):
    SERVE = "Serve"
    SUSPEND = "Suspend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """`reason` is a condition reason (`FilingRevoked`), `message` what the public may read."""

    mode: Mode = Mode.SERVE
    reason: str = ""
    message: Text = EMPTY


SERVE = Directive()
UNREADABLE = Directive(
    mode=Mode.SUSPEND,
    reason="DirectiveUnreadable",
    message=Text(
        en="The service is suspended: its operating directive cannot be read.",
        zh="服务已暂停：无法读取运行指令。",
    ),
)


def render(directive: Directive) -> str:
    """One line of JSON, stable for equal directives; `Serve` is the empty string."""
    if directive == SERVE:
        return ""
    return json.dumps(
        {
            "mode": directive.mode.value,
            "reason": directive.reason,
            "message": directive.message.as_json(),
        },
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def parse(text: str) -> Directive:
    """The directive in `text`; never raises: what cannot be understood suspends."""
    if not text.strip():
        return SERVE
    try:
        tree = json.loads(text)
        return Directive(
            mode=Mode(tree["mode"]),
            reason=str(tree.get("reason", "")),
            message=Text(en=str(tree["message"]["en"]), zh=str(tree["message"]["zh"])),
        )
    except (ValueError, KeyError, TypeError):
        return UNREADABLE
