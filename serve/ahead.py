"""Answers computed ahead: a service's own SQL, run by DuckDB once over all entities of a snapshot, not per request.

Only where its text and its plan show that an answer is the same for an entity until a known moment (dependence.py).
The statement is the one that a request would run, over the same rows. What it answers is kept in columns; a column
that equals a stored one bit for bit is that one.
"""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import orjson

from serve.arrays import Pack, open_pack
from serve.columns import Column, Stored, fetch_array, fetch_column, literal, quote
from serve.dependence import Analyst, Dependence, Dependent, Piece
from serve.snapshot import Service, parquet
from serve.sqltypes import EPOCH, SqlType, parse_type

log = logging.getLogger("asof.serve")

CHUNK = 122_880  # rows that are evaluated at a time: one row group of DuckDB's


class Row(NamedTuple):
    """One evaluated row. `features` are the values in the service's order, None for a REJECTED row; `ready` is what
    orjson writes as the row of the answer.
    """

    status: str
    groups: tuple[str, ...]
    features: tuple[Any, ...] | None
    rejected: tuple[str, ...]
    ready: Any = None


@dataclass(frozen=True)
class Head:
    """What rows have in common: the row without its features, and its parts in JSON."""

    row: Row
    status: orjson.Fragment
    groups: orjson.Fragment
    rejected: orjson.Fragment


class Answers:
    """Answered rows, by their number: the head of each, and a column for each feature."""

    def __init__(self, heads: list[Head], codes: np.ndarray, names: list[str], columns: list[Column]) -> None:
        self._heads = heads
        self._codes = codes
        self._names = names
        self._columns = columns
        self._unready = [(at, column.write) for at, column in enumerate(columns) if column.write]

    def rows(self, at: list[int]) -> list[Row]:
        """The answers to some rows."""
        if len(at) < 4:  # numpy pays for several only
            codes = [self._codes.item(row) for row in at]
            features = [tuple([column.get(row) for column in self._columns]) for row in at]
            ready = features
            if self._unready:
                ready = [list(each) for each in features]
                for values in ready:
                    for column, write in self._unready:
                        if values[column] is not None:
                            values[column] = write(values[column])
        else:
            rows = np.array(at)
            columns = [column.values(rows) for column in self._columns]
            codes = self._codes[rows].tolist()
            features = list(zip(*columns, strict=True)) if columns else [()] * len(at)
            for column, write in self._unready:
                columns[column] = [None if value is None else write(value) for value in columns[column]]
            ready = zip(*columns, strict=True) if self._unready else features
        return self._made(codes, features, ready)

    def _made(self, codes: list[int], features: Iterable[tuple[Any, ...]], ready: Iterable[Sequence[Any]]) -> list[Row]:
        made, names = [], self._names
        for code, values, texts in zip(codes, features, ready, strict=True):
            head = self._heads[code]
            status, groups, _, rejected, _ = head.row
            written: dict[str, Any] = {"status": head.status, "groups": head.groups}
            if status == "REJECTED":
                written |= {"features": None, "rejected": head.rejected}
                made.append(Row(status, groups, None, rejected, written))
            else:
                written["features"] = dict(zip(names, texts))  # noqa: B905 - as many as names, and a check costs
                made.append(Row(status, groups, values, rejected, written))
        return made


class Ahead:
    """The answers of one service to any known entity, from a moment on, piece of time by piece."""

    def __init__(self, service: Service, told: dict[str, Any]) -> None:
        """`told` as `Computation.told`."""
        self._service = service
        first, *others = (each.group.table.finder(each.keys) for each in service.lookups if each.via is None)
        self._find, self._find_others = first, others
        self._starts = [EPOCH + timedelta(microseconds=each) for each in told["starts"]]
        self._files = told["files"]
        self._is_by_key = told["is_by_key"]
        self._answers: list[tuple[Answers, Row] | None] = [None] * len(self._starts)

    def take_up(self, scratch: Path) -> None:
        """Opens the answers that lie in the folder by now. Raises OSError, ValueError."""
        for at, name in enumerate(self._files):
            if self._answers[at] is None and (scratch / name).exists():
                told, arrays = open_pack(scratch / name)
                known, unknown = (self._open(each, arrays) for each in (told["known"], told["unknown"]))
                self._answers[at] = known, unknown.rows([0])[0]

    def _open(self, told: dict[str, Any], arrays: list[np.ndarray]) -> Answers:
        table, names = self._service.lookups[0].group.table, [each.name for each in self._service.features]
        columns = [
            table.columns[each] if isinstance(each, str) else Column(feature.type, Stored.unpack(each, arrays))
            for each, feature in zip(told["columns"], self._service.features, strict=True)
        ]
        heads = [_head(self._service, each) for each in told["heads"]]
        return Answers(heads, arrays[told["codes"]], names, columns)

    def rows(self, entities: list[dict[str, Any]], now: datetime) -> list[Row] | None:
        """The answers; None if they are to be computed now."""
        computed = self._answers[max(0, bisect_right(self._starts, now) - 1)]
        if computed is None:
            return None
        answers, unknown = computed
        found = list(map(self._find, entities))
        if None not in found:
            return answers.rows(found)
        absent = [entity for entity, row in zip(entities, found, strict=True) if row is None]
        if self._is_by_key or any(find(entity) is not None for find in self._find_others for entity in absent):
            return None
        known = iter(answers.rows([row for row in found if row is not None]))
        return [unknown if row is None else next(known) for row in found]


