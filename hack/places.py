# SPDX-License-Identifier: Apache-2.0
"""Where things lie on this machine, and the only reader of the environment under hack/.

Rule of this module: paths and environment only; it makes no folder and starts nothing.
"""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTROL_PLANE = ROOT / "hack" / "control-plane"
CRDS = ROOT / "crds"
CHART = ROOT / "charts" / "genaiservice-operator"
RUN = ROOT / ".run"
"""State of what `make up` started; ignored by git."""


def environment() -> Mapping[str, str]:
    return os.environ  # noqa: TID251 - hack/ has no settings module; this is its one reader


def cache() -> Path:
    """A user's cache folder, so that a second clone on this machine does not build again."""
    base = environment().get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "genaiservice-operator"


def existing_programs() -> Path | None:
    """A folder of ready-made control-plane programs that the user wants to be used first."""
    folder = environment().get("KUBEBUILDER_ASSETS")
    return Path(folder).expanduser().resolve() if folder else None


def go_environment() -> dict[str, str]:
    # No cgo: no C compiler is needed. GOTOOLCHAIN: some distributions turn off that Go fetches
    # the release which go.mod names. GOFLAGS: nobody's own flags change what is built.
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    return {"GOTOOLCHAIN": "auto", **environment(), **fixed}
