# SPDX-License-Identifier: Apache-2.0
"""Whether a live object already is what a manifest asks for, as server-side apply would see it.

Three things that the API server does must not look like a difference, or the operator would write
for ever: it adds defaults, drops empty values, and writes quantities its own way. Lists that it
merges by a key may hold items of other managers; those an apply does not remove.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from genaiservice.control.core.quantity import amount

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "ownerReferences": ("uid",),
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists that server-side apply merges by the named keys, in the kinds that the operator applies."""

PORT_KEYS: Final = (("containerPort", "protocol"), ("port", "protocol"))
"""Of a container and of a Service; in a NetworkPolicy the list `ports` is atomic."""

QUANTITIES: Final = frozenset({"requests", "limits"})
QUANTITY_FIELDS: Final = frozenset({"sizeLimit", "divisor"})


def differs(live: Any, wanted: Any) -> bool:
    """Whether applying `wanted` over `live` would change anything."""
    return not _holds(live, wanted, "", quantity=False)


def _holds(live: Any, wanted: Any, field: str, *, quantity: bool) -> bool:
    # Most of a tree is equal as it stands, and comparing that is the fast part.
    if live == wanted or (live is None and _empty(wanted)):
        return True
    if isinstance(wanted, Mapping):
        inside = quantity or field in QUANTITIES
        return isinstance(live, Mapping) and all(
            _holds(live.get(key), value, key, quantity=inside or key in QUANTITY_FIELDS)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return isinstance(live, list | tuple) and _holds_list(list(live), list(wanted), field)
    return quantity and amount(wanted) is not None and amount(live) == amount(wanted)


def _empty(value: Any) -> bool:
    """The zero values that the API server does not store; numbers among them only 0."""
    return value is None or value is False or value in ("", 0) or value == {} or value == []


def _holds_list(live: list[Any], wanted: list[Any], field: str) -> bool:
    keys = _merge_keys(wanted, field)
    if keys is None:
        return len(live) == len(wanted) and all(
            _holds(one, other, field, quantity=False)
            for one, other in zip(live, wanted, strict=True)
        )
    held = {_key(item, keys): item for item in live}
    return all(
        _key(item, keys) in held and _holds(held[_key(item, keys)], item, "", quantity=False)
        for item in wanted
    ) and _in_order(list(held), [_key(item, keys) for item in wanted], field)


def _in_order(live: list[Any], wanted: list[Any], field: str) -> bool:
    """The order of init containers is the order in which they start."""
    if field != "initContainers":
        return True
    return [key for key in live if key in wanted] == wanted


def _merge_keys(wanted: list[Any], field: str) -> tuple[str, ...] | None:
    if not wanted or not all(isinstance(item, Mapping) for item in wanted):
        return None
    if field == "ports":
        return next((keys for keys in PORT_KEYS if _is_merged_ports(wanted, keys[0])), None)
    keys = KEYS.get(field)
    return keys if keys and all(key in item for item in wanted for key in keys) else None


def _is_merged_ports(wanted: list[Any], key: str) -> bool:
    """A port of a NetworkPolicy has no name and no target."""
    named = key == "containerPort" or all("name" in item for item in wanted)
    return named and all(key in item for item in wanted)


def _key(item: Any, keys: tuple[str, ...]) -> tuple[Any, ...]:
    if not isinstance(item, Mapping):
        return ()
    return tuple(item.get(key, "TCP" if key == "protocol" else None) for key in keys)


NEVER_DEFAULTED: Final = frozenset(
    {
        "command",
        "args",
        "envFrom",
        "lifecycle",
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "shareProcessNamespace",
        "serviceAccountName",
        "runtimeClassName",
        "externalIPs",
    }
)
"""Fields that decide what runs or who reaches it and that the API server never fills in itself."""


def strangers(live: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """What somebody else put beside what we apply, each named by its path.

    Server-side apply leaves such things in place, so they are told instead of repaired.
    """
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        for field in sorted(NEVER_DEFAULTED & live.keys() - wanted.keys()):
            if not _empty(live[field]):
                yield f"{path}{field}"
        for field, value in wanted.items():
            yield from _strangers_in(live.get(field), value, field, path)


def _strangers_in(live: Any, wanted: Any, field: str, path: str) -> Iterator[str]:
    if not isinstance(wanted, list):
        yield from strangers(live, wanted, f"{path}{field}.")
        return
    keys = _merge_keys(wanted, field)
    if keys is None or not isinstance(live, list):
        return
    ours = {_key(item, keys): item for item in wanted}
    for item in live:
        key = _key(item, keys)
        place = f"{path}{field}[{'/'.join(str(part) for part in key)}]"
        if key not in ours:
            yield place
        else:
            yield from strangers(item, ours[key], f"{place}.")
