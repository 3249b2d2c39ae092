# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import pytest

from genaiservice.api import guard_config, names
from genaiservice.api.conditions import ConditionType, Reason
from genaiservice.api.jsontree import MutableJson, lookup
from genaiservice.api.problem import ProblemError
from genaiservice.api.users_config import Band, MinorsPolicy, Source, Step, StoreKind
from genaiservice.control.core import admitted
from genaiservice.control.core.guard_spec import config_text, config_tree, container, volumes
from genaiservice.control.core.guard_users import policy_file
from genaiservice.control.core.plan import plan
from tests.build import (
    IMAGE,
    NAMESPACE,
    NOW,
    SERVICE,
    SETTINGS,
    condition,
    message,
    observed,
    policy,
    service,
    verdict,
)

USERS: MutableJson = {
    "identity": {
        "source": "Token",
        "missing": "Refuse",
        "token": {
            "jwksConfigMap": {"name": "login", "key": "keys.json"},
            "issuer": "https://login.example.cn",
            "audience": "chat",
        },
        "pseudonymKeySecret": {"name": "users", "key": "pseudonym"},
    },
    "store": {
        "kind": "Redis",
        "url": "rediss://redis.shop:6379/0",
        "passwordSecret": {"name": "redis", "key": "password"},
        "caConfigMap": {"name": "redis-ca", "key": "ca.crt"},
    },
}
DECLARED: MutableJson = {
    "minors": {
        "policy": "Allowed",
        "ageSignal": "GuardianBinding",
        "ageClaim": "age",
        "bands": [
            {"band": "12to16", "dailyMinutes": 45, "contentPolicy": "teens"},
            {"band": "16to18", "contentPolicy": "default"},
        ],
        "curfew": {"start": "21:00", "end": "07:00", "timezone": "Asia/Shanghai"},
    },
    "accounts": {"registrationRequired": True, "agreementClaim": "terms", "realName": "Phone"},
    "agreement": {"version": "1.2.0"},
    "incident": {"sanctionLadder": ["Warn", "Suspend"]},
    "contentSafety": {"misuse": {"consecutiveHits": 2, "dailyHits": 5, "action": "Suspend"}},
}
FILMS: MutableJson = {
    "labelling": {
        "image": {"labelText": "AI生成", "position": "TopLeft"},
        "video": {"labelText": "AI合成", "minSeconds": 4, "startFrame": True},
    },
    "provider": {"aigcProviderCode": "001191110108MA01H2CH8D10001"},
}


def config(of: MutableJson) -> guard_config.GuardConfig:
    tree = config_tree(NAMESPACE, SERVICE, of["spec"])
    return guard_config.parse(json.loads(config_text(tree)))


def test_what_is_declared_of_users_reaches_the_guard() -> None:
    users = config(service(guard={"users": USERS}, compliance=DECLARED)).users
    assert users is not None
    assert users.identity.source is Source.TOKEN
    assert users.identity.token.jwks_file == f"{names.PATH_SECRETS}/jwks.json"
    assert users.identity.pseudonym_key_file == f"{names.PATH_SECRETS}/pseudonym"
    assert (users.identity.claims.age, users.identity.claims.agreement) == ("age", "terms")
    assert users.minors.policy is MinorsPolicy.ALLOWED
    assert [(one.band, one.daily_minutes) for one in users.minors.bands] == [
        (Band.FROM_12, 45),
        (Band.FROM_16, 120),
    ]
    assert (users.minors.curfew.start, users.minors.curfew.end) == ("21:00", "07:00")
    assert users.agreement_version == "1.2.0"
    assert users.real_name.required
    assert (users.ladder.steps, users.ladder.first) == ((Step.WARN, Step.SUSPEND), Step.SUSPEND)
    assert (users.ladder.consecutive_hits, users.ladder.daily_hits) == (2, 5)
    assert users.store.kind is StoreKind.REDIS
    assert users.store.password_file == f"{names.PATH_SECRETS}/store-password"
    assert users.store.ca_file == f"{names.PATH_SECRETS}/store-ca.crt"


def test_a_band_policy_that_is_not_the_services_own_never_becomes_the_milder_one() -> None:
    users = config(service(guard={"users": USERS}, compliance=DECLARED)).users
    assert users is not None
    assert [one.content_policy for one in users.minors.bands] == ["teens", ""]
    assert [(one.name, one.file) for one in users.content_policies] == [
        ("teens", policy_file("teens"))
    ]


def test_without_a_source_of_users_the_guard_is_told_nothing_about_them() -> None:
    tree = config_tree(NAMESPACE, SERVICE, service(compliance=DECLARED)["spec"])
    assert not {"users", "media"} & tree.keys()


