# SPDX-License-Identifier: Apache-2.0
"""One look at one declared page: over TLS, with a limit on everything that the other side chooses.

The address was written by a user and the answer by anybody, so both are hostile: a name is
resolved once, the connection goes to the very addresses that were checked, and every redirect is
checked anew. Rule: whatever comes back, the answer is a `Look`; nothing is raised, no cookie, key
or environment variable of ours is sent, and no text of the page leaves this module.
"""

import asyncio
import hashlib
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from genaiservice import __version__
from genaiservice.api import names
from genaiservice.control.core.addresses import AddressRules, is_internal, literal
from genaiservice.control.core.page_text import found
from genaiservice.control.core.pages import OK
from genaiservice.rules.pages import Kind, Wanted

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port -> addresses; raises OSError when there are none."""

CHUNK: Final = 64 * 1024
HEADERS: Final = {
    "User-Agent": f"{names.MANAGED_BY}/{__version__} (+page check)",
    "Accept": "text/html, text/plain, application/json;q=0.9, */*;q=0.5",
    "Accept-Language": "zh-CN, zh;q=0.9, en;q=0.5",
    "Accept-Encoding": "gzip",
}
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_EXPIRED, _WRONG_NAME = 10, frozenset({62, 63, 64})
"""X509_V_ERR_CERT_HAS_EXPIRED, and those of another name, mail or IP address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    connect_seconds: float = 5.0
    total_seconds: float = 20.0
    """Of one look, with all its redirects."""
    page_bytes: int = 2 * 1024 * 1024
    """Of a page this much is read, after decompression, and the rest is cut."""
    document_bytes: int = 16 * 1024 * 1024
    """Of a document all must be read to know its hash; a larger one is `TooLarge`."""
    redirects: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one look brought; `error` is one word, "" when the answer can be used."""

    status: int | None = None
    error: str = ""
    sha256: str = ""
    found: Mapping[str, bool]


class _Refused(Exception):
    def __init__(self, word: str, status: int | None = None) -> None:
        super().__init__(word)
        self.word, self.status = word, status


class Fetcher:
    """Looks at pages; used within `opened`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        rules: AddressRules,
        *,
        proxy: str = "",
        limits: Limits | None = None,
    ) -> None:
        self._session = session
        self._rules = rules
        self._proxy = proxy or None
        self._limits = limits or Limits()
        # A page of 2 MiB takes many times that while it is searched: one at a time.
        self._reading = asyncio.Lock()

    async def __call__(self, wanted: Wanted) -> Answer:
        try:
            async with asyncio.timeout(self._limits.total_seconds):
                return await self._follow(wanted)
        except _Refused as refused:
            return Answer(status=refused.status, error=refused.word, found={})
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, zlib.error) as error:
            return Answer(error=_word(error), found={})

    async def _follow(self, wanted: Wanted) -> Answer:
        url = self._checked(wanted.url, "AddressInvalid")
        for _ in range(self._limits.redirects + 1):
            async with self._session.get(
                url, allow_redirects=False, proxy=self._proxy, headers=HEADERS
            ) as response:
                if response.status not in REDIRECTS:
                    return await self._read(wanted, response)
                target = response.headers.get("Location", "")
            try:
                joined = str(url.join(URL(target)))
            except ValueError:
                raise _Refused("RedirectNotAllowed") from None
            url = self._checked(joined, "RedirectNotAllowed")
        raise _Refused("TooManyRedirects")

    def _checked(self, text: str, otherwise: str) -> URL:
        """The URL, if it may be asked; names are checked again when they are resolved."""
        try:
            url = URL(text)
            host, port = url.host or "", url.port
        except ValueError:
            raise _Refused(otherwise) from None
        if url.scheme != "https" or not host or not port or url.user or url.password:
            raise _Refused(otherwise)
        address = literal(host)
        if address and not self._rules.permits(address):
            raise _Refused("AddressNotAllowed")
        if self._proxy and not address and is_internal(host):
            raise _Refused("AddressNotAllowed")
        return url

    async def _read(self, wanted: Wanted, response: aiohttp.ClientResponse) -> Answer:
        if response.status >= 600:  # no status that HTTP knows
            raise _Refused("ProtocolError")
        if response.status != OK:
            return Answer(status=response.status, found={})
        document = wanted.kind is Kind.DOCUMENT
        limit = self._limits.document_bytes if document else self._limits.page_bytes
        digest, body, size, whole = hashlib.sha256(), bytearray(), 0, True
        async for data in _plain(response, limit + 1):
            size += len(data)
            whole = size <= limit
            digest.update(data)
            if not document:
                body += data
        if document and not whole:
            raise _Refused("TooLarge", OK)
        kind = response.content_type.lower()
        async with self._reading:
            seen = await asyncio.to_thread(
                found,
                wanted,
                bytes(body[:limit]),
                response.charset or "",
                whole=whole,
                markup="html" in kind or "xml" in kind,
            )
        return Answer(status=OK, sha256=digest.hexdigest() if whole else "", found=seen)


