"""Apache Spark as an engine: no session of ours, only Parquet that dbt's session reads first and writes last.

What dbt on Spark starts from, and what its models hand over, are files in a folder that the driver, the workers and
this process see; macros/engine/spark.sql has the SQL. So whatever connection dbt-spark can make will do.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from .engine import RECENT_ROWS, EngineError, Relation, Start, no_same_type
from .serve.sql import literal, parquet, quote

# DuckDB's types for those of Spark
_TYPES = {
    **{"tinyint": "tinyint", "smallint": "smallint", "int": "integer", "bigint": "bigint", "boolean": "boolean"},
    **{"date": "date", "float": "float", "double": "double", "string": "varchar"},
    **{"timestamp": "timestamptz", "timestamp_ntz": "timestamp"},
}


def duckdb_type(type_: str) -> str | None:
    """DuckDB's type of the same values; None where it has none."""
    if match := re.fullmatch(r"array<(.+)>", type_):
        item = duckdb_type(match[1])
        return f"{item}[]" if item else None
    if type_.startswith("decimal("):
        return type_
    return "varchar" if re.match(r"(var)?char\(", type_) else _TYPES.get(type_)


class Spark:
    """The folder of a hand-over. It is read by DuckDB, in UTC."""

    name = "spark"
    has_materialized_views = False
    is_read_by_duckdb = False

    def __init__(self, profile: Mapping[str, Any]) -> None:
        """profile: the target's entry in profiles.yml, by which dbt connects."""
        self._folder = Path()
        self._connection = duckdb.connect()
        self._connection.execute("set TimeZone = 'UTC'")
        self._columns: dict[str, dict[str, str]] = {}

    def prepare(self, start: Start) -> dict[str, str]:
        """Writes the files that dbt fills Spark's tables from, before the first model."""
        self._folder = start.folder / "spark"
        (self._folder / "in").mkdir(parents=True)
        (self._folder / "out").mkdir()
        self._put("clock", {"as_of": "timestamptz"}, [[moment] for moment in start.moments])
        run = [[each.relation.name, start.as_of, each.is_counted] for each in start.inputs]
        self._put("run", {"entity": "varchar", "at": "timestamptz", "is_counted": "boolean"}, run)
        counted = [[_name(relation), moment] for relation, found in start.known_at.items() for moment in found]
        self._put("known_at", {"relation": "varchar", "at": "timestamptz"}, counted)
        rows = [[start.recent, RECENT_ROWS]] if start.recent else []
        self._put("recent", {"at": "timestamptz", "rows": "bigint"}, rows)
        for each in start.inputs:
            times = {"first_seen_at": "timestamptz", "gone_at": "timestamptz"}
            columns = {**each.keys, **times, "asof_seen_in_run": "varchar", "asof_forgotten_in_run": "varchar"}
            name = f"lives_{each.relation.name}"
            self._put(name, columns, [])
            if each.lives.exists():
                lives = self._connection.read_csv(
                    str(each.lives), columns=columns, header=False, delimiter=",", quotechar='"', escapechar='"',
                    na_values="", allow_quoted_nulls=False, auto_detect=False,
                )  # fmt: skip
                lives.write_parquet(str(self._folder / "in" / f"{name}.parquet"))
        return {"ASOF_ENGINE_FOLDER": str(self._folder)}

    def _put(self, name: str, columns: dict[str, str], rows: list[list[Any]]) -> None:
        self._connection.execute(
            f"create or replace table put ({', '.join(f'{quote(each)} {type_}' for each, type_ in columns.items())})"
        )
        if rows:
            self._connection.executemany(f"insert into put values ({', '.join('?' * len(columns))})", rows)
        self._connection.table("put").write_parquet(str(self._folder / "in" / f"{name}.parquet"))

    def begin_reading(self) -> None:
        """Reads which columns Spark says its relations have. All reads are of files that Spark has finished."""
        self._connection.execute(
            f"create table columns as select * from {parquet(self._written('columns', 'its last step'))}"
        )
        rows = self._connection.execute("select relation, name, type from columns order by place").fetchall()
        for relation, name, type_ in rows:
            self._columns.setdefault(relation, {})[name] = type_

    def _written(self, name: str, what: str) -> str:
        """The files of something that Spark wrote to the end."""
        if not (self._folder / "out" / name / "_SUCCESS").exists():
            raise EngineError(
                f"Spark did not finish writing {what} to {self._folder / 'out' / name}. Its error stands above; if "
                "there is none, its workers write to another disk: put the project in a folder that they share"
            )
        return str(self._folder / "out" / name / "**" / "*.parquet")

    def columns(self, relation: Relation) -> dict[str, str]:
        """As Spark's catalogue has them."""
        found = {}
        for name, type_ in self._columns[_name(relation)].items():
            same = duckdb_type(type_)
            if same is None:
                raise no_same_type(relation, name, type_, "string")
            found[name] = same
        return found

    def known(self, relation: Relation, moments: list[str]) -> dict[str, dict[str, Any]]:
        """As Spark counted them at the end of its build."""
        files = self._written("known", "how many rows were known")
        rows = self._connection.execute(
            """select strftime(cast("at" as timestamptz), '%Y-%m-%d %H:%M:%S.%f+00:00'), rows, """
            """strftime(cast(newest as timestamptz), '%Y-%m-%d %H:%M:%S.%f+00:00') """
            f"from {parquet(files)} where relation = ?",
            [_name(relation)],
        ).fetchall()
        return {at: {"rows": count, "newest": newest} for at, count, newest in rows}

    def write(self, relation: Relation, columns: dict[str, str], as_of: str | None, path: Path) -> int:
        """Copies what Spark wrote of a relation, or of its moment, into one file."""
        return self._copy(_name(relation), relation, columns, as_of, path)

    def write_recent(self, relation: Relation, columns: dict[str, str], as_of: str, path: Path) -> int:
        """As Spark picked them at the end of its build, by their event_id."""
        return self._copy(f"recent.{_name(relation)}", relation, columns, None, path)

    def _copy(self, name: str, relation: Relation, columns: dict[str, str], as_of: str | None, path: Path) -> int:
        self._check_types(relation, columns)
        files = self._written(name, relation.name)
        if as_of:
            ((micros,),) = self._connection.execute(f"select epoch_us(timestamptz {literal(as_of)})").fetchall()
            files = files.replace("**", f"asof_moment={micros}")
        picked = ", ".join(f"cast({quote(name)} as {type_}) as {quote(name)}" for name, type_ in columns.items())
        if self._connection.execute("select count(*) from glob(?)", [files]).fetchall() == [(0,)]:
            nulls = ", ".join(f"null as {quote(name)}" for name in columns)
            rows = self._connection.sql(f"select {picked} from (select {nulls}) where false")
        else:
            rows = self._connection.sql(
                f"select {picked} from read_parquet({literal(files)}, hive_partitioning = false)"
            )
        rows.write_parquet(str(path))
        ((count,),) = self._connection.execute(f"select count(*) from {parquet(str(path))}").fetchall()
        return int(count)

    def show_published(self, schema: str, folder: Path) -> None:
        """Not called: it has no materialized views."""

    def _check_types(self, relation: Relation, declared: dict[str, str]) -> None:
        """Raises EngineError for a column that would have to be converted to its declared type."""
        types = ", ".join(f"cast(null as {type_})" for type_ in declared.values())
        wanted = [str(each[1]) for each in self._connection.sql(f"select {types}").description]
        types = ", ".join(f"cast(null as {type_})" for type_ in self.columns(relation).values())
        given = [str(each[1]) for each in self._connection.sql(f"select {types}").description]
        for name, type_, expected in zip(declared, given, wanted, strict=True):
            if type_ != expected:
                raise EngineError(
                    f"{relation.name}: its column {name} is {type_.lower()} in Spark, and {declared[name]} is "
                    f"declared. Write in the model `cast(... as {declared[name]}) as {name}`"
                )

    def close(self) -> None:
        """Deletes what was exchanged."""
        self._connection.close()
        if self._folder.name:
            shutil.rmtree(self._folder, ignore_errors=True)


def _name(relation: Relation) -> str:
    return f"{relation.schema}.{relation.name}"
