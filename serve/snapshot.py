"""A published snapshot in memory: checked against its hashes and its declared schema, or refused whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from serve.columns import Column
from serve.index import Index
from serve.sqltypes import SqlType, parse_rfc3339, parse_type

FORMATS = (1, 2)  # of the pointer and of the manifest: those that this shim reads


class SnapshotError(Exception):
    """A pointer, manifest or Parquet file that cannot be served; the message names the file and what is
    wrong.
    """


@dataclass(frozen=True)
class Pointer:
    """`current.json`: which snapshot is published, since when. Times are aware UTC datetimes."""

    sequence_number: int
    snapshot_id: str
    published_at: datetime
    kind: str  # "build" or "rollback"
    hold: dict[str, Any] | None
    manifest: str
    manifest_sha256: str
    now_injected: bool

    @classmethod
    def parse(cls, text: bytes) -> Pointer:
        """The pointer in the bytes of current.json. Raises SnapshotError."""
        try:
            raw = json.loads(text)
            _require_format(raw["format"])
            return cls(
                sequence_number=int(raw["sequence_number"]),
                snapshot_id=str(raw["snapshot_id"]),
                published_at=parse_rfc3339(raw["published_at"]),
                kind=str(raw["kind"]),
                hold=raw["hold"],
                manifest=plain_name(raw["manifest"]),
                manifest_sha256=str(raw["manifest_sha256"]),
                now_injected=bool(raw["now_injected"]),
            )
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SnapshotError(f"current.json: {reason_of(error)}") from None


@dataclass(frozen=True)
class Input:
    """A column that the caller sends: a key, or a request column."""

    name: str
    type: SqlType
    required: bool
    description: str = ""
    personal: bool = False  # the request log holds a hash of it only


class Table:
    """The rows of a group: its columns, and where each key stands. It knows neither names nor versions of
    groups.
    """

    def __init__(self, index: Index, columns: dict[str, Column]) -> None:
        self._index = index
        self.columns = columns
        self.rows = index.rows

    def find(self, keys: Sequence[Any]) -> int | None:
        """The 0-based row of one entity, given its key values in the group's order; None if it is not
        there.
        """
        return self._index.find(keys[0] if len(keys) == 1 else tuple(keys))

    def finder(self, names: Sequence[str]) -> Callable[[dict[str, Any]], int | None]:
        """`find` for dicts that hold the key values under these names."""
        find = self._index.find
        if len(names) == 1:
            (name,) = names
            return lambda entity: find(entity[name])
        return lambda entity: find(tuple([entity[name] for name in names]))

    def first_keys(self) -> tuple[Any, ...]:
        """The key values of some entity; empty if there is none."""
        if not self.rows:
            return ()
        key = self._index.key(0)
        return key if isinstance(key, tuple) else (key,)


@dataclass(frozen=True)
class Group:
    """A feature group of the snapshot. `as_of` is UTC; `max_age_seconds` is when it goes stale."""

    id: str  # "shipment@1"
    name: str
    version: int
    description: str
    owner: str
    as_of: datetime
    max_age_seconds: int
    keys: dict[str, SqlType]
    features: dict[str, SqlType]
    definition: str
    path: Path
    table: Table
    raw: dict[str, Any]  # as it stands in the manifest

    @property
    def not_knowledge_safe(self) -> list[dict[str, str]]:
        """The event models (`name`) that it reads whose `known_at` is assumed, with their `safety_lag`."""
        return self.raw.get("not_knowledge_safe", [])  # not in manifests of before

    @property
    def newest_known_at(self) -> datetime | None:
        """When the newest event became known (UTC) that it knew at its `as_of`; None without events."""
        text = self.raw.get("newest_known_at")  # not in manifests of before
        return parse_rfc3339(text) if text else None

    def find(self, keys: Sequence[Any]) -> int | None:
        """The row of the entity with these key values, None if it is not in the latest table."""
        return self.table.find(keys)

    def value(self, column: str, row: int | None) -> Any:
        """A stored feature (or `as_of`, when the row last changed) at a row; None for null and where row
        is None.
        """
        return None if row is None else self.table.columns[column].get(row)


@dataclass(frozen=True)
class Lookup:
    """How a service reaches a group: by keys the caller sends, or `via` (group name, column) of another
    group.
    """

    name: str
    group: Group
    keys: tuple[str, ...]
    via: tuple[str, str] | None


@dataclass(frozen=True)
class Feature:
    """A column that a service answers."""

    name: str
    type: SqlType
    raw: dict[str, Any]


@dataclass(frozen=True)
class LookedUp:
    """A column that a service's SQL is run over. `source` says where its value is from: "row_id", "prediction_time",
    "input" (the caller), or of the lookup named `lookup` "found", "as_of", "max_age_seconds", or "feature": the stored
    `column` of its group.
    """

    name: str
    type: SqlType
    source: str
    lookup: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class Service:
    """A service version, as the manifest declares it. `sql` is run over `columns`, in a relation called `relation`, one
    row per entity asked for.
    """

    id: str  # "late_delivery@1"
    name: str
    version: int
    is_latest: bool
    description: str
    owner: str
    definition: str
    inputs: dict[str, Input]  # keys first, then request columns
    keys: tuple[str, ...]
    lookups: tuple[Lookup, ...]
    features: tuple[Feature, ...]
    looked_up: tuple[tuple[str, SqlType], ...]
    columns: tuple[LookedUp, ...]
    relation: str
    sql: str
    raw: dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """All groups and services of one snapshot."""

    snapshot_id: str
    created_at: datetime
    now_injected: bool
    groups: dict[str, Group]
    services: dict[str, Service]
    raw: dict[str, Any]

    def service(self, name: str, version: str | None = None) -> Service | None:
        """A service by name, of the given version, else of the latest one; None if there is no such
        service.
        """
        if version is not None:
            return self.services.get(f"{name}@{version}")
        return next((each for each in self.services.values() if each.name == name and each.is_latest), None)

    @classmethod
    def load(cls, folder: Path, pointer: Pointer, raw: dict[str, Any], tables: dict[str, Table]) -> Snapshot:
        """The snapshot that a manifest tells of, over the tables of its groups, by their ids. Raises SnapshotError."""
        try:
            groups = {key: _group(folder, key, each, tables[key]) for key, each in raw["groups"].items()}
            services = {key: _service(key, each, groups) for key, each in raw["services"].items()}
            return cls(
                snapshot_id=raw["snapshot_id"],
                created_at=parse_rfc3339(raw["created_at"]),
                now_injected=bool(raw["now_injected"]) or pointer.now_injected,
                groups=groups,
                services=services,
                raw=raw,
            )
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SnapshotError(f"{pointer.manifest}: {reason_of(error)}") from None

    @staticmethod
    def read_manifest(folder: Path, pointer: Pointer) -> dict[str, Any]:
        """The manifest that `pointer` names, byte for byte. Raises SnapshotError."""
        try:
            text = (folder / pointer.manifest).read_bytes()
        except OSError as error:
            raise SnapshotError(f"{pointer.manifest}: {error.strerror}") from None
        if hashlib.sha256(text).hexdigest() != pointer.manifest_sha256:
            raise SnapshotError(f"{pointer.manifest}: its sha256 is not the one in current.json")
        try:
            raw = json.loads(text)
            _require_format(raw["format"])
            if raw["snapshot_id"] != pointer.snapshot_id:
                raise ValueError(f"snapshot_id is {raw['snapshot_id']!r}, current.json says {pointer.snapshot_id!r}")
        except (ValueError, TypeError, LookupError) as error:
            raise SnapshotError(f"{pointer.manifest}: {reason_of(error)}") from None
        return raw


def _require_format(found: Any) -> None:
    if found not in FORMATS:
        known = " and ".join(str(each) for each in FORMATS)
        raise ValueError(f"format {found!r} is unknown to this shim, which reads formats {known}")


def plain_name(name: str) -> str:
    """The name itself, if it is that of a file in the folder and of none elsewhere; else ValueError."""
    if Path(name).name != name:
        raise ValueError(f"{name!r} is not the name of a file in the published folder")
    return name


def reason_of(error: Exception) -> str:
    """In words, what is wrong with what was read."""
    return f"has no {error}" if isinstance(error, KeyError) else str(error)


def types_of(columns: list[dict[str, Any]]) -> dict[str, SqlType]:
    """The declared columns of a manifest: types by name. Raises ValueError."""
    return {column["name"]: parse_type(column["type"]) for column in columns}


# -------------------- groups


def _group(folder: Path, group_id: str, raw: dict[str, Any], table: Table) -> Group:
    return Group(
        id=group_id,
        name=raw["name"],
        version=int(raw["version"]),
        description=raw.get("description") or "",
        owner=raw.get("owner") or "",
        as_of=parse_rfc3339(raw["as_of"]),
        max_age_seconds=int(raw["max_age_seconds"]),
        keys=types_of(raw["keys"]),
        features=types_of(raw["features"]),
        definition=raw["definition"],
        path=folder / plain_name(raw["file"]),
        table=table,
        raw=raw,
    )


def check_file(path: Path, raw: dict[str, Any]) -> None:
    """Holds a file against the `bytes` and the `sha256` that a manifest says of it. Raises ValueError, OSError."""
    size = path.stat().st_size
    if size != raw["bytes"]:
        raise ValueError(f"has {size} bytes, the manifest says {raw['bytes']}")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != raw["sha256"]:
            raise ValueError("its sha256 is not the one in the manifest")


def parquet(path: Path, **options: bool) -> str:
    """A Parquet file as an SQL relation, with DuckDB's options."""
    quoted = str(path).replace("'", "''")
    return f"read_parquet('{quoted}'{''.join([f', {name} = {value}' for name, value in options.items()])})"


