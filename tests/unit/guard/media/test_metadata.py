# SPDX-License-Identifier: Apache-2.0
"""One block in a file: written, read back, the only one; what others wrote stays."""

import json
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from genaiservice.guard.core import aigc
from genaiservice.guard.core.aigc import Standing
from genaiservice.guard.media import label as entry
from genaiservice.guard.media import metadata, ooxml, xmp
from genaiservice.guard.media.outcome import Carrier, MediaRefused, Reason
from tests.unit.guard.media.samples import (
    DOCX,
    FORMATS,
    OTHERS,
    OURS,
    XLSX,
    docx,
    labelled,
    moving,
    package,
    picture,
    plan,
    refused,
    wav,
)

FOREIGN_XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'dc:source="somewhere"><dc:creator><rdf:Seq><rdf:li>\xe7\x94\xbb\xe5\xae\xb6</rdf:li>'
    b"</rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)
SAMPLES = {
    "image/jpeg": picture("image/jpeg"),
    "image/png": picture("image/png"),
    "image/webp": picture("image/webp"),
    "image/gif": picture("image/gif"),
    "audio/wav": wav(),
    "text/markdown": "# 标题\n\n正文。\n".encode(),
    DOCX: docx(),
}


def blocks(data: bytes, kind: str) -> list[str]:
    return [one.raw for one in entry.inspect(data, kind)[1]]


def raw(producer: str = OTHERS, **changes: str) -> str:
    block = aigc.build(producer, "theirs")
    tree = json.loads(aigc.render(block))
    tree["AIGC"] |= changes
    return json.dumps(tree)


def with_xmp(kind: str, packet: bytes) -> bytes:
    return metadata.PACKETS[Carrier(_carrier(kind))][1](SAMPLES[kind], packet)


def _carrier(kind: str) -> str:
    return {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "GIF": "GIF"}[FORMATS[kind]]


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_labelled_file_holds_one_block_and_it_is_ours(kind: str, explicit: bool) -> None:
    result = labelled(SAMPLES[kind], kind, plan(explicit=explicit))
    _, found = entry.inspect(result.data, kind, OURS)
    assert [one.standing for one in found] == [Standing.OURS]
    assert found[0].block == result.block
    assert bool(result.drawn) is explicit


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_second_labelling_replaces_the_first(kind: str) -> None:
    once = labelled(SAMPLES[kind], kind)
    twice = labelled(once.data, kind, plan("n-2"))
    _, found = entry.inspect(twice.data, kind, OURS)
    assert [one.block.produce_id for one in found if one.block] == ["n-2"]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_xmp_of_others_stays_byte_for_byte(kind: str) -> None:
    data = labelled(with_xmp(kind, FOREIGN_XMP), kind).data
    carrier = Carrier(_carrier(kind))
    [packet] = metadata.PACKETS[carrier][0](data)
    end = FOREIGN_XMP.index(b"</rdf:RDF>")
    assert packet.startswith(FOREIGN_XMP[:end])
    assert packet.endswith(FOREIGN_XMP[end:])
    # One resource, one rdf:about: readers take descriptions of another one for something else.
    assert packet.count(b'rdf:about="uuid:1"') == 2


OURS_IN_XMP = xmp.write(b"", raw())
AS_ATTRIBUTE = FOREIGN_XMP.replace(
    b'dc:source="somewhere"',
    b'xmlns:a="http://www.tc260.org.cn/ns/AIGC/1.0/" a:AIGC=\'' + raw().encode() + b"'",
)
OTHER_VERSION = xmp.write(OURS_IN_XMP.replace(b"/1.0/", b"/9.0/"), raw())


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(
            OURS_IN_XMP.replace(b"TC260:", b"q:").replace(b":TC260", b":q"), id="other prefix"
        ),
        pytest.param(AS_ATTRIBUTE, id="attribute"),
        pytest.param(OTHER_VERSION, id="beside one of another namespace"),
    ],
)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_block_is_found_in_every_way_of_writing_xmp(kind: str, packet: bytes) -> None:
    data = with_xmp(kind, packet)
    assert [json.loads(one) for one in blocks(data, kind)] == [json.loads(raw())]
    assert refused(data, kind) is Reason.FOREIGN
    replaced = labelled(data, kind, plan(foreign="Replace"))
    assert [json.loads(one)["AIGC"]["ProduceID"] for one in blocks(replaced.data, kind)] == ["n-1"]


def test_two_blocks_in_one_packet_become_one() -> None:
    inner = xmp.write(b"", raw(OURS))
    start = inner.index(b"<rdf:Description")
    description = inner[start : inner.index(b"</rdf:RDF>")]
    twice = inner.replace(b"</rdf:RDF>", description + b"</rdf:RDF>")
    data = with_xmp("image/jpeg", twice)
    assert len(blocks(data, "image/jpeg")) == 2
    assert len(blocks(labelled(data, "image/jpeg").data, "image/jpeg")) == 1


