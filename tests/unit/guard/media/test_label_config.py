# SPDX-License-Identifier: Apache-2.0
"""What may be configured: never less than the Measures and the standard ask for."""

import json
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api import label_config
from genaiservice.api.label_config import CueMode, Foreign, MediaLabels, Moment, Position
from genaiservice.api.problem import Lang, ProblemError
from tests.unit.guard.media.samples import OURS

ROOT = Path(__file__).parents[4]


def test_nothing_written_is_a_plan_that_lets_no_file_out() -> None:
    assert label_config.parse({}) == MediaLabels()
    assert label_config.parse({}).producer_code == ""


def test_every_field_is_read() -> None:
    labels = label_config.parse(
        {
            "producerCode": OURS,
            "image": {"minHeightPercentOfShortSide": 7, "position": "Edge"},
            "audio": {"mode": "Speech", "positions": ["End", "Start"], "speechFile": "a.wav"},
            "video": {"labelText": "AI生成", "minSeconds": 3, "position": "TopRight"},
            "documentText": "AI生成",
            "foreign": "Keep",
            "font": "f.otf",
            "limits": {"fileBytes": 2048, "pixels": 5000, "frames": 2, "workSeconds": 8},
        }
    )
    assert labels.image.position is Position.EDGE
    assert labels.audio.mode is CueMode.SPEECH
    assert labels.audio.positions == (Moment.START, Moment.END)
    assert labels.video.min_seconds == 3
    assert labels.foreign is Foreign.KEEP
    assert (labels.limits.frames, labels.limits.work_seconds) == (2, 8)


@pytest.mark.parametrize(
    ("tree", "where", "says"),
    [
        ({"image": {"minHeightPercentOfShortSide": 2.5}}, "media.image.min", "from 5 to"),
        ({"video": {"minSeconds": 1.9}}, "media.video.minSeconds", "from 2 to"),
        ({"image": {"labelText": "生成图片"}}, "media.image.labelText", "人工智能 or AI"),
        ({"video": {"labelText": "AI"}}, "media.video.labelText", "生成 or 合成"),
        ({"documentText": "AI\n生成"}, "media.documentText", "one line"),
        ({"producerCode": OURS[:22] + "2" + OURS[23:]}, "media.producerCode", "position 23"),
        ({"image": {"position": "Center"}}, "media.image.position", "TopLeft"),
        ({"audio": {"positions": ["Sometimes"]}}, "media.audio.positions", "Start, Middle, End"),
        ({"audio": {"mode": "Speech"}}, "media.audio.speechFile", "WAV file"),
        ({"foreign": "Drop"}, "media.foreign", "Refuse, Keep, Replace"),
        ({"limits": {"pixels": 0}}, "media.limits.pixels", "from 4096"),
        ({"imgae": {}}, "media.imgae", "did you mean image?"),
    ],
)
def test_a_setting_below_the_standard_is_refused(tree: Any, where: str, says: str) -> None:
    with pytest.raises(ProblemError) as caught:
        label_config.parse(tree)
    [problem] = caught.value.problems
    assert problem.where.startswith(where)
    assert says in problem.render(Lang.EN)
    assert problem.render(Lang.ZH) != problem.render(Lang.EN)


def camel(value: Any) -> Any:
    """As the guard's configuration is rendered: field names become keys."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key(field.name): camel(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [camel(entry) for entry in value]
    return value.value if isinstance(value, StrEnum) else value


def key(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def test_rendered_labels_are_parsed_to_the_same() -> None:
    labels = label_config.parse({"producerCode": OURS, "audio": {"positions": ["End"]}})
    assert label_config.parse(json.loads(json.dumps(camel(labels)))) == labels


def test_the_settings_of_the_guide_are_the_defaults() -> None:
    for language in ("en", "zh"):
        page = (ROOT / "docs" / language / "guide" / "labels.md").read_text("utf-8")
        written = json.loads(page.split("```json\n")[1].split("```")[0])
        assert label_config.parse(written) == replace(MediaLabels(), producer_code=OURS)
        assert label_config.parse(camel(MediaLabels())) == MediaLabels()


def test_a_declaration_gives_the_labels_that_the_rules_allowed() -> None:
    declared = {
        "provider": {"aigcProviderCode": OURS, "name": "x"},
        "labelling": {
            "image": {"labelText": "AI合成", "position": "TopLeft"},
            "audio": {"mode": "Speech", "positions": ["End"]},
            "video": {"minSeconds": 4, "startFrame": True},
        },
    }
    labels = label_config.parse(label_config.of_declaration(declared, "label.wav"))
    assert labels.producer_code == OURS
    assert (labels.image.label_text, labels.image.position) == ("AI合成", Position.TOP_LEFT)
    assert (labels.audio.mode, labels.audio.speech_file) == (CueMode.SPEECH, "label.wav")
    assert labels.video.min_seconds == 4
    assert label_config.parse(label_config.of_declaration({})) == MediaLabels()


@pytest.mark.parametrize(
    ("declared", "granted"),
    [
        ({"enabled": True, "agreementClause": True, "logRetentionDays": 184}, True),
        ({"enabled": True, "agreementClause": True, "logRetentionDays": 183}, False),
        ({"enabled": True, "agreementClause": False, "logRetentionDays": 184}, False),
        ({"enabled": False, "agreementClause": True, "logRetentionDays": 184}, False),
        ({"enabled": True}, False),
        (None, False),
    ],
)
def test_files_without_visible_label_need_clause_and_log(declared: Any, granted: bool) -> None:
    tree = {"labelling": {"unlabelledOnRequest": declared}}
    labels = label_config.parse(label_config.of_declaration(tree))
    assert labels.unlabelled_on_request is granted
