"""The proof's staging where the sources are: in a scratch schema, by the SQL that dbt compiles for the engine."""

from __future__ import annotations

import abc
import json
import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from .dbt import DbtError, run_dbt
from .engine import EngineError, Relation
from .handover import Target
from .postgres import Postgres
from .rebuild import Model, Project, ProofError, Rebuild, without_ephemeral
from .sandbox import MICROSECOND, SPAN, RelationPath, Sandbox, column_of, dotted
from .serve.sql import literal, parquet, quote


class StagingOnEngine(abc.ABC):
    """The event models and what they are made of. Each has its own name in the scratch schema, and so have the
    sources: what a model reads besides these is refused.
    """

    def __init__(self, target: Target, scratch: Path, project: Project, rebuild: Rebuild) -> None:
        """Compiles. Raises ProofError or EngineError."""
        self._target = target
        self._files = scratch / "engine"
        self._schema = f"asof_proof_{uuid.uuid4().hex[:8]}"
        nodes = project.manifest["nodes"]
        ids = {(node["database"], node["schema"], node["alias"]): id_ for id_, node in nodes.items()}
        self._models = {ids[model.path]: model for model in rebuild.staging}
        manifest = self._compiled([nodes[id_]["name"] for id_ in self._models])
        self._nodes: dict[str, Any] = manifest["nodes"] | manifest["sources"]
        self._parents: dict[str, list[str]] = manifest["parent_map"]
        self._leaves = {leaf.unique_id: leaf for leaf in project.leaves}
        read = {parent for id_ in self._models for parent in self._parents[id_]}
        self._names = {
            id_: f"asof_{number}" for number, id_ in enumerate([*sorted(read & set(self._leaves)), *self._models])
        }

    def _compiled(self, names: list[str]) -> dict[str, Any]:
        """dbt's manifest of the engine's target, with the compiled SQL of these models."""
        target = self._target
        folders = ["--target", target.name, "--target-path", str(self._files), "--log-path", str(self._files)]
        try:
            run_dbt(
                "compile", "--select", *names, project=target.project, options=[*target.options, *folders],
                environment={"DBT_WRITE_JSON": "true"},
            )  # fmt: skip
        except DbtError as error:
            raise ProofError(f"dbt cannot compile staging for {target.name}: {error}") from None
        found: dict[str, Any] = json.loads((self._files / "manifest.json").read_text())
        return found

    def _relation(self, unique_id: str) -> Relation:
        node = self._nodes[unique_id]
        return Relation(node["schema"], node.get("alias") or node["identifier"])

    def _gone(self, unique_id: str, failed: dict[str, str]) -> None:
        """Raises EngineError where a model reads one that failed."""
        if gone := [self._models[each].name for each in self._parents[unique_id] if each in failed]:
            raise EngineError(f"it reads {', '.join(gone)}, which cannot be built")

    def _read_past(self, reader: str, relation: str) -> ProofError:
        """The error of a model, by its scratch name, that reads a relation which is no scratch one."""
        (name,) = (self._models[id_].name for id_, name in self._names.items() if name == reader)
        return ProofError(
            f"{name} reads {relation} by its literal name, so its future cannot be cut off. Write it with source() or "
            "ref()"
        )

    def on_trust(self) -> list[str]:
        """The sources of staging that do not say since when a row is known, with why, and who reads them."""
        found = []
        for id_ in self._names.keys() & {id_ for id_, leaf in self._leaves.items() if not leaf.time}:
            readers = [model.name for each, model in self._models.items() if id_ in self._parents[each]]
            reads = "reads" if len(readers) == 1 else "read"
            found.append(f"{self._leaves[id_].name} {self._leaves[id_].on_trust}; {', '.join(readers)} {reads} it")
        return found

    def _sql(self, unique_id: str) -> str:
        """A model's compiled SQL over the scratch schema."""
        sql = without_ephemeral(self._nodes[unique_id], self._nodes, self._written)
        for id_, name in self._names.items():
            written = re.escape(self._written(self._nodes[id_]))
            sql = re.sub(rf"(?<![\w.`]){written}(?![\w`])", f"{self._schema}.{name}", sql)
        return sql

    def _input(self, unique_id: str, moment: datetime, future: str, seed: int) -> str:
        """A query: a source over this or that future, as sandbox.loaded_otherwise has it."""
        relation, leaf = self._written(self._nodes[unique_id]), self._leaves[unique_id]
        if leaf.time is None or future == "present":
            return f"select * from {relation}"
        at = self._time(moment)
        is_known = f"coalesce(({leaf.time}) <= {at}, false)"
        if future == "cut":
            return f"select * from {relation} where {is_known}"
        columns = self._columns_of(unique_id)
        time = column_of(leaf.time, columns)
        dice = f"({self._hash(seed)} & {2**63 - 1})"
        micros = f"case {dice} % 7 when 0 then 1 else 1 + {dice} % {SPAN // MICROSECOND} end"
        moved = [self._later(at, micros) if name == time else self._quoted(name) for name in columns]
        return (
            f"select * from {relation} where {is_known} union all select {', '.join(moved)} from {relation} "
            f"as asof_future where not {is_known} and {self._hash(seed + 1)} & 3 > 0"
        )

    @abc.abstractmethod
    def _written(self, node: dict[str, Any]) -> str:
        """The relation of a model or source, as dbt writes it in SQL for the engine."""

    @abc.abstractmethod
    def _columns_of(self, unique_id: str) -> list[str]:
        """Of a source, in their order."""

    @abc.abstractmethod
    def _quoted(self, name: str) -> str:
        """A column in SQL."""

    @abc.abstractmethod
    def _time(self, moment: datetime) -> str:
        """A time in SQL."""

    @abc.abstractmethod
    def _later(self, time: str, micros: str) -> str:
        """So many microseconds after a time, both SQL."""

    @abc.abstractmethod
    def _hash(self, seed: int) -> str:
        """A whole number by all values of the row `asof_future`."""

    @abc.abstractmethod
    def export(self, paths: set[RelationPath]) -> dict[RelationPath, Path]:
        """Copies those of these relations that are sources to Parquet files."""

    @abc.abstractmethod
    def build(
        self, sandbox: Sandbox, wanted: list[Model], moment: datetime, future: str, seed: int
    ) -> dict[RelationPath, str]:
        """Builds staging as of a moment and puts the event models among `wanted` into the sandbox; returns why those
        that could not be built could not. Raises ProofError for a model that reads past ref and source.
        """


