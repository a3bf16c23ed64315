"""Looks up a batch of entities in memory, and writes what was found as the one argument that DuckDB evaluates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from .snapshot import LookedUp, Lookup, Service
from .sql import literal, quote
from .sqltypes import SqlType

Entity = dict[str, Any]  # keys and request columns of one row, as Python values of their declared types


@dataclass(frozen=True)
class _Batch:
    """Entities, the prediction time of each, and by lookup name the row that each has in the group."""

    entities: list[Entity]
    nows: list[datetime]
    rows: dict[str, list[int | None]] = field(default_factory=dict)


_Values = Callable[[_Batch], Sequence[Any]]  # the values of a column of the rows that the SQL runs over


class Finder:
    """The lookups of one service."""

    def __init__(self, service: Service) -> None:
        # What leads on to another group comes first
        lookups = sorted(service.lookups, key=lambda lookup: lookup.via is not None)
        self._find = [(lookup.name, _find(lookup, service)) for lookup in lookups]
        self._columns: list[tuple[_Values, Callable[[Any], Any] | None]] = []
        self.relation = self._relation(service)

    def _relation(self, service: Service) -> str:
        """The SQL of the rows that the service's SQL runs over, from $1, an `argument`.

        What is the same for all rows of the snapshot stands in the text.
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
        batch = _Batch(entities, nows)
        for name, find in self._find:
            batch.rows[name] = find(batch)
        columns = []
        for values, write in self._columns:
            column = values(batch)
            columns.append(column if write is None else [None if each is None else write(each) for each in column])
        return to_argument(columns)


def _find(lookup: Lookup, service: Service) -> Callable[[_Batch], list[int | None]]:
    find = lookup.group.table.rows_by_key.get
    if lookup.via:
        # One hop through a stored value of another group: as stored, so a stale group still leads on
        through, column = lookup.via
        first = next(each for each in service.lookups if each.name == through)
        get = first.group.table.columns[column].get
        return lambda batch: [
            None if row is None or (key := get(row)) is None else find(key) for row in batch.rows[through]
        ]
    if len(lookup.keys) == 1:
        (name,) = lookup.keys
        return lambda batch: [find(entity[name]) for entity in batch.entities]
    return lambda batch: [find(tuple([entity[key] for key in lookup.keys])) for entity in batch.entities]


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
    get = lookup.group.table.columns[column.column].get
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