def test_named_secrets_are_files_of_the_guard_and_only_of_the_guard() -> None:
    of = service(guard={"users": USERS})
    made = plan(observed(of), verdict(), NOW, SETTINGS)
    assert made.profile is not None
    (volume,) = (
        one for one in made.profile["spec"]["volumes"] if one["name"] == names.VOLUME_SECRETS
    )
    files = [
        ("secret", "users", "pseudonym", "pseudonym"),
        ("configMap", "login", "keys.json", "jwks.json"),
        ("secret", "redis", "password", "store-password"),
        ("configMap", "redis-ca", "ca.crt", "store-ca.crt"),
    ]
    assert volume["projected"] == {
        "defaultMode": 0o444,
        "sources": [
            {kind: {"name": name, "items": [{"key": key, "path": file}]}}
            for kind, name, key, file in files
        ],
    }
    (deployment,) = (one for one in made.apply if one["kind"] == "Deployment")
    pod = lookup(deployment, "spec", "template", "spec")
    assert volume in pod["volumes"]
    mounts = [
        (one["name"], mount["mountPath"])
        for one in (*pod["initContainers"], *pod["containers"])
        for mount in one.get("volumeMounts", ())
        if mount["name"] == names.VOLUME_SECRETS
    ]
    assert mounts == [(names.GUARD_CONTAINER, names.PATH_SECRETS)]


@pytest.mark.parametrize("users", [None, {"identity": {"source": "Nobody"}}])
def test_a_guard_without_secrets_has_no_volume_for_them(users: Any) -> None:
    spec = service(guard={"users": users})["spec"]
    assert names.VOLUME_SECRETS not in {one["name"] for one in volumes(SERVICE, spec)}
    mounts = container(spec, IMAGE, "IfNotPresent")["volumeMounts"]
    assert names.VOLUME_SECRETS not in {one["name"] for one in mounts}


def test_an_adult_by_silence_keeps_the_gate_closed_and_names_the_field() -> None:
    users = {"identity": {"source": "Nobody", "missing": "TreatAsAdult"}}
    of = service(guard={"users": users}, compliance=DECLARED)
    with pytest.raises(ProblemError, match=r"users\.identity\.missing"):
        config(of)
    seen = observed(of, bands={"teens": policy("teens")})
    made = plan(seen, verdict(), NOW, SETTINGS)
    assert made.status is not None
    assert condition(made.status, ConditionType.ROLLOUT) == ("False", Reason.POLICY_INVALID)
    assert "users.identity.missing" in message(made.status, ConditionType.ROLLOUT)


def test_labels_of_files_are_as_declared() -> None:
    media = config(service(compliance=FILMS)).media
    assert media is not None
    assert media.producer_code == "001191110108MA01H2CH8D10001"
    assert (media.image.position.value, media.video.min_seconds) == ("TopLeft", 4)
    assert media.video.label_text == "AI合成"


def test_a_guard_that_labels_files_gets_memory_and_a_place_to_work() -> None:
    spec = service(compliance=FILMS)["spec"]
    built = container(spec, IMAGE, "IfNotPresent")
    assert built["resources"]["limits"]["memory"] == "1536Mi"
    assert {"name": names.VOLUME_WORK, "mountPath": "/tmp"} in built["volumeMounts"]  # noqa: S108
    assert names.VOLUME_WORK in {one["name"] for one in volumes(SERVICE, spec)}
    plain = service()["spec"]
    assert container(plain, IMAGE, "IfNotPresent")["resources"]["limits"]["memory"] == "512Mi"
    assert names.VOLUME_WORK not in {one["name"] for one in volumes(SERVICE, plain)}


@pytest.mark.parametrize(
    "change",
    [
        {"minors": {"policy": "Prohibited"}},
        {"agreement": {"version": "2.0"}},
        {"incident": {"sanctionLadder": ["Warn"]}},
        {"contentSafety": {"misuse": {"dailyHits": 9}}},
        {"labelling": {"image": {"position": "Edge"}}},
    ],
)
def test_what_reaches_the_guard_is_part_of_what_is_admitted(change: Any) -> None:
    before = service(guard={"users": USERS}, compliance=DECLARED)
    after = service(guard={"users": USERS}, compliance={**DECLARED, **change})
    assert admitted.excerpt(before["spec"]) != admitted.excerpt(after["spec"])
    for of in (before, after):
        spec = admitted.effective(observed(of), admitted.excerpt(of["spec"]))
        assert config_tree(NAMESPACE, SERVICE, spec) == config_tree(NAMESPACE, SERVICE, of["spec"])


def test_what_is_declared_of_users_makes_no_new_revision_while_the_guard_knows_none() -> None:
    bare = admitted.excerpt(service()["spec"])
    assert admitted.excerpt(service(compliance={"minors": DECLARED["minors"]})["spec"]) == bare


def test_pods_roll_when_what_the_guard_reads_at_its_start_changes_and_only_then() -> None:
    def hashed(of: MutableJson) -> Any:
        made = plan(observed(of, bands={"teens": policy("teens")}), verdict(), NOW, SETTINGS)
        (deployment,) = (one for one in made.apply if one["kind"] == "Deployment")
        template = lookup(deployment, "spec", "template", "metadata", "annotations")
        return template[names.ANNOTATION_CONFIG]

    before = hashed(service())
    assert before == hashed(service(managed={"replicas": 5}))
    assert before != hashed(service(guard={"paths": ["/health"]}))
    assert before != hashed(service(guard={"users": USERS}, compliance=DECLARED))
