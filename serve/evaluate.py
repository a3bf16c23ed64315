"""Runs a service's SQL text over the rows that were looked up in memory. No formula stands here.

DuckDB evaluates; it is given nothing but parameters: no file, no network, one thread, UTC.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import orjson

from serve.ahead import Ahead, Row, answer_columns
from serve.columns import literal, quote
from serve.limits import Watch
from serve.prepare import Prepared
from serve.snapshot import LookedUp, Lookup, Service, SnapshotError
from serve.sqltypes import SqlType, json_writer, parse_type
from serve.together import MAX_ROWS, Asked, Together

log = logging.getLogger("asof.serve")

AT_ONCE = 16  # executions of SQL, per process

_watch = Watch()

Entity = dict[str, Any]  # keys and request columns of one row, as Python values of their declared types


class Engine:
    """One in-memory DuckDB for the process, and the threads that wait for it. A connection serves one thread at a time:
    `cursor()` is per thread.
    """

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        # `global`, because a cursor does not take over what was only set on the connection it came from
        self._connection.execute("set global TimeZone = 'UTC'")
        # The SQL text is trusted by its hash, yet has no business with files; row-level SQL never needs them
        self._connection.execute("set enable_external_access = false; set lock_configuration = true")
        self._lock = threading.Lock()
        self._local = threading.local()
        self.threads = ThreadPoolExecutor(AT_ONCE, "asof-sql")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """This thread's own cursor; it lives as long as the thread."""
        cursor = getattr(self._local, "cursor", None)
        if cursor is None:
            with self._lock:
                cursor = self._local.cursor = self._connection.cursor()
        return cursor


# Per request: what a looked_up column is filled from. Arguments: index of the row, the entity, the row
# found in each
# group (by lookup name), and now.
_Source = Callable[[int, Entity, dict[str, int | None], datetime], Any]


