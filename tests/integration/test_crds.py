# SPDX-License-Identifier: Apache-2.0
"""The CRDs on the real API server: what is malformed is refused with the field and what to write,
what is missing is accepted, and nothing that was written is lost.

Most requests are dry runs in the namespace `default`: they pass every check and leave nothing.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from genaiservice.api import names, policy_file
from genaiservice.api.conditions import ConditionType
from genaiservice.api.jsontree import covers
from hack.access import Refused
from hack.cluster import CommandFailed, ControlPlane
from hack.install import install_crds

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVICE = yaml.safe_load((EXAMPLES / "chat-managed/genaiservice.yaml").read_text("utf-8"))
POLICY = yaml.safe_load((EXAMPLES / "moderation-policy/policy.yaml").read_text("utf-8"))
PROFILE: dict[str, Any] = {
    "apiVersion": names.API_VERSION,
    "kind": names.KIND_PROFILE,
    "metadata": {"name": "chat", "labels": {names.LABEL_MODE: "managed"}},
    "spec": {
        "service": "chat",
        "rolloutAllowed": False,
        "container": {
            "name": names.GUARD_CONTAINER,
            "image": "registry.example/guard@sha256:" + "0" * 64,
            "restartPolicy": "Always",
            "args": ["guard"],
            "ports": [{"name": "genai-guard", "containerPort": 8790, "protocol": "TCP"}],
            "startupProbe": {"httpGet": {"path": "/livez", "port": 8791, "scheme": "HTTP"}},
        },
        "volumes": [{"name": "genai-guard-config", "configMap": {"name": "chat-guard"}}],
    },
}
CRDS = ("genaiservices", "guardprofiles", "moderationpolicies")
PLURAL = {
    names.KIND_SERVICE: names.PLURAL_SERVICE,
    names.KIND_PROFILE: names.PLURAL_PROFILE,
    names.KIND_POLICY: names.PLURAL_POLICY,
}
GONE = object()
"""In a change: the field is removed."""

EVIDENCE = {"issuedOn": "2026-02-01", "validUntil": "2026-01-31"}
CURFEW = {"start": "22:00", "end": "22:00"}
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


@pytest.fixture(scope="module", autouse=True)
def installed(control_plane: ControlPlane) -> None:
    install_crds(control_plane)


class Bad(NamedTuple):
    """Change `path` of a good manifest to `value`; the answer names `field` and says `says`."""

    path: str
    value: Any
    says: str
    field: str = ""


def changed(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(manifest)
    node: Any = result
    way: list[Any] = [int(step) if step.isdigit() else step for step in path.split("/")]
    last = way.pop()
    for step in way:
        node = node[step] if isinstance(node, list) else node.setdefault(step, {})
    if value is GONE:
        del node[last]
    else:
        node[last] = value
    return result


def collection(kind: str, namespace: str = "default") -> str:
    return f"/apis/{names.API_VERSION}/namespaces/{namespace}/{PLURAL[kind]}"


def offer(plane: ControlPlane, manifest: dict[str, Any]) -> dict[str, Any]:
    """What the API server would store, with the strictness that kubectl asks for."""
    path = f"{collection(manifest['kind'])}?dryRun=All&fieldValidation=Strict"
    return plane.api.request("POST", path, manifest)


def refusal(plane: ControlPlane, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields and messages with which the API server refuses `manifest`."""
    with pytest.raises(Refused) as caught:
        offer(plane, manifest)
    causes = caught.value.status.get("details", {}).get("causes", [])
    return [(cause.get("field", ""), cause["message"]) for cause in causes]


def dotted(path: str) -> str:
    steps = path.split("/")
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps)[1:]


