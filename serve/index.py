"""Where each key of a group stands: sorted hashes, and the keys themselves to be sure. No Python object per row."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np

from serve.columns import Column, fetch_chunks, load_column, quote
from serve.sqltypes import SqlType

_SPREAD = 0x9E3779B97F4A7C15  # odd, so that nothing is lost; integers hash to themselves, and lie close together
_MASK = 2**64 - 1


class Index:
    """Key -> 0-based row. A key is a Python value, of a composite one the tuple of them: ('1', '11') is not
    ('11', '1').
    """

    def __init__(self, hashes: np.ndarray, columns: list[Column]) -> None:
        """`hashes`: Python's hash of the key of each row (int64); `columns`: the keys. Raises ValueError for a key that
        stands in two rows.
        """
        self.rows = len(hashes)
        self._columns = columns
        spread = hashes.view(np.uint64) * np.uint64(_SPREAD)
        order = np.argsort(spread)
        spread = spread[order]
        self._check_unique(spread, order)
        # Two keys to a bucket: where it begins is told by the first bits of the hash
        bits = max(1, (self.rows // 2).bit_length())
        self._shift = 64 - bits
        edges = np.arange(1, 2**bits, dtype=np.uint64) << np.uint64(self._shift)
        starts = np.zeros(2**bits + 1, np.uint32)
        starts[1:-1] = np.searchsorted(spread, edges)
        starts[-1] = self.rows
        arrays = [starts, spread, order.astype(np.uint32)]
        self._starts, self._hashes, self._order = (memoryview(each) for each in arrays)
        self.nbytes = sum(each.nbytes for each in [*arrays, *columns])

    def find(self, key: Any) -> int | None:
        """The row of a key, None if there is none."""
        spread = hash(key) * _SPREAD & _MASK
        bucket = spread >> self._shift
        for at in range(self._starts[bucket], self._starts[bucket + 1]):
            if self._hashes[at] == spread and self.key(self._order[at]) == key:
                return self._order[at]
        return None

    def key(self, row: int) -> Any:
        """The key of a row."""
        if len(self._columns) == 1:
            return self._columns[0][row]
        return tuple([column[row] for column in self._columns])

    def _check_unique(self, spread: np.ndarray, order: np.ndarray) -> None:
        (alike,) = np.nonzero(spread[1:] == spread[:-1])
        rows = {int(order[at]) for pair in alike.tolist() for at in (pair, pair + 1)}
        if surplus := len(rows) - len({self.key(row) for row in rows}):
            raise ValueError(f"{surplus} rows repeat the key of another")


def load_index(connection: duckdb.DuckDBPyConnection, source: str, keys: dict[str, SqlType]) -> Index:
    """The index of the SQL relation `source` by its columns `keys`. Raises duckdb.Error, ValueError."""
    if not keys:
        raise ValueError("a group without key columns")
    for name, kind in keys.items():
        if kind.kind in ("list", "float", "double"):
            raise ValueError(f"key column {name!r} is {kind.name}, which cannot be looked up by equality")
        (nulls,) = connection.execute(f"select count(*) - count({quote(name)}) from {source}").fetchone()
        if nulls:
            raise ValueError(f"key column {name!r} holds a null")
    columns = [load_column(connection, source, name, kind) for name, kind in keys.items()]
    (rows,) = connection.execute(f"select count(*) from {source}").fetchone()
    hashes = np.empty(rows, np.int64)
    if all(kind.kind in ("varchar", "integer", "boolean") for kind in keys.values()):
        # as DuckDB hands them over, which is faster than one by one
        at = 0
        for chunk in fetch_chunks(connection, f"select {', '.join(map(quote, keys))} from {source}"):
            found = [hash(key) for (key,) in chunk] if len(keys) == 1 else list(map(hash, chunk))
            hashes[at : at + len(found)] = found
            at += len(found)
    else:
        only = columns[0] if len(columns) == 1 else None
        for row in range(rows):
            hashes[row] = hash(only[row] if only else tuple([column[row] for column in columns]))
    return Index(hashes, columns)
