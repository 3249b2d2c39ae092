# SPDX-License-Identifier: Apache-2.0
"""The thin client: plain JSON in, plain JSON out, every call with a timeout and bounded retries.

Rules. Writes are server-side apply with a field manager and force, so that a retry is harmless;
what is not idempotent (create) is never sent twice. Throttling and a server that is away are
retried for `RETRY_SECONDS`, then the caller gets the error: its queue knows how to wait.
"""

import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Protocol

import aiohttp
import orjson
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
)

from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.kube.access import Access
from genaiservice.kube.errors import ApiError, Throttled, Unreachable, from_answer
from genaiservice.kube.resources import ObjectKey, key_of, resource_of

REQUEST_SECONDS: Final = 15.0
RETRY_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 5.0
PAGE: Final = 20
"""A service with many findings is 33 KiB, parsed 200: a start keeps what one page takes for ever
(measured with 300 services: pages of 50 end at 115 MiB, of 20 at 107, of 10 at 103)."""

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
JSON: Final = "application/json"


class CallObserver(Protocol):
    """Told of every call, for metrics; `code` is 0 when no answer came."""

    def __call__(self, *, verb: str, kind: str, code: int, seconds: float) -> None: ...


def _ignore(*, verb: str, kind: str, code: int, seconds: float) -> None:
    return None


class Client:
    def __init__(
        self,
        access: Access,
        *,
        clock: Callable[[], float],
        observe: CallObserver = _ignore,
        request_seconds: float = REQUEST_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._access = access
        self._clock = clock
        self._observe = observe
        self._timeout = aiohttp.ClientTimeout(total=request_seconds)
        self._retry_seconds = retry_seconds

    async def get(self, key: ObjectKey) -> MutableJson:
        path = resource_of(key.kind).path(key.namespace, key.name)
        return await self._retrying("get", key.kind, "GET", path)

    async def pages(
        self, kind: str, *, selector: str = "", namespace: str | None = None, page: int = PAGE
    ) -> AsyncIterator[tuple[list[MutableJson], str]]:
        """Every object of a kind, page by page, each with the resourceVersion of the list."""
        resource = resource_of(kind)
        query = {"limit": str(page)}
        if selector:
            query["labelSelector"] = selector
        while True:
            tree = await self._retrying(
                "list", kind, "GET", resource.collection(namespace), query=query
            )
            items: list[MutableJson] = tree.get("items") or []
            for item in items:  # the items of a list say neither kind nor version
                item["kind"], item["apiVersion"] = kind, resource.api_version
            yield items, str(tree["metadata"]["resourceVersion"])
            token = tree["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    async def apply(self, manifest: Json, *, manager: str) -> MutableJson:
        """Server-side apply with force; the answer is the object as it now is."""
        return await self._apply(key_of(manifest["kind"], manifest), manifest, manager, "")

    async def apply_status(self, manifest: Json, *, manager: str) -> MutableJson:
        return await self._apply(key_of(manifest["kind"], manifest), manifest, manager, "status")

    async def _apply(
        self, key: ObjectKey, manifest: Json, manager: str, subresource: str
    ) -> MutableJson:
        return await self._retrying(
            "patch",
            key.kind,
            "PATCH",
            resource_of(key.kind).path(key.namespace, key.name, subresource),
            query={"fieldManager": manager, "force": "true"},
            body=manifest,
            content_type=APPLY,
        )

    async def patch(
        self, key: ObjectKey, body: Any, *, manager: str, content_type: str = MERGE
    ) -> MutableJson:
        """A merge patch, or a strategic one; put the uid into it to mean this very object."""
        return await self._retrying(
            "patch",
            key.kind,
            "PATCH",
            resource_of(key.kind).path(key.namespace, key.name),
            query={"fieldManager": manager},
            body=body,
            content_type=content_type,
        )

    async def delete(self, key: ObjectKey, *, uid: str) -> None:
        """Deletes this very object (uid), in the background; its dependants follow."""
        await self._retrying(
            "delete",
            key.kind,
            "DELETE",
            resource_of(key.kind).path(key.namespace, key.name),
            body={"preconditions": {"uid": uid}, "propagationPolicy": "Background"},
        )

    async def evict(self, key: ObjectKey, *, uid: str) -> None:
        """Asks for eviction; `BudgetSpent` means not now."""
        await self._once(
            "create",
            "Pod/eviction",
            "POST",
            resource_of("Pod").path(key.namespace, key.name, "eviction"),
            body={
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"namespace": key.namespace, "name": key.name},
                "deleteOptions": {"preconditions": {"uid": uid}},
            },
        )

    async def create(self, manifest: Json) -> MutableJson:
        """Creates an object; sent once, because a second try could make a second object."""
        kind, namespace = manifest["kind"], manifest["metadata"]["namespace"]
        path = resource_of(kind).collection(namespace)
        return await self._once("create", kind, "POST", path, body=manifest)

    async def replace(self, manifest: Json) -> MutableJson:
        """Puts the object as given; its resourceVersion makes a concurrent change a Conflict."""
        key = key_of(manifest["kind"], manifest)
        path = resource_of(key.kind).path(key.namespace, key.name)
        return await self._once("update", key.kind, "PUT", path, body=manifest)

    async def _retrying(
        self, verb: str, kind: str, method: str, path: str, **more: Any
    ) -> MutableJson:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((Throttled, Unreachable)),
            wait=_wait,
            stop=stop_after_delay(self._retry_seconds),
            reraise=True,
        ):
            with attempt:
                return await self._once(verb, kind, method, path, **more)
        raise AssertionError("tenacity either returns or raises")

    async def _once(
        self,
        verb: str,
        kind: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
    ) -> MutableJson:
        started, code = self._clock(), 0
        try:
            async with self._access.session.request(
                method,
                self._access.server + path,
                params=query,
                data=None if body is None else orjson.dumps(body),
                headers={"Content-Type": content_type, "Accept": JSON},
                timeout=self._timeout,
            ) as response:
                data, code = await response.read(), response.status
                retry_after = response.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        finally:
            self._observe(verb=verb, kind=kind, code=code, seconds=self._clock() - started)
        return _parsed(code, data, retry_after)


def _parsed(code: int, data: bytes, retry_after: str | None) -> MutableJson:
    try:
        tree = _loaded(data) if data else {}
    except (ValueError, RecursionError):
        tree = data[:200].decode("utf-8", "replace")
    if code >= 400:
        said = tree if isinstance(tree, dict) else {"message": tree}
        raise from_answer(code, said, retry_after)
    if not isinstance(tree, dict):
        raise Unreachable("the API server answered with something that is not an object")
    return tree


def _loaded(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # It ends at 1,024 levels, an API server at 10,000: one object must not hide all others.
        return json.loads(data)


def _wait(state: RetryCallState) -> float:
    """Retry-After when the server says one, else doubling with jitter; never above the limit."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Throttled) and error.retry_after_seconds is not None:
        return min(error.retry_after_seconds, LONGEST_WAIT_SECONDS)
    doubled = float(0.1 * 2**state.attempt_number)
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, no secret
    return min(doubled * jitter, LONGEST_WAIT_SECONDS)


__all__ = ["APPLY", "MERGE", "STRATEGIC", "ApiError", "CallObserver", "Client"]
