# SPDX-License-Identifier: Apache-2.0
"""Runs genaictl in this process, as a shell would see it, and holds output against golden files."""

import copy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from genaiservice.cli.main import app
from genaiservice.rules.cases import put, steps_of
from genaiservice.rules.pack import load_catalogue

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "cli"
DAY = "2026-11-25"


def complete(**changes: Any) -> str:
    """A service that lacks nothing of the rule pack, whatever that asks for; as YAML."""
    body = yaml.safe_load((ROOT / "examples/chat-managed/genaiservice.yaml").read_text("utf-8"))
    body["spec"]["compliance"] = copy.deepcopy(load_catalogue().complete)
    for path, value in changes.items():
        put(body, steps_of(path), value)
    return str(yaml.safe_dump(body, allow_unicode=True, sort_keys=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int
    out: str
    err: str


def genaictl(*arguments: str, stdin: str | bytes = "", lang: str = "en") -> Ran:
    """What a run gave; an exception that is no exit is raised here."""
    result = CliRunner(env={"LANG": lang, "LC_ALL": "", "LC_MESSAGES": ""}).invoke(
        app, list(arguments), input=stdin, catch_exceptions=False, prog_name="genaictl"
    )
    return Ran(
        code=result.exit_code,
        out=result.stdout_bytes.decode(),  # as it is: `stdout` would drop the CR of a calendar
        err=result.stderr_bytes.decode(),
    )


def stable(text: str) -> str:
    """Without what changes with every release of the rules: version and digest."""
    return re.sub(r"\d{4}\.\d+\.\d+|sha256:[0-9a-f]{64}", "VERSION", text)
