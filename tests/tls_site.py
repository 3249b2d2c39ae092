# SPDX-License-Identifier: Apache-2.0
"""A web site on 127.0.0.1 for tests: real TLS with certificates of its own authority, and pages
that behave as badly as pages of strangers can.

It runs on its own thread and loop, so that a process under test can be looked at from the test.
"""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "pages.example.test"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Authority:
    """Makes certificates; `file` is what a client is to trust."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    @staticmethod
    def made(folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = _builder(name, name, key.public_key(), _END)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        certificate = builder.add_extension(usage, True).sign(key, hashes.SHA256())
        folder.mkdir(parents=True, exist_ok=True)
        made = Authority(folder, key, certificate)
        made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return made

    def context(self, *hosts: str, until: datetime.datetime = _END) -> ssl.SSLContext:
        """The server's side, with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        names = [_general(host) for host in hosts]
        builder = _builder(subject, self.certificate.subject, key.public_key(), until)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = builder.add_extension(issuer, False).sign(self.key, hashes.SHA256())
        file = self.folder / f"{hosts[0]}-{until:%Y}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def trusting(self) -> ssl.SSLContext:
        """The client's side: this authority and no other."""
        return ssl.create_default_context(cafile=str(self.file))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, until: datetime.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(_BEGIN).not_valid_after(until)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return builder.add_extension(identifier, critical=False)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(slots=True)
class Site:
    """pages: what the next request for a path gets; may be changed at any time."""

    pages: dict[str, Handler] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str, host: str = HOST) -> str:
        return f"https://{host}:{self.port}{path}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.headers.append(dict(request.headers))
        handler = self.pages.get(request.path)
        if handler is None:
            return web.Response(status=404)
        return await handler(request)


def says(
    body: str | bytes, content_type: str = "text/html; charset=utf-8", status: int = 200
) -> Handler:
    data = body.encode() if isinstance(body, str) else body

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=data, status=status, headers={"Content-Type": content_type})

    return handler


def leads(to: str, status: int = 302) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": to})

    return handler


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[Site]:
    """The site in this loop."""
    site = Site()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await listener.start()
        site.port = int(runner.addresses[0][1])
        yield site
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def serving_aside(context: ssl.SSLContext) -> Iterator[Site]:
    """The site on a thread of its own."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), list[Site]()
    over = asyncio.Event()

    async def run() -> None:
        async with serving(context) as site:
            found.append(site)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the site does not start")
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
