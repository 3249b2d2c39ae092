# SPDX-License-Identifier: Apache-2.0
"""The one door from the CLI to a cluster: plain JSON by the `kubernetes` client, with the user's
kubeconfig. Reads only, but for the reviews that ask what somebody may do.
"""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import EMPTY, Problem, ProblemError, Text
from genaiservice.cli.options import Unreachable

TIMEOUT_SECONDS: Final = 10
PAGE: Final = 500
OURS: Final = f"/apis/{names.GROUP}/{names.VERSION}"


class Cluster:
    def __init__(self, kubeconfig: str, context: str, namespace: str) -> None:
        # Imported here: commands that need no cluster must not pay for the client.
        import kubernetes

        config: Any = kubernetes.config
        file, chosen = kubeconfig or None, context or None
        try:
            self._api: Any = config.new_client_from_config(
                config_file=file, context=chosen, persist_config=False
            )
            contexts, active = config.list_kube_config_contexts(config_file=file)
        except config.ConfigException as error:
            raise Unreachable(_no_access(str(error))) from error
        except Exception as error:  # kubeconfig is a foreign file: it may hold anything
            raise Unreachable(_no_access(type(error).__name__)) from error
        if chosen:
            active = next((one for one in contexts if one.get("name") == chosen), active)
        current = lookup(active, "context", "namespace", default="default")
        self.namespace = namespace or str(current)

    @property
    def server(self) -> str:
        return str(self._api.configuration.host)

    def get(self, path: str, **query: str) -> Json:
        """The object or list at `path`; raises NotFound, Refused or Unreachable."""
        return self._call("GET", path, query, None)

    def post(self, path: str, body: Json) -> Json:
        return self._call("POST", path, {}, body)

    def all_of(self, path: str, **query: str) -> Iterator[Json]:
        """Every item of a list, page by page."""
        more = {"limit": str(PAGE), **query}
        while True:
            tree = self.get(path, **more)
            yield from tree.get("items") or ()
            token = lookup(tree, "metadata", "continue")
            if not token:
                return
            more["continue"] = str(token)

    def service(self, name: str) -> Json:
        try:
            return self.get(f"{OURS}/namespaces/{self.namespace}/{names.PLURAL_SERVICE}/{name}")
        except NotFound as error:
            raise ProblemError(_no_service(name, self.namespace)) from error

    def watch(self, path: str, seconds: int, **query: str) -> Iterator[Json]:
        """Watch events of a list until the server ends it after `seconds`."""
        more = {**query, "watch": "true", "timeoutSeconds": str(seconds)}
        answer = self._send("GET", path, more, None, timeout=seconds + TIMEOUT_SECONDS)
        if answer.status >= 400:
            raise _error(answer.status, answer.read())
        rest = b""
        for chunk in answer.response.stream(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    yield json.loads(line)

    def _call(self, method: str, path: str, query: dict[str, str], body: Json | None) -> Json:
        answer = self._send(method, path, query, body, timeout=TIMEOUT_SECONDS)
        data = answer.read()
        if answer.status >= 400:
            raise _error(answer.status, data)
        try:
            tree = json.loads(data)
        except ValueError as error:
            raise Unreachable(_no_answer("no JSON", self.server)) from error
        if not isinstance(tree, dict):
            raise Unreachable(_no_answer("no JSON object", self.server))
        return tree

    def _send(
        self, method: str, path: str, query: dict[str, str], body: Json | None, *, timeout: int
    ) -> Any:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        headers: dict[str, str] = {"Accept": "application/json", "Content-Type": "application/json"}
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self.server.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        try:
            return self._api.call_api(method, url, headers, body=body, _request_timeout=timeout)
        except ApiException as error:
            raise _error(error.status, error.body or b"") from error
        except (HTTPError, OSError) as error:
            raise Unreachable(_no_answer(type(error).__name__, self.server)) from error


class NotFound(ProblemError):
    pass


class Refused(ProblemError):
    """The API server understood and said no."""


def _error(status: int | None, data: bytes | str) -> ProblemError:
    try:
        said = str(lookup(json.loads(data), "message", default=""))
    except ValueError:
        said = ""
    said = said[:300] or f"HTTP {status}"
    what = Text(en=f"the API server answered: {said}", zh=f"API 服务器返回：{said}")
    if status == 404:
        return NotFound(Problem(what=what, why=EMPTY, next=_LOOK))
    if status in (401, 403):
        return Unreachable(Problem(what=what, why=EMPTY, next=_RIGHTS))
    if status is None or status >= 500 or status == 429:
        return Unreachable(Problem(what=what, why=EMPTY, next=_AGAIN))
    return Refused(Problem(what=what, why=EMPTY, next=_LOOK))


_LOOK: Final = Text(
    en="`genaictl doctor` looks for what the cluster lacks", zh="可用 `genaictl doctor` 检查集群"
)
_RIGHTS: Final = Text(
    en="log in again, or ask for the role genai-auditor",
    zh="请重新登录，或申请角色 genai-auditor",
)
_AGAIN: Final = Text(en="try again in a moment", zh="请稍后重试")


def _no_access(cause: str) -> Problem:
    return Problem(
        what=Text(
            en=f"no usable kubeconfig: {cause[:300]}", zh=f"没有可用的 kubeconfig：{cause[:300]}"
        ),
        why=EMPTY,
        next=Text(
            en="set KUBECONFIG or --kubeconfig, and --context",
            zh="请设置 KUBECONFIG 或 --kubeconfig，以及 --context",
        ),
    )


def _no_answer(cause: str, server: str) -> Problem:
    return Problem(
        what=Text(
            en=f"the cluster at {server} cannot be reached: {cause}",
            zh=f"无法连接集群 {server}：{cause}",
        ),
        why=EMPTY,
        next=Text(
            en="look at network and kubeconfig; `genaictl check FILE` needs no cluster",
            zh="请检查网络和 kubeconfig；`genaictl check 文件` 无需集群",
        ),
    )


def _no_service(name: str, namespace: str) -> Problem:
    return Problem(
        what=Text(
            en=f"GenAIService {name} does not exist in namespace {namespace}",
            zh=f"命名空间 {namespace} 中不存在 GenAIService {name}",
        ),
        why=EMPTY,
        next=Text(
            en="`kubectl get genaiservices -A` lists all",
            zh="用 `kubectl get genaiservices -A` 查看",
        ),
    )
