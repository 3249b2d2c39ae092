# SPDX-License-Identifier: Apache-2.0
"""The acts of the story on a real API server, in the order in which they are told."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from genaiservice.api import names
from genaiservice.control.engine.clock import Clock, today
from hack import operate, renewed
from hack.cluster import CommandFailed, free_ports
from hack.places import ROOT
from hack.story import traces
from hack.story.conversation import ask
from hack.story.model import MODEL, Model
from hack.story.narrator import Narrator
from hack.story.pod import PodGuard
from hack.story.stage import Stage, until

SERVICE = "vllm-chat"
PODS = f"{names.LABEL_SERVICE}={SERVICE}"
MANAGED_PODS = f"{names.LABEL_SERVICE}=chat"
CUT_SECONDS = 10.0


class Story:
    def __init__(self, narrator: Narrator, stage: Stage) -> None:
        self.narrator = narrator
        self.stage = stage

    def tell(self) -> None:
        self.refused()
        self.adopted()
        self.completed()
        model = Model(self.stage.collector.endpoint if self.stage.collector else None)
        try:
            guard = self.guarded(model)
            try:
                self.revoked(guard)
            finally:
                guard.stop()
        finally:
            model.stop()
        self.without_operator()

    def refused(self) -> None:
        """1. An incomplete service is refused, with reasons."""
        self.narrator.step(
            "An incomplete service is applied: refused, with reasons",
            "应用一份不完整的服务：不予上线，并说明原因",
        )
        self._apply("minimal-refused")
        until("the verdict", lambda: self._condition("chat-draft", "RolloutAllowed"))
        self._show("get", "genaiservice", "chat-draft")
        self._status("chat-draft")
        self._show("get", "deployments")

    def adopted(self) -> None:
        """2. A pod of a foreign Deployment exists, guarded, gated, not scheduled."""
        self.narrator.step(
            "A foreign vLLM Deployment: its pods exist, guarded and gated, not scheduled",
            "已有的 vLLM Deployment：Pod 已创建，带护栏、被门控、未调度",
        )
        self._apply("adopt-vllm")
        pods = until("the pods", lambda: self.stage.items("pods", PODS))
        self._show("get", "pods", "-l", PODS)
        self._describe(pods[0])
        self._show("get", "genaiservice", SERVICE)

    def completed(self) -> None:
        """3. Completed declarations lift the gate."""
        self.narrator.step(
            "The declarations are completed: the gate lifts, pods run",
            "补全申报：门控解除，Pod 运行",
        )
        began = time.monotonic()
        self._apply("adopt-vllm/completed")
        until("the lifted gates", lambda: not any(_gated(p) for p in self._pods()))
        took = time.monotonic() - began
        self.narrator.fact(
            f"from apply to the lifted gates: {took * 1000:.0f} ms (kubectl included)",
            f"从 apply 到门控解除：{took * 1000:.0f} 毫秒（含 kubectl）",
        )
        if self.stage.simulated:
            until("running pods", lambda: all(_phase(p) == "Running" for p in self._pods()))
            until("Ready", lambda: self._condition(SERVICE, "Ready") == "True")
        self._show("get", "genaiservice", SERVICE)
        self._show("get", "pods", "-l", PODS)

    def guarded(self, model: Model) -> PodGuard:
        """4. The guard of one of these pods serves."""
        self.narrator.step(
            "The guard of one pod, started as its profile says, serves a stream",
            "按 Pod 中的定义启动护栏，提供流式服务",
        )
        pod = self._pods()[0]["metadata"]["name"]
        if self.stage.collector:
            self._trace_to(self.stage.collector.endpoint)
        port, admin = free_ports(2)
        folder = self.stage.folder / "guard"
        guard = PodGuard(self.stage.read, pod, folder, model.url, (port, admin))
        self.narrator.command("genaiservice", *guard.container["args"])
        until("the guard", guard.ready)
        base = f"http://127.0.0.1:{guard.port}/v1"
        trace = ask(self.narrator, base, "今天天气怎么样？")
        ask(self.narrator, base, "请输出一个样本")
        self._show_trace(trace)
        return guard

    def revoked(self, guard: PodGuard) -> None:
        """5. A revoked filing closes the gate and stops the running guard."""
        self.narrator.step(
            "The filing is set to Revoked: new pods are gated, the running guard refuses",
            "备案状态改为 Revoked：新 Pod 被门控，运行中的护栏拒绝服务",
        )
        filings = self.stage.read("genaiservice", SERVICE)["spec"]["compliance"]["filings"]
        patch = [
            {
                "op": "replace",
                "path": f"/spec/compliance/filings/{index}/status",
                "value": "Revoked",
            }
            for index, filing in enumerate(filings)
            if filing["kind"] == "GenAIFiling"
        ]
        self.narrator.command("kubectl", "patch", "genaiservice", SERVICE, "…/status: Revoked")
        self.stage.kubectl("patch", "genaiservice", SERVICE, "--type=json", "-p", json.dumps(patch))
        began = time.monotonic()
        answer = until("the refusal", lambda: _refusal(guard.port), CUT_SECONDS)
        took = time.monotonic() - began
        self.narrator.fact(
            f"HTTP 451 after {took:.2f} s",
            f"{took:.2f} 秒后返回 HTTP 451",
        )
        self.narrator.output(json.dumps(answer, ensure_ascii=False, indent=2))
        self._run("scale", "deployment", SERVICE, "--replicas=3")
        until("a new pod", lambda: len(self._pods()) == 3)
        self._show("get", "pods", "-l", PODS)

    def without_operator(self) -> None:
        """6. The gate holds and an allowed service scales while the operator is down."""
        self.narrator.step(
            "The operator is stopped: a bad pod is still held, an allowed service still scales",
            "停止 operator：不合格的 Pod 仍被拦住，已放行的服务仍可扩容",
        )
        self._apply("chat-managed")
        until("the managed pods", lambda: len(self.stage.items("pods", MANAGED_PODS)) >= 2)
        code = self.stage.processes.stop(operate.NAME)
        self.narrator.fact(f"operator stopped, exit code {code}", f"operator 已停止，退出码 {code}")
        self._run("scale", "deployment", SERVICE, "--replicas=4")
        until("one more held pod", lambda: len(self._pods()) == 4)
        held = [pod for pod in self._pods() if _gated(pod)]
        self.narrator.fact(
            f"{SERVICE}: {len(held)} new pods held by the gate",
            f"{SERVICE}：{len(held)} 个新 Pod 被门控拦住",
        )
        self._refused_pod()
        self._run("scale", "deployment", "chat", "--replicas=4")
        until("the scaled service", lambda: len(self.stage.items("pods", MANAGED_PODS)) == 4)
        if self.stage.simulated:
            until(
                "four running pods",
                lambda: all(
                    _phase(pod) == "Running" for pod in self.stage.items("pods", MANAGED_PODS)
                ),
            )
        self._show("get", "pods", "-l", MANAGED_PODS)

    def _refused_pod(self) -> None:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "stray", "labels": {names.LABEL_SERVICE: "nobody"}},
            "spec": {"containers": [{"name": "model", "image": "model"}]},
        }
        self.narrator.command("kubectl", "apply", "-f", "a-pod-that-names-no-service.yaml")
        try:
            self.stage.kubectl("apply", "-f", "-", input=json.dumps(pod))
        except CommandFailed as refusal:
            self.narrator.output(refusal.stderr)
        else:
            raise AssertionError("a pod that names no service was accepted")

    def _trace_to(self, collector: str) -> None:
        """Traces of this service go to the collector of the story; wait until the guard's
        configuration says so."""
        patch = {"spec": {"guard": {"telemetry": {"otlpEndpoint": collector, "sampleRatio": 1}}}}
        self.stage.kubectl(
            "patch", "genaiservice", SERVICE, "--type=merge", "-p", json.dumps(patch)
        )
        config_map = names.guard_config_map(SERVICE)
        until(
            "the new configuration",
            lambda: collector in self.stage.read("configmap", config_map)["data"]["guard.json"],
        )

    def _show_trace(self, trace: str) -> None:
        if self.stage.collector is None:
            self.narrator.say("no collector at hand: no trace shown", "没有 Collector：不显示追踪")
            return
        path = self.stage.collector.file
        until("the trace", lambda: sum(s.trace == trace for s in traces.read(path)) >= 3, 30)
        self.narrator.say(
            "What the OpenTelemetry Collector received of the first answer:",
            "OpenTelemetry Collector 收到的第一次回答的追踪：",
        )
        self.narrator.console.print(traces.tree(traces.read(path), trace))

    def _apply(self, example: str) -> None:
        """As in the folder, but with the days that age kept up (`hack.renewed`)."""
        self.narrator.command("kubectl", "apply", "-f", f"examples/{example}")
        manifests = renewed.documents(ROOT / "examples" / example, today(Clock().now()))
        text = "\n---\n".join(json.dumps(manifest) for manifest in manifests)
        self.narrator.output(self.stage.kubectl("apply", "-f", "-", input=text))

    def _run(self, *words: str) -> None:
        self.narrator.command("kubectl", *words)
        self.narrator.output(self.stage.kubectl(*words))

    def _show(self, *words: str) -> None:
        self._run(*words)

    def _status(self, name: str) -> None:
        """The findings in the language of the reader; it exits with 1 while refused."""
        self.narrator.command("genaictl", "status", name)
        done = subprocess.run(
            [sys.executable, "-m", "genaiservice.cli.main", "status", name,
             "--namespace", self.stage.namespace, "--lang", self.narrator.lang.value],
            capture_output=True, text=True, timeout=60, check=False,
            env=self.stage.cluster.environment(),
        )  # fmt: skip
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr)
        self.narrator.output(done.stdout)

    def _describe(self, pod: dict[str, Any]) -> None:
        spec = pod["spec"]
        first = [c["name"] for c in spec.get("initContainers", [])]
        gates = [gate["name"] for gate in spec.get("schedulingGates", [])]
        node = spec.get("nodeName", "–")
        self.narrator.fact(
            f"native sidecar {first}, gates {gates}, node {node}",
            f"原生 sidecar {first}，门控 {gates}，节点 {node}",
        )

    def _pods(self) -> list[dict[str, Any]]:
        found = self.stage.items("pods", PODS)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def _condition(self, service: str, kind: str) -> str:
        status = self.stage.read("genaiservice", service).get("status", {})
        rows = {row["type"]: row["status"] for row in status.get("conditions", [])}
        return str(rows.get(kind, ""))


def _gated(pod: dict[str, Any]) -> bool:
    return any(gate["name"] == names.GATE for gate in pod["spec"].get("schedulingGates", []))


def _phase(pod: dict[str, Any]) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def _refusal(port: int) -> dict[str, Any] | None:
    """The body of the 451, once the guard answers so."""
    question = {"model": MODEL, "messages": [{"role": "user", "content": "你好"}]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        data=json.dumps(question).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - loopback
            return None
    except urllib.error.HTTPError as answer:
        with answer:
            told: dict[str, Any] = json.loads(answer.read())
            return told if answer.code == 451 else None
