# SPDX-License-Identifier: Apache-2.0
"""Peers that are measured beside the guard, each in an environment of its own in the cache.

They are no part of this project and of its pins. What cannot be installed is said in the table.
"""

import functools
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.rig.traffic import KEY, terms
from hack.places import cache

PINNED = {
    "litellm": ["litellm[proxy]==1.108.7"],
    "nemo": ["nemoguardrails[server]==0.24.1", "uvloop==0.23.0"],
}
INSTALL_SECONDS = 900
QUIET = {
    # No peer may ask or tell anybody anything while it is measured.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MASTER_KEY": KEY,
    "NEMO_GUARDRAILS_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "OPENAI_API_KEY": "none",
    "NEMO_GUARDRAILS_IORAILS_ENGINE": "1",  # the faster of its two engines
}


class MissingPeerError(Exception):
    """A peer cannot be run here; the message says why."""


@functools.cache
def installed(name: str) -> Path:
    """The folder of a peer's programs, filled now when it is missing; raises MissingPeerError."""
    wanted = PINNED[name]
    mark = hashlib.sha256("\n".join([*wanted, sys.version]).encode()).hexdigest()[:12]
    home = cache() / "peers" / f"{name}-{mark}"
    if (home / "complete").exists():
        return home / "bin"
    print(f"   installing {', '.join(wanted)} into {home} (once) …", file=sys.stderr, flush=True)
    shutil.rmtree(home, ignore_errors=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", *wanted]
    try:
        for command in ([sys.executable, "-m", "venv", str(home)], pip):
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS
            )
    except subprocess.TimeoutExpired:
        raise MissingPeerError(f"not installed within {INSTALL_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingPeerError(f"cannot be installed: {why[:200]}") from None
    (home / "complete").touch()
    return home / "bin"


def litellm(count: int) -> Callable[[Path, int, int], list[str]]:
    """LiteLLM with its content filter on answers."""

    def command(folder: Path, port: int, model: int) -> list[str]:
        program = installed("litellm") / "litellm"
        words = "".join(f'  - keyword: "{term}"\n    action: "BLOCK"\n' for term in terms(count))
        (folder / "words.yaml").write_text(f"blocked_words:\n{words}")
        (folder / "config.yaml").write_text(
            f"""model_list:
  - model_name: qwen3-8b
    litellm_params:
      model: openai/qwen3-8b
      api_base: http://127.0.0.1:{model}/v1
      api_key: none
litellm_settings: {{telemetry: false}}
guardrails:
  - guardrail_name: terms
    litellm_params:
      guardrail: litellm_content_filter
      mode: post_call
      default_on: true
      blocked_words_file: {folder}/words.yaml
"""
        )
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return [str(program), "--config", f"{folder}/config.yaml", *where]

    return command


def nemo(count: int) -> Callable[[Path, int, int], list[str]]:
    """NeMo Guardrails with its regex rail on answers, checked before they are sent."""

    def command(folder: Path, port: int, model: int) -> list[str]:
        program = installed("nemo") / "nemoguardrails"
        config = folder / "configs" / "bench"
        config.mkdir(parents=True)
        patterns = "".join(f'          - "{term}"\n' for term in terms(count))
        (config / "config.yml").write_text(
            f"""models:
  - type: main
    engine: openai
    model: qwen3-8b
    parameters:
      base_url: http://127.0.0.1:{model}/v1
      api_key: none
rails:
  config:
    regex_detection:
      output:
        case_insensitive: true
        patterns:
{patterns}  output:
    flows: [regex check output]
    streaming: {{enabled: true, chunk_size: 200, context_size: 50, stream_first: false}}
"""
        )
        options = ["--no-verbose", "--disable-chat-ui", "--default-config-id", "bench"]
        where = ["--port", str(port), "--config", str(folder / "configs")]
        return [str(program), "server", *options, *where]

    return command
