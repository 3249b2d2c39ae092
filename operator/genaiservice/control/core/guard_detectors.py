# SPDX-License-Identifier: Apache-2.0
"""From `spec.guard.detectors` to guard.json, the keys it needs, and the condition DetectorsClosed.

The spec names Secrets and ConfigMaps; the kubelet mounts their keys as files, which the operator
never reads. A
detector that is declared to fail open is told while it is, and the moment at which that begins or
ends is looked at on time.
"""

from collections.abc import Iterator
from datetime import datetime

from genaiservice.api import names
from genaiservice.api.conditions import MEANINGS, ConditionType, Reason
from genaiservice.api.declared import json_object, text
from genaiservice.api.detector_config import NAME
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.api.problem import Text
from genaiservice.control.core.condition import Condition, Status, cut, listed, plain
from genaiservice.control.core.times import parse_time, rfc3339

REASON_CHARACTERS = 200
FILES = (
    ("apiKeySecret", "secret", "apiKeyFile", ""),
    ("caConfigMap", "configMap", "caFile", "-ca.crt"),
)
"""Field of the spec, kind of volume source, field of guard.json, end of the file's name."""


def detectors_tree(spec: Json) -> list[MutableJson] | None:
    """`detectors` of guard.json; None where the spec names none."""
    return [_told(one) for one in _detectors(spec)] or None


def sources(spec: Json | None) -> Iterator[MutableJson]:
    """Sources of the projected volume, one for each file."""
    for one in _detectors(spec):
        for field, kind, _, ending in FILES:
            reference = json_object(one.get(field))
            name, key = text(reference.get("name")), text(reference.get("key"))
            if name and key and NAME.fullmatch(text(one.get("name"))):
                yield {kind: {"name": name, "items": [{"key": key, "path": _file(one) + ending}]}}


def detectors_closed(spec: Json, now: datetime) -> Iterator[Condition]:
    """Nothing where there are no detectors."""
    if not _detectors(spec):
        return
    kind, opened = ConditionType.DETECTORS, [one for one in _detectors(spec) if _opens(one, now)]
    if not opened:
        yield plain(kind, Status.TRUE, Reason.FAILS_CLOSED)
        return
    meaning = MEANINGS[Reason.FAILS_OPEN]
    told = listed([_words(one) for one in opened])
    yield Condition(
        type=kind,
        status=Status.FALSE,
        reason=Reason.FAILS_OPEN,
        message=Text(en=f"{told}: {meaning.en}", zh=f"{told}：{meaning.zh}"),
    )


def next_change(spec: Json, now: datetime) -> datetime | None:
    """When a detector begins or ends to fail open, the next time."""
    moments = [moment for one in _detectors(spec) for moment in _moments(one) if moment is not None]
    return min((moment for moment in moments if moment > now), default=None)


def _detectors(spec: Json | None) -> list[Json]:
    found = lookup(spec, "guard", "detectors")
    return [json_object(one) for one in found] if isinstance(found, list | tuple) else []


def _told(detector: Json) -> MutableJson:
    told = dict(detector)
    for field, _, written, ending in FILES:
        if told.pop(field, None):
            told[written] = f"{names.PATH_SECRETS}/{_file(detector)}{ending}"
    return told


def _file(detector: Json) -> str:
    return f"detector-{text(detector.get('name'))}"


def _moments(detector: Json) -> tuple[datetime | None, datetime | None]:
    declared = json_object(detector.get("failOpen"))
    return parse_time(declared.get("since")), parse_time(declared.get("until"))


def _opens(detector: Json, now: datetime) -> bool:
    since, until = _moments(detector)
    return since is not None and until is not None and since <= now < until


def _words(detector: Json) -> str:
    """Name, end and reason; the end is as declared, so it causes no write by itself."""
    until = _moments(detector)[1]
    ends = f" < {rfc3339(until)}" if until else ""
    reason = text(lookup(detector, "failOpen", "reason"))
    return f"{text(detector.get('name'))}{ends} ({cut(reason, REASON_CHARACTERS)})"