C = "spec/compliance"
OVERRIDE = {
    "name": "keywordLibrary.total",
    "value": 8000,
    "reason": "垂直领域",
    "approver": "李示例",
}
U = "spec/guard/users"
BY_TOKEN: dict[str, Any] = {
    "source": "Token",
    "token": {"issuer": "https://login.test", "audience": "chat"},
}
KEYS = {"name": "keys", "key": "jwks.json"}
D = "spec/guard/detectors"
DETECTOR: dict[str, Any] = {"name": "d", "kind": "Moderation", "url": "http://d.shop:8000/v1"}
OPEN = {"since": "2026-12-01T00:00:00Z", "until": "2026-12-08T08:00:00+08:00", "reason": "r"}
"""Seven days, to the second."""
BAD_SERVICES = (
    # What runs
    Bad(U, {"identity": {"source": "Token"}}, "so write token", f"{dotted(U)}.identity.source"),
    Bad(U, {"identity": BY_TOKEN}, "either jwksUrl or", f"{dotted(U)}.identity.token"),
    Bad(
        U,
        {"identity": {"source": "Gateway", "gateway": {"addresses": []}}},
        "anybody could send the header",
        f"{dotted(U)}.identity.source",
    ),
    Bad(
        U,
        {"identity": {"source": "Gateway", "gateway": {"addresses": ["10.0.0.0/99"]}}},
        "write an address or a network",
        f"{dotted(U)}.identity.gateway.addresses[0]",
    ),
    Bad(
        U,
        {"identity": {"source": "Nobody", "missing": "TreatAsAdult"}},
        "write ageGate true",
        f"{dotted(U)}.identity.missing",
    ),
    Bad(
        U,
        {
            "identity": {**BY_TOKEN, "token": {**BY_TOKEN["token"], "jwksConfigMap": KEYS}},
            "store": {"kind": "Redis", "url": "redis://redis:6379/0"},
        },
        "write identity.pseudonymKeySecret",
        f"{dotted(U)}.identity",
    ),
    Bad(
        U,
        {"identity": {"source": "Nobody"}, "store": {"kind": "Memory", "url": "redis://a:1/0"}},
        "remove it for Memory",
        f"{dotted(U)}.store.kind",
    ),
    Bad(
        U,
        {"identity": {"source": "Nobody"}, "store": {"kind": "Redis", "url": "redis://u:p@a/0"}},
        "without a password",
        f"{dotted(U)}.store.url",
    ),
    Bad(
        U,
        {
            "identity": {"source": "Nobody"},
            "store": {"kind": "Redis", "url": "redis+sentinel://a:26379/0"},
        },
        "that follows the primary",
        f"{dotted(U)}.store.url",
    ),
    Bad("spec/workload/adopt", {}, "write exactly one of managed", "spec.workload"),
    Bad("spec/workload", {}, "write exactly one of managed"),
    Bad("spec/workload/managed/port", 8790, "another port in spec.guard.port", "spec.guard.port"),
    Bad("spec/workload/managed/port", 8791, "admin port of the guard"),
    Bad("spec/workload/managed/port", 70000, "less than or equal to 65535"),
    Bad("spec/workload/managed/replicas", "two", "must be of type integer"),
    Bad("spec/workload/managed/replicas", -1, "greater than or equal to 0"),
    Bad("spec/workload/managed/template/spec", {}, "Required value", ".containers"),
    Bad("spec/workload/managed/template/spec/containers", [], "at least 1 items"),
    Bad(
        "spec/workload/managed/template/spec/containers/0/name",
        "genai-guard",
        "remove it from the template",
        "spec.workload.managed.template.spec.containers",
    ),
    Bad(
        "spec/workload/managed/template/spec/initContainers",
        [{"name": "genai-guard"}],
        "remove it from the template",
    ),
    Bad(
        "spec/workload/managed/autoscaling",
        {"minReplicas": 4, "maxReplicas": 3},
        "write at least minReplicas",
        "spec.workload.managed.autoscaling.maxReplicas",
    ),
    Bad("spec/workload/managed/autoscaling", {"maxReplicas": 1}, "default 2", ".maxReplicas"),
    # Detectors
    Bad(D, [DETECTOR | {"kind": "GuardModel"}], "so write model", f"{dotted(D)}[0].kind"),
    Bad(D, [DETECTOR | {"safeAnswer": "ok"}], "remove them", f"{dotted(D)}[0].kind"),
    Bad(D, [DETECTOR | {"caConfigMap": {"name": "house"}}], "Required value", "caConfigMap.key"),
    Bad(D, [DETECTOR | {"timeoutSeconds": 0}], "0.05 or more", f"{dotted(D)}[0].timeoutSeconds"),
    Bad("spec/guard/detectorWindow", {"seconds": 0}, "0.05 or more", "detectorWindow.seconds"),
    Bad(
        U,
        {"identity": {"source": "Nobody"}, "store": {"kind": "Memory", "timeoutSeconds": 0}},
        "0.01 or more",
        f"{dotted(U)}.store.timeoutSeconds",
    ),
    Bad(D, [DETECTOR | {"name": "House"}], "lower-case letters", f"{dotted(D)}[0].name"),
    Bad(D, [DETECTOR | {"url": "http://u:p@d/v1"}], "without query", f"{dotted(D)}[0].url"),
    Bad(
        D,
        [
            DETECTOR
            | {"kind": "GuardModel", "model": "m"}
            | {"categories": [{"name": "S1", "riskClass": "A1a", "threshold": 0.5}]}
        ],
        "remove threshold",
        f"{dotted(D)}[0].categories",
    ),
    Bad(
        D,
        [DETECTOR | {"kind": "GuardModel", "model": "m", "template": "judge this"}],
        "write {text}",
        f"{dotted(D)}[0].template",
    ),
    *(
        Bad(
            D,
            [DETECTOR | {"failOpen": OPEN | {"until": until}}],
            "within seven days",
            f"{dotted(D)}[0].failOpen.until",
        )
        for until in ("2026-12-08T00:00:01Z", "2026-12-01T08:00:00+08:00", "2026-11-30T00:00:00Z")
    ),
    Bad(
        D, [DETECTOR | {"failOpen": {**OPEN, "reason": ""}}], "at least 1 chars", "failOpen.reason"
    ),
    Bad(D, [DETECTOR | {"failOpen": {"until": OPEN["until"]}}], "Required value", "failOpen"),
    # The guard
    Bad("spec/guard", GONE, "Required value"),
    Bad("spec/guard/moderationPolicy", GONE, "Required value"),
    Bad("spec/guard/moderationPolicy", "", "write the name of a ModerationPolicy"),
    Bad("spec/guard/moderationPolicy", "My Policy", "write the name of a ModerationPolicy"),
    Bad("spec/guard/port", 8791, "admin port of the guard"),
    Bad("spec/guard/resources", {"limits": {"cpu": "much"}}, "write a quantity", ".limits"),
    Bad(
        "spec/guard/telemetry", {"otlpEndpoint": "collector:4318"}, "write the address", "Endpoint"
    ),
    Bad("spec/guard/telemetry", {"sampleRatio": 2}, "less than or equal to 1", ".sampleRatio"),
    Bad("spec/guard/upstream/connectTimeoutSeconds", 0, "greater than or equal to 1"),
    Bad("spec/guard/limits/requestBodyBytes", 1, "greater than or equal to 1024"),
    Bad("spec/guard/limits", {"queueSeconds": -1}, "greater than or equal to 0", ".queueSeconds"),
    Bad("spec/guard/limits", {"queueSeconds": 61}, "less than or equal to 60", ".queueSeconds"),
    Bad("spec/guard/limits", {"headerSeconds": 0}, "greater than or equal to 1", ".headerSeconds"),
    Bad("spec/guard/limits", {"headerSeconds": 301}, "less than or equal to 300", "headerSeconds"),
    Bad("spec/guard/limits", {"commentSeconds": -1}, "greater than or equal to 0", ".commentSec"),
    Bad("spec/guard/limits", {"commentSeconds": 3601}, "than or equal to 3600", ".commentSeconds"),
    Bad("spec/guard/limits", {"commentSeconds": "15"}, "must be of type number", ".commentSec"),
    Bad("spec/guard/paths", ["health"], "begins with /", "spec.guard.paths[0]"),
    Bad("spec/guard/paths", ["/a?b=c"], "without host and query", "spec.guard.paths[0]"),
    Bad("spec/guard/suspendGraceSeconds", -1, "greater than or equal to 0"),
    Bad("spec/guard/killSwitch", "yes", "must be of type boolean"),
    # Values of the declaration
    Bad("spec/displayName", "", "at least 1 chars long"),
    Bad(f"{C}/profile", "Lax", '"FilingPractice", "LegalText"'),
    Bad(f"{C}/serviceStartOn", "31/12/2026", "YYYY-MM-DD"),
    Bad(f"{C}/serviceStartOn", "2026-02-30", "a day of the calendar"),
    Bad(f"{C}/serviceStartOn", "", "YYYY-MM-DD"),
    Bad(f"{C}/serviceStartOn", 20260720, "must be of type string"),
    Bad(f"{C}/rulePack", {"version": "latest"}, "for example 2026.11.0", ".version"),
    Bad(f"{C}/rulePack", {"overrides": [{"name": "a"}]}, "Required value", "[0].reason"),
    Bad(
        f"{C}/rulePack",
        {"overrides": [OVERRIDE | {"name": "logs.retentionDays"}]},
        "supported values",
        ".overrides[0].name",
    ),
    Bad(f"{C}/rulePack", {"overrides": [OVERRIDE, OVERRIDE]}, "Duplicate value"),
    Bad(f"{C}/rulePack", {"overrides": [OVERRIDE | {"value": -1}]}, "or equal to 0", "[0].value"),
    Bad(f"{C}/scope/audience", "Public", '"PublicMainland"'),
    Bad(f"{C}/scope/modalities", ["texts"], '"virtualScene"', "scope.modalities[0]"),
    Bad(f"{C}/scope/modalities", ["text", "text"], "Duplicate value", "scope.modalities[1]"),
    Bad(f"{C}/scope/publicHosts", ["https://a.cn/b"], "only the host name", "publicHosts[0]"),
    Bad(f"{C}/scope/internalRiskTier", 6, "less than or equal to 5"),
    Bad(f"{C}/provider/uscc", "9111010", "18 characters of the unified social credit code"),
    Bad(f"{C}/provider/uscc", "91110108MAOIH2CH8D", "never I, O, S, V, Z"),
    Bad(f"{C}/provider/provinceCode", "Beijing", "six-digit code of GB/T 2260"),
    Bad(f"{C}/provider/safetyOfficer/phone", "call me", "only a telephone number"),
    Bad(f"{C}/provider/safetyOfficer/email", "nobody", "write an e-mail address"),
    Bad(f"{C}/filings/0/kind", "Filing", '"AlgorithmFiling"'),
    Bad(f"{C}/filings/0/kind", GONE, "Required value"),
    Bad(f"{C}/filings/0/status", "Aproved", '"Approved"'),
    Bad(f"{C}/filings/0/number", "9" * 129, "may not be more than 128"),
    Bad(f"{C}/filings/1/covers/modelDigests", ["latest"], "write sha256:", "modelDigests[0]"),
    Bad(f"{C}/filings", [{"kind": "GenAIFiling"}] * 21, "must have at most 20 items"),
    Bad(f"{C}/filings", {}, "must be of type array"),
    Bad(f"{C}/models/0/digest", "v1.2", "64 small hexadecimal digits"),
    Bad(f"{C}/models/0/name", GONE, "Required value"),
    Bad(f"{C}/licences/0/evidence/uri", "icp.pdf", "full address with its scheme"),
    Bad(f"{C}/licences/0/evidence/sha256", "ABC", "that sha256sum prints"),
    Bad(f"{C}/contentSafety/inputScreening", False, "must be of type string"),
    Bad(f"{C}/contentSafety/failMode", "Sometimes", '"Closed", "Open"'),
    Bad(f"{C}/agreement/clauses", ["Labels"], '"LabelMethod"', "agreement.clauses[0]"),
    Bad(f"{C}/minors/bands/1/band", "U3", "Duplicate value", "minors.bands[1]"),
    Bad(f"{C}/minors/bands/0/dailyMinutes", 1500, "less than or equal to 1440"),
    Bad(f"{C}/minors/curfew/start", "24:00", "HH:MM in quotes"),
    Bad(f"{C}/minors/curfew/end", GONE, "Required value"),
    Bad(f"{C}/minors/curfew/timezone", "UTC", '"Asia/Shanghai"'),
    Bad(f"{C}/labelling/text/mode", "Prefix", '"InBandPrefix"'),
    Bad(f"{C}/continuity/availabilityTargetPercent", 101, "less than or equal to 100"),
    Bad(f"{C}/complaints/url", "chat.example.cn", "write a full address"),
    Bad(f"{C}/complaints/url", "https://u:p@chat.example.cn/", "without user and password"),
    Bad(f"{C}/complaints/feedbackWorkingDays", "ten", "must be of type integer"),
    Bad(f"{C}/trainingData/datasets/1/name", "公开中文语料", "Duplicate value", "datasets[1]"),
    Bad(f"{C}/trainingData/manualSample/passPercent", 101, "less than or equal to 100"),
    Bad(f"{C}/trainingData/manualSample/on", "2026-02-30", "a day of the calendar"),
    Bad(f"{C}/annotation/used", "yes", "must be of type boolean"),
    Bad(f"{C}/accounts/realName", "Email", "supported values"),
    Bad(f"{C}/publicStatement/url", "about", "write a full address"),
    Bad(f"{C}/publicStatement/users", ["成人", "成人"], "Duplicate value"),
    Bad(f"{C}/personalInfo/inventory/0/type", GONE, "Required value"),
    Bad(f"{C}/personalInfo/recipients/0/host", "https://sms.example.com", "write only the host"),
    Bad(f"{C}/personalInfo/requests/responseWorkingDays", 0, "greater than or equal to 1"),
    Bad(f"{C}/incident/stopWithinMs", -1, "greater than or equal to 0"),
    Bad(f"{C}/incident/records", [{"id": "1", "foundOn": "soon"}], "a day of the calendar"),
    Bad(f"{C}/incident/sanctionLadder", ["Warn", "Warn"], "Duplicate value"),
    Bad(f"{C}/logs/fields", ["mood"], "supported values"),
    Bad(f"{C}/inspection/contact/phone", "call me", "write only a telephone number"),
    Bad(f"{C}/anthropomorphicService", {"reminderMinutes": 0}, "greater than or equal to 1"),
    Bad(f"{C}/regulatoryOrders", [{"kind": "Suspend", "status": "Open"}], "Required", "[0].id"),
    # Contradictions
    Bad(f"{C}/serviceEndOn", "2026-07-19", "serviceEndOn is before serviceStartOn"),
    Bad(f"{C}/scope/publicOpinionOrMobilization", False, "or remove publicOpinionTriggers"),
    Bad(f"{C}/filings/0/number", GONE, "copy it from the notice"),
    Bad(f"{C}/filings/0/number", "  ", "copy it from the notice"),
    Bad(f"{C}/filings/1/algorithmClass", "RankingSelection", "AlgorithmFiling only"),
    Bad(f"{C}/filings/0/publishedOn", "2026-03-01", "publishedOn is before submittedOn"),
    Bad(f"{C}/filings/0/approvedOn", "2026-03-01", "approvedOn is before submittedOn"),
    Bad(f"{C}/filings/0/evidence", [EVIDENCE], "validUntil is before issuedOn", ".validUntil"),
    Bad(f"{C}/licences/0/level", 3, "belongs to kind MLPS only"),
    Bad(f"{C}/securityAssessment/submittedOn", "2026-05-31", "submittedOn is before completedOn"),
    Bad(f"{C}/securityAssessment/reassessBy", "2026-06-01", "reassessBy is not after completedOn"),
    Bad(f"{C}/minors/ageSignal", "None", "DeviceMode, GuardianBinding or VerifiedId"),
    Bad(f"{C}/minors/curfew", CURFEW, "two different times", "curfew.end"),
    Bad(
        f"{C}/regulatoryOrders",
        [
            {
                "id": "1",
                "kind": "Rectify",
                "status": "Open",
                "receivedOn": "2026-02-01",
                "dueOn": "2026-01-01",
            }
        ],
        "dueOn is before receivedOn",
        "regulatoryOrders[0].dueOn",
    ),
)
BAD_POLICIES = (
    Bad("spec/sources", [], "at least 1 items"),
    Bad("spec/sources", GONE, "Required value"),
    Bad("spec/sources/0/riskClass", "A6a", '"A1a"'),
    Bad("spec/sources/0/inline", GONE, "exactly one of inline", "spec.sources[0]"),
    Bad("spec/sources/1/inline", ["示例"], "exactly one of inline", "spec.sources[1]"),
    Bad("spec/sources/0/inline", ["禁"], "at least 2 chars long", "spec.sources[0].inline[0]"),
    Bad("spec/sources/0/inline", ["禁" * 257], "may not be more than 256", "inline[0]"),
    Bad("spec/sources/1/name", "inline", "Duplicate value", "spec.sources[1]"),
    Bad("spec/sources/1/configMap/name", "My Terms", "write the name of a ConfigMap"),
    Bad("spec/sources/1/configMap/key", "a/b", "write a key of the ConfigMap"),
    Bad("spec/sources/2/configMap/encoding", "zip", '"plain", "gzip"'),
    Bad("spec/actions/default", "Delete", '"Block", "Replace", "Mask", "Flag"'),
    Bad("spec/actions/byClass", {"A9z": "Mask"}, "write for example A3a: Mask"),
    Bad("spec/actions/byClass/A3a", "Hide", '"Block", "Replace", "Mask", "Flag"'),
    Bad("spec/mask", "", "at least 1 chars long"),
    Bad("spec/normalisation/case", "no", "must be of type boolean"),
)
BAD_PROFILES = (
    Bad("spec/rolloutAllowed", GONE, "Required value"),
    Bad("spec/container", GONE, "Required value"),
    Bad("spec/container/name", "guard", '"genai-guard"'),
    Bad("spec/container/restartPolicy", GONE, "Required value"),
    Bad("spec/volumes/0/name", GONE, "Required value"),
)


