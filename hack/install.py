# SPDX-License-Identifier: Apache-2.0
"""Puts parts of this operator into a cluster."""

from hack.cluster import Cluster
from hack.places import CRDS

ESTABLISHED_SECONDS = 30


def install_crds(cluster: Cluster) -> None:
    """Apply `crds/*.yaml` and wait until the API server serves them."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    limit = f"--timeout={ESTABLISHED_SECONDS}s"
    cluster.kubectl("wait", "--for=condition=Established", limit, "-f", str(CRDS))