async def _plain(response: aiohttp.ClientResponse, most: int) -> AsyncIterator[bytes]:
    """The body after decompression, at most so many bytes of it."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise _Refused("EncodingUnknown", response.status)
    unzip = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    async for chunk in response.content.iter_chunked(CHUNK):
        while chunk and most > 0:
            # Never more out of it than is still wanted: a bomb does not go off.
            data = unzip.decompress(chunk, min(most, CHUNK)) if unzip else chunk[:most]
            chunk = unzip.unconsumed_tail if unzip else b""
            most -= len(data)
            yield data
        if most <= 0:
            response.close()
            return
    if unzip is not None and not unzip.eof:
        raise _Refused("ProtocolError", response.status)


def _word(error: BaseException) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _certificate(error.certificate_error)
        case ssl.SSLCertVerificationError():
            return _certificate(error)
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return "ProxyFailed"
        case aiohttp.ClientConnectorDNSError():
            return "NameNotResolved"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "TlsFailed"
        case TimeoutError():
            return "Timeout"
        case aiohttp.InvalidURL():
            return "AddressInvalid"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "ProtocolError"
        case aiohttp.ClientResponseError() | zlib.error():
            return "ProtocolError"
        case OSError():
            return "ConnectionFailed"
    return "ProtocolError"


def _certificate(error: Exception) -> str:
    code = getattr(error, "verify_code", 0)
    if code == _EXPIRED:
        return "CertificateExpired"
    return "CertificateWrongName" if code in _WRONG_NAME else "CertificateInvalid"


class _Pinned(AbstractResolver):
    """Resolves a name and lets only checked addresses out; the connection goes to these."""

    def __init__(self, rules: AddressRules, resolve: Resolve) -> None:
        self._rules, self._resolve = rules, resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
        # One address that is not allowed among others is the usual sign of rebinding.
        if not all(self._rules.permits(address) for address in addresses):
            raise _Refused("AddressNotAllowed")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        return None


async def by_system(host: str, port: int) -> list[str]:
    """What the system's resolver says, in its order."""
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


@asynccontextmanager
async def opened(
    rules: AddressRules,
    *,
    proxy: str = "",
    trust: ssl.SSLContext | None = None,
    resolve: Resolve = by_system,
    limits: Limits | None = None,
) -> AsyncIterator[Fetcher]:
    """A fetcher with its connections. trust: whom to believe; None: the system's authorities."""
    bounds = limits or Limits()
    connector = aiohttp.TCPConnector(
        # A configured proxy may be anywhere; it resolves the names of pages by itself.
        resolver=None if proxy else _Pinned(rules, resolve),
        ssl=trust or ssl.create_default_context(),
        use_dns_cache=False,
        force_close=True,
        limit=8,
    )
    timeout = aiohttp.ClientTimeout(
        total=bounds.total_seconds,
        sock_connect=bounds.connect_seconds,
        connect=bounds.total_seconds,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    ) as session:
        yield Fetcher(session, rules, proxy=proxy, limits=bounds)
