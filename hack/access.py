# SPDX-License-Identifier: Apache-2.0
"""JSON requests to the API server with the standard library, and the kubeconfig files for it.

For tests and tools that make many small requests: a kubectl takes 0.2 s to start each time.
The operator has its own client; this one is apart so that a fault of one shows in the other.
"""

import base64
import functools
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

REQUEST_SECONDS = 30.0


class Refused(RuntimeError):
    """The API server answered with an error; `status` is its Status object."""

    def __init__(self, code: int, status: Json, what: str) -> None:
        super().__init__(f"{what}: {code} {status.get('reason', '')}: {status.get('message', '')}")
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    url: str
    token: str
    authority: str

    @classmethod
    def of(cls, path: Path) -> "Access":
        """From a kubeconfig that this module wrote (JSON, one cluster, a token)."""
        config = json.loads(path.read_text())
        cluster = config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        token = config["users"][0]["user"]["token"]
        return cls(url=cluster["server"], token=token, authority=authority)

    def get(self, path: str) -> Json:
        return self.request("GET", path)

    def exists(self, path: str) -> bool:
        try:
            self.get(path)
        except Refused as refused:
            if refused.code == http.client.NOT_FOUND:
                return False
            raise
        return True

    def ensure(self, path: str, *, kind: str) -> None:
        """Make an object of the core API group that needs nothing but a name."""
        collection, name = path.rsplit("/", 1)
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
        try:
            self.request("POST", collection, body)
        except Refused as refused:
            if refused.code != http.client.CONFLICT:
                raise

    def patch(self, path: str, body: Json, *, kind: str = "merge") -> Json:
        """`kind`: merge, strategic-merge, json or apply (then name a fieldManager in the path)."""
        return self.request("PATCH", path, body, content=f"application/{kind}-patch+json")

    def answers(self, path: str) -> bool:
        """Whether it says 200, with whatever body; False while nobody listens."""
        try:
            return self._send("GET", path, None, {})[0] == http.client.OK
        except OSError:
            return False

    def request(
        self, method: str, path: str, body: Any = None, *, content: str = "application/json"
    ) -> Json:
        data = None if body is None else json.dumps(body).encode()
        code, answer = self._send(method, path, data, {"Content-Type": content})
        parsed: Json = json.loads(answer) if answer.startswith(b"{") else {"message": repr(answer)}
        if code >= http.client.BAD_REQUEST:
            raise Refused(code, parsed, f"{method} {path}")
        return parsed

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        address = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            address.hostname or "",
            address.port,
            timeout=REQUEST_SECONDS,
            context=trusting(self.authority),
        )
        try:
            allowed = {**headers, "Authorization": f"Bearer {self.token}"}
            connection.request(method, path, body, allowed)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@functools.lru_cache(maxsize=8)
def trusting(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority)


def kubeconfig(url: str, authority: bytes, user: str, token: str) -> str:
    """A kubeconfig in JSON, which is YAML to everyone who reads it."""
    cluster = {"server": url}
    if authority:  # otherwise one that the machine trusts
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    context = {"cluster": "genaiservice", "user": user, "namespace": "default"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "genaiservice",
        "clusters": [{"name": "genaiservice", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "genaiservice", "context": context}],
    }
    return json.dumps(config, indent=1) + "\n"


def save(path: Path, secret: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.touch(mode=0o600)
    draft.write_text(secret)
    draft.rename(path)
