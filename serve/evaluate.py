"""Runs a service's SQL text over the rows that were looked up in memory. No formula stands here.

DuckDB evaluates; it is given nothing but parameters: no file, no network, one thread, UTC.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from .batching import MAX_ROWS, Batcher
from .limits import Timeout
from .lookup import Entity, Finder
from .snapshot import Service, Snapshot, SnapshotError
from .sql import literal, quote
from .sqltypes import SqlType, json_writer, parse_type

log = logging.getLogger("asof.serve")

AT_ONCE = 16  # batches, of as many services

_timeout = Timeout()


class Row(NamedTuple):
    """One evaluated row. `features` are the values in the service's order, None for a REJECTED row; `rejected` names
    the columns that reject it.
    """

    status: str
    groups: tuple[str, ...]
    features: tuple[Any, ...] | None
    rejected: tuple[str, ...]


class Engine:
    """One in-memory DuckDB for the process, and the threads that run batches. A connection serves one thread at a time:
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
        self.threads = ThreadPoolExecutor(AT_ONCE, "asof-batch")

    def new_cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor for the caller alone."""
        with self._lock:
            return self._connection.cursor()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """This thread's own cursor; it lives as long as the thread."""
        cursor = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self.new_cursor()
        return cursor


class Plan:
    """A service made ready to evaluate: its SQL planned once."""

    def __init__(self, service: Service, engine: Engine) -> None:
        """Plans the SQL. Raises SnapshotError if the text does not run or answers other columns."""
        self.service = service
        self._engine = engine
        self._finder = Finder(service)
        self._writers = [(f"{json.dumps(each.name)}:", json_writer(each.type)) for each in service.features]
        self._input_writers = [
            (f"{json.dumps(name)}:", name, json_writer(each.type), each.personal)
            for name, each in service.inputs.items()
        ]
        self._heads: dict[tuple[str, tuple[str, ...]], str] = {}
        text, answer = f"with {service.relation} as ({self._finder.relation})", answer_columns(service)
        selected = ", ".join(fetchable(name, kind) for name, kind in answer.items())
        # The text may end in a comment, hence the line breaks
        query = f"{text} select {selected} from (\n{service.sql}\n)"
        try:
            cursor = engine.cursor()
            self._check_answer(cursor, f"{text} select * from (\n{service.sql}\n)", answer)
            (self._statement,) = cursor.extract_statements(query)
            self._batch_cursor = engine.new_cursor()
            self._batch_cursor.execute(f"prepare answer as {query}")
        except (duckdb.Error, ValueError) as error:
            raise SnapshotError(f"service {service.id}: its SQL does not run: {error}") from None
        self._batcher = Batcher(engine.threads)

    def _check_answer(self, cursor: duckdb.DuckDBPyConnection, query: str, expected: dict[str, SqlType]) -> None:
        found = [(name, parse_type(str(kind))) for name, kind, *_ in cursor.execute(query, ["[]"]).description]
        cursor.fetchall()
        if found != list(expected.items()):
            answered = ", ".join(f"{name} {kind.name}" for name, kind in found)
            wanted = ", ".join(f"{name} {kind.name}" for name, kind in expected.items())
            raise ValueError(f"it answers ({answered}), the manifest says ({wanted})")

    def rows(self, entities: list[Entity], now: datetime) -> list[Row]:
        """One Row per entity, in order, at the prediction time `now` (aware UTC): few in a batch with those of other
        requests, many by themselves. Raises duckdb.Error.
        """
        if len(entities) > MAX_ROWS:
            return self.evaluate(entities, now)
        if not entities:
            return []
        return self._batcher.results([(entity, now) for entity in entities], self._evaluate_batch)

    def evaluate(self, entities: list[Entity], now: datetime) -> list[Row]:
        """As `rows`, in an execution of its own."""
        rows = self._finder.argument(entities, [now] * len(entities))
        cursor = self._engine.cursor()
        with _timeout.over(cursor):
            answers = cursor.execute(self._statement, [rows]).fetchall()
        return self._answered(answers, len(entities))

    def _evaluate_batch(self, batch: list[tuple[Entity, datetime]]) -> list[Row]:
        """Rows of several requests, each at its own time, by the plan that was made once."""
        # A statement that was prepared by SQL takes no parameters, only literals
        rows = self._finder.argument(*map(list, zip(*batch, strict=True)))
        with _timeout.over(self._batch_cursor):
            answers = self._batch_cursor.execute(f"execute answer({literal(rows)})").fetchall()
        return self._answered(answers, len(batch))

    def _answered(self, answers: list[tuple[Any, ...]], count: int) -> list[Row]:
        by_id = {row[0]: row for row in answers}
        if len(answers) != count or len(by_id) != count:
            raise LookupError(f"service {self.service.id}: {len(answers)} rows came back for {count}")
        return [self.row_of(by_id[str(at)]) for at in range(count)]

    def row_json(self, row: Row) -> str:
        """A row as the JSON of the answer: status, groups, features, and `rejected` on a REJECTED row only."""
        head = self._heads.get((row.status, row.groups))
        if head is None:
            groups = dict(zip([lookup.name for lookup in self.service.lookups], row.groups, strict=True))
            head = json.dumps({"status": row.status, "groups": groups}, separators=(",", ":"))
            head = self._heads[row.status, row.groups] = f'{head[:-1]},"features":'
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

    def row_of(self, row: tuple[Any, ...]) -> Row:
        """The Row in the values of the columns that `answer_columns` names."""
        _, status, rejected, *rest = row
        count = len(self.service.lookups)
        features = None if status == "REJECTED" else tuple(rest[count:])
        return Row(status, tuple(rest[:count]), features, tuple(rejected.split(",")) if rejected else ())


def answer_columns(service: Service) -> dict[str, SqlType]:
    """The columns that the SQL of a service answers, in order."""
    fixed = ["row_id", "status", "rejected_columns", *(f"{each.name}_status" for each in service.lookups)]
    return dict.fromkeys(fixed, parse_type("varchar")) | {each.name: each.type for each in service.features}


def fetchable(name: str, kind: SqlType) -> str:
    """The column so that Python can fetch it: timestamptz needs pytz, and in UTC timestamp is equal; uuid is text."""
    fetched = kind.name.replace("timestamptz", "timestamp").replace("uuid", "varchar")
    return quote(name) if fetched == kind.name else f"{quote(name)}::{fetched} as {quote(name)}"


def plan_all(snapshot: Snapshot, engine: Engine, now: datetime) -> dict[str, Plan]:
    """A plan for every service of a snapshot, each run once on a known and an unknown entity at `now` (aware UTC).
    Raises SnapshotError.

    So the first request after a swap is as fast as any, and text that does not bind is found before the swap.
    """
    plans = {}
    for key, service in snapshot.services.items():
        plan = plans[key] = Plan(service, engine)
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
