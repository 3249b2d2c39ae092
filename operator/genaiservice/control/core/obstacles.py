# SPDX-License-Identifier: Apache-2.0
"""What the API server would let pass and the operator does not, each told in the status.

Server-side apply takes over an object of somebody else, and leaves in place what somebody added
to one of ours. The first would destroy, the second would let serve what was never admitted.
"""

from typing import Final

from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.api.problem import Text
from genaiservice.control.core.condition import listed
from genaiservice.control.core.drift import differs, strangers
from genaiservice.control.core.observed import ApplyFailure, Observed

TAKEN: Final = Text(
    en="exists and belongs to somebody else: rename the GenAIService, or delete the object.",
    zh="已存在且不属于该 GenAIService：请为 GenAIService 改名，或删除该对象。",
)
ADDED: Final = Text(
    en="holds what was not admitted: {what}. Remove it there and write it into the GenAIService, "
    "or delete the object: it is made anew.",
    zh="含有未经放行的内容：{what}。请从中删除并写入 GenAIService，或删除该对象以便重新创建。",
)
SERVING: Final = ("Deployment", "Service")
"""Kinds that decide what serves and who reaches it and whose lists are merged with others'."""


def taken(observed: Observed, manifest: Json) -> bool:
    """Whether an object of somebody else bears the name of a child."""
    live = observed.child(manifest["kind"], manifest["metadata"]["name"])
    return live is not None and not observed.controls(live)


def first(observed: Observed, wanted: tuple[MutableJson, ...]) -> ApplyFailure | None:
    for manifest in wanted:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        text = TAKEN if taken(observed, manifest) else _added(observed, manifest)
        if text is not None:
            return ApplyFailure(kind=kind, name=name, message=text.en, text=text)
    return None


def _added(observed: Observed, manifest: Json) -> Text | None:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    live = observed.child(kind, name)
    # What is ours and no longer wanted goes with the apply that is about to come.
    if kind not in SERVING or differs(live, manifest):
        return None
    added = sorted(strangers(live, manifest))
    return ADDED.format(what=listed(added)) if added else None
