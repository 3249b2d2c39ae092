# SPDX-License-Identifier: Apache-2.0
"""YAML is read as Kubernetes reads it, within bounds, and every field is found again."""

from typing import Any

import pytest

from genaiservice.cli.yamltree import MAX_NODES, Place, TreeError, build, compose, locate

DOCUMENT = """\
spec:
  filings:
    - kind: A
      number: "1"
    - {kind: B, covers: {services: [x, y]}}
"""


def tree(text: str) -> Any:
    (root,) = compose(text)
    return build(root)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2025-02-30", "2025-02-30"),
        ("a: 2025-02-03 10:00:00", "2025-02-03 10:00:00"),
        ("a: 22:00", "22:00"),
        ("a: 12:30:45.5", "12:30:45.5"),
        ("a: yes", True),
        ("a: Off", False),
        ("a: ~", None),
        ("a:", None),
        ("a: 0x1F", 31),
        ("a: 010", 8),
        ("a: 1_000", 1000),
        ("a: -7", -7),
        ("a: 1.5e3", 1500.0),
        ("a: .5", 0.5),
        ("a: '010'", "010"),
        ("a: 110000", 110000),
        ("a: 99999999999999999999999999", 1e26),
        ("a: !!str 5", "5"),
        ("a: !custom 5", "5"),
        ("a: |\n  x\n  y\n", "x\ny\n"),
        ("1: x", None),
    ],
)
def test_scalars_are_those_of_kubernetes(text: str, value: Any) -> None:
    assert tree(text).get("a") == value


def test_a_key_that_is_no_text_is_taken_as_text() -> None:
    assert tree("1: x\ntrue: y") == {"1": "x", "true": "y"}


@pytest.mark.parametrize(
    ("text", "says", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' stands twice", 3, 1),
        ("a: {b: 1, b: 2}", "the key 'b' stands twice", 1, 11),
        ("a: .nan", "no number that JSON can hold", 1, 4),
        ("a: 1e999", "no number that JSON can hold", 1, 4),
        ("? [a]\n: 1", "a key must be plain text", 1, 3),
        ("a: [1, 2", "not YAML", 2, 1),
        ("a: b: c", "not YAML", 1, 5),
        ("\tx: 1", "not YAML", 1, 1),
        ("a: *nobody", "not YAML", 1, 4),
        ("a: \x07", "control character", 1, 4),
        ("<<: 5", "`<<` takes a mapping", 1, 5),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(
    text: str, says: str, line: int, column: int
) -> None:
    with pytest.raises(TreeError) as caught:
        tree(text)
    assert says in caught.value.text.en
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.text.zh


@pytest.mark.parametrize("depth", [70, 900, 5000, 200_000])
@pytest.mark.parametrize("sign", ["[", "{a: ", "- "])
def test_nesting_without_end_is_refused(sign: str, depth: int) -> None:
    with pytest.raises(TreeError):
        tree("a: " + sign * depth if sign != "- " else sign * depth)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(TreeError, match=str(MAX_NODES)):
        tree("\n".join(levels))


def test_an_anchor_that_holds_itself_is_refused() -> None:
    with pytest.raises(TreeError):
        tree("a: &a [*a]")


def test_anchors_and_merged_mappings_are_read_as_kubectl_reads_them() -> None:
    text = "base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nsame: *base\n"
    assert tree(text) == {
        "base": {"a": 1, "b": 2},
        "use": {"a": 1, "b": 3},
        "same": {"a": 1, "b": 2},
    }


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("spec", Place(line=1, column=1)),
        ("spec.filings[0].number", Place(line=4, column=7)),
        ("spec.filings[1].covers.services[1]", Place(line=5, column=40)),
        ("spec.filings[1].number", Place(line=5, column=7, exact=False)),
        ("spec.filings[7].number", Place(line=2, column=3, exact=False)),
        ("spec.provider.uscc", Place(line=1, column=1, exact=False)),
        ("metadata.name", Place(line=1, column=1, exact=False)),
        ("spec.filings[0].kind.deeper", Place(line=3, column=7, exact=False)),
    ],
)
def test_a_field_is_found_or_else_its_nearest_parent(field: str, place: Place) -> None:
    (root,) = compose(DOCUMENT)
    assert locate(root, field) == place


def test_a_merged_field_is_found_where_it_is_written() -> None:
    (root,) = compose("base: &b\n  a: 1\nuse:\n  <<: *b\n")
    assert locate(root, "use.a") == Place(line=2, column=3)
