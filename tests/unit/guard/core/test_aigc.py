# SPDX-License-Identifier: Apache-2.0
"""The seven fields of Annex E: what is built and read, and each mistake seen in public code."""

import base64
import json
from typing import Any

import pytest

from genaiservice.api.problem import Lang, ProblemError
from genaiservice.guard.core import aigc
from genaiservice.guard.core.aigc import KEYS, Generated, Standing

OURS = "001191110108MA01H2CH8D10001"
# Codes found in public files; each holds a credit code whose check digit fits.
REAL = ("001191110102MAD55U9H0F10002", "001191440300MA5G49LC9K1YO01")
PROPAGATOR = "001191110108MA01H2CH8D20001"


def fields(**changes: Any) -> dict[str, Any]:
    tree: dict[str, Any] = dict.fromkeys(KEYS, "")
    tree |= {"Label": "1", "ContentProducer": OURS, "ProduceID": "3f0c-1"} | changes
    return {key: value for key, value in tree.items() if value is not None}


def raw(**changes: Any) -> str:
    return json.dumps({"AIGC": fields(**changes)})


def test_a_block_holds_exactly_the_seven_keys_in_the_order_of_the_annex() -> None:
    text = aigc.render(aigc.build(OURS, "3f0c-1"))
    assert list(json.loads(text)) == ["AIGC"]
    assert tuple(json.loads(text)["AIGC"]) == KEYS
    assert json.loads(text)["AIGC"]["Label"] == "1"
    assert " " not in text
    assert "\\" not in text


def test_office_documents_take_the_fields_without_the_outer_key() -> None:
    text = aigc.render(aigc.build(OURS, "1"), wrapped=False)
    assert tuple(json.loads(text)) == KEYS
    assert aigc.parse(text, wrapped=False).content_producer == OURS
    assert aigc.faults(text) != ()
    assert aigc.faults(raw(), wrapped=False) != ()


@pytest.mark.parametrize("code", [OURS, *REAL])
def test_a_real_code_of_a_producer_is_accepted(code: str) -> None:
    assert aigc.build(code, "1").content_producer == code


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("", id="none declared: it is never made up"),
        pytest.param(PROPAGATOR, id="propagator: 2 at position 23"),
        pytest.param("001191110108MA01H2CH8E10001", id="check digit of the credit code"),
        pytest.param(OURS[:-1], id="26 characters"),
        pytest.param(OURS.lower(), id="small letters"),
        pytest.param("001191110108MA01H2CH8D00000", id="extension that names no role"),
        pytest.param("ExampleCo", id="a name"),
    ],
)
def test_our_block_is_built_with_our_producer_code_only(code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        aigc.build(code, "1")
    assert any("AIGC.ContentProducer" in problem.where for problem in caught.value.problems)


@pytest.mark.parametrize("number", ["", "编号一", "a b", "a\\b", "a\n"])
def test_a_number_outside_the_annex_is_refused(number: str) -> None:
    with pytest.raises(ProblemError) as caught:
        aigc.build(OURS, number)
    assert caught.value.problems[0].where == "AIGC.ProduceID"


@pytest.mark.parametrize(
    ("block", "where", "says"),
    [
        pytest.param(raw(Label="AIGC"), "AIGC.Label", "none of 1, 2, 3", id="word as label"),
        pytest.param(raw(Label=1), "AIGC.Label", "is no text", id="number as label"),
        pytest.param(raw(Label="4"), "AIGC.Label", "none of 1, 2, 3", id="fourth label"),
        pytest.param(raw(ContentProducer="某公司"), "AIGC.ContentProducer", "ASCII", id="Chinese"),
        pytest.param(raw(ContentProducer="A Co"), "AIGC.ContentProducer", "blank", id="blank"),
        pytest.param(raw(ReservedCode1="a\\b"), "AIGC.ReservedCode1", "backslash", id="backslash"),
        pytest.param(raw(ContentProducer=PROPAGATOR), "AIGC.ContentProducer", "23", id="role"),
        pytest.param(raw(ContentProducer=""), "AIGC.ContentProducer", "is empty", id="no producer"),
        pytest.param(raw(ProduceID=""), "AIGC.ProduceID", "is empty", id="no number"),
        pytest.param(raw(ProduceID=None), "AIGC", "missing: ProduceID", id="key absent"),
        pytest.param(raw(aiGenerated="true"), "AIGC", "aiGenerated", id="invented key"),
        pytest.param(raw(label="1"), "AIGC", "label", id="key in small letters"),
        pytest.param(base64.b64encode(raw().encode()).decode(), "AIGC", "no JSON", id="Base64"),
        pytest.param(json.dumps(fields()), "AIGC", "no JSON object", id="outer key absent"),
        pytest.param('{"AIGC":{"Label":"1","Label":"1"}}', "AIGC", "no JSON", id="key twice"),
        pytest.param("[" * 5000, "AIGC", "no JSON object", id="nested without end"),
        pytest.param(raw(ReservedCode1="x" * 20000), "AIGC", "no JSON object", id="too long"),
        pytest.param("", "AIGC", "no JSON object", id="empty"),
    ],
)
def test_a_mistake_is_told_with_its_field(block: str, where: str, says: str) -> None:
    problems = aigc.faults(block)
    assert [problem.where for problem in problems] == [where]
    assert says in problems[0].render(Lang.EN)
    assert problems[0].render(Lang.EN) != problems[0].render(Lang.ZH)
    with pytest.raises(ProblemError):
        aigc.parse(block)


def test_every_fault_is_told_at_once() -> None:
    problems = aigc.faults(raw(Label="x", ProduceID="", ContentPropagator=3, content_type="image"))
    assert {problem.where for problem in problems} == {
        "AIGC",
        "AIGC.Label",
        "AIGC.ProduceID",
        "AIGC.ContentPropagator",
    }


def test_a_quotation_mark_is_the_only_character_that_json_escapes() -> None:
    signature = '{"SecurityData":"SM3withSM2"}'
    block = aigc.parse(raw(ReservedCode1=signature))
    assert block.reserved_code1 == signature
    assert aigc.parse(aigc.render(block)) == block


def test_the_labels_of_others_may_say_suspected_and_name_a_company_by_name() -> None:
    block = aigc.parse(raw(Label="3", ContentProducer="ExampleCo"))
    assert block.label is Generated.SUSPECTED


@pytest.mark.parametrize(
    ("block", "ours", "standing"),
    [
        (raw(), OURS, Standing.OURS),
        (raw(ContentProducer=REAL[0]), OURS, Standing.FOREIGN),
        (raw(), "", Standing.SOUND),
        (None, OURS, Standing.BROKEN),
    ],
)
def test_ours_foreign_and_broken_are_told_apart(
    block: str | None, ours: str, standing: Standing
) -> None:
    assert aigc.standing(aigc.parse(block) if block else None, ours) is standing


def test_a_new_label_keeps_what_the_propagator_wrote() -> None:
    before = aigc.parse(raw(ContentPropagator=PROPAGATOR, PropagateID="p-7", ReservedCode2="sig"))
    after = aigc.build(OURS, "new", kept=aigc.propagation(before))
    assert aigc.propagation(after) == (PROPAGATOR, "p-7", "sig")
    assert (after.content_producer, after.produce_id) == (OURS, "new")
