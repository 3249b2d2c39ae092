# SPDX-License-Identifier: Apache-2.0
"""The part of CEL that our CRDs use, evaluated offline over plain JSON.

Covers comparisons, boolean operators, `in`, has(), size(), trim(), matches(), all(), type(),
isQuantity(), format.date(), timestamp() and duration() in hours with their difference; a test
compiles every rule of every CRD. What is not covered raises at compile time, so that a new rule
cannot be passed over in silence.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

Scope: TypeAlias = Mapping[str, Any]
Expr: TypeAlias = Callable[[Scope], Any]

_TOKEN: Final = re.compile(
    r"\s*(?:('(?:[^'\\]|\\.)*')|(\"(?:[^\"\\]|\\.)*\")|(\d+)|([A-Za-z_]\w*)"
    r"|(\|\||&&|[=!<>]=|[-!<>.,()\[\]+]))"
)
_QUANTITY: Final = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(m|u|n|k|[KMGTPE]i?|[eE][+-]?[0-9]+)?"
)
_BINDING: Final = {
    **{"||": 1, "&&": 2, "-": 4},
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
}


class CelError(ValueError):
    """The text is not of the covered part, or a rule reads what is not there."""


def compiled(text: str) -> Callable[[Any], bool]:
    """The rule as a function of `self`; what cannot be evaluated does not hold."""
    parser = _Parser(text)
    expr = parser.expression(0)
    parser.expect("")

    def holds(value: Any) -> bool:
        try:
            return expr({"self": value}) is True
        except (CelError, TypeError, KeyError):
            return False

    return holds


class _Parser:
    def __init__(self, text: str) -> None:
        self._words = _cut(text)
        self._at = 0

    @property
    def _next(self) -> str:
        return self._words[self._at]

    def _take(self) -> str:
        word = self._next
        self._at += 1
        return word

    def expect(self, word: str) -> None:
        if self._take() != word:
            raise CelError(f"expected {word!r}")

    def expression(self, least: int) -> Expr:
        left = self._unary()
        while (power := _BINDING.get(self._next, 0)) > least:
            operator = self._take()
            left = _binary(operator, left, self.expression(power))
        return left

    def _unary(self) -> Expr:
        if self._next == "!":
            self._take()
            inner = self._unary()
            return lambda scope: not _boolean(inner(scope))
        return self._postfix(self._primary())

    def _primary(self) -> Expr:
        word = self._take()
        if word == "(":
            inner = self.expression(0)
            self.expect(")")
            return inner
        if word == "[":
            items = self._arguments("]")
            return lambda scope: [item(scope) for item in items]
        if word[:1] in ("'", '"'):
            text = re.sub(r"\\(.)", r"\1", word[1:-1])
            return lambda _: text
        if word.isdigit():
            number = int(word)
            return lambda _: number
        if word in ("true", "false"):
            return lambda _: word == "true"
        if word == "has":
            return self._has()
        if word in _FUNCTIONS:
            self.expect("(")
            (argument,) = self._arguments(")")
            function = _FUNCTIONS[word]
            return lambda scope: function(argument(scope))
        if word.isidentifier():
            return lambda scope: _name(scope, word)
        raise CelError(f"cannot read {word!r}")

    def _has(self) -> Expr:
        self.expect("(")
        inner = self.expression(0)
        self.expect(")")

        def has(scope: Scope) -> bool:
            try:
                inner(scope)
            except KeyError:
                return False
            return True

        return has

    def _postfix(self, value: Expr) -> Expr:
        while self._next in (".", "["):
            if self._take() == "[":
                index = self.expression(0)
                self.expect("]")
                value = _indexed(value, index)
                continue
            name = self._take()
            if self._next != "(":
                value = _member(value, name)
                continue
            self._take()
            value = self._all(value) if name == "all" else self._method(value, name)
        return value

    def _all(self, value: Expr) -> Expr:
        variable = self._take()
        self.expect(",")
        body = self.expression(0)
        self.expect(")")
        return lambda scope: all(_boolean(body({**scope, variable: item})) for item in value(scope))

    def _method(self, value: Expr, name: str) -> Expr:
        arguments = self._arguments(")")
        method = _METHODS.get((name, len(arguments)))
        if method is None:
            raise CelError(f"no method {name}/{len(arguments)}")
        return lambda scope: method(value(scope), *(argument(scope) for argument in arguments))

    def _arguments(self, end: str) -> list[Expr]:
        found: list[Expr] = []
        while self._next != end:
            found.append(self.expression(0))
            if self._next == ",":
                self._take()
        self.expect(end)
        return found


def _cut(text: str) -> list[str]:
    words, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CelError(f"cannot read {text[at : at + 20]!r}")
        words.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    return [*words, "", ""]


def _binary(operator: str, left: Expr, right: Expr) -> Expr:
    match operator:
        case "||":
            return lambda scope: _boolean(left(scope)) or _boolean(right(scope))
        case "&&":
            return lambda scope: _boolean(left(scope)) and _boolean(right(scope))
        case "==":
            return lambda scope: left(scope) == right(scope)
        case "!=":
            return lambda scope: left(scope) != right(scope)
        case "<":
            return lambda scope: left(scope) < right(scope)
        case "<=":
            return lambda scope: left(scope) <= right(scope)
        case ">":
            return lambda scope: left(scope) > right(scope)
        case "-":
            return lambda scope: left(scope) - right(scope)
        case ">=":
            return lambda scope: left(scope) >= right(scope)
        case _:
            return lambda scope: left(scope) in right(scope)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("not a boolean")
    return value


_FORMATS: Final = object()


def _name(scope: Scope, name: str) -> Any:
    if name == "format":
        return _FORMATS
    if name in ("int", "string", "double", "bool"):
        return name
    return scope[name]


def _member(value: Expr, name: str) -> Expr:
    def member(scope: Scope) -> Any:
        tree = value(scope)
        if not isinstance(tree, Mapping):
            raise CelError("no object")
        return tree[name]

    return member


def _indexed(value: Expr, index: Expr) -> Expr:
    return lambda scope: value(scope)[index(scope)]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return {int: "int", str: "string", float: "double"}.get(type(value), "dyn")


def _is_quantity(value: Any) -> bool:
    return isinstance(value, str) and _QUANTITY.fullmatch(value) is not None


def _is_ip(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def _is_cidr(value: Any) -> bool:
    try:
        return isinstance(value, str) and "/" in value and bool(ipaddress.ip_interface(value))
    except ValueError:
        return False


def _timestamp(value: Any) -> datetime:
    """A date-time; what is none, or has no zone, is what the format of the field refuses."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise CelError("no date-time") from None
    if found.tzinfo is None:
        raise CelError("no zone")
    return found


