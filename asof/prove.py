"""`asof prove`: shows, on the user's own data, that nothing from the future enters a model.

For moments T of the project's own past, staging is rebuilt from its sources, and every entity, feature group, examples
model, rows model and service from staging, by their compiled SQL, four times: with what became known after T cut off;
with it present; with it scrambled; and scrambled, with later moments beside T. All must give the same, to the last bit.
And examples must have been known when they were asked (known_within.py). dbt only compiles and copies; the builds run
in a DuckDB of their own in a scratch folder. The warehouse and what is published are only read.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .builder import Builder, Inputs, inputs_of
from .dbt import add_options
from .engine import EngineError
from .handover import Target
from .known_within import KnownWithin
from .prove_in_spark import StagingInSpark
from .prove_on_engine import StagingInPostgres, StagingOnEngine
from .rebuild import Model, Project, ProofError, Rebuild, rebuild_of, relations_in
from .sandbox import MICROSECOND, SPAN, Input, Sandbox, dotted
from .serve.clock import parse_rfc3339
from .serve.sql import literal, quote

# What is compared with the build whose future is cut off: a name, the future, and whether later moments stand beside.
VARIANTS = [
    ("the future present", "present", False),
    ("the future scrambled", "scrambled", False),
    ("the future scrambled and later moments beside it", "scrambled", True),
]


@dataclass
class Verdict:
    """What was found of one model over all moments: `points` were compared with each variant.

    not_built says why it could not be built; then nothing is shown of it. late says what is wrong with examples.
    """

    model: Model
    moments: int = 0
    points: int = 0
    differences: int = 0
    found: list[str] = field(default_factory=list)
    not_built: str | None = None
    late: str | None = None

    def add(self, count: int, what: str) -> None:
        self.differences += count
        self.found.append(what)

    @property
    def is_red(self) -> bool:
        """Whether something of the future enters."""
        return bool(self.differences or self.late)

    @property
    def open(self) -> str | None:
        """Why it is not proven, in a few words."""
        if self.differences:
            return f"{self.differences:,} differences"
        if self.late:
            return "examples known too late"
        if self.not_built:
            return "not built"
        # an event model may be empty to this day
        return "no rows at these moments" if not self.points and self.model.role != "event" else None


# -------------------- the proof


def choose_moments(builder: Builder, streams: list[Input], now: datetime, count: int, seed: int) -> dict[datetime, str]:
    """Moments before now that a careless model gets wrong, each with what it is, in order of time.

    On the microsecond since when a row is known, a microsecond before, while a late row has happened and is not known
    yet, at publications, and in between. The seed says which streams of events they are taken from.
    """
    sandbox = builder.sandbox
    streams = [each for each in [*streams, *builder.inputs.rest] if each.time and each.kind == "events"]
    if not streams:
        raise ProofError("there is nothing to cut off: no model reads anything that says since when it is known")
    found: list[tuple[datetime | None, str]] = []
    known = " union all ".join(
        f"select ({each.time})::timestamptz as known_at from {each.relation}" for each in streams
    )
    for share in (0.5, 0.95):
        at = sandbox.value(f"select quantile_disc(known_at, {share}) from ({known}) where known_at <= {literal(now)}")
        found.append((at, f"{share:.0%} of all rows are known"))
    for each in builder.inputs.rest:
        if each.kind == "record" and each.time == quote("published_at"):
            found.append((sandbox.value(f"select max(published_at) from {each.relation}"), "the last publication"))
            at = sandbox.value(f"select quantile_disc(published_at, 0.5) from {each.relation}")
            found.append((at, "a publication"))
    borders: list[tuple[datetime | None, str]] = []
    for each in streams:
        name, time = each.path[2], f"({each.time})::timestamptz"
        is_past = f"{time} <= {literal(now)}"
        at = sandbox.value(f"select quantile_disc({time}, 0.7) from {each.relation} where {is_past}")
        if at:
            borders += [
                (at, f"{name}: a row is known since then"),
                (at - MICROSECOND, f"{name}: known a microsecond later"),
            ]
        if "occurred_at" in sandbox.columns(each.relation):
            lag = f"{time} - occurred_at"
            late = sandbox.run(
                f"select occurred_at, {lag} from {each.relation} where {is_past} and {lag} > interval 0 second "
                f"order by {lag} desc, occurred_at limit 1"
            ).fetchone()
            if late:
                borders.append((late[0] + late[1] / 2, f"{name}: a late row has happened, but is not known"))
    random.Random(seed).shuffle(borders)
    chosen: dict[datetime, str] = {}
    for at, why in found + borders:
        if at and len(chosen) < count:
            chosen.setdefault(at.astimezone(UTC), why)
    return dict(sorted(chosen.items()))


def rows_of(sandbox: Sandbox, name: str, model: Model, moment: datetime, is_amid_later: bool) -> list[str]:
    """Keeps what a model gave at the moment as the table `name`: per key its rows, with labels and without.

    Rows are lists of text, which is exact: a double is written so that it reads back the same. A label counts only if
    it was known by the moment. Returns the columns: those that are no labels first.
    """
    columns, at = list(sandbox.columns(dotted(model.path))), literal(moment)
    labels, keys, condition = [], list(model.keys), "true"
    if model.role == "event":
        # a helper among the staging models is no stream; what reads it is compared
        condition = f"known_at <= {at}" if {"event_id", "known_at"} <= set(columns) else "false"
        keys = [each for each in keys if each in columns] or columns[:1]
    elif model.role == "entity":
        # a later departure lawfully changes gone_at
        columns, condition = [*keys, "first_seen_at"], f"first_seen_at <= {at} and coalesce({at} < gone_at, true)"
    elif model.role == "group":
        condition = f"as_of = {at}"
    elif model.role == "examples":
        labels = [each for each in columns if each in (*model.labels, "label_known_at")]
        condition = f"prediction_time < {at}" if is_amid_later else "true"
    bare = [each for each in columns if each not in labels]
    texts = [f"cast({quote(each)} as varchar)" for each in bare]
    mature = [f"case when label_known_at <= {at} then cast({quote(each)} as varchar) end" for each in labels]
    sandbox.run(f"""
        create or replace table asof_proof.main.{name} as
        select
            [{", ".join(f"cast({quote(each)} as varchar)" for each in keys)}] as key,
            list_sort(list([{", ".join(texts)}])) as bare,
            list_sort(list([{", ".join(texts + mature)}])) as whole
        from {dotted(model.path)}
        where {condition}
        group by 1
    """)
    return bare + labels


def compare(sandbox: Sandbox, verdict: Verdict, number: int, moment: datetime, variant: str, later: bool) -> None:
    """Holds what a variant gave at the moment against what was given with the future cut off, and notes what differs.

    With later moments beside it, an examples model lawfully lists more, but the same of what it listed.
    """
    model = verdict.model
    columns = rows_of(sandbox, "variant", model, moment, later)
    join = "left" if later and model.role in ("examples", "rows", "service") else "full"
    rows = "bare" if later else "whole"
    differing = f"""
        from asof_proof.main.cut_{number} as cut {join} join asof_proof.main.variant using (key)
        where cut.{rows} is distinct from variant.{rows}
    """
    count = sandbox.value(f"select count(*) {differing}")
    if not count:
        return
    first = f"select key, cut.{rows}, variant.{rows} {differing} order by key limit 1"
    ((key, was, now),) = sandbox.run(first).fetchall()
    named = ", ".join(f"{name} {value}" for name, value in zip(model.keys, key, strict=True))
    was, now = was or [], now or []
    how = f"{len(was)} rows with the future cut off, {len(now)} with {variant}"
    if len(was) == len(now):
        pairs = [(before, after) for before, after in zip(was, now, strict=True) if before != after]
        column, before, after = next(each for each in zip(columns, *pairs[0], strict=False) if each[1] != each[2])
        how = f"{column} is {before} with the future cut off, {after} with {variant}"
    verdict.add(count, f"{model.name} at {moment:%Y-%m-%d %H:%M:%S.%f}, {named}: {how}")


def prove(builder: Builder, verdicts: list[Verdict], examples: list[KnownWithin], moments: list[datetime]) -> None:
    """Builds and compares at every moment, and notes which examples were known then."""
    sandbox = builder.sandbox
    for moment in moments:
        failed = builder.build(moment, "cut")
        for number, verdict in enumerate(verdicts):
            if verdict.model.path in failed:
                verdict.not_built = verdict.not_built or f"at {moment}: {failed[verdict.model.path]}"
                continue
            rows_of(sandbox, f"cut_{number}", verdict.model, moment, False)
            verdict.moments += 1
            verdict.points += sandbox.value(
                f"select coalesce(sum(len(whole)), 0)::bigint from asof_proof.main.cut_{number}"
            )
        for each in examples:
            if each.model.path not in failed:
                each.note(moment)
        for variant, future, later in VARIANTS:
            beside = (moment + MICROSECOND, moment + SPAN) if later else ()
            broken = builder.build(moment, future, beside)
            for number, verdict in enumerate(verdicts):
                name, path = verdict.model.name, verdict.model.path
                if path in failed:
                    continue
                if path in broken:
                    verdict.add(1, f"{name} at {moment}: cannot be built with {variant}: {broken[path]}")
                else:
                    compare(sandbox, verdict, number, moment, variant, later)


# -------------------- what is printed


def report(verdicts: list[Verdict], inputs: Inputs) -> int:
    """Prints the table, what is wrong and what is taken on trust; returns the exit code."""
    width = max(len(verdict.model.name) for verdict in verdicts)
    print(f"\n{'model':<{width}}  kind      moments  points compared  differences")
    for each in verdicts:
        compared = f"{each.points * len(VARIANTS):,}"
        print(f"{each.model.name:<{width}}  {each.model.role:<8}{each.moments:>9}{compared:>17}{each.differences:>13,}")
    for each in verdicts:
        print("".join(f"\n{line}" for line in each.found[:3]), end="\n" if each.found else "")
        if each.late:
            print(f"\n{each.late}")
        if each.not_built:
            print(f"\n{each.model.name} cannot be built {each.not_built}")
    for relation in inputs.timeless:
        print(
            f"\n{relation}: none of it counts as known.\nBring it in through models/staging, as events, or name the "
            "column in its YAML: `config: {meta: {known_at: loaded_at}}`."
        )
    if inputs.on_trust:
        print(
            "\nTaken on trust, so that staging is proven only as far as its known_at is true (a source names its load\n"
            "time as `loaded_at_field`, a seed as `config: {meta: {known_at: loaded_at}}`):"
        )
        print("\n".join(f"  {each}" for each in sorted(set(inputs.on_trust))))
    unproven = [f"{each.model.name} ({each.open})" for each in verdicts if each.open]
    print(f"\nNOT PROVEN: {', '.join(unproven)}." if unproven else "\nNothing from the future.")
    if any(each.is_red for each in verdicts):
        return 1
    return 2 if unproven else 0


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
    """Exit code: 0 proven; 1 something of the future enters; 2 no such thing was found, but not all is proven."""
    with tempfile.TemporaryDirectory(prefix="asof-proof-") as folder:
        scratch = Path(folder)
        try:
            project = Project(scratch, options.dbt)
            sandbox, rebuild = Sandbox(scratch), rebuild_of(project)
            engine = engine_of(project, scratch, rebuild, options.dbt)
            inputs = inputs_of(project, sandbox, rebuild, engine)
            builder = Builder(sandbox, tuple(project.plan["clock"]), rebuild, inputs, options.seed, engine)
            now = parse_rfc3339(project.plan["now"])
            failed = builder.build(now, "cut")
            moments = {moment: "given by --at" for moment in options.at}
            moments = moments or choose_moments(builder, builder.streams(failed), now, options.moments, options.seed)
        except (ProofError, EngineError) as error:
            print(f"not proven: {error}", file=sys.stderr)
            return 2
        print("moments (UTC)")
        for moment, why in moments.items():
            print(f"  {moment:%Y-%m-%d %H:%M:%S.%f}  {why}", flush=True)
        verdicts = [Verdict(model) for model in rebuild.models if model.role != "other"]
        for verdict in verdicts:
            for function in sorted(functions_read_by(verdict.model, rebuild)):
                verdict.add(1, f"{verdict.model.name} reads {function}(), whose future cannot be cut off")
        examples = [
            KnownWithin(sandbox, model, number, now)
            for number, model in enumerate(rebuild.rest)
            if model.role == "examples" and model.path not in failed
        ]
        prove(builder, verdicts, examples, list(moments))
        for each in examples:
            verdict = next(verdict for verdict in verdicts if verdict.model is each.model)
            alone = builder.part(each.model.name)
            verdict.late = each.seek(alone.can_build, 2 * options.moments, options.seed)
        return report(verdicts, inputs)


def engine_of(project: Project, scratch: Path, rebuild: Rebuild, options: list[str]) -> StagingOnEngine | None:
    """Where staging is rebuilt, if the last build was made from a hand-over. Raises ProofError or EngineError."""
    if not project.plan["handover"]:
        return None
    handover = json.loads((Path(project.plan["handover"]) / "handover.json").read_text())
    staging = {"postgres": StagingInPostgres, "spark": StagingInSpark}[handover["engine"]]
    return staging(Target(Path("."), handover["target"], options), scratch, project, rebuild)


def functions_read_by(model: Model, rebuild: Rebuild) -> set[str]:
    """The functions that return tables which a model and what it is made of read, back to event models."""
    if model.role == "event":
        return set()
    part = rebuild.needed_for(model.name).rest
    guarded = {each.path for each in part if each.role != "other"} - {model.path}
    return {name for each in part if each.path not in guarded for name in relations_in(each)[1]}