def rows(*tables: tuple[dict[str, Any], tuple[Bad, ...]]) -> Iterator[Any]:
    for manifest, table in tables:
        for bad in table:
            value = "nothing" if bad.value is GONE else str(bad.value)[:30]
            yield pytest.param(manifest, bad, id=f"{manifest['kind']} {dotted(bad.path)}: {value}")


@pytest.mark.parametrize(
    ("manifest", "bad"),
    list(rows((SERVICE, BAD_SERVICES), (POLICY, BAD_POLICIES), (PROFILE, BAD_PROFILES))),
)
def test_what_is_malformed_is_refused_with_the_field_and_what_to_write(
    control_plane: ControlPlane, manifest: dict[str, Any], bad: Bad
) -> None:
    causes = refusal(control_plane, changed(manifest, bad.path, bad.value))
    wanted = bad.field or dotted(bad.path)
    assert [message for field, message in causes if wanted in field and bad.says in message], causes


@pytest.mark.parametrize("name", ["Chat", "1chat", "chat.v1", "c" * 51])
def test_a_name_that_cannot_become_a_service_is_refused(
    control_plane: ControlPlane, name: str
) -> None:
    causes = refusal(control_plane, changed(SERVICE, "metadata/name", name))
    assert any("metadata.name becomes a Service and a label" in says for _, says in causes)


