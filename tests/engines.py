"""Projects whose groups are evaluated on another engine, and what is recorded of them (postgres.py, spark.py)."""

from __future__ import annotations

import copy
import shlex
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from tests.world import Run, World, backfill_of

# What differs by the run, and not by the engine
OF_A_RUN = ("run_id", "asof_seen_in_run", "asof_forgotten_in_run")


class Command(subprocess.Popen[str]):
    """A process that is looked at as those of a World are."""

    def is_alive(self) -> bool:
        return self.poll() is None

    def join(self, timeout: float | None = None) -> None:
        """A build on an engine is four dbt commands: it may take four times as long."""
        self.wait(4 * timeout if timeout else None)

    @property
    def exitcode(self) -> int | None:
        return self.returncode


class EngineWorld(World, ABC):
    """A World whose groups are evaluated on another engine: before each build its raw tables are copied there."""

    engine: str
    fault_point_seconds = 300

    def __init__(self, folder: Path, target: str, template: Path) -> None:
        """target: YAML of the engine's target."""
        super().__init__(folder, template)
        with (folder / "profiles.yml").open("a") as profile:
            profile.write(target)

    @abstractmethod
    def load(self) -> None:
        """Copies the raw tables, types and all."""

    def copied(self, folder: Path) -> EngineWorld:
        """The project in a copy of its folder."""
        made = copy.copy(self)
        made.folder = folder
        return made

    def begun(self, now: str | None, *arguments: str, output: Any = subprocess.PIPE, **environment: str) -> Command:
        """One that has begun, in a process group of its own, and says all on its standard output."""
        self.load()
        command = [sys.executable, "-m", "asof", "build", "--engine", self.engine, f"--dbt={shlex.join(arguments)}"]
        variables = self.environment(now) | environment
        del variables["DBT_WRITE_JSON"]  # the engine's results are read from dbt's artifacts
        return Command(
            command, cwd=self.folder, env=variables, stdout=output, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def started(self, log: Path, *arguments: str, now: str | None, **environment: str) -> Any:
        """As that of a World; a build by the engine."""
        if arguments[0] != "build":
            return super().started(log, *arguments, now=now, **environment)
        with log.open("w") as output:
            return self.begun(now, *arguments[1:], output=output, **environment)

    def begun_reading(self, now: str) -> Command:
        """One whose models were built on the engine, and that begins to read them."""
        results = self.folder / "target" / self.engine / "run_results.json"
        results.unlink(missing_ok=True)
        process = self.begun(now)
        while not results.exists():
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            time.sleep(0.002)
        return process

    def backfill(self, start: str, end: str, every: str, *, now: str, groups: str = "", **more: Any) -> Run:
        """All groups: an engine hands over all of a project."""
        return self.build(now, *backfill_of(start, end, every), **more)


# Makes the project of a template in a folder, on an engine: the folder first
NewWorld = Callable[[Path, Path], EngineWorld]


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
