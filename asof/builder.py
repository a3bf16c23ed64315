"""The builds of the proof: what its models read, and all of them built as of a moment over this or that future."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from .prove_on_engine import StagingOnEngine
from .rebuild import Model, Project, ProofError, Rebuild, relations_in
from .sandbox import Input, RelationPath, Sandbox, column_of, dotted
from .serve.sql import literal, parquet, quote


@dataclass(frozen=True)
class Inputs:
    """What the models read besides each other, as the sandbox holds it: staging, and the rest.

    on_trust and timeless say what of the two has no time of knowing.
    """

    staging: list[Input]
    rest: list[Input]
    on_trust: list[str]
    timeless: list[str]


def inputs_of(project: Project, sandbox: Sandbox, rebuild: Rebuild, engine: StagingOnEngine | None = None) -> Inputs:
    """Copies what the models read out of the warehouse, and sources out of the engine that has them."""
    records = {tuple(each["relation"]): each["time"] for each in project.plan["records"]}
    leaves = {leaf.path: leaf for leaf in project.leaves}
    streams = {model.path for model in rebuild.staging if model.role == "event"}
    of_staging, of_rest = ({**_readers(models, project)} for models in (rebuild.staging, rebuild.rest))
    of_rest = {path: names for path, names in of_rest.items() if path not in streams}
    files = project.export(sorted(of_staging.keys() | of_rest.keys()))
    if engine:
        files |= engine.export(set(of_rest))
    held = {path: sandbox.hold(path, f"select * from {parquet(file)}") for path, file in files.items()}

    def taken(path: RelationPath, kind: str) -> tuple[Input | None, str]:
        """A relation with the SQL of its time, where it has one; and its name, with why it has none."""
        leaf = leaves.get(path)
        time = records.get(path) or (leaf.time if leaf else None)
        name = leaf.name if leaf else ".".join(path)
        if path not in held:
            return None, f"{name} is not in the warehouse"
        columns = sandbox.columns(held[path])
        if kind == "events" and not time and "known_at" in columns:
            time = "known_at"
        if time and (column := column_of(time, columns)):
            time = quote(column)
        if time and path not in records:
            check_zone(sandbox, name, held[path], time)
        why = leaf.on_trust if leaf and leaf.on_trust else "does not say since when its rows are known"
        return Input(path, held[path], time, kind), f"{name} {why}"

    staging: list[Input] = []
    rest: list[Input] = []
    on_trust = engine.on_trust() if engine else []
    timeless: list[str] = []
    for kind, readers, inputs, without in (
        ("source", of_staging, staging, on_trust),
        ("events", of_rest, rest, timeless),
    ):
        for path, names in sorted(readers.items()):
            source, name = taken(path, "record" if path in records else kind)
            if source:
                inputs.append(source)
            if not source or not source.time:
                without.append(f"{name}; {', '.join(names)} {'reads' if len(names) == 1 else 'read'} it")
    for model in rebuild.staging:
        on_trust += [f"{function}() is read by {model.name}" for function in sorted(relations_in(model)[1])]
    return Inputs(staging, rest, on_trust, timeless)


def check_zone(sandbox: Sandbox, name: str, relation: str, time: str) -> None:
    """Raises ProofError unless the SQL of a relation's time gives times with a zone: others would be taken as UTC."""
    try:
        ((_, kind),) = sandbox.columns(f"(select {time} from {relation})").items()
    except duckdb.Error as error:
        raise ProofError(f"{name}: its time of loading, {time}, cannot be read: {error}") from None
    if kind != "TIMESTAMP WITH TIME ZONE":
        raise ProofError(
            f"{name}: its time of loading, {time}, is {kind.lower()}, which has no time zone. Say in which zone it is: "
            f"`loaded_at_field: {time} at time zone 'UTC'` (or another, such as 'Europe/Berlin')"
        )


def _readers(models: list[Model], project: Project) -> dict[RelationPath, list[str]]:
    """Who of the models reads what none of them makes."""
    made = {model.path for model in models} | {tuple(project.plan["clock"])}
    readers: dict[RelationPath, list[str]] = {}
    for model in models:
        for path in relations_in(model)[0] - made:
            readers.setdefault(path, []).append(model.name)
    return readers


# -------------------- the builds


@dataclass(frozen=True)
class Builder:
    """Builds models in the sandbox as of a moment, over this or that future."""

    sandbox: Sandbox
    clock: RelationPath
    rebuild: Rebuild
    inputs: Inputs
    seed: int
    engine: StagingOnEngine | None = None  # which has the sources

    def part(self, name: str) -> Builder:
        """One that builds no more than what the model of this name needs."""
        return Builder(self.sandbox, self.clock, self.rebuild.needed_for(name), self.inputs, self.seed, self.engine)

    def can_build(self, moment: datetime) -> bool:
        """Builds at a moment with the future cut off; whether all of it could be built."""
        return not self.build(moment, "cut")

    def build(self, moment: datetime, future: str, beside: tuple[datetime, ...] = ()) -> dict[RelationPath, str]:
        """Builds at a moment and those beside it; returns why the models that could not be built could not."""
        sandbox = self.sandbox
        failed: dict[RelationPath, str] = {}
        sandbox.clear()
        sandbox.create(self.clock, f"select unnest([{', '.join(map(literal, (moment, *beside)))}]) as as_of")
        if self.engine:
            failed |= self.engine.build(sandbox, self.rebuild.staging, moment, future, self.seed)
        else:
            sandbox.load_inputs(_read_by(self.rebuild.staging, self.inputs.staging), moment, future, self.seed)
            self._make(self.rebuild.staging, failed)
        sandbox.load_inputs(
            _read_by(self.rebuild.rest, self.inputs.rest) + self.streams(failed), moment, future, self.seed
        )
        self._make(self.rebuild.rest, failed)
        return failed

    def streams(self, failed: dict[RelationPath, str]) -> list[Input]:
        """What the event models gave, kept as inputs of the rest."""
        streams = []
        for model in self.rebuild.staging:
            if model.role == "event" and model.path not in failed:
                relation = self.sandbox.hold(model.path, f"select * from {dotted(model.path)}")
                time = "known_at" if "known_at" in self.sandbox.columns(relation) else None
                streams.append(Input(model.path, relation, time, "events"))
        return streams

    def _make(self, models: list[Model], failed: dict[RelationPath, str]) -> None:
        names = {model.path: model.name for model in self.rebuild.models}
        for model in models:
            gone = sorted(names[path] for path in relations_in(model)[0] if path in failed)
            if model.broken or gone:
                failed[model.path] = model.broken or f"it reads {', '.join(gone)}, which cannot be built"
                continue
            try:
                self.sandbox.create(model.path, model.sql)
                if model.role == "entity" and "gone_at" not in self.sandbox.columns(dotted(model.path)):
                    # as its materialization
                    self.sandbox.run(f"alter table {dotted(model.path)} add column gone_at timestamptz")
            except duckdb.Error as error:
                failed[model.path] = str(error).split("\n")[0]


def _read_by(models: list[Model], inputs: list[Input]) -> list[Input]:
    read = {path for model in models for path in relations_in(model)[0]}
    return [each for each in inputs if each.path in read]
