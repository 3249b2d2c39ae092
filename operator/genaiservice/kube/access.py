# SPDX-License-Identifier: Apache-2.0
"""Who we are towards the API server: address, TLS, credentials, and the one HTTP session.

The `kubernetes` package reads kubeconfig (exec plugins too) and the in-cluster token; nothing of
its client is used. Rule: credentials live in this module alone. They are asked for at every
request, so that a rotated token or a renewed certificate is used from the next request on, by
kopf as well, which shares the session.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import Configuration

from genaiservice.api.problem import Problem, ProblemError, Text

CONNECTION_LIMIT: Final = 24
"""Watches hold one connection each (about a dozen), the rest is for our own calls. Each open TLS
connection takes 256 KiB of buffers."""
RENEW_PAUSE_SECONDS: Final = 5.0
"""A plugin that keeps giving bad credentials must not be started for every single request."""
PARTIAL: Final = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"


class Credentials:
    """The current Authorization header and client certificate; reads them anew when told."""

    def __init__(self, kubeconfig: Path | None) -> None:
        self._kubeconfig = kubeconfig
        self._lock = asyncio.Lock()
        self._renewed_at = float("-inf")
        self._configuration = Configuration()
        self._tls: ssl.SSLContext | None = None

    @property
    def configuration(self) -> Any:
        return self._configuration

    async def load(self) -> None:
        """Reads kubeconfig or the service account; raises ProblemError with what is missing."""
        fresh = Configuration()
        try:
            if self._kubeconfig is None:
                kube_config.load_incluster_config(  # type: ignore[no-untyped-call]
                    client_configuration=fresh
                )
            else:
                await kube_config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=str(self._kubeconfig),
                    client_configuration=fresh,
                    persist_config=False,
                )
        except (kube_config.ConfigException, OSError, TypeError, ValueError) as error:
            raise ProblemError(_no_access(self._kubeconfig, error)) from error
        self._configuration = fresh
        if self._tls is not None and fresh.cert_file:
            self._tls.load_cert_chain(fresh.cert_file, fresh.key_file)

    async def renew(self) -> bool:
        """Reads the credentials again after a 401; False when that was done a moment ago."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._renewed_at < RENEW_PAUSE_SECONDS:
                return False
            self._renewed_at = now
            await self.load()
            return True

    async def header(self) -> str | None:
        # In a cluster, the package re-reads the projected token here, at most once a minute.
        value = await self._configuration.get_api_key_with_prefix("BearerToken")
        return str(value) if value else None

    def tls(self) -> ssl.SSLContext:
        config = self._configuration
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.server_name = getattr(config, "tls_server_name", None)
        if config.ssl_ca_cert:
            context.load_verify_locations(cafile=config.ssl_ca_cert)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if not config.verify_ssl:  # `insecure-skip-tls-verify`: the owner of the kubeconfig asked
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file)
        self._tls = context
        return context


class _NamedContext(ssl.SSLContext):
    """A TLS context that asks for the server name of `tls-server-name` in a kubeconfig."""

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        name = self.server_name or server_hostname
        return super().wrap_bio(incoming, outgoing, server_side, name, session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    server: str
    session: aiohttp.ClientSession

    async def close(self) -> None:
        await self.session.close()


async def open_access(
    kubeconfig: Path | None,
    *,
    user_agent: str,
    connection_limit: int = CONNECTION_LIMIT,
    metadata_only: frozenset[str] = frozenset(),
) -> Access:
    """Opens the session. Of the plurals in `metadata_only`, lists and watches carry metadata."""
    credentials = Credentials(kubeconfig)
    await credentials.load()
    config = credentials.configuration
    server = str(config.host).rstrip("/")

    async def authorise(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        await _sign(request, credentials)
        response = await handler(request)
        if response.status == 401 and await credentials.renew():
            response.release()
            await _sign(request, credentials)
            response = await handler(request)
        return response

    async def ask_for_metadata(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.method == "GET" and request.url.name in metadata_only:
            watch = request.url.query.get("watch") == "true"
            request.headers["Accept"] = PARTIAL.format(list="" if watch else "List")
        return await handler(request)

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connection_limit,
            ssl=credentials.tls() if server.startswith("https") else False,
        ),
        headers={"User-Agent": user_agent},
        proxy=getattr(config, "proxy", None),
        middlewares=(authorise, ask_for_metadata),
        # A watch lives for long; every other call carries its own timeout.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
    )
    return Access(server=server, session=session)


async def _sign(request: aiohttp.ClientRequest, credentials: Credentials) -> None:
    header = await credentials.header()
    if header is not None:
        request.headers["Authorization"] = header


def kubeconfig_from(env: Mapping[str, str]) -> Path | None:
    """Where the kubeconfig is; None means: in a cluster, with the service account of the pod."""
    named = env.get("KUBECONFIG", "")
    if named:
        return Path(named)
    if env.get("KUBERNETES_SERVICE_HOST"):
        return None
    return Path.home() / ".kube" / "config"


def _no_access(kubeconfig: Path | None, error: Exception) -> Problem:
    # The text of the error names files and keys of the kubeconfig, never a secret.
    where = str(kubeconfig) if kubeconfig else "service account of the pod"
    return Problem(
        what=Text(
            en=f"The access to the API server cannot be read: {error}",
            zh=f"无法读取访问 API 服务器的配置：{error}",
        ),
        why=Text(
            en="Without it nothing can be read or written",
            zh="没有该配置，无法读取或写入任何对象",
        ),
        next=Text(
            en="Set KUBECONFIG to a readable kubeconfig, or run in a pod with a service account",
            zh="请将 KUBECONFIG 指向可读的 kubeconfig，或在带服务账户的 Pod 中运行",
        ),
        where=where,
    )
