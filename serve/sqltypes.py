"""The column types of a manifest: what JSON stands for each, and how they are written as JSON.

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
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

import numpy as np

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# By canonical name. What stands beside it is how manifests of format 1 may spell it, and, of a time, how DuckDB does.
_SPELLINGS = {
    "varchar": "text, string, char, bpchar, character varying",
    "uuid": "",
    "boolean": "bool, logical",
    "tinyint": "int1",
    "smallint": "int2, short, int16",
    "integer": "int, int4, signed, int32",
    "bigint": "int8, long, int64",
    "float": "real, float4",
    "double": "float8, double precision",
    "date": "",
    "timestamptz": "timestamp with time zone",
}
_CANONICAL = {each: name for name, others in _SPELLINGS.items() for each in (name, *filter(None, others.split(", ")))}
_BITS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}
LARGEST = {"float": 3.4028234663852886e38, "double": 1.7976931348623157e308}
_WRITTEN = {name: Decimal(repr(most)) for name, most in LARGEST.items()}
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DECIMAL_DIGITS = 38
_EXACT = Context(prec=_DECIMAL_DIGITS)
# Without \d: in the OpenAPI document, not every reader takes it for 0 to 9
TIMESTAMP_PATTERN = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)


@dataclass(frozen=True)
class SqlType:
    """A declared type. `name` is its one spelling and is valid DuckDB SQL; `item` is set for lists only."""

    name: str
    kind: str  # as the name, but "integer" for every width, "decimal" and "list" without what they are made of
    bits: int = 0
    precision: int = 0
    scale: int = 0
    item: SqlType | None = None


def parse_type(text: str) -> SqlType:
    """The type that a manifest or DuckDB spells as `text`; ValueError for one that is not in use here."""
    spelling = " ".join(str(text).lower().split())
    if spelling.endswith("[]"):
        item = parse_type(spelling[:-2])
        return SqlType(f"{item.name}[]", "list", item=item)
    if match := re.fullmatch(r"(?:decimal|numeric|dec) ?\( ?(\d+) ?, ?(\d+) ?\)", spelling):
        precision, scale = int(match[1]), int(match[2])
        if not (1 <= precision <= _DECIMAL_DIGITS and scale <= precision):
            raise ValueError(f"type {text!r}: a decimal has 1 to 38 digits, and no more of them after the point")
        return SqlType(f"decimal({precision},{scale})", "decimal", precision=precision, scale=scale)
    if re.fullmatch(r"(?:varchar|character varying) ?\( ?\d+ ?\)", spelling):
        spelling = "varchar"
    name = _CANONICAL.get(spelling)
    if name is None:
        raise ValueError(f"type {text!r} is not supported")
    return SqlType(name, "integer" if name in _BITS else name, bits=_BITS.get(name, 0))


# -------------------- JSON -> value


class WrongValue(ValueError):
    """A JSON value that does not fit its declared type. `expected` says in words what would."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.expected = expected


def describe_type(kind: SqlType) -> str:
    """What a caller must send for this type, in words."""
    if kind.kind == "integer":
        return f"{kind.name}: an integer from {-(2 ** (kind.bits - 1))} to {2 ** (kind.bits - 1) - 1}"
    if kind.kind == "decimal":
        before = kind.precision - kind.scale
        return f"{kind.name}: a number with at most {before} digits before and {kind.scale} after the point"
    if kind.kind == "list":
        return f"{kind.name}: a list, each item {describe_type(kind.item)}"
    return {
        "varchar": "varchar: a string",
        "uuid": 'uuid: a string such as "6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11"',
        "boolean": "boolean: true or false",
        "float": "float: a 32-bit number",
        "double": "double: a 64-bit number",
        "date": 'date: a string such as "2026-05-01"',
        "timestamptz": "timestamptz: an RFC 3339 string with an offset, to the microsecond, such as "
        '"2026-05-01T09:00:00Z"',
    }[kind.kind]


