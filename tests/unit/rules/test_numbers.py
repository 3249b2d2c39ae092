# SPDX-License-Identifier: Apache-2.0
"""Number shapes against real numbers that stand on public pages, and near misses."""

import pytest

from genaiservice.rules.numbers import FORMATS, normalise

KNOWN = [
    ("uscc", "91110102MAD55U9H0F"),
    ("uscc", "91440300708461136T"),
    ("uscc", "91440300MA5G49LC9K"),
    ("uscc", "91110108MA01H2CH8D"),
    ("uscc", "９１１１０１０８ＭＡ０１Ｈ２ＣＨ８Ｄ"),
    ("uscc", " 91110108 ma01h2ch8d "),
    ("provider-code", "001191110102MAD55U9H0F10002"),
    ("provider-code", "001191440300708461136T1XGW3"),
    ("provider-code", "001191440300MA5G49LC9K1YO01"),
    ("provider-code", "001191110102MAD55U9H0F00000"),
    ("provider-code", "001191110102MAD55U9H0F20002"),
    ("producer-code", "001191110102MAD55U9H0F10002"),
    ("algorithm-number", "网信算备330110507206401230035号"),
    ("algorithm-number", "网信算备330106003156001240091号"),
    ("algorithm-number", "网信算备110108970550101240011号"),
    ("algorithm-number", "网信算备110108823483901230031号"),
    ("algorithm-number", "网信算备110108413760701250055号"),
    ("algorithm-number", "网信算备610102726918801240017号"),
    ("algorithm-number", "网信算备310115124334401240013号"),
    ("algorithm-number", "网信算备330109830471102220013号"),
    ("algorithm-number", "网信算备330109830471103220019号"),
    ("algorithm-number", "网信算备330109830471104220015号"),
    ("algorithm-number", "网信算备：330110507206401230035 号"),
    ("algorithm-number", "网信算备３３０１１０５０７２０６４０１２３００３５号"),
    ("genai-filing-number", "Beijing-YunQue-20230821"),
    ("genai-filing-number", "Beijing-ChatGLM-20230821"),
    ("genai-filing-number", "ZheJiang-TongYiQianWen-20230901"),
    ("genai-filing-number", "Beijing-MoonShot-20231016"),
    ("genai-filing-number", "Beijing-DeepseekChat-202404280016"),
    ("genai-filing-number", "Beijing-KeLing-202409250032"),
    ("genai-filing-number", "Shanghai-TongYiWanXiang-202410090024"),
    ("genai-filing-number", "Shanghai-MiniMax-202505230046"),
    ("genai-filing-number", "Beijing－YunQue－20230821"),
    ("genai-registration-number", "Guangdong-Plaud-20251229S0027"),
    ("genai-registration-number", "Guangdong-FigCraft-20260817S0078"),
    ("icp-filing-number", "京ICP备12345678号-1"),
    ("icp-filing-number", "粤ICP备2026012345号"),
    ("icp-filing-number", "京icp备12345678号-3A"),
    ("public-security-number", "京公网安备 11010802020088号"),
    ("public-security-number", "京公网安备：11010802020088号"),
    ("cn-phone", "13812345678"),
    ("cn-phone", "+86-13812345678"),
    ("cn-phone", "010-12345678"),
    ("cn-phone", "0755-1234567-8001"),
    ("cn-phone", "400-123-4567"),
    ("cn-phone", "95588"),
    ("cn-phone", "12377"),
    ("label-text", "本内容由人工智能生成"),
    ("label-text", "AI合成"),
    ("label-text", "ＡＩ生成"),
    ("email-address", "safety@example.com"),
    ("https-url", "https://chat.example.com/complaints"),
    ("https-url", "HTTPS://投诉.example.cn"),
    ("clock-time", "22:00"),
    ("cron", "30 2 * * *"),
    ("digest", "sha256:" + "0" * 64),
]

UNKNOWN = [
    ("uscc", "91110108MA01H2CH8E"),
    ("uscc", "91110108MA01H2CH8"),
    ("uscc", "91110108MI01H2CH8D"),
    ("uscc", ""),
    ("provider-code", "001191110102MAD55U9H0E10002"),
    ("provider-code", "001191110102MAD55U9H0F30002"),
    ("provider-code", "0011911101"),
    ("producer-code", "001191110102MAD55U9H0F20002"),
    ("producer-code", "001191110102MAD55U9H0F00000"),
    ("algorithm-number", "网信算备33011050720640123003号"),
    ("algorithm-number", "网信算备3301105072064012300355号"),
    ("algorithm-number", "330110507206401230035"),
    ("algorithm-number", "网信算备٣٣٠١١٠٥٠٧٢٠٦٤٠١٢٣٠٠٣٥号"),
    ("genai-filing-number", "Guangdong-Plaud-20251229S0027"),
    ("genai-filing-number", "Beijing-20230821"),
    ("genai-filing-number", "Beijing-YunQue-19990821"),
    ("genai-filing-number", "北京-云雀-20230821"),
    ("genai-registration-number", "Beijing-YunQue-20230821"),
    ("genai-registration-number", "Guangdong-Plaud-20251229S27"),
    ("icp-filing-number", "ICP备12345678号"),
    ("icp-filing-number", "京ICP备1234号"),
    ("public-security-number", "京公网安备1101080202008号"),
    ("cn-phone", "+1 555 0100"),
    ("cn-phone", "110"),
    ("label-text", "人工智能"),
    ("label-text", "自动生成"),
    ("email-address", "safety@example"),
    ("email-address", "safety example.com"),
    ("https-url", "http://chat.example.com"),
    ("https-url", "https://user@chat.example.com"),
    ("https-url", "chat.example.com"),
    ("clock-time", "24:00"),
    ("clock-time", "7:30"),
    ("cron", "every night"),
    ("digest", "latest"),
]


@pytest.mark.parametrize(("shape", "text"), KNOWN)
def test_a_known_form_is_recognised(shape: str, text: str) -> None:
    assert FORMATS[shape](text)


@pytest.mark.parametrize(("shape", "text"), UNKNOWN)
def test_another_form_is_not_recognised(shape: str, text: str) -> None:
    assert not FORMATS[shape](text)


def test_every_format_has_examples_of_both_kinds() -> None:
    assert {shape for shape, _ in KNOWN} == set(FORMATS) == {shape for shape, _ in UNKNOWN}


@pytest.mark.parametrize("position", range(17))
def test_the_check_digit_notices_every_single_wrong_character(position: int) -> None:
    code = "91110108MA01H2CH8D"
    wrong = "3" if code[position] != "3" else "4"
    assert not FORMATS["uscc"](code[:position] + wrong + code[position + 1 :])


def test_normalising_twice_changes_nothing_more() -> None:
    once = normalise("网信算备： ３３０１\u200b１０ 号")
    assert once == "网信算备330110号"
    assert normalise(once) == once
