# SPDX-License-Identifier: Apache-2.0
"""genaictl as a process against the real API server, beside the chart and a running operator."""

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from genaiservice.cli.prerequisites import MUTATING, VALIDATING
from genaiservice.cli.schema import faults
from genaiservice.rules.cases import put, steps_of
from hack.access import Refused
from hack.cluster import ControlPlane
from hack.places import CHART
from tests.chart import NAMESPACE, OPERATOR, installed
from tests.operator_process import GUARD_IMAGE, OperatorProcess, operating
from tests.operator_world import World, complete, policy, service
from tests.tour import CATALOGUE, TOURS, replayed, same, stricter
from tests.wait import eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
EXAMPLE = ROOT / "examples" / "chat-managed" / "genaiservice.yaml"
IMAGE, _, TAG = GUARD_IMAGE.rpartition(":")
SECONDS = 30


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane) -> Iterator[OperatorProcess]:
    values = f"guard.image.repository={IMAGE},guard.image.tag={TAG}"
    with (
        installed(control_plane, "--set", values),
        operating(control_plane.kubeconfig_of(NAMESPACE, OPERATOR)) as running,
    ):
        yield running


@pytest.fixture
def world(control_plane: ControlPlane, operator: OperatorProcess, namespace: str) -> World:
    return World(control_plane, namespace)


def genaictl(kubeconfig: Path | str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "KUBECONFIG": str(kubeconfig), "LANG": "C.UTF-8"}  # noqa: TID251
    return subprocess.run(
        [BIN / "genaictl", *arguments],
        env=env, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def run(world: World, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return genaictl(world.cluster.kubeconfig, *arguments, "-n", world.namespace)


# --- status


def test_status_says_why_a_service_waits_and_who_has_to_act(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1))
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "False/RequirementsNotMet")
    english, chinese = (run(world, "status", "chat", "--lang", lang) for lang in ("en", "zh"))
    assert (english.returncode, chinese.returncode) == (1, 1)
    assert "rollout refused" in english.stdout
    assert "compliance (" in english.stdout
    assert "├─ ✗ IM-" in english.stdout
    assert "ModerationPolicyReady" in english.stdout
    assert "不予上线" in chinese.stdout
    assert "责任" in chinese.stdout or "合规" in chinese.stdout
    status = json.loads(run(world, "status", "chat", "-o", "json").stdout)
    assert status["rollout"]["allowed"] is False


def test_status_shows_every_change_until_the_service_is_gone(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1))
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "False/RequirementsNotMet")
    env = {**os.environ, "KUBECONFIG": str(world.cluster.kubeconfig)}  # noqa: TID251
    watching = subprocess.Popen(
        [BIN / "genaictl", "status", "chat", "-n", world.namespace, "--watch", "--lang", "en"],
        env=env, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with watching:
        assert watching.stdout is not None
        assert "rollout refused" in watching.stdout.readline()
        world.patch("genaiservices", "chat", {"spec": {"compliance": complete()}})
        lines = iter(watching.stdout.readline, "")
        assert any("rollout allowed" in line for line in lines)
        world.delete("genaiservices", "chat")
        assert watching.wait(timeout=SECONDS) == 0


def test_a_service_that_does_not_exist_is_bad_input(world: World) -> None:
    ran = run(world, "status", "nobody")
    assert ran.returncode == 2
    assert "does not exist" in ran.stderr


# --- plan


def file_of(tmp_path: Path, body: dict[str, Any]) -> str:
    path = tmp_path / "service.yaml"
    path.write_text(yaml.safe_dump(body, allow_unicode=True), "utf-8")
    return str(path)


def unproven(finding: dict[str, Any]) -> dict[str, Any]:
    """Without its level, which rises as soon as the objects of the plan are seen."""
    return {key: value for key, value in finding.items() if key != "level"}


def test_the_plan_is_what_the_operator_does_afterwards(world: World, tmp_path: Path) -> None:
    world.create(policy())
    body = service("chat", managed=1)
    world.create(body)
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "False/RequirementsNotMet")
    wanted = copy.deepcopy(body)
    wanted["spec"]["compliance"] = complete()
    ran = run(world, "plan", "-f", file_of(tmp_path, wanted), "-o", "json")
    (row,) = json.loads(ran.stdout)
    made = {one["object"] for one in row["acts"] if one["act"] == "create"}
    assert ran.returncode == 0, ran.stderr
    assert {"Deployment chat", "Service chat", "NetworkPolicy chat"} <= made
    assert world.all_of("deployments") == []  # a plan writes nothing
    world.patch("genaiservices", "chat", {"spec": wanted["spec"]})
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "True/Allowed")
    status = world.get("genaiservices", "chat")["status"]
    assert [unproven(one) for one in status["findings"]] == [
        unproven(one) for one in row["statusAfter"]["findings"]
    ]
    assert status["rollout"] == row["statusAfter"]["rollout"]
    eventually(lambda: world.get("deployments", "chat"))


