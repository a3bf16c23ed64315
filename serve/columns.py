"""Columns of a Parquet file held compactly in memory: numpy arrays, never one Python object per row.

How a value is kept: numbers as they are; decimals as their unscaled integer; dates as days and times as
microseconds since 1970 (UTC); strings as dictionary codes where few differ, else as one UTF-8 blob; lists as
the flattened column of their items. Nulls are a mask, so that NaN stays NaN. A column that holds one value
everywhere keeps that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from serve.sqltypes import EPOCH, SqlType, fragment_writer, is_plain_float

MAX_DICTIONARY = 65_536  # distinct strings up to which a column is kept as 8 or 16-bit codes
CHUNK = 1024  # rows that are Python objects at a time: requests wait for no more than that
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(moment: datetime) -> str:
    """An aware time as SQL, to the microsecond."""
    return f"timestamptz '{moment.astimezone(UTC).isoformat()}'"


class Column:
    """One column. `column[row]` is the Python value at that 0-based row, None for null.

    `ready(row)` is what orjson writes as the JSON that `sqltypes.json_writer` writes; where `is_ready`, the value.
    """

    __slots__ = ("_arrays", "_extra", "_get", "_many", "_nulls", "_ready", "is_ready", "nbytes")

    def __init__(
        self,
        get: Callable[[int], Any],
        nulls: np.ndarray | None,
        arrays: list[np.ndarray],
        *,
        ready: Callable[[int], Any] | None = None,
        many: Callable[[np.ndarray], list[Any]] | None = None,
        extra: Any = None,
    ) -> None:
        """`get` and `ready` (None: the value itself) are asked for rows that are not null, `many` for the values at
        any; `arrays` and `extra` are all that the column holds.
        """
        self._get = get
        self._nulls = nulls
        self._arrays = arrays
        self._ready = ready or get
        self.is_ready = ready is None
        self._many = many
        self._extra = extra
        self.nbytes = sum(each.nbytes for each in arrays) + (nulls.nbytes if nulls is not None else 0)

    def __getitem__(self, row: int) -> Any:
        if self._nulls is not None and self._nulls[row]:
            return None
        return self._get(row)

    def ready(self, row: int) -> Any:
        """The value at a row, ready for orjson."""
        if self._nulls is not None and self._nulls[row]:
            return None
        return self._ready(row)

    def values(self, rows: np.ndarray) -> list[Any]:
        """The values at some rows."""
        if self._many is None:
            return [self[row] for row in rows.tolist()]
        values = self._many(rows)
        if self._nulls is not None:
            values = [None if null else value for null, value in zip(self._nulls[rows].tolist(), values, strict=True)]
        return values

    def is_same(self, other: Column) -> bool:
        """Whether both hold the same bits, and of the same type."""
        mine, theirs = [*self._arrays, self._nulls], [*other._arrays, other._nulls]
        return (
            self._extra == other._extra
            and len(mine) == len(theirs)
            and all(_is_same(one, two) for one, two in zip(mine, theirs, strict=True))
        )


def _is_same(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    if one is None or two is None:
        return one is two
    # as bytes: -0.0 is not 0.0, and NaN is itself
    return one.dtype == two.dtype and one.shape == two.shape and np.array_equal(one.view("u1"), two.view("u1"))


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
        unscaled = f"cast({column}::decimal(38,{kind.scale}) * {10**kind.scale} as {width})"
        values, nulls = fetch_array(connection, unscaled, source)
        scale = -kind.scale
        return _numbers(values, nulls, kind, lambda value: Decimal(value).scaleb(scale))
    values, nulls = fetch_array(connection, column, source)
    return _numbers(values, nulls, kind)


def fetch_array(
    connection: duckdb.DuckDBPyConnection, expression: str, source: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """An expression over an SQL relation, in its row order, and its null mask (None if nothing is null). What stands
    at nulls is zero.
    """
    array = connection.execute(f"select {expression} as v from {source}").fetchnumpy()["v"]
    values = np.ma.getdata(array)
    if not np.ma.is_masked(array):
        return values, None
    nulls = np.ma.getmaskarray(array)
    values[nulls] = 0
    return values, nulls


def _numbers(
    values: np.ndarray, nulls: np.ndarray | None, kind: SqlType, understand: Callable[[Any], Any] | None = None
) -> Column:
    """A column of numbers; `understand` makes the Python value of one where it is not the number itself."""
    if len(values) and (values[:1].view("u1") == values.view("u1").reshape(len(values), -1)).all():
        if nulls is None:
            return _constant(values.item(0) if understand is None else understand(values.item(0)), kind, len(values))
        if nulls.all():
            return _constant(None, kind, len(values))
    item, written = values.item, fragment_writer(kind)
    if understand is not None:
        return Column(
            lambda row: understand(item(row)), nulls, [values], ready=lambda row: written(understand(item(row)))
        )
    if kind.kind in ("float", "double") and not is_plain_float(values).all():
        return Column(item, nulls, [values], ready=lambda row: written(item(row)))
    return Column(item, nulls, [values], many=lambda rows: values[rows].tolist())


def _constant(value: Any, kind: SqlType, rows: int) -> Column:
    ready = None if value is None else fragment_writer(kind)(value)
    return Column(
        lambda row: value,
        None,
        [],
        ready=lambda row: ready,
        many=lambda rows: [value] * len(rows),
        extra=(str(value), rows),
    )


def _load_time(connection: duckdb.DuckDBPyConnection, source: str, column: str, kind: SqlType) -> Column:
    in_python = f"{column} between '0001-01-01'::{kind.name} and '9999-12-31'::{kind.name}"
    (outside,) = connection.execute(f"select count(*) from {source} where not ({in_python})").fetchone()
    if outside:
        raise ValueError(f"column {column} holds {outside} times that are infinite or not in the years 1 to 9999")
    if kind.kind == "date":
        values, nulls = fetch_array(connection, f"cast({column} - date '1970-01-01' as integer)", source)
        return _numbers(values, nulls, kind, lambda value: date.fromordinal(_EPOCH_DAY + value))
    # As integers: numpy's datetime64 has no zone, and DuckDB needs a further package to hand over a
    # timestamptz
    values, nulls = fetch_array(connection, f"epoch_us({column})", source)
    return _numbers(values, nulls, kind, lambda value: EPOCH + timedelta(microseconds=value))


def _load_strings(connection: duckdb.DuckDBPyConnection, source: str, column: str) -> Column:
    few = f"(select distinct {column} as v from {source} where {column} is not null limit {MAX_DICTIONARY + 1})"
    (count,) = connection.execute(f"select count(*) from {few}").fetchone()
    varchar = SqlType("varchar", "varchar")
    write = fragment_writer(varchar)
    if not count:
        (rows,) = connection.execute(f"select count(*) from {source}").fetchone()
        return _constant(None, varchar, rows)
    if count <= MAX_DICTIONARY:
        words = [word for (word,) in connection.execute(f"select v from {few} order by v").fetchall()]
        connection.execute(f"create or replace temp type words as enum (select v from {few} order by v)")
        values, nulls = fetch_array(connection, f"enum_code({column}::words)", source)
        if len(words) == 1 and nulls is None:
            return _constant(words[0], varchar, len(values))
        item, written = values.item, [write(word) for word in words]
        return Column(
            lambda row: words[item(row)],
            nulls,
            [values],
            ready=lambda row: written[item(row)],
            many=lambda rows: [words[code] for code in values[rows].tolist()],
            extra=words,
        )
    lengths, nulls = fetch_array(connection, f"strlen({column})", source)  # bytes
    ends = np.cumsum(lengths, dtype=np.int64)
    parts = fetch_chunks(connection, f"select {column} from {source}")
    blob = b"".join([b"".join([(text or "").encode() for (text,) in chunk]) for chunk in parts])
    ends_at = ends.item

    def get(row: int) -> str:
        return blob[ends_at(row - 1) if row else 0 : ends_at(row)].decode()

    return Column(
        get,
        nulls,
        [ends, np.frombuffer(blob, "u1")],
        ready=lambda row: write(get(row)),
    )


def fetch_chunks(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a query, some at a time: requests are answered meanwhile, and memory stays small."""
    connection.execute(query)
    while chunk := connection.fetchmany(CHUNK):
        yield chunk


def _load_list(connection: duckdb.DuckDBPyConnection, source: str, column: str, kind: SqlType) -> Column:
    lengths, nulls = fetch_array(connection, f"len({column})", source)
    ends = np.cumsum(lengths, dtype=np.int64)
    write = fragment_writer(kind)
    items = load_column(connection, f"(select unnest({column}) as v from {source})", "v", kind.item)

    def get(row: int) -> list[Any]:
        return [items[at] for at in range(ends.item(row - 1) if row else 0, ends.item(row))]

    return Column(get, nulls, [ends, *items._arrays], ready=lambda row: write(get(row)), extra=items._extra)
