# SPDX-License-Identifier: Apache-2.0
"""Shapes of the numbers and texts that the rules know, and check digits.

Tolerant on input: full-width signs, blanks, zero-width characters and colons are normalised first.
A shape says "known" or "unknown format" and never more: authorities change formats without notice,
and only their own list shows whether a number exists.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from genaiservice.api import provider_code

CHINESE_DIGITS: Final = "零一二三四五六七八九"
_IGNORED: Final = re.compile(r"[\s:\u200b-\u200d\u2060\ufeff]")
# The public forms; digits are spelled [0-9] because \d takes every script's digits.
_ALGORITHM: Final = re.compile(r"网信算备[0-9]{21}号")
_GENAI_FILING: Final = re.compile(r"[A-Za-z]+-[A-Za-z0-9_-]+-20[0-9]{6}([0-9]{4})?")
_GENAI_REGISTRATION: Final = re.compile(r"[A-Za-z]+-[A-Za-z0-9_-]+-20[0-9]{6}S[0-9]{4}")
_ICP_FILING: Final = re.compile(r"[\u4e00-\u9fa5]ICP备[0-9]{8,10}号(-[0-9]+)?A?")
_PUBLIC_SECURITY: Final = re.compile(r"[\u4e00-\u9fa5]公网安备[0-9]{14}号")
_PHONE: Final = re.compile(
    r"(\+86-?)?(1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8}(-[0-9]{1,6})?"
    r"|400-?[0-9]{3}-?[0-9]{4}|95[0-9]{3,6}|12[0-9]{3})"
)
_EMAIL: Final = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_HTTPS: Final = re.compile(r"https://[^\s/@]+(/\S*)?", re.IGNORECASE)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_CRON: Final = re.compile(r"[0-9A-Za-z*/,?#-]+( +[0-9A-Za-z*/,?#-]+){4}")
_DIGEST: Final = re.compile(r"sha256:[a-f0-9]{64}")


def in_chinese(number: Any) -> str:
    """1 to 99 as they are written in running text."""
    if not isinstance(number, int) or not 1 <= number <= 99:
        return str(number)
    tens, ones = divmod(number, 10)
    ten = "" if not tens else "十" if tens == 1 else f"{CHINESE_DIGITS[tens]}十"
    return ten + (CHINESE_DIGITS[ones] if ones else "")


def normalise(text: str) -> str:
    """Half-width, without blanks, zero-width characters and colons."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text))


def is_uscc(text: str) -> bool:
    """A unified social credit code (GB 32100) whose check digit fits."""
    return provider_code.is_uscc(normalise(text).upper())


def is_algorithm_number(text: str) -> bool:
    return _ALGORITHM.fullmatch(normalise(text)) is not None


def is_genai_filing_number(text: str) -> bool:
    return _GENAI_FILING.fullmatch(normalise(text)) is not None


def is_genai_registration_number(text: str) -> bool:
    return _GENAI_REGISTRATION.fullmatch(normalise(text)) is not None


def is_icp_filing_number(text: str) -> bool:
    return _ICP_FILING.fullmatch(normalise(text).upper()) is not None


def is_public_security_number(text: str) -> bool:
    return _PUBLIC_SECURITY.fullmatch(normalise(text)) is not None


def is_phone(text: str) -> bool:
    return _PHONE.fullmatch(normalise(text)) is not None


def is_provider_code(text: str) -> bool:
    """27 characters of TC260-PG-20252A around a USCC whose check digit fits."""
    return provider_code.is_provider_code(normalise(text).upper())


def is_producer_code(text: str) -> bool:
    """A provider code with 1 (generation) at position 23; 2 would name a propagator."""
    return provider_code.is_producer_code(normalise(text).upper())


def is_label_text(text: str) -> bool:
    """Holds both elements of GB 45438 5.1: artificial intelligence, and generated/synthesised."""
    plain = unicodedata.normalize("NFKC", text)
    return ("人工智能" in plain or "AI" in plain) and ("生成" in plain or "合成" in plain)


def is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text.strip()) is not None


def is_https_url(text: str) -> bool:
    return _HTTPS.fullmatch(text.strip()) is not None


def is_clock_time(text: str) -> bool:
    return _CLOCK.fullmatch(text) is not None


def is_cron(text: str) -> bool:
    return _CRON.fullmatch(text.strip()) is not None


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text.strip()) is not None


_REMEMBERED: Final = 4096

FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "uscc": lru_cache(_REMEMBERED)(is_uscc),
    "provider-code": lru_cache(_REMEMBERED)(is_provider_code),
    "producer-code": lru_cache(_REMEMBERED)(is_producer_code),
    "algorithm-number": lru_cache(_REMEMBERED)(is_algorithm_number),
    "genai-filing-number": lru_cache(_REMEMBERED)(is_genai_filing_number),
    "genai-registration-number": lru_cache(_REMEMBERED)(is_genai_registration_number),
    "icp-filing-number": lru_cache(_REMEMBERED)(is_icp_filing_number),
    "public-security-number": lru_cache(_REMEMBERED)(is_public_security_number),
    "cn-phone": lru_cache(_REMEMBERED)(is_phone),
    "label-text": lru_cache(_REMEMBERED)(is_label_text),
    "email-address": lru_cache(_REMEMBERED)(is_email),
    "https-url": lru_cache(_REMEMBERED)(is_https_url),
    "clock-time": lru_cache(_REMEMBERED)(is_clock_time),
    "cron": lru_cache(_REMEMBERED)(is_cron),
    "digest": lru_cache(_REMEMBERED)(is_digest),
}
"""Values of `format` that a requirement file may use, beside those of JSON Schema itself.

Remembered: the same numbers are asked about by several requirements and again at every verdict.
"""
