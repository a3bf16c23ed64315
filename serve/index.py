"""Where each key of a group stands: sorted hashes, and the keys themselves to be sure. No Python object per row.

The hash is Python's own, which differs from process to process unless PYTHONHASHSEED says otherwise: an index is used
only where `hash_probe` is what it was where it was made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np

from serve.arrays import Pack
from serve.columns import Column, Stored, fetch_column, quote
from serve.sqltypes import SqlType

CHUNK = 1024  # rows that are Python objects at a time
_SPREAD = 0x9E3779B97F4A7C15  # odd, so that nothing is lost; integers hash to themselves, and lie close together
_MASK = 2**64 - 1


def hash_probe() -> int:
    """Tells processes apart whose hashes differ."""
    return hash(("asof", 1, "\0"))


class Index:
    """Key -> 0-based row. A key is a Python value, of a composite one the tuple of them: ('1', '11') is not
    ('11', '1').
    """

    def __init__(self, arrays: list[np.ndarray], keys: list[Column]) -> None:
        """`arrays` as `fetch_index` makes them."""
        self.rows = len(arrays[1])
        gets = [each.get for each in keys]
        # The key of a row
        self.key: Callable[[int], Any] = gets[0] if len(gets) == 1 else lambda row: tuple([get(row) for get in gets])
        self._starts, self._hashes, self._order = (memoryview(each) for each in arrays)
        self._shift = 64 - (len(arrays[0]) - 1).bit_length() + 1

    def find(self, key: Any) -> int | None:
        """The row of a key, None if there is none."""
        spread = hash(key) * _SPREAD & _MASK
        bucket = spread >> self._shift
        for at in range(self._starts[bucket], self._starts[bucket + 1]):
            if self._hashes[at] == spread and self.key(self._order[at]) == key:
                return self._order[at]
        return None


def fetch_index(connection: duckdb.DuckDBPyConnection, source: str, keys: dict[str, SqlType], pack: Pack) -> dict:
    """Puts the index of the SQL relation `source` by its columns `keys` into a pack; returns the rest as JSON.

    Raises duckdb.Error, and ValueError for keys that cannot be looked up, null, or in two rows.
    """
    if not keys:
        raise ValueError("a group without key columns")
    for name, kind in keys.items():
        if kind.kind in ("list", "float", "double"):
            raise ValueError(f"key column {name!r} is {kind.name}, which cannot be looked up by equality")
        (nulls,) = connection.execute(f"select count(*) - count({quote(name)}) from {source}").fetchone()
        if nulls:
            raise ValueError(f"key column {name!r} holds a null")
    stored = [fetch_column(connection, source, name, kind) for name, kind in keys.items()]
    columns = [Column(kind, each) for kind, each in zip(keys.values(), stored, strict=True)]
    arrays = _sorted(_hashes(connection, source, keys, columns))
    _check_unique(Index(arrays, columns), arrays)
    return {"arrays": [pack.add(each) for each in arrays], "keys": [each.pack(pack) for each in stored]}


def open_index(told: dict, arrays: list[np.ndarray], keys: dict[str, SqlType]) -> Index:
    """The index that `fetch_index` has put into a pack."""
    stored = [Stored.unpack(each, arrays) for each in told["keys"]]
    columns = [Column(kind, each) for kind, each in zip(keys.values(), stored, strict=True)]
    return Index([arrays[each] for each in told["arrays"]], columns)


def _hashes(
    connection: duckdb.DuckDBPyConnection, source: str, keys: dict[str, SqlType], columns: list[Column]
) -> np.ndarray:
    rows = columns[0].stored.rows
    hashes = np.empty(rows, np.int64)
    if all(kind.kind in ("varchar", "integer", "boolean") for kind in keys.values()):
        # as DuckDB hands them over, which is faster than one by one
        connection.execute(f"select {', '.join(map(quote, keys))} from {source}")
        at = 0
        while chunk := connection.fetchmany(CHUNK):
            found = [hash(key) for (key,) in chunk] if len(keys) == 1 else list(map(hash, chunk))
            hashes[at : at + len(found)] = found
            at += len(found)
        return hashes
    for row in range(rows):
        values = [column.get(row) for column in columns]
        hashes[row] = hash(values[0] if len(values) == 1 else tuple(values))
    return hashes


def _sorted(hashes: np.ndarray) -> list[np.ndarray]:
    """Where each bucket begins, the hashes spread and sorted, and the row of each. Two keys to a bucket: which one is
    told by the first bits of the hash.
    """
    spread = hashes.view(np.uint64) * np.uint64(_SPREAD)
    order = np.argsort(spread)
    spread = spread[order]
    bits = max(1, (len(hashes) // 2).bit_length())
    edges = np.arange(1, 2**bits, dtype=np.uint64) << np.uint64(64 - bits)
    starts = np.zeros(2**bits + 1, np.uint32)
    starts[1:-1] = np.searchsorted(spread, edges)
    starts[-1] = len(hashes)
    return [starts, spread, order.astype(np.uint32)]


def _check_unique(index: Index, arrays: list[np.ndarray]) -> None:
    _, spread, order = arrays
    (alike,) = np.nonzero(spread[1:] == spread[:-1])
    rows = {int(order[at]) for pair in alike.tolist() for at in (pair, pair + 1)}
    if surplus := len(rows) - len({index.key(row) for row in rows}):
        raise ValueError(f"{surplus} rows repeat the key of another")
