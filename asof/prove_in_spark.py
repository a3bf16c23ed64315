"""The proof's staging in Spark. asof makes no connection to it: each build of the proof is a dbt command."""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from .dbt import DbtError, run_dbt
from .engine import EngineError, Relation, Start
from .handover import Target
from .prove_on_engine import StagingOnEngine
from .rebuild import Model, Project, Rebuild
from .sandbox import RelationPath, Sandbox
from .serve.sql import parquet
from .spark import Spark


class Step(NamedTuple):
    """A statement of the command, and the relation that it makes. Without SQL: one that is there."""

    relation: str
    sql: str | None
    is_handed_over: bool


class StagingInSpark(StagingOnEngine):
    """By the macro spark_rebuild. Tables in the scratch schema have the sources, so all that a view reads is there."""

    def __init__(self, target: Target, scratch: Path, project: Project, rebuild: Rebuild) -> None:
        super().__init__(target, scratch, project, rebuild)
        self._columns: dict[str, list[str]] = {}  # of the sources
        self._last: tuple[datetime, str, int] | None = None  # what the files and what failed are of
        self._failed: dict[str, str] = {}

    def export(self, paths: set[RelationPath]) -> dict[RelationPath, Path]:
        wanted = [id_ for id_, leaf in self._leaves.items() if leaf.path in paths and id_ in self._nodes]
        read = [id_ for id_ in self._leaves if id_ in self._names or id_ in wanted]
        steps = {id_: Step(self._written(self._nodes[id_]), None, id_ in wanted) for id_ in read}
        files = {id_: self._files / f"source-{number}.parquet" for number, id_ in enumerate(wanted)}
        if not steps:
            return {}
        try:
            found = self._run([*steps.values()], {self._relation(id_): file for id_, file in files.items()})
        except DbtError as error:
            raise EngineError(f"Spark cannot read the sources: {said_of(error)}") from None
        self._columns = {id_: found[step.relation]["columns"] for id_, step in steps.items()}
        return {self._leaves[id_].path: file for id_, file in files.items()}

    def build(
        self, sandbox: Sandbox, wanted: list[Model], moment: datetime, future: str, seed: int
    ) -> dict[RelationPath, str]:
        if self._last != (moment, future, seed):
            self._failed = self._build(moment, future, seed)
            self._last = (moment, future, seed)
        for id_, model in self._models.items():
            if model.role == "event" and model in wanted and id_ not in self._failed:
                sandbox.create(model.path, f"select * from {parquet(self._file(id_))}")
        return {self._models[id_].path: why for id_, why in self._failed.items()}

    def _build(self, moment: datetime, future: str, seed: int) -> dict[str, str]:
        """Builds all staging; returns why what could not be built could not."""
        failed: dict[str, str] = {}
        ids = {f"{self._schema}.{name}": id_ for id_, name in self._names.items()}
        while True:
            steps = self._steps(moment, future, seed, failed)
            handed_over = {ids[step.relation] for step in steps if step.is_handed_over}
            files = {Relation(self._schema, self._names[id_]): self._file(id_) for id_ in handed_over}
            try:
                found = self._run(steps, files)
            except DbtError as error:
                begun = re.findall(r"^asof builds (\S+)$", error.output, re.MULTILINE)
                if not begun or ids.get(begun[-1]) not in self._models:
                    raise EngineError(f"Spark cannot rebuild staging: {said_of(error)}") from None
                failed[ids[begun[-1]]] = said_of(error)
                continue
            for relation, of_one in found.items():
                for read in of_one["reads"]:
                    if not read.startswith(f"{self._schema}."):
                        raise self._read_past(relation.partition(".")[2], read)
            return failed

    def _file(self, unique_id: str) -> Path:
        return self._files / f"{self._names[unique_id]}.parquet"

    def _steps(self, moment: datetime, future: str, seed: int, failed: dict[str, str]) -> list[Step]:
        """What makes staging, but for what failed and what reads that, which is added to it."""
        drop = f"drop schema if exists {self._schema} cascade"
        steps = [Step("", drop, False), Step("", f"create schema {self._schema}", False)]
        for id_ in sorted(self._names.keys() & self._leaves.keys()):
            name = f"{self._schema}.{self._names[id_]}"
            rows = self._input(id_, moment, future, seed)
            steps.append(Step(name, f"create table {name} using parquet as {rows}", False))
        for id_, model in self._models.items():
            if id_ in failed:
                continue
            try:
                self._gone(id_, failed)
            except EngineError as error:
                failed[id_] = str(error)
                continue
            name = f"{self._schema}.{self._names[id_]}"
            steps.append(Step(name, f"create view {name} as {self._sql(id_)}", model.role == "event"))
        return [*steps, Step("", drop, False)]

    def _written(self, node: dict[str, Any]) -> str:
        return f"{node['schema']}.{node.get('alias') or node['identifier']}"

    def _columns_of(self, unique_id: str) -> list[str]:
        return self._columns[unique_id]

    def _quoted(self, name: str) -> str:
        return f"`{name}`"

    def _time(self, moment: datetime) -> str:
        return f"cast('{moment:%Y-%m-%d %H:%M:%S.%f}+00:00' as timestamp)"

    def _later(self, time: str, micros: str) -> str:
        return f"timestamp_micros(unix_micros({time}) + {micros})"

    def _hash(self, seed: int) -> str:
        return f"xxhash64(to_json(struct(asof_future.*)), {seed})"

    def _run(self, steps: list[Step], files: dict[Relation, Path]) -> dict[str, dict[str, Any]]:
        """Runs a command of these steps and copies what it hands over; returns what it found of each relation: its
        columns, and what it reads. Raises DbtError.
        """
        spark = Spark({})  # it makes no connection
        folder = self._files / uuid.uuid4().hex
        clock = Relation(self._schema, "clock")
        try:
            environment = spark.prepare(Start(folder, clock, [], [], "", {}, None))
            with duckdb.connect() as connection:
                connection.execute(
                    "create table step (place integer, relation varchar, sql varchar, is_handed_over boolean)"
                )
                connection.executemany(
                    "insert into step values (?, ?, ?, ?)", [[place, *step] for place, step in enumerate(steps)]
                )
                connection.table("step").write_parquet(f"{environment['ASOF_ENGINE_FOLDER']}/in/steps.parquet")
            where = ["--target", self._target.name, "--target-path", str(self._files), "--log-path", str(self._files)]
            said = run_dbt(
                "run-operation", "asof.spark_rebuild",
                project=self._target.project, options=[*self._target.options, *where], environment=environment,
            )  # fmt: skip
            if files:
                spark.begin_reading()
            for relation, file in files.items():
                spark.write(relation, spark.columns(relation), None, file)
        finally:
            spark.close()
        found: dict[str, dict[str, Any]] = json.loads(said)
        return found


def said_of(error: DbtError) -> str:
    """Spark's own line of an error, else all that dbt said."""
    why = re.search(r"\[[A-Z_.]+\].*", error.output)
    return why[0] if why else str(error)
