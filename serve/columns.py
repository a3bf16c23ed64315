"""Columns of a group in memory: numpy arrays, never one Python object per row.

How a value is stored: numbers as they are; decimals of up to 18 digits as their unscaled integer, longer ones and uuids
as text; dates as days and times as microseconds since 1970 (UTC); text as one UTF-8 blob; lists as the flattened column
of their items. Nulls are a mask, so that NaN stays NaN.

Everything is fetched in chunks, with DuckDB at work in between, so that requests never wait long for Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from .sqltypes import EPOCH, SqlType

CHUNK = 8192  # rows that are Python objects at a time
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(moment: datetime) -> str:
    """An aware time as SQL, to the microsecond."""
    return f"timestamptz '{moment.astimezone(UTC).isoformat()}'"


@dataclass(frozen=True)
class Storage:
    """How the values of a type are stored. `expression`: the SQL of what is stored, over a quoted column; `dtype`: of
    numpy, None for text; `meaning`: makes the Python value of what is stored, None where it is the value.
    """

    expression: Callable[[str], str]
    dtype: str | None
    meaning: Callable[[Any], Any] | None = None


def storage(kind: SqlType) -> Storage:
    """How values of a type are stored; not for lists."""
    match kind.kind:
        case "varchar":
            return Storage(_as_it_is, None)
        case "uuid":
            return Storage("{}::varchar".format, None)
        case "boolean":
            return Storage(_as_it_is, "?")
        case "integer":
            return Storage(_as_it_is, f"i{kind.bits // 8}")
        case "float" | "double":
            return Storage(_as_it_is, "f4" if kind.kind == "float" else "f8")
        case "decimal" if kind.precision <= 18:
            # In the widest type: 18 digits leave no room to multiply
            scale = kind.scale
            unscaled = f"cast({{}}::decimal(38,{scale}) * {10**scale} as bigint)"
            return Storage(unscaled.format, "i8", lambda value: Decimal(value).scaleb(-scale))
        case "decimal":
            return Storage("{}::varchar".format, None, Decimal)
        case "date":
            days = "cast({} - date '1970-01-01' as integer)"
            return Storage(days.format, "i4", lambda value: date.fromordinal(_EPOCH_DAY + value))
        case "timestamptz":
            # As integers: numpy's datetime64 has no zone, and DuckDB needs a further package to hand over a timestamptz
            return Storage("epoch_us({})".format, "i8", lambda value: EPOCH + timedelta(microseconds=value))
    raise ValueError(f"type {kind.name} cannot be stored")


def _as_it_is(column: str) -> str:
    return column


class Column:
    """A column. `get` makes the Python value at a 0-based row, None for null."""

    def __init__(self, get: Callable[[int], Any], nulls: np.ndarray | None) -> None:
        """`get` is only called where `nulls`, a mask, is false."""
        self.get = get
        if nulls is not None:
            is_null = memoryview(nulls)
            self.get = lambda row: None if is_null[row] else get(row)


def load_column(connection: duckdb.DuckDBPyConnection, table: str, name: str, kind: SqlType) -> Column:
    """The column `name` of a DuckDB table, in its row order. Raises duckdb.Error, ValueError."""
    column = quote(name)
    if kind.kind == "list":
        return _load_list(connection, table, column, kind)
    check_times(connection, table, column, kind)
    stored = storage(kind)
    if stored.dtype is None:
        return _load_text(connection, table, stored.expression(column), stored.meaning)
    values = np.zeros(_count(connection, table), stored.dtype)
    nulls = _fill(connection, table, stored.expression(column), values)
    item, meaning = memoryview(values).__getitem__, stored.meaning
    return Column(item if meaning is None else lambda row: meaning(item(row)), nulls)


def check_times(connection: duckdb.DuckDBPyConnection, table: str, column: str, kind: SqlType) -> None:
    """Raises ValueError for times that Python has none for; `column` is quoted."""
    if kind.kind in ("date", "timestamptz"):
        in_python = f"{column} >= '0001-01-01'::{kind.name} and {column} < '10000-01-01'::{kind.name}"
        if outside := _scalar(connection, f"select count(*) from {table} where not ({in_python})"):
            raise ValueError(f"column {column} holds {outside} times that are infinite or not in the years 1 to 9999")


def chunks(connection: duckdb.DuckDBPyConnection, table: str, expression: str) -> Iterator[tuple[slice, np.ndarray]]:
    """An SQL expression over a table, in its row order, some thousand rows at a time, and which rows they are."""
    for first in range(0, _count(connection, table), CHUNK):
        rows = f"select {expression} as v from {table} where rowid between {first} and {first + CHUNK - 1}"
        array = connection.execute(rows).fetchnumpy()["v"]
        yield slice(first, first + len(array)), array


def _fill(connection: duckdb.DuckDBPyConnection, table: str, expression: str, values: np.ndarray) -> np.ndarray | None:
    """Puts what the expression gives into `values`; returns the mask of nulls, None if there are none."""
    nulls = None
    for rows, array in chunks(connection, table, expression):
        values[rows] = np.ma.getdata(array)
        if np.ma.is_masked(array):
            nulls = np.zeros(len(values), bool) if nulls is None else nulls
            nulls[rows] = np.ma.getmaskarray(array)
    return nulls


def _load_text(
    connection: duckdb.DuckDBPyConnection, table: str, expression: str, meaning: Callable[[str], Any] | None
) -> Column:
    ends, nulls = _load_ends(connection, table, f"strlen({expression})")
    blob, at = np.zeros(ends[-1] if len(ends) else 0, "u1"), 0
    for _, texts in chunks(connection, table, f"coalesce({expression}, '')"):
        part = "".join(texts.tolist()).encode()
        blob[at : at + len(part)] = np.frombuffer(part, "u1")
        at += len(part)
    end, text = memoryview(ends), memoryview(blob)

    def get(row: int) -> Any:
        return str(text[end[row - 1] if row else 0 : end[row]], "utf-8")

    return Column(get if meaning is None else lambda row: meaning(get(row)), nulls)


def _load_list(connection: duckdb.DuckDBPyConnection, table: str, column: str, kind: SqlType) -> Column:
    ends, nulls = _load_ends(connection, table, f"len({column})")
    items = f"items_of_{table}"
    connection.execute(f"create or replace temp table {items} as select unnest({column}) as v from {table}")
    item, end = load_column(connection, items, "v", kind.item).get, memoryview(ends)
    connection.execute(f"drop table {items}")
    return Column(lambda row: [item(at) for at in range(end[row - 1] if row else 0, end[row])], nulls)


def _load_ends(connection: duckdb.DuckDBPyConnection, table: str, lengths: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Where the value of each row ends, of values that are laid one behind the other; and the mask of nulls."""
    ends = np.zeros(_count(connection, table), "i8")
    nulls = _fill(connection, table, lengths, ends)
    if nulls is not None:
        ends[nulls] = 0
    np.cumsum(ends, out=ends)
    return ends, nulls


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return _scalar(connection, f"select count(*) from {table}")


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    (value,) = connection.execute(query).fetchone()
    return value