def test_a_field_that_does_not_exist_is_named(control_plane: ControlPlane) -> None:
    with pytest.raises(Refused, match=r'unknown field "spec\.compliance\.filling"'):
        offer(control_plane, changed(SERVICE, f"{C}/filling", []))


def test_kubectl_shows_every_fault_at_once_in_both_languages(control_plane: ControlPlane) -> None:
    bad = changed(SERVICE, f"{C}/filings/0/number", GONE)
    bad = changed(bad, f"{C}/minors/ageSignal", "None")
    with pytest.raises(CommandFailed) as caught:
        control_plane.kubectl("apply", "--dry-run=server", "-f", "-", input=yaml.safe_dump(bad))
    said = caught.value.stderr
    assert "spec.compliance.filings[0].number: Required value: 状态为 Approved" in said
    assert "copy it from the notice or the public list into number" in said
    assert "spec.compliance.minors.ageSignal: Invalid value: 允许未成年人使用" in said


def test_three_hundred_junk_entries_are_refused_without_harm(control_plane: ControlPlane) -> None:
    junk = [{"kind": "x" * 500, "number": "y" * 5000} for _ in range(300)]
    causes = refusal(control_plane, changed(SERVICE, f"{C}/filings", junk))
    assert ("spec.compliance.filings", "Too many: 300: must have at most 20 items") in causes


