# SPDX-License-Identifier: Apache-2.0
"""The guard limits users as the team declared it, not as a setting beside the declaration says."""

from typing import Any

from genaiservice.api import guard_config
from genaiservice.api.jsontree import merge_patch
from genaiservice.api.users_config import Band, BandLimits, Curfew, Step, UsersConfig
from genaiservice.api.users_declared import declared_users

TECHNICAL = {
    "identity": {"token": {"jwksFile": "keys.json", "issuer": "i", "audience": "a"}},
    "contentPolicies": [{"name": "teens", "file": "teens.json.gz"}],
    "realName": {"paths": ["/v1/publish"]},
    "minors": {"refusedPersonas": ["partner"], "curfew": {"start": "23:30", "end": "05:00"}},
    "ladder": {"suspendHours": 48, "consecutiveHits": 99},
}
COMPLIANCE = {
    "scope": {"propagation": False, "anthropomorphic": True},
    "accounts": {
        "registrationRequired": True,
        "realName": "Phone",
        "agreementClaim": "agreed",
        "realNameClaim": "verified",
    },
    "agreement": {"version": "1.2.0"},
    "minors": {
        "policy": "Allowed",
        "ageSignal": "GuardianBinding",
        "ageClaim": "band",
        "bands": [{"band": "12to16", "dailyMinutes": 40, "contentPolicy": "teens"}],
        "breakReminderMinutes": 20,
        "curfew": {"start": "21:00", "end": "07:00", "timezone": "Asia/Shanghai"},
        "guardianOverride": True,
        "exitNeedsGuardian": True,
        "annualAudit": {"title": "x"},
    },
    "incident": {"sanctionLadder": ["Warn", "Suspend"]},
    "contentSafety": {"misuse": {"consecutiveHits": 3, "dailyHits": 8, "action": "Suspend"}},
    "anthropomorphicService": {"reminderMinutes": 120},
}


def users(patch: dict[str, Any] | None = None) -> UsersConfig:
    tree = declared_users(merge_patch(COMPLIANCE, patch or {}), TECHNICAL)
    found = guard_config.parse(
        {"upstream": {"url": "http://127.0.0.1:1"}, "policyFile": "p", "users": tree}
    ).users
    assert found is not None
    return found


def test_every_declared_limit_reaches_the_guard() -> None:
    found = users()
    assert found.minors.bands == (
        BandLimits(band=Band.FROM_12, daily_minutes=40, content_policy="teens"),
    )
    assert found.minors.curfew == Curfew(start="21:00", end="07:00")
    assert (found.minors.break_reminder_minutes, found.minors.guardian_override) == (20, True)
    assert found.minors.refused_personas == ("partner",)
    assert (found.ladder.steps, found.ladder.first) == ((Step.WARN, Step.SUSPEND), Step.SUSPEND)
    assert (found.ladder.consecutive_hits, found.ladder.daily_hits) == (3, 8)
    assert found.ladder.suspend_hours == 48
    claims = found.identity.claims
    assert (claims.age, claims.agreement, claims.real_name) == ("band", "agreed", "verified")
    assert (found.agreement_version, found.reminder_minutes) == ("1.2.0", 120)
    assert (found.real_name.required, found.real_name.paths) == (True, ("/v1/publish",))


def test_who_need_not_register_need_not_agree_and_is_identified_only_to_publish() -> None:
    open_ = users({"accounts": {"registrationRequired": False}})
    assert (open_.agreement_version, open_.real_name.required) == ("", False)
    publishing = {"accounts": {"registrationRequired": False}, "scope": {"propagation": True}}
    assert users(publishing).real_name.required
    assert not users({"accounts": {"realName": "None"}}).real_name.required


def test_a_service_that_is_no_companion_reminds_only_minors() -> None:
    assert users({"scope": {"anthropomorphic": False}}).reminder_minutes == 0


def test_without_a_way_to_know_users_there_are_none() -> None:
    assert declared_users(COMPLIANCE, None) is None
    assert declared_users(COMPLIANCE, {}) is None