def test_a_png_text_named_aigc_counts_and_is_replaced() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("AIGC", raw(OURS), zip=True)
    data = picture("image/png", pnginfo=info)
    assert blocks(data, "image/png") == [raw(OURS)]
    assert len(blocks(labelled(data, "image/png").data, "image/png")) == 1


def test_a_compressed_png_text_cannot_grow_without_bound() -> None:
    body = b"AIGC\0\0" + zlib.compress(b"x" * 50_000_000, 9)
    chunk = len(body).to_bytes(4, "big") + b"zTXt" + body
    chunk += zlib.crc32(b"zTXt" + body).to_bytes(4, "big")
    data = SAMPLES["image/png"]
    assert refused(data[:33] + chunk + data[33:], "image/png") is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "packet",
    [b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', b"<a>", b"<a/>", b"\xff\xfe<a/>"],
    ids=["entities", "open", "no RDF", "UTF-16"],
)
def test_xmp_that_cannot_be_kept_is_not_thrown_away(packet: bytes) -> None:
    assert refused(with_xmp("image/png", packet), "image/png") is Reason.UNREADABLE


def test_a_sound_label_of_another_producer_is_kept_where_that_is_declared() -> None:
    data = with_xmp("image/png", xmp.write(b"", raw(Label="2")))
    result = labelled(data, "image/png", plan(foreign="Keep"))
    assert result.block.content_producer == OTHERS
    assert [json.loads(one) for one in blocks(result.data, "image/png")] == [
        json.loads(raw(Label="2"))
    ]
    assert result.drawn
    assert result.notes


def test_replacing_a_label_keeps_what_the_propagator_wrote() -> None:
    fields = {"ContentPropagator": "p", "PropagateID": "7", "ReservedCode2": "sig"}
    data = with_xmp("image/jpeg", xmp.write(b"", raw(**fields)))
    result = labelled(data, "image/jpeg", plan(foreign="Replace"))
    assert aigc.propagation(result.block) == ("p", "7", "sig")
    assert result.block.content_producer == OURS


def test_a_broken_block_is_replaced_and_that_is_said() -> None:
    data = with_xmp("image/jpeg", xmp.write(b"", raw(Label="AIGC")))
    [found] = entry.inspect(data, "image/jpeg", OURS)[1]
    assert found.standing is Standing.BROKEN
    assert found.problems[0].where == "AIGC.Label"
    result = labelled(data, "image/jpeg")
    assert "broken" in result.notes[0].en
    assert result.block.content_producer == OURS


def test_without_a_declared_code_or_number_no_file_leaves() -> None:
    assert refused(SAMPLES["image/png"], "image/png", plan(producerCode="")) is Reason.NOT_DECLARED
    assert refused(SAMPLES["image/png"], "image/png", plan("")) is Reason.NOT_DECLARED


def test_moving_pictures_carry_their_block_too() -> None:
    for kind in ("image/gif", "image/webp"):
        assert len(blocks(labelled(moving(kind), kind).data, kind)) == 1
        with Image.open(BytesIO(labelled(moving(kind), kind).data)) as image:
            assert getattr(image, "n_frames", 1) == 3


@pytest.mark.parametrize(
    ("front", "body", "labels"),
    [
        pytest.param("", "# a\n", 0, id="no front matter"),
        pytest.param("title: a # note\n", "b\n", 0, id="front matter of the author"),
        pytest.param(f"AIGC: '{raw(OURS)}'\n", "b\n", 1, id="block as one text"),
        pytest.param(f"AIGC: {raw(OURS)[9:-1]}\nx: 1\n", "b\n", 1, id="block in flow style"),
        pytest.param("AIGC:\n    Label: AIGC\n    x: y\n", "b\n", 1, id="broken block"),
        pytest.param("", "a\n\n---\nAIGC: x\n---\n", 0, id="a rule in the text is no front matter"),
    ],
)
def test_markdown_keeps_the_text_and_the_front_matter_of_its_author(
    front: str, body: str, labels: int
) -> None:
    text = (f"---\n{front}---\n" if front else "") + body
    assert len(blocks(text.encode(), "text/markdown")) == labels
    result = labelled(text.encode(), "text/markdown")
    assert len(blocks(result.data, "text/markdown")) == 1
    head, _, rest = result.data.decode().removeprefix("---\n").partition("---\n")
    assert rest == "本内容由人工智能生成\n\n" + body
    kept = "".join(
        line for line in front.splitlines(True) if line[0] in "tx" and "AIGC" not in line
    )
    assert head.startswith(kept + "AIGC:\n")


