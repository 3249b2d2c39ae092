# SPDX-License-Identifier: Apache-2.0
"""How the guard keeps its decision log: `record` in its configuration."""

from dataclasses import dataclass
from enum import StrEnum

from genaiservice.api.fields import Fields


class Fsync(StrEnum):
    """Never: the kernel decides. Interval: once a second. Always: after each batch of lines."""

    NEVER = "Never"
    INTERVAL = "Interval"
    ALWAYS = "Always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """`rotate_bytes` 0 never rotates. `otlp` also sends each line to `telemetry.otlpEndpoint`."""

    rotate_bytes: int = 64 * 1024 * 1024
    keep_files: int = 16
    fsync: Fsync = Fsync.INTERVAL
    otlp: bool = False


DEFAULT = Recording()


def read_recording(read: Fields) -> Recording:
    recording = Recording(
        rotate_bytes=read.integer("rotateBytes", 64 * 1024 * 1024, least=0, most=1024**4),
        keep_files=read.integer("keepFiles", 16, least=1, most=100_000),
        fsync=read.choice("fsync", Fsync.INTERVAL),
        otlp=read.boolean("otlp", False),
    )
    read.end()
    return recording
