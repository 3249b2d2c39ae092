# SPDX-License-Identifier: Apache-2.0
"""Examples as they would be kept: the days that age are moved to where a caretaker keeps them.

An example states the days on which it was written. A look-up of a filing holds for 90 days, a
drill for a year; without this the story would end in a refusal a few months later, rightly.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

LOOKED_UP_WITHIN = timedelta(days=60)
REASSESS_AHEAD = timedelta(days=60)
DRILLED_WITHIN = timedelta(days=300)


def documents(folder: Path, today: date) -> list[dict[str, Any]]:
    """Every document of the YAML files right in `folder`, renewed for `today`."""
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.yaml")):
        found += yaml.safe_load_all(path.read_text("utf-8"))
    return list(renewed(found, today))


def renewed(manifests: Iterable[dict[str, Any]], today: date) -> Iterable[dict[str, Any]]:
    for manifest in manifests:
        if manifest.get("kind") == "GenAIService":
            _renew(manifest["spec"].get("compliance", {}), today)
        yield manifest


def _renew(declared: dict[str, Any], today: date) -> None:
    for filing in declared.get("filings", []):
        _not_before(filing, "lastCheckedOn", today - LOOKED_UP_WITHIN, today)
    assessment = declared.get("securityAssessment", {})
    _not_before(assessment, "reassessBy", today + REASSESS_AHEAD, today + timedelta(days=365))
    continuity = declared.get("continuity", {})
    _not_before(continuity, "lastRestoreDrillOn", today - DRILLED_WITHIN, today)
    incident = declared.get("incident", {})
    _not_before(incident, "lastDrillOn", today - LOOKED_UP_WITHIN, today)
    _not_before(incident.get("plan", {}), "issuedOn", today - DRILLED_WITHIN, today)


def _not_before(holder: dict[str, Any], field: str, limit: date, fresh: date) -> None:
    if field in holder and date.fromisoformat(holder[field]) < limit:
        holder[field] = fresh.isoformat()
