# SPDX-License-Identifier: Apache-2.0
"""What the watches have shown: objects by kind, namespace and name, with indexes.

Rules. The newer resourceVersion wins, so that the answer to a write and the event about it may
come in any order. The answer to a write of ours may hold what others changed just before it: their
event comes later, is older than what is kept, and is news all the same. Objects are kept as
compressed JSON and parsed when asked for: a parsed object takes many times the memory (a service
with twenty open findings 200 KiB in place of 6), and nobody can change what is here by accident.
"""

import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import orjson

from genaiservice.api.jsontree import Json, MutableJson
from genaiservice.kube.resources import ObjectKey, key_of

Entry: TypeAlias = tuple[Any, ...]
"""A word that says what kind of entry it is, then its values; hashable."""
Indexer: TypeAlias = Callable[[Json], Iterable[Entry]]
"""The index entries under which an object is found again."""
TOMBSTONES: Final = 4096
DEEPEST: Final = 100
"""Levels that are kept of an object too deep for its JSON to be written."""
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """ours: versions that answers to our writes told of and no event has yet.
    former: index entries of versions that such answers replaced, until events catch up.
    """

    version: int
    uid: str
    entries: frozenset[Entry]
    data: bytes
    ours: frozenset[int] = frozenset()
    former: frozenset[Entry] = frozenset()


class Cache:
    def __init__(self, indexers: Mapping[str, Indexer]) -> None:
        self._indexers = indexers
        self._kept: dict[str, dict[tuple[str, str], _Kept]] = {}
        self._index: dict[tuple[str, Entry], set[tuple[str, str]]] = {}
        # A late answer to a write must not bring back what was deleted meanwhile.
        self._deleted: OrderedDict[str, int] = OrderedDict()

    def put(self, kind: str, tree: Json, *, listed: bool = False) -> bool:
        """Keeps an object that an event or a list shows; False when it tells nothing new.

        A list shows the last version alone: what it passes over, no event will tell of.
        """
        key, version = key_of(kind, tree), _version(tree)
        kept = self._kept.get(kind, {}).get((key.namespace, key.name))
        if kept is not None and kept.version >= version:
            news = bool(kept.ours) and (listed or version not in kept.ours)
            self._heard(kind, key, kept, version)
            return news
        return self._keep(kind, key, tree)

    def written(self, kind: str, tree: Json) -> None:
        """Keeps the answer to a write of ours; the event about it will be no news."""
        key, version = key_of(kind, tree), _version(tree)
        kept = self._kept.get(kind, {}).get((key.namespace, key.name))
        if kept is None:
            self._keep(kind, key, tree, ours=frozenset({version}))
        elif kept.version < version:
            former = kept.former | kept.entries
            self._keep(kind, key, tree, ours=kept.ours | {version}, former=former)

    def drop(self, kind: str, tree: Json) -> bool:
        """Forgets a deleted object, unless one of the same name was made anew since."""
        key, version = key_of(kind, tree), _version(tree)
        uid = str(tree["metadata"].get("uid", ""))
        self._deleted[uid] = version
        while len(self._deleted) > TOMBSTONES:
            self._deleted.popitem(last=False)
        kept = self._kept.get(kind, {}).get((key.namespace, key.name))
        if kept is None or kept.uid != uid:
            return False
        self._remove(kind, key, kept)
        return True

    def ghosts(self, kind: str, listed: Set[tuple[str, str]], listed_at: int) -> list[ObjectKey]:
        """Objects that are kept, older than a full list, and not in it.

        Their deletion was never seen.
        """
        return [
            ObjectKey(kind=kind, namespace=place[0], name=place[1])
            for place, kept in self._kept.get(kind, {}).items()
            if place not in listed and kept.version <= listed_at
        ]

    def forget(self, key: ObjectKey) -> None:
        kept = self._kept.get(key.kind, {}).get((key.namespace, key.name))
        if kept is not None:
            self._remove(key.kind, key, kept)

    def get(self, key: ObjectKey) -> MutableJson | None:
        kept = self._kept.get(key.kind, {}).get((key.namespace, key.name))
        return None if kept is None else _unpacked(kept.data)

    def version(self, key: ObjectKey) -> int | None:
        kept = self._kept.get(key.kind, {}).get((key.namespace, key.name))
        return None if kept is None else kept.version

    def found(self, kind: str, entry: Entry) -> list[ObjectKey]:
        """Keys of the objects of a kind under an index entry, in a stable order."""
        return [
            ObjectKey(kind=kind, namespace=namespace, name=name)
            for namespace, name in sorted(self._index.get((kind, entry), ()))
        ]

    def load(self, keys: Iterable[ObjectKey]) -> tuple[MutableJson, ...]:
        found = (self.get(key) for key in keys)
        return tuple(tree for tree in found if tree is not None)

    def keys(self, kind: str) -> list[ObjectKey]:
        return [
            ObjectKey(kind=kind, namespace=namespace, name=name)
            for namespace, name in self._kept.get(kind, {})
        ]

    def concerns(self, key: ObjectKey) -> frozenset[Entry]:
        """Index entries of the object as it is kept and as events told of it last."""
        kept = self._kept.get(key.kind, {}).get((key.namespace, key.name))
        return kept.entries | kept.former if kept else frozenset()

    def entries(self, key: ObjectKey) -> frozenset[Entry]:
        """Index entries of the object as it is kept now; empty when it is not."""
        kept = self._kept.get(key.kind, {}).get((key.namespace, key.name))
        return kept.entries if kept else frozenset()

    def sizes(self) -> dict[str, int]:
        return {kind: len(kept) for kind, kept in self._kept.items()}

    def _keep(self, kind: str, key: ObjectKey, tree: Json, **unheard: frozenset[Any]) -> bool:
        version, uid = _version(tree), str(tree["metadata"].get("uid", ""))
        if self._deleted.get(uid, -1) >= version:
            return False
        place = (key.namespace, key.name)
        entries = frozenset(self._entries(kind, tree))
        self._unlink(kind, key, self._kept.get(kind, {}).get(place))
        data = _packed(_slim(kind, tree))
        new = _Kept(version=version, uid=uid, entries=entries, data=data, **unheard)
        self._kept.setdefault(kind, {})[place] = new
        for entry in entries:
            self._index.setdefault((kind, entry), set()).add(place)
        return True

    def _heard(self, kind: str, key: ObjectKey, kept: _Kept, version: int) -> None:
        """Events have come as far as `version`: what ours before it was is settled."""
        if kept.ours and version >= min(kept.ours):
            ours = frozenset(one for one in kept.ours if one > version)
            former = kept.former if ours else frozenset()
            self._kept[kind][(key.namespace, key.name)] = replace(kept, ours=ours, former=former)

    def _entries(self, kind: str, tree: Json) -> Iterable[Entry]:
        indexer = self._indexers.get(kind)
        return indexer(tree) if indexer else ()

    def _remove(self, kind: str, key: ObjectKey, kept: _Kept) -> None:
        self._unlink(kind, key, kept)
        del self._kept[kind][(key.namespace, key.name)]

    def _unlink(self, kind: str, key: ObjectKey, kept: _Kept | None) -> None:
        for entry in kept.entries if kept else ():
            places = self._index[(kind, entry)]
            places.discard((key.namespace, key.name))
            if not places:
                del self._index[(kind, entry)]


