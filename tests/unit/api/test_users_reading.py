# SPDX-License-Identifier: Apache-2.0
"""What `users` of guard.json may say, and that no oversight in it lifts a protection."""

from typing import Any

import pytest

from genaiservice.api import guard_config
from genaiservice.api.problem import Lang, ProblemError
from genaiservice.api.users_config import Band, Missing, Source, Step, StoreKind, UsersConfig

TOKEN = {"jwksFile": "keys.json", "issuer": "i", "audience": "a"}


def users(**more: Any) -> dict[str, Any]:
    return {"identity": {"token": TOKEN}, **more}


def parse(tree: Any) -> UsersConfig | None:
    return guard_config.parse(
        {"upstream": {"url": "http://127.0.0.1:1"}, "policyFile": "p", "users": tree}
    ).users


def faults(tree: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        parse(tree)
    for problem in caught.value.problems:
        assert problem.what.zh
        assert problem.next.zh
        assert problem.next.en
    return "\n".join(problem.render(Lang.EN) for problem in caught.value.problems)


def test_a_guard_without_users_has_none() -> None:
    assert parse(None) is None


def test_what_is_rendered_parses_to_the_same() -> None:
    tree = users(
        minors={
            "policy": "Allowed",
            "ageSignal": "GuardianBinding",
            "bands": [{"band": "12to16"}, {"band": "16to18", "contentPolicy": "teens"}],
            "refusedPersonas": ["partner"],
        },
        agreementVersion="1.2.0",
        realName={"required": True, "paths": ["/v1/publish"]},
        ladder={"steps": ["Warn", "Suspend"], "first": "Suspend"},
        contentPolicies=[{"name": "teens", "file": "teens.json.gz"}],
    )
    config = guard_config.parse(
        {"upstream": {"url": "http://127.0.0.1:1"}, "policyFile": "p", "users": tree}
    )
    assert guard_config.parse(guard_config.render(config)) == config
    found = config.users
    assert found is not None
    assert [(it.band, it.daily_minutes) for it in found.minors.bands] == [
        (Band.FROM_12, 60),
        (Band.FROM_16, 120),
    ]
    assert found.ladder.steps == (Step.WARN, Step.SUSPEND)
    assert (found.identity.source, found.identity.missing) == (
        Source.TOKEN,
        Missing.TREAT_AS_MINOR,
    )
    assert found.store.kind is StoreKind.MEMORY


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ([], "users: is a list"),
        ({}, "users.identity.token: needs the issuer's keys from one place"),
        ({"identity": {"token": {**TOKEN, "issuer": ""}}}, "token.issuer: is missing"),
        ({"identity": {"token": {**TOKEN, "audience": ""}}}, "token.audience: is missing"),
        ({"identity": {"token": {**TOKEN, "jwksUrl": "https://x"}}}, "Write either jwksFile or"),
        ({"identity": {"token": {**TOKEN, "jwksFile": "", "jwksUrl": "http://x.cn/k"}}},
         "is not a safe address for keys"),
        ({"identity": {"token": {**TOKEN, "jwksFile": "", "jwksUrl": "https://a:b@x.cn"}}},
         "is not a safe address for keys"),
        ({"identity": {"token": {**TOKEN, "algorithms": ["none"]}}}, "holds 'none'"),
        ({"identity": {"token": {**TOKEN, "algorithms": ["HS256"]}}}, "holds 'HS256'"),
        ({"identity": {"token": {**TOKEN, "header": "a b"}}}, "is not the name of a header"),
        ({"identity": {"source": "Gateway"}}, "trusts a header that anybody can send"),
        ({"identity": {"source": "Gateway", "gateway": {"addresses": ["10.0.0.0/33"]}}},
         "10.0.0.0/33"),
        ({"identity": {"token": TOKEN, "missing": "TreatAsAdult"}},
         "takes everybody for an adult who says nothing"),
        ({"identity": {"token": TOKEN, "missing": "TreatAsAdult", "ageGate": True},
          "minors": {"policy": "Allowed", "bands": [{"band": "12to16"}]}},
         "takes everybody for an adult who says nothing"),
        (users(minors={"policy": "Allowed"}), "names no band, though minors are served"),
        (users(minors={"bands": [{"dailyMinutes": 5}]}), "users.minors.bands[0].band: is missing"),
        (users(minors={"bands": [{"band": "U3"}, {"band": "U3"}]}), "names a band twice"),
        (users(minors={"bands": [{"band": "U3", "contentPolicy": "kids"}]}),
         "names a policy that contentPolicies lacks"),
        (users(minors={"curfew": {"start": "24:00"}}), "is not a time of day"),
        (users(minors={"curfew": {"start": "06:00"}}), "equals start"),
        (users(ladder={"steps": ["Warn", "Ban"]}), "holds 'Ban'"),
        (users(ladder={"steps": ["Warn"], "consecutiveHits": 0, "dailyHits": 0}),
         "can never be reached"),
        (users(store={"kind": "Redis", "url": "redis://:secret@h:6379"}), "passwordFile"),
        (users(store={"kind": "Redis", "url": "redis://h:6379/0"}), "pseudonymKeyFile"),
        (users(store={"kind": "Redis", "url": "redis+sentinel://h:1"}), "follows the primary"),
        (users(contentPolicies={}), "a list of at most 8 objects"),
        (users(colour="red"), "users.colour: is not known here"),
    ],
)  # fmt: skip
def test_what_would_lift_a_protection_is_a_fault(tree: Any, said: str) -> None:
    assert said in faults(tree)


def test_no_secret_of_an_address_stands_in_a_message() -> None:
    assert "s3cret" not in faults(users(store={"kind": "Redis", "url": "redis://:s3cret@h"}))


def test_silence_makes_an_adult_only_behind_an_age_gate_that_excludes_minors() -> None:
    found = parse({"identity": {"token": TOKEN, "missing": "TreatAsAdult", "ageGate": True}})
    assert found is not None
    assert found.identity.missing is Missing.TREAT_AS_ADULT
