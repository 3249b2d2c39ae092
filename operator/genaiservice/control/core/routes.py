# SPDX-License-Identifier: Apache-2.0
"""Ingresses and HTTPRoutes: which Services stand behind them, and for which hosts.

Total: a route is written by anybody and read as far as it can be read.
"""

from collections.abc import Iterator
from typing import Any

from genaiservice.api.jsontree import Json, lookup


def backends(route: Json) -> Iterator[tuple[str, str]]:
    """Namespace and name of each core/v1 Service that the route leads to."""
    home = str(lookup(route, "metadata", "namespace", default=""))
    spec = route.get("spec")
    for place in (lookup(spec, "defaultBackend"), *_paths(spec)):
        name = lookup(place, "service", "name")
        if isinstance(name, str):
            yield home, name
    for reference in _references(spec):
        name, namespace = lookup(reference, "name"), lookup(reference, "namespace")
        plain = lookup(reference, "kind", default="Service") == "Service"
        if plain and not lookup(reference, "group") and isinstance(name, str):
            yield (namespace if isinstance(namespace, str) and namespace else home), name


def hosts(route: Json) -> list[str]:
    """The host names that the route serves, sorted, each once."""
    spec = route.get("spec")
    named = [*(lookup(rule, "host") for rule in _items(spec, "rules")), *_items(spec, "hostnames")]
    return sorted({name for name in named if isinstance(name, str) and name})


def _paths(spec: Any) -> Iterator[Any]:
    for rule in _items(spec, "rules"):
        for path in _items(lookup(rule, "http"), "paths"):
            yield lookup(path, "backend")


def _references(spec: Any) -> Iterator[Any]:
    for rule in _items(spec, "rules"):
        yield from _items(rule, "backendRefs")


def _items(tree: Any, key: str) -> list[Any]:
    items = lookup(tree, key)
    return list(items) if isinstance(items, list | tuple) else []
