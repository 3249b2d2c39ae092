# SPDX-License-Identifier: Apache-2.0
"""The fetcher against a real TLS server on this machine, which behaves as badly as it can."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from genaiservice.control.core.addresses import AddressRules, network
from genaiservice.control.engine.fetch import Answer, Fetcher, Limits, opened
from genaiservice.rules.pages import Kind, Needle, Wanted
from tests.tls_site import HOST, Authority, Handler, Site, leads, says, serving

PHONE = Needle(name="contact", groups=(("400-810-0000",),))
TIME = Needle(name="timeLimit", groups=(("10个工作日", "十个工作日"),))
HERE = AddressRules(allowed=(network("127.0.0.1"),))
SHORT = Limits(connect_seconds=2.0, total_seconds=0.5)
PATIENT = Limits(connect_seconds=5.0, total_seconds=30.0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def site(authority: Authority) -> AsyncIterator[Site]:
    async with serving(authority.context(HOST, "127.0.0.1")) as found:
        yield found


async def to_here(_: str, __: int) -> Sequence[str]:
    return ["127.0.0.1"]


def fetching(
    authority: Authority, *, rules: AddressRules = HERE, limits: Limits = PATIENT
) -> AbstractAsyncContextManager[Fetcher]:
    return opened(rules, trust=authority.trusting(), resolve=to_here, limits=limits)


def page(url: str, *needles: Needle, kind: Kind = Kind.PAGE) -> Wanted:
    return Wanted(field="complaints.url", url=url, kind=kind, needles=needles)


async def seen(
    authority: Authority, site: Site, handler: Handler, *needles: Needle, limits: Limits = PATIENT
) -> Answer:
    site.pages["/page"] = handler
    async with fetching(authority, limits=limits) as fetch:
        return await fetch(page(site.url("/page"), *needles))


async def test_a_page_is_read_hashed_and_searched(authority: Authority, site: Site) -> None:
    text = "<html><p>投诉电话：４００－８１０－００００，<b>10</b> 个 工作日内答复</p></html>"
    answer = await seen(authority, site, says(text), PHONE, TIME)
    assert answer == Answer(
        status=200,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        found={"contact": True, "timeLimit": True},
    )


async def test_nothing_of_the_operator_is_sent(authority: Authority, site: Site) -> None:
    await seen(authority, site, says("x"))
    assert {"Authorization", "Cookie", "Referer"} & set(site.headers[0]) == set()
    assert "genaiservice-operator" in site.headers[0]["User-Agent"]


@pytest.mark.parametrize("status", [204, 304, 403, 404, 500, 503])
async def test_another_status_is_told_and_its_text_is_not_read(
    authority: Authority, site: Site, status: int
) -> None:
    answer = await seen(authority, site, says("", status=status), PHONE)
    assert answer == Answer(status=status, found={})


async def test_a_status_that_http_does_not_know_is_no_answer(
    authority: Authority, site: Site
) -> None:
    answer = await seen(authority, site, says("", status=999), PHONE)
    assert answer == Answer(error="ProtocolError", found={})


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b".")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("handler", [hang, drip], ids=["hangs", "drips"])
async def test_a_page_that_never_ends_is_given_up(
    authority: Authority, site: Site, handler: Handler
) -> None:
    answer = await seen(authority, site, handler, limits=SHORT)
    assert answer == Answer(error="Timeout", found={})


async def test_a_circle_of_redirects_ends(authority: Authority, site: Site) -> None:
    answer = await seen(authority, site, leads("/page"))
    assert answer.error == "TooManyRedirects"
    assert site.asked == ["/page"] * 6


async def test_five_redirects_are_followed(authority: Authority, site: Site) -> None:
    site.pages |= {f"/{n}": leads(f"/{n + 1}") for n in range(1, 5)} | {"/5": says("400-810-0000")}
    answer = await seen(authority, site, leads("/1"), PHONE)
    assert answer.found == {"contact": True}


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("https://10.0.0.1/", "AddressNotAllowed"),
        ("https://169.254.169.254/latest/meta-data/", "AddressNotAllowed"),
        ("https://100.100.100.200/latest/meta-data/", "AddressNotAllowed"),
        ("https://[::1]/", "AddressNotAllowed"),
        ("https://[::ffff:10.0.0.1]/", "AddressNotAllowed"),
        ("https://127.0.0.2/", "AddressNotAllowed"),
        ("http://pages.example.test/", "RedirectNotAllowed"),
        ("file:///etc/passwd", "RedirectNotAllowed"),
        ("https://user:word@pages.example.test/", "RedirectNotAllowed"),
        ("https://pages.example.test:99999/", "RedirectNotAllowed"),
    ],
)
async def test_a_redirect_to_where_nobody_may_look_is_not_followed(
    authority: Authority, site: Site, target: str, word: str
) -> None:
    answer = await seen(authority, site, leads(target))
    assert (answer.error, answer.found) == (word, {})


async def big(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    await response.write(b"400-810-0000 ")
    for _ in range(50):
        await response.write(b"x" * 1024 * 1024)
    return response


async def test_of_fifty_megabytes_two_are_read(authority: Authority, site: Site) -> None:
    answer = await seen(authority, site, big, PHONE, TIME)
    # What is not in the part that was read may be in the rest: nothing is said of it.
    assert answer == Answer(status=200, found={"contact": True})


async def test_a_document_that_is_too_large_has_no_hash(authority: Authority, site: Site) -> None:
    site.pages["/list"] = big
    async with fetching(authority) as fetch:
        answer = await fetch(page(site.url("/list"), kind=Kind.DOCUMENT))
    assert answer == Answer(status=200, error="TooLarge", found={})


async def test_a_document_of_many_chunks_has_the_hash_of_all(
    authority: Authority, site: Site
) -> None:
    data = bytes(range(256)) * 12_000
    site.pages["/list"] = says(data, "application/octet-stream")
    async with fetching(authority) as fetch:
        answer = await fetch(page(site.url("/list"), kind=Kind.DOCUMENT))
    assert answer == Answer(status=200, sha256=hashlib.sha256(data).hexdigest(), found={})


def zipped(data: bytes, encoding: str = "gzip") -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=data, headers={"Content-Encoding": encoding})

    return handler


async def test_the_hash_is_of_the_text_and_not_of_its_packing(
    authority: Authority, site: Site
) -> None:
    answer = await seen(authority, site, zipped(gzip.compress(b"400-810-0000")), PHONE)
    assert answer.sha256 == hashlib.sha256(b"400-810-0000").hexdigest()
    assert answer.found == {"contact": True}


async def test_a_gzip_bomb_does_not_go_off(authority: Authority, site: Site) -> None:
    bomb = gzip.compress(b"400-810-0000" + b"\0" * 300_000_000, 1)
    answer = await seen(authority, site, zipped(bomb), PHONE, TIME)
    assert answer == Answer(status=200, found={"contact": True})


@pytest.mark.parametrize(
    ("data", "encoding", "word"),
    [
        (b"no gzip at all", "gzip", "ProtocolError"),
        (gzip.compress(b"400-810-0000 " * 99)[:-9], "gzip", "ProtocolError"),
        (b"\x0b\x02\x80abc\x03", "br", "EncodingUnknown"),
    ],
    ids=["broken", "cut", "not asked for"],
)
async def test_a_packing_that_cannot_be_undone_is_an_error(
    authority: Authority, site: Site, data: bytes, encoding: str, word: str
) -> None:
    assert (await seen(authority, site, zipped(data, encoding), PHONE)).error == word


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("text/html; charset=gbk", "gbk"),
        ("text/html; charset=gb2312", "gb18030"),
        ("text/html", "gb18030"),
        ("text/html; charset=utf-8", "gb18030"),
        ("text/html; charset=zip", "utf-8"),
        ("text/html; charset=utf-16", "utf-16"),
        ("text/plain", "utf-8-sig"),
        ("text/html; charset=big5", "utf-8"),
    ],
)
async def test_the_encoding_may_be_any_that_chinese_pages_have(
    authority: Authority, site: Site, said: str, written: str
) -> None:
    text = "<p>我们在十个工作日内反馈处理结果，电话 400-810-0000</p>"
    answer = await seen(authority, site, says(text.encode(written), said), PHONE, TIME)
    assert answer.found == {"contact": True, "timeLimit": True}


async def test_a_page_that_changes_its_encoding_says_the_same(
    authority: Authority, site: Site
) -> None:
    text, found = "<p>十个工作日</p>", []
    for encoding in ("utf-8", "gbk", "gb18030", "utf-16"):
        answer = await seen(authority, site, says(text.encode(encoding), "text/html"), TIME)
        found.append(answer.found)
    assert found == [{"timeLimit": True}] * 4


@pytest.mark.parametrize(
    ("names", "until", "word"),
    [
        ((HOST,), datetime(2021, 1, 1, tzinfo=UTC), "CertificateExpired"),
        (("other.example.test",), datetime(2099, 1, 1, tzinfo=UTC), "CertificateWrongName"),
    ],
    ids=["expired", "of another name"],
)
async def test_a_certificate_that_does_not_hold_is_named(
    authority: Authority, names: tuple[str, ...], until: datetime, word: str
) -> None:
    async with serving(authority.context(*names, until=until)) as site:
        answer = await seen(authority, site, says("x"))
    assert answer == Answer(error=word, found={})
    assert site.asked == []


async def test_a_certificate_of_an_unknown_authority_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority.made(tmp_path)
    async with serving(stranger.context(HOST)) as site:
        answer = await seen(authority, site, says("x"))
    assert answer == Answer(error="CertificateInvalid", found={})


async def test_what_speaks_no_tls_is_refused(authority: Authority) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.test ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server, fetching(authority) as fetch:
        port = server.sockets[0].getsockname()[1]
        answer = await fetch(page(f"https://{HOST}:{port}/"))
    assert answer.error in ("TlsFailed", "ConnectionFailed")


async def test_a_port_where_nothing_listens_is_told(authority: Authority) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with fetching(authority) as fetch:
        answer = await fetch(page(f"https://{HOST}:{port}/"))
    assert answer == Answer(error="ConnectionFailed", found={})


class Resolver:
    """Answers each question with the next of its answers."""

    def __init__(self, *answers: Sequence[str] | OSError) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> Sequence[str]:
        self.asked.append(host)
        answer = self._answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


async def test_a_name_that_is_rebound_reaches_only_the_address_that_was_checked(
    authority: Authority, site: Site
) -> None:
    site.pages["/page"] = says("400-810-0000")
    resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])
    trust = authority.trusting()
    async with opened(HERE, trust=trust, resolve=resolver, limits=PATIENT) as fetch:
        first = await fetch(page(site.url("/page"), PHONE))
        assert resolver.asked == [HOST]  # checked and used: one question, one answer
        second = await fetch(page(site.url("/page"), PHONE))
    assert (first.found, first.error) == ({"contact": True}, "")
    assert (second.found, second.error) == ({}, "AddressNotAllowed")
    assert site.asked == ["/page"]


async def test_a_redirect_to_the_same_name_is_resolved_and_checked_again(
    authority: Authority, site: Site
) -> None:
    site.pages["/page"] = leads("/other")
    resolver = Resolver(["127.0.0.1"], ["192.168.0.1"])
    async with opened(HERE, trust=authority.trusting(), resolve=resolver) as fetch:
        answer = await fetch(page(site.url("/page")))
    assert answer.error == "AddressNotAllowed"
    assert site.asked == ["/page"]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (["127.0.0.1", "10.0.0.1"], "AddressNotAllowed"),
        (["fe80::1%eth0"], "AddressNotAllowed"),
        (["::ffff:192.168.1.1"], "AddressNotAllowed"),
        (["64:ff9b::a00:1"], "AddressNotAllowed"),
        (OSError("no such name"), "NameNotResolved"),
    ],
    ids=["one of two", "scoped", "mapped", "nat64", "unknown"],
)
async def test_every_address_of_a_name_must_be_allowed(
    authority: Authority, answer: Sequence[str] | OSError, word: str
) -> None:
    async with opened(HERE, trust=authority.trusting(), resolve=Resolver(answer)) as fetch:
        assert (await fetch(page(f"https://{HOST}/"))).error == word


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://127.0.0.2/", "AddressNotAllowed"),
        ("https://[fd00:ec2::254]/", "AddressNotAllowed"),
        ("https://168.63.129.16/", "AddressNotAllowed"),
        ("http://pages.example.test/", "AddressInvalid"),
        ("https:///page", "AddressInvalid"),
        ("https://a:b@pages.example.test/", "AddressInvalid"),
        ("https://pages.example.test:0/", "AddressInvalid"),
        ("https://[::1/", "AddressInvalid"),
    ],
)
async def test_an_address_that_may_not_be_asked_is_not(
    authority: Authority, url: str, word: str
) -> None:
    async with fetching(authority) as fetch:
        assert await fetch(page(url)) == Answer(error=word, found={})


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1"])
async def test_other_spellings_of_an_address_are_checked_as_what_they_mean(
    authority: Authority, host: str
) -> None:
    async with opened(AddressRules(), trust=authority.trusting(), limits=PATIENT) as fetch:
        answer = await fetch(page(f"https://{host}/"))
    assert answer.error in ("AddressNotAllowed", "AddressInvalid", "NameNotResolved")


async def test_a_network_that_is_denied_wins_over_one_that_is_allowed(
    authority: Authority, site: Site
) -> None:
    rules = AddressRules(allowed=HERE.allowed, denied=(network("127.0.0.0/8"),))
    async with fetching(authority, rules=rules) as fetch:
        assert (await fetch(page(site.url("/page")))).error == "AddressNotAllowed"


async def test_the_environment_names_no_proxy(
    authority: Authority, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert (await seen(authority, site, says("400-810-0000"), PHONE)).found == {"contact": True}


async def test_a_configured_proxy_is_used_for_names_and_asked_for_no_inner_one(
    authority: Authority, site: Site
) -> None:
    tunnels: list[str] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnels.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        there, back = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(carry(reader, back), carry(there, writer))

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    site.pages["/page"] = says("400-810-0000")
    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, opened(AddressRules(), proxy=proxy, trust=authority.trusting()) as fetch:
        answer = await fetch(page(site.url("/page"), PHONE))
        inner = [
            (await fetch(page(url))).error
            for url in (
                "https://kubernetes.default.svc/",
                "https://localhost/",
                "https://vault/",
                "https://10.0.0.1/",
            )
        ]
    assert answer.found == {"contact": True}
    assert tunnels == [f"{HOST}:{site.port}"]
    assert inner == ["AddressNotAllowed"] * 4


async def test_a_proxy_that_is_away_is_told_as_such(authority: Authority) -> None:
    proxy, trust = "http://127.0.0.1:1", authority.trusting()
    async with opened(AddressRules(), proxy=proxy, trust=trust) as fetch:
        assert (await fetch(page(f"https://{HOST}/"))).error == "ProxyFailed"


@pytest.mark.parametrize(
    ("body", "none_overdue"),
    [
        (b'{"overdue": 0}', True),
        (b'{"overdue": 3}', False),
        (b'{"overdue": false}', False),
        (b"[]", False),
        (b"<html>", False),
        (b"[" * 100_000, False),
    ],
)
async def test_a_feed_says_whether_a_ticket_is_overdue(
    authority: Authority, site: Site, body: bytes, none_overdue: bool
) -> None:
    site.pages["/feed"] = says(body, "application/json")
    async with fetching(authority) as fetch:
        answer = await fetch(page(site.url("/feed"), kind=Kind.FEED))
    assert answer.found == {"noneOverdue": none_overdue}
