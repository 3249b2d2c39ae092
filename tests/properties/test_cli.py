# SPDX-License-Identifier: Apache-2.0
"""No input makes `check` raise: bytes, texts with the words of a manifest, mutated manifests.

GENAI_FUZZ_EXAMPLES sets the number of inputs for each property; the nightly run asks for 100,000.
"""

import copy
import json
import os
from datetime import date
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genaiservice.api.problem import Lang, Problem
from genaiservice.cli.checking import Checked, check, repeated
from genaiservice.cli.formats import machine, text
from genaiservice.cli.manifests import Manifest, parse
from genaiservice.cli.sources import Source, decode
from genaiservice.cli.terminal import Paper
from genaiservice.rules.pack import load_catalogue

EXAMPLES = int(os.environ.get("GENAI_FUZZ_EXAMPLES", "300"))  # noqa: TID251 - a switch of the run
TODAY = date(2026, 11, 25)
COMPLETE: Any = load_catalogue().complete

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 1000,  # the same inputs on every run, new ones at night
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

WORDS = (
    *("apiVersion: compliance.genai.dev/v1alpha1\n", "kind: GenAIService\n", "metadata:\n"),
    *("  name: chat\n", "spec:\n", "  compliance:\n", "  workload: ", "---\n", "...\n", "- ", "? "),
    *("&a ", "*a", "<<: ", "!!binary ", "!!python/object:os.system ", "| \n", ">-\n", "{", "}"),
    *(
        "[",
        "]",
        ": ",
        ", ",
        "\t",
        "\n",
        "\r\n",
        "# x\n",
        "%YAML 1.1\n",
        "'",
        '"',
        "\\x00",
        "\u2028",
    ),
    *("kind: List\n", "items:\n", "\ufeff", "1e999", ".nan", "2025-02-30", "0x", "١", "\x85"),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(
        [
            "<x>",
            "<>",
            "2025-02-30",
            "２０２５-０１-０１",
            " ",
            "x" * 5000,
            "\ud800",
            "\x00",
            "9" * 400,
        ]
    ),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


def looked_at(data: bytes) -> list[Checked | Problem]:
    """As the command does it, from bytes to every format."""
    source = decode(data, "fuzz.yaml")
    if isinstance(source, Problem):
        found: list[Manifest | Problem] = [source]
    else:
        found = list(parse(source))
    problems = [one for one in found if isinstance(one, Problem)]
    rows = list(repeated(check(one, TODAY) for one in found if isinstance(one, Manifest)))
    shown(rows, problems)
    return [*rows, *problems]


def shown(rows: list[Checked], problems: list[Problem]) -> None:
    for lang in Lang:
        with open(os.devnull, "w", encoding="utf-8") as sink:  # noqa: PTH123
            paper = Paper(lang, sink)
            for row in rows:
                text.show(paper, row)
        assert all(problem.render(lang) for problem in problems)
        json.loads(machine.as_sarif(rows, problems, lang))
        assert machine.as_junit(rows, problems, lang)
    json.loads(machine.as_json(rows, problems, TODAY))


@bounded
@given(st.binary(max_size=400))
def test_any_bytes_end_in_words(data: bytes) -> None:
    looked_at(data)


@bounded
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=40))
def test_any_mixture_of_the_words_of_a_manifest_ends_in_words(words: list[str]) -> None:
    body = "".join(words).encode("utf-8", "surrogatepass")
    looked_at(b"apiVersion: compliance.genai.dev/v1alpha1\nkind: GenAIService\n" + body)


@bounded
@given(trees, trees)
def test_any_object_of_the_kind_ends_in_words(spec: Any, metadata: Any) -> None:
    judged(
        {
            "apiVersion": "compliance.genai.dev/v1alpha1",
            "kind": "GenAIService",
            "metadata": metadata,
            "spec": spec,
        }
    )


def judged(body: Any) -> Checked:
    """A tree as it is: what YAML cannot write is tried as well."""
    (node,) = parse(
        Source(name="f", text="apiVersion: compliance.genai.dev/v1\nkind: GenAIService")
    )
    assert isinstance(node, Manifest)
    row = check(Manifest(file="f", line=1, body=body, node=node.node), TODAY)
    shown([row], [])
    return row


def places(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if not isinstance(tree, dict | list):
        return found
    for key, child in tree.items() if isinstance(tree, dict) else enumerate(tree):
        found += places(child, (*path, key))
    return found


PLACES = places(COMPLETE)


@bounded
@given(st.lists(st.tuples(st.sampled_from(PLACES), trees), min_size=1, max_size=4), st.data())
def test_a_mutated_declaration_ends_in_words(
    changes: list[tuple[tuple[str | int, ...], Any]], data: st.DataObject
) -> None:
    declared = copy.deepcopy(COMPLETE)
    for path, value in changes:
        tree = declared
        try:
            for step in path[:-1]:
                tree = tree[step]
            if data.draw(st.booleans()):
                del tree[path[-1]]
            else:
                tree[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    row = judged(
        {
            "apiVersion": "compliance.genai.dev/v1alpha1",
            "kind": "GenAIService",
            "metadata": {"name": "chat"},
            "spec": {
                "displayName": "问答助手",
                "workload": {"adopt": {}},
                "guard": {"moderationPolicy": "default"},
                "compliance": declared,
            },
        }
    )
    assert row.remarks or row.allowed


@bounded
@given(trees)
def test_a_tree_that_yaml_wrote_is_read_back(tree: Any) -> None:
    body = {"kind": "GenAIService", "apiVersion": "compliance.genai.dev/v1alpha1", "spec": tree}
    try:
        data = yaml.safe_dump(body, allow_unicode=True).encode()
    except (UnicodeEncodeError, yaml.YAMLError):
        return  # a lone surrogate is no text
    assert looked_at(data)