def _version(tree: Json) -> int:
    # Comparable as numbers: promised by Kubernetes since 1.35, true of etcd long before.
    return int(tree["metadata"].get("resourceVersion") or 0)


def _slim(kind: str, tree: Json) -> Json:
    """Without what nobody here reads and what is often the larger half of an object."""
    metadata = {k: v for k, v in tree["metadata"].items() if k != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and LAST_APPLIED in annotations:
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != LAST_APPLIED}
    return {**tree, "kind": kind, "metadata": metadata}


def _packed(tree: Json) -> bytes:
    try:
        data = orjson.dumps(tree)
    except TypeError:  # no schema bounds it: unknown fields of a template, the data of a record
        data = orjson.dumps(_tamed(tree, DEEPEST))
    # Small ones, too: what orjson answers keeps a buffer of up to four times its length.
    return zlib.compress(data, 1)


def _tamed(tree: Any, levels: int) -> Any:
    """Without what no object of use holds: depths, huge integers, halves of characters."""
    if isinstance(tree, dict):
        return {_tamed(k, 0): _tamed(v, levels - 1) for k, v in tree.items()} if levels else None
    if isinstance(tree, list):
        return [_tamed(value, levels - 1) for value in tree] if levels else None
    if isinstance(tree, str):
        return tree.encode("utf-8", "replace").decode()
    return None if isinstance(tree, int) and abs(tree) >= 2**63 else tree


def _unpacked(data: bytes) -> MutableJson:
    tree: Any = orjson.loads(zlib.decompress(data))
    assert isinstance(tree, dict)  # noqa: S101 - put() wrote it
    return tree
