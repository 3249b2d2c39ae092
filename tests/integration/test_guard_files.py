# SPDX-License-Identifier: Apache-2.0
"""Pictures and speech through the real guard: the unmodified `openai` client asks, exiftool and
ffprobe look at what it got. Needs no cluster.
"""

import base64
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from PIL import Image

from tests.guard_process import TERM, Guard
from tests.integration.test_media_labels import MP3, exiftool, ffprobe, made
from tests.unit.guard.media.samples import OURS, picture, wav
from tests.upstream import Call, Gate, Upstream
from tests.wait import eventually

TINY = (8, 8)
SIZES = {"tiny": TINY}


async def _pictures(call: Call) -> None:
    asked = call.body.decode(errors="ignore")
    if "address" in asked:
        data: list[Any] = [{"url": "https://files.example.cn/1.png"}]
    else:
        kinds = ("image/png", "image/webp") if "two" in asked else ("image/png",)
        size = next((size for word, size in SIZES.items() if word in asked), (320, 240))
        files = [picture(kind, "noise", size=size) for kind in kinds]
        data = [{"b64_json": base64.b64encode(file).decode()} for file in files]
    await call.answer(200, "application/json", json.dumps({"created": 1, "data": data}).encode())


async def _speech(call: Call) -> None:
    form = call.json.get("response_format")
    if "flac" in call.json["input"]:
        await call.answer(200, "audio/flac", b"fLaC" + bytes(1000))
    elif form == "wav":  # as engines stream it: chunked, with a length not known before
        await call.head(200, "audio/wav", "Transfer-Encoding: chunked")
        sound = wav(1, streamed=True)
        for at in range(0, len(sound), 8192):
            await call.chunk(sound[at : at + 8192])
        await call.end_stream()
    else:
        await call.answer(200, "audio/mpeg", made("a.mp3", *MP3))


async def answer(call: Call) -> None:
    await (_speech if call.target.startswith("/v1/audio") else _pictures)(call)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer) as server:
        yield server


@pytest.fixture(scope="module")
def guard(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    media = {"producerCode": OURS, "image": {"labelText": "AI生成", "position": "TopLeft"}}
    with Guard(tmp_path_factory.mktemp("guard"), upstream.url, media=media) as process:
        yield process
        assert "Traceback" not in process.log()
        assert '"level": "error"' not in process.log()


@pytest.fixture
def client(guard: Guard) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=guard.url, api_key="k", max_retries=0) as made_client:
        yield made_client


def files_of(answered: openai.types.ImagesResponse) -> list[bytes]:
    return [base64.b64decode(one.b64_json or "") for one in answered.data or ()]


def block_of(data: bytes, folder: Path) -> dict[str, str]:
    """The one AIGC block that exiftool finds."""
    path = folder / "file"
    path.write_bytes(data)
    [text] = exiftool(path)
    block: dict[str, str] = json.loads(text)["AIGC"]
    assert (block["Label"], block["ContentProducer"]) == ("1", OURS)
    return block


def is_drawn_on(data: bytes) -> bool:
    """Whether the corner of the label is black, white and grey; the model's noise is coloured."""
    corner = Image.open(io.BytesIO(data)).convert("RGB").crop((8, 8, 20, 20))
    red, green, blue = (band.tobytes() for band in corner.split())
    return red == green == blue


def test_generated_pictures_carry_both_labels(
    client: openai.OpenAI, guard: Guard, upstream: Upstream, tmp_path: Path
) -> None:
    files = files_of(client.images.generate(model="m", prompt="two cats", n=2))
    assert upstream.calls[-1].json["response_format"] == "b64_json"
    assert [Image.open(io.BytesIO(file)).format for file in files] == ["PNG", "WEBP"]
    numbers = [block_of(file, tmp_path)["ProduceID"] for file in files]
    assert len(set(numbers)) == 2
    assert is_drawn_on(files[0])
    assert not is_drawn_on(picture("image/png", "noise"))
    eventually(lambda: {line["produceId"] for line in guard.decisions("file")} >= set(numbers))
    assert guard.metric('genai_guard_labelled_files_total{carrier="PNG",explicit="true"}') >= 1


def test_edited_and_varied_pictures_carry_both_labels(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    source = picture("image/png")
    edited = client.images.edit(model="m", image=[source, source], mask=source, prompt="a hat")
    with pytest.deprecated_call():
        varied = client.images.create_variation(model="m", image=source, response_format="b64_json")
    for answered in (edited, varied):
        [file] = files_of(answered)
        block_of(file, tmp_path)
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model="m", image=source, prompt=TERM)
    assert caught.value.code == "content_filter"


@pytest.mark.parametrize(("form", "codec"), [("wav", "pcm_s16le"), ("mp3", "mp3")])
def test_speech_carries_both_labels(
    client: openai.OpenAI, form: Any, codec: str, tmp_path: Path
) -> None:
    answered = client.audio.speech.create(
        model="m", voice="alloy", input="你好", response_format=form
    )
    block_of(answered.content, tmp_path)
    shown = ffprobe(tmp_path / "file")
    assert shown["streams"][0]["codec_name"] == codec
    before = 1 if form == "wav" else 3
    assert float(shown["format"]["duration"]) > before + 0.5, "the rhythm stands before the sound"


