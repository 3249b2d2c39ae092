# SPDX-License-Identifier: Apache-2.0
"""The rule pack is checked at load: a broken file stops the start and says where it is broken."""

from importlib import resources
from typing import Any

import pytest
import yaml

from genaiservice.rules.pack import CatalogueError, catalogue_of, load_catalogue, parse_yaml

FOLDER = resources.files("genaiservice.rules") / "catalogue"
FILES = {entry.name: entry.read_bytes() for entry in FOLDER.iterdir()}
FIRST_RELEASE = {
    *("IM-02-1", "IM-04-1", "IM-07-1", "IM-09-4", "IM-10-2", "IM-10-3", "IM-13-1", "IM-15-1"),
    *(f"IM-12-{number}" for number in range(1, 7)),
    *(f"IM-17-{number}" for number in range(1, 5)),
    *("IM-21-1", "IM-23-1"),
}


def changed(**changes: Any) -> dict[str, bytes]:
    tree = parse_yaml("IM-15-1.yaml", FILES["IM-15-1.yaml"])
    return FILES | {"IM-15-1.yaml": yaml.safe_dump(tree | changes, allow_unicode=True).encode()}


def with_step(**step: Any) -> dict[str, bytes]:
    shape = {"field": "complaints.url", "expects": {"en": "a page", "zh": "页面"}}
    ordinary = {"field": "complaints.email", "expects": {"en": "mail", "zh": "邮箱"}}
    return changed(requires=[ordinary, shape | step])


BROKEN = [
    pytest.param(changed(severity="fatal"), "severity", id="unknown severity"),
    pytest.param(changed(family="Nothing"), "family", id="unknown family"),
    pytest.param(changed(colour="red"), "colour", id="unknown key"),
    pytest.param(changed(cases=[]), "cases", id="no cases"),
    pytest.param(changed(id="IM-15-9"), "name of its requirement", id="another file name"),
    pytest.param(changed(title={"en": "English only"}), "title", id="one language"),
    pytest.param(
        changed(remedy={"en": "Fill {feild}.", "zh": "填写"}), "feild", id="unknown placeholder"
    ),
    pytest.param(changed(remedy={"en": "Fill {field.", "zh": "填写"}), "remedy", id="open brace"),
    pytest.param(with_step(check={"isNice": {}}), "isNice", id="unknown check"),
    pytest.param(with_step(check={"atMostDaysOld": {}}), "days", id="check without argument"),
    pytest.param(
        with_step(check={"notInFuture": {"days": 3}}), "notInFuture", id="argument too many"
    ),
    pytest.param(
        with_step(suspends={"en": "Stopped.", "zh": "已停"}),
        "must stand before",
        id="suspending step behind another",
    ),
    pytest.param(with_step(schema={"$ref": "#/$defs/nowhere"}), "nowhere", id="no definition"),
    pytest.param(with_step(schema={"format": "moon"}), "moon", id="unknown format"),
    pytest.param(with_step(schema={"type": "thing"}), "IM-15-1.yaml", id="no schema"),
    pytest.param(
        with_step(expects={"en": "{a.b} days", "zh": "若干天"}), "a.b", id="unknown limit in words"
    ),
    pytest.param(with_step(field="a..b"), "field", id="no path"),
    pytest.param(FILES | {"_pack.yaml": b"version: 1\n"}, "_pack.yaml", id="no version"),
    pytest.param(FILES | {"IM-15-1.yaml": b"id: [\n"}, "not YAML", id="not YAML"),
    pytest.param(FILES | {"IM-15-1.yaml": b"- 1\n"}, "IM-15-1.yaml", id="not an object"),
    pytest.param(
        {k: v for k, v in FILES.items() if k != "_schema.yaml"}, "_schema.yaml", id="no schema file"
    ),
]


@pytest.mark.parametrize(("files", "words"), BROKEN)
def test_a_broken_rule_pack_stops_the_start(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        catalogue_of(files)
    assert words in str(caught.value)


def test_every_fault_is_told_at_once() -> None:
    files = changed(severity="fatal", family="Nothing")
    with pytest.raises(CatalogueError) as caught:
        catalogue_of(files)
    assert len(str(caught.value).splitlines()) == 2


def test_the_requirements_of_the_first_release_are_there() -> None:
    ids = {compiled.requirement.id for compiled in load_catalogue().requirements}
    assert ids >= FIRST_RELEASE


def test_the_digest_follows_the_content_and_not_the_order() -> None:
    digest = load_catalogue().digest
    assert catalogue_of(dict(reversed(FILES.items()))).digest == digest
    edited = FILES | {"IM-15-1.yaml": FILES["IM-15-1.yaml"] + b"# edited\n"}
    assert catalogue_of(edited).digest != digest


def test_a_day_in_a_file_stays_a_text() -> None:
    assert parse_yaml("x", b"day: 2026-11-25") == {"day": "2026-11-25"}


def test_a_further_requirement_is_one_file() -> None:
    tree = parse_yaml("IM-15-1.yaml", FILES["IM-15-1.yaml"]) | {"id": "IM-15-2"}
    files = FILES | {"IM-15-2.yaml": yaml.safe_dump(tree, allow_unicode=True).encode()}
    ids = [compiled.requirement.id for compiled in catalogue_of(files).requirements]
    assert ids.index("IM-15-2") == ids.index("IM-15-1") + 1
