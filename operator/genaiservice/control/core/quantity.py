# SPDX-License-Identifier: Apache-2.0
"""Quantities (`500m`, `1.5Gi`) in the form that the API server stores them in.

Needed because the server rewrites `0.5` to `500m` in a pod: what is compared with it later, by the
operator or by a CEL policy, must already be written that way.
"""

import re
from decimal import Decimal
from typing import Any, Final

_FORM: Final = re.compile(r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}))([A-Za-z0-9+-]*)")
_DECIMAL: Final = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_EXPONENT: Final = re.compile(r"[eE]([+-]?[0-9]{1,2})")


def amount(value: Any) -> Decimal | None:
    """The number that a quantity stands for; None when it is none."""
    parts = _parts(value)
    return None if parts is None else parts[0]


def canonical(value: Any) -> Any:
    """`value` as the API server would write it; what is no quantity comes back as it is."""
    parts = _parts(value)
    if parts is None:
        return value
    number, suffix = parts
    # Like the server: a binary amount below 1024 or with a fraction is written in decimal.
    if suffix in _BINARY[1:] and number == number.to_integral_value() and abs(number) >= 1024:
        return _binary(int(number))
    return _decimal(number)


def _parts(value: Any) -> tuple[Decimal, str] | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _FORM.fullmatch(str(value))
    if match is None:
        return None
    number, suffix = Decimal(match.group(1)), match.group(2)
    if suffix in _BINARY:
        return number * 1024 ** _BINARY.index(suffix), suffix
    if suffix in _DECIMAL:
        return number.scaleb(3 * (_DECIMAL.index(suffix) - _DECIMAL.index(""))), suffix
    exponent = _EXPONENT.fullmatch(suffix)
    return None if exponent is None else (number.scaleb(int(exponent.group(1))), "")


def _binary(number: int) -> str:
    step = 0
    while number % 1024 == 0 and number and step < len(_BINARY) - 1:
        number, step = number // 1024, step + 1
    return f"{number}{_BINARY[step]}"


def _decimal(number: Decimal) -> str:
    step = 0
    scaled = number.scaleb(9)
    scaled = scaled.to_integral_value(rounding="ROUND_UP")
    whole = int(scaled)
    while whole and whole % 1000 == 0 and step < len(_DECIMAL) - 1:
        whole, step = whole // 1000, step + 1
    return f"{whole}{_DECIMAL[step]}" if whole else "0"
