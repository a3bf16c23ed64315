"""How names, texts, times and files are written in SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from os import PathLike, fspath


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | datetime) -> str:
    """A text, or an aware time to the microsecond."""
    if isinstance(value, datetime):
        return f"timestamptz '{value.astimezone(UTC).isoformat()}'"
    return "'" + value.replace("'", "''") + "'"


def parquet(path: str | PathLike[str]) -> str:
    """A Parquet file as a relation."""
    return f"read_parquet({literal(fspath(path))})"
