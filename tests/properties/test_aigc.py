# SPDX-License-Identifier: Apache-2.0
"""Laws of labels in files: what is written is read, and hostile bytes end in a refusal."""

import json
import random
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genaiservice.api.problem import ProblemError
from genaiservice.guard.core import aigc
from genaiservice.guard.core.aigc import KEYS
from genaiservice.guard.media import boxes, label, metadata, pictures, xmp
from genaiservice.guard.media.outcome import Carrier, Labelled, MediaRefused, Refused
from tests.unit.guard.media.samples import DOCX, OURS, docx, moving, picture, plan, wav

ANNEX_E = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "\\")
values = st.text(ANNEX_E, max_size=60)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(number=values.filter(bool), reserved=values, kept=st.tuples(values, values, values))
def test_what_is_built_is_read_again(
    number: str, reserved: str, kept: tuple[str, str, str]
) -> None:
    block = aigc.build(OURS, number, reserved=reserved, kept=kept)
    for wrapped in (True, False):
        text = aigc.render(block, wrapped=wrapped)
        assert aigc.parse(text, wrapped=wrapped) == block
        assert text.isascii()
        assert " " not in text


@given(key=st.sampled_from(KEYS), sign=st.characters(exclude_characters=ANNEX_E), rest=values)
def test_a_character_outside_the_annex_is_a_fault_in_every_field(
    key: str, sign: str, rest: str
) -> None:
    tree = {**dict.fromkeys(KEYS, "1"), key: rest + sign}
    assert f"AIGC.{key}" in {problem.where for problem in aigc.faults(json.dumps({"AIGC": tree}))}


@given(tree=jsons, shape=st.sampled_from(["bare", "wrapped", "inside"]))
def test_any_json_is_a_block_or_told_what_is_wrong(tree: Any, shape: str) -> None:
    shapes = {
        "bare": tree,
        "wrapped": {"AIGC": tree},
        "inside": {"AIGC": dict.fromkeys(KEYS, tree)},
    }
    text = json.dumps(shapes[shape])
    problems = aigc.faults(text)
    if not problems:
        assert set(json.loads(text)["AIGC"]) == set(KEYS)
    else:
        assert all(problem.what.zh and problem.next.en for problem in problems)


@given(text=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1))
def test_xmp_gives_back_any_text_and_stays_the_same_when_written_twice(text: str) -> None:
    once = xmp.write(b"", text)
    assert xmp.read(once) == [text]
    assert xmp.read(xmp.write(once, text)) == [text]
    assert xmp.read(xmp.without(once)) == []


@cache
def seeds() -> dict[str, bytes]:
    """Labelled files, so that damage meets the blocks, too."""
    plain = {
        "image/jpeg": picture("image/jpeg", size=(80, 80)),
        "image/png": picture("image/png", size=(80, 80)),
        "image/webp": picture("image/webp", size=(80, 80)),
        "image/gif": moving("image/gif", 2),
        "audio/wav": wav(0.05),
        "text/markdown": b"---\ntitle: x\n---\n# y\n",
        DOCX: docx(),
    }
    found = {}
    for kind, data in plain.items():
        result = label.label(data, kind, plan())
        assert isinstance(result, Labelled), kind
        found[kind] = result.data
    return found


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 6), hits=st.integers(1, 12))
def test_damaged_files_are_labelled_or_refused_and_nothing_else(
    seed: int, number: int, hits: int
) -> None:
    kind, data = list(seeds().items())[number]
    draw = random.Random(seed)  # noqa: S311 - not a secret
    broken = bytearray(data)
    for _ in range(hits):
        at = draw.randrange(min(len(broken), 900) if draw.random() < 0.7 else len(broken))
        broken[at] = draw.choice((0, 0xFF, 0x7F, draw.randrange(256)))
    if draw.random() < 0.3:
        del broken[draw.randrange(len(broken)) :]
    result = label.label(bytes(broken), kind, plan("n-2", foreign="Replace"))
    if isinstance(result, Refused):
        assert result.problem.what.zh
        return
    _, found = label.inspect(result.data, kind, OURS)
    assert [one.block.produce_id for one in found if one.block] == ["n-2"]
    assert len(found) == 1


@given(data=st.binary(max_size=300))
def test_no_bytes_make_a_reader_do_anything_but_read_or_refuse(data: bytes) -> None:
    readers = [
        (boxes.mp4, b"\0\0\0\x08moov" + data),
        (boxes.matroska, b"\x18\x53\x80\x67\xff" + data),
        (pictures.png_read, b"\x89PNG\r\n\x1a\n" + data),
    ]
    for read, content in readers:
        try:
            assert isinstance(read(content), list)
        except (MediaRefused, *label.DAMAGE):
            pass
    for carrier in Carrier:
        try:
            metadata.read(data, carrier)
        except (ProblemError, *label.DAMAGE):
            pass
