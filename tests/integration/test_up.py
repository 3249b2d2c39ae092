# SPDX-License-Identifier: Apache-2.0
"""`make up`, `make status` and `make down`, in a folder of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hack.access import Access
from hack.places import ROOT
from tests.wait import eventually

pytestmark = pytest.mark.integration

SERVICES = "/apis/compliance.genai.dev/v1alpha1/namespaces/default/genaiservices"


def up(verb: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "hack.up", verb, "--folder", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def operator_of(owner: int) -> int:
    """The process id of the operator that `make up` keeps."""
    (found,) = (
        pid
        for pid in map(int, Path(f"/proc/{owner}/task/{owner}/children").read_text().split())
        if b"operator" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    )
    return found


def test_what_is_brought_up_answers_a_service_and_ends_without_a_trace(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert up("status", folder) == (1, "Nothing is running. `make up` starts it.\n")
    try:
        code, said = up("up", folder)
        assert code == 0, said
        assert f"export KUBECONFIG={folder}/kubeconfig" in said
        assert up("up", folder) == (0, said)  # it is the same one, not a second one

        api = Access.of(folder / "kubeconfig")
        workload = {"adopt": {"port": 8000}}
        spec = {"workload": workload, "guard": {"moderationPolicy": "default"}}
        service = {
            "apiVersion": "compliance.genai.dev/v1alpha1",
            "kind": "GenAIService",
            "metadata": {"name": "chat"},
            "spec": spec,
        }
        api.request("POST", SERVICES, service)

        def answered() -> None:
            assert api.get(f"{SERVICES}/chat")["status"]["rollout"]["allowed"] is False

        eventually(answered, within=20)

        first = operator_of(int((folder / "lock").read_text()))
        os.kill(first, signal.SIGKILL)

        def another() -> None:
            assert operator_of(int((folder / "lock").read_text())) != first

        eventually(another, within=20)
        assert api.get(f"{SERVICES}/chat")["status"]["rollout"]["allowed"] is False
    finally:
        ended = up("down", folder)
    assert ended == (0, "Stopped; nothing is left running.\n")
    assert not api.answers("/readyz")
    assert not (folder / "kubeconfig").exists()
    assert "reconciled" in (folder / "logs" / "operator.previous.log").read_text()
    assert up("down", folder) == (0, "Nothing is running.\n")
