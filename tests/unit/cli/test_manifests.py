# SPDX-License-Identifier: Apache-2.0
"""Files, folders and stdin: every service is found, every unreadable file named."""

from pathlib import Path

import pytest

from genaiservice.api.problem import Problem
from genaiservice.cli.manifests import DOCUMENT_CHARACTERS, Manifest, parse, read
from genaiservice.cli.sources import MAX_BYTES, Source, decode

SERVICE = """\
apiVersion: compliance.genai.dev/v1alpha1
kind: GenAIService
metadata: {name: NAME}
spec: {}
"""
OTHERS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: terms}
---
apiVersion: v1
kind: Secret
data: {a: [broken
"""


def found(text: str) -> list[Manifest | Problem]:
    return list(parse(Source(name="f.yaml", text=text)))


def service(name: str) -> str:
    return SERVICE.replace("NAME", name)


def names_of(rows: list[Manifest | Problem]) -> list[str]:
    return [row.body["metadata"]["name"] for row in rows if isinstance(row, Manifest)]


def test_documents_of_other_kinds_are_left_alone_even_when_broken() -> None:
    assert names_of(found(f"{service('a')}---\n{OTHERS}---\n{service('b')}")) == ["a", "b"]


def test_lines_count_from_the_start_of_the_file() -> None:
    rows = found(f"# comment\n---\n{OTHERS}--- # more\n{service('b')}")
    (row,) = [row for row in rows if isinstance(row, Manifest)]
    assert row.where == "f.yaml:11"
    assert row.place("metadata.name").line == 13


def test_one_broken_document_hides_no_other() -> None:
    rows = found(f"{service('a')}---\nkind: GenAIService\nx: [\n---\n{service('b')}")
    assert names_of(rows) == ["a", "b"]
    (problem,) = [row for row in rows if isinstance(row, Problem)]
    assert problem.where.startswith("f.yaml:8")


def test_a_list_of_kubectl_is_opened() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- apiVersion: compliance.genai.dev/v1\n"
    )
    rows = found(f"{text}  kind: GenAIService\n  metadata:\n    name: a\n")
    (row,) = rows
    assert isinstance(row, Manifest)
    assert (row.line, row.place("metadata.name").line) == (5, 8)


def test_a_kind_of_another_group_is_not_ours() -> None:
    assert found("apiVersion: other.dev/v1\nkind: GenAIService\n") == []


@pytest.mark.parametrize("kind", ["GenAiService", "GenAIservice", "genai-service", "Service", ""])
def test_a_kind_that_our_group_does_not_have_is_told_and_not_passed_over(kind: str) -> None:
    text = f"# x\n---\napiVersion: compliance.genai.dev/v1alpha1\nkind: {kind}\nspec: {{}}\n"
    (problem,) = found(text)
    assert isinstance(problem, Problem)
    assert problem.where.startswith("f.yaml:4:1")
    assert problem.next.en == "write kind: GenAIService"


def test_the_other_kinds_of_our_group_are_left_alone() -> None:
    text = "apiVersion: compliance.genai.dev/v1alpha1\nkind: ModerationPolicy\nspec: {}\n"
    assert found(text) == []


def test_json_is_yaml() -> None:
    text = '{"apiVersion":"compliance.genai.dev/v1","kind":"GenAIService","metadata":{"name":"j"}}'
    assert names_of(found(text)) == ["j"]


def test_a_document_beyond_what_an_api_server_takes_is_refused_unread() -> None:
    (problem,) = found(service("a") + "# " + "x" * DOCUMENT_CHARACTERS)
    assert isinstance(problem, Problem)
    assert "3 MiB" in problem.what.en


def test_ten_megabytes_of_other_things_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("a: b\n" * 2_000_000 + "---\n" + service("a"), "utf-8")
    assert names_of(list(read([path]))) == ["a"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (service("服务").encode("utf-16"), "looks like UTF-16"),
        (service("a").encode("utf-16-le"), "looks like UTF-16LE"),
        (service("a").encode("utf-16-be"), "looks like UTF-16BE"),
        (service("a").encode("utf-32"), "looks like UTF-32"),
        (("名称: 北京示例智能科技有限公司\n" * 3).encode("gbk"), "looks like GB18030"),
        (b"a: \xff\xfe\xfd", "is not UTF-8"),
        (b"a: b\0", "is not UTF-8"),
    ],
)
def test_an_encoding_is_recognised_and_never_guessed(data: bytes, says: str) -> None:
    problem = decode(data, "f.yaml")
    assert isinstance(problem, Problem)
    assert says in problem.what.en
    assert "UTF-8" in problem.next.en


def test_a_byte_order_mark_of_utf8_is_no_part_of_the_text() -> None:
    assert decode("﻿a: 1".encode(), "f") == Source(name="f", text="a: 1")


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(service("a"), "utf-8")
    assert names_of(list(read([tmp_path, path, path]))) == ["a"]


def test_missing_files_unreadable_folders_and_files_too_large_are_named(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    rows = list(read([tmp_path / "none.yaml", large, Path("\0")]))
    assert [type(row) for row in rows] == [Problem] * 3