# What is missing is accepted -------------------------------------------------------------------


def test_a_detector_may_be_declared_open_for_seven_days(control_plane: ControlPlane) -> None:
    guard_model = {
        **DETECTOR,
        "name": "g",
        "kind": "GuardModel",
        "model": "m",
        "template": "{text}",
    }
    offer(control_plane, changed(SERVICE, D, [DETECTOR | {"failOpen": OPEN}, guard_model]))


def test_a_service_without_compliance_is_accepted(control_plane: ControlPlane) -> None:
    stored = offer(control_plane, changed(SERVICE, C, GONE))
    assert "compliance" not in stored["spec"]
    assert offer(control_plane, changed(SERVICE, C, {}))["spec"]["compliance"] == {}


def declared(tree: Any, path: str = C) -> Iterator[str]:
    """Every path below the declaration."""
    if isinstance(tree, dict | list):
        for key, child in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield f"{path}/{key}"
            yield from declared(child, f"{path}/{key}")


MEANINGLESS_WITHOUT = frozenset({"kind", "name", "band", "start", "end", "number", "type"})
"""Names of fields that their parent needs: see BAD_SERVICES for each."""


def test_any_other_declaration_may_be_missing(control_plane: ControlPlane) -> None:
    paths = [
        path
        for path in declared(SERVICE["spec"]["compliance"])
        if path.rsplit("/", 1)[1] not in MEANINGLESS_WITHOUT
    ]
    assert len(paths) > 100
    for path in paths:
        offer(control_plane, changed(SERVICE, path, GONE))


