# SPDX-License-Identifier: Apache-2.0
"""Label selectors as Kubernetes reads them: matchLabels and matchExpressions together.

Total: what cannot be read selects nothing.
"""

from collections.abc import Mapping
from typing import Any

from genaiservice.api.jsontree import Json, lookup


def selects(selector: Any, labels: Any) -> bool:
    """Whether a selector of policy/v1 matches; an empty one matches everything."""
    if not isinstance(selector, Mapping):
        return False
    has: Json = labels if isinstance(labels, Mapping) else {}
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    return all(has.get(key) == value for key, value in wanted.items()) and all(
        _meets(expression, has) for expression in expressions
    )


def _meets(expression: Any, labels: Json) -> bool:
    key, values = lookup(expression, "key"), lookup(expression, "values", default=()) or ()
    match lookup(expression, "operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
