"""`python -m serve prove`: shows, on the user's own data, that nothing from the future enters a model.

For moments T of the project's own past, every entity, feature group, examples model, rows model and service is built
from its compiled SQL four times: with what became known after T cut off; with it present; with it scrambled; and
scrambled, with later moments beside T. All must give the same, to the last bit. dbt only compiles and copies; the
builds run in a DuckDB of their own in a scratch folder. The warehouse and what is published are only read.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb

from serve.dbt import DbtError, add_options, run_dbt
from serve.sqltypes import parse_rfc3339
from serve.workbench import MICROSECOND, SPAN, Input, RelationPath, Workbench, dotted, literal, quote, walk

# What is compared with the build whose future is cut off: a name, the future, and whether later moments stand beside.
VARIANTS = [
    ("the future present", "present", False),
    ("the future scrambled", "scrambled", False),
    ("the future scrambled and later moments beside it", "scrambled", True),
]


class ProofError(Exception):
    """The proof could not be carried out; the message says why and what to do."""


@dataclass(frozen=True)
class Model:
    """A model that is rebuilt. Its role is entity, group, examples, rows or service; `other` ones are not compared."""

    path: RelationPath
    sql: str
    role: str
    name: str
    keys: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass
class Verdict:
    """What was found of one model over all moments: `points` were compared with each variant."""

    model: Model
    moments: int = 0
    points: int = 0
    differences: int = 0
    found: list[str] = field(default_factory=list)

    def add(self, count: int, what: str) -> None:
        self.differences += count
        self.found.append(what)


# -------------------- what dbt knows


class Project:
    """A dbt project, asked through dbt's own commands; what they write goes to the scratch folder."""

    def __init__(self, scratch: Path, options: list[str]) -> None:
        """Compiles the project. options: of dbt, such as --target. Raises ProofError."""
        self._scratch = scratch
        self._options = options
        self._run("compile")
        self.manifest = json.loads((scratch / "target" / "manifest.json").read_text())
        self.plan = json.loads(self._run("run-operation", "asof.proof_plan"))

    def export(self, relations: list[RelationPath]) -> list[Path]:
        """Copies relations to Parquet files, in their order. Raises ProofError, as where one is not there."""
        arguments = json.dumps({"relations": relations, "folder": str(self._scratch)})
        self._run("run-operation", "asof.proof_export", "--args", arguments)
        return [self._scratch / f"{number}.parquet" for number in range(len(relations))]

    def time_of(self, path: RelationPath) -> str | None:
        """The column that, by a source's or model's `config.meta.known_at`, says since when a row is known."""
        for node in [*self.manifest["nodes"].values(), *self.manifest["sources"].values()]:
            if (node.get("database"), node.get("schema"), node.get("alias") or node.get("identifier")) == path:
                return node["config"].get("meta", {}).get("known_at")
        return None

    def _run(self, *command: str) -> str:
        folders = ["--target-path", str(self._scratch / "target"), "--log-path", str(self._scratch / "logs")]
        try:
            return run_dbt(*command, options=[*folders, *self._options])
        except DbtError as error:
            hint = "is the project built? the proof reads what `dbt build` made"
            raise ProofError(f"`dbt {command[0]}` failed ({hint}):\n{error.output or error}") from None


def models_of(project: Project) -> list[Model]:
    """The models to rebuild, each after those that it reads: the guarded ones, and what leads from events to them."""
    nodes, parents, plan = project.manifest["nodes"], project.manifest["parent_map"], project.plan
    guarded = {each["unique_id"]: each for each in plan["guarded"]}
    ordered: dict[str, Model | None] = {}

    def visit(unique_id: str) -> bool:
        """Whether a node is computed from events, or guarded; puts it in order if so."""
        if unique_id in plan["events"] or unique_id in ordered:
            return True
        if unique_id in plan["recorded"] or unique_id not in nodes:
            return False
        from_events = [visit(parent) for parent in parents[unique_id]]
        if not any(from_events) and unique_id not in guarded:
            return False
        node = nodes[unique_id]
        known = guarded.get(unique_id, {"role": "other", "name": node["name"], "keys": [], "labels": []})
        path = (node["database"], node["schema"], node["alias"])
        # the SQL of an ephemeral model stands in that of its readers
        is_relation = node["config"]["materialized"] != "ephemeral"
        keys, labels = tuple(known["keys"]), tuple(known["labels"])
        model = Model(path, node["compiled_code"], known["role"], known["name"], keys, labels) if is_relation else None
        ordered[unique_id] = model
        return True

    for unique_id in guarded:
        visit(unique_id)
    return [model for model in ordered.values() if model]


