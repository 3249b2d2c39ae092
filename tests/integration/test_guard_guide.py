# SPDX-License-Identifier: Apache-2.0
"""The page that puts the guard before vLLM: each command is run, what it shows is what is printed.

vLLM is a scripted server here that writes its shape; the parts that change from run to run
(hashes of the chain, times, identities, durations) are left out of the comparison.
"""

import dataclasses
import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api import guard_config
from genaiservice.guard import refusal
from genaiservice.guard.core.errors import CATALOGUE
from hack.cluster import ControlPlane
from tests.chart import NAMESPACE, OPERATOR, installed
from tests.guard_process import TERM, free_port
from tests.operator_process import GUARD_IMAGE, operating
from tests.shell import Shell
from tests.upstream import Call, Upstream, answering, streaming

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {lang: DOCS / lang / "guide" / "guard.md" for lang in ("en", "zh")}
CHANGING = re.compile(
    r"[0-9a-f]{64}|(?<=chatcmpl-)\w+|\b[0-9a-f]{8}\b|[0-9a-f]{32}|\d+\.\d{3,}|\d{4}-\d\d-\d\dT[\d:.+Z]+"
    r'|(?<="created":)\d+'
)

ELSEWHERE = {"detectorWindow"}
"""Parts of the configuration whose fields stand on a page of their own."""


async def vllm(call: Call) -> None:
    if "故事" in call.body.decode():
        await streaming("从前有座山，", "山里有违", "禁样本", "和庙。")(call)
    elif call.json.get("stream"):
        await streaming("你好", "！很高兴", "见到你。")(call)
    else:
        await answering("你好！很高兴见到你。")(call)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # noqa: TID251 - curl and the like
    with Upstream(vllm) as model:
        ports = {8000: model.port, 8790: free_port(), 8791: free_port()}
        with Shell(tmp_path, path, ports) as made:
            yield made


@pytest.mark.parametrize("lang", list(PAGES))
def test_the_page_shows_what_its_commands_print(
    lang: str, shell: Shell, request: pytest.FixtureRequest
) -> None:
    page = PAGES[lang].read_text("utf-8")
    now = shell.replayed(page)
    if request.config.getoption("--update-golden", default=False):
        PAGES[lang].write_text(now, "utf-8")
        page = now
    assert CHANGING.sub("#", page) == CHANGING.sub("#", now)
    assert TERM in page


@pytest.mark.integration
@pytest.mark.parametrize("lang", list(PAGES))
def test_the_page_shows_what_the_cluster_answers(
    lang: str,
    control_plane: ControlPlane,
    namespace: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    image, _, tag = GUARD_IMAGE.rpartition(":")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(Path(control_plane.kubeconfig).read_text())
    path = f"{control_plane.bin}:{os.environ['PATH']}"  # noqa: TID251
    with (
        installed(control_plane, "--set", f"guard.image.repository={image},guard.image.tag={tag}"),
        operating(control_plane.kubeconfig_of(NAMESPACE, OPERATOR)),
        Shell(DOCS.parent, path, {}, KUBECONFIG=str(kubeconfig), HOME=str(tmp_path)) as shell,
    ):
        shell.run(f"kubectl config set-context --current --namespace={namespace}")
        page = PAGES[lang].read_text("utf-8")
        now = shell.replayed(page, cluster=True)
    if request.config.getoption("--update-golden", default=False):
        PAGES[lang].write_text(now, "utf-8")
        page = now
    assert page == now


@pytest.mark.parametrize("lang", list(PAGES))
def test_the_page_names_every_refusal_and_every_setting(lang: str) -> None:
    page = PAGES[lang].read_text("utf-8")
    told = re.findall(r'\n        "([a-z_]+)",\n|code="([a-z_]+)"', inspect.getsource(refusal))
    codes = {code for pair in told for code in pair if code} | {*CATALOGUE, "service_suspended"}
    assert codes
    assert {code for code in codes if f"`{code}`" not in page} == set()
    config = guard_config.parse({"upstream": {"url": "http://model"}, "policyFile": "p"})
    names = [
        f"{part}.{inner}" if inner else part
        for part, value in camel(dataclasses.asdict(config)).items()
        for inner in (value if isinstance(value, dict) and part not in ELSEWHERE else [""])
    ]
    assert [name for name in names if f"`{name}`" not in page] == []


def camel(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        re.sub(r"_(.)", lambda found: found[1].upper(), name): camel(value)
        if isinstance(value, dict)
        else value
        for name, value in tree.items()
    }