class Computation:
    """How the answers of a service are computed ahead: in which pieces of time, and from what."""

    def __init__(self, service: Service, start: datetime, analyst: Analyst, name: str) -> None:
        """Finds out what the answers depend on; computes none. `start`: no request is answered earlier (aware UTC);
        `name`: what its files are called by.

        Raises Dependent, duckdb.Error.
        """
        self._service = service
        _check_lookups(service)
        names = [*(each.name for each in service.features), *(each.name for each in service.lookups)]
        if any(orjson.dumps(name).decode() != json.dumps(name) for name in names):
            raise Dependent("a name is not plain ASCII")
        dependence = Dependence(service, analyst)
        self._columns = dependence.columns
        self._pieces = dependence.pieces(start)
        self._name = name

    @property
    def told(self) -> dict[str, Any]:
        """What `Ahead` must know, as JSON: `starts` in microseconds since 1970."""
        return {
            "starts": [(piece.start - EPOCH) // timedelta(microseconds=1) for piece in self._pieces],
            "files": [f"{self._name}-{at}" for at in range(len(self._pieces))],
            "is_by_key": not self._columns.isdisjoint(self._service.keys),
        }

    def compute(self, scratch: Path, now: datetime | None = None) -> None:
        """Computes the answers of the piece that `now` lies in, or of all pieces whose file is not there.

        A piece whose rows cannot all be computed is left to the requests.
        """
        starts = [piece.start for piece in self._pieces]
        chosen = range(len(self._pieces)) if now is None else [max(0, bisect_right(starts, now) - 1)]
        for at in chosen:
            path = scratch / self.told["files"][at]
            if not path.exists():
                try:
                    _compute(self._service, self._columns, self._pieces[at], path)
                except (duckdb.Error, ValueError, OSError) as error:
                    log.warning("service %s: its answers are computed per request: %s", self._service.id, error)


def answer_columns(service: Service) -> dict[str, SqlType]:
    """The columns that the SQL of a service answers, in order."""
    fixed = ["row_id", "status", "rejected_columns", *(f"{each.name}_status" for each in service.lookups)]
    return dict.fromkeys(fixed, parse_type("varchar")) | {each.name: each.type for each in service.features}


def _check_lookups(service: Service) -> None:
    """Raises Dependent unless the rows of the first group lead to all others."""
    first = service.lookups[0]
    if first.via or set(first.keys) != set(service.keys):
        raise Dependent("the keys of its first group are not those of the service")
    for lookup in service.lookups:
        if lookup.via:
            if lookup.via[0] != first.name:
                raise Dependent(f"{lookup.name} is found through another group than the first")
            found = [first.group.features[lookup.via[1]]]
        else:
            found = [service.inputs[key].type for key in lookup.keys]
        if found != list(lookup.group.keys.values()):
            raise Dependent(f"{lookup.name} is looked up by keys of another type")


def _compute(service: Service, read: frozenset[str], piece: Piece, path: Path) -> None:
    """Writes the answers by row of the first group, and the one to an entity that no group knows.

    Raises duckdb.Error, ValueError, OSError.
    """
    table = service.lookups[0].group.table
    declared = ", ".join(f"{quote(name)} {kind.name}" for name, kind in answer_columns(service).items())
    columns = ", ".join(quote(name) for name, _ in service.looked_up)
    pack = Pack()
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create temp table source as {_source(service, read, piece)}")
        connection.execute("set enable_external_access = false; set lock_configuration = true")

        def run(into: str, first: int, last: int) -> None:
            looked_up = f"with looked_up as (select {columns} from source where asof_row between {first} and {last})"
            ordered = f"select * from (\n{service.sql}\n) order by row_id::bigint"
            connection.execute(f"insert into {into} {looked_up} {ordered}")

        connection.execute(f"create temp table known ({declared}); create temp table unknown ({declared})")
        for first in range(0, table.rows, CHUNK):
            run("known", first, min(first + CHUNK, table.rows) - 1)
        run("unknown", table.rows, table.rows)
        told = {
            "known": _keep(connection, "known", service, range(table.rows), pack),
            "unknown": _keep(connection, "unknown", service, range(table.rows, table.rows + 1), pack),
        }
    pack.write(path, told)


def _keep(
    connection: duckdb.DuckDBPyConnection, source: str, service: Service, rows: range, pack: Pack
) -> dict[str, Any]:
    """Puts the answers in the SQL relation `source`, which are to be those of `rows`, into a pack; returns the rest as
    JSON: of a column that is a stored one, bit for bit, the name of that. Raises duckdb.Error, ValueError.
    """
    row_ids, _ = fetch_array(connection, "row_id::bigint", source)
    if not np.array_equal(row_ids, np.arange(rows.start, rows.stop)):
        raise ValueError("not one row came back for each")
    names = ["status", "rejected_columns", *(f"{each.name}_status" for each in service.lookups)]
    columns = ", ".join(quote(name) for name in names)
    connection.execute(
        f"create or replace temp table heads as "
        f"select row_number() over () - 1 as code, * from (select distinct {columns} from {source})"
    )
    heads = connection.execute(f"select {columns} from heads order by code").fetchall()
    same = " and ".join(f"heads.{quote(name)} is not distinct from {source}.{quote(name)}" for name in names)
    coded = f"select row_id::bigint as row, code from {source} inner join heads on {same}"
    connection.execute(f"create or replace temp table coded as {coded}")
    codes = np.zeros(len(rows), np.min_scalar_type(len(heads)))
    codes[fetch_array(connection, "row", "coded")[0] - rows.start] = fetch_array(connection, "code", "coded")[0]
    found, group = [], service.lookups[0].group
    for each in service.features:
        column = fetch_column(connection, source, each.name, each.type)
        alike = [name for name, kind in group.features.items() if kind == each.type]
        equal = (name for name in alike if group.table.columns[name].stored.is_same(column))
        found.append(next(equal, None) or column.pack(pack))
    return {"heads": heads, "codes": pack.add(codes), "columns": found}


def _head(service: Service, row: Sequence[Any]) -> Head:
    status, rejected, *groups = row
    because = tuple(rejected.split(",")) if rejected else ()
    pairs = dict(zip([each.name for each in service.lookups], groups, strict=True))
    texts = json.dumps(status), json.dumps(pairs, separators=(",", ":")), json.dumps(because)
    return Head(Row(status, tuple(groups), None, because), *[orjson.Fragment(text) for text in texts])


def _source(service: Service, read: frozenset[str], piece: Piece) -> str:
    """The rows of looked_up for each row of the first group's file, in its order, and last for an unknown entity."""
    first, *others = service.lookups
    joins, values = [], {"prediction_time": literal(piece.start), "row_id": "asof_row::varchar"}
    for number, lookup in enumerate(service.lookups):
        group, table = lookup.group, f"group_{number}"
        found = f"{table}.{quote(next(iter(group.keys)))} is not null"
        values[f"{lookup.name}__found"] = found
        values[f"{lookup.name}__as_of"] = literal(group.as_of)
        values[f"{lookup.name}__max_age_seconds"] = str(group.max_age_seconds)
        values |= {name: f"{table}.{quote(name)}" for name in group.features}
    values |= {key: f"group_0.{quote(name)}" for key, name in zip(first.keys, first.group.keys, strict=True)}
    for number, lookup in enumerate(others, 1):
        by = [f"group_0.{quote(lookup.via[1])}"] if lookup.via else [values[key] for key in lookup.keys]
        keys = [f"group_{number}.{quote(name)}" for name in lookup.group.keys]
        condition = " and ".join(f"{one} = {two}" for one, two in zip(by, keys, strict=True))
        joins.append(f"left join {parquet(lookup.group.path)} as group_{number} on {condition}")
    # What is not read stays out, so that it costs nothing: request columns, and features that no answer needs
    stored = {name for lookup in service.lookups for name in lookup.group.features}
    unread = (stored | set(service.inputs)) - read
    columns = ", ".join(
        f"{'null' if name in unread else values[name]}::{kind.name} as {quote(name)}"
        for name, kind in service.looked_up
    )
    entities = f"select file_row_number as asof_row, * from {parquet(first.group.path, file_row_number=True)}"
    unknown = f"select {first.group.table.rows} as asof_row"
    return (
        f"select asof_row, {columns} from (({entities}) union all by name ({unknown})) as group_0 "
        f"{' '.join(joins)} order by asof_row"
    )
