"""Looks up a batch of entities in memory, and writes what was found as the one argument that DuckDB evaluates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from .snapshot import LookedUp, Lookup, Service
from .sql import literal, quote
from .sqltypes import SqlType

Entity = dict[str, Any]  # keys and request columns of one row, as Python values of their declared types
Rows = list[int | None]  # the row of each entity in a group, None where it is not there


class _Batch(NamedTuple):
    """Entities, the prediction time of each, and by lookup name their rows."""

    entities: list[Entity]
    nows: list[datetime]
    rows: dict[str, Rows]


_Values = Callable[[_Batch], Sequence[Any]]  # the values of a column of the rows that the SQL runs over


class Finder:
    """The lookups of one service."""

    def __init__(self, service: Service) -> None:
        # What leads on to another group comes first
        lookups = sorted(service.lookups, key=lambda lookup: lookup.via is not None)
        self._find = [(lookup.name, _hop(lookup, service) if lookup.via else _by_keys(lookup)) for lookup in lookups]
        self._columns: list[tuple[_Values, Callable[[Any], Any] | None]] = []
        self.relation = self._relation(service)

    def _relation(self, service: Service) -> str:
        """The SQL of the rows that the service's SQL runs over, from $1, an `argument`. What all rows share is text.

        A literal in EXECUTE stands for $1: what a caller sends is in it, and `sql.literal` keeps it a value.
        """
        columns = []
        for each in service.columns:
            if each.source == "as_of" and each.lookup:
                value = literal(each.lookup.group.as_of)
            elif each.source == "max_age_seconds" and each.lookup:
                value = str(each.lookup.group.max_age_seconds)
            else:
                self._columns.append((_values(each), each.type.as_text))
                value = from_argument(f"fields[{len(self._columns)}]", each.type)
            columns.append(f"{value}::{each.type.name} as {quote(each.name)}")
        rows = """select unnest(from_json($1::varchar, '[["VARCHAR"]]')) as fields"""
        return f"select {', '.join(columns)} from ({rows})"

    def argument(self, entities: list[Entity], nows: list[datetime]) -> str:
        """What is found for each entity, at its own prediction time (aware UTC), as JSON."""
        batch = _Batch(entities, nows, {})
        for name, find in self._find:
            batch.rows[name] = find(batch)
        columns = []
        for values, write in self._columns:
            column = values(batch)
            columns.append(column if write is None else [None if each is None else write(each) for each in column])
        return to_argument(columns)


def row_finder(lookup: Lookup) -> Callable[[list[Entity]], Rows]:
    """A function that finds the rows of entities by the keys that the caller sends."""
    find, keys = lookup.group.table.rows_by_key.get, lookup.keys
    if len(keys) == 1:
        return lambda entities: [find(entity[keys[0]]) for entity in entities]
    return lambda entities: [find(tuple([entity[key] for key in keys])) for entity in entities]


def _by_keys(lookup: Lookup) -> Callable[[_Batch], Rows]:
    find = row_finder(lookup)
    return lambda batch: find(batch.entities)


def _hop(lookup: Lookup, service: Service) -> Callable[[_Batch], Rows]:
    """One hop through a stored value of another group: as stored, so a stale group still leads on."""
    through, column = lookup.via or ("", "")
    first = next(each for each in service.lookups if each.name == through)
    get, find = first.group.table.columns[column], lookup.group.table.rows_by_key.get
    return lambda batch: [
        None if row is None or (key := get(row)) is None else find(key) for row in batch.rows[through]
    ]


def _values(column: LookedUp) -> _Values:
    """What a column of the rows is filled from, where it is not the same for all."""
    name, lookup = column.name, column.lookup
    if column.source == "row_id":
        return lambda batch: range(len(batch.entities))
    if column.source == "prediction_time":
        return lambda batch: batch.nows
    if lookup is None:
        return lambda batch: [entity[name] for entity in batch.entities]
    alias = lookup.name
    if column.source == "found":
        return lambda batch: [row is not None for row in batch.rows[alias]]
    get = lookup.group.table.columns[column.column]
    return lambda batch: [None if row is None else get(row) for row in batch.rows[alias]]


def to_argument(columns: list[Sequence[Any]]) -> str:
    """Columns of values (of types with `as_text`, that) as JSON: a list of rows. `from_argument` reads it."""
    return orjson.dumps(list(zip(*columns, strict=True))).decode()


def from_argument(field: str, kind: SqlType) -> str:
    """The SQL of a field of an argument, to be cast. A list within JSON is text, too."""
    if not kind.item:
        return field
    if not kind.item.item:
        return f"""from_json({field}, '["VARCHAR"]')"""
    return f"""list_transform(from_json({field}, '["VARCHAR"]'), lambda item: {from_argument("item", kind.item)})"""
