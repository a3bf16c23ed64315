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
from functools import partial
from typing import Any, NamedTuple

import duckdb

from .batching import MAX_ROWS, Batcher
from .lookup import Entity, Finder
from .snapshot import Service, Snapshot, SnapshotError
from .sql import literal, quote
from .sqltypes import SqlType, json_writer, parse_type

log = logging.getLogger("asof.serve")

AT_ONCE = 16  # batches, of as many services


class Row(NamedTuple):
    """One evaluated row. `features` are in the service's order, None if `rejected`, which names the columns why."""

    status: str
    groups: tuple[str, ...]
    features: tuple[Any, ...] | None
    rejected: tuple[str, ...]


class Engine:
    """One in-memory DuckDB for the process, and the threads that run batches."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        # `global`, because a cursor does not take over what was only set on the connection it came from
        self._connection.execute("set global TimeZone = 'UTC'")
        # The SQL text is trusted by its hash, yet has no business with files; row-level SQL never needs them
        self._connection.execute("set enable_external_access = false; set lock_configuration = true")
        self._lock = threading.Lock()
        self.threads = ThreadPoolExecutor(AT_ONCE, "asof-batch")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A new cursor; one thread at a time may use it."""
        with self._lock:
            return self._connection.cursor()


class Plan:
    """A service made ready to evaluate: its SQL planned once."""

    def __init__(self, service: Service, engine: Engine) -> None:
        """Plans the SQL. Raises SnapshotError if the text does not run or answers other columns."""
        self.service = service
        finder = Finder(service)
        self._writers = [(f"{json.dumps(each.name)}:", json_writer(each.type)) for each in service.features]
        self._input_writers = [
            (f"{json.dumps(name)}:", name, json_writer(each.type), each.personal)
            for name, each in service.inputs.items()
        ]
        self._heads: dict[tuple[str, tuple[str, ...]], str] = {}
        text, answer = f"with {service.relation} as ({finder.relation})", answer_columns(service)
        selected = ", ".join(fetchable(name, kind) for name, kind in answer.items())
        # The text may end in a comment, hence the line breaks
        query = f"{text} select {selected} from (\n{service.sql}\n)"
        try:
            self._check_answer(engine.cursor(), f"{text} select * from (\n{service.sql}\n)", answer)
            # Requests with many rows have a queue of their own: those with few do not wait for them
            run = partial(_evaluate, service, finder)  # not of the plan: a circle would keep tables that nobody uses
            self._few, self._many = (Batcher(run, _prepared(engine, query), engine.threads) for _ in range(2))
        except (duckdb.Error, ValueError) as error:
            raise SnapshotError(f"service {service.id}: its SQL does not run: {error}") from None

    def _check_answer(self, cursor: duckdb.DuckDBPyConnection, query: str, expected: dict[str, SqlType]) -> None:
        found = [(name, parse_type(str(kind))) for name, kind, *_ in cursor.execute(query, ["[]"]).description]
        cursor.fetchall()
        if found != list(expected.items()):
            answered = ", ".join(f"{name} {kind.name}" for name, kind in found)
            wanted = ", ".join(f"{name} {kind.name}" for name, kind in expected.items())
            raise ValueError(f"it answers ({answered}), the manifest says ({wanted})")

    def rows(self, entities: list[Entity], now: datetime) -> list[Row]:
        """One Row per entity, in order, at `now` (aware UTC). Raises duckdb.Error, LookupError."""
        if not entities:
            return []
        batcher = self._many if len(entities) > MAX_ROWS else self._few
        return batcher.results([(entity, now) for entity in entities])

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
        """Keys and request columns as they were understood, as JSON; of a personal value, what `hide` makes of it."""
        parts = []
        for name, column, write, personal in self._input_writers:
            value = entity[column]
            text = write(value)
            if personal and value is not None:
                text = json.dumps(hide(value if isinstance(value, str) else text.strip('"')))
            parts.append(name + text)
        return f"{{{','.join(parts)}}}"


def _prepared(engine: Engine, query: str) -> duckdb.DuckDBPyConnection:
    """A cursor on which `answer` is a statement that is planned once."""
    cursor = engine.cursor()
    cursor.execute(f"prepare answer as {query}")
    return cursor


def _evaluate(
    service: Service, finder: Finder, cursor: duckdb.DuckDBPyConnection, batch: list[tuple[Entity, datetime]]
) -> list[Row]:
    """Evaluates entities, each at its own prediction time."""
    # A statement that was prepared by SQL takes no parameters, only literals
    rows = literal(finder.argument(*map(list, zip(*batch, strict=True))))
    answers = cursor.execute(f"execute answer({rows})").fetchall()
    by_id = {row[0]: row for row in answers}
    if not len(answers) == len(by_id) == len(batch):
        raise LookupError(f"service {service.id}: {len(answers)} rows came back for {len(batch)}")
    return [row_of(service, by_id[str(at)]) for at in range(len(batch))]


def row_of(service: Service, row: tuple[Any, ...]) -> Row:
    """The Row in the values of the columns that `answer_columns` names."""
    _, status, rejected, *rest = row
    count = len(service.lookups)
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

    So the first request after a swap is as fast as any, and text that does not bind is found before. SnapshotError.
    """
    plans = {}
    for key, service in snapshot.services.items():
        plan = plans[key] = Plan(service, engine)
        unknown: Entity = dict.fromkeys(service.inputs)
        known = dict(unknown)
        for lookup in service.lookups:
            known.update(zip(lookup.keys, lookup.group.table.first_keys(), strict=False))
        try:
            plan.rows([known, unknown], now)
        except duckdb.DataError as error:  # null stands for request columns here, which real requests may have to send
            log.warning("service %s: its SQL fails on a trial row: %s", service.id, error)
        except (duckdb.Error, LookupError) as error:
            raise SnapshotError(f"service {service.id}: its SQL does not run: {error}") from None
    return plans
