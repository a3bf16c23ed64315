"""What the proof rebuilds of a dbt project: its models in order, what they read, and what it all begins at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from .dbt import DbtError, run_dbt
from .sandbox import RelationPath, dotted, walk

_HARMLESS_FUNCTIONS = {"unnest", "range", "generate_series"}


class ProofError(Exception):
    """The proof could not be carried out; the message says why and what to do."""


@dataclass(frozen=True)
class Model:
    """A model that is rebuilt.

    Its role is event, entity, group, examples, rows or service; `other` ones are not compared. known_within is in
    seconds. broken says why there is no SQL to build it by.
    """

    path: RelationPath
    sql: str
    role: str
    name: str
    keys: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    known_within: int = 0
    yaml: str = ""
    broken: str = ""


@dataclass(frozen=True)
class Leaf:
    """What the data begins at: a source, a seed, or a model that dbt keeps (observed, incremental, a snapshot).

    `time` is the SQL that says since when a row is known. Without one it is taken on trust, and `on_trust` says why.
    """

    unique_id: str
    name: str
    path: RelationPath
    time: str | None
    on_trust: str | None


class Project:
    """A dbt project, through dbt's own commands; what they write goes to the scratch folder."""

    def __init__(self, scratch: Path, options: list[str]) -> None:
        """Compiles the project. options: of dbt, such as --target. Raises ProofError."""
        self._scratch = scratch
        self._options = options
        self.not_compiled = self._compile()
        self.manifest = json.loads((scratch / "target" / "manifest.json").read_text())
        self.plan = json.loads(self._run("run-operation", "asof.proof_plan"))
        self.leaves = [
            Leaf(each["unique_id"], each["name"], tuple(each["relation"]), each["time"], each["on_trust"])
            for each in self.plan["leaves"]
        ]

    def export(self, relations: list[RelationPath]) -> dict[RelationPath, Path]:
        """Copies relations to Parquet files. Those that are not in the warehouse are not in the result."""
        arguments = json.dumps({"relations": relations, "folder": str(self._scratch)})
        self._run("run-operation", "asof.proof_export", "--args", arguments)
        files = {path: self._scratch / f"{number}.parquet" for number, path in enumerate(relations)}
        return {path: file for path, file in files.items() if file.exists()}

    def _compile(self) -> dict[str, str]:
        """Compiles all models that dbt can; returns what it said of the others, by their file.

        dbt ends at the first that it cannot compile, so it is called again without that one.
        """
        failed: dict[str, str] = {}
        while True:
            left_out = ["resource_type:test", "resource_type:unit_test", *(f"path:{file}" for file in failed)]
            try:
                self._run("compile", "--exclude", *left_out)
                return failed
            except ProofError as error:
                said = re.search(r"Error in model \S+ \((\S+)\)\s*(.*?)\s*(?:nanobind: |\Z)", str(error), re.DOTALL)
                if said is None or said[1] in failed:
                    raise
                failed[said[1]] = said[2]

    def _run(self, *command: str) -> str:
        folders = ["--target-path", str(self._scratch / "target"), "--log-path", str(self._scratch / "logs")]
        try:
            return run_dbt(*command, options=[*folders, *self._options], environment={"DBT_WRITE_JSON": "true"})
        except DbtError as error:
            hint = "is the project built? the proof reads what `dbt build` made"
            raise ProofError(f"`dbt {command[0]}` failed ({hint}):\n{error.output or error}") from None


@dataclass(frozen=True)
class Rebuild:
    """What is rebuilt, each model after those that it reads.

    First `staging`: the event models and what they are made of. What they say was known later is then cut off or
    scrambled too. Then the `rest`, over event models and over whatever else it reads.
    """

    staging: list[Model]
    rest: list[Model]

    @property
    def models(self) -> list[Model]:
        """All of them, each once."""
        return list(dict.fromkeys(self.staging + self.rest))

    def needed_for(self, name: str) -> Rebuild:
        """The part that a model of the rest is made of, itself included."""
        rest = _with_ancestors(self.rest, lambda model: model.name == name)
        read = {path for model in rest for path in relations_in(model)[0]}
        return Rebuild(_with_ancestors(self.staging, lambda model: model.path in read), rest)