@cache  # asked for what to copy, and for what cannot be cut off
def relations_in(model: Model) -> tuple[set[RelationPath], set[str]]:
    """The relations that a model reads, a bare name being in its own schema, and its functions that return tables."""
    tree = json.loads(duckdb.execute("select json_serialize_sql(?)", [model.sql]).fetchone()[0])
    if tree.get("error"):
        raise ProofError(f"DuckDB's parser cannot read the compiled SQL of {model.name}: {tree['error_message']}")
    nodes = list(walk(tree))
    local = {each["key"].lower() for node in nodes for each in (node.get("cte_map") or {}).get("map", [])}
    relations = set()
    for node in nodes:
        if node.get("type") == "BASE_TABLE" and (node["schema_name"] or node["table_name"].lower() not in local):
            database, schema, _ = model.path
            relations.add((node["catalog_name"] or database, node["schema_name"] or schema, node["table_name"]))
    functions = {node["function"]["function_name"] for node in nodes if node.get("type") == "TABLE_FUNCTION"}
    return relations, functions - {"unnest", "range", "generate_series"}


# -------------------- the proof


def choose_moments(bench: Workbench, now: datetime, count: int, seed: int) -> list[tuple[datetime, str]]:
    """Moments before now that a careless model gets wrong, each with what it is, in order of time.

    On the microsecond since when a row is known, a microsecond before, while a late row has happened and is not known
    yet, at publications, and in between. The seed says which streams of events they are taken from.
    """
    streams = [(relation, each) for relation, each in bench.inputs if each.time and not each.is_record]
    if not streams:
        raise ProofError("there is nothing to cut off: no model reads anything that says since when it is known")
    found: list[tuple[datetime | None, str]] = []
    known = " union all ".join(f"select {quote(each.time)} as known_at from {relation}" for relation, each in streams)
    for share in (0.5, 0.95):
        at = bench.value(f"select quantile_disc(known_at, {share}) from ({known}) where known_at <= {literal(now)}")
        found.append((at, f"{share:.0%} of all rows are known"))
    for relation, each in bench.inputs:
        if each.is_record and each.time == "published_at":
            found.append((bench.value(f"select max(published_at) from {relation}"), "the last publication"))
            found.append((bench.value(f"select quantile_disc(published_at, 0.5) from {relation}"), "a publication"))
    borders: list[tuple[datetime | None, str]] = []
    for relation, each in streams:
        name, time = each.path[2], quote(each.time)
        is_past = f"{time} <= {literal(now)}"
        at = bench.value(f"select quantile_disc({time}, 0.7) from {relation} where {is_past}")
        if at:
            borders += [
                (at, f"{name}: a row is known since then"),
                (at - MICROSECOND, f"{name}: known a microsecond later"),
            ]
        if "occurred_at" in bench.columns(relation):
            lag = f"{time} - occurred_at"
            late = bench.run(
                f"select occurred_at, {lag} from {relation} where {is_past} and {lag} > interval 0 second "
                f"order by {lag} desc limit 1"
            ).fetchone()
            if late:
                borders.append((late[0] + late[1] / 2, f"{name}: a late row has happened, but is not known"))
    random.Random(seed).shuffle(borders)
    chosen: dict[datetime, str] = {}
    for at, why in found + borders:
        if at and len(chosen) < count:
            chosen.setdefault(at.astimezone(UTC), why)
    return sorted(chosen.items())


def build(bench: Workbench, models: list[Model], clock: RelationPath, moments: list[datetime]) -> dict[str, str]:
    """Builds the models in their order, at the moments; returns why those that could not be built could not."""
    bench.create(clock, f"select unnest([{', '.join(map(literal, moments))}]) as as_of")
    failed = {}
    for model in models:
        try:
            bench.create(model.path, model.sql)
            if model.role == "entity" and "gone_at" not in bench.columns(dotted(model.path)):
                bench.run(f"alter table {dotted(model.path)} add column gone_at timestamptz")  # as its materialization
        except duckdb.Error as error:
            failed[model.name] = str(error).split("\n")[0]
    return failed