def test_a_null_is_a_missing_declaration(control_plane: ControlPlane) -> None:
    stored = offer(control_plane, changed(SERVICE, f"{C}/filings", None))
    assert "filings" not in stored["spec"]["compliance"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("provider/uscc", "91110108MA01H2CH8D".translate(FULL_WIDTH)),
        ("provider/uscc", "9111 0108 MA01 H2CH 8D"),
        ("provider/uscc", "91110108ma01h2ch8d"),
        ("provider/safetyOfficer/phone", "（010）１２３４５６７８"),
        ("provider/provinceCode", "１１００００"),
        ("filings/0/number", "备案编号：网信算备 110108000000101260019 号"),
        ("filings/1/number", "a form that the authority may invent tomorrow"),
        ("complaints/url", " HTTPS://chat.example.com/投诉 "),
        ("scope/publicHosts", ["问答.中国", "*.example.com"]),
        ("licences/0/evidence/uri", "oss://evidence/备案.pdf"),
    ],
)
def test_a_value_as_copied_from_a_document_is_accepted(
    control_plane: ControlPlane, path: str, value: Any
) -> None:
    offered = changed(SERVICE, f"{C}/{path}", value)
    assert covers(offer(control_plane, offered)["spec"], offered["spec"])


# What was written is kept ----------------------------------------------------------------------


