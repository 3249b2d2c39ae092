# SPDX-License-Identifier: Apache-2.0
"""`detectors` of guard.json: what is read, what each fault is told with, when one is open."""

from datetime import UTC, datetime
from typing import Any

import pytest

from genaiservice.api import guard_config
from genaiservice.api.detector_config import FailOpen, Kind, Side
from genaiservice.api.problem import ProblemError

OPEN = {"since": "2026-12-01T00:00:00Z", "until": "2026-12-08T00:00:00Z", "reason": "it moves"}


def detector(**more: Any) -> dict[str, Any]:
    tree = {
        "name": "house",
        "kind": "GuardModel",
        "url": "https://guard.example.cn/v1/",
        "model": "m",
        "categories": [{"name": "S1", "riskClass": "A1a"}],
        **more,
    }
    return {key: value for key, value in tree.items() if value is not ...}


def config(*detectors: Any, **more: Any) -> dict[str, Any]:
    base = {"upstream": {"url": "http://127.0.0.1:1"}, "policyFile": "policy.json"}
    return {**base, "detectors": list(detectors), **more}


def test_a_detector_is_read_and_written_back() -> None:
    tree = config(
        detector(
            applyTo=["Output"],
            failOpen=OPEN,
            apiKeyFile="key",
            categories=[{"name": "S1", "riskClass": "A1a"}],
        ),
        detector(
            name="other",
            kind="Moderation",
            model=...,
            categories=[{"name": "hate", "riskClass": "A2a", "threshold": 0.4}],
        ),
        detectorWindow={"characters": 50, "seconds": 0.5},
    )
    read = guard_config.parse(tree)
    first, second = read.detectors
    assert (first.kind, first.apply_to, first.url) == (
        Kind.GUARD_MODEL,
        (Side.OUTPUT,),
        "https://guard.example.cn/v1",
    )
    assert second.categories[0].threshold == 0.4
    assert guard_config.parse(guard_config.render(read)) == read


def test_without_detectors_an_older_guard_reads_the_file() -> None:
    rendered = guard_config.render(guard_config.parse(config()))
    assert not {"detectors", "detectorWindow"} & rendered.keys()


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        pytest.param(detector(kind="Oracle"), "detectors[0].kind", id="kind"),
        pytest.param(detector(name="House_1"), "detectors[0].name", id="name"),
        pytest.param(detector(url="ftp://x"), "detectors[0].url", id="url"),
        pytest.param(
            detector(url="https://u:p@x/v1"), "detectors[0].url", id="password in the url"
        ),
        pytest.param(detector(model=...), "detectors[0].model", id="guard model without a name"),
        pytest.param(detector(applyTo=[]), "detectors[0].applyTo", id="for nothing"),
        pytest.param(detector(applyTo=["Both"]), "detectors[0].applyTo", id="unknown side"),
        pytest.param(
            detector(template="judge"), "detectors[0].template", id="no place for the text"
        ),
        pytest.param(detector(unsafeAnswer="SAFE"), "detectors[0].unsafeAnswer", id="same answers"),
        pytest.param(detector(safeAnswer=" "), "detectors[0].safeAnswer", id="silence is safe"),
        pytest.param(detector(unsafeAnswer=" "), "detectors[0].unsafeAnswer", id="blank verdict"),
        pytest.param(
            detector(ignoredCategories=["s1"]), "detectors[0].categories", id="both, case"
        ),
        pytest.param(
            detector(categories=[{"name": one, "riskClass": "A1a"} for one in ("S1", "s1")]),
            "detectors[0].categories",
            id="twice, case",
        ),
        pytest.param(detector(timeoutSeconds=0), "detectors[0].timeoutSeconds", id="no time"),
        pytest.param(
            detector(categories=[{"name": "S1", "riskClass": "A9z"}]),
            "detectors[0].categories[0].riskClass",
            id="risk class",
        ),
        pytest.param(
            detector(categories=[{"name": "S1", "riskClass": "A1a", "threshold": 0.5}]),
            "detectors[0].categories",
            id="threshold without scores",
        ),
        pytest.param(detector(ignoredCategories=["S1"]), "detectors[0].categories", id="both ways"),
        pytest.param(
            detector(failOpen={**OPEN, "reason": ""}),
            "detectors[0].failOpen.reason",
            id="no reason",
        ),
        pytest.param(
            detector(failOpen={**OPEN, "until": "2026-12-08T00:00:01Z"}),
            "detectors[0].failOpen.until",
            id="longer than seven days",
        ),
        pytest.param(
            detector(failOpen={**OPEN, "until": OPEN["since"]}),
            "detectors[0].failOpen.until",
            id="ends as it begins",
        ),
        pytest.param(
            detector(failOpen={**OPEN, "since": "2026-12-01T00:00:00"}),
            "detectors[0].failOpen.until",
            id="no zone",
        ),
    ],
)
def test_a_fault_names_its_field(entry: dict[str, Any], where: str) -> None:
    with pytest.raises(ProblemError) as error:
        guard_config.parse(config(entry))
    assert where in {problem.where for problem in error.value.problems}


def test_two_detectors_of_one_name_cannot_be_told_apart() -> None:
    with pytest.raises(ProblemError) as error:
        guard_config.parse(config(detector(), detector()))
    assert [problem.where for problem in error.value.problems] == ["detectors[1].name"]


@pytest.mark.parametrize(
    ("minute", "opens"),
    [("2026-11-30T23:59", False), ("2026-12-01T00:00", True), ("2026-12-08T00:00", False)],
)
def test_it_is_open_within_its_time(minute: str, opens: bool) -> None:
    now = datetime.fromisoformat(minute).replace(tzinfo=UTC)
    assert FailOpen(**OPEN).holds(now) is opens
