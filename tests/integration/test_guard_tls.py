# SPDX-License-Identifier: Apache-2.0
"""A model behind TLS: its certificate must be that of a known authority.

The server is the real API server: it answers what it does not serve with JSON over HTTPS.
"""

import base64
from pathlib import Path

import pytest
import yaml

from hack.cluster import ControlPlane
from tests.guard_process import Guard, Raw

pytestmark = pytest.mark.integration


@pytest.fixture
def authority(control_plane: ControlPlane, tmp_path: Path) -> Path:
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    path = tmp_path / "ca.pem"
    if "certificate-authority-data" in cluster:
        path.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    else:
        path.write_bytes(Path(cluster["certificate-authority"]).read_bytes())
    return path


def models(guard: Guard) -> bytes:
    with Raw(guard) as raw:
        raw.send(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return raw.to_end()


def test_a_known_authority_is_trusted(
    control_plane: ControlPlane,
    authority: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Guard(tmp_path, control_plane.url) as guard:
        assert b'"kind":"Status"' in models(guard).replace(b" ", b"")


def test_an_unknown_authority_is_refused(control_plane: ControlPlane, tmp_path: Path) -> None:
    with Guard(tmp_path, control_plane.url, wait=False) as guard:
        assert models(guard).startswith(b"HTTP/1.1 502 ")
        assert guard.readiness()["upstream"]["ok"] is False