def _with_ancestors(ordered: list[Model], is_wanted: Callable[[Model], bool]) -> list[Model]:
    wanted: list[Model] = []
    read: set[RelationPath] = set()
    for model in reversed(ordered):
        if is_wanted(model) or model.path in read:
            wanted.insert(0, model)
            read |= relations_in(model)[0]
    return wanted


def rebuild_of(project: Project) -> Rebuild:
    """The models to rebuild. Staging that another engine evaluates has no SQL here."""
    nodes, parents, plan = project.manifest["nodes"], project.manifest["parent_map"], project.plan
    guarded = {each["unique_id"]: each for each in plan["guarded"]}
    events = {each["unique_id"] for each in plan["guarded"] if each["role"] == "event"}
    out_of_reach = set(plan["recorded"]) | {leaf.unique_id for leaf in project.leaves}

    def ordered(roots: list[str], stop: set[str]) -> list[Model]:
        models: dict[str, Model] = {}

        def visit(unique_id: str) -> None:
            if unique_id in models or unique_id in out_of_reach | stop or unique_id not in nodes:
                return
            for parent in parents[unique_id]:
                visit(parent)
            models[unique_id] = _model(project, nodes[unique_id], guarded.get(unique_id), not stop)

        for root in roots:
            visit(root)
        return list(models.values())

    return Rebuild(
        ordered([each for each in guarded if each in events], set()),
        ordered([each for each in guarded if each not in events], events),
    )


def _model(project: Project, node: dict[str, Any], known: dict[str, Any] | None, is_staging: bool) -> Model:
    known = known or {"role": "other", "name": node["name"], "keys": [], "labels": [], "known_within": 0, "yaml": ""}
    sql, broken = "", ""
    if is_staging and project.plan["handover"]:
        pass
    elif not node.get("compiled_code"):
        said = project.not_compiled.get(node["original_file_path"], "it does not say why")
        broken = f"dbt cannot compile it: {said}"
    else:
        sql = without_ephemeral(node, project.manifest["nodes"])
        tree = _tree(sql)
        if tree.get("error"):
            broken = f"DuckDB's parser cannot read its compiled SQL: {tree['error_message']}"
    return Model(
        (node["database"], node["schema"], node["alias"]),
        "" if broken else sql,
        known["role"],
        known["name"],
        tuple(known["keys"]),
        tuple(known["labels"]),
        known["known_within"],
        known["yaml"],
        " ".join(broken.split()),
    )


def written(node: dict[str, Any]) -> str:
    """The relation of a model, as dbt writes it in SQL for DuckDB."""
    return dotted((node["database"], node["schema"], node["alias"]))


def without_ephemeral(
    node: dict[str, Any], nodes: dict[str, Any], named: Callable[[dict[str, Any]], str] = written
) -> str:
    """The compiled SQL of a model in which the ephemeral models that it reads are relations like any other.

    named: how relations are written in it.
    """
    sql: str = node["compiled_code"]
    for each in node.get("extra_ctes", []):
        name, _, _ = each["sql"].partition(" as (")
        parent = nodes[each["id"]]
        sql = sql.replace(each["sql"].strip(), f"{name.strip()} as (select * from {named(parent)})")
    return sql


@cache  # called for what to copy, and for what cannot be cut off
def relations_in(model: Model) -> tuple[set[RelationPath], set[str]]:
    """The relations that a model reads, a bare name being in its own schema, and its functions that return tables."""
    if not model.sql:
        return set(), set()
    nodes = list(walk(_tree(model.sql)))
    local = {each["key"].lower() for node in nodes for each in (node.get("cte_map") or {}).get("map", [])}
    relations = set()
    for node in nodes:
        if node.get("type") == "BASE_TABLE" and (node["schema_name"] or node["table_name"].lower() not in local):
            database, schema, _ = model.path
            relations.add((node["catalog_name"] or database, node["schema_name"] or schema, node["table_name"]))
    functions = {node["function"]["function_name"] for node in nodes if node.get("type") == "TABLE_FUNCTION"}
    return relations, functions - _HARMLESS_FUNCTIONS


def _tree(sql: str) -> dict[str, Any]:
    ((tree,),) = duckdb.execute("select json_serialize_sql(?)", [sql]).fetchall()
    parsed: dict[str, Any] = json.loads(tree)
    return parsed
