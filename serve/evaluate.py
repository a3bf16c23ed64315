"""Runs a service's SQL text over the rows that were looked up in memory. No formula stands here.

DuckDB evaluates; it is given nothing but the rows: no file, no network, one thread, UTC.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import duckdb

from .batching import MAX_ROWS, Batcher
from .loader import refusing
from .lookup import Entity, Finder
from .snapshot import Service, Snapshot
from .sql import literal, quote
from .sqltypes import SqlType, json_writer, parse_type

log = logging.getLogger("asof.serve")

AT_ONCE = 16  # batches, of as many services
# What DuckDB raises for values that the SQL cannot compute with; the second for an integer divided by zero
CANNOT_COMPUTE = (duckdb.DataError, duckdb.InvalidInputException)


class Row(NamedTuple):
    """One evaluated row. `lookups` are their statuses, `features` the values, both in the service's order; `features`
    None if `rejected`, which names the columns why.
    """

    status: str
    lookups: tuple[str, ...]
    features: tuple[Any, ...] | None
    rejected: tuple[str, ...]


class Evaluator:
    """One in-memory DuckDB for the process, and the threads that run batches."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        # `global`, because a cursor does not take over what was only set on the connection it came from
        self._connection.execute("set global TimeZone = 'UTC'")
        # The SQL text is trusted by its hash, yet has no business with files; row-level SQL never needs them
        self._connection.execute("set enable_external_access = false; set lock_configuration = true")
        self.threads = ThreadPoolExecutor(AT_ONCE, "asof-batch")

    def cursor(self, statement: str, parameters: list[str] | None = None) -> duckdb.DuckDBPyConnection:
        """A new cursor that has executed a statement; one thread at a time may ask for one, or use it."""
        return self._connection.cursor().execute(statement, parameters)


class Plan:
    """A service made ready to evaluate: its SQL planned once."""

    def __init__(self, service: Service, evaluator: Evaluator) -> None:
        """Plans the SQL. Raises duckdb.Error, LookupError, ValueError: it does not run, or answers other columns."""
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
        answered = evaluator.cursor(f"{text} select * from (\n{service.sql}\n)", ["[]"]).description
        found = [(name, parse_type(str(kind))) for name, kind, *_ in answered]
        if found != list(answer.items()):
            answers, wanted = (", ".join(f"{name} {kind.name}" for name, kind in of) for of in (found, answer.items()))
            raise ValueError(f"it answers ({answers}), the manifest says ({wanted})")
        # Requests with many rows have a queue of their own: those with few do not wait for them. They do not hold the
        # plan: a circle would keep tables that nobody uses
        run, prepare = partial(_run_batch, service, finder), f"prepare answer as {query}"
        self._few, self._many = (Batcher(run, evaluator.cursor(prepare), evaluator.threads) for _ in range(2))

    def rows(self, entities: list[Entity], now: datetime) -> list[Row]:
        """One Row per entity, in order, at `now` (aware UTC). Raises duckdb.Error, LookupError."""
        if not entities:
            return []
        batcher = self._many if len(entities) > MAX_ROWS else self._few
        return batcher.results([(entity, now) for entity in entities])

    def row_json(self, row: Row) -> str:
        """A row as the JSON of the answer: status, groups, features, and `rejected` on a REJECTED row only."""
        head = self._heads.get((row.status, row.lookups))
        if head is None:
            groups = dict(zip([lookup.name for lookup in self.service.lookups], row.lookups, strict=True))
            head = json.dumps({"status": row.status, "groups": groups}, separators=(",", ":"))
            head = self._heads[row.status, row.lookups] = f'{head[:-1]},"features":'
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


def _run_batch(
    service: Service, finder: Finder, cursor: duckdb.DuckDBPyConnection, batch: list[tuple[Entity, datetime]]
) -> list[Row]:
    """Evaluates entities, each at its own prediction time."""
    # EXECUTE takes no parameters, only literals
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
    """The column so that Python can fetch it."""
    return f"{quote(name)}::{kind.fetched} as {quote(name)}" if kind.fetched else quote(name)


def plan_all(snapshot: Snapshot, evaluator: Evaluator, now: datetime) -> dict[str, Plan]:
    """A plan for every service of a snapshot, each run once on a known and an unknown entity at `now` (aware UTC).

    So the first request after a swap is as fast as any, and text that does not bind is found before. SnapshotError.
    """
    plans = {}
    for id, service in snapshot.services.items():
        unknown: Entity = dict.fromkeys(service.inputs)
        known = dict(unknown)
        for lookup in service.lookups:
            known.update(zip(lookup.keys, lookup.group.table.first_keys(), strict=False))
        with refusing(f"service {id}: its SQL does not run"):
            plan = plans[id] = Plan(service, evaluator)
            try:
                plan.rows([known, unknown], now)
            except CANNOT_COMPUTE as error:  # of the nulls in request columns, which real requests may have to send
                log.warning("service %s: its SQL fails on a trial row: %s", id, error)
    return plans
