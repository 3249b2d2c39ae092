# SPDX-License-Identifier: Apache-2.0
"""How many connections clients may hold, idle ones too.

Each takes a file of the process and some memory. A process without files can no longer read its
directive, and would suspend the service: no client may bring that about by opening connections.
"""

import logging
import resource
from typing import Final

FILES: Final = 65_536
LEAST: Final = 256
"""Also what probes and scrapers may hold on the admin port."""
OWN_FILES: Final = LEAST + 64
"""Listeners, logs, the policy, exporters, a store of users; and the admin port."""
SMALLEST: Final = 64
PER_PLACE: Final = 4
"""Connections for each request that is served at once; most clients keep theirs for the next."""

log = logging.getLogger(__name__)


def raise_file_limit() -> int:
    """How many files this process may have open, now that it asked for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def most_connections(requests: int, files: int) -> int:
    """`requests`: how many are served at once, each with a connection to the model."""
    wanted = PER_PLACE * requests + LEAST
    room = files - OWN_FILES - requests
    if room < requests:
        log.warning(
            "too few open files for limits.concurrentRequests",
            extra={"files": files, "requests": requests},
        )
    return max(SMALLEST, min(wanted, room))
