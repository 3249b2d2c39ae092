# SPDX-License-Identifier: Apache-2.0
"""From `spec.guard.users` and the declarations to `users` of guard.json, and the files it names.

The spec names Secrets and ConfigMaps; the kubelet mounts their keys as files of fixed names, so
the operator never reads a secret. A band's content policy becomes a file name of its own: while
that file is not there the guard refuses the band and never falls back to the milder policy.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from genaiservice.api import names
from genaiservice.api.declared import compliance, json_object, text
from genaiservice.api.jsontree import Json, MutableJson, lookup
from genaiservice.api.users_declared import declared_users
from genaiservice.control.core.observed import policy_name

FILES: Final = (
    ("identity", "pseudonymKeySecret", "secret", "pseudonymKeyFile", "pseudonym"),
    ("identity.token", "jwksConfigMap", "configMap", "jwksFile", "jwks.json"),
    ("identity.gateway", "secret", "secret", "secretFile", "gateway"),
    ("store", "passwordSecret", "secret", "passwordFile", "store-password"),
    ("store", "caConfigMap", "configMap", "caFile", "store-ca.crt"),
)
"""Group, field of the spec, kind of volume source, field of guard.json, name of the file."""


def users_tree(spec: Json) -> MutableJson | None:
    """None where nothing says how a user is known."""
    technical = _technical(json_object(lookup(spec, "guard", "users")))
    tree = declared_users(compliance(spec), technical)
    if tree is None:
        return None
    own, found = text(lookup(spec, "guard", "moderationPolicy")), dict[str, str]()
    for band in json_object(tree.get("minors")).get("bands", ()):
        name = text(band.get("contentPolicy"))
        if name == own:
            band.pop("contentPolicy", None)
        elif name:
            found[name] = policy_file(name)
    named = [{"name": name, "file": file} for name, file in sorted(found.items())]
    return tree | ({"contentPolicies": named} if named else {})


def band_policies(spec: Json) -> tuple[str, ...]:
    """Names of the ModerationPolicies that bands are screened with beside the service's own.

    Of a spec, or of the record of an admitted one; empty where the guard knows no users.
    """
    if not json_object(lookup(spec, "guard", "users")):
        return ()
    bands = lookup(compliance(spec), "minors", "bands")
    # A record may be forged by anybody: its data is bound to no schema.
    listed = bands if isinstance(bands, list) else ()
    named = {text(lookup(band, "contentPolicy")) for band in listed}
    return tuple(sorted(named - {"", text(lookup(spec, "guard", "moderationPolicy"))}))


def further_policies(service: Json, children: Mapping[str, tuple[Json, ...]]) -> tuple[str, ...]:
    """`band_policies` of the spec as it stands and of every admitted revision."""
    trees = [service.get("spec"), *(one.get("data") for one in children["ControllerRevision"])]
    found = {name for tree in trees for name in band_policies(json_object(tree))}
    return tuple(sorted(found - {policy_name(service)}))


def policy_file(name: str) -> str:
    """File of a content policy in the guard's ConfigMap; safe for whatever stands in a name."""
    return f"policy-{hashlib.sha256(name.encode()).hexdigest()[:16]}.json.gz"


def _technical(users: Json) -> MutableJson:
    return {
        key: _files_named(key, json_object(value)) if isinstance(value, dict) else value
        for key, value in users.items()
    }


def _files_named(path: str, tree: Json) -> MutableJson:
    """References to objects replaced by the files that they are mounted as."""
    found: MutableJson = {
        key: _files_named(f"{path}.{key}", value) if isinstance(value, dict) else value
        for key, value in tree.items()
    }
    for group, field, _, written, file in FILES:
        if group == path and field in found:
            del found[field]
            found[written] = f"{names.PATH_SECRETS}/{file}"
    return found


def sources(spec: Json | None) -> list[MutableJson]:
    """Sources of the projected volume, one for each file; empty when the spec names none."""
    return list(_sources(json_object(lookup(spec, "guard", "users"))))


def _sources(users: Json) -> Iterator[MutableJson]:
    for group, field, kind, _, file in FILES:
        reference = json_object(lookup(users, *group.split("."), field))
        name, key = text(reference.get("name")), text(reference.get("key"))
        if name and key:
            yield {kind: {"name": name, "items": [{"key": key, "path": file}]}}