class StagingInPostgres(StagingOnEngine, Postgres):
    """In a transaction that sees one state of the data, and is undone."""

    def __init__(self, target: Target, scratch: Path, project: Project, rebuild: Rebuild) -> None:
        """Connects, compiles, and begins the transaction. Raises ProofError or EngineError."""
        Postgres.__init__(self, target.profile())
        StagingOnEngine.__init__(self, target, scratch, project, rebuild)
        self._commit()
        self._connection.set_session(isolation_level="REPEATABLE READ")
        self._run(f"create schema {self._schema}")

    def export(self, paths: set[RelationPath]) -> dict[RelationPath, Path]:
        found = {}
        for number, (id_, leaf) in enumerate(self._leaves.items()):
            if leaf.path in paths and id_ in self._nodes:
                found[leaf.path] = self._files / f"source-{number}.parquet"
                relation = self._relation(id_)
                self.write(relation, self.columns(relation), None, found[leaf.path])
        return found

    def build(
        self, sandbox: Sandbox, wanted: list[Model], moment: datetime, future: str, seed: int
    ) -> dict[RelationPath, str]:
        failed: dict[str, str] = {}
        self._run("savepoint build")
        for id_ in self._names.keys() & self._leaves.keys():
            rows = self._input(id_, moment, future, seed)
            self._run(f"create table {self._schema}.{self._names[id_]} as {rows}")
        for id_, model in self._models.items():
            relation = Relation(self._schema, self._names[id_])
            self._run("savepoint model")
            try:
                self._gone(id_, failed)
                self._run(f"create view {relation} as {self._sql(id_)}")
                if model.role == "event" and model in wanted:
                    file = self._files / f"{relation.name}.parquet"
                    self.write(relation, self.columns(relation), None, file)
                    sandbox.create(model.path, f"select * from {parquet(file)}")
            except EngineError as error:
                failed[id_] = str(error).split("\n")[0]
                self._run("rollback to model")
        self._check_reads()
        self._run("rollback to build")
        return {self._models[id_].path: why for id_, why in failed.items()}

    def _written(self, node: dict[str, Any]) -> str:
        return dotted((node["database"], node["schema"], node.get("alias") or node["identifier"]))

    def _columns_of(self, unique_id: str) -> list[str]:
        relation = self._relation(unique_id)
        names = self._run(f"select attname from pg_attribute where attrelid = '{relation}'::regclass and attnum > 0 "
                          "and not attisdropped order by attnum")  # fmt: skip
        return [name for (name,) in names]

    def _quoted(self, name: str) -> str:
        return quote(name)

    def _time(self, moment: datetime) -> str:
        return literal(moment)

    def _later(self, time: str, micros: str) -> str:
        return f"{time} + {micros} * interval '1 microsecond'"

    def _hash(self, seed: int) -> str:
        return f"hashtextextended(asof_future::text, {seed})"

    def _check_reads(self) -> None:
        """PostgreSQL knows what a view reads."""
        read = self._run(
            "select distinct reader.relname, refobjid::regclass::text from pg_depend "
            "join pg_rewrite on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid "
            "join pg_class as reader on reader.oid = ev_class join pg_class as read on read.oid = refobjid "
            "where refclassid = 'pg_class'::regclass and reader.relnamespace = %s::regnamespace "
            "and read.relnamespace not in (reader.relnamespace, 'pg_catalog'::regnamespace)",
            [self._schema],
        )
        for reader, relation in read:
            raise self._read_past(reader, relation)
