"""PostgreSQL as an engine: read in one transaction, by COPY, so that no table need fit in memory."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from .engine import RECENT_ROWS, EngineError, EntityInput, Relation, Start, no_same_type
from .serve.sql import parquet, quote

# DuckDB's types for those of PostgreSQL, as format_type() writes them
_TYPES = {
    "smallint": "smallint",
    "integer": "integer",
    "bigint": "bigint",
    "boolean": "boolean",
    "date": "date",
    "real": "float",
    "double precision": "double",
    "text": "varchar",
    "uuid": "varchar",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
# Of those of published columns, whose name is another in PostgreSQL
_POSTGRES_TYPES = {"varchar": "text", "float": "real", "double": "double precision", "tinyint": "smallint"}
# What of a profile goes to the driver, by the driver's names
_CONNECTION = {
    **{"host": "host", "port": "port", "user": "user", "pass": "password", "password": "password"},
    **{"dbname": "dbname", "database": "dbname", "connect_timeout": "connect_timeout", "sslmode": "sslmode"},
    **{"sslcert": "sslcert", "sslkey": "sslkey", "sslrootcert": "sslrootcert"},
}

# Of a publication, what its pointer says
_PUBLICATION = ("sequence_number", "snapshot_id", "published_at")


def duckdb_type(type_: str) -> str | None:
    """DuckDB's type of the same values; None where it has none."""
    if type_.endswith("[]"):
        item = duckdb_type(type_[:-2])
        return f"{item}[]" if item else None
    if match := re.fullmatch(r"numeric\((\d+),(\d+)\)", type_):
        return f"decimal({match[1]},{match[2]})" if int(match[1]) <= 38 else None
    return "varchar" if type_.startswith("character") else _TYPES.get(type_)


def postgres_type(type_: str) -> str:
    """That of a published column, in PostgreSQL."""
    item, brackets, _ = type_.partition("[]")
    return _POSTGRES_TYPES.get(item, item) + brackets


