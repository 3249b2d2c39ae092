# SPDX-License-Identifier: Apache-2.0
import aiohttp

from genaiservice.control.probes import serving
from genaiservice.control.telemetry import Telemetry
from genaiservice.kube.resources import ObjectKey

KEY = ObjectKey(kind="GenAIService", namespace="shop", name="very-own-name")


async def test_the_probes_tell_what_is_true_at_that_moment() -> None:
    reasons = ["the cluster is not listed yet", ""]
    async with (
        serving((0, 0), ready=lambda: reasons[0], metrics=lambda: b"") as (health, _),
        aiohttp.ClientSession(f"http://127.0.0.1:{health}") as session,
    ):
        async with session.get("/readyz") as answer:
            assert answer.status == 503
            assert await answer.text() == "the cluster is not listed yet\n"
        reasons.pop(0)
        for path in ("/readyz", "/livez", "/healthz"):
            async with session.get(path) as answer:
                assert answer.status == 200


async def test_metrics_are_served_apart_and_name_no_object_of_a_user() -> None:
    telemetry = Telemetry()
    telemetry.passed(KEY, result="written", writes=3, seconds=0.01)
    telemetry.called(verb="patch", kind="Pod", code=200, seconds=0.01)
    telemetry.skipped("ConfigMap")
    telemetry.ghosts("Pod", 2)
    telemetry.watch(leading=lambda: True, depth=lambda: 4, dropped=lambda: 0)
    async with (
        serving((0, 0), ready=lambda: "", metrics=lambda: telemetry.render({"Pod": 7})) as (
            _,
            port,
        ),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.get("/metrics") as answer,
    ):
        text = await answer.text()
    for sample in (
        'genai_operator_reconcile_seconds_count{result="written"} 1.0',
        "genai_operator_writes_total 3.0",
        'genai_operator_kube_request_seconds_count{code="200",kind="Pod",verb="patch"} 1.0',
        'genai_operator_resync_ghosts_total{kind="Pod"} 2.0',
        "genai_operator_queue_depth 4.0",
        'genai_operator_cached_objects{kind="Pod"} 7.0',
        "genai_operator_leading 1.0",
    ):
        assert sample in text
    assert "very-own-name" not in text