def _json_kind(value: Any) -> str:
    """How a person would call a parsed JSON value (numbers with a fraction are parsed as Decimal)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, Decimal):
        if not value.is_finite():
            return "NaN or an infinity"
        return "a number with a fraction or exponent"
    return {str: "a string", list: "a list", dict: "an object"}.get(type(value), type(value).__name__)


def from_json(kind: SqlType, value: Any) -> Any:
    """`value`, as `validation.parse_json` gives it, as the Python value of type `kind`. Not for null.

    Strict: true is no integer, "5" no number, 1.0 no integer. Raises WrongValue.
    """
    if kind.kind == "varchar" and type(value) is str and value.isascii():  # nearly every key
        return value

    def wrong(message: str) -> WrongValue:
        return WrongValue(message, describe_type(kind))

    match kind.kind:
        case "varchar":
            if not isinstance(value, str):
                raise wrong(f"is {_json_kind(value)}")
            # JSON can spell half of a surrogate pair ("\ud800"); no UTF-8 string, hence no stored value,
            # holds one
            if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
                raise wrong("holds half of a surrogate pair, which is no Unicode text")
            return value
        case "uuid":
            if not isinstance(value, str):
                raise wrong(f"is {_json_kind(value)}")
            if not _UUID.fullmatch(value):
                raise wrong("is no uuid")
            return value.lower()
        case "boolean":
            if not isinstance(value, bool):
                raise wrong(f"is {_json_kind(value)}")
            return value
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int):
                raise wrong(f"is {_json_kind(value)}")
            if not -(2 ** (kind.bits - 1)) <= value < 2 ** (kind.bits - 1):
                raise wrong(f"is out of the range of {kind.name}")
            return value
        case "float" | "double":
            _require_number(value, wrong)
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            # By the number as it is written: one just above would be rounded into the range
            if abs(number) >= LARGEST[kind.kind] and not -_WRITTEN[kind.kind] <= value <= _WRITTEN[kind.kind]:
                raise wrong(f"is out of the range of {kind.name}")
            return number
        case "decimal":
            _require_number(value, wrong)
            return _to_decimal(kind, Decimal(value), wrong)
        case "date":
            if not isinstance(value, str):
                raise wrong(f"is {_json_kind(value)}")
            if not _DATE.fullmatch(value):
                raise wrong("is not a date")
            try:
                return date.fromisoformat(value)
            except ValueError as error:
                raise wrong(f"is not a date ({error})") from None
        case "timestamptz":
            if not isinstance(value, str):
                raise wrong(f"is {_json_kind(value)}")
            try:
                return parse_rfc3339(value)
            except ValueError as error:
                raise wrong(str(error)) from None
        case _:
            if not isinstance(value, list):
                raise wrong(f"is {_json_kind(value)}")
            items = []
            for index, item in enumerate(value):
                try:
                    items.append(from_json(kind.item, item))
                except WrongValue as error:
                    raise wrong(f"item {index} {error}") from None
            return items


def _require_number(value: Any, wrong: Callable[[str], WrongValue]) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise wrong(f"is {_json_kind(value)}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise wrong(f"is {_json_kind(value)}, which is no number")


def _to_decimal(kind: SqlType, value: Decimal, wrong: Callable[[str], WrongValue]) -> Decimal:
    """`value` at exactly the declared scale; refuses what would have to be rounded."""
    if value and value.adjusted() >= kind.precision - kind.scale:
        raise wrong(f"is out of the range of {kind.name}")
    if value and value.adjusted() < -kind.scale - 40:  # 1e-999999999: never build that many digits
        raise wrong(f"has more than {kind.scale} digits after the point")
    _, digits, exponent = value.as_tuple()
    surplus = -exponent - kind.scale
    if value and surplus > 0 and any(digits[-surplus:]):
        raise wrong(f"has more than {kind.scale} digits after the point")
    return value.quantize(Decimal(1).scaleb(-kind.scale), context=_EXACT) if value else Decimal(0).scaleb(-kind.scale)


def bound_reader(kind: SqlType) -> Callable[[Any], Any]:
    """What makes numbers comparable as values of this type: floats as their width has them, all else exactly."""
    if kind.kind == "float":
        return lambda number: float(np.float32(number))
    return float if kind.kind == "double" else lambda number: Decimal(str(number))


def parse_rfc3339(text: str) -> datetime:
    """An RFC 3339 time with an offset as an aware UTC datetime, to the microsecond. Raises ValueError."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        hint = "; in a query string, a + must be written %2B" if " " in text else ""
        raise ValueError(f"is not an RFC 3339 time with an offset and at most 6 digits of a second{hint}")
    day, clock, fraction, offset = match.groups()
    try:
        time = datetime.fromisoformat(f"{day}T{clock}{(fraction or '.0').ljust(7, '0')}{offset.upper()}")
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is not a time ({error})") from None


# -------------------- value -> JSON


def rfc3339(time: datetime) -> str:
    """A UTC time, naive ones taken as UTC: "2026-05-01T08:58:00Z", with six digits of a second where not
    zero.
    """
    return time.replace(tzinfo=None).isoformat() + "Z"


def _float_text(value: float) -> str:
    # JSON has no NaN and no infinity; repr keeps a decimal point (or an exponent), so floats stay floats
    return float.__repr__(value) if math.isfinite(value) else "null"


def _time_text(value: datetime | str) -> str:
    # DuckDB gives years that Python has no datetime for as text
    return json.dumps(rfc3339(value) if isinstance(value, datetime) else value)


def json_writer(kind: SqlType) -> Callable[[Any], str]:
    """A function that writes a value of this type (or None) as JSON text, decimals with their exact
    digits.
    """
    if kind.kind == "list":
        item = json_writer(kind.item)
        return lambda value: "null" if value is None else f"[{','.join([item(each) for each in value])}]"
    write: Callable[[Any], str] = {
        "varchar": json.dumps,
        "uuid": json.dumps,
        "boolean": lambda value: "true" if value else "false",
        "integer": int.__repr__,
        "float": _float_text,
        "double": _float_text,
        "decimal": lambda value: format(value, "f"),
        "date": lambda value: json.dumps(str(value)),
        "timestamptz": _time_text,
    }[kind.kind]
    return lambda value: "null" if value is None else write(value)
