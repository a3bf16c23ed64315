"""The column types of a manifest, in one place: for each, what JSON stands for it, how it is written, stored and
described. To add a type, add it to _ALL. Beside the shim: macros/base/column_types.sql,
macros/engine/json_values.sql, asof/feast_repository.py, asof/postgres.py and asof/spark.py.

Types: varchar, uuid, boolean, tinyint, smallint, integer, bigint, float (32 bit), double, decimal(p,s) with p <= 38,
date, timestamptz (UTC, microseconds), and lists of these ("double[]"). The build refuses all others
(macros/base/column_types.sql) and spells each in one way. Python values: str (a uuid in lower case), bool, int, float,
Decimal, date, aware UTC datetime, list, and None for null.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from functools import cache
from typing import Any

import duckdb
import numpy as np

from .clock import EPOCH, RFC3339_PATTERN, parse_rfc3339, rfc3339

Schema = dict[str, Any]  # as JSON schemas have it

_EXACT = Context(prec=38)
_DUCKDB = duckdb.connect(config={"threads": 1})  # reads how a type is spelled


@dataclass(frozen=True, eq=False)
class SqlType:
    """A declared type: one object for each. What takes or gives a value does so for all but null.

    `name` is its one spelling and valid DuckDB SQL. `item` is set for lists only. Floats may be NaN, and are no keys;
    times may be out of Python's range.

    Requests: `words` tells what a caller must send, `accepts` which parsed JSON (numbers with a fraction are parsed as
    Decimal); `read` makes the value, or raises ValueError. `comparable` makes what is compared with declared bounds.
    Answers: `write` gives the JSON text. OpenAPI: `schema` is of what is answered, `sent` of what may be sent.
    Memory: `stored` is the SQL of what is stored, over a quoted column; `dtype` numpy's type of it, "T" for text;
    `restore` makes the value of it, None where it is the value.
    DuckDB: `as_text` makes the text that keeps every digit, None where plain JSON does; `fetched` is the type to cast
    to so that Python can fetch it, None where it can.
    """

    name: str
    words: str
    accepts: tuple[type, ...]
    read: Callable[[Any], Any]
    write: Callable[[Any], str]
    schema: Schema
    sent: Schema
    example: Any
    stored: str = "{}"
    dtype: str = "T"
    restore: Callable[[Any], Any] | None = None
    as_text: Callable[[Any], Any] | None = None
    comparable: Callable[[Any], Any] = lambda number: Decimal(str(number))
    fetched: str | None = None
    is_float: bool = False
    is_time: bool = False
    item: SqlType | None = None

    @property
    def expected(self) -> str:
        """What a caller must send, in words."""
        return f"{self.name}: {self.words}"


@cache
def parse_type(text: str) -> SqlType:
    """The type that a manifest or DuckDB spells as `text`; ValueError for one that is not in use here."""
    with suppress(duckdb.Error):
        name = str(_DUCKDB.sqltype(text)).lower()
        if name.endswith("[]"):
            return _list(parse_type(name[:-2]))
        if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", name):
            return _decimal(int(match[1]), int(match[2]))
        if name in _SIMPLE:
            return _SIMPLE[name]
    raise ValueError(f"type {text!r} is not supported")


# -------------------- texts and the boolean


def _text(name: str, words: str, example: str, read: Callable[[str], Any], sent: Schema, **more: Any) -> SqlType:
    """A type that JSON has texts for. `sent`: what its JSON schema has beside the type."""
    schema = {"type": "string"} | {key: value for key, value in sent.items() if key != "pattern"}
    write = more.pop("write", json.dumps)
    words = words.format(f'"{example}"')
    return SqlType(name, words, (str,), read, write, schema, {"type": "string"} | sent, example, **more)


def _read_varchar(value: str) -> str:
    # JSON can spell half of a surrogate pair ("\ud800"); no UTF-8 string, hence no stored value, holds one
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("holds half of a surrogate pair, which is no Unicode text")
    return value


def _read_uuid(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value, re.IGNORECASE):
        raise ValueError("is no uuid")
    return value.lower()


def _read_date(value: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise ValueError("is not a date")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"is not a date ({error})") from None


def _write_time(value: datetime | str) -> str:
    # DuckDB gives years that Python has no datetime for as text
    return json.dumps(rfc3339(value) if isinstance(value, datetime) else value)


# -------------------- numbers


def _integer(name: str, bits: int) -> SqlType:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def read(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"is out of the range of {name}")
        return value

    schema = {"type": "integer", "minimum": low, "maximum": high}
    words, dtype = f"an integer from {low} to {high}", f"i{bits // 8}"
    return SqlType(name, words, (int,), read, int.__repr__, schema, schema, 1, dtype=dtype)


def _float(name: str, bits: int, largest: float, comparable: Callable[[Any], float]) -> SqlType:
    exact = Decimal(repr(largest))

    def read(value: int | Decimal) -> float:
        _require_finite(value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        # By the number as it is written: one just above would be rounded into the range
        if abs(number) >= largest and not -exact <= value <= exact:
            raise ValueError(f"is out of the range of {name}")
        return number

    def write(value: float) -> str:
        # JSON has no NaN and no infinity; repr keeps a decimal point (or an exponent), so floats stay floats
        return float.__repr__(value) if math.isfinite(value) else "null"

    schema = {"type": "number", "format": name, "minimum": -largest, "maximum": largest}
    more: dict[str, Any] = {"dtype": f"f{bits // 8}", "as_text": float.__repr__, "comparable": comparable}
    words = f"a {bits}-bit number"
    return SqlType(name, words, (int, Decimal), read, write, schema, schema, 1.5, is_float=True, **more)


@cache
def _decimal(precision: int, scale: int) -> SqlType:
    name, before = f"decimal({precision},{scale})", precision - scale

    def read(sent: int | Decimal) -> Decimal:
        """At exactly the declared scale; refuses what would have to be rounded."""
        _require_finite(sent)
        value = Decimal(sent)
        if value and value.adjusted() >= before:
            raise ValueError(f"is out of the range of {name}")
        _, digits, exponent = value.as_tuple()
        surplus = -int(exponent) - scale
        # First those that are far too small, such as 1e-999999999: never build that many digits
        if value and (value.adjusted() < -scale - 40 or (surplus > 0 and any(digits[-surplus:]))):
            raise ValueError(f"has more than {scale} digits after the point")
        return value.quantize(Decimal(1).scaleb(-scale), context=_EXACT) if value else Decimal(0).scaleb(-scale)

    words = f"a number with at most {before} digits before and {scale} after the point"
    schema = {"type": "number", "exclusiveMinimum": -(10**before), "exclusiveMaximum": 10**before}
    sent, write = schema | {"multipleOf": 10**-scale if scale else 1}, "{:f}".format
    stored: dict[str, Any] = {"stored": "{}::varchar", "restore": Decimal}
    if precision <= 18:
        # In the widest type: 18 digits leave no room to multiply
        unscaled = f"cast({{}}::decimal(38,{scale}) * {10**scale} as bigint)"
        stored = {"stored": unscaled, "dtype": "i8", "restore": lambda value: Decimal(value).scaleb(-scale)}
    return SqlType(name, words, (int, Decimal), read, write, schema, sent, 1, as_text=write, **stored)


def _require_finite(value: int | Decimal) -> None:
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("is NaN or an infinity, which is no number")


# -------------------- lists


@cache
def _list(item: SqlType) -> SqlType:
    write_item, item_text = json_writer(item), item.as_text

    def read(value: list[Any]) -> list[Any]:
        items = []
        for index, each in enumerate(value):
            try:
                items.append(from_json(item, each))
            except ValueError as error:
                raise ValueError(f"item {index} {error}") from None
        return items

    def write(value: list[Any]) -> str:
        return f"[{','.join([write_item(each) for each in value])}]"

    words = f"a list, each item {item.expected}"
    schema = {"type": "array", "items": item.schema | {"type": [item.schema["type"], "null"]}}
    sent = {"type": "array", "items": item.sent}
    as_text = item_text and (lambda value: [None if each is None else item_text(each) for each in value])
    more: dict[str, Any] = {"as_text": as_text, "fetched": item.fetched and f"{item.fetched}[]", "item": item}
    return SqlType(f"{item.name}[]", words, (list,), read, write, schema, sent, [], **more)


# -------------------- all of them

_BOOLEAN = {"type": "boolean"}
_DAYS = {"stored": "cast({} - date '1970-01-01' as integer)", "dtype": "i4", "is_time": True}
# As integers: numpy's datetime64 has no zone. As a timestamp, which is equal in UTC: for the other DuckDB needs pytz
_MICROSECONDS = {"stored": "epoch_us({})", "dtype": "i8", "is_time": True, "fetched": "timestamp"}
_UUID = "6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11"
_SENT_TIME = {"format": "date-time", "pattern": f"^{RFC3339_PATTERN}$"}

_ALL = (
    _text("varchar", "a string", "...", _read_varchar, {}),
    _text("uuid", "a string such as {}", _UUID, _read_uuid, {"format": "uuid"}, stored="{}::varchar",
          fetched="varchar"),
    SqlType("boolean", "true or false", (bool,), bool, json.dumps, _BOOLEAN, _BOOLEAN, True, dtype="?"),
    _integer("tinyint", 8),
    _integer("smallint", 16),
    _integer("integer", 32),
    _integer("bigint", 64),
    _float("float", 32, 3.4028234663852886e38, lambda number: float(np.float32(number))),
    _float("double", 64, 1.7976931348623157e308, float),
    _text("date", "a string such as {}", "2026-05-01", _read_date, {"format": "date"}, write='"{}"'.format, **_DAYS,
          restore=lambda days: EPOCH.date() + timedelta(days)),
    _text("timestamptz", "an RFC 3339 string with an offset, to the microsecond, such as {}", "2026-05-01T09:00:00Z",
          parse_rfc3339, _SENT_TIME, write=_write_time, **_MICROSECONDS,
          restore=lambda value: EPOCH + timedelta(microseconds=value)),
)  # fmt: skip
# By the names that DuckDB gives them
_SIMPLE = {each.name: each for each in _ALL}
_SIMPLE["timestamp with time zone"] = _SIMPLE.pop("timestamptz")


# -------------------- any type


class WrongValue(ValueError):
    """A JSON value that does not fit its declared type. `expected` says in words what would."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.expected = expected


def from_json(kind: SqlType, value: Any) -> Any:
    """`value`, as `validation.parse_json` gives it, as the Python value of type `kind`. Not for null.

    Strict: true is no integer, "5" no number, 1.0 no integer. Raises WrongValue.
    """
    if type(value) is str and kind.name == "varchar" and value.isascii():  # nearly every key
        return value
    try:
        if type(value) not in kind.accepts:
            raise ValueError(f"is {_in_words(value)}")
        return kind.read(value)
    except ValueError as error:
        raise WrongValue(str(error), kind.expected) from None


def _in_words(value: Any) -> str:
    """How a person would call a parsed JSON value."""
    if isinstance(value, Decimal):
        return "a number with a fraction or exponent" if value.is_finite() else "NaN or an infinity"
    words = {bool: "a boolean", int: "an integer", str: "a string", list: "a list", dict: "an object"}
    return "null" if value is None else words.get(type(value), type(value).__name__)


def json_writer(kind: SqlType) -> Callable[[Any], str]:
    """A function that writes a value of this type (or None) as JSON text, decimals with their exact digits."""
    write = kind.write
    return lambda value: "null" if value is None else write(value)
