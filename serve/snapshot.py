"""A published snapshot, as current.json and the manifest describe it. Its tables are loaded by loader.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from .clock import parse_rfc3339
from .columns import Column
from .sqltypes import SqlType, parse_type

Raw = dict[str, Any]  # of JSON

FORMATS = (1, 2, 3, 4)  # of the pointer and of the manifest: those that this shim reads


class SnapshotError(Exception):
    """A pointer, manifest or Parquet file that cannot be served; the message names the file and what is wrong."""


class Pointer(NamedTuple):
    """`current.json`: which snapshot is published, since when. Times are aware UTC datetimes."""

    sequence_number: int
    snapshot_id: str
    published_at: datetime
    kind: str  # "build" or "rollback"
    hold: Raw | None
    manifest: str
    manifest_sha256: str
    now_injected: bool

    @classmethod
    def parse(cls, text: bytes) -> Pointer:
        """The pointer in the bytes of current.json. Raises SnapshotError."""
        try:
            raw = json.loads(text)
            require_format(raw["format"])
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


@dataclass(eq=False)
class Table:
    """The rows of a group in memory: its columns, and the row of each key.

    A row is its 0-based number; a key a Python value, of several key columns the tuple of them.
    """

    rows_by_key: dict[Any, int]
    columns: dict[str, Column]

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.rows_by_key)

    def find(self, keys: Sequence[Any]) -> int | None:
        """The row of one entity, given its key values in the group's order; None if it is not there."""
        return self.rows_by_key.get(keys[0] if len(keys) == 1 else tuple(keys))

    def first_keys(self) -> tuple[Any, ...]:
        """The key values of some entity; empty if there is none."""
        key = next(iter(self.rows_by_key), ())
        return key if isinstance(key, tuple) else (key,)


