# SPDX-License-Identifier: Apache-2.0
"""The command and what it loads: the guard carries no library that it does not need."""

import subprocess
import sys

from genaiservice import __version__

HEAVY = (
    "kopf",
    "kubernetes",
    "jsonschema",
    "jsonschema_rs",
    "chinese_calendar",
    "yaml",
    "typer",
    "rich",
    "requests",
    "opentelemetry",
    "google.protobuf",
    "genaiservice.rules",
    "genaiservice.control",
    "genaiservice.cli",
)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_the_guard_loads_nothing_of_the_operator_and_no_tracing_unasked() -> None:
    code = f"""
import sys, genaiservice.guard.process
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    run = python("-c", code)
    assert run.stdout.strip() == "[]", run.stderr


def test_the_exporter_does_not_load_requests() -> None:
    code = """
import sys
from genaiservice import __version__
from genaiservice.api import guard_config
from genaiservice.guard.telemetry import tracing_for
config = guard_config.parse({
    "upstream": {"url": "http://m:1"}, "policyFile": "p",
    "telemetry": {"otlpEndpoint": "http://127.0.0.1:9"},
})
tracing_for(config, __version__).close()
print("requests" in sys.modules, "opentelemetry" in sys.modules)
"""
    run = python("-c", code)
    assert run.stdout.strip() == "False True", run.stderr


def test_the_version_is_printed() -> None:
    run = python("-m", "genaiservice", "version")
    assert (run.returncode, run.stdout.strip()) == (0, __version__)


def test_a_command_that_is_not_known_ends_with_two_and_the_known_ones() -> None:
    run = python("-m", "genaiservice", "serve")
    assert run.returncode == 2
    assert "guard" in run.stderr


def test_the_guard_asks_for_its_configuration() -> None:
    run = python("-m", "genaiservice", "guard")
    assert run.returncode == 2
    assert "--config" in run.stderr