def _duration(value: Any) -> timedelta:
    hours = re.fullmatch(r"(\d+)h", value)
    if hours is None:
        raise CelError(f"no hours: {value!r}")
    return timedelta(hours=int(hours[1]))


_FUNCTIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "type": _kind,
    "isQuantity": _is_quantity,
    "isIP": _is_ip,
    "isCIDR": _is_cidr,
    "timestamp": _timestamp,
    "duration": _duration,
}


def pattern(text: str) -> str:
    """An RE2 pattern for Python: `$` also stands before a last line feed there."""
    return re.sub(r"(?<!\\)\$$", r"\\Z", text)


def _matches(value: str, wanted: str) -> bool:
    return re.search(pattern(wanted), value) is not None


def _validate(_: Any, value: str) -> list[str]:
    """The faults of a day, as format.date().validate() gives them."""
    try:
        return [] if len(value) == 10 and date.fromisoformat(value) else ["no day"]
    except ValueError:
        return ["no day"]


_METHODS: Final[Mapping[tuple[str, int], Callable[..., Any]]] = {
    ("size", 0): len,
    ("trim", 0): str.strip,
    ("matches", 1): _matches,
    ("date", 0): lambda formats: formats,
    ("validate", 1): _validate,
    ("hasValue", 0): bool,
}
