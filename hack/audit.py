# SPDX-License-Identifier: Apache-2.0
"""The API server's audit log as the list of writes that it answered.

Rule of this module: it reads a file and judges nothing. What is not written (get, list, watch)
is not in the log; see `cluster-config/audit.yaml`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DRY_RUN = "dryRun=All"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    user: str
    agent: str
    verb: str
    resource: str
    """With the subresource, as in `genaiservices/status`."""
    namespace: str
    name: str
    code: int
    uri: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.verb} {self.resource} {where} -> {self.code} by {self.user}"


def writes_since(log: Path, offset: int) -> list[Write]:
    if not log.exists():
        return []
    with log.open("rb") as lines:
        lines.seek(offset)
        # The last line may still be on its way.
        entries = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [write(entry) for entry in entries if DRY_RUN not in entry["requestURI"]]


def write(entry: dict[str, Any]) -> Write:
    target = entry.get("objectRef", {})
    resource = [target.get("resource", ""), target.get("subresource", "")]
    return Write(
        user=entry["user"].get("username", ""),
        agent=entry.get("userAgent", ""),
        verb=entry["verb"],
        resource="/".join(filter(None, resource)),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=entry.get("responseStatus", {}).get("code", 0),
        uri=entry["requestURI"],
    )
