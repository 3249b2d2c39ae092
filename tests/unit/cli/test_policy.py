# SPDX-License-Identifier: Apache-2.0
"""`policy lint`, `test`, `pack`: lists are counted, tried, packed as operator and guard do it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from genaiservice.api.policy_file import RISK_CLASSES
from genaiservice.cli.moderation import LEAST, TOTAL
from genaiservice.guard.policy import load
from tests.unit.cli.run import genaictl

LAYERED = "examples/moderation-policy"


def listed(tmp_path: Path, text: str | bytes, name: str = "terms.txt") -> str:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def linted(*files: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(genaictl("policy", "lint", *files, "-o", "json").out)
    return rows


def enough(risk: str) -> int:
    return LEAST.get(risk[:2], 0) or 600


def test_a_policy_that_has_the_numbers_of_the_standard_is_fine(tmp_path: Path) -> None:
    sources = []
    for risk in RISK_CLASSES:
        terms = [f"词{risk}{number:04}尾" for number in range(enough(risk))]
        sources.append({"name": risk.lower(), "riskClass": risk, "inline": terms})
    policy = {
        "apiVersion": "compliance.genai.dev/v1alpha1",
        "kind": "ModerationPolicy",
        "metadata": {"name": "full"},
        "spec": {"sources": sources},
    }
    assert sum(map(enough, RISK_CLASSES)) >= TOTAL
    file = listed(tmp_path, json.dumps(policy), "policy.yaml")
    ran = genaictl("policy", "lint", file)
    assert ran.code == 0, ran.out
    assert " missing" not in ran.out


def test_what_is_short_of_the_standard_is_counted_with_its_basis() -> None:
    (row,) = linted(LAYERED)
    count = {one["risk"]: (one["found"], one["wanted"]) for one in row["counts"]}
    assert (count["A1h"], count["A2i"], count["A3a"]) == ((2, 200), (2, 100), (3, None))
    assert count["total"] == (7, 10_000)
    assert row["basis"] == "standard"
    assert genaictl("policy", "lint", LAYERED).code == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "holds no term"),
        ("词".encode(), "fewer than two letters"),
        ("违禁".encode("gbk"), "not UTF-8"),
        (b"x" * 300, "300 characters"),
    ],
)
def test_a_list_that_cannot_be_used_is_bad_input(data: bytes, says: str, tmp_path: Path) -> None:
    file = listed(tmp_path, data)
    ran = genaictl("policy", "lint", file)
    assert ran.code == 2
    assert says in ran.out
    assert file in ran.out


def test_duplicates_and_terms_inside_terms_are_noted_by_line_and_unquoted(tmp_path: Path) -> None:
    ran = genaictl("policy", "lint", listed(tmp_path, "违禁词\n违禁词\n大违禁词条\n"))
    assert ran.code == 0
    assert ":2: the same term as on line 1" in ran.out
    assert ":3: the term contains the one on line 1" in ran.out
    assert "违禁词" not in ran.out


def test_a_packed_list_is_opened(tmp_path: Path) -> None:
    (row,) = linted(listed(tmp_path, gzip.compress("甲乙\n丙丁\n".encode()), "terms.gz"))
    assert (row["usable"], row["terms"]) == (True, 2)


def test_a_config_map_that_is_not_there_is_named() -> None:
    ran = genaictl("policy", "lint", f"{LAYERED}/policy.yaml")
    assert ran.code == 2
    assert "ConfigMap/terms-discrimination does not exist" in ran.out


def test_a_field_that_no_policy_has_is_bad_input(tmp_path: Path) -> None:
    text = (Path(LAYERED) / "policy.yaml").read_text("utf-8").replace("riskClass: A1h", "risk: A1h")
    ran = genaictl("policy", "lint", listed(tmp_path, text, "p.yaml"))
    assert ran.code == 2
    assert "Did you mean riskClass?" in ran.out


@pytest.mark.parametrize(
    ("text", "code", "met"),
    [
        ("今天天气很好", 0, []),
        ("这里有违禁样本", 1, [("A1h", "Block", 3, 7)]),
        ("這裡有違　禁\u200b樣本", 1, [("A1h", "Block", 3, 9)]),
        ("歧视样本甲", 0, [("A2i", "Flag", 0, 5)]),
        ("参观违禁样本展览", 0, []),
        ("违禁样本和示例禁词", 1, [("A1h", "Block", 0, 4), ("A1h", "Block", 5, 9)]),
    ],
)
def test_a_text_meets_what_the_guard_would_find(text: str, code: int, met: list[Any]) -> None:
    ran = genaictl("policy", "test", LAYERED, "--text", text, "-o", "json")
    (row,) = json.loads(ran.out)
    assert ran.code == code
    found = [(one["risk"], one["action"], one["start"], one["end"]) for one in row["met"]]
    assert found == met


def test_a_mask_shows_what_the_reader_sees(tmp_path: Path) -> None:
    text = (Path(LAYERED) / "policy.yaml").read_text("utf-8").replace("A2i: Flag", "A2i: Mask")
    policy = listed(tmp_path, text, "p.yaml")
    ran = genaictl("policy", "test", policy, f"{LAYERED}/terms.yaml", "--text", "有歧视样本甲啊")
    assert ran.code == 0
    assert "有＊＊＊＊＊啊" in ran.out


def test_the_text_comes_from_standard_input_too() -> None:
    assert genaictl("policy", "test", LAYERED, "-", stdin="违禁样本").code == 1
    assert genaictl("policy", "test", LAYERED, "-", stdin=b"\xff").code == 2
    assert genaictl("policy", "test", LAYERED).code == 2


@pytest.mark.parametrize("name", ["policy.json", "policy.json.gz"])
def test_a_packed_policy_is_the_one_that_a_guard_loads(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    ran = genaictl("policy", "pack", LAYERED, "--to", str(file))
    assert ran.code == 0, ran.err
    loaded = load(file)
    assert loaded.hash in ran.out
    assert (loaded.name, loaded.terms) == ("layered", 7)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_cannot_be_packed_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text("as it was")
    two = [listed(tmp_path, "一个词条", "a.txt"), listed(tmp_path, "另一词条", "b.txt")]
    for bad in (two, [listed(tmp_path, b"\xff\xfe", "c.txt")], [str(tmp_path / "absent.txt")]):
        ran = genaictl("policy", "pack", *bad, "--to", str(file))
        assert ran.code == 2
        assert ran.err
    assert file.read_text() == "as it was"
    absent = str(tmp_path / "no" / "policy.json")
    ran = genaictl("policy", "pack", two[0], "--to", absent)
    assert (ran.code, absent in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "through"),
    [
        ("违禁样本", []),
        ("违 禁 样样本", ["separators", "repeats"]),
        ("違禁樣本", ["traditional"]),
        ("WEI jin yang ben", ["pinyin", "case"]),
        ("辶韦禁样本", ["components"]),
        ("ＢＡＡＡＤ", ["width", "case", "repeats"]),
        ("１３８１２３", []),
    ],
)
def test_what_was_met_names_the_switches_that_saw_through_it(
    text: str, through: list[str], tmp_path: Path
) -> None:
    policy = {
        "apiVersion": "compliance.genai.dev/v1alpha1",
        "kind": "ModerationPolicy",
        "metadata": {"name": "seeing"},
        "spec": {
            "sources": [{"name": "a", "riskClass": "A1a", "inline": ["违禁样本", "bad"]}],
            "patterns": [{"name": "n", "riskClass": "A4e", "pattern": "138\\d{3}"}],
            "normalisation": {"repeats": True, "pinyin": True, "components": True},
        },
    }
    file = listed(tmp_path, json.dumps(policy), "policy.yaml")
    ((met,),) = (
        row["met"]
        for row in json.loads(genaictl("policy", "test", file, "--text", text, "-o", "json").out)
    )
    assert met["through"] == through
    shown = genaictl("policy", "test", file, "--text", text).out
    assert ("seen through: " + ", ".join(through) in shown) is bool(through)