class Postgres:
    """A session in UTC."""

    name = "postgres"
    has_materialized_views = True
    is_read_by_duckdb = True
    recent_rows = RECENT_ROWS

    def __init__(self, profile: Mapping[str, Any]) -> None:
        """profile: the target's entry in profiles.yml. Raises EngineError without the driver or the server."""
        try:
            import psycopg2  # type: ignore[import-untyped]
        except ImportError:
            raise EngineError("the driver of PostgreSQL is missing: pip install 'asof[postgres]'") from None
        given = {_CONNECTION[name]: value for name, value in profile.items() if name in _CONNECTION}
        try:
            self._connection = psycopg2.connect(**given)
        except psycopg2.OperationalError as error:
            raise EngineError(f"PostgreSQL cannot be reached: {str(error).strip()}") from None
        self._error: type[Exception] = psycopg2.Error
        self._run("set time zone 'UTC'")
        self._run("set datestyle to iso")
        self._commit()

    def prepare(self, start: Start) -> dict[str, str]:
        """In one transaction, in place: what hangs on these tables stays.

        `asof_run` and `asof_lives_<entity>` are read by the materialization of entities.
        """
        clock = start.clock
        self._run(f'create schema if not exists "{clock.schema}"')
        self._run(f"create table if not exists {clock} (as_of timestamp with time zone)")
        self._run(f"delete from {clock}")
        self._run(f"insert into {clock} select unnest(%s::timestamptz[])", [start.moments])
        for each in start.inputs:
            run = each.relation.beside("asof_run")
            self._run(f'create schema if not exists "{run.schema}"')
            self._run(
                f"create table if not exists {run} (entity text, at timestamp with time zone, is_counted boolean)"
            )
            self._run(f"delete from {run} where entity = %s", [each.relation.name])
            self._run(f"insert into {run} values (%s, %s, %s)", [each.relation.name, start.as_of, each.is_counted])
            self._put_lives(each)
        self._commit()
        return {}

    def _put_lives(self, each: EntityInput) -> None:
        lives = each.relation.beside(f"asof_lives_{each.relation.name}")
        keys = "".join(f'"{name}" {type_}, ' for name, type_ in each.keys.items())
        self._run(f"drop table if exists {lives}")
        self._run(
            f"create table {lives} ({keys}first_seen_at timestamp with time zone, gone_at timestamp with time zone, "
            "asof_seen_in_run text, asof_forgotten_in_run text)"
        )
        if each.lives.exists():
            with each.lives.open() as file, self._session(str(lives)), self._connection.cursor() as cursor:
                cursor.copy_expert(f"copy {lives} from stdin (format csv)", file)

    def begin_reading(self) -> None:
        """A transaction of its own, repeatable read: it sees what was committed before."""
        self._commit()
        self._connection.set_session(isolation_level="REPEATABLE READ", readonly=True)

    def columns(self, relation: Relation) -> dict[str, str]:
        """By the catalogue, which has the digits of a numeric. Raises for text that is ordered by a language too."""
        found = {}
        rows = self._run(
            "select attname, format_type(atttypid, atttypmod), collname, "
            "collprovider in ('d', 'b') or collcollate in ('C', 'POSIX') "
            "from pg_attribute left join pg_collation on pg_collation.oid = attcollation "
            "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            [str(relation)],
        )
        for name, type_, collation, is_by_bytes in rows:
            if is_by_bytes is False:
                raise EngineError(
                    f"{relation.name}: its column {name} has the collation {collation}, and DuckDB orders text by "
                    f'bytes. Write in staging `{name} collate "C" as {name}`'
                )
            same = duckdb_type(re.sub(r"(timestamp)\(\d\)", r"\1", type_))
            if same is None:
                raise no_same_type(relation, name, type_, "numeric(18, 3)" if type_ == "numeric" else "text")
            found[name] = same
        return found

    def known(self, relation: Relation, moments: list[str]) -> dict[str, dict[str, Any]]:
        """One pass for each moment."""
        found = {}
        for moment in moments:
            ((rows, newest),) = self._run(
                f"select count(*), to_char(max(known_at), 'YYYY-MM-DD HH24:MI:SS.US') from {relation} "
                "where known_at <= %s",
                [moment],
            )
            found[moment] = {"rows": rows, "newest": f"{newest}+00:00" if newest else None}
        return found

    def write(self, relation: Relation, columns: dict[str, str], as_of: str | None, path: Path) -> int:
        """As text by COPY, which DuckDB reads by the types; a list goes as JSON. Errors: the server went away."""
        return self._write(relation, columns, f"as_of = '{as_of}'" if as_of else "true", path)

    def write_recent(self, relation: Relation, columns: dict[str, str], as_of: str, path: Path) -> int:
        """Of many rows a part by their event_id, so that each hour keeps its share."""
        is_recent = f"known_at <= '{as_of}' and known_at > timestamptz '{as_of}' - interval '56 days'"
        ((rows,),) = self._run(f"select count(*) from {relation} where {is_recent}")
        every = max(1, round(rows / self.recent_rows))
        return self._write(relation, columns, f"{is_recent} and mod(hashtext(event_id::text), {every}) = 0", path)

    def _write(self, relation: Relation, columns: dict[str, str], condition: str, path: Path) -> int:
        text = path.with_suffix(".csv")
        picked = [f'to_json("{name}")' if type_.endswith("[]") else f'"{name}"' for name, type_ in columns.items()]
        rows = f"select {', '.join(picked)} from {relation} where {condition}"
        copy = f"copy ({rows}) to stdout (format csv, force_quote *)"
        try:
            with self._session(relation.name), text.open("w") as file, self._connection.cursor() as cursor:
                cursor.copy_expert(copy, file)
            return csv_to_parquet(text, columns, path)
        finally:
            text.unlink(missing_ok=True)

    def show_published(self, schema: str, folder: Path) -> None:
        """All groups in one transaction, so that readers see one publication.

        The views read tables that take the published rows. A view of the events would show what no test has seen, and
        dbt would drop it at each build, with the views that it makes anew.
        """
        pointer = json.loads((folder / "current.json").read_text())
        record = Relation(schema, "asof_published")
        self._run(
            f"create table if not exists {record} (relation text primary key, as_of timestamptz, max_age interval, "
            "sequence_number bigint, snapshot_id text, published_at timestamptz, columns text)"
        )
        self._run(f"lock table {record} in exclusive mode")
        found = self._run(f"select relation, columns, sequence_number, snapshot_id from {record}")
        if {each[2:] for each in found} == {(pointer["sequence_number"], pointer["snapshot_id"])}:
            return self._commit()
        columns_of = {each[0]: each[1] for each in found}
        self._run(f"delete from {record}")
        for group in json.loads((folder / pointer["manifest"]).read_text())["groups"].values():
            view = Relation(schema, f"{group['name']}_v{group['version']}_latest")
            types = {each["name"]: each["type"] for each in group["keys"]} | {"as_of": "timestamptz"}
            types |= {each["name"]: each["type"] for each in group["features"]}
            columns = ", ".join(f"{quote(name)} {postgres_type(type_)}" for name, type_ in types.items())
            rows = view.beside(f"asof_rows_{view.name}")
            if columns_of.pop(view.name, None) != columns:
                keys = ", ".join(quote(each["name"]) for each in group["keys"])
                self._run(f"drop table if exists {rows} cascade")
                self._run(f"create table {rows} ({columns})")
                self._run(f"create materialized view {view} as select * from {rows}")
                self._run(f"create unique index on {view} ({keys})")  # by which only what changed is written
            self._run(f"truncate {rows}")
            self._put_published(rows, types, folder / group["file"])
            self._run(f"refresh materialized view concurrently {view}")
            age = f"{group['max_age_seconds']} seconds"
            values = [view.name, group["as_of"], age, *(pointer[each] for each in _PUBLICATION), columns]
            self._run(f"insert into {record} values (%s, %s, %s, %s, %s, %s, %s)", values)
        for name in columns_of:  # they left the snapshot
            self._run(f"drop table {record.beside(f'asof_rows_{name}')} cascade")
        self._commit()

    def _put_published(self, rows: Relation, types: dict[str, str], file: Path) -> None:
        picked = [_list_text(quote(name)) if type_.endswith("[]") else quote(name) for name, type_ in types.items()]
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
            text = Path(folder) / "rows.csv"
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(
                f"copy (select {', '.join(picked)} from {parquet(file)}) to '{text}' "
                "(format csv, header false, force_quote *, nullstr '')"
            )
            with text.open() as read, self._session(str(rows)), self._connection.cursor() as cursor:
                cursor.copy_expert(f"copy {rows} from stdin (format csv)", read)

    def close(self) -> None:
        """What was not committed is undone."""
        self._connection.close()

    def _run(self, statement: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self._session(), self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _commit(self) -> None:
        with self._session():
            self._connection.commit()

    @contextmanager
    def _session(self, what: str = "") -> Iterator[None]:
        """Errors of the driver, such as that the server went away, as EngineError. what: the relation in hand."""
        try:
            yield
        except self._error as error:
            where = f" ({what})" if what else ""
            raise EngineError(f"PostgreSQL{where}: {str(error).strip()}") from None


def _list_text(column: str) -> str:
    """A list as PostgreSQL reads it: items in quotes, with backslashes before quotes and backslashes."""
    text = r"""'"' || regexp_replace(cast(item as varchar), '(["\\])', '\\\1', 'g') || '"'"""
    return f"'{{' || array_to_string(list_transform({column}, lambda item: coalesce({text}, 'NULL')), ',') || '}}'"


def csv_to_parquet(text: Path, columns: dict[str, str], path: Path) -> int:
    """Writes text, in which all but nulls is in quotes, as Parquet of these types; returns the number of rows."""
    read = {name: "varchar" if type_.endswith("[]") else type_ for name, type_ in columns.items()}
    picked = [
        f"""from_json("{name}", '["{type_[:-2]}"]') as "{name}" """ if type_.endswith("[]") else f'"{name}"'
        for name, type_ in columns.items()
    ]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.read_csv(
            str(text), columns=read, header=False, delimiter=",", quotechar='"', escapechar='"', na_values="",
            allow_quoted_nulls=False, auto_detect=False,
        )  # fmt: skip
        rows.project(", ".join(picked)).write_parquet(str(path))
        ((count,),) = connection.execute("select count(*) from read_parquet($path)", {"path": str(path)}).fetchall()
        return int(count)