class Plan:
    """A service made ready to evaluate: its SQL parsed once, and where every looked_up column comes from."""

    def __init__(self, service: Service, engine: Engine, read: Collection[str], ahead: Ahead | None) -> None:
        """Parses and binds the SQL. `read`: the columns of looked_up that its answers read; `ahead`: its answers, where
        they can be computed ahead. Raises SnapshotError if the text does not run or answers other columns.
        """
        self.service = service
        self.ahead = ahead
        self._engine = engine
        self._direct = [lookup for lookup in service.lookups if lookup.via is None]
        self._via = [lookup for lookup in service.lookups if lookup.via is not None]
        self._sources = [_source(service, each) for each in service.columns]
        self._writers = [(f"{json.dumps(each.name)}:", json_writer(each.type)) for each in service.features]
        self._input_writers = [
            (f"{json.dumps(name)}:", name, json_writer(each.type), each.personal)
            for name, each in service.inputs.items()
        ]
        columns = ", ".join(
            f"unnest(${at}::{kind.name}[]) as {quote(name)}" for at, (name, kind) in enumerate(service.looked_up, 1)
        )
        looked_up = f"with {service.relation} as (select {columns})"
        answer, cursor = answer_columns(service), engine.cursor()
        # The text may end in a comment, hence the line breaks
        selected = ", ".join(_fetchable(name, kind) for name, kind in answer.items())
        query = f"{looked_up} select {selected} from (\n{service.sql}\n)"
        try:
            self._check_answer(cursor, f"{looked_up} select * from (\n{service.sql}\n)", answer)
            # Parsed once: binding and planning remain per request
            (self._statement,) = cursor.extract_statements(query)
            self._prepare(cursor, read, f"select {selected} from (\n{service.sql}\n)")
        except (duckdb.Error, ValueError) as error:
            raise SnapshotError(f"service {service.id}: its SQL does not run: {error}") from None

    def _prepare(self, cursor: duckdb.DuckDBPyConnection, read: Collection[str], query: str) -> None:
        """Plans the query once. Values can then be given as text only, and DuckDB takes longer to read an argument than
        to run the plan: so all rows come in one, cut into fields within the plan (but for lists). What no answer reads
        is left out, and what is the same for all rows of the snapshot stands in the plan.
        """
        fixed = {}
        groups = {lookup.name: lookup.group for lookup in self.service.lookups}
        for each in self.service.columns:
            if each.source == "as_of":
                fixed[each.name] = literal(groups[each.lookup].as_of)
            elif each.source == "max_age_seconds":
                fixed[each.name] = str(groups[each.lookup].max_age_seconds)
        columns, lists, self._sent, self._sent_lists = [], [], [], []
        for (name, kind), source in zip(self.service.looked_up, self._sources, strict=True):
            value = fixed.get(name, "null")
            if name in read and name not in fixed:
                if kind.kind == "list":
                    self._sent_lists.append((source, kind))
                    value = f"list_{len(self._sent_lists)}"
                    lists.append(f", unnest(${len(self._sent_lists) + 1}::{kind.name}[]) as {value}")
                else:
                    self._sent.append(source)
                    value = f"nullif(fields[{len(self._sent)}], '{_NULL}')"
            columns.append(f"{value}::{kind.name} as {quote(name)}")
        rows = f"select unnest(string_split($1::varchar, '{_ROW}')) as line{''.join(lists)}"
        fields = f"select *, string_split(line, '{_FIELD}') as fields from ({rows})"
        looked_up = f"select {', '.join(columns)} from ({fields})"
        self._cursor = cursor.cursor()
        self._cursor.execute(f"prepare answer as with {self.service.relation} as ({looked_up}) {query}")
        self._together = Together(self._engine.threads, self._evaluate_prepared)

    def _check_answer(self, cursor: duckdb.DuckDBPyConnection, query: str, expected: dict[str, SqlType]) -> None:
        empty = [[] for _ in self.service.looked_up]
        found = [(name, parse_type(str(kind))) for name, kind, *_ in cursor.execute(query, empty).description]
        cursor.fetchall()
        if found != list(expected.items()):
            told = ", ".join(f"{name} {kind.name}" for name, kind in found)
            wanted = ", ".join(f"{name} {kind.name}" for name, kind in expected.items())
            raise ValueError(f"it answers ({told}), the manifest says ({wanted})")

    def begin(self, entities: list[Entity], now: datetime) -> list[Row] | Future[list[Row]]:
        """One Row per entity, in order, with what orjson writes of it. `now` is the prediction time, aware UTC.

        At once where they were computed ahead; else a thread evaluates them: few rows together with those of other
        requests. Its result may be a duckdb.Error.
        """
        rows = self.ahead.rows(entities, now) if self.ahead else None
        if rows is not None:
            return rows
        if 0 < len(entities) <= MAX_ROWS:
            return self._together.begin([(entity, now) for entity in entities])
        return self._engine.threads.submit(lambda: self._ready(self.evaluate(entities, now)))

    def _ready(self, rows: list[Row]) -> list[Row]:
        return [row._replace(ready=orjson.Fragment(self.row_json(row))) for row in rows]

    def evaluate(self, entities: list[Entity], now: datetime) -> list[Row]:
        """One Row per entity, in order, on this thread, by the SQL text as it stands. `now` is the prediction time,
        aware UTC. Raises duckdb.Error.
        """
        if not entities:
            return []
        cursor = self._engine.cursor()
        parameters = self._parameters([(entity, now) for entity in entities])
        with _watch.over(cursor):
            answers = cursor.execute(self._statement, parameters).fetchall()
        return self._rows(answers, len(entities))

    def _evaluate_prepared(self, asked: list[Asked]) -> list[Row]:
        """As `evaluate`, each entity at its own time, without planning anew, and ready. One thread at a time."""
        rows = self._found(asked)
        with _watch.over(self._cursor):
            try:
                answers = self._cursor.execute(f"execute answer({self._arguments(rows)})").fetchall()
            except _NoLiteral:
                answers = self._cursor.execute(self._statement, self._parameters(asked)).fetchall()
        return self._ready(self._rows(answers, len(asked)))

    def _arguments(self, rows: list[tuple[Any, ...]]) -> str:
        """Rows as the prepared statement takes them. Raises _NoLiteral."""
        arguments = [_quoted(_ROW.join([_FIELD.join([_field(source(*row)) for source in self._sent]) for row in rows]))]
        for source, kind in self._sent_lists:
            arguments.append(f"{_literal([source(*row) for row in rows])}::{kind.name}[]")
        return ", ".join(arguments)

    def _parameters(self, asked: list[Asked]) -> list[list[Any]]:
        rows = self._found(asked)
        return [[source(*row) for row in rows] for source in self._sources]

    def _found(self, asked: list[Asked]) -> list[tuple[int, Entity, dict[str, int | None], datetime]]:
        return [(at, entity, self._find(entity), now) for at, (entity, now) in enumerate(asked)]

    def _rows(self, answers: list[tuple[Any, ...]], count: int) -> list[Row]:
        answered = {row[0]: row for row in answers}
        if len(answers) != count or len(answered) != count:
            raise LookupError(f"service {self.service.id}: {len(answers)} rows came back for {count}")
        return [self._row(answered[str(at)]) for at in range(count)]

    def row_json(self, row: Row) -> str:
        """A row as the JSON of the answer: status, groups, features, and `rejected` on a REJECTED row
        only.
        """
        statuses = zip(self.service.lookups, row.groups, strict=True)
        groups = ",".join([f"{json.dumps(lookup.name)}:{json.dumps(status)}" for lookup, status in statuses])
        head = f'{{"status":{json.dumps(row.status)},"groups":{{{groups}}},"features":'
        if row.features is None:
            return f'{head}null,"rejected":{json.dumps(row.rejected)}}}'
        values = zip(self._writers, row.features, strict=True)
        return f"{head}{{{','.join([name + write(value) for (name, write), value in values])}}}}}"

    def request_json(self, entity: Entity, hide: Callable[[str], str]) -> str:
        """Keys and request columns as they were understood, in the JSON of the answer; of a personal value, what `hide`
        makes of its text.
        """
        parts = []
        for name, column, write, personal in self._input_writers:
            text = write(entity[column])
            if personal and entity[column] is not None:
                value = entity[column]
                text = json.dumps(hide(value if isinstance(value, str) else text.strip('"')))
            parts.append(name + text)
        return f"{{{','.join(parts)}}}"

    def _find(self, entity: Entity) -> dict[str, int | None]:
        rows = {lookup.name: lookup.group.find([entity[key] for key in lookup.keys]) for lookup in self._direct}
        for lookup in self._via:
            rows[lookup.name] = self._follow(lookup, rows)
        return rows

    def _follow(self, lookup: Lookup, rows: dict[str, int | None]) -> int | None:
        """One hop through a stored value of another group: as stored, so a stale group still leads on."""
        through, column = lookup.via
        first = next(each for each in self._direct if each.name == through)
        key = first.group.value(column, rows[through])
        return None if key is None else lookup.group.find([key])

    def _row(self, row: tuple[Any, ...]) -> Row:
        _, status, rejected, *rest = row
        count = len(self.service.lookups)
        features = None if status == "REJECTED" else tuple(rest[count:])
        return Row(status, tuple(rest[:count]), features, tuple(rejected.split(",")) if rejected else ())


