# SPDX-License-Identifier: Apache-2.0
"""The command line of every program of the control plane, and the keys they share.

Rule of this module: each function returns arguments or writes into the data folder; who starts
what, and when, is `cluster`'s affair.
"""

import shutil
import subprocess
from pathlib import Path

from hack.access import save
from hack.places import ROOT

CONFIG = ROOT / "hack" / "cluster-config"

USERS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kwok": ("system:kwok", "system:masters"),
}
"""Who may come in with a token: name of the kubeconfig file -> user and group."""

CLIENT_RATE = ("--kube-api-qps=500", "--kube-api-burst=1000")
"""Hundreds of services in a benchmark must not wait for the clients' own throttle."""


def make_keys(data: Path, tokens: dict[str, str]) -> None:
    """The API server's certificate, which is its own authority, its token key and its users."""
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", data / "sa.key")
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", "365", "-subj", "/CN=kube-apiserver"),
        *("-keyout", data / "tls.key", "-out", data / "tls.crt"),
        *("-addext", "subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1"),
        *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
        *("-addext", "extendedKeyUsage=serverAuth"),
    )
    rows = (f'{tokens[name]},{user},{name},"{group}"' for name, (user, group) in USERS.items())
    save(data / "tokens.csv", "\n".join(rows) + "\n")


def openssl(*arguments: str | Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise FileNotFoundError("openssl makes the API server's certificate; install it")
    subprocess.run([program, *arguments], check=True, capture_output=True, timeout=30)


def etcd(data: Path, port: int, peer_port: int) -> list[str]:
    own = f"http://127.0.0.1:{port}"
    return [
        f"--data-dir={data / 'etcd'}",
        f"--listen-client-urls={own}",
        f"--advertise-client-urls={own}",
        f"--listen-peer-urls=http://127.0.0.1:{peer_port}",
        "--unsafe-no-fsync",  # the data need not survive a power cut
        "--log-level=warn",
    ]


def api_server(data: Path, port: int, etcd_port: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--advertise-address=127.0.0.1",
        # Nothing runs inside this cluster that would look for the Service `kubernetes`.
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={data / 'tls.crt'}",
        f"--tls-private-key-file={data / 'tls.key'}",
        f"--cert-dir={data / 'certificates'}",
        f"--token-auth-file={data / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--anonymous-auth=false",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={data / 'sa.key'}",
        f"--service-account-key-file={data / 'sa.key'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        "--profiling=false",
        f"--audit-policy-file={CONFIG / 'audit.yaml'}",
        f"--audit-log-path={data / 'audit.log'}",
        "--audit-log-mode=blocking",  # the line is there when the answer is
        "--audit-log-maxsize=500",
        "--audit-log-maxbackup=1",
    ]


def controller_manager(data: Path) -> list[str]:
    return [
        f"--kubeconfig={data / 'controllers.kubeconfig'}",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={data / 'sa.key'}",
        f"--root-ca-file={data / 'tls.crt'}",
        "--controllers=*,-node-ipam-controller",
        *CLIENT_RATE,
    ]


def scheduler(data: Path) -> list[str]:
    return [
        f"--kubeconfig={data / 'scheduler.kubeconfig'}",
        "--secure-port=0",
        "--leader-elect=false",
        *CLIENT_RATE,
    ]


def kwok(data: Path) -> list[str]:
    return [
        f"--config={CONFIG / 'kwok.yaml'}",
        f"--kubeconfig={data / 'kwok.kubeconfig'}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        "--cidr=10.88.0.0/16",
    ]