def examples(*kinds: str) -> list[Any]:
    return [
        pytest.param(manifest, id=f"{path.relative_to(EXAMPLES)}")
        for path in sorted(EXAMPLES.rglob("*.yaml"))
        for manifest in yaml.safe_load_all(path.read_text("utf-8"))
        if manifest["kind"] in kinds
    ]


@pytest.mark.parametrize(
    "manifest",
    [
        *examples(names.KIND_SERVICE, names.KIND_POLICY),
        pytest.param(PROFILE, id="GuardProfile"),
        pytest.param(
            changed(
                SERVICE,
                "spec/guard/limits",
                {"queueSeconds": 0, "headerSeconds": 1, "commentSeconds": 3600},
            ),
            id="limits",
        ),
    ],
)
def test_a_round_trip_loses_nothing(control_plane: ControlPlane, manifest: dict[str, Any]) -> None:
    stored = offer(control_plane, manifest)
    assert covers(stored["spec"], manifest["spec"])


def test_a_template_keeps_fields_that_the_schema_does_not_list(
    control_plane: ControlPlane,
) -> None:
    template = "spec/workload/managed/template"
    offered = changed(SERVICE, f"{template}/spec/topologySpreadConstraints", [{"maxSkew": 1}])
    offered = changed(offered, f"{template}/spec/containers/0/lifecycle", {"preStop": {}})
    offered = changed(offered, f"{template}/metadata", {"labels": {"team": "chat"}})
    assert covers(offer(control_plane, offered)["spec"], offered["spec"])


