# SPDX-License-Identifier: Apache-2.0
"""From what a team declares (`spec.compliance`) to `users` of guard.json. Pure.

`technical` is what no declaration holds: where tokens and keys come from, the store, the files of
the content policies, in the words of guard.json. Rule: where both speak of the same thing the
declaration counts, since the authorities were told that one; a value is carried over as it stands,
and what is wrong with it is found by `read_users`.
"""

from collections.abc import Mapping
from typing import Any, Final

from genaiservice.api.jsontree import Json, MutableJson, lookup, merge_patch

MINORS: Final = (
    "policy",
    "ageSignal",
    "breakReminderMinutes",
    "guardianOverride",
    "exitNeedsGuardian",
)
BAND: Final = ("band", "dailyMinutes", "contentPolicy")


def declared_users(compliance: Json, technical: Json | None) -> MutableJson | None:
    """None where nothing says how a user is known; the guard then asks nobody."""
    if not technical:
        return None
    tree: MutableJson = merge_patch(
        technical,
        {
            "identity": {"claims": _claims(compliance)},
            "minors": _minors(compliance),
            "ladder": _ladder(compliance),
            **_accounts(compliance),
            **_reminder(compliance),
        },
    )
    return tree


def _claims(compliance: Json) -> MutableJson:
    return _held(
        age=lookup(compliance, "minors", "ageClaim"),
        agreement=lookup(compliance, "accounts", "agreementClaim"),
        realName=lookup(compliance, "accounts", "realNameClaim"),
    )


def _minors(compliance: Json) -> MutableJson:
    minors = lookup(compliance, "minors", default={})
    found = _picked(minors, MINORS)
    bands = lookup(minors, "bands")
    if isinstance(bands, list):
        found["bands"] = [_picked(band, BAND) for band in bands]
    curfew = lookup(minors, "curfew")
    if curfew is not None:
        found["curfew"] = _picked(curfew, ("start", "end"))
    return found


def _ladder(compliance: Json) -> MutableJson:
    misuse = lookup(compliance, "contentSafety", "misuse", default={})
    return _held(
        steps=lookup(compliance, "incident", "sanctionLadder"),
        first=lookup(misuse, "action"),
        consecutiveHits=lookup(misuse, "consecutiveHits"),
        dailyHits=lookup(misuse, "dailyHits"),
    )


def _accounts(compliance: Json) -> MutableJson:
    """Art. 9: who must register has accepted the agreement; who may publish is identified."""
    registers = lookup(compliance, "accounts", "registrationRequired") is True
    publishes = lookup(compliance, "scope", "propagation") is True
    identified = lookup(compliance, "accounts", "realName") not in (None, "None")
    found: MutableJson = {}
    version = lookup(compliance, "agreement", "version")
    if registers and version and lookup(compliance, "accounts", "agreementClaim"):
        found["agreementVersion"] = version
    if identified and (registers or publishes):
        found["realName"] = {"required": True}
    return found


def _reminder(compliance: Json) -> MutableJson:
    minutes = lookup(compliance, "anthropomorphicService", "reminderMinutes")
    if lookup(compliance, "scope", "anthropomorphic") is True and minutes is not None:
        return {"reminderMinutes": minutes}
    return {}


def _picked(tree: Any, keys: tuple[str, ...]) -> MutableJson:
    return _held(**{key: lookup(tree, key) for key in keys}) if isinstance(tree, Mapping) else {}


def _held(**values: Any) -> MutableJson:
    return {key: value for key, value in values.items() if value is not None}