def test_a_plan_of_what_stands_already_writes_nothing(world: World, tmp_path: Path) -> None:
    world.create(policy())
    body = service("chat", managed=1, compliance=complete())
    world.create(body)
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=SECONDS)
    ran = run(world, "plan", "-f", file_of(tmp_path, body))
    assert ran.returncode == 0, ran.stderr
    assert "nothing would be written" in ran.stdout


def test_a_revoked_filing_is_planned_as_a_stop(world: World, tmp_path: Path) -> None:
    world.create(policy())
    body = service("chat", managed=1, compliance=complete())
    world.create(body)
    eventually(lambda: world.condition("chat", "Ready") == "True/Serving", within=SECONDS)
    revoked = copy.deepcopy(body)
    revoked["spec"]["compliance"]["filings"][1]["status"] = "Revoked"
    ran = run(world, "plan", "-f", file_of(tmp_path, revoked))
    assert ran.returncode == 1
    assert "tell to refuse traffic" in ran.stdout
    assert "new: IM-17-3" in ran.stdout


# --- deadlines, doctor, access


def test_deadlines_of_the_cluster_are_those_of_its_services(world: World) -> None:
    world.create(service("chat", managed=1, compliance=complete()))
    ran = run(world, "deadlines", "-o", "json", "--as-of", "2026-11-25")
    rows = json.loads(ran.stdout)
    assert ran.returncode == 0
    assert {row["service"] for row in rows} == {f"{world.namespace}/chat"}
    everywhere = run(world, "deadlines", "-A", "-o", "json", "--as-of", "2026-11-25")
    assert len(json.loads(everywhere.stdout)) >= len(rows)


def test_a_stricter_rule_pack_names_the_services_of_the_cluster_that_it_refuses(
    world: World, tmp_path: Path
) -> None:
    world.create(service("chat", managed=1, compliance=complete()))
    packs = (str(CATALOGUE), str(stricter(tmp_path / "next")))
    ran = run(world, "rules", "diff", *packs, "-o", "json", "--as-of", "2026-11-25")
    tree = json.loads(ran.stdout)
    assert (ran.returncode, tree["judged"], tree["refused"]) == (1, 1, 1)
    assert tree["services"][0]["name"] == f"{world.namespace}/chat"
    assert run(world, "rules", "diff", *packs[:1]).returncode == 0


def test_the_doctor_finds_a_healthy_cluster_healthy(world: World) -> None:
    world.create(policy())
    world.create(service("chat", managed=1))
    eventually(lambda: world.get("guardprofiles", "chat"))
    ran = run(world, "doctor")
    assert ran.returncode == 0, ran.stdout
    assert "✗" not in ran.stdout
    assert "everything that was looked for is there" in ran.stdout


def test_the_doctor_names_what_is_missing_with_a_remedy(world: World) -> None:
    ran = run(world, "doctor", "--operator-namespace", "nowhere", "-o", "json")
    rows = [row for row in json.loads(ran.stdout) if row["state"] != "fine"]
    assert ran.returncode == 1
    assert len(rows) >= 3
    assert all(row["next"]["en"] and row["next"]["zh"] for row in rows)


def test_the_doctor_says_what_it_may_not_see(world: World) -> None:
    auditor = world.cluster.kubeconfig_of(world.namespace, "nobody")
    ran = genaictl(auditor, "doctor", "-n", world.namespace)
    assert ran.returncode == 1
    assert "?" in ran.stdout
    assert "Traceback" not in ran.stderr


def test_the_doctor_looks_for_the_policies_that_the_chart_has() -> None:
    found: dict[str, set[str]] = {"Mutating": set(), "Validating": set()}
    for path in (CHART / "templates" / "admission").glob("*.yaml"):
        for part in path.read_text("utf-8").split("\nkind: ")[1:]:
            kind, rest = part.split("\n", 1)
            if kind.endswith("AdmissionPolicy"):
                name = rest.split("name: ", 1)[1].split("\n", 1)[0]
                found[kind.removesuffix("AdmissionPolicy")].add(name)
    assert found == {"Mutating": set(MUTATING), "Validating": set(VALIDATING)}


def test_a_user_without_rights_is_told_which_role_to_ask_for(world: World) -> None:
    stranger = world.cluster.kubeconfig_of(world.namespace, "stranger")
    ran = genaictl(stranger, "status", "chat", "-n", world.namespace)
    assert ran.returncode == 3
    assert "genai-auditor" in ran.stderr