def test_what_the_guard_is_not_told_gets_the_documented_default(
    control_plane: ControlPlane,
) -> None:
    guard = offer(control_plane, SERVICE)["spec"]["guard"]
    assert guard == {
        "moderationPolicy": "default",
        "port": names.GUARD_PORT,
        "killSwitch": False,
        "suspendGraceSeconds": 30,
        "limits": {"requestBodyBytes": 10485760, "concurrentRequests": 1000, "drainSeconds": 30},
        "upstream": {
            "connectTimeoutSeconds": 5,
            "firstByteTimeoutSeconds": 60,
            "betweenBytesTimeoutSeconds": 60,
        },
    }


def test_a_policy_sees_through_the_usual_disguises_unless_told_otherwise(
    control_plane: ControlPlane,
) -> None:
    least = changed(POLICY, "spec", {"sources": POLICY["spec"]["sources"][:1]})
    spec = offer(control_plane, least)["spec"]
    assert spec["actions"] == {"default": "Block"}
    assert spec["mask"] == "＊"
    assert spec["normalisation"] == {
        **policy_file.NORMALISATIONS,
        **dict.fromkeys(policy_file.FORMS, False),
    }


# What people read ------------------------------------------------------------------------------


@pytest.mark.parametrize("plural", CRDS)
def test_a_crd_is_established_and_structural(control_plane: ControlPlane, plural: str) -> None:
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{names.GROUP}"
    status = control_plane.api.get(path)["status"]
    conditions = {condition["type"]: condition["status"] for condition in status["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize(
    ("path", "teaches"),
    [
        ("genaiservice.spec.compliance.filings", "生成式人工智能服务备案"),
        ("genaiservice.spec.compliance.filings.number", "网信算备"),
        ("genaiservice.spec.compliance.minors.bands.dailyMinutes", "60 under 16"),
        ("gais.spec.guard.killSwitch", "refuse all traffic"),
        ("moderationpolicy.spec.sources.configMap.encoding", "one term per line"),
        ("guardprofile.spec.rolloutAllowed", "scheduling gate"),
    ],
)
def test_kubectl_explain_teaches(control_plane: ControlPlane, path: str, teaches: str) -> None:
    said = control_plane.kubectl("explain", path)
    assert teaches in " ".join(said.split())


def test_the_table_shows_the_conditions(control_plane: ControlPlane, namespace: str) -> None:
    path = collection(names.KIND_SERVICE, namespace)
    control_plane.api.request("POST", path, SERVICE)
    conditions = [
        {"type": condition.value, "status": "False", "reason": "DeclarationMissing", "message": "—"}
        for condition in ConditionType
    ]
    control_plane.api.patch(f"{path}/chat/status", {"status": {"conditions": conditions}})
    header, line = control_plane.kubectl("get", "gais", "-n", namespace).splitlines()
    columns = ("NAME", "GATE", "FILING", "ASSESSMENT", "LABELLING", "MINORS", "COMPLAINTS")
    assert header.split() == [*columns, "GUARD", "AGE"]
    assert line.split()[:-1] == ["chat", *["False"] * 7]


def test_status_is_written_apart_and_bounded(control_plane: ControlPlane, namespace: str) -> None:
    path = collection(names.KIND_SERVICE, namespace)
    control_plane.api.request("POST", path, SERVICE | {"status": {"pods": {"total": 9}}})
    assert "status" not in control_plane.api.get(f"{path}/chat")
    finding = {"id": "IM-17-2", "article": 17, "message": {"en": "a", "zh": "甲"}}
    control_plane.api.patch(f"{path}/chat/status", {"status": {"findings": [finding] * 100}})
    assert control_plane.api.get(f"{path}/chat")["metadata"]["generation"] == 1
    with pytest.raises(Refused, match="must have at most 100 items"):
        control_plane.api.patch(f"{path}/chat/status", {"status": {"findings": [finding] * 101}})