def picture(bench: Workbench, name: str, model: Model, moment: datetime, is_amid_later: bool) -> list[str]:
    """Keeps what a model gave at the moment as the table `name`: per key its rows, with labels and without.

    Rows are lists of text, which is exact: a double is written so that it reads back the same. A label counts only if
    it was known by the moment. Returns the columns: those that are no labels first.
    """
    columns, at = list(bench.columns(dotted(model.path))), literal(moment)
    labels, condition = [], "true"
    if model.role == "entity":
        # a later departure lawfully changes gone_at
        columns, condition = [*model.keys, "first_seen_at"], f"first_seen_at <= {at} and coalesce({at} < gone_at, true)"
    elif model.role == "group":
        condition = f"as_of = {at}"
    elif model.role == "examples":
        labels = [each for each in columns if each in (*model.labels, "label_known_at")]
        condition = f"prediction_time < {at}" if is_amid_later else "true"
    bare = [each for each in columns if each not in labels]
    texts = [f"cast({quote(each)} as varchar)" for each in bare]
    mature = [f"case when label_known_at <= {at} then cast({quote(each)} as varchar) end" for each in labels]
    bench.run(f"""
        create or replace table asof_proof.main.{name} as
        select
            [{", ".join(f"cast({quote(each)} as varchar)" for each in model.keys)}] as key,
            list_sort(list([{", ".join(texts)}])) as bare,
            list_sort(list([{", ".join(texts + mature)}])) as whole
        from {dotted(model.path)}
        where {condition}
        group by 1
    """)
    return bare + labels


def compare(bench: Workbench, verdict: Verdict, number: int, moment: datetime, variant: str, later: bool) -> None:
    """Holds what a variant gave at the moment against what was given with the future cut off, and notes what differs.

    With later moments beside it, an examples model lawfully lists more, but the same of what it listed.
    """
    model = verdict.model
    columns = picture(bench, "variant", model, moment, later)
    join = "left" if later and model.role in ("examples", "rows", "service") else "full"
    rows = "bare" if later else "whole"
    differing = f"""
        from asof_proof.main.cut_{number} as cut {join} join asof_proof.main.variant using (key)
        where cut.{rows} is distinct from variant.{rows}
    """
    count = bench.value(f"select count(*) {differing}")
    if not count:
        return
    key, was, now = bench.run(f"select key, cut.{rows}, variant.{rows} {differing} order by key limit 1").fetchone()
    named = ", ".join(f"{name} {value}" for name, value in zip(model.keys, key, strict=True))
    was, now = was or [], now or []
    how = f"{len(was)} rows with the future cut off, {len(now)} with {variant}"
    if len(was) == len(now):
        pairs = [(before, after) for before, after in zip(was, now, strict=True) if before != after]
        column, before, after = next(each for each in zip(columns, *pairs[0], strict=False) if each[1] != each[2])
        how = f"{column} is {before} with the future cut off, {after} with {variant}"
    verdict.add(count, f"{model.name} at {moment:%Y-%m-%d %H:%M:%S.%f}, {named}: {how}")


def inputs_of(project: Project, models: list[Model]) -> tuple[list[Input], dict[str, list[str]]]:
    """What the models read besides each other, copied out of the warehouse; and who reads those of them that do not say
    since when their rows are known.
    """
    made = {model.path for model in models} | {tuple(project.plan["clock"])}
    readers: dict[RelationPath, list[str]] = {}
    for model in models:
        for path in relations_in(model)[0] - made:
            readers.setdefault(path, []).append(model.name)
    records = {tuple(each["relation"]): each["time"] for each in project.plan["records"]}
    inputs, timeless = [], {}
    paths = sorted(readers)
    for path, file in zip(paths, project.export(paths), strict=True):
        columns = [name for name, *_ in duckdb.execute("select name from parquet_schema(?)", [str(file)]).fetchall()]
        time = records.get(path) or project.time_of(path) or ("known_at" if "known_at" in columns else None)
        inputs.append(Input(path, file, time, path in records))
        if time is None:
            timeless[".".join(path)] = readers[path]
    return inputs, timeless


