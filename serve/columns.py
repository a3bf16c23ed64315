"""Columns of a Parquet file held compactly in memory: numpy arrays, never one Python object per row.

How a value is kept: numbers as they are; decimals as their unscaled integer; dates as days and times as
microseconds since 1970 (UTC); strings as dictionary codes where few differ, else as one UTF-8 blob; lists as
the flattened column of their items. Nulls are a mask, so that NaN stays NaN. A column that holds one value
everywhere keeps that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from serve.arrays import Pack
from serve.sqltypes import EPOCH, SqlType, fragment_writer, is_plain_float

MAX_DICTIONARY = 65_536  # distinct strings up to which a column is kept as 8 or 16-bit codes
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(moment: datetime) -> str:
    """An aware time as SQL, to the microsecond."""
    return f"timestamptz '{moment.astimezone(UTC).isoformat()}'"


@dataclass(frozen=True)
class Stored:
    """What is kept of a column. `encoding` is "numbers", "constant", "words", "text" or "list"; what stands in the
    arrays at nulls is zero. `is_plain`: whether they are floats that orjson writes as Python does.
    """

    encoding: str
    rows: int
    arrays: list[np.ndarray]
    nulls: np.ndarray | None = None
    words: list[str] = field(default_factory=list)
    items: Stored | None = None
    is_plain: bool = False

    def pack(self, pack: Pack) -> dict[str, Any]:
        """Puts the arrays into a pack; returns the rest as JSON."""
        return {
            "encoding": self.encoding,
            "rows": self.rows,
            "arrays": [pack.add(each) for each in self.arrays],
            "nulls": None if self.nulls is None else pack.add(self.nulls),
            "words": self.words,
            "items": self.items.pack(pack) if self.items else None,
            "is_plain": self.is_plain,
        }

    @classmethod
    def unpack(cls, told: dict[str, Any], arrays: list[np.ndarray]) -> Stored:
        """What `pack` has put there."""
        return cls(
            told["encoding"],
            told["rows"],
            [arrays[each] for each in told["arrays"]],
            None if told["nulls"] is None else arrays[told["nulls"]],
            told["words"],
            cls.unpack(told["items"], arrays) if told["items"] else None,
            told["is_plain"],
        )

    def is_same(self, other: Stored) -> bool:
        """Whether both hold the same bits. (Of the same type: that is for the caller to know.)"""
        alike = (self.encoding, self.rows, self.words, len(self.arrays), self.items is None)
        if alike != (other.encoding, other.rows, other.words, len(other.arrays), other.items is None):
            return False
        pairs = zip([*self.arrays, self.nulls], [*other.arrays, other.nulls], strict=True)
        return all(_is_same(*pair) for pair in pairs) and (self.items is None or self.items.is_same(other.items))


def _is_same(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    if one is None or two is None:
        return one is two
    # as bytes: -0.0 is not 0.0, and NaN is itself
    return one.dtype == two.dtype and one.shape == two.shape and np.array_equal(one.view("u1"), two.view("u1"))


class Column:
    """One column. `get(row)` is the Python value at that 0-based row, None for null; `write(value)`, for one that is
    not null, what orjson writes as the JSON that `sqltypes.json_writer` writes. It is None where that is the value.
    """

    __slots__ = ("_many", "_nulls", "get", "stored", "write")

    def __init__(self, kind: SqlType, stored: Stored) -> None:
        self.stored = stored
        self._nulls = stored.nulls
        self._many: Callable[[np.ndarray], list[Any]] | None = None
        self.write: Callable[[Any], Any] | None = fragment_writer(kind)
        get = getattr(self, f"_open_{stored.encoding}")(kind, stored)
        if stored.nulls is not None:
            is_null, get_value = memoryview(stored.nulls), get

            def get(row: int) -> Any:
                return None if is_null[row] else get_value(row)

        self.get: Callable[[int], Any] = get

    def values(self, rows: np.ndarray) -> list[Any]:
        """The values at some rows."""
        if self._many is None:
            return [self.get(row) for row in rows.tolist()]
        values = self._many(rows)
        if self._nulls is not None:
            values = [None if null else value for null, value in zip(self._nulls[rows].tolist(), values, strict=True)]
        return values

    def _open_numbers(self, kind: SqlType, stored: Stored) -> Callable[[int], Any]:
        (values,) = stored.arrays
        item, understand = memoryview(values).__getitem__, _meaning(kind)
        if understand is not None:
            self._many = lambda rows: list(map(understand, values[rows].tolist()))
            return lambda row: understand(item(row))
        self._many = lambda rows: values[rows].tolist()
        if kind.kind not in ("float", "double") or stored.is_plain:
            self.write = None
        return item

    def _open_constant(self, kind: SqlType, stored: Stored) -> Callable[[int], Any]:
        value = stored.words[0] if stored.words else stored.arrays[0].item(0) if stored.arrays else None
        if stored.arrays and (understand := _meaning(kind)):
            value = understand(value)
        written = None if value is None else self.write(value)
        self.write = lambda value: written
        self._many = lambda rows: [value] * len(rows)
        return lambda row: value

    def _open_words(self, kind: SqlType, stored: Stored) -> Callable[[int], Any]:
        (codes,), words = stored.arrays, stored.words
        code = memoryview(codes).__getitem__
        self.write = _Written(self.write).__getitem__
        self._many = lambda rows: [words[each] for each in codes[rows].tolist()]
        return lambda row: words[code(row)]

    def _open_text(self, kind: SqlType, stored: Stored) -> Callable[[int], Any]:
        ends, blob = (memoryview(each) for each in stored.arrays)
        return lambda row: str(blob[ends[row - 1] if row else 0 : ends[row]], "utf-8")

    def _open_list(self, kind: SqlType, stored: Stored) -> Callable[[int], Any]:
        ends, item = memoryview(stored.arrays[0]), Column(kind.item, stored.items).get
        return lambda row: [item(at) for at in range(ends[row - 1] if row else 0, ends[row])]


class _Written(dict[str, Any]):
    """What was written once, by its value."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: str) -> Any:
        written = self[value] = self._write(value)
        return written