# -------------------- services


def _service(service_id: str, raw: dict[str, Any], groups: dict[str, Group]) -> Service:
    inputs = {
        each["name"]: Input(
            each["name"],
            parse_type(each["type"]),
            each.get("required", True),
            each.get("description") or "",
            bool(each.get("personal", False)),
        )
        for each in [*raw["keys"], *raw["request"]]
    }
    keys = tuple(each["name"] for each in raw["keys"])
    lookups = tuple(_lookup(each, groups, keys) for each in raw["groups"])
    by_name = {each.name: each for each in lookups}
    for lookup in lookups:
        if lookup.via:
            first = by_name.get(lookup.via[0])
            if first is None or first.via or lookup.via[1] not in first.group.features or len(lookup.group.keys) != 1:
                raise ValueError(
                    f"service {service_id}: {lookup.name} via {'.'.join(lookup.via)} is not one hop to a key"
                )
    if not lookups:
        raise ValueError(f"service {service_id} looks up no group")
    return Service(
        id=service_id,
        name=raw["name"],
        version=int(raw["version"]),
        is_latest=bool(raw["is_latest"]),
        description=raw.get("description") or "",
        owner=raw.get("owner") or "",
        definition=raw["definition"],
        inputs=inputs,
        keys=keys,
        lookups=lookups,
        features=tuple(Feature(each["name"], parse_type(each["type"]), each) for each in raw["features"]),
        looked_up=tuple(types_of(raw["looked_up"]).items()),
        columns=tuple(_looked_up(service_id, each, inputs, by_name) for each in raw["looked_up"]),
        relation="asof_looked_up" if "source" in raw["looked_up"][0] else "looked_up",
        sql=raw["sql"],
        raw=raw,
    )


