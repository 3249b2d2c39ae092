# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

LOAD = """
import sys
from genaiservice.control import lean
lean.without_client()
from genaiservice.control import process
from kubernetes.aio.config import load_incluster_config, load_kube_config
heavy = ("kubernetes.client", "kubernetes.config", "requests", "urllib3", "oauthlib")
print([name for name in heavy if sys.modules.get(name)])
"""


def test_the_operator_loads_without_the_synchronous_client() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, timeout=30
    )
    assert run.stdout.strip() == "[]"