@pytest.mark.parametrize(
    ("ask", "status", "code", "param"),
    [
        ({"prompt": "a cat", "response_format": "url"}, 400, "media_by_address", "response_format"),
        ({"prompt": "address"}, 502, "media_by_address", None),
        ({"prompt": "tiny"}, 502, "media_unlabelled", "LabelNotDrawn"),
        ({"prompt": TERM}, 400, "content_filter", None),
    ],
)
def test_a_picture_that_cannot_be_labelled_stays_inside(
    client: openai.OpenAI, ask: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(model="m", **ask)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.param == param


def test_speech_that_cannot_be_labelled_stays_inside(client: openai.OpenAI, guard: Guard) -> None:
    for form in ("opus", "aac", "flac", "pcm"):
        with pytest.raises(openai.BadRequestError) as caught:
            client.audio.speech.create(model="m", voice="v", input="好", response_format=form)
        assert caught.value.code == "media_format"
        assert "mp3" in caught.value.message
    with pytest.raises(openai.InternalServerError) as refused:  # whatever the model sends then
        client.audio.speech.create(model="m", voice="v", input="flac")
    assert (refused.value.code, refused.value.param) == ("media_unlabelled", "UnsupportedCarrier")
    eventually(lambda: any(line["reason"] == "UnsupportedCarrier" for line in guard.decisions()))


def as_user(**claim: Any) -> dict[str, str]:
    said = json.dumps({"sub": "painter", "age_band": "adult", **claim}).encode()
    header = base64.urlsafe_b64encode(said).decode().rstrip("=")
    return {"X-Genai-User": header, "Genai-Label": "metadata-only"}


def test_who_accepted_the_agreement_gets_a_file_without_visible_label_and_is_in_the_log(
    upstream: Upstream, tmp_path: Path
) -> None:
    users = {
        "identity": {
            "source": "Gateway",
            "gateway": {"addresses": ["127.0.0.1"]},
            "missing": "Refuse",
        },
        "agreementVersion": "2.0",
    }
    media = {"producerCode": OURS, "unlabelledOnRequest": True}
    with (
        Guard(tmp_path, upstream.url, media=media, users=users) as guard,
        openai.OpenAI(base_url=guard.url, api_key="k", max_retries=0) as client,
    ):
        asks = client.images.generate
        agreed = as_user(agreement_version="2.0")
        [bare] = files_of(asks(model="m", prompt="a cat", extra_headers=agreed))
        assert not is_drawn_on(bare)
        number = block_of(bare, tmp_path)["ProduceID"]
        assert "genai-label" not in upstream.calls[-1].headers
        eventually(lambda: guard.decisions("unlabelled"))
        [line] = guard.decisions("unlabelled")
        assert (line["produceId"], line["drawn"]) == (number, "")
        assert line["user"]
        assert "painter" not in line["user"]
        del agreed["Genai-Label"]
        [plain] = files_of(asks(model="m", prompt="a cat", extra_headers=agreed))
        assert plate_at_the_right(plain)
        with pytest.raises(openai.PermissionDeniedError) as caught:
            asks(model="m", prompt="a cat", extra_headers=as_user(agreement_version="1.0"))
        assert caught.value.code == "agreement_not_accepted"


def plate_at_the_right(data: bytes) -> bool:
    picture_ = Image.open(io.BytesIO(data)).convert("RGB")
    turned = io.BytesIO()
    picture_.rotate(180).save(turned, "PNG")
    return is_drawn_on(turned.getvalue())


def test_the_label_stays_where_its_absence_is_not_offered(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.images.generate(model="m", prompt="a cat", extra_headers=as_user())
    assert caught.value.code == "label_stays"


def test_streams_go_on_while_pictures_are_labelled(
    tmp_path: Path,
) -> None:
    """A large picture takes seconds; a chat that runs beside it must not wait for it."""
    gate = Gate()
    huge = picture("image/png", "noise", size=(2400, 2400), compress_level=1)

    async def script(call: Call) -> None:
        if call.target.startswith("/v1/images"):
            body = {"created": 1, "data": [{"b64_json": base64.b64encode(huge).decode()}]}
            await call.answer(200, "application/json", json.dumps(body).encode())
            gate.open()
            return
        await gate.wait()
        await call.answer(
            200,
            "application/json",
            json.dumps({"object": "list", "model": "m", "data": [], "usage": {}}).encode(),
        )

    with (
        Upstream(script) as upstream,
        Guard(tmp_path, upstream.url, media={"producerCode": OURS}) as guard,
        openai.OpenAI(base_url=guard.url, api_key="k", max_retries=0) as client,
    ):
        done: list[str] = []

        def paint() -> None:
            client.images.generate(model="m", prompt="a cat")
            done.append("picture")

        painter = threading.Thread(target=paint)
        painter.start()
        client.post("/embeddings", body={"model": "m", "input": "好"}, cast_to=object)
        done.append("vectors")
        painter.join()
        assert done == ["vectors", "picture"]