def _looked_up(service_id: str, raw: dict[str, Any], inputs: dict[str, Input], lookups: dict[str, Lookup]) -> LookedUp:
    name, kind = raw["name"], parse_type(raw["type"])
    source = raw if "source" in raw else _source_before(name, inputs, lookups)
    column = LookedUp(name, kind, source["source"], source.get("lookup"), source.get("column"))
    lookup = lookups.get(column.lookup) if column.lookup else None
    is_known = {
        "row_id": True,
        "prediction_time": True,
        "input": name in inputs,
        "found": lookup is not None,
        "as_of": lookup is not None,
        "max_age_seconds": lookup is not None,
        "feature": lookup is not None and column.column in lookup.group.features,
    }
    if not is_known.get(column.source):
        raise ValueError(f"service {service_id}: the looked_up column {name!r} comes from nowhere")
    return column


def _source_before(name: str, inputs: dict[str, Input], lookups: dict[str, Lookup]) -> dict[str, str]:
    """Where a column comes from, read off its name: manifests of before lookups had aliases say nothing else."""
    if name in ("row_id", "prediction_time"):
        return {"source": name}
    if name in inputs:
        return {"source": "input"}
    lookup, _, source = name.partition("__")
    if lookup in lookups and source in ("found", "as_of", "max_age_seconds"):
        return {"source": source, "lookup": lookup}
    owners = [each.name for each in lookups.values() if name in each.group.features]
    return {"source": "feature", "lookup": owners[0], "column": name} if len(owners) == 1 else {"source": "nowhere"}


def _lookup(raw: dict[str, Any], groups: dict[str, Group], keys: tuple[str, ...]) -> Lookup:
    group = groups.get(raw["group"])
    if group is None:
        raise ValueError(f"group {raw['group']!r} is not in the snapshot")
    if via := raw.get("via"):
        return Lookup(raw["name"], group, (), (via["group"], via["column"]))
    if len(raw["keys"]) != len(group.keys) or not set(raw["keys"]) <= set(keys):
        raise ValueError(f"lookup {raw['name']!r}: keys {raw['keys']} do not fit the keys of {group.id}")
    return Lookup(raw["name"], group, tuple(raw["keys"]), None)
