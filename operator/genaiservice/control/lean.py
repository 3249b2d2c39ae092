# SPDX-License-Identifier: Apache-2.0
"""Keeps the synchronous Kubernetes client out of the operator's process.

`kubernetes` takes in its whole client at `import kubernetes.aio.config`, which is all that
`kube.access` needs of it, and kopf looks for the same client by itself: 7 MB for code that nobody
calls. Rule: to be called before either is imported, and by the operator's process alone, since
`genaictl` works with that client.
"""

import sys
from importlib.util import find_spec, module_from_spec
from typing import Final

PACKAGES: Final = ("kubernetes", "kubernetes.aio")


def without_client() -> None:
    """Puts both packages in place with their `__init__` not run; what is in them imports well."""
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None  # noqa: S101 - a dependency of this package
        sys.modules[name] = module_from_spec(spec)
    # An ImportError tells kopf that there are no objects of that client to understand.
    sys.modules["kubernetes.client"] = None  # type: ignore[assignment]