def _source(service: Service, column: LookedUp) -> _Source:
    """What a column of the looked-up rows is filled from."""
    of, source = column.lookup, column.source
    if source == "row_id":
        return lambda at, entity, rows, now: str(at)
    if source == "prediction_time":
        return lambda at, entity, rows, now: now
    if source == "input":
        return lambda at, entity, rows, now: entity[column.name]
    group = next(lookup.group for lookup in service.lookups if lookup.name == of)
    if source == "found":
        return lambda at, entity, rows, now: rows[of] is not None
    if source == "as_of":
        return lambda at, entity, rows, now: group.as_of
    if source == "max_age_seconds":
        return lambda at, entity, rows, now: group.max_age_seconds
    return lambda at, entity, rows, now: group.value(column.column, rows[of])


def _fetchable(name: str, kind: SqlType) -> str:
    """The column so that Python can fetch it: DuckDB hands over timestamptz only with pytz; in UTC,
    timestamp is equal.
    """
    if "timestamptz" in kind.name:
        return f"{quote(name)}::{kind.name.replace('timestamptz', 'timestamp')} as {quote(name)}"
    return quote(name)


# What ends a row and a field of it, and stands for null: control characters that hardly any text has
_ROW, _FIELD, _NULL = "\x1e", "\x1f", "\x1a"
_TAKEN = re.compile(f"[{_ROW}{_FIELD}{_NULL}\0]")


class _NoLiteral(ValueError):
    """A value that cannot be written so."""


def _field(value: Any) -> str:
    """A value as a field of a row, to be cast: the cast reads every digit. Raises _NoLiteral."""
    if value is None:
        return _NULL
    text = value if isinstance(value, str) else _text(value)
    if _TAKEN.search(text):
        raise _NoLiteral
    return text


def _literal(value: Any) -> str:
    """A value as SQL text, to be cast: in quotes, so that nothing else is read. Raises _NoLiteral."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join([_literal(each) for each in value])}]"
    return _quoted(_text(value))


def _text(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _quoted(text: str) -> str:
    if "\0" in text:
        raise _NoLiteral
    return "'" + text.replace("'", "''") + "'"


def plan_all(prepared: Prepared, engine: Engine, now: datetime) -> dict[str, Plan]:
    """A plan for every service of a snapshot, each run once on a known and an unknown entity at `now` (aware UTC).
    Raises SnapshotError.

    So the first request after a swap is as fast as any, and text that does not bind is found before the swap.
    """
    plans = {}
    for key, service in prepared.snapshot.services.items():
        plan = plans[key] = Plan(service, engine, prepared.reads[key], prepared.ahead.get(key))
        unknown: Entity = dict.fromkeys(service.inputs)
        known = dict(unknown)
        for lookup in service.lookups:
            known.update(zip(lookup.keys, lookup.group.table.first_keys(), strict=False))
        try:
            plan.evaluate([known, unknown], now)
        except duckdb.DataError as error:  # null stands for request columns here, which real requests may have to send
            log.warning("service %s: its SQL fails on a trial row: %s", service.id, error)
        except (duckdb.Error, LookupError) as error:
            raise SnapshotError(f"service {service.id}: its SQL does not run: {error}") from None
    return plans