def test_markdown_is_labelled_once() -> None:
    once = labelled(b"text\n", "text/markdown").data
    twice = labelled(once, "text/markdown", plan("n-2")).data.decode()
    assert twice.count("本内容由人工智能生成") == 1


@pytest.mark.parametrize(
    "front", ["a: [", "a: &x 1\nb: *x", "AIGC: &a [*a]"], ids=["open", "alias", "loop"]
)
def test_front_matter_that_cannot_be_read_safely_is_refused(front: str) -> None:
    data = f"---\n{front}\n---\n".encode()
    assert refused(data, "text/markdown") is Reason.UNREADABLE


def test_a_word_document_keeps_its_other_properties_and_gets_its_label_first() -> None:
    custom = (
        f'<Properties xmlns="{ooxml.PROPERTIES}" xmlns:vt="{ooxml.VALUES}"><property '
        f'fmtid="{ooxml.FORMAT_ID}" pid="7" name="Project"><vt:lpwstr>x</vt:lpwstr></property>'
        "</Properties>"
    )
    result = labelled(docx(**{ooxml.CUSTOM: custom}), DOCX)
    with zipfile.ZipFile(BytesIO(result.data)) as archive:
        properties = archive.read(ooxml.CUSTOM).decode()
        body = archive.read(ooxml.WORD).decode()
    assert 'name="Project"' in properties
    assert 'pid="8" name="AIGC"' in properties
    assert body.index("本内容由人工智能生成") < body.index("hello")
    assert json.loads(blocks(result.data, DOCX)[0])["ProduceID"] == "n-1"


def test_a_sheet_gets_metadata_but_leaves_only_unlabelled_on_request() -> None:
    assert refused(_sheet(), XLSX) is Reason.UNSUPPORTED
    assert len(blocks(labelled(_sheet(), XLSX, plan(explicit=False)).data, XLSX)) == 1


def _sheet() -> bytes:
    with zipfile.ZipFile(BytesIO(docx())) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    del parts["word/document.xml"]
    return package(parts | {"xl/workbook.xml": "<workbook/>"})


def test_a_package_that_unpacks_without_bound_is_refused() -> None:
    assert refused(docx(**{"word/media/a": "0" * 300_000_000}), DOCX) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (SAMPLES["image/png"], "image/jpeg", Reason.MISMATCH),
        (SAMPLES["image/png"], "application/octet-stream", Reason.MISMATCH),
        (b"%PDF-1.7\n", "application/pdf", Reason.UNSUPPORTED),
        (b"II*\0" + bytes(64), "image/tiff", Reason.UNSUPPORTED),
        (b"\0\0\0\x18ftypheic" + bytes(64), "image/heic", Reason.UNSUPPORTED),
        (b"FLV\x01" + bytes(64), "video/x-flv", Reason.UNSUPPORTED),
        (b"RIFF\0\0\0\0AVI " + bytes(64), "video/x-msvideo", Reason.UNSUPPORTED),
        (b"fLaC" + bytes(64), "audio/flac", Reason.UNSUPPORTED),
        (b"\xff\xf1" + bytes(64), "audio/aac", Reason.UNSUPPORTED),
        (b"OggS" + bytes(64), "audio/ogg", Reason.UNSUPPORTED),
        (bytes(64), "audio/L16", Reason.UNSUPPORTED),
        (b"", "image/png", Reason.UNSUPPORTED),
        (b"\xff\xfe\0", "text/markdown", Reason.UNREADABLE),
        (SAMPLES["image/png"][:60], "image/png", Reason.UNREADABLE),
        (SAMPLES["image/jpeg"][:200], "image/jpeg", Reason.UNREADABLE),
    ],
)
def test_what_cannot_be_labelled_does_not_leave(data: bytes, kind: str, reason: Reason) -> None:
    assert refused(data, kind) is reason


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    path.write_bytes(wav(2))
    limits = plan(limits={"fileBytes": 1024})
    assert isinstance(entry.label(path, "audio/wav", limits), entry.Refused)
    assert refused(path.read_bytes(), "audio/wav", limits) is Reason.TOO_LARGE
    assert isinstance(entry.label(path, "audio/wav", plan()), entry.Labelled)


def test_a_file_whose_block_does_not_read_back_is_refused() -> None:
    block = aigc.build(OURS, "1")
    other = aigc.build(OURS, "2")
    data = metadata.written(SAMPLES["audio/wav"], Carrier.WAV, block)
    for wrong in (data, SAMPLES["audio/wav"]):
        with pytest.raises(MediaRefused) as caught:
            metadata.check(wrong, Carrier.WAV, other)
        assert caught.value.reason is Reason.NOT_KEPT
