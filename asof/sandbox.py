"""Where the proof builds: a DuckDB of its own that holds what a past moment's build read, with this or that future."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from .serve.sql import literal, quote

RelationPath = tuple[str, str, str]  # database, schema, name
MICROSECOND = timedelta(microseconds=1)
ADDED_ROWS = 20_000  # at most so many copies of known rows happen again in a scrambled future
SPAN = timedelta(days=30)  # within which all of it becomes known


def dotted(path: tuple[str, ...]) -> str:
    """A relation in SQL: its database, schema and name."""
    return ".".join(map(quote, path))


@dataclass(frozen=True)
class Input:
    """A relation that models read, as the sandbox holds it under the name `relation`.

    `time` is the SQL that says since when a row is known, if anything does. A kind is one of:

    source   what staging is made of. Rows stay whole; without a time they are all there at any moment, on trust
    events   what event models gave, and what entities, groups and examples read without them
    record   one of asof's own: history, publications, moments
    """

    path: RelationPath
    relation: str
    time: str | None
    kind: str


class Sandbox:
    """The inputs, and under their own names what a build of a moment reads and makes.

    Databases of the warehouse's names are attached in memory, so that compiled SQL runs here as it stands.
    """

    def __init__(self, scratch: Path) -> None:
        self.run = duckdb.connect(str(scratch / "asof_proof.duckdb")).execute
        self.run(f"set TimeZone = 'UTC'; set temp_directory = '{scratch / 'spill'}'; create schema input")
        self._held: dict[RelationPath, str] = {}
        self._attached: set[str] = set()

    def value(self, query: str) -> Any:
        """The one value that a query returns."""
        ((value,),) = self.run(query).fetchall()
        return value

    def columns(self, relation: str) -> dict[str, str]:
        """The columns of a relation with their types, in order."""
        return {name: kind for name, kind, *_ in self.run(f"describe {relation}").fetchall()}

    def hold(self, path: RelationPath, query: str) -> str:
        """Keeps the rows of a query for the relation of a name, in place of those kept before; returns where."""
        name = self._held.setdefault(path, f"asof_proof.input.i{len(self._held)}")
        self.run(f"create or replace table {name} as {query}")
        return name

    def clear(self) -> None:
        """Drops all tables that were made."""
        self.run("use asof_proof.main")
        for database in self._attached:
            self.run(f"detach {quote(database)}")
        self._attached.clear()

    def load_inputs(self, inputs: list[Input], moment: datetime, future: str, seed: int) -> None:
        """Makes the inputs under their names; what became known after the moment is `cut`, `present` or `scrambled`."""
        for each in inputs:
            query = f"select * from {each.relation}"
            if future == "cut" and each.time:
                query += f" where ({each.time}) <= {literal(moment)}"
            elif future == "scrambled":
                columns = self.columns(each.relation)
                # by a time that is computed nobody could say what it would be of other rows
                is_whole = each.kind == "source" or (each.time and not column_of(each.time, columns))
                query = (loaded_otherwise if is_whole else scrambled)(each, columns, moment, seed)
            self.create(each.path, query)

    def create(self, path: RelationPath, query: str) -> None:
        """Makes a table, or makes it anew. Names without a schema in the query mean what they mean in the warehouse."""
        if path[0] not in self._attached:
            self.run(f"attach ':memory:' as {quote(path[0])}")
            self._attached.add(path[0])
        self.run(f"create schema if not exists {quote(path[0])}.{quote(path[1])}")
        self.run(f"use {quote(path[0])}.{quote(path[1])}")
        self.run(f"create or replace table {dotted(path)} as {query}")


def column_of(time: str, columns: Iterable[str]) -> str | None:
    """The column that the SQL of a time is, if it is no more than that."""
    return next((name for name in columns if time.lower() in (name.lower(), quote(name).lower())), None)


def loaded_otherwise(source: Input, columns: dict[str, str], moment: datetime, seed: int) -> str:
    """A query: the rows of a source known at the moment as they are, and another future, the same for the same seed.

    Of the rows that became known later a quarter is dropped, and the others become known at other times after the
    moment, if a column of its own says when. Nothing else changes, and nothing is made up: staging may rely on what its
    source holds to (a line for each order, a date in three columns), and could not be built from rows that don't.
    """
    if source.time is None:
        return f"select * from {source.relation}"
    at, column = literal(moment), column_of(source.time, columns)
    dice = f"hash(asof_future, {seed})"
    later = (
        f"case when {dice} % 7 = 0 then interval 1 microsecond "
        f"else to_microseconds(1 + cast({dice} % {SPAN // MICROSECOND} as bigint)) end"
    )
    replaced = f"* replace ({at} + {later} as {quote(column)})" if column else "*"
    is_known = f"coalesce(({source.time}) <= {at}, false)"
    return f"""
        select * from {source.relation} where {is_known}
        union all
        select {replaced} from {source.relation} as asof_future
        where not {is_known} and hash(asof_future, 'dropped', {seed}) % 4 > 0
    """


def scrambled(source: Input, columns: dict[str, str], moment: datetime, seed: int) -> str:
    """A query: the rows known at the moment as they are, and after them another future, the same for the same seed.

    Of the rows that became known later a quarter is dropped, the values of every column change places, and times move;
    copies of known rows are added, as if more had happened to the same entities or known events had been corrected.
    All of it becomes known after the moment, some a microsecond after, and some of it happened before (late rows). In
    our own records the values change places, no more: moved in time, they would be no records. A relation that does not
    say since when its rows are known may have told any of them only later: all of it is scrambled.
    """
    at, relation, is_record = literal(moment), source.relation, source.kind == "record"
    is_known = f"coalesce(({source.time}) <= {at}, false)" if source.time else "false"
    is_stream = source.time is not None and not is_record
    times: set[str] = set()
    ids: set[str] = set()
    if source.time and not is_record:
        times = columns.keys() & {column_of(source.time, columns) or "", "occurred_at", "known_at"}
        ids = columns.keys() & {"event_id", "row_id"}
    fixed = set(ids)
    if is_record:
        fixed = {name for name, kind in columns.items() if kind in ("VARCHAR", "BOOLEAN", "BIGINT")}
        fixed |= {"as_of", "published_at"}
    permuted = [name for name in columns if name not in times | fixed]

    def dice(what: str) -> str:
        return f"hash(future.asof_n, '{what}', {seed})"

    def in_span(what: str) -> str:
        return f"to_microseconds(1 + cast({dice(what)} % {SPAN // MICROSECOND} as bigint))"

    def column(name: str) -> str:
        if name == "occurred_at" and name in times:
            return f"case {dice('how late')} % 3 when 0 then moved.asof_known_at else moved.asof_before end"
        if name in times:
            return "moved.asof_known_at"
        if name in permuted:
            return f"asof_p{permuted.index(name)}.{quote(name)}"
        if name in ids:
            # with versions, half of what is added corrects events that are known
            is_new = f"asof_is_added and {dice('corrected')} % 2 = 0" if "is_retracted" in columns else "asof_is_added"
            return f"case when {is_new} then {_another_id(name, columns[name])} else {name} end"
        return f"future.{quote(name)}"

    shuffles = "".join(
        f"""
        join (
            select row_number() over (order by {dice("places of " + name)}) as asof_n, {quote(name)} from future
        ) as asof_p{place} using (asof_n)"""
        for place, name in enumerate(permuted)
    )
    added = f"union all (select asof_row, true from known order by hash(asof_row, {seed}) limit {ADDED_ROWS})"
    return f"""
        with known as (select asof_row from {relation} as asof_row where {is_known}),
        future as materialized (
            select
                row_number() over (order by hash(asof_row, asof_is_added, {seed})) as asof_n,
                asof_is_added,
                unnest(asof_row)
            from (
                select asof_row, false as asof_is_added from {relation} as asof_row where not {is_known}
                {added if is_stream else ""}
            )
        ),
        moved as (
            select
                future.asof_n,
                {at} + case
                    when {dice("at once")} % 7 = 0 then interval 1 microsecond else {in_span("known")}
                end as asof_known_at,
                {at} - case
                    when {dice("late")} % 5 = 0 then interval 0 second else {in_span("before")}
                end as asof_before
            from future
        )
        select {", ".join(map(quote, columns))} from (select unnest(asof_row) from known)
        union all
        select {", ".join(map(column, columns))}
        from future
        join moved using (asof_n){shuffles}
        where {dice("dropped")} % 4 > 0
    """


def _another_id(name: str, kind: str) -> str:
    if kind == "VARCHAR":
        return f"{name} || ' (again)'"
    return f"-{name} - 1" if "INT" in kind else name


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON tree, such as DuckDB's of a parsed query, each before what is in it."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from walk(each)
