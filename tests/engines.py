"""Projects whose groups are evaluated on another engine, and what is recorded of them (postgres.py, spark.py)."""

from __future__ import annotations

import copy
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from tests.world import Run, World

# What differs by the run, and not by the engine
OF_A_RUN = ("run_id", "asof_seen_in_run", "asof_forgotten_in_run")


class EngineWorld(World):
    """A World whose groups are evaluated on another engine: before each build its raw tables are copied there."""

    engine: str

    def __init__(self, folder: Path, target: str, template: Path) -> None:
        """target: YAML of the engine's target."""
        super().__init__(folder, template)
        with (folder / "profiles.yml").open("a") as profile:
            profile.write(target)

    def load(self) -> None:
        """Copies the raw tables, types and all."""
        raise NotImplementedError

    def copied(self, folder: Path) -> EngineWorld:
        """The project in a copy of its folder."""
        made = copy.copy(self)
        made.folder = folder
        return made

    def build(self, now: str, *arguments: str, fails: bool | None = False, **environment: str) -> Run:
        """`asof build --engine`, to its end."""
        process = self.begun(now, *arguments, **environment)
        said, _ = process.communicate(timeout=1500)
        assert fails in (None, bool(process.returncode)), said
        return Run(process.returncode, said)

    def begun(self, now: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """One that has begun, in a process group of its own, and says all on its standard output."""
        self.load()
        command = [sys.executable, "-m", "asof", "build", "--engine", self.engine, f"--dbt={shlex.join(arguments)}"]
        variables = self.environment(now) | environment
        del variables["DBT_WRITE_JSON"]  # the engine's results are read from dbt's artifacts
        return subprocess.Popen(
            command, cwd=self.folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def begun_reading(self, now: str) -> subprocess.Popen[str]:
        """One whose models were built on the engine, and that begins to read them."""
        results = self.folder / "target" / self.engine / "run_results.json"
        results.unlink(missing_ok=True)
        process = self.begun(now)
        while not results.exists():
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            time.sleep(0.002)
        return process

    def dbt(self, *arguments: str, now: str | None, fails: bool | None = False, **environment: str) -> Run:
        """As that of a World; a build by the engine."""
        if now and arguments[0] == "build":
            return self.build(now, *arguments[1:], fails=fails, **environment)
        return super().dbt(*arguments, now=now, fails=fails, **environment)

    def backfill(self, start: str, end: str, every: str, *, now: str, groups: str = "", **more: Any) -> Run:
        """All groups: an engine hands over all of a project."""
        variables = f"{{backfill: {{from: '{start}:00Z', to: '{end}:00Z', every: {every}}}}}"
        return self.build(now, "--vars", variables, **more)


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