@pytest.mark.parametrize("content", ["", "a: [", "kind: Config\nclusters: 5\n", None])
@pytest.mark.parametrize(
    "verb", [["status", "chat"], ["doctor"], ["deadlines"], ["plan", "-f", str(EXAMPLE)]]
)
def test_a_kubeconfig_that_is_none_is_said_so(
    verb: list[str], content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content, "utf-8")
    ran = genaictl(file, *verb)
    assert ran.returncode == 3
    assert "no usable kubeconfig" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_cluster_that_does_not_answer_is_unreachable(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    tree = yaml.safe_load(control_plane.kubeconfig.read_text("utf-8"))
    tree["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(tree), "utf-8")
    begun = time.monotonic()
    ran = genaictl(file, "status", "chat")
    assert ran.returncode == 3
    assert "cannot be reached" in ran.stderr
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("lang", list(TOURS))
def test_the_tour_shows_what_the_cluster_answers(
    lang: str,
    control_plane: ControlPlane,
    operator: OperatorProcess,
    request: pytest.FixtureRequest,
) -> None:
    control_plane.api.ensure("/api/v1/namespaces/shop", kind="Namespace")
    world = World(control_plane, "shop")
    control_plane.kubectl("apply", "-n", "shop", "-f", "-", input=json.dumps(policy()))
    draft = json.dumps(service("chat", managed=1))
    control_plane.kubectl("apply", "-n", "shop", "-f", "-", input=draft)
    eventually(lambda: world.condition("chat", "RolloutAllowed") == "False/RequirementsNotMet")

    def told(arguments: list[str]) -> str:
        ran = genaictl(control_plane.kubeconfig, *arguments, "--lang", lang)
        return ran.stdout + ran.stderr

    page = TOURS[lang].read_text("utf-8")
    now = replayed(page, told, cluster=True)
    if request.config.getoption("--update-golden", default=False):
        TOURS[lang].write_text(now, "utf-8")
        page = now
    assert same(page, now)


def test_kubectl_finds_the_tool_as_a_plugin(control_plane: ControlPlane) -> None:
    env = {**os.environ, "PATH": f"{BIN}:{control_plane.bin}:/usr/bin:/bin"}  # noqa: TID251
    ran = subprocess.run(
        ["kubectl", "genai", "check", str(EXAMPLE), "--as-of", "2026-11-25", "--lang", "en"],
        env=env, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "rollout allowed" in ran.stdout


# --- what check says of the form is what the API server says


MUTATIONS: list[tuple[str, Any]] = [
    ("spec.displayName", "问答助手"),
    ("spec.displayName", ""),
    ("spec.typo", 1),
    ("spec.guard.killswitch", True),
    ("spec.guard.port", 8000),
    ("spec.guard.port", 8791),
    ("spec.guard.port", 65536),
    ("spec.guard.port", "8790"),
    ("spec.guard.paths", ["/health", "/health"]),
    ("spec.guard.paths", ["health"]),
    ("spec.guard.resources", {"limits": {"cpu": "1", "memory": "256Mi"}}),
    ("spec.guard.resources", {"limits": {"cpu": "eins"}}),
    ("spec.workload.adopt", {}),
    ("spec.workload.managed.autoscaling", {"maxReplicas": 1}),
    ("spec.workload.managed.autoscaling", {"maxReplicas": 3}),
    ("spec.workload.managed.template.spec.containers[0].name", "genai-guard"),
    ("spec.workload.managed.template.spec.containers[0].stdin", True),
    ("spec.compliance.serviceStartOn", "2025-02-30"),
    ("spec.compliance.serviceStartOn", "2026-07-20 "),
    ("spec.compliance.serviceEndOn", "2026-07-19"),
    ("spec.compliance.serviceEndOn", "2026-07-20"),
    ("spec.compliance.scope.audience", "Everyone"),
    ("spec.compliance.scope.publicOpinionOrMobilization", False),
    ("spec.compliance.scope.publicHosts", ["https://chat.example.cn"]),
    ("spec.compliance.provider.uscc", "９１１１０１０８MA01H2CH8D"),
    ("spec.compliance.provider.uscc", "91110108MA01H2CH8I"),
    ("spec.compliance.provider.provinceCode", 110000),
    ("spec.compliance.provider.safetyOfficer.email", "nobody"),
    ("spec.compliance.provider.safetyOfficer.email", None),
    ("spec.compliance.filings[0].number", "  "),
    ("spec.compliance.filings[0].approvedOn", "2026-03-01"),
    ("spec.compliance.filings[1].algorithmClass", "GenerationSynthesis"),
    ("spec.compliance.filings[0].kind", None),
    ("spec.compliance.models[0].digest", "latest"),
    ("spec.compliance.minors.ageSignal", "None"),
    ("spec.compliance.minors.bands[1].band", "U3"),
    ("spec.compliance.minors.curfew.start", "24:00"),
    ("spec.compliance.minors.curfew.end", "22:00"),
    ("spec.compliance.complaints.url", " https://chat.example.cn/x "),
    ("spec.compliance.complaints.url", "https://user@chat.example.cn"),
    ("metadata.name", "chat-" + "x" * 46),
    ("metadata.name", "1chat"),
]


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("path", "value"), MUTATIONS, ids=[f"{path}={value}"[:60] for path, value in MUTATIONS]
)
def test_check_refuses_what_the_api_server_refuses_and_nothing_else(
    path: str, value: Any, control_plane: ControlPlane
) -> None:
    body: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    put(body, steps_of(path), value)
    url = (
        "/apis/compliance.genai.dev/v1alpha1/namespaces/default/genaiservices"
        "?dryRun=All&fieldValidation=Strict"
    )
    try:
        control_plane.api.request("POST", url, body)
        said = ""
    except Refused as refused:
        said = str(refused)
    assert bool(faults(body)) == bool(said), said