def prove(project: Project, bench: Workbench, models: list[Model], moments: list[datetime], seed: int) -> list[Verdict]:
    """Builds and compares at every moment; returns a verdict on each guarded model. Raises ProofError."""
    verdicts = [Verdict(model) for model in models if model.role != "other"]
    clock = tuple(project.plan["clock"])
    for verdict in verdicts:
        for function in relations_in(verdict.model)[1]:
            verdict.add(1, f"{verdict.model.name} reads {function}(), whose future cannot be cut off")
    for moment in moments:
        bench.lay_out(moment, "cut", seed)
        if failed := build(bench, models, clock, [moment]):
            raise ProofError("; ".join(f"{name} cannot be built at {moment}: {why}" for name, why in failed.items()))
        for number, verdict in enumerate(verdicts):
            picture(bench, f"cut_{number}", verdict.model, moment, False)
            verdict.moments += 1
            verdict.points += bench.value(
                f"select coalesce(sum(len(whole)), 0)::bigint from asof_proof.main.cut_{number}"
            )
        for variant, future, later in VARIANTS:
            if not later:  # otherwise the future is the one before
                bench.lay_out(moment, future, seed)
            beside = [moment + MICROSECOND, moment + SPAN] if later else []
            failed = build(bench, models, clock, [moment, *beside])
            for number, verdict in enumerate(verdicts):
                name = verdict.model.name
                if name in failed:
                    verdict.add(1, f"{name} at {moment}: cannot be built with {variant}: {failed[name]}")
                else:
                    compare(bench, verdict, number, moment, variant, later)
    return verdicts


def report(verdicts: list[Verdict], timeless: dict[str, list[str]]) -> bool:
    """Prints the table and what is wrong; returns whether nothing is."""
    width = max(len(verdict.model.name) for verdict in verdicts)
    print(f"\n{'model':<{width}}  kind      moments  points compared  differences")
    for each in verdicts:
        compared = f"{each.points * len(VARIANTS):,}"
        print(f"{each.model.name:<{width}}  {each.model.role:<8}{each.moments:>9}{compared:>17}{each.differences:>13,}")
    empty = [each.model.name for each in verdicts if not each.points]
    for each in verdicts:
        print("".join(f"\n{line}" for line in each.found[:3]), end="\n" if each.found else "")
    for relation, readers in timeless.items():
        print(
            f"\n{relation}, which {', '.join(readers)} reads, does not say since when its rows are known: none of it "
            "counts as known.\nBring it in through models/staging, as events, or name the column in its YAML: "
            "`config: {meta: {known_at: loaded_at}}`."
        )
    if empty:
        print(f"\nNothing is shown of {', '.join(empty)}: no rows at any of these moments. Choose others with --at.")
    is_proven = not empty and not any(each.differences for each in verdicts)
    print("\nNothing from the future." if is_proven else "\nNOT PROVEN.")
    return is_proven


# -------------------- the command


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `prove` to the command line."""
    parser = commands.add_parser("prove", help="show, on your own data, that nothing from the future enters a feature")
    parser.add_argument("--moments", type=int, default=12, help="how many moments of the past to try")
    parser.add_argument(
        "--at", type=parse_rfc3339, action="append", default=[], help="a moment to try instead; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=0, help="another one tries other moments and scrambles differently")
    add_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="asof-proof-") as folder:
        scratch = Path(folder)
        try:
            project = Project(scratch, options.dbt)
            models = models_of(project)
            inputs, timeless = inputs_of(project, models)
            bench = Workbench(scratch, inputs)
            moments = [(moment, "asked for") for moment in options.at]
            moments = moments or choose_moments(
                bench, parse_rfc3339(project.plan["now"]), options.moments, options.seed
            )
            print("moments (UTC)")
            for moment, why in moments:
                print(f"  {moment:%Y-%m-%d %H:%M:%S.%f}  {why}", flush=True)
            verdicts = prove(project, bench, models, [moment for moment, _ in moments], options.seed)
        except ProofError as error:
            print(f"not proven: {error}", file=sys.stderr)
            return 2
        return 0 if report(verdicts, timeless) else 1
