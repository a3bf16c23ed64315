"""Columns of a group in memory: numpy arrays, never one Python object per row.

How a value is stored, its type says (sqltypes). Lists are the flattened column of their items. Nulls are a mask, so
that NaN stays NaN.

Everything is fetched in chunks, with DuckDB at work in between, so that requests never wait long for Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np

from .sql import quote
from .sqltypes import SqlType

CHUNK = 8192  # rows that are Python objects at a time


Column = Callable[[int], Any]  # makes the Python value at a 0-based row, None for null


def load_column(connection: duckdb.DuckDBPyConnection, table: str, name: str, kind: SqlType) -> Column:
    """The column `name` of a DuckDB table, in its row order. Raises duckdb.Error, ValueError."""
    column = quote(name)
    if kind.item:
        return _load_list(connection, table, column, kind.item)
    check_times(connection, table, column, kind)
    values, nulls = _load(connection, table, kind.stored.format(column), kind.dtype)
    # A memoryview is faster, where there is one
    get: Column = values.item if values.dtype.kind == "T" else values.data.__getitem__
    restore = kind.restore
    return _with_nulls(get if restore is None else lambda row: restore(get(row)), nulls)


def _with_nulls(get: Column, nulls: np.ndarray | None) -> Column:
    if nulls is None:
        return get
    is_null = nulls.data
    return lambda row: None if is_null[row] else get(row)


def check_times(connection: duckdb.DuckDBPyConnection, table: str, column: str, kind: SqlType) -> None:
    """Raises ValueError for times that Python has none for; `column` is quoted."""
    if kind.is_time:
        in_python = f"{column} >= '0001-01-01'::{kind.name} and {column} < '10000-01-01'::{kind.name}"
        if outside := count(connection, f"{table} where not ({in_python})"):
            raise ValueError(f"column {column} holds {outside} times that are infinite or not in the years 1 to 9999")


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """The rows of a relation."""
    ((found,),) = connection.execute(f"select count(*) from {relation}").fetchall()
    return int(found)


def chunks(connection: duckdb.DuckDBPyConnection, table: str, expression: str) -> Iterator[tuple[slice, np.ndarray]]:
    """An SQL expression over a table, in its row order, some thousand rows at a time, and which rows they are."""
    for first in range(0, count(connection, table), CHUNK):
        rows = f"select {expression} as v from {table} where rowid between {first} and {first + CHUNK - 1}"
        array = connection.execute(rows).fetchnumpy()["v"]
        yield slice(first, first + len(array)), array


def _load(
    connection: duckdb.DuckDBPyConnection, table: str, expression: str, dtype: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """What an expression gives for each row, and the mask of nulls, None if there are none."""
    values, nulls = np.zeros(count(connection, table), dtype), None
    for rows, array in chunks(connection, table, expression):
        values[rows] = np.ma.filled(array, values.dtype.type())
        if np.ma.is_masked(array):
            nulls = np.zeros(len(values), bool) if nulls is None else nulls
            nulls[rows] = np.ma.getmaskarray(array)
    return values, nulls


def _load_list(connection: duckdb.DuckDBPyConnection, table: str, column: str, item_type: SqlType) -> Column:
    lengths, nulls = _load(connection, table, f"len({column})", "i8")
    items = f"items_of_{table}"
    connection.execute(f"create or replace temp table {items} as select unnest({column}) as v from {table}")
    item, end = load_column(connection, items, "v", item_type), np.cumsum(lengths).data
    connection.execute(f"drop table {items}")
    return _with_nulls(lambda row: [item(at) for at in range(end[row - 1] if row else 0, end[row])], nulls)