def _meaning(kind: SqlType) -> Callable[[Any], Any] | None:
    """What makes the Python value of a number that is kept; None where it is the value."""
    if kind.kind == "decimal":
        scale = -kind.scale
        return lambda value: Decimal(value).scaleb(scale)
    if kind.kind == "date":
        return lambda value: date.fromordinal(_EPOCH_DAY + value)
    if kind.kind == "timestamptz":
        return lambda value: EPOCH + timedelta(microseconds=value)
    return None


def fetch_column(connection: duckdb.DuckDBPyConnection, source: str, name: str, kind: SqlType) -> Stored:
    """Column `name` of the SQL relation `source`, in its row order. Raises duckdb.Error, ValueError."""
    column = quote(name)
    if kind.kind == "varchar":
        return _fetch_strings(connection, source, column)
    if kind.kind == "list":
        lengths, nulls = fetch_array(connection, f"len({column})", source)
        ends = np.cumsum(lengths, dtype=np.int64)
        items = fetch_column(connection, f"(select unnest({column}) as v from {source})", "v", kind.item)
        return Stored("list", len(ends), [ends], nulls, items=items)
    values, nulls = fetch_array(connection, _number(connection, source, column, kind), source)
    if len(values) and (values[:1].view("u1") == values.view("u1").reshape(len(values), -1)).all():
        if nulls is None:
            return Stored("constant", len(values), [values[:1]])
        if nulls.all():
            return Stored("constant", len(values), [])
    is_plain = kind.kind in ("float", "double") and bool(is_plain_float(values).all())
    return Stored("numbers", len(values), [values], nulls, is_plain=is_plain)


def _number(connection: duckdb.DuckDBPyConnection, source: str, column: str, kind: SqlType) -> str:
    """The SQL of the number that is kept of a value. Raises ValueError for times that Python has none for."""
    if kind.kind == "decimal":
        # Decimals would come as doubles: fetch the unscaled integer, in the narrowest type that holds the
        # digits; computed in the widest, since 18 digits leave no room to multiply
        width = "smallint" if kind.precision <= 4 else "integer" if kind.precision <= 9 else "bigint"
        return f"cast({column}::decimal(38,{kind.scale}) * {10**kind.scale} as {width})"
    if kind.kind not in ("date", "timestamptz"):
        return column
    in_python = f"{column} between '0001-01-01'::{kind.name} and '9999-12-31'::{kind.name}"
    (outside,) = connection.execute(f"select count(*) from {source} where not ({in_python})").fetchone()
    if outside:
        raise ValueError(f"column {column} holds {outside} times that are infinite or not in the years 1 to 9999")
    if kind.kind == "date":
        return f"cast({column} - date '1970-01-01' as integer)"
    # As integers: numpy's datetime64 has no zone, and DuckDB needs a further package to hand over a timestamptz
    return f"epoch_us({column})"


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


def _fetch_strings(connection: duckdb.DuckDBPyConnection, source: str, column: str) -> Stored:
    few = f"(select distinct {column} as v from {source} where {column} is not null limit {MAX_DICTIONARY + 1})"
    (count,) = connection.execute(f"select count(*) from {few}").fetchone()
    if not count:
        (rows,) = connection.execute(f"select count(*) from {source}").fetchone()
        return Stored("constant", rows, [])
    if count <= MAX_DICTIONARY:
        words = [word for (word,) in connection.execute(f"select v from {few} order by v").fetchall()]
        connection.execute(f"create or replace temp type words as enum (select v from {few} order by v)")
        values, nulls = fetch_array(connection, f"enum_code({column}::words)", source)
        if len(words) == 1 and nulls is None:
            return Stored("constant", len(values), [], words=words)
        return Stored("words", len(values), [values], nulls, words=words)
    lengths, nulls = fetch_array(connection, f"strlen({column})", source)  # bytes
    ends = np.cumsum(lengths, dtype=np.int64)
    texts = connection.execute(f"select coalesce({column}, '') as v from {source}").fetchnumpy()["v"]
    blob = "".join(np.ma.getdata(texts).tolist()).encode()
    return Stored("text", len(ends), [ends, np.frombuffer(blob, "u1")], nulls)
