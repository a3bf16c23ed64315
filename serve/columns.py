"""Columns of a Parquet file held compactly in memory: numpy arrays, never one Python object per row.

How a value is kept: numbers as they are; decimals as their unscaled integer; dates as days and times as
microseconds since 1970 (UTC); strings as dictionary codes where few differ, else as one UTF-8 blob; lists as
the flattened column of their items. Nulls are a mask, so that NaN stays NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from serve.sqltypes import EPOCH, SqlType

MAX_DICTIONARY = 65_536  # distinct strings up to which a column is kept as 8 or 16-bit codes
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Column:
    """One column. `column[row]` is the Python value at that 0-based row, None for null."""

    __slots__ = ("_get", "_nulls", "nbytes")

    def __init__(self, get: Callable[[int], Any], nulls: np.ndarray | None, nbytes: int) -> None:
        self._get = get
        self._nulls = nulls
        self.nbytes = nbytes + (nulls.nbytes if nulls is not None else 0)

    def __getitem__(self, row: int) -> Any:
        if self._nulls is not None and self._nulls[row]:
            return None
        return self._get(row)


def load_column(connection: duckdb.DuckDBPyConnection, source: str, name: str, kind: SqlType) -> Column:
    """Column `name` of the SQL relation `source`, in its row order. Raises duckdb.Error, ValueError."""
    column = quote(name)
    if kind.kind == "varchar":
        return _load_strings(connection, source, column)
    if kind.kind == "list":
        return _load_list(connection, source, column, kind)
    if kind.kind in ("date", "timestamptz"):
        return _load_time(connection, source, column, kind)
    if kind.kind == "decimal":
        # Decimals would come as doubles: fetch the unscaled integer, in the narrowest type that holds the
        # digits; computed in the widest, since 18 digits leave no room to multiply
        width = "smallint" if kind.precision <= 4 else "integer" if kind.precision <= 9 else "bigint"
        values, nulls = _fetch(
            connection, f"select cast({column}::decimal(38,{kind.scale}) * {10**kind.scale} as {width}) from {source}"
        )
        item, scale = values.item, -kind.scale
        return Column(lambda row: Decimal(item(row)).scaleb(scale), nulls, values.nbytes)
    values, nulls = _fetch(connection, f"select {column} from {source}")
    return Column(values.item, nulls, values.nbytes)


def _fetch(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The one column of a query, and its null mask (None if nothing is null)."""
    (array,) = connection.execute(query).fetchnumpy().values()
    if not np.ma.isMaskedArray(array):
        return array, None
    return array.data, (np.ma.getmaskarray(array) if np.ma.is_masked(array) else None)


def _load_time(connection: duckdb.DuckDBPyConnection, source: str, column: str, kind: SqlType) -> Column:
    in_python = f"{column} between '0001-01-01'::{kind.name} and '9999-12-31'::{kind.name}"
    (outside,) = connection.execute(f"select count(*) from {source} where not ({in_python})").fetchone()
    if outside:
        raise ValueError(f"column {column} holds {outside} times that are infinite or not in the years 1 to 9999")
    if kind.kind == "date":
        values, nulls = _fetch(connection, f"select cast({column} - date '1970-01-01' as integer) from {source}")
        item = values.item
        return Column(lambda row: date.fromordinal(_EPOCH_DAY + item(row)), nulls, values.nbytes)
    # As integers: numpy's datetime64 has no zone, and DuckDB needs a further package to hand over a
    # timestamptz
    values, nulls = _fetch(connection, f"select epoch_us({column}) from {source}")
    item = values.item
    return Column(lambda row: EPOCH + timedelta(microseconds=item(row)), nulls, values.nbytes)


def _load_strings(connection: duckdb.DuckDBPyConnection, source: str, column: str) -> Column:
    few = f"(select distinct {column} as v from {source} where {column} is not null limit {MAX_DICTIONARY + 1})"
    words = [word for (word,) in connection.execute(f"select v from {few} order by v").fetchall()]
    if not words:
        return Column(lambda row: None, None, 0)
    if len(words) <= MAX_DICTIONARY:
        connection.execute(f"create or replace temp type words as enum (select v from {few} order by v)")
        values, nulls = _fetch(connection, f"select enum_code({column}::words) from {source}")
        item = values.item
        return Column(lambda row: words[item(row)], nulls, values.nbytes)
    texts, nulls = _fetch(connection, f"select {column} from {source}")
    parts = [b"" if text is None else text.encode() for text in texts.tolist()]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    blob = b"".join(parts)

    def get(row: int) -> str:
        return blob[ends.item(row - 1) if row else 0 : ends.item(row)].decode()

    return Column(get, nulls, ends.nbytes + len(blob))


def _load_list(connection: duckdb.DuckDBPyConnection, source: str, column: str, kind: SqlType) -> Column:
    lengths, nulls = _fetch(connection, f"select len({column}) from {source}")
    if nulls is not None:
        lengths = np.where(nulls, 0, lengths)
    ends = np.cumsum(lengths, dtype=np.int64)
    items = load_column(connection, f"(select unnest({column}) as v from {source})", "v", kind.item)

    def get(row: int) -> list[Any]:
        return [items[at] for at in range(ends.item(row - 1) if row else 0, ends.item(row))]

    return Column(get, nulls, ends.nbytes + items.nbytes)