class Field:
    """A column that a caller sends or a service answers. Of a `personal` one, the request log holds a hash only."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.name: str = raw["name"]
        self.type = parse_type(raw["type"])
        self.description: str = raw.get("description") or ""
        self.required: bool = raw.get("required", True)
        self.personal = bool(raw.get("personal", False))
        self.range: tuple[float | None, float | None] = tuple(raw.get("range") or (None, None))  # both in it
        self.categories: tuple[Any, ...] = tuple(raw.get("categories") or ())  # all that it may be; empty: anything


class Declared:
    """What groups and services have in common."""

    def __init__(self, id: str, raw: Raw) -> None:
        self.id = id  # "shipment@1"
        self.raw = raw
        self.name: str = raw["name"]
        self.version = int(raw["version"])
        self.description: str = raw.get("description") or ""
        self.definition: str = raw["definition"]


class Group(Declared):
    """A feature group of the snapshot. Times are UTC; `max_age_seconds` is when it goes stale."""

    def __init__(self, id: str, raw: Raw, table: Table) -> None:
        super().__init__(id, raw)
        self.table = table
        self.as_of = parse_rfc3339(raw["as_of"])
        self.max_age_seconds = int(raw["max_age_seconds"])
        self.keys = types_of(raw["keys"])
        self.features = types_of(raw["features"])
        # The next two are not in older manifests: how fresh it should be, and when the newest event became known that
        # it knew
        self.target_seconds: int | None = raw.get("target_seconds")
        newest = raw.get("newest_known_at")
        self.newest_known_at = parse_rfc3339(newest) if newest else None

    def age_seconds(self, now: datetime) -> float:
        """Seconds from `as_of` to now (UTC)."""
        return (now - self.as_of).total_seconds()

    def data_age_seconds(self, now: datetime) -> float | None:
        """Seconds since the newest event became known that it knew; None where it reads no events."""
        return (now - self.newest_known_at).total_seconds() if self.newest_known_at else None

    def is_stale(self, now: datetime) -> bool:
        """Whether it is older than its max_age: for people, probes and plain views; services take it from the SQL."""
        return self.age_seconds(now) > self.max_age_seconds

    def ages(self, now: datetime) -> dict[str, float | None]:
        """In seconds, at `now` (UTC): how old its run is, should be and may be, and how old its data is."""
        return {
            "age_seconds": self.age_seconds(now),
            "target_seconds": self.target_seconds,
            "max_age_seconds": self.max_age_seconds,
            "data_age_seconds": self.data_age_seconds(now),
        }


class Lookup(NamedTuple):
    """How a service reaches a group: by keys the caller sends, or `via` (lookup name, column) of another lookup."""

    name: str
    group: Group
    keys: tuple[str, ...]
    via: tuple[str, str] | None


class LookedUp(NamedTuple):
    """A column that a service's SQL is run over. `source` says where its value is from: "row_id", "prediction_time",
    "input" (the caller), or of the `lookup` "found", "as_of", "max_age_seconds", or "feature": the stored `column`.
    """

    name: str
    type: SqlType
    source: str
    lookup: Lookup | None = None
    column: str = ""


class Service(Declared):
    """A service version. `sql` is run over `columns`, in a relation called `relation`, one row per entity asked for."""

    def __init__(self, id: str, raw: Raw, groups: dict[str, Group]) -> None:
        """Raises ValueError for lookups that lead nowhere."""
        super().__init__(id, raw)
        self.is_latest = bool(raw["is_latest"])
        self.keys = tuple(each["name"] for each in raw["keys"])
        self.inputs = {each["name"]: Field(each) for each in [*raw["keys"], *raw["request"]]}
        self.features = tuple(map(Field, raw["features"]))
        self.lookups = tuple(self._lookup(each, groups) for each in raw["groups"])
        if not self.lookups:
            raise ValueError(f"service {id} looks up no group")
        self.columns = tuple(map(self._column, raw["looked_up"]))
        self.relation = "asof_looked_up" if "source" in raw["looked_up"][0] else "looked_up"
        self.sql: str = raw["sql"]

    def _lookup(self, raw: Raw, groups: dict[str, Group]) -> Lookup:
        if raw["group"] not in groups:
            raise ValueError(f"group {raw['group']!r} is not in the snapshot")
        group, via = groups[raw["group"]], raw.get("via")  # its "group" is the name of a lookup
        keys = (via["column"],) if via else tuple(raw["keys"])
        if len(keys) != len(group.keys) or not (via or set(keys) <= set(self.keys)):
            raise ValueError(f"service {self.id}: {raw['name']} by {keys} does not fit the keys of {group.id}")
        return Lookup(raw["name"], group, () if via else keys, (via["group"], via["column"]) if via else None)

    def lookup(self, name: str | None) -> Lookup | None:
        """The lookup of a name."""
        return next((each for each in self.lookups if each.name == name), None)

    def _column(self, raw: Raw) -> LookedUp:
        found = raw if "source" in raw else self._source_by_name(raw["name"])
        lookup = self.lookup(found.get("lookup"))
        return LookedUp(raw["name"], parse_type(raw["type"]), found["source"], lookup, found.get("column", ""))

    def _source_by_name(self, name: str) -> Raw:
        """Where a column comes from, read off its name: older manifests, without aliases, say nothing else."""
        if name in ("row_id", "prediction_time"):
            return {"source": name}
        if name in self.inputs:
            return {"source": "input"}
        lookup, _, source = name.partition("__")
        if self.lookup(lookup) and source in ("found", "as_of", "max_age_seconds"):
            return {"source": source, "lookup": lookup}
        owners = [each.name for each in self.lookups if name in each.group.features]
        if len(owners) != 1:
            raise ValueError(f"service {self.id}: the looked_up column {name!r} comes from nowhere")
        return {"source": "feature", "lookup": owners[0], "column": name}


class Snapshot:
    """All groups and services of one snapshot."""

    def __init__(self, raw: Raw, groups: dict[str, Group]) -> None:
        """`raw` is the manifest, `groups` are its groups by id. Raises what wrong JSON does."""
        self.snapshot_id: str = raw["snapshot_id"]
        self.created_at = parse_rfc3339(raw["created_at"])
        self.now_injected = bool(raw["now_injected"])
        self.groups = groups
        self.services = {id: Service(id, each, self.groups) for id, each in raw["services"].items()}
        self._asked = {each.name: each for each in self.services.values() if each.is_latest} | self.services
        self.names = [*self._asked]  # by which services are asked for
        self.raw = raw

    def service(self, asked: str) -> Service | None:
        """The service of "name@version", or the latest of "name"; None if there is no such service."""
        return self._asked.get(asked)


def require_format(found: Any) -> None:
    """Raises ValueError for a format that this shim does not read."""
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


def types_of(columns: list[Raw]) -> dict[str, SqlType]:
    """The declared columns of a manifest: types by name. Raises ValueError."""
    return {column["name"]: parse_type(column["type"]) for column in columns}
