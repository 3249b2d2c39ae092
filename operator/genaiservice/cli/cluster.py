# SPDX-License-Identifier: Apache-2.0
"""The one door from the CLI to a cluster: the `kubernetes` client with the user's kubeconfig."""

from typing import Any

from genaiservice.api import names
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Problem, ProblemError, Text

TIMEOUT_SECONDS = 10


class Unreachable(Exception):
    """The cluster did not answer; the message says why."""


def service(name: str, namespace: str | None, kubeconfig: str | None) -> Json:
    """The GenAIService `name`; raises ProblemError when there is none, or Unreachable."""
    # Imported here: commands that need no cluster must not pay for the client.
    import kubernetes
    from urllib3.exceptions import HTTPError

    client: Any = kubernetes.client
    config: Any = kubernetes.config
    try:
        config.load_kube_config(config_file=kubeconfig)
        where = namespace or _current_namespace(config, kubeconfig)
        found: Json = client.CustomObjectsApi().get_namespaced_custom_object(
            names.GROUP,
            names.VERSION,
            where,
            names.PLURAL_SERVICE,
            name,
            _request_timeout=TIMEOUT_SECONDS,
        )
    except config.ConfigException as error:
        raise Unreachable(str(error)) from error
    except client.ApiException as error:
        if error.status == 404:
            raise ProblemError(_not_found(name, where)) from error
        raise Unreachable(f"HTTP {error.status} {error.reason}") from error
    except (HTTPError, OSError) as error:
        raise Unreachable(type(error).__name__) from error
    return found


def _current_namespace(config: Any, kubeconfig: str | None) -> str:
    _, active = config.list_kube_config_contexts(config_file=kubeconfig)
    return str(lookup(active, "context", "namespace", default="default"))


def _not_found(name: str, namespace: str) -> Problem:
    return Problem(
        what=Text(
            en=f"GenAIService {name} does not exist in namespace {namespace}",
            zh=f"命名空间 {namespace} 中不存在 GenAIService {name}",
        ),
        why=Text(en="", zh=""),
        next=Text(
            en="`kubectl get genaiservices -A` lists all",
            zh="用 `kubectl get genaiservices -A` 查看",
        ),
    )
