"""`asof build --engine TARGET`: entities, groups and examples where the events are, all else on DuckDB.

The engine ends at the hand-over: an immutable folder of Parquet with a manifest, handover.json, which is written last.
Without it the hand-over does not exist.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import jinja2

from .dbt import DbtError, add_project_options, dbt_program, duration, run_dbt
from .engine import Engine, EngineError, EntityInput, Relation, Start
from .postgres import Postgres
from .spark import Spark

FOLDER = "handovers"
FORMAT = 1
_ENGINES: dict[str, Callable[[dict[str, Any]], Engine]] = {"postgres": Postgres, "spark": Spark}
_GREEN = ("success", "pass", "warn")


@dataclass(frozen=True)
class Target:
    """A target of a project for an engine. options: what goes to every dbt command."""

    project: Path
    name: str
    options: list[str]
    timeout: float | None = None  # seconds, of a dbt command on the engine

    @property
    def artifacts(self) -> Path:
        """Where dbt writes its artifacts of this target, apart from those of DuckDB's."""
        return self.project / "target" / self.name

    def run_dbt(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """A dbt command on the engine. Raises DbtError."""
        where = ["--target", self.name, "--target-path", f"target/{self.name}"]
        return run_dbt(
            *command,
            project=self.project,
            options=[*self.options, *where],
            environment=environment,
            timeout=self.timeout,
        )

    def profile(self) -> dict[str, Any]:
        """What profiles.yml says of it. Raises EngineError."""
        import yaml  # comes with dbt

        name = yaml.safe_load((self.project / "dbt_project.yml").read_text())["profile"]
        folders = [self.project, Path.home() / ".dbt"]
        if chosen := os.environ.get("DBT_PROFILES_DIR"):
            folders = [Path(chosen)]
        if "--profiles-dir" in self.options:
            folders = [self.project / self.options[self.options.index("--profiles-dir") + 1]]
        files = [folder / "profiles.yml" for folder in folders]
        text = next((file.read_text() for file in files if file.exists()), None)
        if text is None:
            raise EngineError(f"there is no profiles.yml in {' or '.join(map(str, folders))}")
        renderer = jinja2.Environment()
        renderer.filters.update(dict.fromkeys(("as_number", "as_bool", "as_native", "as_text"), lambda value: value))
        profiles = yaml.safe_load(renderer.from_string(text).render(env_var=_env_var))
        outputs: dict[str, dict[str, Any]] = profiles[name]["outputs"]
        if self.name not in outputs:
            raise EngineError(f"the profile {name} has no target {self.name}; it has {', '.join(outputs)}")
        return outputs[self.name]

    def connect(self) -> Engine:
        """A session by that. Raises EngineError."""
        profile = self.profile()
        if profile["type"] not in _ENGINES:
            raise EngineError(f"the target {self.name} is of type {profile['type']}. Engines are {', '.join(_ENGINES)}")
        return _ENGINES[profile["type"]](profile)


def _env_var(name: str, default: str | None = None) -> str:
    """dbt's function of that name."""
    value = os.environ.get(name, default)
    if value is None:
        raise EngineError(f"profiles.yml reads the environment variable {name}, which is not set")
    return value


def make(target: Target) -> Path:
    """Runs the engine's part and seals its hand-over; returns the folder. Raises EngineError or DbtError.

    What was not sealed is deleted, and so is what a process that was killed left, by the next build.
    """
    folder = (target.project / FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}").absolute()
    folder.mkdir(parents=True)
    try:
        (folder.parent / ".gitignore").write_text("*\n")
        fill(folder, target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def fill(folder: Path, target: Target) -> None:
    """Puts into a hand-over's folder all that belongs there, the manifest last."""
    arguments = json.dumps({"folder": str(folder)})
    plan = json.loads(
        run_dbt("run-operation", "handover_plan", "--args", arguments, project=target.project, options=target.options)
    )
    target.run_dbt("parse")
    nodes = json.loads((target.artifacts / "manifest.json").read_text())["nodes"]
    ids = [plan["clock"], *plan["relations"]]
    relations = {id_: Relation(nodes[id_]["schema"], nodes[id_]["alias"]) for id_ in ids}
    moments = list(dict.fromkeys(plan["moments"] + plan["samples"]))
    inputs = [
        EntityInput(relations[id_], each["keys"], folder / each["lives"], each["is_counted"])
        for id_, each in plan["relations"].items()
        if each["role"] == "entity"
    ]
    engine = target.connect()
    try:
        if plan["show"] and not engine.has_materialized_views:
            raise EngineError(f"{engine.name} has no materialized views. Write `asof_latest_in_engine: false`")
        known_at = {relations[id_]: each["known_at"] for id_, each in plan["relations"].items() if "known_at" in each}
        recent = plan["as_of"] if plan["kind"] == "build" else None
        start = Start(folder, relations[plan["clock"]], moments, inputs, plan["as_of"], known_at, recent)
        results = build_on_engine(target, plan["select"], engine.prepare(start))
        engine.begin_reading()
        compiled = json.loads((target.artifacts / "manifest.json").read_text())["nodes"]
        built = [each for id_, each in plan["relations"].items() if results.get(id_) == "success"]
        examples = [each["selector"] for each in built if each["role"] == "examples"]
        if examples and not engine.is_read_by_duckdb:
            compiled |= compiled_on_duckdb(target, examples)
        for id_, entry in plan["relations"].items():
            # of what is not built on DuckDB, whose parser is to see it: examples in DuckDB's own SQL
            entry["compiled_code"] = compiled[id_].get("compiled_code") if entry["selector"] in plan["stay"] else None
            if results.get(id_) == "success":
                hand_over(folder, engine, relations[id_], entry, moments, recent)
            else:
                entry.update(columns={}, files=[])
    finally:
        engine.close()
    for each in inputs:
        each.lives.unlink(missing_ok=True)
    made = {"format": FORMAT, "engine": engine.name, "target": target.name, "results": results}
    seal(folder, {**plan, **made, "schema": relations[plan["clock"]].schema})


def compiled_on_duckdb(target: Target, select: list[str]) -> dict[str, Any]:
    """Models as dbt compiles them for DuckDB, by their unique_id. Raises DbtError."""
    run_dbt(
        "compile", "--select", *select, "--indirect-selection", "empty", "--target-path", "target",
        project=target.project, options=target.options, environment={"DBT_WRITE_JSON": "true"},
    )  # fmt: skip
    results = json.loads((target.project / "target" / "run_results.json").read_text())["results"]
    return {each["unique_id"]: each for each in results}


def build_on_engine(target: Target, select: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """dbt on the engine; returns the status of each node. One that fails is a status, and is shown, but no error."""
    file = target.artifacts / "run_results.json"
    file.unlink(missing_ok=True)
    try:
        target.run_dbt("build", "--indirect-selection", "empty", "--select", *select, environment=environment)
    except DbtError as error:
        if not file.exists():
            raise
        print(error.output.rstrip(), file=sys.stderr, flush=True)
    return {each["unique_id"]: each["status"] for each in json.loads(file.read_text())["results"]}


def hand_over(
    folder: Path, engine: Engine, relation: Relation, entry: dict[str, Any], moments: list[str], recent: str | None
) -> None:
    """Hands over a group by moment, an entity or examples whole, of an event model how many rows were known.

    recent: the moment up to which an event model's rows of late are handed over too, for data health.
    """
    declared = entry.get("columns") or {}
    # a time without a zone stays one, so that DuckDB's checks refuse it
    columns = {
        name: type_ if type_ == "timestamp" else declared.get(name, type_)
        for name, type_ in engine.columns(relation).items()
    }
    whole = f"{relation.name}.parquet"
    parts: dict[str, Callable[[Path], int]] = {}
    if entry["role"] == "group":
        for number, moment in enumerate(moments):
            parts[f"{relation.name}-{number}.parquet"] = partial(engine.write, relation, columns, moment)
    elif entry["role"] in ("entity", "examples"):
        parts[whole] = partial(engine.write, relation, columns, None)
    elif entry["role"] == "event":
        known_at = entry.pop("known_at", [])
        if columns.get("known_at") != "timestamptz":  # its test failed, and holds what reads it
            entry.update(columns={}, files=[])
            return
        entry["known"] = engine.known(relation, known_at)
        if recent and {"event_id", "occurred_at"} <= columns.keys():
            parts[whole] = partial(engine.write_recent, relation, columns, recent)
    files = []
    for name, write in parts.items():
        try:
            rows = write(folder / name)
        except (OSError, duckdb.IOException) as error:
            raise EngineError(f"{relation.name} could not be written to {folder}: {error}") from None
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        files.append({"file": name, "rows": rows, "sha256": digest})
    entry.update(columns=columns, files=files)


def seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes the manifest, under another name first: with the renaming the hand-over exists."""
    temporary = folder / "handover.json.tmp"
    with temporary.open("w") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / "handover.json")


def prune(folder: Path, keep: int) -> None:
    """Deletes all hand-overs but the newest that were sealed; what was never sealed goes too."""
    found = sorted(path for path in folder.iterdir() if path.is_dir())
    kept = [path for path in found if (path / "handover.json").exists()][-keep:]
    for path in found:
        if path not in kept:
            shutil.rmtree(path)


def is_shown(target: Target, manifest: Mapping[str, Any]) -> bool:
    """Has the engine show what is published now, if it is to; says why where it does not."""
    if not manifest["show"] or not (target.project / manifest["show"] / "current.json").exists():
        return True
    try:
        engine = target.connect()
        try:
            engine.show_published(manifest["schema"], target.project / manifest["show"])
        finally:
            engine.close()
    except (EngineError, duckdb.Error, OSError) as error:
        print(f"asof: the engine still shows the publication before. {error}", file=sys.stderr)
        return False
    return True


def build(options: argparse.Namespace) -> int:
    """`asof build`: the engine's part, then DuckDB's. Returns 1 if either failed."""
    target = Target(options.project, options.engine, options.dbt, options.timeout)
    try:
        folder = make(target)
    except (EngineError, DbtError, duckdb.Error, OSError) as error:
        print(f"asof: no hand-over was made, and nothing was built of it. {error}", file=sys.stderr)
        return 1
    manifest = json.loads((folder / "handover.json").read_text())
    failed = [f"{each['selector']}+" for each in manifest["relations"].values() if not each["columns"]]
    # what stays on the engine is named one by one: its tests on DuckDB are to run
    command = [dbt_program(), "build", "--indirect-selection", "empty", "--exclude", *manifest["stay"], *failed]
    run = subprocess.run(
        [*command, *options.dbt], cwd=options.project, env={**os.environ, "ASOF_HANDOVER": str(folder)}
    )
    prune(folder.parent, options.keep)
    is_green = all(status in _GREEN for status in manifest["results"].values())
    return 0 if is_shown(target, manifest) and run.returncode == 0 and is_green else 1


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `build` to the command line."""
    parser = commands.add_parser("build", help="dbt build, with the groups evaluated on another engine")
    parser.add_argument("--engine", required=True, metavar="TARGET", help="the engine's target, as in postgres")
    parser.add_argument("--keep", type=int, default=3, metavar="N", help="keep so many hand-overs (default: 3)")
    parser.add_argument("--timeout", type=duration, help="after so long dbt on the engine is killed (default: never)")
    add_project_options(parser)
    parser.set_defaults(run=build)
