"""A published snapshot in memory: checked against its hashes and its declared schema, or refused whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .clock import parse_rfc3339
from .columns import Column
from .sqltypes import SqlType, parse_type

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
    range: tuple[float | None, float | None] = (None, None)  # lowest and highest, both in it
    categories: tuple[Any, ...] = ()  # all that it may be; empty: anything


class Table:
    """The rows of a group in memory: its columns, and the row of each key. It knows neither names nor versions of
    groups.
    """

    def __init__(self, rows_by_key: dict[Any, int], columns: dict[str, Column]) -> None:
        """`rows_by_key`: 0-based; a key is a Python value, of several key columns the tuple of them."""
        self.rows_by_key = rows_by_key
        self.columns = columns

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.rows_by_key)

    def find(self, keys: Sequence[Any]) -> int | None:
        """The 0-based row of one entity, given its key values in the group's order; None if it is not there."""
        return self.rows_by_key.get(keys[0] if len(keys) == 1 else tuple(keys))

    def first_keys(self) -> tuple[Any, ...]:
        """The key values of some entity; empty if there is none."""
        key = next(iter(self.rows_by_key), ())
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


def check_file(path: Path, raw: dict[str, Any]) -> None:
    """Holds a file against the `bytes` and the `sha256` that a manifest says of it. Raises ValueError, OSError."""
    size = path.stat().st_size
    if size != raw["bytes"]:
        raise ValueError(f"has {size} bytes, the manifest says {raw['bytes']}")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != raw["sha256"]:
            raise ValueError("its sha256 is not the one in the manifest")
