"""Loads a snapshot: each file, checked against its hash and declared schema, as columns and the row of each key.

Done by the thread that watches the folder, in chunks, so that requests go on meanwhile. Whole, or refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from .columns import check_times, chunks, count, load_column
from .snapshot import (
    Group,
    Pointer,
    Raw,
    Snapshot,
    SnapshotError,
    Table,
    plain_name,
    reason_of,
    require_format,
    types_of,
)
from .sql import parquet, quote
from .sqltypes import SqlType, parse_type

_TABLE = "loaded"


def load_snapshot(folder: Path, pointer: Pointer, before: Snapshot | None) -> Snapshot:
    """The snapshot that a pointer names. Tables of `before`, served until now, are used again. Raises SnapshotError."""
    known = list(before.groups.values()) if before else []
    with refusing(pointer.manifest):
        text = (folder / pointer.manifest).read_bytes()
        if hashlib.sha256(text).hexdigest() != pointer.manifest_sha256:
            raise ValueError("its sha256 is not the one in current.json")
        raw: Raw = json.loads(text)
        require_format(raw["format"])
        if raw["snapshot_id"] != pointer.snapshot_id:
            raise ValueError(f"snapshot_id is {raw['snapshot_id']!r}, current.json says {pointer.snapshot_id!r}")
        return Snapshot(raw, {id: _load_group(folder, id, each, known) for id, each in raw["groups"].items()})


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Raises SnapshotError for whatever is wrong with `what`, which is read within."""
    try:
        yield
    except OSError as error:
        raise SnapshotError(f"{what}: {error.strerror}") from None
    except (duckdb.Error, ValueError, TypeError, LookupError, AttributeError) as error:
        raise SnapshotError(f"{what}: {reason_of(error)}") from None


def _load_group(folder: Path, id: str, raw: Raw, known: list[Group]) -> Group:
    keys, features = types_of(raw["keys"]), types_of(raw["features"])
    path = folder / plain_name(raw["file"])
    with refusing(path.name):
        check_file(path, raw)
        same = [
            each.table
            for each in known
            if (each.raw["sha256"], [*each.keys.items()], each.features) == (raw["sha256"], [*keys.items()], features)
        ]
        table = same[0] if same else _load_table(path, keys, features)
        if table.rows != raw["rows"]:
            raise ValueError(f"has {table.rows} rows, the manifest says {raw['rows']}")
    return Group(id, raw, table)


def check_file(path: Path, raw: Raw) -> None:
    """Holds a file against the `bytes` and the `sha256` that the manifest says of it. Raises ValueError, OSError."""
    size = path.stat().st_size
    if size != raw["bytes"]:
        raise ValueError(f"has {size} bytes, the manifest says {raw['bytes']}")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != raw["sha256"]:
            raise ValueError("its sha256 is not the one in the manifest")


@contextmanager
def opened(path: Path, table: str, declared: dict[str, SqlType]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with a Parquet file as a table. Raises ValueError unless it has the declared columns and no others."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        described = connection.execute(f"describe select * from {parquet(path)}").fetchall()
        found = {name: kind for name, kind, *_ in described}
        for name, kind in declared.items():
            if name not in found:
                raise ValueError(f"has no column {name!r}")
            if parse_type(found[name]) != kind:
                raise ValueError(f"column {name!r} is {found[name].lower()}, the manifest says {kind.name}")
        if surplus := sorted(set(found) - set(declared)):
            raise ValueError(f"has columns that the manifest does not: {', '.join(surplus)}")
        connection.execute(f"create temp table {table} as from {parquet(path)}")
        yield connection


def _load_table(path: Path, keys: dict[str, SqlType], features: dict[str, SqlType]) -> Table:
    """Raises duckdb.Error, ValueError."""
    stored = {"as_of": parse_type("timestamptz")} | features
    with opened(path, _TABLE, keys | stored) as connection:
        columns = {name: load_column(connection, _TABLE, name, kind) for name, kind in stored.items()}
        return Table(_load_rows(connection, keys), columns)


def _load_rows(connection: duckdb.DuckDBPyConnection, keys: dict[str, SqlType]) -> dict[Any, int]:
    """The 0-based row of each key: a Python value, of several key columns the tuple of them, so that ('1', '11') is
    not ('11', '1'). Raises ValueError for keys that cannot be looked up, are null, or stand in two rows.
    """
    if not keys:
        raise ValueError("a group without key columns")
    for name, kind in keys.items():
        if kind.item or kind.is_float:
            raise ValueError(f"key column {name!r} is {kind.name}, which cannot be looked up by equality")
        if count(connection, f"{_TABLE} where {quote(name)} is null"):
            raise ValueError(f"key column {name!r} holds a null")
        check_times(connection, _TABLE, quote(name), kind)
    parts = [_key_chunks(connection, name, kind) for name, kind in keys.items()]
    rows: dict[Any, int] = {}
    total = 0
    for chunk in zip(*parts, strict=True):
        values = chunk[0] if len(chunk) == 1 else list(zip(*chunk, strict=True))
        rows.update(zip(values, range(total, total + len(values)), strict=True))
        total += len(values)
    if surplus := total - len(rows):
        raise ValueError(f"{surplus} rows repeat the key of another")
    return rows


def _key_chunks(connection: duckdb.DuckDBPyConnection, name: str, kind: SqlType) -> Iterator[list[Any]]:
    for _, array in chunks(connection, _TABLE, kind.stored.format(quote(name))):
        values = array.tolist()
        yield values if kind.restore is None else list(map(kind.restore, values))
